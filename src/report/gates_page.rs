//! What a cell's gates do word by word, as a page: one file that needs nothing else, for dark and light screens of any width.

use std::fmt::Write;

use super::html::{self, escaped};
use super::{percent, thousands};
use crate::classifier::{Behaviour, GateView, WordGates, most_probable};

/// What the look of gates adds to that of all pages.
pub(super) const GATES_STYLE: &str = include_str!("gates.css");

/// Lines of the plot at most: the classes that are most probable at any word.
const LINES: usize = 5;

/// A page about some texts as a cell read them. `model` is what the page calls the model, `cell` which of its cells this is.
pub fn gates_page(views: &[GateView], labels: &[String], model: &str, cell: &str) -> String {
    let mut sections = String::new();
    for (index, view) in views.iter().enumerate() {
        sections.push_str(&section(view, labels, index + 1));
    }
    let header = format!(
        "<header>\n<h1>What the gates do, word by word</h1>\n<p>{}: {}</p>\n</header>\n",
        escaped(model),
        escaped(cell)
    );
    html::page(&format!("Gates of {model}"), &[GATES_STYLE], &format!("{header}{sections}{LEGEND}"))
}

const LEGEND: &str = "\
<section class=\"legend\">
<h2>How to read this</h2>
<p>A cell carries a memory of many units from word to word. Gates decide, unit by unit, from 0 (shut) to 1 (open): the input gate i how
much of the word is written, the forget gate f how much of the memory is kept, the output gate o how much of it is shown.
The table has the means over the units.</p>
<dl>
<dt><i class=\"mark keeps\"></i>keeps</dt><dd>i = 0, f = 1: the memory stays as it is</dd>
<dt><i class=\"mark blends\"></i>blends</dt><dd>i = 1, f = 1: the word is added to the memory</dd>
<dt><i class=\"mark clears\"></i>clears</dt><dd>i = 0, f = 0: the memory is emptied</dd>
<dt><i class=\"mark overwrites\"></i>overwrites</dt><dd>i = 1, f = 0: the word takes the memory's place</dd>
</dl>
<p>Each unit counts as the behaviour that is nearest to its gates, each taken as open from 0.5 on; the one that most units show
is named. The prediction beside a word is what the model would say if the text ended there. A word marked ? has no row of its
own: the model read the unknown word in its place.</p>
</section>
";

fn section(view: &GateView, labels: &[String], number: usize) -> String {
    let class = view.class();
    let label = escaped(labels.get(class).map_or("", String::as_str));
    let probability = view.probabilities().get(class).copied().unwrap_or(f32::NAN);
    let changes = view.changes(class);
    let mut html = format!(
        "<section>\n<h2>Text {number}: <bdi>{label}</bdi> <span class=\"sure\">{}</span></h2>\n",
        percent(f64::from(probability))
    );
    if view.words.is_empty() {
        html.push_str("<p class=\"note\">The text has no words.</p>\n</section>\n");
        return html;
    }
    html.push_str(&sentence(view, &changes, &label));
    html.push_str(&key(&label));
    html.push_str(&plot(view, labels));
    html.push_str(&table(view, labels, &changes, &label));
    if view.words_omitted > 0 {
        let words = thousands(view.words_omitted);
        let _ = writeln!(
            html,
            "<p class=\"note\">{words} words more are left out: the prediction is that of the words shown.</p>"
        );
    }
    html.push_str("</section>\n");
    html
}

/// The text itself: underlined by what the cell mostly did, shaded by how much the word moved the prediction.
pub(super) fn sentence(view: &GateView, changes: &[f32], label: &str) -> String {
    let mut html =
        format!("<p class=\"sentence\" aria-label=\"The text; shading: words that raise or lower {label}\">\n");
    for (word, &change) in view.words.iter().zip(changes) {
        let direction = if change >= 0.0 { "up" } else { "down" };
        let _ = writeln!(
            html,
            "<span class=\"word {} {direction}\" style=\"--by:{:.0}%\" title=\"{}, {label} {change:+.3}\"><bdi>{}</bdi>{}</span>",
            word.behaviour.name(),
            shade(change),
            word.behaviour.name(),
            escaped(&word.word),
            unknown(word),
        );
    }
    html.push_str("</p>\n");
    html
}

/// What shades and lines of words mean, `label` being what words raise or lower.
pub(super) fn key(label: &str) -> String {
    format!(
        "<p class=\"key\">Shaded <span class=\"word up\" style=\"--by:60%\">raises</span> or \
         <span class=\"word down\" style=\"--by:60%\">lowers</span> <bdi>{label}</bdi>; the line beneath a word has the colour of \
         what the cell mostly did: <span class=\"word keeps\">keeps</span> <span class=\"word blends\">blends</span> \
         <span class=\"word clears\">clears</span> <span class=\"word overwrites\">overwrites</span></p>\n"
    )
}

