//! Labelled texts through the public API: every format, detected and chosen, and refused input.

use crate::common::{Folder, fixture, gzip, zip};
use vocable::classifier::{DataFormat, DataOptions, Dataset};

fn parsed(bytes: impl AsRef<[u8]>) -> Dataset {
    parsed_with(bytes, &DataOptions::default())
}

fn parsed_with(bytes: impl AsRef<[u8]>, options: &DataOptions) -> Dataset {
    Dataset::parse(bytes.as_ref(), options, "data").unwrap()
}

fn refusal(bytes: impl AsRef<[u8]>, options: &DataOptions) -> String {
    Dataset::parse(bytes.as_ref(), options, "data").expect_err("these bytes must be refused").to_string()
}

fn as_form(format: DataFormat) -> DataOptions {
    DataOptions { format: Some(format), ..DataOptions::default() }
}

fn columns(label: &str, text: &str) -> DataOptions {
    DataOptions { format: None, label_column: Some(label.into()), text_column: Some(text.into()) }
}

/// Asserts a format and its texts: label, text, line.
#[track_caller]
fn holds(data: &Dataset, format: DataFormat, expected: &[(&str, &str, u64)]) {
    let texts = data.texts.iter().map(|text| (text.label.as_str(), text.text.as_str(), text.line));
    assert_eq!(texts.collect::<Vec<_>>(), expected);
    assert_eq!(data.format, format);
}

#[test]
fn the_format_is_detected() {
    let expected = |first: u64| [("pos", "a fine film", first), ("neg", "dull , slow", first + 1)];
    let cases = [
        (DataFormat::Plain, "pos a fine film\nneg dull , slow\n", 1),
        (DataFormat::Plain, "pos\ta fine film\nneg\tdull , slow\n", 1),
        (DataFormat::FastText, "__label__pos a fine film\n__label__neg dull , slow\n", 1),
        (DataFormat::Tsv, "label\ttext\npos\ta fine film\nneg\tdull , slow\n", 2),
        (DataFormat::Tsv, "id\tSentence\tLABEL\n1\ta fine film\tpos\n2\tdull , slow\tneg\n", 2),
        (DataFormat::Csv, "label,text\npos,a fine film\nneg,\"dull , slow\"\n", 2),
        (DataFormat::Csv, "\"review\",\"sentiment\"\na fine film,pos\n\"dull , slow\",neg\n", 2),
        (
            DataFormat::JsonLines,
            "{\"label\":\"pos\",\"text\":\"a fine film\"}\n{\"text\":\"dull , slow\",\"label\":\"neg\",\"id\":[7]}\n",
            1,
        ),
    ];
    for (format, bytes, first) in cases {
        holds(&parsed(bytes), format, &expected(first));
        holds(&parsed_with(bytes, &as_form(format)), format, &expected(first));
        holds(&parsed(bytes.trim_end()), format, &expected(first));
        holds(&parsed(format!("\u{feff}{bytes}")), format, &expected(first));
    }
}

#[test]
fn line_numbers_hold_under_carriage_returns_and_blank_lines() {
    let cases = [
        (DataFormat::Plain, "pos a\n\nneg b\npos c\n", [1, 3, 4]),
        (DataFormat::FastText, "__label__pos a\n\n__label__neg b\n__label__pos c\n", [1, 3, 4]),
        (DataFormat::Tsv, "label\ttext\npos\ta\n\nneg\tb\npos\tc\n", [2, 4, 5]),
        (DataFormat::Csv, "label,text\npos,a\n\nneg,b\npos,c\n", [2, 4, 5]),
        (
            DataFormat::JsonLines,
            "{\"label\":\"pos\",\"text\":\"a\"}\n\n{\"label\":\"neg\",\"text\":\"b\"}\n{\"label\":\"pos\",\"text\":\"c\"}\n",
            [1, 3, 4],
        ),
    ];
    for (format, bytes, [a, b, c]) in cases {
        let expected = [("pos", "a", a), ("neg", "b", b), ("pos", "c", c)];
        holds(&parsed(bytes), format, &expected);
        holds(&parsed(bytes.replace('\n', "\r\n")), format, &expected);
    }
}

