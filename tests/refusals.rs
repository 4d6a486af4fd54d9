//! Snapshots of invalid command lines with their complete output. `INSTA_UPDATE=always cargo test --test main refusals::` updates
//! them; review the difference like code.

// Features add commands, options and values; the snapshots are those of the default features.
#![cfg(all(feature = "explore", feature = "get", not(any(feature = "arrow", feature = "jieba", feature = "tsne"))))]

use std::process::Stdio;

use crate::common::{Folder, program, snapshot};

/// A folder with the files of the command lines below.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.file("vectors.txt", "a 2 0\nb 3 4\nc -5 0\nzero 0 0\nfilm 1 2\ngood 2 1\nbad -2 -1\n");
    folder.file("short.txt", "a 1 2 3\nb 1 2\nc 1 2 3\n");
    folder.file("nan.txt", "a 1 2\nb 1 nan\n");
    folder.file("two.txt", "a 1 2\na 3 4\n");
    folder.file("prose.txt", "It was a dark night.\nAnd so on.\n");
    folder.file("texts.tsv", "pos\ta good film\nneg\ta bad film\npos\tgood good\nneg\tbad bad\n");
    folder.file("single.tsv", "pos\ta good film\npos\tgood good\n");
    folder.file("strange.tsv", "pos\ta good film\nmeh\tso so\n");
    folder.file("ragged.csv", "text,label\na good film,pos\nbad\n");
    folder.file("empty.txt", "");
    folder.file("words.txt", "a\nb\n");
    folder.file("three.txt", "a 1 2 3\nb 4 5 6\n");
    folder.file("questions.txt", ": section\na b c film\n");
    folder.file("broken.txt", ": section\na b c\n");
    folder.file("pairs.tsv", "a\tb\t0.5\nb\tc\t0.1\n");
    let train = "train --train texts.tsv --vectors vectors.txt --epochs 1 --hidden 2 --out model.safetensors";
    let made = program().args(train.split(' ')).current_dir(folder.path(".")).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    folder
}

/// Runs the command lines; returns each with its output and exit code.
fn transcript(folder: &Folder, lines: &[&str]) -> String {
    let mut transcript = String::new();
    let place = folder.path(".").canonicalize().unwrap().display().to_string();
    for line in lines {
        let arguments = line.split(' ').skip(1);
        let mut command = program();
        command.args(arguments).current_dir(folder.path(".")).env("COLUMNS", "100").stdin(Stdio::null());
        command.env("VOCABLE_CACHE", folder.path("cache"));
        let output = command.output().unwrap();
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(!output.status.success(), "{line} succeeded: {out}{err}");
        assert!(!err.contains("panicked"), "{line}: {err}");
        assert_eq!(out, "", "{line} printed results");
        let err = err.replace(&format!("{place}/"), "");
        transcript += &format!("$ {line}\n{err}[exit code {}]\n\n", output.status.code().unwrap());
    }
    transcript
}

#[test]
fn refused_command_lines_are_as_reviewed() {
    let folder = folder();
    let queries = transcript(&folder, &QUERIES);
    snapshot("", "refused-queries", &queries);
    let files = transcript(&folder, &FILES);
    snapshot("", "refused-file-commands", &files);
    let training = transcript(&folder, &TRAINING);
    snapshot("", "refused-training", &training);
}

const QUERIES: [&str; 49] = [
    "vocable",
    "vocable nearst a",
    "vocable nearest",
    "vocable nearest a --vectors nowhere.txt",
    "vocable nearest a --vectors glove.6b.50d",
    "vocable nearest a --vectors glove.6B.50d",
    "vocable nearest a --vectors vectors.txt --format glov",
    "vocable nearest a --vectors vectors.txt --format numpy",
    "vocable nearest a --vectors vectors.txt --restrict 0",
    "vocable nearest a --vectors vectors.txt --exact-scan fast",
    "vocable nearest a --vectors vectors.txt --jsonn",
    "vocable nearest a --vectors vectors.txt -k five",
    "vocable nearest a --vectors vectors.txt -k 0",
    "vocable nearest a --vectors vectors.txt -k",
    "vocable nearest a --vectors vectors.txt --threads 0",
    "vocable nearest a --vectors vectors.txt --threads 100000",
    "vocable nearest A --vectors vectors.txt",
    "vocable nearest goood --vectors vectors.txt",
    "vocable nearest qqqqqqqqqq --vectors vectors.txt",
    "vocable nearest zero --vectors vectors.txt",
    "vocable nearest a c --vectors vectors.txt",
    "vocable nearest a --vectors vectors.txt --min-cosine 2",
    "vocable nearest a --vectors vectors.txt --min-cosine 0.999",
    "vocable nearest a --vectors vectors.txt --within nowhere.txt",
    "vocable nearest a --vectors vectors.txt --within empty.txt",
    "vocable nearest a --vectors vectors.txt --within prose.txt",
    "vocable nearest a --vectors vectors.txt --regex qqq",
    "vocable nearest a --vectors vectors.txt --regex (",
    "vocable nearest a --vectors vectors.txt --regex ^a$",
    "vocable nearest --vectors vectors.txt --batch nowhere.txt",
    "vocable nearest a --vectors vectors.txt --batch words.txt",
    "vocable nearest --vectors vectors.txt --vector nowhere.txt",
    "vocable nearest --vectors vectors.txt --vector prose.txt",
    "vocable nearest --vectors vectors.txt --batch - --within -",
    "vocable similarity a --vectors vectors.txt",
    "vocable similarity a goood --vectors vectors.txt",
    "vocable similarity a zero --vectors vectors.txt",
    "vocable analogy a b --vectors vectors.txt",
    "vocable analogy a b c --vectors vectors.txt --method div",
    "vocable analogy a b c --vectors vectors.txt --method mul --min-cosine 0.5",
    "vocable odd a --vectors vectors.txt",
    "vocable evaluate --vectors vectors.txt",
    "vocable evaluate nowhere.txt --vectors vectors.txt",
    "vocable evaluate prose.txt --vectors vectors.txt",
    "vocable evaluate broken.txt --vectors vectors.txt",
    "vocable evaluate questions.txt --vectors vectors.txt --protocol exact",
    "vocable evaluate pairs.tsv --vectors vectors.txt --protocol word2vec",
    "vocable evaluate questions.txt --vectors vectors.txt --protocol fasttext",
    "vocable evaluate questions.txt --vectors vectors.txt --protocol glove --dummy4unknown",
];

