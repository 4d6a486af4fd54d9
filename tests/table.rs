//! The table file, and vectors written in other formats: round trips, damage that is reported at the
//! word it concerns, and files that are replaced while others have them open.

use std::fs::File;
use std::sync::Arc;

use crate::common::{Folder, Row, fixture, program, refusal, rows, small, vocable};
use proptest::prelude::*;
use serde_json::{Value, json};
use vocable::Vectors;
use vocable::files::ElementType;
use vocable::files::{Format, ReadOptions};
use vocable::nn::{Embedding, EmbeddingMode, EmbeddingOptions};
use vocable::query::{EvaluateOptions, NearestOptions, PairProtocol, Pairs};
use vocable::vectors::Case;

/// The bytes of a table file of some rows.
fn table(rows: &[Row]) -> Vec<u8> {
    let folder = Folder::new();
    in_memory(rows).save(folder.path("t"), Format::Table, ElementType::F32).unwrap();
    std::fs::read(folder.path("t")).unwrap()
}

fn in_memory(rows: &[Row]) -> Vectors {
    let (words, values): (Vec<_>, Vec<_>) = rows.iter().cloned().unzip();
    Vectors::new(words, values.concat(), values[0].len()).unwrap()
}

fn same(a: &Vectors, b: &Vectors) {
    assert_eq!(a.dimension(), b.dimension());
    assert!(a.iter().eq(b.iter()));
    assert_eq!(a.norms(), b.norms());
    for (row, (word, _)) in (0..).zip(a.iter()) {
        assert_eq!(b.row_of(word), Some(row));
    }
}

/// Words that no other format can hold: empty, with spaces, tabs or line feeds, not UTF-8.
fn awkward() -> Vec<Row> {
    let words: [&[u8]; 8] = [b"", b" ", b"a b", b"\t", b"\n", b"\xff\xfe", "König".as_bytes(), b"1"];
    words.iter().zip(1u8..).map(|(word, i)| (word.to_vec(), vec![f32::from(i), -1e-42, 3e38])).collect()
}

#[test]
fn a_table_file_holds_what_was_written() {
    let folder = Folder::new();
    for rows in [small(), awkward(), rows(&[("zero", &[0.0, -0.0])])] {
        let vectors = in_memory(&rows);
        let path = folder.path("t.safetensors");
        vectors.save(&path, Format::Table, ElementType::F32).unwrap();
        let opened = Vectors::open(&path).unwrap();
        same(&vectors, &opened);
        assert_eq!(opened.source().format, Format::Table);
        assert_eq!(opened.memory(), 0, "rows that are read in place take no memory");
        opened.check().unwrap();
        opened.verify().unwrap();
        assert_eq!(opened.row_of("no such word"), None);
        assert_eq!(opened.find("QUEEN", Case::Fold).unwrap(), vectors.row_of("queen"));
    }
}

#[test]
fn many_words_are_found_and_copied_as_each_is() {
    let folder = Folder::new();
    for rows in [small(), awkward()] {
        let vectors = in_memory(&rows);
        vectors.save(folder.path("t"), Format::Table, ElementType::F32).unwrap();
        for vectors in [&Vectors::open(folder.path("t")).unwrap(), &vectors] {
            // More than are prefetched together.
            let words: Vec<&[u8]> = rows.iter().cycle().step_by(3).map(|(word, _)| &word[..]).take(150).collect();
            let each: Vec<_> = words.iter().map(|word| vectors.row_of(word)).collect();
            assert_eq!(vectors.find_all(&words).unwrap(), each);
            let mut values = vec![f32::NAN; 150 * vectors.dimension()];
            assert!(vectors.copy_all(&words, &mut values).unwrap());
            assert_eq!(values, words.iter().flat_map(|word| vectors.get(word).unwrap()).copied().collect::<Vec<_>>());
            let with_another = [&words[..], &[b"no such word"]].concat();
            assert_eq!(vectors.find_all(&with_another).unwrap()[150], None);
            assert!(!vectors.copy_all(&with_another, &mut vec![0.0; 151 * vectors.dimension()]).unwrap());
            let refused = vectors.copy_all(&words, &mut values[1..]).unwrap_err().to_string();
            assert!(refused.contains(&format!("150 x {} numbers", vectors.dimension())), "{refused}");
        }
    }
}

#[test]
fn the_same_rows_make_the_same_bytes() {
    assert_eq!(table(&small()), table(&small()));
}