#[test]
fn the_chosen_format_wins_over_detection() {
    let header = "label,text\npos,a fine film\n";
    holds(
        &parsed_with(header, &as_form(DataFormat::Plain)),
        DataFormat::Plain,
        &[("label,text", "", 1), ("pos,a", "fine film", 2)],
    );
    holds(
        &parsed_with("__label__pos a\n", &as_form(DataFormat::Plain)),
        DataFormat::Plain,
        &[("__label__pos", "a", 1)],
    );
    let error = refusal("pos a fine film\n", &as_form(DataFormat::FastText));
    assert!(error.contains("line 1: expected `__label__LABEL TEXT`"), "{error}");
    let error = refusal("pos a fine film\n", &as_form(DataFormat::JsonLines));
    assert!(error.contains("line 1: expected a JSON object"), "{error}");
    let error = refusal("pos a fine film\n", &as_form(DataFormat::Tsv));
    assert!(error.contains("a column for the label"), "{error}");
}

#[test]
fn columns_are_taken_as_named() {
    let named = columns("stars", "what");
    let expected = [("5", "a fine film", 2)];
    holds(&parsed_with("what,label,text,stars\na fine film,x,y,5\n", &named), DataFormat::Csv, &expected);
    holds(&parsed_with("what\tlabel\ttext\tstars\na fine film\tx\ty\t5\n", &named), DataFormat::Tsv, &expected);
    holds(
        &parsed_with("{\"what\":\"a fine film\",\"label\":\"x\",\"text\":\"y\",\"stars\":5}", &named),
        DataFormat::JsonLines,
        &[("5", "a fine film", 1)],
    );
    // One column is named, the other found by its usual name.
    let label_only = DataOptions { label_column: Some("stars".into()), ..DataOptions::default() };
    holds(&parsed_with("text,stars,label\na fine film,5,x\n", &label_only), DataFormat::Csv, &expected);
    let error = refusal("what,stars\na,5\n", &columns("mark", "what"));
    assert!(error.contains("line 1: expected a column `mark`, found the columns what, stars"), "{error}");
    assert!(error.contains("`label_column`"), "{error}");
    let error = refusal("{\"what\":\"a\",\"stars\":5}\n", &columns("mark", "what"));
    assert!(error.contains("line 1") && error.contains("`mark`") && error.contains("stars, what"), "{error}");
}

#[test]
fn csv_fields_may_hold_commas_quotes_and_line_breaks() {
    let bytes = "text,label\n\"one, \"\"two\"\"\nthree\",pos\n\"x\r\ny\",neg\nplain \"quote\",pos\n";
    holds(
        &parsed(bytes),
        DataFormat::Csv,
        &[("pos", "one, \"two\"\nthree", 2), ("neg", "x\r\ny", 4), ("pos", "plain \"quote\"", 6)],
    );
}

#[test]
fn quotes_in_tsv_are_just_quotes() {
    // As in SST-2's files: an unpaired quote must not swallow the following lines.
    let bytes = "sentence\tlabel\n\"an odd start\t1\nso \"it\" goes\t0\n";
    holds(&parsed(bytes), DataFormat::Tsv, &[("1", "\"an odd start", 2), ("0", "so \"it\" goes", 3)]);
}

#[test]
fn labels_of_json_lines_may_be_strings_numbers_and_truth_values() {
    let bytes = "{\"label\":1,\"text\":\"a\"}\n{\"label\":\"1\",\"text\":\"b\"}\n{\"label\":true,\"text\":\"c\"}\n\
                 {\"label\":-0.5,\"text\":\"\\u00e9\\n\"}\n";
    holds(
        &parsed(bytes),
        DataFormat::JsonLines,
        &[("1", "a", 1), ("1", "b", 2), ("true", "c", 3), ("-0.5", "\u{e9}\n", 4)],
    );
}

