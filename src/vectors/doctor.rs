//! Diagnoses problems in a vector file and suggests fixes.

use std::path::Path;

use serde::Serialize;
use strum::{Display, IntoStaticStr};

use super::{Vectors, Vocabulary};
use crate::error::{Advice, Error, Result};
use crate::files::inspect::{self, Occurrences, TextInspection};
use crate::files::{Compression, Format, ReadOptions, bytes, format_of};

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Display, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// The file opens, but some of its content is lost or changed.
    Warning,
    /// The file does not open.
    Error,
}

impl Severity {
    /// The name in the terminal and in JSON.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// A way to fix a file. Variants are in the order in which fixes should be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fix {
    /// Replace tabs by spaces.
    ReplaceTabs,
    /// Convert the text to UTF-8 from this encoding, named as `iconv` does.
    ConvertEncoding(&'static str),
    /// Rewrite the file, which fixes line ends, byte-order mark, header and duplicates.
    Rewrite,
    /// Rewrite the file without the rows that cannot be read.
    RewriteSkippingBadRows,
    /// Download or create the file again: part of it is missing or damaged.
    Redownload,
}

/// A problem or peculiarity of a file.
#[derive(Debug, Clone)]
pub struct Finding {
    /// A stable name, for programs.
    pub name: &'static str,
    /// The severity.
    pub severity: Severity,
    /// A description in words.
    pub text: String,
    /// The first few occurrences: "line 17: ...".
    pub places: Vec<String>,
    /// What to do about it, if that does not change the file.
    pub advice: Option<Advice>,
    /// The fix, if there is one.
    pub fix: Option<Fix>,
}

/// The findings about a file.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    /// The compression of the file.
    pub compression: Compression,
    /// The format, if it could be detected.
    pub format: Option<Format>,
    /// Rows and dimension of what can be read.
    pub size: Option<(usize, usize)>,
    /// The findings, the most severe first.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// Whether the file opens as it is.
    pub fn opens(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Error)
    }

    /// The fixes, in the order in which they should be applied.
    pub fn fixes(&self) -> Vec<Fix> {
        let mut fixes: Vec<Fix> = self.findings.iter().filter_map(|finding| finding.fix).collect();
        fixes.sort_unstable();
        fixes.dedup();
        if fixes.contains(&Fix::RewriteSkippingBadRows) {
            fixes.retain(|&fix| fix != Fix::Rewrite);
        }
        fixes
    }

    fn add(&mut self, name: &'static str, severity: Severity, text: impl Into<String>) -> &mut Finding {
        self.findings.push(Finding { name, severity, text: text.into(), places: Vec::new(), advice: None, fix: None });
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    /// Adds advice to the last finding, if it is `name`.
    fn advise_last(&mut self, name: &str, advice: Advice) {
        if let Some(last) = self.findings.last_mut().filter(|last| last.name == name) {
            last.advice = Some(advice);
        }
    }

    /// Adds a finding with its count and first lines, if it occurred. `text` says what is counted.
    fn add_sighted(
        &mut self,
        name: &'static str,
        severity: Severity,
        sightings: &Occurrences,
        text: &str,
        fix: Option<Fix>,
    ) {
        if sightings.count > 0 {
            let finding = self.add(name, severity, format!("{text}: {}", sightings.count));
            finding.places = sightings.first.iter().map(|(line, what)| format!("line {line}: {what}")).collect();
            finding.fix = fix;
        }
    }
}

/// Examines all of a file. `options` are those that the file would be opened with.
///
/// # Errors
/// A file that cannot be read at all. A file that can be read but does not contain word vectors is a finding.
pub fn examine(path: &Path, options: &ReadOptions) -> Result<Diagnosis> {
    let mut diagnosis = Diagnosis { compression: Compression::None, format: None, size: None, findings: Vec::new() };
    let strict = ReadOptions { skip_bad_rows: false, ..options.clone() };
    let opened = match Vectors::open_with(path, &strict) {
        Err(error @ (Error::Io { .. } | Error::Invalid { .. })) => return Err(error),
        other => other,
    };
    if let Ok((bytes, compression)) = bytes::open(path, options.member.as_deref()) {
        diagnosis.compression = compression;
        diagnosis.format = format_of(&bytes, options).ok();
        if matches!(diagnosis.format, Some(Format::Glove | Format::Word2vecText)) {
            examine_text(&bytes, &mut diagnosis);
        }
    }
    match &opened {
        Ok(vectors) => {
            diagnosis.size = Some((vectors.len(), vectors.dimension()));
            if !matches!(diagnosis.format, Some(Format::Glove | Format::Word2vecText)) {
                examine_rows(vectors, &mut diagnosis);
            }
            if let Err(error) = vectors.check().and_then(|()| vectors.verify()) {
                diagnosis.add("damaged", Severity::Error, error.problem()).fix = Some(Fix::Redownload);
            }
        }
        // The reason is among the findings about the lines.
        Err(_) if !diagnosis.opens() => {}
        Err(error) => add_open_error(path, options, error, &mut diagnosis),
    }
    diagnosis.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Ok(diagnosis)
}

