//! Files that are not vectors or are damaged: each is refused with an error that says where, and none causes a panic. The messages are in
//! `snapshots/files-refused.snap`. And the reverse: every valid table is read back as it was written.

use crate::common::{
    ENCRYPTED_ZIP, Folder, Row, glove, gzip, refusal, rows, small, snapshot, word2vec_binary, word2vec_text, zip,
    zip_with_entry,
};
use proptest::prelude::*;
use vocable::Vectors;
use vocable::files::{self, Format, ReadOptions};

#[test]
fn files_that_are_not_tables_are_refused_and_the_error_says_where() {
    let cut = |bytes: Vec<u8>, at: usize| bytes[..at].to_vec();
    let binary = word2vec_binary(&small(), b"\n");
    let long_word = [b"1 1\n".to_vec(), vec![b'w'; 200_000], b" \0\0\0\0".to_vec()].concat();
    let gz = gzip(&glove(&small()));
    let archive = zip(&[("a.txt", &glove(&small()))]);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", b"".to_vec()),
        ("empty, gzipped", gzip(b"")),
        ("line feeds only", b"\n\n\n".to_vec()),
        ("spaces only", b"   \n  \n".to_vec()),
        ("prose", b"It was a dark night.\nAnd so on.\n".to_vec()),
        ("row too short", b"a 1 2 3\nb 1 2\nc 1 2 3\n".to_vec()),
        ("row too long", b"a 1 2 3\nb 1 2 3 4\nc 1 2 3\n".to_vec()),
        ("row too long, decimals", b"a .1 .2\nb .1 .2 .3\nc .1 .2\n".to_vec()),
        ("row too long, exponent", b"a .1 .2\nb 1e-05 .2 .3\nc .1 .2\n".to_vec()),
        ("short, then long", b"a 1 2 3\nb 1 2\nc 1 2 3 4\nd 1 2 3\n".to_vec()),
        ("long, then short", b"a 1 2 3\nb 1 2 3 4\nc 1 2\nd 1 2 3\n".to_vec()),
        ("first row too short", b"a 1 2\nb 1 2 3\nc 1 2 3\n".to_vec()),
        ("a word without numbers", b"a 1 2\nb\nc 1 2\n".to_vec()),
        ("numbers without a word", b"a 1 2\n1 2\nc 1 2\n".to_vec()),
        ("empty line", b"a 1 2\n\nb 1 2\n".to_vec()),
        ("not a number", b"a 1 2 3\nb 1 x 3\nc 1 2 3\n".to_vec()),
        ("two spaces", b"a 1 2 3\nb 1  2 3\nc 1 2 3\n".to_vec()),
        ("decimal comma", b"a 1,5 2,5\nb 1,5 2,5\n".to_vec()),
        ("tabs", b"a\t1\t2\nb\t1\t2\n".to_vec()),
        ("header too low", b"1 2\na 1 2\nb 1 2\n".to_vec()),
        ("header too high", b"3 2\na 1 2\nb 1 2\n".to_vec()),
        ("header 0", b"0 2\na 1 2\n".to_vec()),
        ("header 10^12", b"1000000000000 2\na 1 2\n".to_vec()),
        ("header beyond u64", b"99999999999999999999999 2\na 1 2\nb 1 2\n".to_vec()),
        ("header only", b"2 3\n".to_vec()),
        ("dimension too low", b"2 2\na 1 2 3\nb 1 2 3\n".to_vec()),
        ("dimension too high", b"2 4\na 1 2 3\nb 1 2 3\n".to_vec()),
        ("dimension 10^12", b"2 1000000000000\na 1 2 3\nb 1 2 3\n".to_vec()),
        ("dimension near the maximum of u64", b"2 18446744073709551615\na 1 2\nb 1 2\n".to_vec()),
        ("nan", b"a 1 2\nb 1 nan\n".to_vec()),
        ("infinite", b"a 1 2\nbb -inf 2\n".to_vec()),
        ("too large for f32", b"a 1 2\nb 1 1e39\n".to_vec()),
        ("binary truncated in a row", cut(binary.clone(), binary.len() - 6)),
        ("binary truncated in the first word", cut(binary.clone(), 6)),
        ("binary, header too low", [b"1 3\n".to_vec(), binary[4..].to_vec()].concat()),
        ("binary, header too high", [b"4 3\n".to_vec(), binary[4..].to_vec()].concat()),
        ("binary, header 10^12", [b"1000000000000 3\n".to_vec(), binary[4..].to_vec()].concat()),
        ("binary, dimension 10^12", [b"3 1000000000000\n".to_vec(), binary[4..].to_vec()].concat()),
        (
            "binary, sizes that overflow",
            [b"18446744073709551615 4611686018427387903\n".to_vec(), binary[4..].to_vec()].concat(),
        ),
        ("binary, header 0", [b"0 3\n".to_vec(), binary[4..].to_vec()].concat()),
        ("binary, a word without an end", long_word),
        ("binary, nan", word2vec_binary(&rows(&[("a", &[1.0, 2.0]), ("b", &[0.0, f32::NAN])]), b"\n")),
        ("binary, a word of 100 MB", [b"1 1\n".to_vec(), vec![b'w'; 100_000_000]].concat()),
        ("text truncated before the last number", b"a 1 2\nb 1".to_vec()),
        ("text truncated in the last number", b"a 1 2\nb 1 -".to_vec()),
        ("a line of 17 MiB", [b"a 1 2\n".to_vec(), noise(17 << 20), b" 1 2\n".to_vec()].concat()),
        ("gzip, a line of 17 MiB", gzip(&[b"a 1 2\n".to_vec(), noise(17 << 20), b" 1 2\n".to_vec()].concat())),
        ("gzip, a decompression bomb", gzip(&vec![b'x'; 17 << 20])),
        ("zip, a decompression bomb", zip(&[("a.txt", &vec![b'x'; 17 << 20])])),
        ("gzip, a truncated second member", [gz.clone(), cut(gz.clone(), 12)].concat()),
        ("gzip, followed by other data", [gz.clone(), b"and so on".to_vec()].concat()),
        ("gzip, a wrong checksum", changed(gz.clone(), gz.len() - 8)),
        ("zip, a wrong checksum", zip_with_entry(&glove(&small()), 16, b"\0\0\0\0")),
        ("zip, encrypted", ENCRYPTED_ZIP.to_vec()),
        ("zip, an unsupported method", zip_with_entry(b"a 1 2\n", 10, &[12])),
        ("zip without members", zip(&[])),
        ("gzip, truncated", cut(gz.clone(), gz.len() - 9)),
        ("gzip, only the first bytes", cut(gz, 5)),
        ("zip, truncated", cut(archive.clone(), archive.len() - 30)),
        ("zip, only the first bytes", cut(archive, 20)),
        (
            "PyTorch checkpoint",
            zip(&[("archive/data.pkl", b"\x80\x02"), ("archive/data/0", &[0; 64]), ("archive/version", b"3\n")]),
        ),
        ("GloVe's own .bin", (1..200).flat_map(|i| (1.0 / f64::from(i)).to_le_bytes()).collect()),
        ("pickle", b"\x80\x04\x95\x10\0\0\0\0\0\0\0cgensim\n".to_vec()),
        ("PNG", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()),
        ("fastText model, only the first bytes", b"\xba\x16\x4f\x2f\x0c\0\0\0".to_vec()),
        ("bzip2", b"BZh91AY&SY".to_vec()),
        ("only zero bytes", vec![0; 64]),
    ];
    let mut messages = String::new();
    for (name, bytes) in cases {
        let error = refusal(bytes, &ReadOptions::default());
        let message = error.split_once("vectors.bad: ").map(|(_, message)| message);
        let message = message.unwrap_or_else(|| panic!("{name}: {error:?} does not name the file"));
        messages += &format!("{name}:\n    {message}\n");
    }
    snapshot("", "files-refused", &messages);
}