#[test]
fn texts_may_be_empty_and_spaces_about_them_do_not_count() {
    holds(
        &parsed("pos\nneg   \n  pos \t a  b \n"),
        DataFormat::Plain,
        &[("pos", "", 1), ("neg", "", 2), ("pos", "a  b", 3)],
    );
    holds(&parsed("__label__pos\n"), DataFormat::FastText, &[("pos", "", 1)]);
    holds(&parsed("label,text\npos,\n"), DataFormat::Csv, &[("pos", "", 2)]);
}

#[test]
fn texts_that_are_not_utf8_are_counted_and_kept() {
    let cases: [(&[u8], u64); 4] = [
        (b"pos caf\xe9\nneg plain\npos \xff\xfe\n", 1),
        (b"__label__pos caf\xe9\n__label__neg plain\n__label__pos \xff\xfe\n", 1),
        (b"label\ttext\npos\tcaf\xe9\nneg\tplain\npos\t\xff\xfe\n", 2),
        (b"label,text\npos,caf\xe9\nneg,plain\npos,\"\xff\xfe\"\n", 2),
    ];
    for (bytes, first) in cases {
        let data = parsed(bytes);
        assert_eq!(data.replaced, 2, "{data:?}");
        let texts: Vec<_> = data.texts.iter().map(|text| (text.text.as_str(), text.line)).collect();
        assert_eq!(texts, [("caf\u{fffd}", first), ("plain", first + 1), ("\u{fffd}\u{fffd}", first + 2)]);
    }
    // Two labels that differ only in such bytes become one, which must be reported.
    for bytes in [&b"\xe9 text\n\xe8 text\n"[..], b"label\ttext\n\xe9\ttext\n\xe8\ttext\n"] {
        assert_eq!(parsed(bytes).replaced, 2);
    }
}

#[test]
fn invalid_labelled_texts_are_refused_and_the_error_says_where() {
    let cases: &[(&str, &str, &str)] = &[
        ("empty", "", "expected labelled texts, found none"),
        ("blank lines", "\n \r\n\n", "expected labelled texts, found none"),
        ("header only, TSV", "label\ttext\n", "expected labelled texts, found none"),
        ("header only, CSV", "label,text", "expected labelled texts, found none"),
        ("no label, CSV", "label,text\npos,a\n,b\n", "line 3: expected a label, found an empty field"),
        ("no label, TSV", "text\tlabel\na\tpos\n\nb\t\n", "line 4: expected a label, found an empty field"),
        ("no label, JSON", "{\"label\":\"\",\"text\":\"a\"}\n", "line 1: expected a label"),
        ("no label, fastText", "__label__pos a\n__label__ b\n", "line 2: expected `__label__LABEL TEXT`"),
        ("not labelled, fastText", "__label__pos a\nneg b\n", "line 2: expected `__label__LABEL TEXT`, found `neg b`"),
        (
            "two labels, fastText",
            "__label__pos a\n__label__pos __label__neg b\n",
            "line 2: expected one label per text",
        ),
        ("column missing", "label,text\npos,a\nneg\n", "line 3: expected 2 columns, as in the header, found 1"),
        (
            "column too many",
            "label\ttext\r\npos\ta\r\nneg\tb\tc\r\n",
            "line 3: expected 2 columns, as in the header, found 3",
        ),
        ("broken JSON", "{\"label\":\"pos\",\"text\":\"a\"}\n{\"label\":\n", "line 2: expected a JSON object"),
        (
            "JSON, not an object",
            "{\"label\":\"pos\",\"text\":\"a\"}\n[1]\n",
            "line 2: expected a JSON object, found `[1]`",
        ),
        ("JSON without a text", "{\"label\":\"pos\",\"txt\":\"a\"}\n", "line 1: expected a key for the text"),
        ("JSON without a label", "{\"lab\":\"pos\",\"text\":\"a\"}\n", "line 1: expected a key for the label"),
        (
            "JSON label null",
            "{\"label\":null,\"text\":\"a\"}\n",
            "line 1: expected a string or a number at `label`, found null",
        ),
        (
            "JSON label a list",
            "{\"label\":[\"pos\"],\"text\":\"a\"}\n",
            "line 1: expected a string or a number at `label`, found [\"pos\"]",
        ),
        (
            "a JSON array",
            "[{\"label\":\"pos\",\"text\":\"a\"},\n{\"label\":\"neg\",\"text\":\"b\"}]\n",
            "line 1: expected a JSON object",
        ),
        ("a JSON array, indented", "[\n  {\n    \"label\": \"pos\"", "line 1: expected a JSON object"),
    ];
    for (name, bytes, said) in cases {
        let error = refusal(bytes, &DataOptions::default());
        assert!(error.contains(said), "{name}: {error:?} does not say {said:?}");
        assert!(!error.contains('\n'), "{name}: more than a line: {error:?}");
    }
}