/// How strongly a word is shaded, in percent: fully where it moves the prediction by a half or more.
fn shade(change: f32) -> f32 {
    (200.0 * change.abs()).min(100.0)
}

fn unknown(word: &WordGates) -> &'static str {
    if word.known { "" } else { " <abbr title=\"no row of its own: read as the unknown word\">?</abbr>" }
}

/// The classes that are most probable at any point, in the order of the labels, so that of a few each has its line on the whole page.
fn plotted(view: &GateView) -> Vec<usize> {
    let highest = |class: usize| {
        let all = view.words.iter().map(|word| &word.probabilities).chain([&view.before]);
        all.filter_map(|probabilities| probabilities.get(class)).fold(0.0f32, |a, &b| a.max(b))
    };
    let mut classes: Vec<(usize, f32)> = (0..view.before.len()).map(|class| (class, highest(class))).collect();
    classes.sort_by(|a, b| b.1.total_cmp(&a.1));
    classes.truncate(LINES);
    classes.sort_by_key(|&(class, _)| class);
    classes.into_iter().map(|(class, _)| class).collect()
}

/// Lines of the classes' probabilities from before the first word to after the last.
pub(super) fn plot(view: &GateView, labels: &[String]) -> String {
    let classes = plotted(view);
    let points: Vec<&Vec<f32>> =
        [&view.before].into_iter().chain(view.words.iter().map(|w| &w.probabilities)).collect();
    let name = |class: usize| escaped(labels.get(class).map_or("", String::as_str));
    let ends: Vec<String> = classes
        .iter()
        .map(|&class| {
            let at = |point: Option<&&Vec<f32>>| point.and_then(|p| p.get(class)).copied().unwrap_or(f32::NAN);
            format!("{} from {:.3} to {:.3}", name(class), at(points.first()), at(points.last()))
        })
        .collect();
    let mut html = format!(
        "<figure>\n<div class=\"plot\"><span class=\"axis\" aria-hidden=\"true\"><span>1</span><span>0.5</span><span>0</span></span>\n\
         <svg viewBox=\"0 0 1000 100\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Probabilities after each word: {}\">\n\
         <path class=\"grid\" d=\"M0 0H1000M0 50H1000M0 100H1000\"/>\n",
        ends.join(", ")
    );
    let step = 1000.0 / (points.len() - 1).max(1) as f32;
    for (line, &class) in classes.iter().enumerate() {
        let mut path = String::new();
        for (index, point) in points.iter().enumerate() {
            let probability = point.get(class).copied().unwrap_or(0.0);
            let _ = write!(path, "{:.1},{:.1} ", index as f32 * step, 100.0 - 100.0 * probability);
        }
        let _ = writeln!(html, "<polyline class=\"line{line}\" points=\"{}\"/>", path.trim_end());
    }
    let last = view.words.last().map_or("", |word| word.word.as_str());
    let _ = writeln!(
        html,
        "</svg></div>\n<div class=\"ends\"><span>before the first word</span><span>after “<bdi>{}</bdi>”</span></div>\n<figcaption>",
        escaped(last)
    );
    for (line, &class) in classes.iter().enumerate() {
        let _ = write!(html, "<span class=\"series\"><i class=\"line{line}\"></i><bdi>{}</bdi></span> ", name(class));
    }
    if classes.len() < view.before.len() {
        let _ =
            write!(html, "the {} of {} classes that are most probable at any word", classes.len(), view.before.len());
    }
    html.push_str("</figcaption>\n</figure>\n");
    html
}

/// The table, with roles spelt out: on a narrow screen rows become cards, and a table that is not laid out as one would lose them.
pub(super) fn table(view: &GateView, labels: &[String], changes: &[f32], label: &str) -> String {
    let mut html = String::from("<table role=\"table\" class=\"gates\">\n<thead role=\"rowgroup\"><tr role=\"row\">");
    for heading in ["Word", "Input", "Forget", "Output", "Mostly", "Prediction"] {
        let _ = write!(html, "<th role=\"columnheader\" scope=\"col\">{heading}</th>");
    }
    let _ = writeln!(
        html,
        "<th role=\"columnheader\" scope=\"col\">Moves <bdi>{label}</bdi></th></tr></thead>\n<tbody role=\"rowgroup\">\n\
         <tr role=\"row\" class=\"before\"><th role=\"rowheader\" scope=\"row\">(before)</th>\
         <td role=\"cell\"></td><td role=\"cell\"></td><td role=\"cell\"></td><td role=\"cell\"></td>{}<td role=\"cell\"></td></tr>",
        prediction(&view.before, labels)
    );
    for (word, change) in view.words.iter().zip(changes) {
        let _ = write!(
            html,
            "<tr role=\"row\"><th role=\"rowheader\" scope=\"row\"><bdi>{}</bdi>{}</th>",
            escaped(&word.word),
            unknown(word)
        );
        for (name, open) in [("Input", word.input), ("Forget", word.forget), ("Output", word.output)] {
            let _ = write!(
                html,
                "<td role=\"cell\" class=\"gate\" data-name=\"{name}\"><span>{open:.2}</span>\
                 <i class=\"bar\" aria-hidden=\"true\" style=\"--by:{:.0}%\"></i></td>",
                100.0 * open
            );
        }
        html.push_str(&behaviours(word));
        html.push_str(&prediction(&word.probabilities, labels));
        let direction = if *change >= 0.0 { "up" } else { "down" };
        let _ = writeln!(
            html,
            "<td role=\"cell\" class=\"change\" data-name=\"Moves {label}\">\
             <span class=\"{direction}\" style=\"--by:{:.0}%\">{change:+.3}</span></td></tr>",
            shade(*change)
        );
    }
    html.push_str("</tbody>\n</table>\n");
    html
}