#[test]
fn every_format_that_is_written_reads_back_and_answers_alike() {
    let folder = Folder::new();
    let demo = Vectors::demo().unwrap();
    let expected = demo.nearest(&["king"], &[] as &[&str], &NearestOptions::default()).unwrap();
    for (name, format) in [
        ("a.txt", Format::Glove),
        ("a.vec", Format::Word2vecText),
        ("a.bin", Format::Word2vecBinary),
        ("a.npy", Format::Numpy),
        ("a.safetensors", Format::Table),
        ("a.txt.gz", Format::Glove),
        ("a.bin.gz", Format::Word2vecBinary),
    ] {
        let path = folder.path(name);
        assert_eq!(vocable::files::save::format_for(&path), Some(format));
        let saved = demo.save(&path, format, ElementType::F32).unwrap();
        assert_eq!(saved.files[0], path);
        let opened = Vectors::open(&path).unwrap();
        assert_eq!(opened.source().format, format);
        same(&demo, &opened);
        let answers = opened.nearest(&["king"], &[] as &[&str], &NearestOptions::default()).unwrap();
        assert_eq!(answers, expected);
    }
}

#[test]
fn the_projector_gets_numbers_and_words_in_two_files() {
    let folder = Folder::new();
    let words = ["a", "tab\there", "c"];
    let vectors = Vectors::new(words, vec![1.0, -0.5, 1e-7, 2.0, 3.0, 4.25], 2).unwrap();
    let saved = vectors.save(folder.path("v.tsv"), Format::Projector, ElementType::F32).unwrap();
    assert_eq!(saved.files, [folder.path("v.tsv"), folder.path("v.metadata.tsv")]);
    assert_eq!(std::fs::read_to_string(&saved.files[0]).unwrap(), "1\t-0.5\n1e-7\t2\n3\t4.25\n");
    assert_eq!(std::fs::read_to_string(&saved.files[1]).unwrap(), "a\ntab here\nc\n");
    assert_eq!(saved.warnings.len(), 1);
}

#[test]
fn words_that_a_format_cannot_hold_are_refused_and_nothing_is_written() {
    let folder = Folder::new();
    let cases: [(&[u8], &[f32], Format); 8] = [
        (b"a b", &[1.0, 2.0], Format::Word2vecBinary),
        (b"\na", &[1.0, 2.0], Format::Word2vecBinary),
        (b"a\nb", &[1.0, 2.0], Format::Word2vecText),
        (b"a\nb", &[1.0, 2.0], Format::Glove),
        // Would read as a row too long,
        (b"a 5", &[1.0, 2.0], Format::Glove),
        // as a header,
        (b"7", &[2.0], Format::Glove),
        // and as a byte-order mark before a word.
        ("\u{feff}a".as_bytes(), &[1.0, 2.0], Format::Glove),
        // Only table files have f16.
        (b"a", &[1.0, 2.0], Format::Glove),
    ];
    for (index, (word, values, format)) in cases.into_iter().enumerate() {
        let precision = if index == 7 { ElementType::F16 } else { ElementType::F32 };
        let vectors = Vectors::new([word], values.to_vec(), values.len()).unwrap();
        let path = folder.path("out");
        let error = vectors.save(&path, format, precision).unwrap_err().to_string();
        assert!(error.contains(format.name()), "{word:?}: {error}");
        assert!(!path.exists());
    }
    // With a fraction in the row it is a word.
    let vectors = in_memory(&rows(&[("a", &[1.0, 2.0]), ("b", &[1.0, 2.0]), ("route 66", &[0.5, 2.0])]));
    vectors.save(folder.path("out"), Format::Glove, ElementType::F32).unwrap();
    same(&vectors, &Vectors::open(folder.path("out")).unwrap());
}

#[test]
fn a_numpy_array_needs_the_list_of_its_words() {
    let folder = Folder::new();
    let demo = Vectors::demo().unwrap();
    let path = folder.path("v.npy");
    let saved = demo.save(&path, Format::Numpy, ElementType::F16).unwrap();
    assert_eq!(saved.files, [path.clone(), folder.path("v.words.txt")]);
    let halves = Vectors::open(&path).unwrap();
    assert!(demo.compare_cosines(&halves).unwrap().min_cosine > 1.0 - 1e-6);
    std::fs::rename(folder.path("v.words.txt"), folder.path("list")).unwrap();
    let error = Vectors::open(&path).unwrap_err().to_string();
    assert!(error.contains("v.words.txt") && error.contains("`ReadOptions::word_list`"), "{error}");
    let options = ReadOptions { word_list: Some(folder.path("list")), ..ReadOptions::default() };
    same(&halves, &Vectors::open_with(&path, &options).unwrap());
    let list = folder.file("short", "one\ntwo\n");
    let options = ReadOptions { word_list: Some(list), ..ReadOptions::default() };
    let error = Vectors::open_with(&path, &options).unwrap_err().to_string();
    assert!(error.contains("short: expected 2500 words") && error.contains("found 2 lines"), "{error}");
}