/// Random letters, which do not compress well.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'a' + (state >> 24) as u8 % 26
    };
    std::iter::repeat_with(letter).take(length).collect()
}

/// The bytes with one of them changed.
fn changed(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes[at] ^= 0x55;
    bytes
}

#[test]
fn a_file_that_is_not_there_and_a_folder_are_named() {
    let folder = Folder::new();
    let error = Vectors::open(folder.path("nowhere.txt")).unwrap_err().to_string();
    assert!(error.contains("nowhere.txt: cannot open it"), "{error}");
    let error = Vectors::open(folder.path(".")).unwrap_err().to_string();
    assert!(error.contains("expected a file, found a folder"), "{error}");
}

/// Words without spaces and line feeds, and finite numbers, after a first row that settles the format.
fn tables() -> impl Strategy<Value = Vec<Row>> {
    let word = prop::collection::vec(any::<u8>(), 1..8).prop_map(|mut word| {
        word.retain(|byte| !b" \n".contains(byte));
        if word.is_empty() { b"_".to_vec() } else { word }
    });
    (1..5usize).prop_flat_map(move |dimension| {
        let number = any::<f32>().prop_filter("finite", |number| number.is_finite());
        let numbers = prop::collection::vec(number, dimension);
        prop::collection::vec((word.clone(), numbers), 0..8).prop_map(move |mut rows| {
            rows.insert(0, (b"the".to_vec(), vec![0.5; dimension]));
            rows
        })
    })
}

