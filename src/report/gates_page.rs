//! The gates of a cell, word by word, as a self-contained HTML page for light and dark screens of any width.

use std::fmt::Write;

use super::html::{self, escaped};
use super::text::{percent, thousands};
use crate::classifier::{Behaviour, GateView, WordGates, most_probable};

/// The style sheet of gates, in addition to that of all pages.
pub(super) const GATES_STYLE: &str = include_str!("gates.css");

/// Maximum number of lines of the plot: the classes that are most probable at any word.
const MAX_LINES: usize = 5;

/// A page with the gates of a cell on some texts. `model` and `cell` are the names of the model and of the cell.
pub fn gates_page(views: &[GateView], labels: &[String], model: &str, cell: &str) -> String {
    let mut sections = String::new();
    for (index, view) in views.iter().enumerate() {
        sections.push_str(&section(view, labels, index + 1));
    }
    let header =
        format!("<header>\n<h1>Gates, word by word</h1>\n<p>{}: {}</p>\n</header>\n", escaped(model), escaped(cell));
    html::page(&format!("Gates of {model}"), &[GATES_STYLE], &format!("{header}{sections}{LEGEND}"))
}

const LEGEND: &str = "\
<section class=\"legend\">
<h2>How to read this page</h2>
<p>A cell has a memory of many units. At each word, three gates control each unit, from 0 (closed) to 1 (open): the input gate i controls how
much of the word is written to the memory, the forget gate f how much of the memory is kept, and the output gate o how much of it is
output. The table shows the means over the units.</p>
<dl>
<dt><i class=\"mark keeps\"></i>keeps</dt><dd>i = 0, f = 1: the memory does not change</dd>
<dt><i class=\"mark blends\"></i>blends</dt><dd>i = 1, f = 1: the word is added to the memory</dd>
<dt><i class=\"mark clears\"></i>clears</dt><dd>i = 0, f = 0: the memory is set to zero</dd>
<dt><i class=\"mark overwrites\"></i>overwrites</dt><dd>i = 1, f = 0: the word replaces the memory</dd>
</dl>
<p>A gate counts as open from 0.5. The column “mostly” has the behaviour of most units. The prediction next to a word is what the model would
predict if the text ended there. A word marked ? is out of vocabulary: the model uses the row of the unknown word.</p>
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
            "<p class=\"note\">{words} more words are not shown; the prediction is for the words shown.</p>"
        );
    }
    html.push_str("</section>\n");
    html
}

/// The text: each word underlined by the behaviour of most units, and shaded by how much it changed the prediction.
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

/// The legend for shades and underlines of words; words raise or lower the probability of `label`.
pub(super) fn key(label: &str) -> String {
    format!(
        "<p class=\"key\">Shaded <span class=\"word up\" style=\"--by:60%\">raises</span> or \
         <span class=\"word down\" style=\"--by:60%\">lowers</span> <bdi>{label}</bdi>; the underline has the colour of \
         the behaviour of most units: <span class=\"word keeps\">keeps</span> <span class=\"word blends\">blends</span> \
         <span class=\"word clears\">clears</span> <span class=\"word overwrites\">overwrites</span></p>\n"
    )
}

/// The shade of a word in percent: 100 if it changes the probability by 0.5 or more.
fn shade(change: f32) -> f32 {
    (200.0 * change.abs()).min(100.0)
}

fn unknown(word: &WordGates) -> &'static str {
    if word.known { "" } else { " <abbr title=\"out of vocabulary: read as the unknown word\">?</abbr>" }
}

/// The classes that are most probable at any word, in the order of the labels, so that a class has the same line in all plots if there
/// are few classes.
fn plotted(view: &GateView) -> Vec<usize> {
    let highest = |class: usize| {
        let all = view.words.iter().map(|word| &word.probabilities).chain([&view.before]);
        all.filter_map(|probabilities| probabilities.get(class)).fold(0.0f32, |a, &b| a.max(b))
    };
    let mut classes: Vec<(usize, f32)> = (0..view.before.len()).map(|class| (class, highest(class))).collect();
    classes.sort_by(|a, b| b.1.total_cmp(&a.1));
    classes.truncate(MAX_LINES);
    classes.sort_by_key(|&(class, _)| class);
    classes.into_iter().map(|(class, _)| class).collect()
}

/// The class probabilities, from before the first word to after the last.
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
        let _ = write!(html, "the {} most probable of {} classes", classes.len(), view.before.len());
    }
    html.push_str("</figcaption>\n</figure>\n");
    html
}

/// The table, with explicit ARIA roles: on narrow screens rows are displayed as cards, which would remove the implicit roles.
pub(super) fn table(view: &GateView, labels: &[String], changes: &[f32], label: &str) -> String {
    let mut html = String::from("<table role=\"table\" class=\"gates\">\n<thead role=\"rowgroup\"><tr role=\"row\">");
    for heading in ["Word", "Input", "Forget", "Output", "Mostly", "Prediction"] {
        let _ = write!(html, "<th role=\"columnheader\" scope=\"col\">{heading}</th>");
    }
    let _ = writeln!(
        html,
        "<th role=\"columnheader\" scope=\"col\">Change of <bdi>{label}</bdi></th></tr></thead>\n<tbody role=\"rowgroup\">\n\
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
            "<td role=\"cell\" class=\"change\" data-name=\"Change of {label}\">\
             <span class=\"{direction}\" style=\"--by:{:.0}%\">{change:+.3}</span></td></tr>",
            shade(*change)
        );
    }
    html.push_str("</tbody>\n</table>\n");
    html
}

/// The behaviour of most units, and the shares of all four behaviours as a bar.
fn behaviours(word: &WordGates) -> String {
    let shares = Behaviour::ALL.into_iter().zip(word.shares);
    let shares_text: Vec<String> =
        shares.clone().map(|(behaviour, share)| format!("{} {:.0} %", behaviour.name(), 100.0 * share)).collect();
    let shares_text = shares_text.join(", ");
    let mut html = format!(
        "<td role=\"cell\" class=\"behaviour\" data-name=\"Mostly\"><span>{}</span>\
         <span class=\"mix\" role=\"img\" aria-label=\"{shares_text}\" title=\"{shares_text}\">",
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
    fn text_is_escaped() {
        let page = page(view(&[(SCRIPT, true), ("plain", true)]), [SCRIPT, "\"><img src=x>"], SCRIPT);
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains('\u{1b}'), "{page}");
        assert!(
            page.contains("<bdi>&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;\u{fffd}</bdi>"),
            "{page}"
        );
        // Every attribute is closed: outside of quotes the numbers of < and > are equal.
        let outside: String = page.split('"').step_by(2).collect();
        assert_eq!(outside.matches('<').count(), outside.matches('>').count());
        // The label is also in an attribute: `data-name="Change of ...">`.
        assert!(page.contains("Change of &quot;&gt;&lt;img src=x&gt;"), "{page}");
    }

    #[test]
    fn the_page_is_self_contained_and_has_text_alternatives() {
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
    fn a_text_without_words_has_a_note() {
        assert!(page(view(&[]), ["neg", "pos"], "model").contains("The text has no words."));
    }
}
