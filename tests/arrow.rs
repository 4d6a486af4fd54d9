//! Tables of texts: `predict`, `embed` and `coverage` on Parquet, Arrow, CSV, TSV, JSON lines and plain lines.

mod common;

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use crate::common::{Folder, Ran, fixture, gzip, vocable, vocable_fed};
use arrow_array::builder::{
    BinaryBuilder, LargeStringBuilder, ListBuilder, StringBuilder, StringDictionaryBuilder, StringViewBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int32Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StructArray};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use serde_json::Value;
use vocable::Vectors;
use vocable::classifier::{
    Classifier, DataOptions, Dataset, Splits, TextVectors, Tokenizer, TrainOptions, Weighting, train,
};
use vocable::tables::{TableReader, TableReaderOptions};
use vocable::vectors::Case;

/// A small classifier of reviews, and a file of it.
fn model() -> &'static (Classifier, PathBuf) {
    static MODEL: OnceLock<(Classifier, PathBuf)> = OnceLock::new();
    MODEL.get_or_init(|| {
        let vectors = Arc::new(Vectors::demo().unwrap());
        let data = Dataset::open(fixture("reviews.test.txt"), &DataOptions::default()).unwrap();
        let splits = Splits { train: data.clone(), dev: data, test: None };
        let options = TrainOptions { hidden: 8, epochs: 2, lr: 0.01, ..TrainOptions::default() };
        let classifier = train(&vectors, &splits, &options, &mut |_| {}).unwrap().classifier;
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("arrow-test-model.safetensors");
        classifier.save(&path).unwrap();
        (classifier, path)
    })
}

/// Texts without tabs or line breaks.
fn texts(count: usize) -> Vec<String> {
    let data = Dataset::open(fixture("reviews.train.txt"), &DataOptions::default()).unwrap();
    let all = data.texts.iter().cycle().take(count).enumerate();
    all.map(|(at, text)| if at % 50 == 7 { "\"superb\", they said".to_owned() } else { text.text.clone() }).collect()
}

/// The library's predictions for the texts, one by one.
fn expected(texts: &[String]) -> Vec<(String, f32)> {
    let (classifier, _) = model();
    let predictions = texts.iter().flat_map(|text| classifier.predict(&[text]));
    predictions.map(|p| (classifier.labels()[p.class].clone(), p.probabilities[p.class])).collect()
}

fn run(command: &str, from: &Path, to: &Path, more: &[&str]) -> Ran {
    let mut all: Vec<OsString> = vec![command.into()];
    if command == "predict" {
        all.push(model().1.clone().into());
    }
    all.extend(["--in".into(), from.into(), "--out".into(), to.into()]);
    all.extend(more.iter().map(OsString::from));
    vocable(all)
}

/// A run that succeeds.
#[track_caller]
fn ran(command: &str, from: &Path, to: &Path, more: &[&str]) -> Ran {
    let ran = run(command, from, to, more);
    assert_eq!(ran.code, 0, "{ran:?}");
    ran
}

fn write_parquet(path: &Path, batch: &RecordBatch, a_group: usize) {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(a_group)).build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn read_parquet(path: &Path) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    reader.map(Result::unwrap).collect()
}

/// The strings of a column of any string type.
fn strings(batches: &[RecordBatch], name: &str) -> Vec<Option<String>> {
    let of = |batch: &RecordBatch| -> Vec<Option<String>> {
        batch[name].as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
    };
    batches.iter().flat_map(of).collect()
}

fn numbers(batches: &[RecordBatch], name: &str) -> Vec<Option<f32>> {
    batches.iter().flat_map(|batch| batch[name].as_primitive::<Float32Type>().iter().collect::<Vec<_>>()).collect()
}

fn one_column(name: &str, column: ArrayRef) -> RecordBatch {
    let field = Field::new(name, column.data_type().clone(), true);
    RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![column]).unwrap()
}

