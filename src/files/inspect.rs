//! Looking over rows of text without refusing any: what is odd, how often, and where.

use rayon::prelude::*;

use super::row::{any_row, excerpt, numbers_in, split_line, trim_line};
use super::text::{cut, dimension_of, header_of, trim_final_newlines};
use super::{BOM, Words};
use crate::error::Malformed;

/// Places kept of each oddity.
const PLACES: usize = 5;

/// How often something was met, and where first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sightings {
    /// How often.
    pub count: u64,
    /// The first few: the line, counted from 1, and what stands there, shortened.
    pub first: Vec<(u64, String)>,
}

impl Sightings {
    pub(crate) fn add(&mut self, line: u64, what: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < PLACES {
            self.first.push((line, what()));
        }
    }

    fn append(&mut self, later: Sightings) {
        self.count += later.count;
        self.first.extend(later.first);
        self.first.truncate(PLACES);
    }
}

/// What is odd about rows of text. Lines are looked at one by one, and none stops the look at the others.
#[derive(Debug, Clone, Default)]
pub struct TextFindings {
    /// Numbers a row: what the header says, or what most of the first lines have.
    pub dimension: usize,
    /// The rows and the dimension that a header line states.
    pub header: Option<(u64, usize)>,
    /// Lines that are not the header, without empty ones at the end.
    pub lines: u64,
    /// Words of the rows that can be read, in order.
    pub words: Words,
    /// The line of each of [`TextFindings::words`].
    pub word_lines: Vec<u64>,
    /// The file begins with a byte-order mark.
    pub byte_order_mark: bool,
    /// The file lacks its final line feed.
    pub no_final_line_feed: bool,
    /// And its last row has fewer numbers than the others.
    pub cut_short: bool,
    /// Lines that end in CR LF.
    pub carriage_returns: Sightings,
    /// Lines with spaces at their end.
    pub trailing_spaces: Sightings,
    /// Empty lines before the end.
    pub empty_lines: Sightings,
    /// Rows with fewer numbers than the dimension.
    pub short: Sightings,
    /// Rows with more.
    pub long: Sightings,
    /// Rows with something among their numbers that is none.
    pub not_numbers: Sightings,
    /// Rows with a number that is written as finite and too large for 32 bits.
    pub overflows: Sightings,
    /// Rows with NaN or infinity written out.
    pub nonfinite: Sightings,
    /// Rows of zeros.
    pub zeros: Sightings,
    /// Words that are not UTF-8.
    pub not_utf8: Sightings,
    /// Words that are UTF-8 and more than ASCII.
    pub beyond_ascii: u64,
    /// Words with a tab.
    pub tabs: Sightings,
    /// Words with a space.
    pub spaces: Sightings,
    /// Words with an upper-case letter.
    pub upper_case: Sightings,
}

impl TextFindings {
    /// Joins what was found in a later part of the file.
    fn append(&mut self, later: TextFindings) {
        self.words.append(&later.words);
        self.word_lines.extend(later.word_lines);
        self.beyond_ascii += later.beyond_ascii;
        let pairs = [
            (&mut self.carriage_returns, later.carriage_returns),
            (&mut self.trailing_spaces, later.trailing_spaces),
            (&mut self.empty_lines, later.empty_lines),
            (&mut self.short, later.short),
            (&mut self.long, later.long),
            (&mut self.not_numbers, later.not_numbers),
            (&mut self.overflows, later.overflows),
            (&mut self.nonfinite, later.nonfinite),
            (&mut self.zeros, later.zeros),
            (&mut self.not_utf8, later.not_utf8),
            (&mut self.tabs, later.tabs),
            (&mut self.spaces, later.spaces),
            (&mut self.upper_case, later.upper_case),
        ];
        pairs.into_iter().for_each(|(all, later)| all.append(later));
    }

