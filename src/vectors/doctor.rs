//! What is odd about a file of vectors, and what mends it.

use std::path::Path;

use super::{Vectors, Vocabulary};
use crate::error::{Advice, Error, Result};
use crate::files::inspect::{self, Sightings, TextFindings};
use crate::files::{Compression, Format, ReadOptions, bytes, format_of};

/// How much an oddity matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// The file opens, but not all of it arrives as it was meant.
    Warning,
    /// The file does not open.
    Refusal,
}

impl Severity {
    /// The name on the screen and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Refusal => "refusal",
        }
    }
}

/// What mends a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remedy {
    /// Tabs turned into spaces, before anything else.
    Tabs,
    /// Text turned into UTF-8 from this encoding, by the name that `iconv` knows.
    Encoding(&'static str),
    /// Written anew: line ends, byte-order mark, header and duplicates are put right.
    Rewrite,
    /// Written anew without the rows that cannot be read.
    RewriteLenient,
    /// Fetched or made again: nothing here can bring back what is missing.
    FetchAgain,
}

/// An oddity of a file.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Its name, for programs.
    pub name: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// A sentence about it.
    pub text: String,
    /// Where it was met first: "line 17: ...".
    pub places: Vec<String>,
    /// What to do about it, where it is not an error.
    pub advice: Option<Advice>,
    /// What mends it, where something does and need be.
    pub remedy: Option<Remedy>,
}

/// All that is odd about a file.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    /// How the file wraps the vectors.
    pub compression: Compression,
    /// The format, where it could be told.
    pub format: Option<Format>,
    /// Rows and numbers a row, of what can be read.
    pub size: Option<(usize, usize)>,
    /// The oddities, those that matter most first.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// Whether the file opens as it is.
    pub fn opens(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Refusal)
    }

    /// What mends the file, in the order in which it should be done.
    pub fn remedies(&self) -> Vec<Remedy> {
        let mut remedies: Vec<Remedy> = self.findings.iter().filter_map(|finding| finding.remedy).collect();
        remedies.sort_unstable();
        remedies.dedup();
        if remedies.contains(&Remedy::RewriteLenient) {
            remedies.retain(|&remedy| remedy != Remedy::Rewrite);
        }
        remedies
    }

    fn add(&mut self, name: &'static str, severity: Severity, text: impl Into<String>) -> &mut Finding {
        self.findings.push(Finding {
            name,
            severity,
            text: text.into(),
            places: Vec::new(),
            advice: None,
            remedy: None,
        });
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    /// Adds what to do about the finding that was added last, if it is `name`.
    fn advise_last(&mut self, name: &str, advice: Advice) {
        if let Some(last) = self.findings.last_mut().filter(|last| last.name == name) {
            last.advice = Some(advice);
        }
    }

    /// Adds what was sighted, if it was; `text` says what is counted.
    fn add_sighted(
        &mut self,
        name: &'static str,
        severity: Severity,
        sightings: &Sightings,
        text: &str,
        remedy: Option<Remedy>,
    ) {
        if sightings.count > 0 {
            let finding = self.add(name, severity, format!("{text}: {}", sightings.count));
            finding.places = sightings.first.iter().map(|(line, what)| format!("line {line}: {what}")).collect();
            finding.remedy = remedy;
        }
    }
}

