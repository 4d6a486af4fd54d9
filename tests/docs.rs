//! The documentation: its command lines are run and its links followed.
//!
//! In a code block, fenced or indented, a line that begins with `$ ` is a command. The lines after it, up to the next command or the end of the block,
//! are its output. The commands of a page run in order, with `sh`, in a temporary folder that contains `fixtures`, without a network and
//! with the program under test first in PATH. The rules:
//!
//! - All of standard output is shown. `...` matches any text within a line, and as a line any number of lines.
//! - Standard error may be left out, except errors. The exit code is 0 unless an error is shown.
//! - Times are not compared: lines that begin with `seconds`, the last column of a table whose header ends in `seconds`, and
//!   training times in sentences.
//! - The order of additions differs on processors without AVX-512, so results of training are compared only on those that have it. (The other
//!   commands must succeed.) The output of `od` is compared only on Linux, since other systems use other spaces between the numbers.
//!
//! In a block with lines that begin with `vocable> `, a session of `vocable shell`, these lines are typed and the others printed.
//!
//! `>>>` begins a Python session, which `python/tests/test_docs.py` runs.
#![cfg(unix)]

use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use crate::common::{Folder, fixture, zip};
use rayon::prelude::*;
use regex::Regex;

/// Prefixes of command lines that no test runs, with the reason.
const NOT_RUN: [(&str, &str); 8] = [
    ("cargo ", "builds the project"),
    ("pip ", "network"),
    ("vocable get", "network; tests/get_program.rs uses a local server"),
    ("VOCABLE_MIRROR=", "network; likewise"),
    ("python3 -m http.server", "does not end; tests/get.rs uses a local server"),
    ("vocable explore", "goes on until Ctrl-C; tests/serve.rs"),
    ("vocable import ", "wants weights of PyTorch's or Keras'; python/tests/test_import.py"),
    ("curl ", "asks what `vocable explore` serves; tests/serve.rs"),
];

/// Files in `../shared/data`, by their names in the pages: commands that name one, or any `glove.`, run where the file exists.
const SHARED: [(&str, &str); 5] = [
    ("glove.6B.50d.txt", "glove.6B.50d.head.txt"),
    ("vectors.bin", "word2vec.50d.bin"),
    ("questions-words.txt", "questions-words.txt"),
    ("wordsim353.tsv", "wordsim353.tsv"),
    ("simlex999.txt", "simlex999.txt"),
];