#[test]
fn words_that_a_fasttext_model_lacks_have_vectors_and_keep_them_in_a_table() {
    let folder = Folder::new();
    let model = Vectors::open(fixture("fasttext.8d.bin")).unwrap();
    let answers: Value = serde_json::from_slice(&std::fs::read(fixture("fasttext.8d.json")).unwrap()).unwrap();
    let (table, again) = (folder.path("t.safetensors"), folder.path("again.bin"));
    model.save(&table, Format::Table, ElementType::F32).unwrap();
    model.save(&again, Format::Fasttext, ElementType::F32).unwrap();
    for vectors in [&model, &Vectors::open(&table).unwrap(), &Vectors::open(&again).unwrap()] {
        vectors.verify().unwrap();
        for (kind, has_row) in [("words", true), ("absent", false)] {
            for (word, expected) in answers[kind].as_object().unwrap() {
                assert_eq!(vectors.row_of(word).is_some(), has_row, "{word}");
                let expected: Vec<f64> = expected.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
                let Some(found) = vectors.vector(word) else {
                    assert!(expected.iter().all(|&value| value == 0.0), "{word} has no n-grams");
                    continue;
                };
                for (found, expected) in found.iter().zip(expected) {
                    assert!((f64::from(*found) - expected).abs() < 1e-6, "{word}: {found} is not {expected}");
                }
            }
        }
        // A word without a row can be queried like any other.
        let lacking =
            answers["absent"].as_object().unwrap().keys().find(|word| vectors.vector(word).is_some()).unwrap();
        let near =
            vectors.nearest(&[lacking], &[] as &[&str], &NearestOptions { k: 1, ..NearestOptions::default() }).unwrap();
        let cosine = vectors.similarity(lacking, vectors.word(near[0].row).as_bytes()).unwrap();
        assert!((cosine - near[0].score).abs() < 1e-6);
    }
    // They compose vectors for given words.
    let others: Vec<&String> = answers["absent"].as_object().unwrap().keys().collect();
    let chosen = model.subset(&[1, 0, 1], &others).unwrap();
    assert_eq!((chosen.word(0), chosen.word(1)), (model.word(1), model.word(0)));
    for word in others {
        assert_eq!(chosen.get(word), model.vector(word).as_deref(), "{word}");
    }
    // Other formats lose them, with a warning.
    let saved = model.save(folder.path("v.vec"), Format::Word2vecText, ElementType::F32).unwrap();
    assert!(saved.warnings[0].contains("n-grams are not saved"), "{saved:?}");
}

#[test]
fn an_embedding_takes_the_vectors_of_ngrams_for_the_files_own() {
    let model = Arc::new(Vectors::open(fixture("fasttext.8d.bin")).unwrap());
    let answers: Value = serde_json::from_slice(&std::fs::read(fixture("fasttext.8d.json")).unwrap()).unwrap();
    let lacking = answers["absent"].as_object().unwrap().keys().find(|word| model.vector(word).is_some()).unwrap();
    let vector = model.vector(lacking).unwrap().into_owned();
    for mode in [EmbeddingMode::Frozen, EmbeddingMode::OovOnly, EmbeddingMode::Tuned] {
        let options = EmbeddingOptions { mode, ..EmbeddingOptions::default() };
        let embedding: Embedding<f32> = Embedding::new(&model, &[lacking], &options).unwrap();
        assert_eq!(embedding.forward(&[2]), vector);
        assert_eq!(embedding.is_trained(2), mode == EmbeddingMode::Tuned);
    }
}