/// Looks a file over from end to end. `options` are those that the file would be opened with.
///
/// # Errors
/// A file that cannot be read at all. One that is read and is not word vectors is a finding.
pub fn examine(path: &Path, options: &ReadOptions) -> Result<Diagnosis> {
    let mut diagnosis = Diagnosis { compression: Compression::None, format: None, size: None, findings: Vec::new() };
    let strict = ReadOptions { skip_bad_rows: false, ..options.clone() };
    let opened = match Vectors::open_with(path, &strict) {
        Err(error @ (Error::Io { .. } | Error::Invalid { .. })) => return Err(error),
        other => other,
    };
    let text = match bytes::open(path, options.member.as_deref()) {
        Err(_) => None,
        Ok((bytes, compression)) => {
            diagnosis.compression = compression;
            diagnosis.format = format_of(&bytes, options).ok();
            match diagnosis.format {
                Some(Format::Glove | Format::Word2vecText) => Some((inspect::text(&bytes), bytes.contains(&b'\t'))),
                _ => None,
            }
        }
    };
    match text {
        Some((Ok(found), _)) => {
            diagnosis.size = Some((found.words.len(), found.dimension));
            of_text(&found, &mut diagnosis);
        }
        Some((Err(_), true)) => {
            diagnosis.add("tabs", Severity::Refusal, "fields are separated by tabs, not by spaces").remedy =
                Some(Remedy::Tabs)
        }
        _ => {}
    }
    match &opened {
        Ok(vectors) => {
            diagnosis.size = Some((vectors.len(), vectors.dimension()));
            if !matches!(diagnosis.format, Some(Format::Glove | Format::Word2vecText)) {
                of_rows(vectors, &mut diagnosis);
            }
            if let Err(error) = vectors.check().and_then(|()| vectors.verify()) {
                diagnosis.add("damaged", Severity::Refusal, error.problem()).remedy = Some(Remedy::FetchAgain);
            }
        }
        // The lines were looked at one by one, and the reason is among what was found.
        Err(_) if !diagnosis.opens() => {}
        Err(error) => {
            let lenient = Vectors::open_with(path, &ReadOptions { skip_bad_rows: true, ..options.clone() });
            let is_text = matches!(diagnosis.format, None | Some(Format::Glove | Format::Word2vecText));
            let remedy = match lenient {
                Ok(_) => Some(Remedy::RewriteLenient),
                // Text without a single row is something else than vectors.
                Err(_) if is_text && diagnosis.compression == Compression::None => None,
                Err(_) => Some(Remedy::FetchAgain),
            };
            diagnosis.size = lenient.as_ref().ok().map(|vectors| (vectors.len(), vectors.dimension()));
            let finding = diagnosis.add("refused", Severity::Refusal, error.problem());
            (finding.remedy, finding.advice) = (remedy, error.advice().cloned());
            if let Ok(vectors) = lenient {
                of_rows(&vectors, &mut diagnosis);
            }
        }
    }
    diagnosis.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Ok(diagnosis)
}

/// What the lines of a text say.
fn of_text(found: &TextFindings, diagnosis: &mut Diagnosis) {
    use Severity::{Note, Refusal, Warning};
    let dimension = found.dimension;
    let lenient = Some(Remedy::RewriteLenient);
    let rewrite = Some(Remedy::Rewrite);
    if let Some((stated, width)) = found.header
        && (stated, width) != (found.lines, dimension)
    {
        let text =
            format!("the header says {stated} rows of {width} numbers; there are {} of {dimension}", found.lines);
        diagnosis.add("header", Refusal, text).remedy = lenient;
    }
    if found.cut_short {
        diagnosis.add("truncated", Refusal, "the file ends inside its last row").remedy = Some(Remedy::FetchAgain);
    } else if found.no_final_line_feed {
        let text = "the file lacks its final line feed: its last number may be cut short";
        diagnosis.add("final-line-feed", Warning, text).remedy = rewrite;
    }
    if found.byte_order_mark {
        let text = "the file begins with a byte-order mark, which is left out; other tools take it into the first word";
        diagnosis.add("byte-order-mark", Warning, text).remedy = rewrite;
    }
    let width = format!("than {dimension} numbers");
    diagnosis.add_sighted("short", Refusal, &found.short, &format!("rows with fewer {width}"), lenient);
    diagnosis.add_sighted("long", Refusal, &found.long, &format!("rows with more {width}"), lenient);
    diagnosis.add_sighted(
        "not-a-number",
        Refusal,
        &found.not_numbers,
        "rows with something that is not a number",
        lenient,
    );
    diagnosis.add_sighted("overflow", Refusal, &found.overflows, "rows with a number too large for 32 bits", lenient);
    diagnosis.add_sighted("not-finite", Refusal, &found.nonfinite, "rows with NaN or infinity", lenient);
    diagnosis.advise_last("not-finite", Advice::KeepNonFinite);
    diagnosis.add_sighted("empty-lines", Refusal, &found.empty_lines, "empty lines", lenient);
    of_duplicates(found, diagnosis);
    let not_utf8 = &found.not_utf8;
    if not_utf8.count > 0 {
        // A file that somebody saved in another encoding has no UTF-8 left; one with both was cut inside characters.
        let (severity, text, remedy) = if found.beyond_ascii == 0 {
            let text = "words that are not UTF-8, while none beyond ASCII is: the text is in another encoding, probably \
                        Windows-1252";
            (Warning, text, Some(Remedy::Encoding("WINDOWS-1252")))
        } else {
            let text = "words that are not UTF-8, among others that are: cut inside a character when the vectors were made, and \
                        kept as they are";
            (Note, text, None)
        };
        diagnosis.add_sighted("encoding", severity, not_utf8, text, remedy);
    }
    diagnosis.add_sighted(
        "crlf",
        Note,
        &found.carriage_returns,
        "lines that end in CR LF, as Windows writes them",
        rewrite,
    );
    diagnosis.add_sighted(
        "trailing-spaces",
        Note,
        &found.trailing_spaces,
        "lines with spaces at the end, as word2vec writes them",
        None,
    );
    diagnosis.add_sighted("zero-rows", Note, &found.zeros, "rows of zeros, which have no direction", None);
    diagnosis.add_sighted("tabs-in-words", Note, &found.tabs, "words that hold a tab", None);
    diagnosis.add_sighted(
        "spaces-in-words",
        Note,
        &found.spaces,
        "words that hold spaces, at which other tools split them",
        None,
    );
    of_casing(found.upper_case.count, found.words.len(), diagnosis);
}

