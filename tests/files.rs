//! Vector files through the public API: every format in every compression, and unusual words. Refused files are in
//! `files_refused.rs`.

use crate::common::{
    Folder, Row, fixture, glove, gzip, refusal, rows, small, word2vec_binary, word2vec_text, zip, zip_with_entry,
};
use vocable::Vectors;
use vocable::files::{Compression, Format, ReadOptions};
use vocable::query::NearestOptions;

fn opened(bytes: impl AsRef<[u8]>) -> Vectors {
    opened_with(bytes, &ReadOptions::default())
}

fn opened_with(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> Vectors {
    let folder = Folder::new();
    Vectors::open_with(folder.file("vectors", bytes), options).unwrap()
}

fn as_format(format: Format) -> ReadOptions {
    ReadOptions { format: Some(format), ..ReadOptions::default() }
}

fn from_member(name: &str) -> ReadOptions {
    ReadOptions { member: Some(name.to_owned()), ..ReadOptions::default() }
}

#[track_caller]
fn holds(vectors: &Vectors, expected: &[Row]) {
    let found: Vec<Row> = vectors.iter().map(|(w, v)| (w.to_vec(), v.to_vec())).collect();
    assert_eq!(found, expected);
    for (row, (word, _)) in (0..).zip(expected) {
        assert_eq!(vectors.row_of(word), Some(row), "{word:?} is not found at its row");
    }
}

#[test]
fn every_format_reads_the_same_in_every_wrapping() {
    let rows = small();
    let plain = [
        (Format::Glove, glove(&rows)),
        (Format::Word2vecText, word2vec_text(&rows)),
        (Format::Word2vecBinary, word2vec_binary(&rows, b"\n")),
        (Format::Word2vecBinary, word2vec_binary(&rows, b"")),
    ];
    for (format, bytes) in plain {
        let wrapped = [
            (Compression::None, bytes.clone()),
            (Compression::Gzip, gzip(&bytes)),
            (Compression::Zip, zip(&[("vectors.txt", &bytes)])),
        ];
        for (compression, on_disk) in wrapped {
            let vectors = opened(&on_disk);
            holds(&vectors, &rows);
            let source = vectors.source();
            assert_eq!((source.format, source.compression), (format, compression));
            assert_eq!(source.bytes, on_disk.len() as u64);
            assert!(vectors.load_report().warnings.is_empty(), "{:?}", vectors.load_report());
            holds(&opened_with(&on_disk, &as_format(format)), &rows);
        }
    }
}

#[test]
fn a_gzip_file_of_several_members_is_read_whole() {
    let bytes = glove(&small());
    let (head, tail) = bytes.split_at(20);
    holds(&opened([gzip(head), gzip(tail)].concat()), &small());
}

#[test]
fn the_chosen_format_wins_over_detection() {
    // By detection the first line is a header; as GloVe text it is a word and its number.
    let bytes = b"2 1\n7 1\n8 2\n";
    assert_eq!(opened(bytes).source().format, Format::Word2vecText);
    let asked = opened_with(bytes, &as_format(Format::Glove));
    holds(&asked, &rows(&[("2", &[1.0]), ("7", &[1.0]), ("8", &[2.0])]));
    assert!(refusal(glove(&small()), &as_format(Format::Word2vecText)).contains("if the file has no header"));
    assert!(refusal(glove(&small()), &as_format(Format::Word2vecBinary)).contains("a header line"));
}

#[test]
fn binary_numbers_that_look_like_a_line_of_text_do_not_hide_the_format() {
    // 0x3f0a3120 is 0.5398: its bytes are a space, a digit, a line feed and one more.
    let looks_like_text = f32::from_bits(0x3f0a_3120);
    let rows: Vec<Row> = (0..200u32)
        .map(|i| (format!("w{i}").into_bytes(), vec![looks_like_text, i as f32, 1.0 / (i as f32 + 3.0)]))
        .collect();
    let vectors = opened(word2vec_binary(&rows, b"\n"));
    assert_eq!(vectors.source().format, Format::Word2vecBinary);
    holds(&vectors, &rows);
}

#[test]
fn a_number_that_reads_as_the_only_one_of_a_row_does_not_hide_the_format() {
    // Its bytes are a digit and a line feed, then two more.
    let looks_like_text = f32::from_bits(0xfcc8_0a39);
    let rows: Vec<Row> = vec![(b"the".to_vec(), vec![0.5]), (b"\0".to_vec(), vec![looks_like_text])];
    let vectors = opened(word2vec_binary(&rows, b""));
    assert_eq!(vectors.source().format, Format::Word2vecBinary);
    holds(&vectors, &rows);
}

#[test]
fn an_archive_of_several_files_lists_them_and_takes_the_one_named() {
    let (first, second) = (glove(&small()), word2vec_text(&small()[..1]));
    let bytes = zip(&[
        ("glove/", b""),
        ("glove/a.50d.txt", &first),
        ("__MACOSX/glove/._a.50d.txt", b"\0\x05\x16"),
        ("b.vec", &second),
    ]);
    let error = refusal(&bytes, &ReadOptions::default());
    assert!(error.contains("found 2 files: glove/a.50d.txt, b.vec"), "{error}");
    assert!(error.contains("`glove/a.50d.txt`"), "{error}");
    holds(&opened_with(&bytes, &from_member("glove/a.50d.txt")), &small());
    holds(&opened_with(&bytes, &from_member("b.vec")), &small()[..1]);
    let error = refusal(&bytes, &from_member("a.50d.txt"));
    assert!(error.contains("`a.50d.txt`") && error.contains("glove/a.50d.txt, b.vec"), "{error}");
}

#[test]
fn folders_and_what_macos_adds_do_not_make_a_single_file_ambiguous() {
    let text = glove(&small());
    let bytes = zip(&[("d/", b""), ("__MACOSX/", b""), ("__MACOSX/d/._a", b"\0"), ("d/a.txt", &text)]);
    holds(&opened(bytes), &small());
    let error = refusal(zip(&[("d/", b"")]), &ReadOptions::default());
    assert!(error.contains("a zip archive with a file in it"), "{error}");
    let error = refusal(zip(&[("m/data.pkl", b"x"), ("m/version", b"3")]), &ReadOptions::default());
    assert!(error.contains("a PyTorch checkpoint"), "{error}");
}

#[test]
fn the_sizes_in_an_archives_list_of_members_are_not_believed() {
    // Compressed, then decompressed.
    for at in [20, 24] {
        holds(&opened(zip_with_entry(&glove(&small()), at, &[0xff, 0xff, 0xff])), &small());
    }
}

#[test]
fn a_member_of_a_file_that_is_not_an_archive_is_refused() {
    for bytes in [glove(&small()), gzip(&glove(&small()))] {
        let error = refusal(bytes, &from_member("a.txt"));
        assert!(error.contains("a member can only be chosen from a zip archive"), "{error}");
    }
}

#[test]
fn only_the_byte_0x20_separates_fields() {
    let words: [&[u8]; 9] = [
        b". . .",
        b"a\tb",
        "a\u{a0}b".as_bytes(),
        "a\u{85}b".as_bytes(),
        "\u{3000}".as_bytes(),
        b"at name@domain.com",
        b"a\rb",
        b"a\x0bb\x0c",
        b"plain",
    ];
    let rows: Vec<Row> = words.iter().map(|word| (word.to_vec(), vec![0.5, -0.25])).collect();
    holds(&opened(glove(&rows)), &rows);
    holds(&opened(word2vec_text(&rows)), &rows);
    // A carriage return at the end of a line is part of the line end, not of the number.
    let crlf = glove(&rows).into_iter().flat_map(|b| if b == b'\n' { b"\r\n".to_vec() } else { vec![b] });
    holds(&opened(crlf.collect::<Vec<u8>>()), &rows);
}

#[test]
fn words_that_are_not_utf8_keep_their_own_rows() {
    let rows: Vec<Row> = vec![
        (b"\xff".to_vec(), vec![1.0, 0.0]),
        (b"\xfe".to_vec(), vec![0.0, 1.0]),
        ("\u{fffd}".as_bytes().to_vec(), vec![1.0, 1.0]),
        (b"caf\xe9".to_vec(), vec![2.0, 1.0]),
    ];
    for bytes in [glove(&rows), word2vec_text(&rows), word2vec_binary(&rows, b"\n")] {
        let vectors = opened(bytes);
        holds(&vectors, &rows);
        assert_eq!(vectors.non_utf8_words(), 3);
        assert_eq!(vectors.load_report().duplicates, 0);
        assert_eq!(vectors.word(3), "caf\u{fffd}");
        let told = vectors.load_report().warnings.iter().filter(|w| w.contains("not UTF-8")).count();
        assert_eq!(told, 1);
    }
}

#[test]
fn the_first_row_of_a_repeated_word_is_kept() {
    let repeated = rows(&[
        ("a", &[1.0, 2.0]),
        ("b", &[3.0, 4.0]),
        ("a", &[5.0, 6.0]),
        ("c", &[7.0, 8.0]),
        ("b", &[9.0, 1.0]),
        ("a", &[1.0, 1.0]),
        ("A", &[2.0, 2.0]),
    ]);
    let kept = rows(&[("a", &[1.0, 2.0]), ("b", &[3.0, 4.0]), ("c", &[7.0, 8.0]), ("A", &[2.0, 2.0])]);
    for bytes in [glove(&repeated), word2vec_text(&repeated), word2vec_binary(&repeated, b"\n")] {
        let vectors = opened(bytes);
        holds(&vectors, &kept);
        assert_eq!(vectors.load_report().duplicates, 3);
        let told: Vec<&String> = vectors.load_report().warnings.iter().collect();
        assert_eq!(told, ["3 rows were dropped: an earlier row has the same word"]);
        assert_eq!(vectors.norm(2), Some(113f32.sqrt()), "norms belong to the rows that stayed");
    }
}

#[test]
fn line_ends_trailing_spaces_and_a_byte_order_mark_change_no_row() {
    let expected = rows(&[("a", &[1.0, 2.5]), ("b", &[-3.0, 0.5])]);
    let texts: [&[u8]; 8] = [
        b"a 1 2.5 \nb -3 0.5 \n",
        b"a 1 2.5\r\nb -3 0.5\r\n",
        b"a 1 2.5 \r\nb -3 0.5   \r\n",
        b"a 1 2.5\nb -3 0.5\n\n\n",
        b"a 1 2.5\r\nb -3 0.5\r\n\r\n",
        b"\xef\xbb\xbfa 1 2.5\nb -3 0.5\n",
        b"\xef\xbb\xbf2 2\r\na 1 2.5 \r\nb -3 0.5\r\n",
        b"2 2 \na +1 25e-1\nb -3. .5\n",
    ];
    for text in texts {
        let vectors = opened(text);
        holds(&vectors, &expected);
        let told = vectors.load_report().warnings.iter().filter(|w| w.contains("byte-order mark")).count();
        assert_eq!(told, usize::from(text.starts_with(b"\xef\xbb\xbf")));
        assert_eq!(vectors.load_report().warnings.len(), told);
    }
}

#[test]
fn a_missing_final_line_feed_is_reported_because_a_number_may_be_cut() {
    for text in ["a 1 2\nb 3 4", "2 2\na 1 2\nb 3 4", "a 1 2\r\nb 3 4\r"] {
        let vectors = opened(text);
        holds(&vectors, &rows(&[("a", &[1.0, 2.0]), ("b", &[3.0, 4.0])]));
        let warnings = &vectors.load_report().warnings;
        assert!(warnings.len() == 1 && warnings[0].contains("does not end with a line feed"), "{warnings:?}");
    }
}

#[test]
fn words_may_be_numbers_and_the_dimension_may_be_one() {
    let numeric = rows(&[("1", &[0.5, 2.0]), ("66", &[1.5, 3.0]), ("-0.5", &[1.0, 2.0]), ("nan", &[0.0, 1.0])]);
    holds(&opened(glove(&numeric)), &numeric);
    holds(&opened(word2vec_text(&numeric)), &numeric);
    let one = rows(&[("10", &[5.0]), ("a", &[0.5]), ("b", &[-1.0])]);
    assert_eq!(opened(glove(&one)).source().format, Format::Glove);
    for bytes in [glove(&one), word2vec_text(&one), word2vec_binary(&one, b"\n"), word2vec_binary(&one, b"")] {
        holds(&opened(bytes), &one);
    }
    // An integer before decimals belongs to the word: the vectors of this file have no integers.
    let spaced = rows(&[("a", &[0.5, 0.25]), ("route 66", &[0.125, 0.75])]);
    holds(&opened(glove(&spaced)), &spaced);
}

#[test]
fn non_finite_rows_are_kept_on_request_and_rank_last() {
    let rows = rows(&[
        ("inf", &[f32::INFINITY, 0.0]),
        ("a", &[1.0, 0.0]),
        ("nan", &[f32::NAN, 1.0]),
        ("far", &[-1.0, 0.0]),
        ("near", &[1.0, 0.1]),
    ]);
    let options = ReadOptions { allow_nonfinite: true, ..ReadOptions::default() };
    for bytes in [glove(&rows), word2vec_text(&rows), word2vec_binary(&rows, b"\n")] {
        let vectors = opened_with(bytes, &options);
        assert_eq!(vectors.len(), 5);
        let answers = vectors.nearest(&["a"], &[] as &[&str], &NearestOptions::default()).unwrap();
        let order: Vec<_> = answers.iter().map(|answer| vectors.word(answer.row)).collect();
        assert_eq!(order, ["near", "far", "inf", "nan"]);
        assert!(answers[2].score.is_nan() && answers[3].score.is_nan());
        assert!(vectors.similarity("a", "nan").unwrap_err().is_unanswered());
    }
}

fn skipping() -> ReadOptions {
    ReadOptions { skip_bad_rows: true, ..ReadOptions::default() }
}

#[test]
fn bad_rows_are_skipped_and_reported_on_request() {
    let text = b"a 1 2\nshort 1\n\nb 3 4\nlong 1 2 3\nword 1 x\nnot finite 1 inf\nc 5 6\nd 7\n";
    let with_header = [b"12 2\n".to_vec(), text.to_vec()].concat();
    let kept = rows(&[("a", &[1.0, 2.0]), ("b", &[3.0, 4.0]), ("c", &[5.0, 6.0])]);
    for (bytes, first_line) in [(text.to_vec(), 1), (with_header, 2)] {
        for wrapped in [bytes.clone(), gzip(&bytes), zip(&[("a.txt", &bytes)])] {
            let vectors = opened_with(&wrapped, &skipping());
            holds(&vectors, &kept);
            let skipped = &vectors.load_report().skipped;
            let places: Vec<String> = skipped.examples.iter().map(|example| example.place.to_string()).collect();
            let line = |line: u64| format!("line {}", line + first_line);
            assert_eq!(skipped.rows, 6);
            let expected =
                [line(1) + ": ", line(2) + ": ", line(4) + ": ", line(5) + ", column 8: ", line(6) + ", column 14: "];
            assert_eq!(places, expected, "the first five");
            let warnings = &vectors.load_report().warnings;
            let told = format!(
                "6 rows were skipped; the first: {}: expected a word and 2 numbers, found 1 in `short 1`",
                line(1)
            );
            assert_eq!(warnings.last(), Some(&told));
            let about_header = warnings.iter().any(|w| w == "the header announces 12 rows, but 9 lines follow");
            assert_eq!((about_header, warnings.len()), (first_line == 2, first_line as usize), "{warnings:?}");
        }
    }
    let allowed = ReadOptions { allow_nonfinite: true, ..skipping() };
    assert_eq!(opened_with(text, &allowed).load_report().skipped.rows, 5);
    // Without bad rows nothing changes.
    let vectors = opened_with(glove(&small()), &skipping());
    holds(&vectors, &small());
    assert!(vectors.load_report().warnings.is_empty() && vectors.load_report().skipped.rows == 0);
}

#[test]
fn gaps_of_skipped_rows_are_closed_in_a_text_of_many_pieces() {
    let is_bad = |i: u32| i.is_multiple_of(7919) || (60_000..100_000).contains(&i);
    let row = |i: u32| if is_bad(i) { format!("word{i} 1\n") } else { format!("word{i} {i} 0.{i}\n") };
    let text: String = (0..150_000).map(row).collect();
    assert!(text.len() > 2 << 20);
    for bytes in [text.clone().into_bytes(), gzip(text.as_bytes())] {
        let vectors = opened_with(bytes, &skipping());
        let kept: Vec<u32> = (0..150_000).filter(|&i| !is_bad(i)).collect();
        assert_eq!(vectors.len(), kept.len());
        assert_eq!(vectors.load_report().skipped.rows as usize, 150_000 - kept.len());
        for (i, (word, numbers)) in kept.iter().zip(vectors.iter()) {
            assert_eq!((word, numbers[0]), (format!("word{i}").as_bytes(), *i as f32));
        }
    }
}

#[test]
fn bad_binary_rows_are_skipped_on_request() {
    let with_nan = rows(&[("a", &[1.0, 2.0]), ("b", &[f32::NAN, 4.0]), ("c", &[5.0, 6.0]), ("d", &[7.0, 8.0])]);
    let kept = [with_nan[0].clone(), with_nan[2].clone(), with_nan[3].clone()];
    let bytes = word2vec_binary(&with_nan, b"\n");
    // (bytes, number of kept rows, messages)
    let cases = [
        (
            bytes.clone(),
            3,
            vec!["1 row was skipped; the first: row 2 (byte 17): expected a finite number (1 of 2), found NaN"],
        ),
        (
            bytes[..bytes.len() - 5].to_vec(),
            2,
            vec![
                "the file is truncated: it has 3 complete rows of the 4 in its header",
                "1 row was skipped; the first: row 2 (byte 17): expected a finite number (1 of 2), found NaN",
            ],
        ),
        (
            [b"1".to_vec(), bytes[1..].to_vec()].concat(),
            1,
            vec!["34 bytes follow the last row: the number of rows or the dimension in the header is wrong"],
        ),
    ];
    for (bytes, rows, told) in cases {
        for wrapped in [bytes.clone(), gzip(&bytes), zip(&[("a.bin", &bytes)])] {
            let vectors = opened_with(wrapped, &skipping());
            holds(&vectors, &kept[..rows]);
            assert_eq!(vectors.load_report().warnings, told);
        }
    }
}

#[test]
fn a_file_without_a_good_row_is_refused_all_the_same() {
    for bytes in
        [&b"2 3\na 1 2\nb 1 2\n"[..], b"a nan\nb inf\n", b"1 2\na \0\0\xc0\x7f\0\0\0\0", b"2 2\na \0\0\0", b"\n\n"]
    {
        for wrapped in [bytes.to_vec(), gzip(bytes)] {
            refusal(&wrapped, &skipping());
        }
    }
    let error = refusal(b"2 3\na 1 2\nb 1 2\n", &skipping());
    assert!(error.contains("no row can be read: 2 rows were skipped"), "{error}");
    assert!(error.contains("the first: line 2: expected a word and 3 numbers, found 2 in `a 1 2`"), "{error}");
}

#[test]
fn zero_rows_are_counted_and_have_no_direction() {
    let rows = rows(&[("zero", &[0.0, -0.0]), ("a", &[1.0, 0.0]), ("b", &[-1.0, 0.0])]);
    for bytes in [glove(&rows), word2vec_binary(&rows, b"")] {
        let vectors = opened(bytes);
        assert_eq!(vectors.zero_rows(), 1);
        let answers = vectors.nearest(&["a"], &[] as &[&str], &NearestOptions::default()).unwrap();
        assert_eq!(answers.iter().map(|answer| answer.row).collect::<Vec<_>>(), [2, 0]);
        let error = vectors.nearest(&["zero"], &[] as &[&str], &NearestOptions::default()).unwrap_err();
        assert!(error.is_unanswered() && error.to_string().contains("zero or not finite"), "{error}");
    }
}

#[test]
fn the_unknown_vector_is_the_row_of_unk_in_brackets_or_the_mean() {
    // GloVe's plain `unk` is an ordinary word.
    let plain = rows(&[("unk", &[1.0, 4.0]), ("a", &[3.0, -2.0])]);
    assert_eq!(opened(glove(&plain)).unknown_vector(), [2.0, 1.0]);
    let marked = rows(&[("unk", &[1.0, 4.0]), ("<unk>", &[0.25, 0.5])]);
    assert_eq!(opened(glove(&marked)).unknown_vector(), [0.25, 0.5]);
}

/// A minimal reader of GloVe text: split, count from the right, `str::parse`.
fn reference(text: &[u8], dimension: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let fields: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
        let (word, numbers) = fields.split_at(fields.len() - dimension);
        let parse = |field: &&[u8]| std::str::from_utf8(field).unwrap().parse().unwrap();
        rows.push((word.join(&b' '), numbers.iter().map(parse).collect()));
    }
    rows
}

