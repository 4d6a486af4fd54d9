//! Invalid data and damaged models, through the program: one clear error each.

use std::ffi::OsString;
use std::path::Path;

use crate::common::{Folder, Ran, fixture, vocable, vocable_fed};
use vocable::classifier::Classifier;

fn on(command: &[&str], data: &Path) -> Ran {
    let mut all: Vec<OsString> = command.iter().map(OsString::from).collect();
    all.push(data.into());
    vocable(all)
}

#[test]
fn data_that_cannot_be_read_ends_with_two_and_a_line_that_says_where() {
    let folder = Folder::new();
    let cases: [(&str, &[u8], &str); 14] = [
        ("empty", b"", "expected labelled texts, found none"),
        ("blank lines", b"\n \r\n", "expected labelled texts, found none"),
        ("header alone", b"label,text\n", "expected labelled texts, found none"),
        (
            "labels alone",
            b"pos\nneg\n",
            "line 1: expected a text after the label, found none, in this and all other lines",
        ),
        ("labels alone, fastText", b"__label__pos\n__label__neg\n", "line 1: expected a text after the label"),
        ("labels alone, CSV", b"label,text\npos,\nneg,\n", "line 2: expected a text after the label"),
        ("no label", b"label,text\npos,a\n,b\n", "line 3: expected a label, found an empty field"),
        ("field missing", b"label\ttext\npos\ta\nneg\n", "line 3: expected 2 columns, as in the header, found 1"),
        ("wrong JSON", b"{\"label\":\"pos\",\"text\":\"a\"}\n{\"label\":\"neg\"\n", "line 2: expected a JSON object"),
        ("a JSON list", b"{\"label\":\"pos\",\"text\":\"a\"}\n[1]\n", "line 2: expected a JSON object, found `[1]`"),
        (
            "JSON without a text",
            b"{\"label\":\"pos\",\"words\":\"a\"}\n",
            "line 1: expected a key for the text (text, sentence, review, question, content, body, document), found the keys \
             label, words; name the columns with `--label-column` and `--text-column`",
        ),
        (
            "JSON without a label",
            b"{\"stars\":\"pos\",\"text\":\"a\"}\n",
            "found the keys stars, text; name the columns with `--label-column` and `--text-column`",
        ),
        ("not labelled, fastText", b"__label__pos a\nneg b\n", "line 2: expected `__label__LABEL TEXT`, found `neg b`"),
        ("an open quote", b"label,text\npos,a\nneg,\"b\npos,c\n", "line 3: expected a closing quote"),
    ];
    for (name, bytes, said) in cases {
        let path = folder.file(name, bytes);
        for command in [&["train", "--train"][..], &["compare", "--seeds", "1", "--train"]] {
            let dev = fixture("reviews.dev.txt");
            let ran = on(&[&command[..1], &["--dev", dev.to_str().unwrap()], &command[1..]].concat(), &path);
            ran.refused(2, &format!("error: {}", path.display()));
            assert!(ran.err.contains(said), "{name}: {:?} does not say {said:?}", ran.err);
            assert_eq!(ran.err.matches("error").count(), 1, "{name}: {}", ran.err);
        }
    }
}