    fn look_at(&mut self, line: &[u8], number: u64, row: &mut [f32]) {
        let excerpt_of = || excerpt(line);
        let bare = line.strip_suffix(b"\r").unwrap_or(line);
        if bare.len() < line.len() {
            self.carriage_returns.add(number, excerpt_of);
        }
        let trimmed = trim_line(line);
        if trimmed.is_empty() {
            return self.empty_lines.add(number, || "an empty line".to_owned());
        }
        if trimmed.len() < bare.len() {
            self.trailing_spaces.add(number, excerpt_of);
        }
        let Ok(word) = any_row(line, number, row) else {
            let fields = trimmed.split(|&byte| byte == b' ').count() - 1;
            let numbers = numbers_in(line);
            let found = || format!("{numbers} numbers in {}", excerpt(line));
            return match numbers {
                _ if numbers < row.len() && fields >= row.len() => self.not_numbers.add(number, excerpt_of),
                _ if numbers < row.len() => self.short.add(number, found),
                _ => self.long.add(number, found),
            };
        };
        let shown = || format!("`{}`", String::from_utf8_lossy(word).escape_debug());
        if row.iter().any(|value| !value.is_finite()) {
            // `inf` and `nan` have no digits; what has was meant as a number.
            let numbers = trimmed[word.len()..].split(|&byte| byte == b' ');
            let overflow = numbers
                .filter(|field| field.iter().any(u8::is_ascii_digit))
                .any(|field| super::parse_f32(field).is_some_and(f32::is_infinite));
            if overflow { self.overflows.add(number, shown) } else { self.nonfinite.add(number, shown) }
        }
        if row.iter().all(|&value| value == 0.0) {
            self.zeros.add(number, shown);
        }
        match std::str::from_utf8(word) {
            Ok(text) => {
                self.beyond_ascii += u64::from(!text.is_ascii());
                if text.chars().any(char::is_uppercase) {
                    self.upper_case.add(number, shown);
                }
            }
            Err(_) => self.not_utf8.add(number, shown),
        }
        if word.contains(&b'\t') {
            self.tabs.add(number, shown);
        }
        if word.contains(&b' ') {
            self.spaces.add(number, shown);
        }
        self.words.push(word);
        self.word_lines.push(number);
    }
}

/// Looks over rows of text, with or without a header line.
///
/// # Errors
/// Text in which no dimension can be found: nothing in it looks like rows of word vectors.
pub fn text(bytes: &[u8]) -> Result<TextFindings, Malformed> {
    let body = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let (first, rest) = split_line(body);
    // A row of one number may look like a header; then the other rows do too.
    let header = header_of(first).filter(|_| numbers_in(split_line(rest).0) != 1);
    let (rows, first_line) = if header.is_some() { (rest, 2) } else { (body, 1) };
    let rows = trim_final_newlines(rows);
    // A header may lie about this too: what the rows have counts.
    let dimension = dimension_of(rows)?;
    let last_row = rows.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
    let no_final_line_feed = bytes.last().is_some_and(|&byte| byte != b'\n');
    let mut all = TextFindings {
        dimension,
        header,
        byte_order_mark: body.len() < bytes.len(),
        no_final_line_feed,
        cut_short: no_final_line_feed && numbers_in(last_row) < dimension,
        ..TextFindings::default()
    };
    let chunks = cut(rows, first_line, &|_| ());
    all.lines = chunks.iter().map(|chunk| chunk.lines as u64).sum();
    let parts: Vec<TextFindings> = chunks
        .par_iter()
        .map(|chunk| {
            let mut found = TextFindings::default();
            let mut row = vec![0.0; dimension];
            let mut rest = chunk.bytes;
            for number in chunk.first_line..chunk.first_line + chunk.lines as u64 {
                let (line, after) = split_line(rest);
                found.look_at(line, number, &mut row);
                rest = after;
            }
            found
        })
        .collect();
    parts.into_iter().for_each(|part| all.append(part));
    Ok(all)
}