#[test]
fn the_demo_vectors_read_as_a_plain_reader_reads_them() {
    let text = std::fs::read(fixture("demo.50d.txt")).unwrap();
    let expected = reference(&text, 50);
    assert_eq!(expected.len(), 2500);
    holds(&Vectors::open(fixture("demo.50d.txt")).unwrap(), &expected);
    holds(&Vectors::demo().unwrap(), &expected);
}

#[test]
fn a_text_of_many_pieces_keeps_its_order_and_its_line_numbers() {
    // More than two of the 1 MiB pieces that are parsed in parallel.
    let mut text: Vec<u8> = (0..150_000u32).flat_map(|i| format!("word{i} {i} 0.{i}\n").into_bytes()).collect();
    assert!(text.len() > 3 << 20);
    let vectors = opened(&text);
    assert_eq!(vectors.len(), 150_000);
    for i in [0, 1, 40_000, 77_777, 149_999u32] {
        assert_eq!(vectors.row_of(format!("word{i}")), Some(i));
        assert_eq!(vectors.row(i).unwrap()[0], i as f32);
    }
    text.extend_from_slice(b"word 1 nan\nword 1\n");
    let error = refusal(&text, &ReadOptions::default());
    assert!(error.contains("line 150001, column 8"), "{error}");
}