/// Pages that are checked only for links.
const ELSEWHERE: [(&str, &str); 3] = [
    ("README.zh-CN.md", "its commands are those of README.md, which another test compares"),
    ("docs/internals/benchmarks.md", "measurements, with the commands that made them"),
    ("docs/CHANGELOG.md", "what was true at the time"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pages, as paths from the root: both READMEs and all of `docs`.
fn pages() -> Vec<String> {
    let mut pages = vec!["README.md".to_owned(), "README.zh-CN.md".to_owned()];
    for folder in ["docs", "docs/guide", "docs/reference", "docs/internals"] {
        let files = std::fs::read_dir(root().join(folder)).unwrap();
        let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        pages.extend(names.filter(|name| name.ends_with(".md")).map(|name| format!("{folder}/{name}")));
    }
    pages.sort();
    pages
}

fn text(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap()
}

/// A code block: the number of its first line, and its lines without the indentation of the first.
struct Block {
    first: usize,
    lines: Vec<String>,
}

/// The code blocks of a page, fenced and indented.
fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    let mut blank_before = true;
    while let Some((number, line)) = lines.next() {
        let indentation = line.len() - line.trim_start().len();
        let mut taken = Vec::new();
        if line.trim_start().starts_with("```") {
            taken.extend(lines.by_ref().map(|(_, line)| line).take_while(|line| !line.trim_start().starts_with("```")));
            blocks.push(Block { first: number + 2, lines: cut(&taken, indentation) });
        } else if indentation >= 4 && blank_before && !line.trim().is_empty() {
            taken.push(line);
            let goes_on = |line: &str| line.trim().is_empty() || line.len() - line.trim_start().len() >= indentation;
            while let Some((_, line)) = lines.next_if(|(_, line)| goes_on(line)) {
                taken.push(line);
            }
            blocks.push(Block { first: number + 1, lines: cut(&taken, indentation) });
        }
        blank_before = line.trim().is_empty();
    }
    blocks
}

fn cut(lines: &[&str], indentation: usize) -> Vec<String> {
    lines.iter().map(|line| line.get(indentation..).unwrap_or_default().trim_end().to_owned()).collect()
}

/// A command of a page and its output.
#[derive(Debug, PartialEq)]
struct Shown {
    line: usize,
    command: String,
    input: String,
    output: Vec<String>,
}

/// The commands of a page, in order.
fn commands(text: &str) -> Vec<Shown> {
    let mut all = Vec::new();
    for block in blocks(text) {
        let typed: Vec<&str> = block.lines.iter().filter_map(|line| line.strip_prefix("vocable> ")).collect();
        if !typed.is_empty() {
            let output = block.lines.iter().filter(|line| !line.starts_with("vocable> ")).cloned().collect();
            let input = typed.join("\n") + "\n";
            all.push(Shown { line: block.first, command: "vocable shell --no-history".into(), input, output });
            continue;
        }
        let mut lines = block.lines.iter().enumerate();
        while let Some((at, line)) = lines.next() {
            if let Some(command) = line.strip_prefix("$ ") {
                let mut command = command.to_owned();
                while command.ends_with('\\') {
                    command.push('\n');
                    command.push_str(lines.next().expect("a line behind the backslash").1);
                }
                all.push(Shown { line: block.first + at, command, input: String::new(), output: Vec::new() });
            } else if block.lines[0].starts_with("$ ") {
                all.last_mut().expect("a command first").output.push(line.clone());
            }
        }
    }
    for shown in &mut all {
        while shown.output.last().is_some_and(String::is_empty) {
            shown.output.pop();
        }
    }
    all
}

fn is_not_run(command: &str) -> bool {
    NOT_RUN.iter().any(|(beginning, _)| command.starts_with(beginning))
        || needs_arrow(command) && !cfg!(feature = "arrow")
}

/// Whether a command needs the feature `arrow`; it is not run in builds without it.
fn needs_arrow(command: &str) -> bool {
    command.contains(" --in ") || command.contains("vocable embed ")
}

fn needs_shared(command: &str) -> bool {
    command.contains("glove.") || SHARED.iter().any(|(name, _)| command.contains(name))
}

/// Whether the output of a command depends on the order of additions.
fn is_trained(command: &str) -> bool {
    ["train ", "predict ", "compare ", "gates ", "demo"].iter().any(|name| command.contains(&format!("vocable {name}")))
}

#[cfg(target_arch = "x86_64")]
fn sums_as_shown() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
}

#[cfg(not(target_arch = "x86_64"))]
fn sums_as_shown() -> bool {
    false
}

/// Runs the commands of a page in a folder with `files` and the fixtures; returns the differences from the page.
fn run(page: &str, with_shared: bool) -> Vec<String> {
    let folder = Folder::new();
    std::os::unix::fs::symlink(fixture(""), folder.path("fixtures")).unwrap();
    std::fs::create_dir(folder.path("home")).unwrap();
    if with_shared {
        put_shared(&folder);
    }
    let mut wrong = Vec::new();
    for shown in commands(&text(page)) {
        if !is_not_run(&shown.command)
            && (with_shared || !needs_shared(&shown.command))
            && let Err(what) = try_out(&shown, &folder)
        {
            wrong.push(format!("{page}:{}: $ {}\n{what}", shown.line, shown.command));
        }
    }
    wrong
}

/// Real vectors and benchmarks under their names in the pages.
fn put_shared(folder: &Folder) {
    let data = root().join("../shared/data");
    for (name, file) in SHARED {
        std::os::unix::fs::symlink(std::path::absolute(data.join(file)).unwrap(), folder.path(name)).unwrap();
    }
    let glove = std::fs::read(data.join("glove.6B.50d.head.txt")).unwrap();
    folder.file("glove.6B.zip", zip(&[("glove.6B.50d.txt", &glove), ("glove.6B.100d.txt", b"the 1 2\n")]));
    // Pages name vectors downloaded by `vocable get`; a file with that name works, too.
    folder.file("glove.6B.50d", &glove);
    // A few texts are enough: only the form of the output is shown.
    for part in ["train", "dev", "test"] {
        std::fs::copy(fixture("reviews.dev.txt"), folder.path(&format!("{part}.txt"))).unwrap();
    }
}