fn string_array(texts: &[String]) -> ArrayRef {
    let mut builder = StringBuilder::new();
    texts.iter().for_each(|text| builder.append_value(text));
    Arc::new(builder.finish())
}

#[test]
fn parquet_comes_out_with_its_columns_and_labels_in_order() {
    let folder = Folder::new();
    let (from, to) = (folder.path("texts.parquet"), folder.path("labels.parquet"));
    // More than one chunk, in row groups of an odd size.
    let texts = texts(20_011);
    let mut sentences = StringBuilder::new();
    let mut tags = ListBuilder::new(StringBuilder::new());
    let mut source = StringDictionaryBuilder::<Int32Type>::new();
    for (at, text) in texts.iter().enumerate() {
        sentences.append_option((at % 1000 != 3).then_some(text));
        tags.append_value([Some("a"), None].into_iter().take(at % 3));
        source.append_value(["web", "print"][at % 2]);
    }
    let ids = Arc::new(Int64Array::from_iter_values(0..texts.len() as i64)) as ArrayRef;
    let nested = StructArray::from(vec![(Arc::new(Field::new("id", DataType::Int64, false)), Arc::clone(&ids))]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", ids),
        ("sentence", Arc::new(sentences.finish())),
        ("tags", Arc::new(tags.finish())),
        ("source", Arc::new(source.finish())),
        ("nested", Arc::new(nested)),
    ];
    let fields: Vec<Field> =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    let schema = Schema::new(fields).with_metadata([("kept", "yes")]);
    let batch = RecordBatch::try_new(Arc::new(schema), columns.iter().map(|(_, c)| Arc::clone(c)).collect()).unwrap();
    write_parquet(&from, &batch, 7001);

    let said = ran("predict", &from, &to, &["--probabilities"]).err;
    assert!(said.contains("warning: ") && said.contains("21 of 20,011 rows have no text (null)"), "{said}");
    let out = read_parquet(&to);
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(&to).unwrap()).unwrap();
    assert_eq!(builder.schema().metadata()["kept"], "yes");
    let names: Vec<String> = out[0].schema().fields().iter().map(|field| field.name().clone()).collect();
    let added = ["label", "probability", "probability_neg", "probability_pos"];
    assert_eq!(names, [&["id", "sentence", "tags", "source", "nested"][..], &added].concat());
    let right = expected(&texts);
    for (at, (label, probability)) in strings(&out, "label").into_iter().zip(numbers(&out, "probability")).enumerate() {
        let expected = if at % 1000 == 3 { (None, None) } else { (Some(right[at].0.clone()), Some(right[at].1)) };
        assert_eq!((label, probability), expected, "row {at}");
    }
    let [neg, pos] = ["probability_neg", "probability_pos"].map(|name| numbers(&out, name));
    for (at, (neg, pos)) in neg.iter().zip(&pos).enumerate() {
        assert_eq!(neg.map(|neg| if right[at].0 == "neg" { neg } else { pos.unwrap() }), neg.map(|_| right[at].1));
    }
    // The input columns are in the output.
    let mut rows = 0;
    for part in &out {
        let same = batch.slice(rows, part.num_rows());
        for name in ["id", "sentence", "tags", "nested"] {
            assert_eq!(&part[name], &same[name], "{name}");
        }
        let sources: Vec<_> = part["source"].as_string::<i32>().iter().flatten().map(str::to_owned).collect();
        assert!((0..part.num_rows()).all(|row| sources[row] == ["web", "print"][(rows + row) % 2]));
        rows += part.num_rows();
    }
    assert_eq!(rows, texts.len());
}