/// Adds the error with which a file fails to open, and what can be read without its bad rows.
fn add_open_error(path: &Path, options: &ReadOptions, error: &Error, diagnosis: &mut Diagnosis) {
    let readable = Vectors::open_with(path, &ReadOptions { skip_bad_rows: true, ..options.clone() });
    let is_text = matches!(diagnosis.format, None | Some(Format::Glove | Format::Word2vecText));
    let fix = match readable {
        Ok(_) => Some(Fix::RewriteSkippingBadRows),
        // Text without a single row is not a vector file.
        Err(_) if is_text && diagnosis.compression == Compression::None => None,
        Err(_) => Some(Fix::Redownload),
    };
    diagnosis.size = readable.as_ref().ok().map(|vectors| (vectors.len(), vectors.dimension()));
    let finding = diagnosis.add("refused", Severity::Error, error.problem());
    (finding.fix, finding.advice) = (fix, error.advice().cloned());
    if let Ok(vectors) = readable {
        examine_rows(&vectors, diagnosis);
    }
}

/// Examines the lines of a text file.
fn examine_text(bytes: &[u8], diagnosis: &mut Diagnosis) {
    match inspect::text(bytes) {
        Ok(found) => {
            diagnosis.size = Some((found.words.len(), found.dimension));
            add_structure(&found, diagnosis);
            add_bad_rows(&found, diagnosis);
            add_duplicates(&found, diagnosis);
            add_encoding(&found, diagnosis);
            add_notes(&found, diagnosis);
            add_casing(found.upper_case.count, found.words.len(), diagnosis);
        }
        Err(_) if bytes.contains(&b'\t') => {
            diagnosis.add("tabs", Severity::Error, "fields are separated by tabs").fix = Some(Fix::ReplaceTabs);
        }
        Err(_) => {}
    }
}

/// Adds findings about the file as a whole: its header, its end and its byte-order mark.
fn add_structure(found: &TextInspection, diagnosis: &mut Diagnosis) {
    let dimension = found.dimension;
    if let Some((rows, width)) = found.header
        && (rows, width) != (found.lines, dimension)
    {
        let text = format!("the header says {rows} rows of {width} numbers, found {} rows of {dimension}", found.lines);
        diagnosis.add("header", Severity::Error, text).fix = Some(Fix::RewriteSkippingBadRows);
    }
    if found.cut_short {
        let text = "the file ends in the middle of its last row";
        diagnosis.add("truncated", Severity::Error, text).fix = Some(Fix::Redownload);
    } else if found.no_final_line_feed {
        let text = "no line feed at the end of the file: the last number may be truncated";
        diagnosis.add("final-line-feed", Severity::Warning, text).fix = Some(Fix::Rewrite);
    }
    if found.byte_order_mark {
        let text =
            "a byte-order mark at the beginning, which is ignored; other tools read it as part of the first word";
        diagnosis.add("byte-order-mark", Severity::Warning, text).fix = Some(Fix::Rewrite);
    }
}

/// Adds the rows that cannot be read.
fn add_bad_rows(found: &TextInspection, diagnosis: &mut Diagnosis) {
    let dimension = found.dimension;
    let mut add = |name, sightings, text: &str| {
        diagnosis.add_sighted(name, Severity::Error, sightings, text, Some(Fix::RewriteSkippingBadRows));
    };
    add("short", &found.short, &format!("rows with fewer than {dimension} numbers"));
    add("long", &found.long, &format!("rows with more than {dimension} numbers"));
    add("not-a-number", &found.not_numbers, "rows with a field that is not a number");
    add("overflow", &found.overflows, "rows with a number outside the range of 32-bit floats");
    add("not-finite", &found.nonfinite, "rows with NaN or infinity");
    diagnosis.advise_last("not-finite", Advice::KeepNonFinite);
    let fix = Some(Fix::RewriteSkippingBadRows);
    diagnosis.add_sighted("empty-lines", Severity::Error, &found.empty_lines, "empty lines", fix);
}