fn of_duplicates(found: &TextFindings, diagnosis: &mut Diagnosis) {
    let (vocabulary, repeated) = Vocabulary::index(found.words.clone());
    let mut sightings = Sightings { count: repeated.len() as u64, first: Vec::new() };
    for &row in repeated.iter().take(5) {
        let word = vocabulary.word(row).unwrap_or_default();
        let first = vocabulary.row(word).and_then(|first| found.word_lines.get(first as usize));
        let line = found.word_lines.get(row as usize).copied().unwrap_or_default();
        let word = String::from_utf8_lossy(word);
        sightings
            .first
            .push((line, format!("`{}`, first at line {}", word.escape_debug(), first.copied().unwrap_or_default())));
    }
    let text = "rows whose word an earlier row has, which is the one that is kept";
    diagnosis.add_sighted("duplicates", Severity::Warning, &sightings, text, Some(Remedy::Rewrite));
}

/// What the rows say, where there are no lines.
fn of_rows(vectors: &Vectors, diagnosis: &mut Diagnosis) {
    let report = vectors.load_report();
    if report.duplicates > 0 {
        let text = format!("rows whose word an earlier row has, which is the one that is kept: {}", report.duplicates);
        diagnosis.add("duplicates", Severity::Warning, text).remedy = Some(Remedy::Rewrite);
    }
    let names = |keep: &dyn Fn(u32, &[u8]) -> bool| {
        let mut sightings = Sightings::default();
        for (row, word) in (0u32..).zip(vectors.vocabulary().iter()) {
            if keep(row, word) {
                sightings.add(u64::from(row), || format!("`{}`", String::from_utf8_lossy(word).escape_debug()));
            }
        }
        sightings
    };
    let mut add = |name, sightings: Sightings, text: &str| {
        if sightings.count > 0 {
            let finding = diagnosis.add(name, Severity::Note, format!("{text}: {}", sightings.count));
            finding.places = sightings.first.iter().map(|(row, what)| format!("row {}: {what}", row + 1)).collect();
        }
    };
    add("zero-rows", names(&|row, _| vectors.norm(row) == Some(0.0)), "rows of zeros, which have no direction");
    add("encoding", names(&|_, word| std::str::from_utf8(word).is_err()), "words that are not UTF-8, kept as they are");
    add("spaces-in-words", names(&|_, word| word.contains(&b' ')), "words that hold spaces");
    let upper = names(&|_, word| std::str::from_utf8(word).is_ok_and(|word| word.chars().any(char::is_uppercase)));
    of_casing(upper.count, vectors.len(), diagnosis);
}

fn of_casing(upper: u64, words: usize, diagnosis: &mut Diagnosis) {
    let text = match upper {
        0 => "all words are lower case".to_owned(),
        _ => format!(
            "{upper} of {words} words have upper-case letters: `Word` and `word` are two words, and look-up is exact"
        ),
    };
    let finding = diagnosis.add("casing", Severity::Note, text);
    if upper == 0 {
        finding.advice = Some(Advice::FoldCase);
    }
}