#[test]
fn f16_has_the_stated_precision() {
    let folder = Folder::new();
    let demo = Vectors::demo().unwrap();
    let path = folder.path("h.safetensors");
    demo.save(&path, Format::Table, ElementType::F16).unwrap();
    let halves = Vectors::open(&path).unwrap();
    halves.verify().unwrap();
    assert_eq!(halves.table_info().unwrap().dtype, ElementType::F16);
    for (full, half) in demo.values().iter().zip(halves.values()) {
        // 11 bits, rounded to nearest.
        assert!((full - half).abs() <= full.abs() / 2048.0 + 2f32.powi(-25), "{full} as {half}");
    }
    let cost = demo.compare_cosines(&halves).unwrap();
    assert!(cost.min_cosine < 1.0 && cost.min_cosine > 1.0 - 1e-6, "{cost:?}");
    assert!(cost.max_change > 0.0 && cost.max_change < 1e-3, "{cost:?}");
    // The norms are those of the f16 values.
    for row in 0..halves.len() as u32 {
        let exact = halves.row(row).unwrap().iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        assert!((f64::from(halves.norm(row).unwrap()) / exact - 1.0).abs() < 1e-7);
    }
    let large = Vectors::new(["small", "large"], vec![1.0, 70_000.0], 1).unwrap();
    let error = large.save(folder.path("l"), Format::Table, ElementType::F16).unwrap_err().to_string();
    assert!(error.contains("65504") && error.contains("`large`"), "{error}");
}

/// The header of a table file, to be changed, and what follows it.
fn taken_apart(bytes: &[u8]) -> (Value, Vec<u8>) {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    (serde_json::from_slice(&bytes[8..8 + length]).unwrap(), bytes[8 + length..].to_vec())
}

fn put_together(header: &Value, data: &[u8]) -> Vec<u8> {
    let mut header = serde_json::to_vec(header).unwrap();
    header.resize(header.len().next_multiple_of(8), b' ');
    [&(header.len() as u64).to_le_bytes()[..], &header, data].concat()
}

/// The position of a tensor in the bytes after the header.
fn place(header: &Value, name: &str) -> usize {
    header[name]["data_offsets"][0].as_u64().unwrap() as usize
}