#[test]
fn a_quote_that_never_closes_does_not_swallow_the_texts_after_it() {
    let error = refusal("label,text\npos,\"a\nneg,b\npos,c\n", &DataOptions::default());
    assert!(error.contains("line 2") && error.contains("quote"), "{error}");
    // An unpaired quote inside a field does not open a quoted field.
    assert_eq!(parsed("label,text\npos,5\" wide\nneg,b\n").texts.len(), 2);
}

#[test]
fn a_header_that_is_not_one_does_not_flood_the_message() {
    let names: Vec<String> = (0..5000).map(|i| format!("column {i}")).collect();
    let swallowed = format!("\"label,text\n{}", "pos,a\n".repeat(5000));
    for bytes in [names.join(","), swallowed, "x".repeat(100_000)] {
        let error = refusal(bytes, &as_form(DataFormat::Csv));
        assert!(error.contains("a column for the label") && error.len() < 1000, "{error}");
        assert!(!error.contains('\n'), "more than a line: {error:?}");
    }
}

#[test]
fn files_are_read_plain_gzipped_and_zipped_and_named_in_errors() {
    let folder = Folder::new();
    let text = b"pos a\nneg b\n";
    for bytes in [text.to_vec(), gzip(text), zip(&[("train.txt", text)])] {
        let data = Dataset::open(folder.file("data", bytes), &DataOptions::default()).unwrap();
        holds(&data, DataFormat::Plain, &[("pos", "a", 1), ("neg", "b", 2)]);
        assert!(data.name.ends_with("data"));
    }
    let path = folder.file("empty.txt", b"");
    let error = Dataset::open(path, &DataOptions::default()).unwrap_err().to_string();
    assert!(error.contains("empty.txt: expected labelled texts, found none"), "{error}");
    let path = folder.file("bomb", gzip(&b"a b\n".repeat(5 << 20)));
    let error = Dataset::open(path, &DataOptions::default()).unwrap_err().to_string();
    assert!(error.contains("bomb: ") && error.contains("expands to at most 64 times its size"), "{error}");
    let error = Dataset::open(folder.path("nowhere"), &DataOptions::default()).unwrap_err().to_string();
    assert!(error.contains("nowhere: cannot open it"), "{error}");
}

#[test]
fn the_demo_reviews_read_whole() {
    for (name, texts) in [("train", 800), ("dev", 200), ("test", 400)] {
        let path = fixture(&format!("reviews.{name}.txt"));
        let data = Dataset::open(path, &DataOptions::default()).unwrap();
        assert_eq!((data.texts.len(), data.format, data.replaced), (texts, DataFormat::Plain, 0));
        assert!(data.texts.iter().all(|text| ["pos", "neg"].contains(&text.label.as_str())));
    }
}