/// What most units did, and the shares of all four as a bar.
fn behaviours(word: &WordGates) -> String {
    let shares = Behaviour::ALL.into_iter().zip(word.shares);
    let told: Vec<String> =
        shares.clone().map(|(behaviour, share)| format!("{} {:.0} %", behaviour.name(), 100.0 * share)).collect();
    let told = told.join(", ");
    let mut html = format!(
        "<td role=\"cell\" class=\"behaviour\" data-name=\"Mostly\"><span>{}</span>\
         <span class=\"mix\" role=\"img\" aria-label=\"{told}\" title=\"{told}\">",
        word.behaviour.name()
    );
    for (behaviour, share) in shares.filter(|(_, share)| *share > 0.0) {
        let _ = write!(html, "<i class=\"{}\" style=\"--by:{:.1}%\"></i>", behaviour.name(), 100.0 * share);
    }
    html.push_str("</span></td>");
    html
}

/// The most probable class and its probability.
fn prediction(probabilities: &[f32], labels: &[String]) -> String {
    let class = most_probable(probabilities);
    let probability = probabilities.get(class).copied().unwrap_or(f32::NAN);
    format!(
        "<td role=\"cell\" class=\"prediction\" data-name=\"Prediction\"><bdi>{}</bdi> {probability:.3}</td>",
        escaped(labels.get(class).map_or("", String::as_str))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classifier::GateOptions;

    const SCRIPT: &str = "<script>alert(\"1\")</script>&'\u{1b}";

    fn view(words: &[(&str, bool)]) -> GateView {
        let word = |&(word, known): &(&str, bool)| WordGates {
            word: word.to_owned(),
            known,
            input: 0.25,
            forget: 0.875,
            output: 0.5,
            shares: [0.5, 0.25, 0.25, 0.0],
            behaviour: Behaviour::Keeps,
            probabilities: vec![0.125, 0.875],
        };
        let words = words.iter().map(word).collect();
        GateView { words, before: vec![0.5, 0.5], words_omitted: 0, cell: GateOptions::default() }
    }

    fn page(view: GateView, labels: [&str; 2], model: &str) -> String {
        gates_page(&[view], &labels.map(str::to_owned), model, "layer 1, forward")
    }

    #[test]
    fn nothing_of_the_text_becomes_markup() {
        let page = page(view(&[(SCRIPT, true), ("plain", true)]), [SCRIPT, "\"><img src=x>"], SCRIPT);
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains('\u{1b}'), "{page}");
        assert!(
            page.contains("<bdi>&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;\u{fffd}</bdi>"),
            "{page}"
        );
        // Every attribute is closed: outside of the quotes there are as many < as >.
        let outside: String = page.split('"').step_by(2).collect();
        assert_eq!(outside.matches('<').count(), outside.matches('>').count());
        // The one mark between quotes is in words as well: `data-name="Moves ...">`.
        assert!(page.contains("Moves &quot;&gt;&lt;img src=x&gt;"), "{page}");
    }

    #[test]
    fn the_page_needs_nothing_else_and_says_in_words_what_it_shows() {
        let page = page(view(&[("good", true), ("zzgrqx", false)]), ["neg", "pos"], "model");
        for outside in ["http://", "https://", "src=", "@import", "url(", "<link", "<script"] {
            assert!(!page.contains(outside), "{outside}");
        }
        for said in [
            "prefers-color-scheme: dark",
            "name=\"viewport\"",
            "aria-label=\"keeps 50 %, blends 25 %, clears 25 %, overwrites 0 %\"",
            "aria-label=\"Probabilities after each word: neg from 0.500 to 0.125, pos from 0.500 to 0.875\"",
            "<bdi>zzgrqx</bdi> <abbr",
            "<span>0.88</span>",
            "+0.375",
        ] {
            assert!(page.contains(said), "{said} is not in {page}");
        }
        for tag in ["section", "table", "tr", "td", "th", "span", "bdi", "svg", "figure", "p", "div"] {
            let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }

    #[test]
    fn a_text_without_words_is_said_to_have_none() {
        assert!(page(view(&[]), ["neg", "pos"], "model").contains("The text has no words."));
    }
}
