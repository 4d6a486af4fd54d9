//! An output file must not be an input or another output; byte order marks before text.

use std::path::Path;

use crate::common::{Folder, fixture, vocable, vocable_fed};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs a command in which `file` is an output and something else, and asserts that it is refused and the file unchanged.
#[track_caller]
fn spares(file: &Path, command: &[&str], what: &str) {
    let before = std::fs::read(file).ok();
    let ran = vocable(command);
    ran.refused(2, "would overwrite");
    assert!(ran.err.contains(what), "{what:?} is not said: {ran:?}");
    assert_eq!(std::fs::read(file).ok(), before, "{command:?} changed it");
}

#[test]
fn an_output_that_is_an_input_or_another_output_is_refused() {
    let folder = Folder::new();
    let reviews = std::fs::read(fixture("reviews.dev.txt")).unwrap();
    let texts = folder.file("texts.txt", &reviews);
    let vectors = folder.file("vectors.txt", std::fs::read(fixture("demo.50d.txt")).unwrap());
    let (t, v) = (text(&texts), text(&vectors));
    let train = ["train", "--train", t, "--tokenizer", "whitespace", "--hidden", "4", "--epochs", "1"];
    fn with<'a>(train: &[&'a str], more: &[&'static str], file: &'a str) -> Vec<&'a str> {
        let more = more.iter().map(|word| if *word == "FILE" { file } else { *word });
        train.iter().copied().chain(more).collect()
    }
    for option in ["--out", "--log", "--checkpoint"] {
        spares(&texts, &with(&train, &[option, "FILE"], t), "which --train reads");
    }
    spares(&vectors, &with(&train, &["--vectors", "FILE", "--out", "FILE"], v), "which --vectors reads");
    let one = folder.path("one");
    spares(&one, &with(&train, &["--out", "FILE", "--log", "FILE"], text(&one)), "which --out writes");
    // However the path is spelled.
    let around = folder.path(".").join("texts.txt");
    spares(&texts, &with(&train, &["--out", "FILE"], text(&around)), "which --train reads");
    #[cfg(unix)]
    {
        let link = folder.path("link");
        std::os::unix::fs::symlink(&texts, &link).unwrap();
        spares(&texts, &with(&train, &["--out", "FILE"], text(&link)), "which --train reads");
    }
    let compare = ["compare", "--train", t, "--hidden", "4", "--epochs", "1", "--seeds", "1", "--embeddings", "frozen"];
    for option in ["--html", "--markdown", "--csv"] {
        spares(&texts, &[&compare[..], &[option, t]].concat(), "which --train reads");
    }
    spares(&one, &[&compare[..], &["--csv", text(&one), "--html", text(&one)]].concat(), "which --html writes");

    let model = folder.path("model.onnx");
    assert_eq!(vocable(with(&train, &["--out", "FILE"], text(&model))).code, 0);
    let m = text(&model);
    spares(&model, &["gates", m, "good", "--html", m], "which MODEL reads");
    spares(&model, &["export", m, m], "which MODEL reads");
    let onnx = folder.path("other.onnx");
    spares(&model, &["export", m, text(&onnx), "--vocabulary", m], "which MODEL reads");
    spares(&onnx, &["export", m, text(&onnx), "--vocabulary", text(&onnx)], "which OUT writes");

    let list = folder.file("words.txt", "king\nqueen\nxyzzy\n");
    let (l, matrix) = (text(&list), folder.path("matrix.npy"));
    spares(&list, &["embedding-matrix", l, "--out", text(&matrix), "--unknown-list", l], "which VOCAB reads");
    let both = ["embedding-matrix", l, "--out", text(&matrix), "--unknown-list", text(&matrix)];
    spares(&matrix, &both, "which --out writes");
    assert!(!matrix.exists());
    // Separate outputs are accepted.
    let unknown = folder.path("unknown.txt");
    let ran = vocable(["embedding-matrix", l, "--out", text(&matrix), "--unknown-list", text(&unknown)]);
    assert_eq!((ran.code, std::fs::read_to_string(&unknown).unwrap().trim()), (0, "xyzzy"), "{ran:?}");
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_word() {
    let marked = |text: &str| [b"\xef\xbb\xbf", text.as_bytes()].concat();
    let folder = Folder::new();
    let train = vocable([
        "train",
        "--train",
        text(&fixture("reviews.train.txt")),
        "--tokenizer",
        "whitespace",
        "--hidden",
        "4",
        "--epochs",
        "1",
        "--out",
        text(&folder.path("model")),
    ]);
    assert_eq!(train.code, 0, "{train:?}");
    let model = folder.path("model");
    let predict = |input: &[u8]| vocable_fed(["predict", text(&model), "--json"], input).json();
    assert_eq!(predict(&marked("superb film\n")), predict(b"superb film\n"));

    let same = |arguments: &[&str], input: &str| {
        let (with, without) = (vocable_fed(arguments, &marked(input)), vocable_fed(arguments, input.as_bytes()));
        assert_eq!((with.code, &with.out), (0, &without.out), "{with:?}");
    };
    same(&["similarity", "-"], "king queen\n");
    same(&["nearest", "--batch", "-"], "king\nqueen\n");
    same(&["analogy", "--batch", "-"], "man king woman\n");
    same(&["shell"], "king\n");
    let lists = [folder.file("marked", marked("king\n")), folder.file("list", "king\n")];
    let [with, without] = lists.map(|list| vocable(["nearest", "--batch", text(&list)]).out);
    assert_eq!(with, without);
    let vectors = Folder::new();
    let row = vec!["0.5"; 50].join(" ");
    let [with, without] = [vectors.file("marked", marked(&row)), vectors.file("plain", &row)]
        .map(|file| vocable(["nearest", "--vector", text(&file)]).out);
    assert!(!with.is_empty() && with == without, "{with:?}");
}

#[test]
fn texts_in_utf_16_are_refused_by_name() {
    let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        "\u{feff}pos a good film\nneg a bad film\n".encode_utf16().flat_map(order).collect()
    };
    let folder = Folder::new();
    for bytes in [utf16(u16::to_le_bytes), utf16(u16::to_be_bytes)] {
        let path = folder.file("texts", bytes);
        for command in [&["coverage", text(&path)][..], &["train", "--train", text(&path), "--epochs", "1"]] {
            vocable(command).refused(2, "expected text in UTF-8, found UTF-16");
        }
    }
}

#[test]
fn invalid_numbers_are_refused_at_once() {
    vocable(["nearest", "king", "-k", "0"]).refused(2, "--top: expected at least 1");
    vocable(["nearest", "king", "--threads", "100000"]).refused(2, "expected a number from 1 to 1024");
    vocable(["nearest", "king", "--threads", "0"]).refused(2, "expected a number from 1 to 1024");
    assert_eq!(vocable(["demo", "--seeds", "99999999999999"]).code, 2);
}

#[test]
fn words_do_not_steer_the_terminal() {
    let folder = Folder::new();
    let path = folder.file("vectors.txt", "a 1 2\nx\x1b[31mred 1 3\nb 2 1\n");
    let with = |arguments: &[&str]| vocable([&["--vectors", text(&path)], arguments].concat());
    for ran in [with(&["nearest", "a"]), with(&["info"]), with(&["doctor"]), with(&["nearest", "x\x1b[31mre"])] {
        assert!(!ran.out.contains('\x1b') && !ran.err.contains('\x1b'), "{ran:?}");
    }
    assert_eq!(with(&["nearest", "a", "--json"]).json()[0]["neighbours"][0]["word"], "x\u{1b}[31mred");
}