const FILES: [&str; 30] = [
    "vocable info --vectors short.txt",
    "vocable info --vectors nan.txt",
    "vocable info --vectors prose.txt",
    "vocable info --vectors empty.txt",
    "vocable info --vectors .",
    "vocable info --vectors model.safetensors",
    "vocable doctor",
    "vocable doctor nowhere.txt",
    "vocable convert vectors.txt",
    "vocable convert vectors.txt out",
    "vocable convert vectors.txt out.txt --to nonsense",
    "vocable convert vectors.txt nowhere/out.txt",
    "vocable convert vectors.txt out.txt --top 0",
    "vocable convert vectors.txt out.txt --words nowhere.txt",
    "vocable convert vectors.txt out.safetensors --dtype f64",
    "vocable embedding-matrix words.txt --vectors vectors.txt",
    "vocable embedding-matrix words.txt --vectors vectors.txt --out m.tsv",
    "vocable embedding-matrix words.txt --vectors vectors.txt --out m.npy --unk [UNK]",
    "vocable embedding-matrix nowhere.txt --vectors vectors.txt --out m.npy",
    "vocable coverage nowhere.tsv --vectors vectors.txt",
    "vocable coverage empty.txt --vectors vectors.txt",
    "vocable coverage empty.txt --vectors vectors.txt --unlabelled",
    "vocable coverage texts.tsv --vectors vectors.txt --tokenizer moses",
    "vocable coverage texts.tsv --vectors vectors.txt --label-column stars",
    "vocable export model.safetensors",
    "vocable import model.safetensors",
    "vocable import nowhere.safetensors --words words.txt --labels neg,pos --tokenizer whitespace --out in.safetensors",
    "vocable import vectors.txt --words words.txt --labels neg,pos --tokenizer whitespace --out in.safetensors",
    "vocable completions tcsh",
    "vocable bench --rows 0",
];

const TRAINING: [&str; 41] = [
    "vocable train --vectors vectors.txt",
    "vocable train --train nowhere.tsv --vectors vectors.txt",
    "vocable train --train empty.txt --vectors vectors.txt",
    "vocable train --train single.tsv --vectors vectors.txt",
    "vocable train --train ragged.csv --vectors vectors.txt",
    "vocable train --train texts.tsv --dev strange.tsv --vectors vectors.txt",
    "vocable train --train texts.tsv --vectors vectors.txt --label-column stars",
    "vocable train --train texts.tsv --vectors vectors.txt --embedding tune",
    "vocable train --train texts.tsv --vectors vectors.txt --optimizer adamm",
    "vocable train --train texts.tsv --vectors vectors.txt --encoder gru",
    "vocable train --train texts.tsv --vectors vectors.txt --pooling first",
    "vocable train --train texts.tsv --vectors vectors.txt --tokenizer moses",
    "vocable train --train texts.tsv --vectors vectors.txt --lr 0",
    "vocable train --train texts.tsv --vectors vectors.txt --lr fast",
    "vocable train --train texts.tsv --vectors vectors.txt --dropout 1",
    "vocable train --train texts.tsv --vectors vectors.txt --epochs 0",
    "vocable train --train texts.tsv --vectors vectors.txt --hidden 0",
    "vocable train --train texts.tsv --vectors vectors.txt --batch 0",
    "vocable train --train texts.tsv --vectors vectors.txt --layers 0",
    "vocable train --train texts.tsv --vectors vectors.txt --dev strange.tsv --test nowhere.tsv",
    "vocable train --train texts.tsv --vectors vectors.txt --resume",
    "vocable train --train texts.tsv --vectors vectors.txt --out nowhere/model.safetensors",
    "vocable train --train texts.tsv --vectors vectors.txt --out texts.tsv",
    "vocable predict",
    "vocable predict nowhere.safetensors",
    "vocable predict vectors.txt",
    "vocable predict model.safetensors --evaluate strange.tsv",
    "vocable predict model.safetensors --evaluate empty.txt",
    "vocable predict model.safetensors --label-column stars",
    "vocable predict model.safetensors --vectors three.txt",
    "vocable gates",
    "vocable gates model.safetensors",
    "vocable gates vectors.txt a",
    "vocable gates model.safetensors a --layer 3",
    "vocable gates model.safetensors a --reverse",
    "vocable compare",
    "vocable compare --train texts.tsv --vectors vectors.txt --embeddings frozen,tune",
    "vocable compare --train texts.tsv --vectors vectors.txt --seeds 0",
    "vocable compare --train texts.tsv --vectors vectors.txt --sweep lr=0.1 --sweep lr=0.2",
    "vocable compare --train texts.tsv --vectors vectors.txt --sweep speed=1",
    "vocable compare --report nowhere",
];