fn add_duplicates(found: &TextInspection, diagnosis: &mut Diagnosis) {
    let (vocabulary, duplicates) = Vocabulary::index(found.words.clone());
    let mut sightings = Occurrences { count: duplicates.len() as u64, first: Vec::new() };
    for &row in duplicates.iter().take(5) {
        let word = vocabulary.word(row).unwrap_or_default();
        let first = vocabulary.row(word).and_then(|first| found.word_lines.get(first as usize));
        let line = found.word_lines.get(row as usize).copied().unwrap_or_default();
        let word = String::from_utf8_lossy(word);
        sightings
            .first
            .push((line, format!("`{}`, first at line {}", word.escape_debug(), first.copied().unwrap_or_default())));
    }
    diagnosis.add_sighted("duplicates", Severity::Warning, &sightings, DUPLICATES, Some(Fix::Rewrite));
}

const DUPLICATES: &str = "rows with a duplicate word, of which the first row is kept";

fn add_encoding(found: &TextInspection, diagnosis: &mut Diagnosis) {
    // A file that was saved in another encoding has no UTF-8 beyond ASCII. A file that has both was truncated inside characters.
    let (severity, text, fix) = if found.beyond_ascii == 0 {
        let text =
            "words that are not UTF-8, and none that is UTF-8 beyond ASCII: the encoding is probably Windows-1252";
        (Severity::Warning, text, Some(Fix::ConvertEncoding("WINDOWS-1252")))
    } else {
        let text = "words that are not UTF-8, among others that are: probably truncated inside a character; their bytes are kept";
        (Severity::Note, text, None)
    };
    diagnosis.add_sighted("encoding", severity, &found.not_utf8, text, fix);
}

/// Adds what is unusual but harmless.
fn add_notes(found: &TextInspection, diagnosis: &mut Diagnosis) {
    let mut add = |name, sightings, text: &str, fix| diagnosis.add_sighted(name, Severity::Note, sightings, text, fix);
    add("crlf", &found.carriage_returns, "lines that end in CR LF", Some(Fix::Rewrite));
    add("trailing-spaces", &found.trailing_spaces, "lines with trailing spaces, as word2vec writes them", None);
    add("zero-rows", &found.zeros, "rows of zeros, which have no direction", None);
    add("tabs-in-words", &found.tabs, "words that contain a tab", None);
    add("spaces-in-words", &found.spaces, "words that contain spaces, at which other tools split them", None);
}

/// Examines rows that were read from a format without lines.
fn examine_rows(vectors: &Vectors, diagnosis: &mut Diagnosis) {
    let duplicates = vectors.load_report().duplicates;
    if duplicates > 0 {
        let text = format!("{DUPLICATES}: {duplicates}");
        diagnosis.add("duplicates", Severity::Warning, text).fix = Some(Fix::Rewrite);
    }
    let rows_where = |matches: &dyn Fn(u32, &[u8]) -> bool| {
        let mut sightings = Occurrences::default();
        for (row, word) in (0u32..).zip(vectors.vocabulary().iter()) {
            if matches(row, word) {
                sightings.add(u64::from(row), || format!("`{}`", String::from_utf8_lossy(word).escape_debug()));
            }
        }
        sightings
    };
    let mut add = |name, sightings: Occurrences, text: &str| {
        if sightings.count > 0 {
            let finding = diagnosis.add(name, Severity::Note, format!("{text}: {}", sightings.count));
            finding.places = sightings.first.iter().map(|(row, what)| format!("row {}: {what}", row + 1)).collect();
        }
    };
    let is_zero = |row: u32, _: &[u8]| vectors.norm(row) == Some(0.0);
    add("zero-rows", rows_where(&is_zero), "rows of zeros, which have no direction");
    let is_not_utf8 = |_: u32, word: &[u8]| std::str::from_utf8(word).is_err();
    add("encoding", rows_where(&is_not_utf8), "words that are not UTF-8; their bytes are kept");
    add("spaces-in-words", rows_where(&|_, word| word.contains(&b' ')), "words that contain spaces");
    let has_upper =
        |_: u32, word: &[u8]| std::str::from_utf8(word).is_ok_and(|word| word.chars().any(char::is_uppercase));
    add_casing(rows_where(&has_upper).count, vectors.len(), diagnosis);
}

fn add_casing(upper: u64, words: usize, diagnosis: &mut Diagnosis) {
    let text = match upper {
        0 => "all words are lower case".to_owned(),
        _ => format!("{upper} of {words} words contain upper-case letters; lookup is case-sensitive"),
    };
    let finding = diagnosis.add("casing", Severity::Note, text);
    if upper == 0 {
        finding.advice = Some(Advice::FoldCase);
    }
}