#[test]
fn a_table_whose_header_is_wrong_does_not_open() {
    let whole = table(&small());
    let (header, data) = taken_apart(&whole);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut header = header.clone();
        change(&mut header);
        put_together(&header, &data)
    };
    let without = |name: &'static str| {
        move |header: &mut Value| {
            header.as_object_mut().unwrap().remove(name);
        }
    };
    let overlapping = |header: &mut Value| {
        header["norms"]["data_offsets"] = header["vectors"]["data_offsets"].clone();
        header["norms"]["shape"] = json!([9]);
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("truncated", whole[..whole.len() - 1].to_vec(), "the file may be truncated"),
        ("longer", [&whole[..], b"x"].concat(), "bytes, which does not match its header"),
        ("cut in the header", whole[..100].to_vec(), "the file may be truncated"),
        ("overlap", changed(&overlapping), "expected a complete safetensors file"),
        (
            "sizes that overflow",
            changed(&|h| h["vectors"]["shape"] = json!([u64::MAX, 8])),
            "a complete safetensors file",
        ),
        ("other rows", changed(&|h| h["vectors"]["shape"] = json!([1, 9])), "`vectors` of shape [3, dimension]"),
        ("no rows", changed(&|h| h["norms"]["shape"] = json!([3, 1])), "`norms` of shape [3], found [3, 1]"),
        ("an index for more", changed(&|h| h["words.index"]["shape"] = json!([2, 8])), "slots a power of two above 3"),
        (
            "codes of another size",
            changed(&|h| h["codes"]["shape"] = json!([1, 1, 8, 8])),
            "`codes` of shape [1, 1, 16, 4]",
        ),
        ("other numbers", changed(&|h| h["norms"]["dtype"] = json!("I32")), "`norms` of type F32, found I32"),
        (
            "a newer version",
            changed(&|h| h["__metadata__"]["vocable.version"] = json!("2")),
            "use a newer version of vocable",
        ),
        ("no checksum", changed(&|h| h["__metadata__"]["vocable.checksum"] = json!("")), "expected a checksum"),
        (
            "another's",
            changed(&without("__metadata__")),
            "a safetensors file with other tensors (codes, codes.scale, norms",
        ),
        (
            "a tensor renamed",
            {
                let renamed = serde_json::to_string(&header).unwrap().replace("words.bytes", "words.bytez");
                put_together(&serde_json::from_str(&renamed).unwrap(), &data)
            },
            "a tensor `words.bytes`, found none",
        ),
    ];
    for (name, bytes, expected) in cases {
        let error = refusal(&bytes, &ReadOptions::default());
        assert!(error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn a_header_of_any_length_is_told_from_other_files() {
    let (header, data) = taken_apart(&table(&small()));
    let header = serde_json::to_vec(&header).unwrap();
    // 0x0280 and the like begin a Python pickle, 0x8b1f a gzip file.
    for length in (640..2000).step_by(8).chain([0x8b18, 0x4b50]) {
        let mut padded = header.clone();
        padded.resize(length, b' ');
        let bytes = [&(length as u64).to_le_bytes()[..], &padded, &data].concat();
        let opened = Vectors::from_bytes(bytes, "padded", &ReadOptions::default()).unwrap();
        assert_eq!(opened.len(), 3);
    }
}

#[test]
fn offsets_out_of_range_are_errors_at_their_word() {
    let whole = table(&small());
    let (header, data) = taken_apart(&whole);
    let start = whole.len() - data.len();
    let altered = |at: usize, bytes: &[u8]| {
        let mut copy = whole.clone();
        copy[start + at..start + at + bytes.len()].copy_from_slice(bytes);
        let folder = Folder::new();
        let vectors = Vectors::open(folder.file("t", &copy)).unwrap();
        // Damage that no query meets is only found by reading everything.
        assert!(vectors.verify().unwrap_err().to_string().contains("checksum"));
        vectors
    };
    let offsets = place(&header, "words.offsets");
    // king, queen, x: 0, 4, 9, 10.
    for (name, bytes) in [("far outside", u64::MAX), ("decreasing", 3)] {
        let vectors = altered(offsets + 16, &bytes.to_le_bytes());
        assert!(vectors.check().is_err(), "{name}");
        assert_eq!(vectors.row_of("king"), Some(0), "{name}");
        // The word's offsets are wrong: the index finds the word, but the table cannot return it.
        let error = vectors.similarity("king", "queen").unwrap_err();
        assert!(error.to_string().contains("the file is damaged") && !error.is_unanswered(), "{name}: {error}");
        let error = vectors.nearest(&["king"], &[] as &[&str], &NearestOptions::default()).unwrap_err();
        assert!(error.to_string().contains("the file is damaged"), "{name}: {error}");
    }
    let index = place(&header, "words.index");
    let slots: Vec<[u8; 8]> = data[index..].chunks_exact(8).take(8).map(|slot| slot.try_into().unwrap()).collect();
    let slot = slots.iter().position(|slot| slot[0] == 2).unwrap();
    let vectors = altered(index + 8 * slot, &900u32.to_le_bytes());
    assert!(vectors.check().unwrap_err().to_string().contains("row 899"));
    let error = vectors.similarity("king", "queen").unwrap_err().to_string();
    assert!(error.contains("a row below 3") && error.contains("row 899"), "{error}");
    assert!(vectors.similarity("king", "x").is_ok());
    // The search of an index without an empty slot ends, too.
    let full: Vec<u8> = slots.iter().flat_map(|_| [1u32, 7].map(u32::to_le_bytes).concat()).collect();
    assert_eq!(altered(index, &full[..8 * 4]).row_of("nothing"), None);
}

#[test]
fn writing_over_a_mapped_table_leaves_its_answers_as_they_were() {
    let folder = Folder::new();
    let path = folder.path("t.safetensors");
    let demo = Vectors::demo().unwrap();
    demo.save(&path, Format::Table, ElementType::F32).unwrap();
    let opened = Vectors::open(&path).unwrap();
    Vectors::new(["other"], vec![1.0], 1).unwrap().save(&path, Format::Table, ElementType::F32).unwrap();
    same(&demo, &opened);
    opened.verify().unwrap();
    assert_eq!(Vectors::open(&path).unwrap().len(), 1);
}

#[cfg(unix)]
#[test]
fn a_table_that_shrinks_while_it_is_mapped_is_noticed_before_a_scan() {
    let folder = Folder::new();
    let path = folder.path("t.safetensors");
    Vectors::demo().unwrap().save(&path, Format::Table, ElementType::F32).unwrap();
    let opened = Vectors::open(&path).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(5000).unwrap();
    let error = opened.check().unwrap_err().to_string();
    assert!(error.contains("shortened") && error.contains("5000"), "{error}");
    assert!(opened.verify().is_err());
    let pairs = Pairs::parse(b"a\tb\t1\n").unwrap();
    assert!(opened.evaluate_pairs(&pairs, PairProtocol::Gensim, &EvaluateOptions::default()).is_err());
}

#[test]
fn convert_says_what_it_wrote_and_chooses_rows() {
    let folder = Folder::new();
    let demo = fixture("demo.50d.txt");
    let out = folder.path("t.safetensors");
    let run = |arguments: &[&str]| {
        let fixed = ["convert".as_ref(), demo.as_os_str(), out.as_os_str()];
        let ran = program().args(fixed).args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (ran.status.code(), text(ran.stdout), text(ran.stderr))
    };
    let (code, said, err) = run(&[]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(said.contains("table, 2,500 rows x 50"), "{said}");
    let facts =
        vocable(["--vectors".as_ref(), out.as_os_str(), "info".as_ref(), "--verify".as_ref(), "--json".as_ref()]);
    let facts = facts.only_json();
    assert_eq!(facts["verified"], true);
    assert_eq!(facts["table"]["source"], "demo.50d.txt");
    assert_eq!(facts["table"]["source_format"], "glove");

    let (_, said, _) = run(&["--top", "7", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["rows"], 7);
    let top = Vectors::open(&out).unwrap();
    assert!(top.iter().eq(Vectors::demo().unwrap().iter().take(7)));

    let list = folder.file("words.txt", "queen\r\nking\nno such word\nking\n");
    let (code, _, err) = run(&["--words", list.to_str().unwrap()]);
    assert_eq!(code, Some(0));
    assert!(err.contains("1 of 4 words have no row: `no such word`"), "{err}");
    let chosen = Vectors::open(&out).unwrap();
    let words: Vec<String> = (0..chosen.len() as u32).map(|row| chosen.word(row).into_owned()).collect();
    // In the order of the vectors, each once.
    let whole = Vectors::demo().unwrap();
    let mut expected = ["queen", "king"];
    expected.sort_by_key(|word| whole.row_of(word));
    assert_eq!(words, expected);

    let (code, said, _) = run(&["--dtype", "f16"]);
    assert_eq!(code, Some(0));
    assert!(said.contains("f16: the cosine of a row with its stored form"), "{said}");

    let before = std::fs::read(&out).unwrap();
    for (arguments, what) in [
        (&["--top", "0"][..], "--top"),
        (&["--to", "nonsense"], "nonsense"),
        (&["--to", "glove", "--dtype", "f16"], "the format glove stores only f32 numbers"),
        (&["--words", "/no/such/file"], "cannot open"),
        (&["--format", "word2vec"], "a header line"),
    ] {
        let (code, said, err) = run(arguments);
        assert_eq!((code, said.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(err.contains(what), "{arguments:?}: {err}");
    }
    assert_eq!(std::fs::read(&out).unwrap(), before, "a refused conversion leaves the old file");
    let ran = vocable(["convert".as_ref(), demo.as_os_str(), folder.path("x.foo").as_os_str()]);
    ran.refused(2, "--to FORMAT");
}

proptest! {
    #[test]
    fn altered_tables_never_make_a_question_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        after_header in any::<bool>(),
    ) {
        let mut bytes = table(&awkward());
        let start = if after_header { bytes.len() - taken_apart(&bytes).1.len() } else { 0 };
        for (place, byte) in changes {
            let place = start + place.index(bytes.len() - start);
            bytes[place] = byte;
        }
        let folder = Folder::new();
        if let Ok(vectors) = Vectors::open(folder.file("t", &bytes)) {
            let checked = vectors.check().is_ok();
            let _ = vectors.verify();
            for (word, _) in awkward() {
                let found = vectors.find(&word, Case::Fold);
                prop_assert!(!checked || found.is_ok());
                let _ = vectors.similarity("1", &word);
            }
            let _ = vectors.nearest(&["1"], &[] as &[&str], &NearestOptions { k: 3, ..NearestOptions::default() });
            let _ = vectors.subset(&[0, 5, 9], &["König", "other"]);
            let _ = vectors.suggest("Konig", 2);
            let _ = vectors.save(folder.path("out"), Format::Word2vecText, ElementType::F32);
        }
    }

    #[test]
    fn the_index_finds_every_word_and_no_other(words in prop::collection::hash_set("[a-e]{0,3}", 1..120)) {
        let words: Vec<String> = words.into_iter().collect();
        let folder = Folder::new();
        let vectors = Vectors::new(&words, vec![1.0; words.len()], 1).unwrap();
        vectors.save(folder.path("t"), Format::Table, ElementType::F32).unwrap();
        let opened = Vectors::open(folder.path("t")).unwrap();
        for (row, word) in (0..).zip(&words) {
            prop_assert_eq!(opened.row_of(word), Some(row));
        }
        for other in ["f", "aaaa", " a", "abcde"] {
            prop_assert_eq!(opened.row_of(other), None);
        }
        opened.verify().unwrap();
    }
}