fn listed(table: &files::Rows) -> Listed {
    let values = table.values.chunks_exact(table.dimension);
    let bits = values.map(|row| row.iter().map(|value| value.to_bits()).collect());
    table.words.iter().map(<[u8]>::to_vec).zip(bits).collect()
}

/// Words with the bits of their numbers.
type Listed = Vec<(Vec<u8>, Vec<u32>)>;

/// The result of reading: rows and messages, or the error without the file's name.
type Outcome = Result<(Listed, String), String>;

/// Reads all bytes at once.
fn whole(bytes: &[u8], options: &ReadOptions) -> Outcome {
    files::parse(bytes, options).map(|(rows, format)| told(&rows, format)).map_err(|e| e.to_string())
}

/// Reads the same bytes while they are being decompressed.
fn streamed(bytes: &[u8], options: &ReadOptions) -> Outcome {
    match files::read_bytes(gzip(bytes), "packed", options) {
        Ok((files::Contents::Rows(rows, _), source)) => Ok(told(&rows, source.format)),
        Ok((files::Contents::Table(_), _)) => Err("a table".to_owned()),
        Err(error) => Err(error.to_string().replacen("packed: ", "", 1)),
    }
}

fn told(rows: &files::Rows, format: Format) -> (Listed, String) {
    (listed(rows), format!("{format} {} {:?} {:?}", rows.dimension, rows.skipped, rows.warnings))
}

/// Files of more than two of the pieces that are parsed in parallel.
fn large(which: usize) -> Vec<u8> {
    let rows: Vec<Row> = (0..90_000)
        .map(|i: i32| (format!("word{i}").into_bytes(), vec![i as f32 / 7.0, 0.25, -1.0 / (i as f32 + 1.0)]))
        .collect();
    match which {
        0 => glove(&rows),
        1 => word2vec_text(&rows),
        2 => word2vec_binary(&rows, b"\n"),
        _ => word2vec_binary(&rows, b""),
    }
}