fn try_out(shown: &Shown, folder: &Folder) -> Result<(), String> {
    let program = Path::new(env!("CARGO_BIN_EXE_vocable")).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(program.to_owned()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let mut command = Command::new("sh");
    command
        .args(["-c", &shown.command])
        .current_dir(folder.path(""))
        .env("PATH", path.unwrap())
        .env("HOME", folder.path("home"));
    for name in ["VOCABLE_VECTORS", "VOCABLE_DATA", "XDG_DATA_HOME", "XDG_STATE_HOME", "NO_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that reads nothing may have closed its standard input.
    let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), shown.input.as_bytes());
    let ran = child.wait_with_output().unwrap();
    let lines = |bytes: &[u8]| -> Vec<String> {
        String::from_utf8_lossy(bytes).trim_end().lines().map(|line| tabs(line.trim_end())).collect()
    };
    let (out, err) = (lines(&ran.stdout), lines(&ran.stderr));
    let errors: Vec<String> = err.iter().filter(|line| line.starts_with("error")).cloned().collect();
    if ran.status.success() == shown.output.iter().any(|line| line.starts_with("error") || line.contains("\"error\":"))
    {
        return Err(format!("it ended with {}\n{}", ran.status, [out, err].concat().join("\n")));
    }
    let is_others = is_trained(&shown.command) && !sums_as_shown()
        || shown.command.starts_with("od ") && !cfg!(target_os = "linux");
    if is_others && errors.is_empty() {
        return Ok(());
    }
    // A terminal shows both streams, in an order that pipes do not keep. Notes may be left out, errors may not.
    let mut orders = vec![
        [&err[..], &out].concat(),
        [&out[..], &err].concat(),
        [&errors[..], &out].concat(),
        [&out[..], &errors].concat(),
    ];
    orders.dedup();
    if orders.iter().any(|printed| matches(&without_clocks(&shown.output), &without_clocks(printed))) {
        return Ok(());
    }
    Err(format!(
        "-- shown\n{}\n-- printed\n{}\n-- on standard error\n{}",
        shown.output.join("\n"),
        out.join("\n"),
        err.join("\n")
    ))
}

/// A line as a terminal shows it.
fn tabs(line: &str) -> String {
    let mut shown = String::new();
    for (at, part) in line.split('\t').enumerate() {
        if at > 0 {
            let columns = shown.chars().count();
            shown.extend(std::iter::repeat_n(' ', 8 - columns % 8));
        }
        shown.push_str(part);
    }
    shown
}

/// The lines without times.
fn without_clocks(lines: &[String]) -> Vec<String> {
    static RATIO: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"in ([\d.,]+ times the|the same) training time").unwrap());
    let mut in_table = false;
    let clean = |line: &String| {
        if line == "..." {
            return line.clone();
        }
        if line.starts_with("seconds") {
            return "seconds".to_owned();
        }
        in_table = (in_table && !line.is_empty()) || line.ends_with(" seconds");
        match line.split_whitespace().collect::<Vec<_>>().split_last() {
            Some((_, before)) if in_table => before.join(" "),
            _ => RATIO.replace_all(line, "in N times the training time").into_owned(),
        }
    };
    lines.iter().map(clean).collect()
}

/// Whether lines match the shown ones, in which `...` matches anything.
fn matches(shown: &[String], printed: &[String]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((line, rest)), _) if line == "..." => (0..=printed.len()).any(|after| matches(rest, &printed[after..])),
        (Some((line, rest)), Some((other, others))) => line_matches(line, other) && matches(rest, others),
        _ => false,
    }
}

fn line_matches(shown: &str, printed: &str) -> bool {
    if shown == printed {
        return true;
    }
    let parts: Vec<String> = shown.split("...").map(regex::escape).collect();
    parts.len() > 1 && Regex::new(&format!("^{}$", parts.join(".*"))).unwrap().is_match(printed)
}

