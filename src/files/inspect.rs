//! Inspecting rows of text without refusing any: which problems occur, how often, and where.

use rayon::prelude::*;

use super::row::{any_row, excerpt, numbers_in, split_line, trim_line};
use super::text::{dimension_of, divide, header_of, trim_final_newlines};
use super::{BOM, Words};
use crate::error::Malformed;

/// Maximum number of places reported for each problem.
const MAX_PLACES: usize = 5;

/// How often a problem occurs, and where first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Occurrences {
    /// Number of occurrences.
    pub count: u64,
    /// The first few: the line, counted from 1, and an excerpt.
    pub first: Vec<(u64, String)>,
}

impl Occurrences {
    pub(crate) fn add(&mut self, line: u64, what: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < MAX_PLACES {
            self.first.push((line, what()));
        }
    }

    fn append(&mut self, later: Occurrences) {
        self.count += later.count;
        self.first.extend(later.first);
        self.first.truncate(MAX_PLACES);
    }
}

/// What was found in rows of text. Each line is inspected by itself, so one bad line does not affect the others.
#[derive(Debug, Clone, Default)]
pub struct TextInspection {
    /// Numbers per row: the most frequent number among the first lines.
    pub dimension: usize,
    /// The number of rows and the dimension in the header line.
    pub header: Option<(u64, usize)>,
    /// Number of lines without the header and without empty lines at the end.
    pub lines: u64,
    /// The words of the rows that can be read, in order.
    pub words: Words,
    /// The line of each of [`TextInspection::words`].
    pub word_lines: Vec<u64>,
    /// The file begins with a byte-order mark.
    pub byte_order_mark: bool,
    /// The file lacks its final line feed.
    pub no_final_line_feed: bool,
    /// The file lacks its final line feed, and its last row has too few numbers.
    pub cut_short: bool,
    /// Lines that end in CR LF.
    pub carriage_returns: Occurrences,
    /// Lines with trailing spaces.
    pub trailing_spaces: Occurrences,
    /// Empty lines, except at the end.
    pub empty_lines: Occurrences,
    /// Rows with fewer numbers than the dimension.
    pub short: Occurrences,
    /// Rows with more numbers than the dimension.
    pub long: Occurrences,
    /// Rows with a field that is not a number.
    pub not_numbers: Occurrences,
    /// Rows with a finite number that is too large for 32 bits.
    pub overflows: Occurrences,
    /// Rows with NaN or infinity.
    pub nonfinite: Occurrences,
    /// Rows of zeros.
    pub zeros: Occurrences,
    /// Words that are not UTF-8.
    pub not_utf8: Occurrences,
    /// Number of words in UTF-8 with characters beyond ASCII.
    pub beyond_ascii: u64,
    /// Words with a tab.
    pub tabs: Occurrences,
    /// Words with a space.
    pub spaces: Occurrences,
    /// Words with an upper-case letter.
    pub upper_case: Occurrences,
}

impl TextInspection {
    /// Adds the results of a later part of the file.
    fn append(&mut self, later: TextInspection) {
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

    fn inspect(&mut self, line: &[u8], number: u64, row: &mut [f32]) {
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
            // `inf` and `nan` have no digits; a field with digits is a number that overflows.
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

/// Inspects rows of text, with or without a header line.
///
/// # Errors
/// Text whose dimension cannot be determined, because no line looks like a row of word vectors.
pub fn text(bytes: &[u8]) -> Result<TextInspection, Malformed> {
    let body = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let (first, rest) = split_line(body);
    // A row of one number may look like a header, but then the second line does as well.
    let header = header_of(first).filter(|_| numbers_in(split_line(rest).0) != 1);
    let (rows, first_line) = if header.is_some() { (rest, 2) } else { (body, 1) };
    let rows = trim_final_newlines(rows);
    // The dimension in the header may be wrong: that of the rows counts.
    let dimension = dimension_of(rows)?;
    let last_row = rows.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
    let no_final_line_feed = bytes.last().is_some_and(|&byte| byte != b'\n');
    let mut all = TextInspection {
        dimension,
        header,
        byte_order_mark: body.len() < bytes.len(),
        no_final_line_feed,
        cut_short: no_final_line_feed && numbers_in(last_row) < dimension,
        ..TextInspection::default()
    };
    let chunks = divide(rows, first_line, &|_| ());
    all.lines = chunks.iter().map(|chunk| chunk.lines as u64).sum();
    let parts: Vec<TextInspection> = chunks
        .par_iter()
        .map(|chunk| {
            let mut found = TextInspection::default();
            let mut row = vec![0.0; dimension];
            let mut rest = chunk.bytes;
            for number in chunk.first_line..chunk.first_line + chunk.lines as u64 {
                let (line, after) = split_line(rest);
                found.inspect(line, number, &mut row);
                rest = after;
            }
            found
        })
        .collect();
    parts.into_iter().for_each(|part| all.append(part));
    Ok(all)
}