/// Changes some bytes, then cuts.
fn alter(bytes: &mut Vec<u8>, changes: &[(prop::sample::Index, u8)], cut: Option<prop::sample::Index>) {
    for (place, byte) in changes {
        let place = place.index(bytes.len());
        bytes[place] = *byte;
    }
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn large_files_read_the_same_from_a_stream(
        which in 0..4usize,
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), prop::sample::select(b"\n\n\n \r1x.-\0\xff".to_vec()), 1..4usize),
            0..6,
        ),
        line_feeds in prop::option::of((any::<prop::sample::Index>(), 1..(3usize << 20))),
        cut in prop::option::of(any::<prop::sample::Index>()),
        skip_bad_rows in any::<bool>(),
        allow_nonfinite in any::<bool>(),
    ) {
        let mut bytes = large(which);
        for (place, byte, length) in changes {
            let place = place.index(bytes.len() - length);
            bytes[place..place + length].fill(byte);
        }
        if let Some((place, length)) = line_feeds {
            // At the end they are ignored, elsewhere they are empty lines.
            let place = if length % 2 == 0 { bytes.len() } else { place.index(bytes.len()) };
            bytes.splice(place..place, vec![b'\n'; length]);
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let options = ReadOptions { skip_bad_rows, allow_nonfinite, ..ReadOptions::default() };
        let (whole, streamed) = (whole(&bytes, &options), streamed(&bytes, &options));
        // Without the rows, which are too many to print.
        prop_assert!(whole == streamed, "{:?} {:?}", whole.map(|(_, told)| told), streamed.map(|(_, told)| told));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn any_table_comes_back_bit_by_bit_from_every_format(rows in tables()) {
        let expected: Vec<(Vec<u8>, Vec<u32>)> = rows
            .iter()
            .map(|(word, numbers)| (word.clone(), numbers.iter().map(|n| n.to_bits()).collect()))
            .collect();
        for (format, bytes) in [
            (Format::Glove, glove(&rows)),
            (Format::Word2vecText, word2vec_text(&rows)),
            (Format::Word2vecBinary, word2vec_binary(&rows, b"\n")),
            (Format::Word2vecBinary, word2vec_binary(&rows, b"")),
        ] {
            let (read, found) = files::parse(&bytes, &ReadOptions::default()).unwrap();
            prop_assert_eq!(found, format);
            prop_assert_eq!(listed(&read), expected.clone());
        }
    }

    #[test]
    fn altered_bytes_read_the_same_from_a_stream(
        which in 0..4usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
        (allow_nonfinite, skip_bad_rows) in any::<(bool, bool)>(),
        asked in prop::option::of(prop::sample::select(vec![Format::Glove, Format::Word2vecText, Format::Word2vecBinary])),
    ) {
        let mut bytes = match which {
            0 => glove(&small()),
            1 => word2vec_text(&small()),
            2 => word2vec_binary(&small(), b"\n"),
            _ => word2vec_binary(&small(), b""),
        };
        alter(&mut bytes, &changes, cut);
        let options = ReadOptions { format: asked, allow_nonfinite, skip_bad_rows, ..ReadOptions::default() };
        prop_assert_eq!(whole(&bytes, &options), streamed(&bytes, &options));
    }

    #[test]
    fn altered_bytes_never_make_a_reader_panic(
        which in 0..7usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
        (allow_nonfinite, skip_bad_rows) in any::<(bool, bool)>(),
        asked in prop::option::of(prop::sample::select(Format::ALL.to_vec())),
    ) {
        let text = glove(&small());
        let mut bytes = match which {
            0 => text,
            1 => word2vec_text(&small()),
            2 => word2vec_binary(&small(), b"\n"),
            3 => word2vec_binary(&small(), b""),
            4 => gzip(&text),
            5 => zip(&[("a.txt", &text)]),
            _ => zip(&[("d/", b""), ("d/a.txt", &text), ("b.txt", &text)]),
        };
        alter(&mut bytes, &changes, cut);
        let options = ReadOptions { format: asked, allow_nonfinite, skip_bad_rows, ..ReadOptions::default() };
        let folder = Folder::new();
        if let Ok((files::Contents::Rows(read, _), _)) = files::read(&folder.file("altered", &bytes), &options) {
            prop_assert!(read.dimension > 0 && !read.words.is_empty());
            prop_assert_eq!(read.values.len(), read.words.len() * read.dimension);
            prop_assert!(allow_nonfinite || read.values.iter().all(|value| value.is_finite()));
        }
    }
}