#[test]
fn strings_of_all_kinds_are_read() {
    let folder = Folder::new();
    let texts = texts(300);
    let right = expected(&texts);
    let (mut large, mut view, mut binary) = (LargeStringBuilder::new(), StringViewBuilder::new(), BinaryBuilder::new());
    let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
    for text in &texts {
        large.append_value(text);
        view.append_value(text);
        binary.append_value(text);
        dictionary.append_value(text);
    }
    let columns: [ArrayRef; 4] =
        [Arc::new(large.finish()), Arc::new(view.finish()), Arc::new(binary.finish()), Arc::new(dictionary.finish())];
    for column in columns {
        let batch = one_column("text", Arc::clone(&column));
        let (parquet, arrow, stream) = (folder.path("t.parquet"), folder.path("t.arrow"), folder.path("t.arrows"));
        write_parquet(&parquet, &batch, 128);
        let mut writer = FileWriter::try_new(File::create(&arrow).unwrap(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        let mut writer = StreamWriter::try_new(File::create(&stream).unwrap(), &batch.schema()).unwrap();
        // Two batches, the second of them empty.
        writer.write(&batch).unwrap();
        writer.write(&batch.slice(0, 0)).unwrap();
        writer.finish().unwrap();
        for from in [&parquet, &arrow, &stream] {
            let to = folder.path("out.arrow");
            ran("predict", from, &to, &[]);
            let out: Vec<_> =
                FileReader::try_new(File::open(&to).unwrap(), None).unwrap().map(Result::unwrap).collect();
            let labels: Vec<_> = strings(&out, "label").into_iter().flatten().collect();
            let same = labels.iter().zip(&right).all(|(found, right)| *found == right.0);
            assert!(same && labels.len() == right.len(), "{} from {}", column.data_type(), from.display());
            let probabilities: Vec<f32> = numbers(&out, "probability").into_iter().flatten().collect();
            assert!(probabilities.iter().zip(&right).all(|(found, right)| found.to_bits() == right.1.to_bits()));
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_are_replaced_and_counted() {
    let folder = Folder::new();
    let (from, to) = (folder.path("t.parquet"), folder.path("out.jsonl"));
    let mut binary = BinaryBuilder::new();
    [&b"superb"[..], b"bad \xff byte"].iter().for_each(|bytes| binary.append_value(bytes));
    let batch = one_column("text", Arc::new(binary.finish()));
    write_parquet(&from, &batch, 10);
    // JSON cannot store binary values, Parquet can.
    run("predict", &from, &to, &[]).refused(2, "found the type Binary in the column `text`; write Parquet or Arrow");
    let said = ran("predict", &from, &folder.path("out.parquet"), &[]).err;
    assert!(said.contains("1 text is not valid UTF-8; the invalid bytes were replaced"), "{said}");
    let out = read_parquet(&folder.path("out.parquet"));
    assert_eq!(&out[0]["text"], &batch["text"]);
}

/// A column of the rows that the program wrote in a line-based format.
fn column(path: &Path, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    if path.extension().unwrap() == "jsonl" {
        let values = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()[name].clone());
        return values.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect();
    }
    let tabs = path.extension().unwrap() == "tsv";
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(if tabs { b'\t' } else { b',' })
        .quoting(!tabs)
        .from_reader(text.as_bytes());
    let at = reader.headers().unwrap().iter().position(|header| header == name).unwrap();
    reader.records().map(|record| record.unwrap()[at].to_owned()).collect()
}

#[test]
fn every_form_goes_to_every_other() {
    let folder = Folder::new();
    let texts = texts(200);
    let right = expected(&texts);
    let plain: String = texts.iter().map(|text| format!("{text}\n")).collect();
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let csv: String = texts.iter().enumerate().map(|(at, text)| format!("{at},{}\n", quoted(text))).collect();
    let tsv: String = texts.iter().enumerate().map(|(at, text)| format!("{at}\t{text}\n")).collect();
    let json: String =
        texts.iter().map(|text| format!("{{\"n\": 1.50, \"text\": {}}}\n", Value::from(text.as_str()))).collect();
    let parquet = folder.path("in.parquet");
    write_parquet(&parquet, &one_column("review", string_array(&texts)), 64);
    let inputs = [
        folder.file("in.txt", &plain),
        folder.file("in.txt.gz", gzip(plain.as_bytes())),
        folder.file("in.csv", format!("id,text\n{csv}")),
        folder.file("in.data", format!("\u{feff}id\tSentence\n{tsv}").replace('\n', "\r\n")),
        folder.file("in.jsonl", &json),
        parquet,
    ];
    for from in &inputs {
        for ending in ["csv", "tsv", "jsonl", "parquet", "arrows"] {
            let to = folder.path(&format!("out.{ending}"));
            if from.ends_with("in.jsonl") && ending != "jsonl" {
                run("predict", from, &to, &[]).refused(2, "the rows of JSON Lines have no common columns");
                continue;
            }
            ran("predict", from, &to, &[]);
            let (labels, probabilities): (Vec<String>, Vec<f32>) = match ending {
                "parquet" | "arrows" => {
                    let out = match ending {
                        "parquet" => read_parquet(&to),
                        _ => {
                            StreamReader::try_new(File::open(&to).unwrap(), None).unwrap().map(Result::unwrap).collect()
                        }
                    };
                    let labels = strings(&out, "label").into_iter().flatten().collect();
                    (labels, numbers(&out, "probability").into_iter().flatten().collect())
                }
                _ => {
                    let probabilities =
                        column(&to, "probability").iter().map(|number| number.parse().unwrap()).collect();
                    (column(&to, "label"), probabilities)
                }
            };
            let found: Vec<(String, f32)> = labels.into_iter().zip(probabilities).collect();
            assert!(found == right, "{} to {ending}", from.display());
        }
    }
    // The input columns are in the output, unchanged.
    ran("predict", &folder.path("in.csv"), &folder.path("out.jsonl"), &[]);
    assert_eq!(column(&folder.path("out.jsonl"), "text"), texts);
    ran("predict", &folder.path("in.jsonl"), &folder.path("out.jsonl"), &[]);
    let out = std::fs::read_to_string(folder.path("out.jsonl")).unwrap();
    for (line, came) in out.lines().zip(json.lines()) {
        assert!(line.starts_with(&format!("{},\"label\":", came.strip_suffix('}').unwrap())), "{line}");
    }
}

#[test]
fn pipes_are_read_and_written() {
    let (_, model) = model();
    let predict = |more: &[&str], input: &[u8]| {
        let mut all: Vec<OsString> = vec!["predict".into(), model.into()];
        all.extend(["--in", "-", "--out", "-"].iter().chain(more).map(OsString::from));
        vocable_fed(all, input)
    };
    let [(label, probability)] = &expected(&["superb".to_owned()])[..] else { panic!() };
    let ran = predict(&[], b"superb\n");
    assert_eq!(ran.out, format!("{{\"text\":\"superb\",\"label\":\"{label}\",\"probability\":{probability}}}\n"));
    assert_eq!(
        predict(&[], b"id,text\n7,superb\n").out,
        format!("id,text,label,probability\n7,superb,{label},{probability}\n")
    );
    let null = predict(&[], b"{\"text\": null, \"a\": {}}\n{\"text\":7}\n");
    assert!(
        null.out
            .starts_with("{\"text\": null, \"a\": {},\"label\":null,\"probability\":null}\n{\"text\":7,\"label\":\"")
    );
    // An Arrow stream can be piped in and out.
    let batch = one_column("text", string_array(&["superb".to_owned()]));
    let mut stream = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    stream.write(&batch).unwrap();
    stream.finish().unwrap();
    assert_eq!(predict(&[], stream.get_ref()).out, ran.out);
    predict(&["--out-format", "npy"], b"superb\n")
        .refused(2, "the npy format cannot be written to a pipe; write to a file");
    predict(&[], b"PAR1").refused(2, "the parquet format cannot be read from a pipe; write it to a file first");
}

#[test]
fn a_failed_read_leaves_no_output() {
    let folder = Folder::new();
    let to = folder.path("out.parquet");
    std::fs::write(&to, "as it was").unwrap();
    let batch = one_column("text", string_array(&texts(30_000)));
    let whole = folder.path("whole.parquet");
    write_parquet(&whole, &batch, 5000);
    let parquet = std::fs::read(&whole).unwrap();
    let mut arrow = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    let mut stream = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    for from in (0..30_000).step_by(5000) {
        arrow.write(&batch.slice(from, 5000)).unwrap();
        stream.write(&batch.slice(from, 5000)).unwrap();
    }
    arrow.finish().unwrap();
    stream.finish().unwrap();
    let (arrow, stream) = (arrow.into_inner().unwrap(), stream.into_inner().unwrap());
    let mut damaged = parquet.clone();
    let middle = parquet.len() / 2;
    damaged[middle..middle + 2000].fill(0xa5);
    let csv = format!("text\n{}\"open\nand so on\n", "fine\n".repeat(20_000));
    let json = format!("{}{{\"text\": [1]}}\n", "{\"text\":\"fine\"}\n".repeat(9000));
    let int = one_column("text", Arc::new(Int64Array::from(vec![1])));
    let list = one_column(
        "text",
        Arc::new(StructArray::from(vec![(
            Arc::new(Field::new("a", DataType::Float64, false)),
            Arc::new(Float64Array::from(vec![1.0])) as ArrayRef,
        )])),
    );
    let (ints, lists) = (folder.path("int.parquet"), folder.path("list.parquet"));
    write_parquet(&ints, &int, 1);
    write_parquet(&lists, &list, 1);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("cut.parquet", parquet[..parquet.len() - 9].to_vec(), "expected a whole Parquet file, found"),
        ("cut2.parquet", parquet[..middle].to_vec(), "expected a whole Parquet file, found"),
        ("magic.parquet", b"PAR1".to_vec(), "expected a whole Parquet file, found"),
        ("damaged.parquet", damaged, "expected a whole Parquet file, found"),
        ("cut.arrow", arrow[..arrow.len() / 2].to_vec(), "expected a whole Arrow file, found"),
        ("magic.arrow", b"ARROW1\0\0".to_vec(), "expected a whole Arrow file, found"),
        ("cut.arrows", stream[..stream.len() / 2].to_vec(), "expected a whole Arrow stream, found"),
        ("open.csv", csv.into_bytes(), "line 20002: this quoted field is never closed"),
        ("uneven.csv", b"text,n\nfine,1\nfine\n".to_vec(), "line 3: expected 2 columns, as in the header, found 1"),
        ("list.jsonl", json.into_bytes(), "line 9001: expected a string or a number at `text`, found [1]"),
        ("bad.jsonl", b"{\"text\":\"fine\"}\n{\n".to_vec(), "line 2: expected a JSON object, found `{`"),
        ("keys.jsonl", b"{\"word\":\"fine\"}\n".to_vec(), "expected a key for the text (text, sentence"),
        ("int.parquet", std::fs::read(&ints).unwrap(), "expected strings in the column `text`, found the type Int64"),
        (
            "struct.parquet",
            std::fs::read(&lists).unwrap(),
            "expected strings in the column `text`, found the type Struct",
        ),
        ("names.csv", b"a,b\n1,2\n".to_vec(), "expected a column for the text (text, sentence"),
        ("old.feather", b"FEA1....".to_vec(), "found Feather version 1"),
        ("empty.csv", b"".to_vec(), "expected a column for the text"),
        ("half.txt.gz", gzip(&b"text after text\n".repeat(5000))[..60].to_vec(), "expected"),
    ];
    for (name, bytes, what) in cases {
        let from = folder.file(name, bytes);
        let to = if name.ends_with("jsonl") { folder.path("out.jsonl") } else { to.clone() };
        run("predict", &from, &to, &[]).refused(2, what);
    }
    run("predict", &whole, &to, &["--text-column", "nope"])
        .refused(2, "a column `nope`, found the columns text; name the column with `--text-column`");
    assert_eq!(std::fs::read_to_string(&to).unwrap(), "as it was");
    assert!(!folder.path("out.jsonl").exists());
    let hidden = std::fs::read_dir(to.parent().unwrap()).unwrap();
    assert_eq!(
        hidden.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().starts_with(".vocable")).count(),
        0
    );
}

#[test]
fn damaged_bytes_never_panic() {
    let folder = Folder::new();
    let path = folder.path("t.parquet");
    write_parquet(&path, &one_column("text", string_array(&texts(50))), 20);
    let whole = std::fs::read(&path).unwrap();
    let mut state = 1u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..300 {
        let mut bytes = whole.clone();
        for _ in 0..=random(3) {
            let at = random(bytes.len());
            bytes[at] = random(256) as u8;
        }
        let path = folder.file("damaged.parquet", &bytes);
        let Ok(mut source) = TableReader::open(&path, &TableReaderOptions::default()) else { continue };
        while let Ok(Some(chunk)) = source.next_chunk() {
            assert!(chunk.texts().0.len() == chunk.len());
        }
    }
}

#[test]
fn a_table_without_rows_comes_out_without_rows() {
    let folder = Folder::new();
    let from = folder.path("none.parquet");
    write_parquet(&from, &one_column("text", string_array(&[])), 1);
    let to = folder.path("out.parquet");
    ran("predict", &from, &to, &[]);
    let out = ParquetRecordBatchReaderBuilder::try_new(File::open(&to).unwrap()).unwrap();
    assert_eq!((out.schema().fields().len(), out.metadata().file_metadata().num_rows()), (3, 0));
    let csv = folder.file("none.csv", "id,text\n");
    ran("predict", &csv, &folder.path("out.csv"), &[]);
    assert_eq!(std::fs::read_to_string(folder.path("out.csv")).unwrap(), "id,text,label,probability\n");
}

#[test]
fn names_that_are_there_already_are_refused_and_can_be_changed() {
    let folder = Folder::new();
    let from = folder.file("t.csv", "text,label\nsuperb,pos\n");
    let to = folder.path("out.csv");
    let what = "there is already a column `label`; give the new columns a prefix";
    run("predict", &from, &to, &[]).refused(2, what);
    ran("predict", &from, &to, &["--prefix", "predicted_"]);
    let header = "text,label,predicted_label,predicted_probability\n";
    assert!(std::fs::read_to_string(&to).unwrap().starts_with(header));
    let from = folder.file("t.jsonl", "{\"text\":\"a\"}\n{\"text\":\"a\",\"label\":1}\n");
    run("predict", &from, &folder.path("out.jsonl"), &[]).refused(2, &format!("line 2: {what}"));
    // A tab inside a text would end the field.
    let from = folder.file("tab.csv", "text,n\n\"a\tb\",1\n");
    run("predict", &from, &folder.path("out.tsv"), &[])
        .refused(2, "which TSV cannot represent; write CSV or JSON Lines");
    run("predict", &from, &folder.path("out.what"), &[]).refused(2, "output file: expected the extension .parquet");
    run("predict", &from, &folder.path("out.txt"), &[]).refused(2, "output format: expected csv, tsv");
    run("predict", &from, &folder.path("no/out.csv"), &[]).refused(2, "cannot create it");
    run("predict", &from, &folder.path("out.arrow"), &["--compression", "gzip"])
        .refused(2, "expected none, zstd or lz4");
    run("predict", &from, &folder.path("out.csv"), &["--compression", "zstd"]).refused(2, "expected Parquet or Arrow");
}

#[test]
fn texts_become_vectors_in_all_forms() {
    let folder = Folder::new();
    let mut texts = texts(300);
    texts.push("qqqqz".to_owned());
    let from = folder.path("t.parquet");
    let vectors = Vectors::demo().unwrap();
    write_parquet(&from, &one_column("text", string_array(&texts)), 64);
    let of = TextVectors::new(vectors.into(), Tokenizer::Unicode, Case::Fold, Weighting::Mean).unwrap();
    let right: Vec<f32> = of.of(&texts).into_iter().flat_map(|vector| vector.values).collect();
    let (npy, parquet, json) = (folder.path("v.npy"), folder.path("v.parquet"), folder.path("v.jsonl"));
    let said = ran("embed", &from, &npy, &[]).err;
    assert!(said.contains("texts without known words, with zero vectors: 1"), "{said}");
    let (values, rows, columns) = vocable::files::numpy::parse(&std::fs::read(&npy).unwrap(), false).unwrap();
    assert_eq!((rows, columns), (texts.len(), 50));
    assert!(values == right);
    ran("embed", &from, &parquet, &["--compression", "zstd"]);
    let of_parquet: Vec<f32> = read_parquet(&parquet)
        .iter()
        .flat_map(|batch| batch["vector"].as_fixed_size_list().values().as_primitive::<Float32Type>().values().to_vec())
        .collect();
    assert!(of_parquet == right);
    ran("embed", &from, &json, &["--weighting", "mean"]);
    let lines = std::fs::read_to_string(&json).unwrap();
    let of_json = lines.lines().flat_map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["vector"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect::<Vec<f32>>()
    });
    assert!(of_json.eq(right.iter().copied()));
    run("embed", &from, &folder.path("v.csv"), &[]).refused(2, "in the column `vector`; write Parquet or Arrow");
    // Weighted, with and without counts.
    let counts = folder.file("counts", "the 90\na 10\n");
    ran("embed", &from, &npy, &["--weighting", "frequency", "--counts", counts.to_str().unwrap()]);
    assert!(vocable::files::numpy::parse(&std::fs::read(&npy).unwrap(), false).unwrap().0 != right);
    run("embed", &from, &npy, &["--counts", counts.to_str().unwrap()])
        .refused(2, "--counts requires --weighting frequency");
    vocable(["embed"]).refused(2, "--in and --out are required");
}

#[test]
fn coverage_of_a_table_is_that_of_its_lines() {
    let folder = Folder::new();
    // More than one chunk.
    let texts = texts(9000);
    let parquet = folder.path("t.parquet");
    write_parquet(&parquet, &one_column("body", string_array(&texts)), 4000);
    let lines = folder.file("t.txt", texts.join("\n"));
    let coverage = |more: &[&str]| {
        let demo = fixture("demo.50d.txt");
        let all =
            [&["coverage", "--json", "--tokenizer", "all", "--vectors", demo.to_str().unwrap()][..], more].concat();
        let answers = vocable(all).json();
        answers
            .into_iter()
            .map(|mut answer| {
                answer["file"].take();
                answer
            })
            .collect::<Vec<_>>()
    };
    let of_lines = coverage(&[lines.to_str().unwrap(), "--unlabelled"]);
    assert!(of_lines.len() >= 3);
    assert_eq!(coverage(&[parquet.to_str().unwrap()]), of_lines);
}

#[test]
fn chunks_yield_each_row_once() {
    let folder = Folder::new();
    let path = folder.path("t.arrow");
    // One batch that is larger than a chunk.
    let texts = texts(20_000);
    let batch = one_column("text", string_array(&texts));
    let mut writer = FileWriter::try_new(File::create(&path).unwrap(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    let mut source = TableReader::open(&path, &TableReaderOptions::default()).unwrap();
    let (mut read, mut chunks) = (Vec::new(), 0);
    while let Some(chunk) = source.next_chunk().unwrap() {
        read.extend(chunk.texts().0.into_iter().flatten().map(Cow::into_owned));
        chunks += 1;
    }
    assert!(read == texts && chunks > 1, "{chunks} chunks");
}

#[test]
#[ignore = "needs Python with the pyarrow package"]
fn pyarrow_reads_what_is_written_and_the_other_way_round() {
    let folder = Folder::new();
    let texts = texts(20_000);
    let lines = folder.file("texts.txt", texts.join("\n"));
    let script = "
import sys
import pyarrow as pa, pyarrow.feather as feather, pyarrow.ipc as ipc, pyarrow.parquet as pq
folder = sys.argv[1]
if sys.argv[2] == 'write':
    texts = open(folder + '/texts.txt', encoding='utf-8').read().split('\\n')
    kinds = dict(string=pa.string(), large=pa.large_string(), view=pa.string_view(), binary=pa.binary(),
                 dictionary=pa.dictionary(pa.int16(), pa.string()))
    for kind, type in kinds.items():
        column = pa.array(texts).dictionary_encode() if kind == 'dictionary' else pa.array(texts, type)
        table = pa.table({'id': list(range(len(texts))), 'text': column})
        for codec in ['none', 'snappy', 'gzip', 'zstd', 'lz4']:
            pq.write_table(table, f'{folder}/{kind}.{codec}.parquet', compression=codec, row_group_size=3000)
        for codec in ['uncompressed', 'zstd', 'lz4']:
            feather.write_feather(table, f'{folder}/{kind}.{codec}.feather', compression=codec, chunksize=3000)
        with ipc.new_stream(f'{folder}/{kind}.arrows', table.schema) as out:
            out.write_table(table, max_chunksize=3000)
else:
    path = sys.argv[2]
    table = pq.read_table(path) if path.endswith('.parquet') else feather.read_table(path) if path.endswith('.feather') else ipc.open_stream(path).read_all()
    table.validate(full=True)
    assert table.column_names[:2] == ['id', 'text'] and table.column('id').to_pylist() == list(range(len(table)))
    last = table.column(table.num_columns - 1)
    if pa.types.is_fixed_size_list(last.type):
        print(len(table), last.type.list_size, last.null_count)
    else:
        print(*table.column('label').to_pylist())
        print(*table.column('probability').to_numpy().view('uint32'))
";
    let python = |argument: &str| {
        let folder = lines.parent().unwrap();
        let ran = Command::new("python3").args(["-c", script]).arg(folder).arg(argument).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    };
    python("write");
    let right = expected(&texts);
    let right = [
        right.iter().map(|(label, _)| label.clone()).collect::<Vec<_>>().join(" "),
        right.iter().map(|(_, probability)| probability.to_bits().to_string()).collect::<Vec<_>>().join(" "),
    ];
    let mut to = folder.path("out.parquet");
    for kind in ["string", "large", "view", "binary", "dictionary"] {
        let codecs = ["none", "snappy", "gzip", "zstd", "lz4"].map(|codec| format!("{kind}.{codec}.parquet"));
        let feather = ["uncompressed", "zstd", "lz4"].map(|codec| format!("{kind}.{codec}.feather"));
        for from in codecs.into_iter().chain(feather).chain([format!("{kind}.arrows")]) {
            ran("predict", &folder.path(&from), &to, &[]);
            let said = python(to.to_str().unwrap());
            assert!(said.lines().eq(&right), "{from}");
        }
    }
    let from = folder.path("string.none.parquet");
    let ways = [
        ("out.parquet", &["none", "snappy", "gzip", "zstd", "lz4"][..]),
        ("out.feather", &["none", "zstd", "lz4"]),
        ("out.arrows", &["none", "zstd", "lz4"]),
    ];
    for (name, codecs) in ways {
        for codec in codecs {
            to = folder.path(name);
            ran("predict", &from, &to, &["--compression", codec]);
            assert!(python(to.to_str().unwrap()).lines().eq(&right), "{name}, {codec}");
            ran("embed", &from, &to, &["--compression", codec]);
            assert_eq!(python(to.to_str().unwrap()), "20000 50 0\n");
        }
    }
}