fn run_all(with_shared: bool) {
    let pages: Vec<String> =
        pages().into_iter().filter(|page| !ELSEWHERE.iter().any(|(name, _)| name == page)).collect();
    let wrong: Vec<String> = pages.par_iter().flat_map(|page| run(page, with_shared)).collect();
    assert!(
        wrong.is_empty(),
        "{} command lines do otherwise than their pages say\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

#[test]
fn every_command_line_prints_what_its_page_shows() {
    run_all(false);
}

#[test]
#[ignore = "needs ../shared"]
fn every_command_line_does_so_with_real_vectors() {
    run_all(true);
}

#[test]
fn command_lines_begin_with_a_dollar() {
    // A synopsis has placeholders; it is not a command line. Neither is a line of Cargo.toml, such as `vocable = { .. }`.
    let bare = Regex::new(r"^(vocable|cargo|pip|git|curl|[A-Z_]+=\S+ vocable) [^=\[][^\[]*$").unwrap();
    let mut wrong = Vec::new();
    for page in pages().iter().filter(|page| !ELSEWHERE.iter().any(|(name, _)| name == page)) {
        for block in blocks(&text(page)) {
            for (at, line) in block.lines.iter().enumerate().filter(|(_, line)| bare.is_match(line)) {
                wrong.push(format!("{page}:{}: {line}", block.first + at));
            }
        }
    }
    assert!(wrong.is_empty(), "nobody runs these; `$ ` goes before them:\n{}", wrong.join("\n"));
}

#[test]
fn commands_that_are_not_run_are_in_a_page() {
    let all: Vec<String> = pages().iter().flat_map(|page| commands(&text(page))).map(|shown| shown.command).collect();
    assert!(all.len() > 50, "{} commands", all.len());
    for (beginning, _) in NOT_RUN {
        assert!(all.iter().any(|command| command.starts_with(beginning)), "no page has `{beginning}`");
    }
    let run = all.iter().filter(|command| !is_not_run(command)).count();
    assert!(run * 2 > all.len(), "{run} of {} commands are run", all.len());
}

#[test]
fn the_chinese_readme_shows_the_same_commands() {
    let shown = |page| -> Vec<_> {
        commands(&text(page)).into_iter().map(|shown| (shown.command, shown.input, shown.output)).collect()
    };
    assert_eq!(shown("README.md"), shown("README.zh-CN.md"));
}

/// The anchors of a page's headings, as on GitHub.
fn anchors(text: &str) -> HashSet<String> {
    let mut fenced = false;
    let mut all = HashSet::new();
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if let Some(heading) = line.strip_prefix('#').filter(|_| !fenced) {
            let kept = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            all.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
        }
    }
    all
}

#[test]
fn every_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut wrong = Vec::new();
    let mut followed = 0;
    let more = ["python/README.md", "fixtures/README.md"].map(String::from);
    for page in pages().iter().chain(&more) {
        let text = text(page);
        for (number, line) in text.lines().enumerate() {
            for target in link.captures_iter(line).map(|found| found[1].to_owned()) {
                if target.contains("://") {
                    continue;
                }
                followed += 1;
                let (path, anchor) =
                    target.split_once('#').map_or((&target[..], None), |(path, anchor)| (path, Some(anchor)));
                let file = match path {
                    "" => root().join(page),
                    path => root().join(page).parent().unwrap().join(path),
                };
                let there = match anchor {
                    None => file.exists(),
                    Some(anchor) => std::fs::read_to_string(&file).is_ok_and(|text| anchors(&text).contains(anchor)),
                };
                if !there {
                    wrong.push(format!("{page}:{}: {target}", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere:\n{}", wrong.join("\n"));
    assert!(followed > 50, "{followed} links");
}

#[test]
fn the_index_names_every_page() {
    let index = text("docs/README.md");
    for page in pages() {
        let Some(name) = page.strip_prefix("docs/").filter(|name| *name != "README.md") else { continue };
        assert!(index.contains(&format!("]({name})")), "{page} is not in docs/README.md");
    }
}
