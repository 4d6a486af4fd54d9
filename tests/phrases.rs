//! Phrases that the project no longer uses, each with its replacement: code, messages, documents and pages are written in plain, standard English.
//!
//! Phrases match whole words in any casing, also across the lines of a comment. `ALLOWED` lists exceptions.

use std::path::Path;

/// (phrase, replacement)
const PHRASES: [(&str, &str); 58] = [
    ("anew", "again"),
    ("arm", "embedding, or variant"),
    ("arms", "embeddings, or variants"),
    ("at hand", "available"),
    ("beside", "next to, with, or in addition to"),
    ("break off", "be interrupted"),
    ("breaks off", "is interrupted"),
    ("broken off", "interrupted"),
    ("development part", "dev set"),
    ("drawn by chance", "random"),
    ("for itself", "(leave out)"),
    ("go on with", "resume"),
    ("goes on with", "resumes"),
    ("gone on with", "resumed"),
    ("held against", "compared with"),
    ("hold against", "compare with"),
    ("holds against", "compares with"),
    ("in vain", "fails"),
    ("label a line", "one label per line"),
    ("least cosine", "minimum cosine"),
    ("lenient", "skip bad rows"),
    ("leniently", "skipping bad rows"),
    ("made-up", "synthetic"),
    ("matrix-for", "embedding-matrix"),
    ("mend", "fix"),
    ("mended", "fixed"),
    ("mending", "fixing"),
    ("mends", "fixes"),
    ("numbers a row", "numbers per row, or dimension"),
    ("numbers a text", "numbers per text"),
    ("numbers a token", "numbers per token"),
    ("numbers a word", "numbers per word, or dimension"),
    ("object a line", "one object per line"),
    ("of one's own", "user-supplied"),
    ("offset a word", "offset per word"),
    ("one a line", "one per line"),
    ("oov-deviation", "oov-std"),
    ("products an instruction", "products per instruction"),
    ("random-deviation", "random-std"),
    ("read both ways", "bidirectional"),
    ("reads both ways", "is bidirectional"),
    ("row a text", "row per text"),
    ("row a token", "row per token"),
    ("row a word", "one row per word"),
    ("seconds a run", "seconds per run"),
    ("steps a run", "steps per run"),
    ("string a word", "string per word"),
    ("test part", "test set"),
    ("text a line", "one text per line"),
    ("thrown away", "deleted"),
    ("to the bit", "bit for bit"),
    ("told by content", "detected from the content"),
    ("told by its content", "detected from its content"),
    ("training part", "training set"),
    ("whoever", "(name who it is)"),
    ("word a line", "one word per line"),
    ("word a row", "word per row"),
    ("words a line", "words per line"),
];

/// (file, a line that may contain a phrase)
const ALLOWED: [(&str, &str); 0] = [];

/// The folders and file name endings that are searched.
const FOLDERS: [&str; 10] =
    [".ci", "benches", "docs", "examples", "fixtures", "fuzz/fuzz_targets", "fuzz/src", "python", "src", "tests"];
const ENDINGS: [&str; 10] = ["css", "html", "js", "md", "py", "pyi", "rs", "run", "snap", "toml"];

#[test]
fn phrases_that_are_no_longer_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<String> = ["Cargo.toml", "README.md", "README.zh-CN.md"].map(str::to_owned).to_vec();
    FOLDERS.iter().for_each(|folder| collect(root, folder, &mut files));
    let mut found = Vec::new();
    for file in files.iter().filter(|file| *file != "tests/phrases.rs") {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (line, phrase, instead) in occurrences(&lines) {
            if !ALLOWED.iter().any(|(path, allowed)| path == file && lines[line].contains(allowed)) {
                found.push(format!("{file}:{}: `{phrase}`, write: {instead}", line + 1));
            }
        }
    }
    assert!(found.is_empty(), "{} phrases:\n{}", found.len(), found.join("\n"));
}

fn collect(root: &Path, folder: &str, files: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else { return };
    for entry in entries {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{folder}/{name}");
        if entry.file_type().unwrap().is_dir() {
            if !["grammar", "target", "__pycache__"].contains(&name.as_str()) {
                collect(root, &path, files);
            }
        } else if ENDINGS.iter().any(|ending| name == *ending || name.ends_with(&format!(".{ending}"))) {
            files.push(path);
        }
    }
}

/// Line, phrase and replacement of each occurrence.
fn occurrences(lines: &[&str]) -> Vec<(usize, &'static str, &'static str)> {
    // The words of the file in one sequence, without comment marks.
    let words: Vec<(usize, String)> = (0..)
        .zip(lines)
        .flat_map(|(number, line)| {
            let words = line.split(|c: char| c.is_whitespace() || "`*\"(),.;:!?/#|".contains(c));
            words.filter(|word| !word.is_empty()).map(move |word| (number, word.trim_start_matches('-').to_lowercase()))
        })
        .collect();
    let mut found = Vec::new();
    for (at, (line, _)) in words.iter().enumerate() {
        for (phrase, instead) in PHRASES {
            let rest = words[at..].iter().map(|(_, word)| word.as_str());
            let expected: Vec<&str> = phrase.split(' ').collect();
            if rest.take(expected.len()).eq(expected.iter().copied()) {
                found.push((*line, phrase, instead));
            }
        }
    }
    found
}

#[test]
fn phrases_are_found_across_lines_and_as_whole_words() {
    let lines = ["/// Read again, one", "/// a line. Amends for `arm64`.", "Run Matrix-For; the same bits: to the bit"];
    let found: Vec<(usize, &str)> = occurrences(&lines).into_iter().map(|(line, phrase, _)| (line, phrase)).collect();
    assert_eq!(found, [(0, "one a line"), (2, "matrix-for"), (2, "to the bit")]);
}