#[test]
fn a_column_that_is_missing_is_named_beside_those_that_are_there() {
    let folder = Folder::new();
    let path = folder.file("columns", "what,stars\na film,5\nno film,1\n");
    let path = path.to_str().unwrap();
    for (form, place) in [("csv", "line 1"), ("tsv", "line 1")] {
        let ran = vocable(["train", "--data-format", form, "--train", path]);
        ran.refused(2, &format!("columns: {place}: expected a column for the label (label, labels, class"));
        assert!(ran.err.contains("found the columns what") && ran.err.contains("stars"), "{}", ran.err);
        assert!(ran.err.contains("name the columns with `--label-column` and `--text-column`"), "{}", ran.err);
    }
    let named = ["--label-column", "stars", "--text-column"];
    let ran = vocable([&["train", "--train", path], &named[..], &["review"]].concat());
    ran.refused(2, "line 1: expected a column `review`, found the columns what, stars; name the columns with");
    for command in ["train", "compare"] {
        vocable([command, "--train", "nowhere.txt"]).refused(2, "nowhere.txt: cannot open it");
        vocable([command, "--train", path, "--dev", "nowhere.txt"]).refused(2, "nowhere.txt: cannot open it");
    }
    let settings = ["--dev", path, "--hidden", "2", "--epochs", "1"];
    let ran = vocable([&["train", "--train", path], &named[..], &["what"], &settings[..]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn a_file_named_csv_is_one_although_its_header_names_other_columns() {
    let folder = Folder::new();
    for name in ["data.csv", "data.CSV"] {
        let path = folder.file(name, "tweet,polarity\na film,5\nno film,1\n");
        let ran = on(&["train", "--train"], &path);
        ran.refused(2, "line 1: expected a column for the label (label, labels, class");
        assert!(ran.err.contains("found the columns tweet, polarity; name the columns with"), "{}", ran.err);
    }
    let plain = folder.file("plain.csv", "label,text\npos,a film\nneg,no film\n");
    let ran = on(&["train", "--hidden", "2", "--epochs", "1", "--dev", plain.to_str().unwrap(), "--train"], &plain);
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn nearly_as_many_labels_as_texts_are_warned_of() {
    let folder = Folder::new();
    let train = |name: &str, labels: usize| {
        let line = |index: usize| format!("word{} another film\n", index % labels);
        let path = folder.file(name, (0..40).map(line).collect::<String>());
        on(&["train", "--hidden", "2", "--epochs", "1", "--dev", path.to_str().unwrap(), "--train"], &path)
    };
    let ran = train("texts", 21);
    assert_eq!(ran.code, 0, "{ran:?}");
    let said = "21 different labels in 40 texts, such as `word0`, `word1`, `word2`; if these are not the labels";
    assert!(ran.err.contains(said), "{}", ran.err);
    assert!(!train("labels", 20).err.contains("if these are not the labels"));
}

#[test]
fn labels_without_a_text_among_others_are_warned_of() {
    let folder = Folder::new();
    let path = folder.file("some", "pos a film\nneg\nneg no film\npos\n");
    let dev = ["--dev", path.to_str().unwrap(), "--train"];
    let ran = on(&[&["train", "--hidden", "2", "--epochs", "1"], &dev[..]].concat(), &path);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("some: line 2: label without text (2 such lines in total)"), "{}", ran.err);
}

#[test]
fn a_model_with_an_altered_byte_is_refused_or_predicts_the_same() {
    let folder = Folder::new();
    let texts = folder.file("texts", "pos a great film\nneg a dull film\n");
    let out = folder.path("model");
    let arguments = ["train", "--hidden", "2", "--epochs", "1", "--out", out.to_str().unwrap(), "--dev"];
    let arguments = [&arguments[..], &[texts.to_str().unwrap(), "--train"]].concat();
    assert_eq!(on(&arguments, &texts).code, 0);
    let bytes = std::fs::read(&out).unwrap();
    let asked = ["a great film", "dull", ""];
    let right = Classifier::from_bytes(&bytes).unwrap().predict(&asked);
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    // Every byte of the header, and some of the numbers.
    let mut refused = 0;
    for at in (0..header).chain((header..bytes.len()).step_by(7)) {
        for flip in [0x01, 0x10, 0x80, 0xff] {
            let mut altered = bytes.clone();
            altered[at] ^= flip;
            match Classifier::from_bytes(&altered) {
                Ok(model) => assert_eq!(model.predict(&asked), right, "byte {at} ^ {flip}"),
                Err(error) => {
                    refused += 1;
                    assert!(!error.to_string().contains('\n'), "{error}");
                }
            }
        }
    }
    assert!(refused > 4 * (bytes.len() - header) / 7, "numbers that were altered must not pass");

    let mut altered = bytes.clone();
    altered[header + 300] ^= 1;
    let path = folder.file("altered", &altered);
    let ran = vocable_fed([OsString::from("predict"), path.clone().into()], b"a film\n");
    ran.refused(2, "altered: expected the checksum xxh3:");
    for length in [0, 1, 7, 8, header / 2, header, header + 1, bytes.len() - 1] {
        let path = folder.file("cut", &bytes[..length]);
        vocable_fed([OsString::from("predict"), path.into()], b"a film\n").refused(2, "cut: ");
    }
}
