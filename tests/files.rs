//! Files of vectors through the public face: every format in every wrapping, odd words, and what is refused.

mod common;

use common::{Folder, Row, fixture, glove, gzip, rows, word2vec_binary, word2vec_text, zip};
use proptest::prelude::*;
use vocable::Vectors;
use vocable::files::{self, Format, ReadOptions, Wrapping};
use vocable::query::NearestOptions;

fn small() -> Vec<Row> {
    rows(&[
        ("king", &[0.5, -1.25, 3.0]),
        ("queen", &[1e-3, 2.0, -0.75]),
        ("x", &[9.0, 8.5, 7.0]),
    ])
}

fn opened(bytes: impl AsRef<[u8]>) -> Vectors {
    opened_with(bytes, &ReadOptions::default())
}

fn opened_with(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> Vectors {
    let folder = Folder::new();
    Vectors::open_with(folder.file("vectors", bytes), options).unwrap()
}

fn refusal(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> String {
    let folder = Folder::new();
    let path = folder.file("vectors.bad", bytes);
    let error = Vectors::open_with(&path, options)
        .expect_err("these bytes must be refused")
        .to_string();
    assert!(!error.contains('\n'), "more than a line: {error}");
    error
}

fn as_format(format: Format) -> ReadOptions {
    ReadOptions {
        format: Some(format),
        ..ReadOptions::default()
    }
}

fn from_member(name: &str) -> ReadOptions {
    ReadOptions {
        member: Some(name.to_owned()),
        ..ReadOptions::default()
    }
}

#[track_caller]
fn holds(vectors: &Vectors, expected: &[Row]) {
    let found: Vec<Row> = vectors
        .iter()
        .map(|(w, v)| (w.to_vec(), v.to_vec()))
        .collect();
    assert_eq!(found, expected);
    for (row, (word, _)) in (0..).zip(expected) {
        assert_eq!(
            vectors.row_of(word),
            Some(row),
            "{word:?} is not found at its row"
        );
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
            (Wrapping::Plain, bytes.clone()),
            (Wrapping::Gzip, gzip(&bytes)),
            (Wrapping::Zip, zip(&[("vectors.txt", &bytes)])),
        ];
        for (wrapping, on_disk) in wrapped {
            let vectors = opened(&on_disk);
            holds(&vectors, &rows);
            let source = vectors.source();
            assert_eq!((source.format, source.wrapping), (format, wrapping));
            assert_eq!(source.bytes, on_disk.len() as u64);
            assert!(
                vectors.findings().warnings.is_empty(),
                "{:?}",
                vectors.findings()
            );
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
fn the_format_asked_for_wins_over_the_content() {
    // By content the first line is a header; as GloVe text it is a word and its number.
    let bytes = b"2 1\n7 1\n8 2\n";
    assert_eq!(opened(bytes).source().format, Format::Word2vecText);
    let asked = opened_with(bytes, &as_format(Format::Glove));
    holds(
        &asked,
        &rows(&[("2", &[1.0]), ("7", &[1.0]), ("8", &[2.0])]),
    );
    assert!(refusal(glove(&small()), &as_format(Format::Word2vecText)).contains("--format glove"));
    assert!(refusal(glove(&small()), &as_format(Format::Word2vecBinary)).contains("a header line"));
}

#[test]
fn binary_numbers_that_look_like_a_line_of_text_do_not_hide_the_format() {
    // 0x3f0a3120 is 0.5398: its bytes are a space, a digit, a line feed and one more.
    let looks_like_text = f32::from_bits(0x3f0a_3120);
    let rows: Vec<Row> = (0..200u32)
        .map(|i| {
            (
                format!("w{i}").into_bytes(),
                vec![looks_like_text, i as f32, 1.0 / (i as f32 + 3.0)],
            )
        })
        .collect();
    let vectors = opened(word2vec_binary(&rows, b"\n"));
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
    assert!(error.contains("found 2: glove/a.50d.txt, b.vec"), "{error}");
    assert!(error.contains("--member glove/a.50d.txt"), "{error}");
    holds(
        &opened_with(&bytes, &from_member("glove/a.50d.txt")),
        &small(),
    );
    holds(&opened_with(&bytes, &from_member("b.vec")), &small()[..1]);
    let error = refusal(&bytes, &from_member("a.50d.txt"));
    assert!(
        error.contains("`a.50d.txt`") && error.contains("glove/a.50d.txt, b.vec"),
        "{error}"
    );
}

#[test]
fn folders_and_what_macos_adds_do_not_make_a_single_file_ambiguous() {
    let text = glove(&small());
    let bytes = zip(&[
        ("d/", b""),
        ("__MACOSX/", b""),
        ("__MACOSX/d/._a", b"\0"),
        ("d/a.txt", &text),
    ]);
    holds(&opened(bytes), &small());
    let error = refusal(zip(&[("d/", b"")]), &ReadOptions::default());
    assert!(error.contains("a zip archive with a file in it"), "{error}");
    let error = refusal(
        zip(&[("m/data.pkl", b"x"), ("m/version", b"3")]),
        &ReadOptions::default(),
    );
    assert!(error.contains("a PyTorch checkpoint"), "{error}");
}

#[test]
fn a_member_of_a_file_that_is_no_archive_is_refused() {
    for bytes in [glove(&small()), gzip(&glove(&small()))] {
        let error = refusal(bytes, &from_member("a.txt"));
        assert!(
            error.contains("--member") && error.contains("zip"),
            "{error}"
        );
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
    let rows: Vec<Row> = words
        .iter()
        .map(|word| (word.to_vec(), vec![0.5, -0.25]))
        .collect();
    holds(&opened(glove(&rows)), &rows);
    holds(&opened(word2vec_text(&rows)), &rows);
    // The last carriage return of a line is its end, however, not the number's.
    let crlf = glove(&rows).into_iter().flat_map(|b| {
        if b == b'\n' {
            b"\r\n".to_vec()
        } else {
            vec![b]
        }
    });
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
    for bytes in [
        glove(&rows),
        word2vec_text(&rows),
        word2vec_binary(&rows, b"\n"),
    ] {
        let vectors = opened(bytes);
        holds(&vectors, &rows);
        assert_eq!(vectors.findings().non_utf8, 3);
        assert_eq!(vectors.findings().duplicates, 0);
        assert_eq!(vectors.word(3), "caf\u{fffd}");
        let told = vectors
            .findings()
            .warnings
            .iter()
            .filter(|w| w.contains("not UTF-8"))
            .count();
        assert_eq!(told, 1);
    }
}

#[test]
fn of_a_word_that_comes_again_the_first_row_stays() {
    let repeated = rows(&[
        ("a", &[1.0, 2.0]),
        ("b", &[3.0, 4.0]),
        ("a", &[5.0, 6.0]),
        ("c", &[7.0, 8.0]),
        ("b", &[9.0, 1.0]),
        ("a", &[1.0, 1.0]),
        ("A", &[2.0, 2.0]),
    ]);
    let kept = rows(&[
        ("a", &[1.0, 2.0]),
        ("b", &[3.0, 4.0]),
        ("c", &[7.0, 8.0]),
        ("A", &[2.0, 2.0]),
    ]);
    for bytes in [
        glove(&repeated),
        word2vec_text(&repeated),
        word2vec_binary(&repeated, b"\n"),
    ] {
        let vectors = opened(bytes);
        holds(&vectors, &kept);
        assert_eq!(vectors.findings().duplicates, 3);
        let told: Vec<&String> = vectors.findings().warnings.iter().collect();
        assert_eq!(
            told,
            ["3 rows were dropped: an earlier row has the same word"]
        );
        assert_eq!(
            vectors.norm(2),
            Some(113f32.sqrt()),
            "norms belong to the rows that stayed"
        );
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
        let told = vectors
            .findings()
            .warnings
            .iter()
            .filter(|w| w.contains("byte-order mark"))
            .count();
        assert_eq!(told, usize::from(text.starts_with(b"\xef\xbb\xbf")));
        assert_eq!(vectors.findings().warnings.len(), told);
    }
}

#[test]
fn a_missing_final_line_feed_is_told_because_a_number_may_be_cut() {
    for text in ["a 1 2\nb 3 4", "2 2\na 1 2\nb 3 4", "a 1 2\r\nb 3 4\r"] {
        let vectors = opened(text);
        holds(&vectors, &rows(&[("a", &[1.0, 2.0]), ("b", &[3.0, 4.0])]));
        let warnings = &vectors.findings().warnings;
        assert!(
            warnings.len() == 1 && warnings[0].contains("final line feed"),
            "{warnings:?}"
        );
    }
}

#[test]
fn words_may_be_numbers_and_the_dimension_may_be_one() {
    let numeric = rows(&[
        ("1", &[0.5, 2.0]),
        ("66", &[1.5, 3.0]),
        ("-0.5", &[1.0, 2.0]),
        ("nan", &[0.0, 1.0]),
    ]);
    holds(&opened(glove(&numeric)), &numeric);
    holds(&opened(word2vec_text(&numeric)), &numeric);
    let one = rows(&[("10", &[5.0]), ("a", &[0.5]), ("b", &[-1.0])]);
    assert_eq!(opened(glove(&one)).source().format, Format::Glove);
    for bytes in [
        glove(&one),
        word2vec_text(&one),
        word2vec_binary(&one, b"\n"),
        word2vec_binary(&one, b""),
    ] {
        holds(&opened(bytes), &one);
    }
    // A whole number before decimals belongs to the word: no vector of this file is written so.
    let spaced = rows(&[("a", &[0.5, 0.25]), ("route 66", &[0.125, 0.75])]);
    holds(&opened(glove(&spaced)), &spaced);
}

#[test]
fn what_is_not_a_table_is_refused_and_the_error_says_where() {
    let cut = |bytes: Vec<u8>, at: usize| bytes[..at].to_vec();
    let binary = word2vec_binary(&small(), b"\n");
    let long_word = [
        b"1 1\n".to_vec(),
        vec![b'w'; 200_000],
        b" \0\0\0\0".to_vec(),
    ]
    .concat();
    let gz = gzip(&glove(&small()));
    let archive = zip(&[("a.txt", &glove(&small()))]);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", b"".to_vec(), "an empty file"),
        ("empty, gzipped", gzip(b""), "an empty file"),
        ("line feeds only", b"\n\n\n".to_vec(), "expected"),
        ("spaces only", b"   \n  \n".to_vec(), "expected"),
        (
            "prose",
            b"It was a dark night.\nAnd so on.\n".to_vec(),
            "is this a file of word vectors?",
        ),
        (
            "row too short",
            b"a 1 2 3\nb 1 2\nc 1 2 3\n".to_vec(),
            "line 2: expected a word and 3 numbers, found 2",
        ),
        (
            "row too long",
            b"a 1 2 3\nb 1 2 3 4\nc 1 2 3\n".to_vec(),
            "line 2: expected a word and 3 numbers, found 4",
        ),
        (
            "row too long, decimals",
            b"a .1 .2\nb .1 .2 .3\nc .1 .2\n".to_vec(),
            "line 2: expected a word and 2 numbers",
        ),
        (
            "row too long, exponent",
            b"a .1 .2\nb 1e-05 .2 .3\nc .1 .2\n".to_vec(),
            "line 2: expected a word and 2 numbers",
        ),
        (
            "short, then long",
            b"a 1 2 3\nb 1 2\nc 1 2 3 4\nd 1 2 3\n".to_vec(),
            "line 2: expected a word and 3 numbers",
        ),
        (
            "long, then short",
            b"a 1 2 3\nb 1 2 3 4\nc 1 2\nd 1 2 3\n".to_vec(),
            "line 2: expected a word and 3 numbers",
        ),
        (
            "first row odd",
            b"a 1 2\nb 1 2 3\nc 1 2 3\n".to_vec(),
            "line 1: expected a word and 3 numbers, found 2",
        ),
        (
            "a word and nothing",
            b"a 1 2\nb\nc 1 2\n".to_vec(),
            "line 2: expected a word and 2 numbers",
        ),
        (
            "numbers without a word",
            b"a 1 2\n1 2\nc 1 2\n".to_vec(),
            "line 2: expected a word and 2 numbers",
        ),
        (
            "empty line",
            b"a 1 2\n\nb 1 2\n".to_vec(),
            "line 2: expected a word and 2 numbers, found an empty line",
        ),
        (
            "not a number",
            b"a 1 2 3\nb 1 x 3\nc 1 2 3\n".to_vec(),
            "line 2, column 5: expected number 2 of 3, found `x`",
        ),
        (
            "two spaces",
            b"a 1 2 3\nb 1  2 3\nc 1 2 3\n".to_vec(),
            "line 2",
        ),
        (
            "decimal comma",
            b"a 1,5 2,5\nb 1,5 2,5\n".to_vec(),
            "line 1: expected a word and its numbers",
        ),
        (
            "tabs",
            b"a\t1\t2\nb\t1\t2\n".to_vec(),
            "tabs are parts of words",
        ),
        (
            "header too low",
            b"1 2\na 1 2\nb 1 2\n".to_vec(),
            "line 1: expected 1 rows, as the header says, found 2; if the file is whole, correct its first line to `2 2`",
        ),
        (
            "header too high",
            b"3 2\na 1 2\nb 1 2\n".to_vec(),
            "line 1: expected 3 rows, as the header says, found 2",
        ),
        (
            "header 0",
            b"0 2\na 1 2\n".to_vec(),
            "line 1: expected 0 rows",
        ),
        (
            "header 10^12",
            b"1000000000000 2\na 1 2\n".to_vec(),
            "line 1: expected 1000000000000 rows",
        ),
        (
            "header beyond u64",
            b"99999999999999999999999 2\na 1 2\nb 1 2\n".to_vec(),
            "line 1",
        ),
        ("header only", b"2 3\n".to_vec(), "rows of word vectors"),
        (
            "dimension too low",
            b"2 2\na 1 2 3\nb 1 2 3\n".to_vec(),
            "line 2: expected a word and 2 numbers, found 3",
        ),
        (
            "dimension too high",
            b"2 4\na 1 2 3\nb 1 2 3\n".to_vec(),
            "line 2: expected a word and 4 numbers, found 3",
        ),
        (
            "dimension 10^12",
            b"2 1000000000000\na 1 2 3\nb 1 2 3\n".to_vec(),
            "line 2: expected a word and 1000000000000 numbers",
        ),
        (
            "dimension near u64's end",
            b"2 18446744073709551615\na 1 2\nb 1 2\n".to_vec(),
            "line 2",
        ),
        (
            "nan",
            b"a 1 2\nb 1 nan\n".to_vec(),
            "line 2, column 5: expected a finite number (2 of 2), found `nan`",
        ),
        (
            "infinite",
            b"a 1 2\nbb -inf 2\n".to_vec(),
            "line 2, column 4: expected a finite number (1 of 2), found `-inf`",
        ),
        (
            "too large for f32",
            b"a 1 2\nb 1 1e39\n".to_vec(),
            "line 2, column 5: expected a finite number",
        ),
        (
            "binary cut in a row",
            cut(binary.clone(), binary.len() - 6),
            "row 3",
        ),
        (
            "binary cut in its first word",
            cut(binary.clone(), 6),
            "line 1: expected 3 rows of 3 numbers",
        ),
        (
            "binary, header too low",
            [b"1 3\n".to_vec(), binary[4..].to_vec()].concat(),
            "the header says too few rows",
        ),
        (
            "binary, header too high",
            [b"4 3\n".to_vec(), binary[4..].to_vec()].concat(),
            "4 rows",
        ),
        (
            "binary, header 10^12",
            [b"1000000000000 3\n".to_vec(), binary[4..].to_vec()].concat(),
            "too few for them",
        ),
        (
            "binary, dimension 10^12",
            [b"3 1000000000000\n".to_vec(), binary[4..].to_vec()].concat(),
            "too few for them",
        ),
        (
            "binary, sizes that overflow",
            [
                b"18446744073709551615 4611686018427387903\n".to_vec(),
                binary[4..].to_vec(),
            ]
            .concat(),
            "too few for them",
        ),
        (
            "binary, header 0",
            [b"0 3\n".to_vec(), binary[4..].to_vec()].concat(),
            "a header of 0 rows",
        ),
        (
            "binary, endless word",
            long_word,
            "row 1 (byte 4): expected a word of at most",
        ),
        (
            "binary, nan",
            word2vec_binary(&rows(&[("a", &[1.0, 2.0]), ("b", &[0.0, f32::NAN])]), b"\n"),
            "row 2 (byte 21): expected a finite number (2 of 2), found NaN",
        ),
        (
            "gzip cut short",
            cut(gz.clone(), gz.len() - 9),
            "a whole gzip stream",
        ),
        ("gzip, its first bytes", cut(gz, 5), "a whole gzip stream"),
        (
            "zip cut short",
            cut(archive.clone(), archive.len() - 30),
            "a whole zip archive",
        ),
        (
            "zip, its first bytes",
            cut(archive, 20),
            "a whole zip archive",
        ),
        (
            "pickle",
            b"\x80\x04\x95\x10\0\0\0\0\0\0\0cgensim\n".to_vec(),
            "a Python pickle",
        ),
        (
            "PNG",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(),
            "a PNG picture",
        ),
        (
            "fastText model",
            b"\xba\x16\x4f\x2f\x0c\0\0\0".to_vec(),
            "use its .vec file",
        ),
        ("bzip2", b"BZh91AY&SY".to_vec(), "bunzip2"),
        ("a few zeros", vec![0; 64], "binary data"),
    ];
    for (name, bytes, said) in cases {
        let error = refusal(bytes, &ReadOptions::default());
        assert!(
            error.contains(said),
            "{name}: {error:?} does not say {said:?}"
        );
        assert!(
            error.contains("vectors.bad: "),
            "{name}: {error:?} does not name the file"
        );
    }
}

#[test]
fn a_file_that_is_not_there_and_a_folder_are_named() {
    let folder = Folder::new();
    let error = Vectors::open(folder.path("nowhere.txt"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("nowhere.txt: cannot open it"), "{error}");
    let error = Vectors::open(folder.path(".")).unwrap_err().to_string();
    assert!(error.contains("expected a file, found a folder"), "{error}");
}

#[test]
fn rows_that_are_not_finite_are_kept_when_asked_for_and_rank_last() {
    let rows = rows(&[
        ("inf", &[f32::INFINITY, 0.0]),
        ("a", &[1.0, 0.0]),
        ("nan", &[f32::NAN, 1.0]),
        ("far", &[-1.0, 0.0]),
        ("near", &[1.0, 0.1]),
    ]);
    let options = ReadOptions {
        allow_nonfinite: true,
        ..ReadOptions::default()
    };
    for bytes in [
        glove(&rows),
        word2vec_text(&rows),
        word2vec_binary(&rows, b"\n"),
    ] {
        let vectors = opened_with(bytes, &options);
        assert_eq!(vectors.len(), 5);
        let answers = vectors
            .nearest(&["a"], &[] as &[&str], &NearestOptions::default())
            .unwrap();
        let order: Vec<_> = answers
            .iter()
            .map(|answer| vectors.word(answer.row))
            .collect();
        assert_eq!(order, ["near", "far", "inf", "nan"]);
        assert!(answers[2].score.is_nan() && answers[3].score.is_nan());
        assert!(vectors.similarity("a", "nan").unwrap_err().is_unanswered());
    }
}

#[test]
fn zero_rows_are_counted_and_have_no_direction() {
    let rows = rows(&[
        ("zero", &[0.0, -0.0]),
        ("a", &[1.0, 0.0]),
        ("b", &[-1.0, 0.0]),
    ]);
    for bytes in [glove(&rows), word2vec_binary(&rows, b"")] {
        let vectors = opened(bytes);
        assert_eq!(vectors.findings().zero_rows, 1);
        let answers = vectors
            .nearest(&["a"], &[] as &[&str], &NearestOptions::default())
            .unwrap();
        assert_eq!(
            answers.iter().map(|answer| answer.row).collect::<Vec<_>>(),
            [2, 0]
        );
        let error = vectors
            .nearest(&["zero"], &[] as &[&str], &NearestOptions::default())
            .unwrap_err();
        assert!(
            error.is_unanswered() && error.to_string().contains("no direction"),
            "{error}"
        );
    }
}

#[test]
fn the_unknown_vector_is_the_row_of_unk_in_brackets_or_the_mean() {
    // GloVe's plain `unk` is an ordinary word.
    let plain = rows(&[("unk", &[1.0, 4.0]), ("a", &[3.0, -2.0])]);
    assert_eq!(opened(glove(&plain)).unknown(), [2.0, 1.0]);
    let marked = rows(&[("unk", &[1.0, 4.0]), ("<unk>", &[0.25, 0.5])]);
    assert_eq!(opened(glove(&marked)).unknown(), [0.25, 0.5]);
}

/// The simplest reader of GloVe text that could work: split, count from the right, `str::parse`.
fn reference(text: &[u8], dimension: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for line in text
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
    {
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
    // More than two of the pieces of a mebibyte that are parsed in parallel.
    let mut text: Vec<u8> = (0..150_000u32)
        .flat_map(|i| format!("word{i} {i} 0.{i}\n").into_bytes())
        .collect();
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

/// Words without a space or a line feed, and finite numbers, under a first row that settles the sniffing.
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

fn listed(table: &files::Rows) -> Vec<(Vec<u8>, Vec<u32>)> {
    let values = table.values.chunks_exact(table.dimension);
    let bits = values.map(|row| row.iter().map(|value| value.to_bits()).collect());
    table.words.iter().map(<[u8]>::to_vec).zip(bits).collect()
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
    fn altered_bytes_never_make_a_reader_panic(
        which in 0..7usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
        allow_nonfinite in any::<bool>(),
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
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let options = ReadOptions { format: asked, allow_nonfinite, member: None };
        let folder = Folder::new();
        if let Ok((read, _)) = files::read(&folder.file("altered", &bytes), &options) {
            prop_assert!(read.dimension > 0 && !read.words.is_empty());
            prop_assert_eq!(read.values.len(), read.words.len() * read.dimension);
            prop_assert!(allow_nonfinite || read.values.iter().all(|value| value.is_finite()));
        }
    }
}
