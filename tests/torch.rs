//! Models loaded in PyTorch and back, by the script of `docs/guide/pytorch.md`. `.ci/run` installs PyTorch.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crate::common::{Folder, fixture};
use serde_json::{Value, json};
use vocable::Vectors;
use vocable::classifier::{Classifier, DataOptions, Dataset, Splits, TrainOptions, train};
use vocable::vectors::Case;

/// Texts with words of the model, unknown words and capitals.
const TEXTS: [&str; 5] =
    ["a great film", "dull", "a wonderful film xyzzy , and never a dull moment .", "A GREAT Film", "xyzzy"];

/// The script of the page: its only Python block.
fn script() -> &'static str {
    let page = include_str!("../docs/guide/pytorch.md");
    let mut blocks = page.split("```python\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let script = blocks.next().unwrap();
    assert!(blocks.next().is_none(), "one block is marked as Python");
    script
}

/// Runs the script with some more lines, which print the logits of [`TEXTS`].
fn python(more: &str, path: &Path, argument: &Value) -> Vec<Vec<f64>> {
    let more = format!(
        "{}\nimport sys\npath, argument = sys.argv[1], json.loads(sys.argv[2])\n{more}\n
print(json.dumps([model.logits(text).tolist() for text in {}]))",
        script(),
        json!(TEXTS)
    );
    let ran = Command::new("python3").args(["-c", &more]).arg(path).arg(argument.to_string()).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

/// Compares logits with probabilities, which determine them up to a constant.
fn assert_same(classifier: &Classifier, logits: &[Vec<f64>], what: &str) {
    let predictions = classifier.predict(&TEXTS);
    assert_eq!(logits.len(), predictions.len());
    let mut spread = 0.0f64;
    for ((logits, prediction), text) in logits.iter().zip(&predictions).zip(TEXTS) {
        assert_eq!(logits.len(), classifier.labels().len());
        let ours = prediction.probabilities.iter().map(|&probability| f64::from(probability).ln());
        let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
        let ours: Vec<f64> = ours.collect();
        for (our, logit) in ours.iter().zip(logits) {
            let (our, logit) = (our - mean(&ours), logit - mean(logits));
            assert!((our - logit).abs() < 1e-5, "{what}, `{text}`: {our} is not {logit}");
            spread = spread.max(our.abs());
        }
    }
    assert!(spread > 0.01, "{what}: logits that are all the same compare nothing");
}

/// Model settings: headers without labels and words.
fn settings() -> Vec<Value> {
    let header = |embedding: &str, case: &str, cell: &str, pooling: &str, layers: usize, bidirectional: bool| {
        json!({
            "version": 2,
            "embedding": embedding,
            "tokenizer": "whitespace",
            "case": case,
            "cell": cell,
            "pooling": pooling,
            "layers": layers,
            "bidirectional": bidirectional,
        })
    };
    vec![
        header("tuned", "exact", "lstm", "last", 1, false),
        header("frozen", "fold", "lstm", "last", 2, false),
        header("random", "exact", "lstm", "last", 2, true),
        header("tuned", "exact", "lstm", "mean", 1, true),
        header("tuned", "exact", "rnn", "last", 2, true),
        header("oov-only", "exact", "rnn", "max", 1, false),
        header("one-hot", "exact", "lstm", "last", 2, true),
        header("one-hot", "fold", "rnn", "max", 1, false),
    ]
}

#[test]
#[ignore = "needs Python with the torch and safetensors packages"]
fn pytorch_gives_the_logits_of_a_model_that_we_trained() {
    let folder = Folder::new();
    let lines =
        b"good a great film\nbad a dull film , and never great\nmixed great and dull moment in a wonderful film .\n";
    let data = Dataset::parse(lines, &DataOptions::default(), "lines").unwrap();
    let splits = Splits { train: data.clone(), dev: data, test: None };
    let vectors = Arc::new(Vectors::open(fixture("demo.50d.txt")).unwrap());
    for header in settings() {
        let named = |key: &str| header[key].as_str().unwrap();
        let options = TrainOptions {
            embedding: named("embedding").parse().unwrap(),
            tokenizer: named("tokenizer").parse().unwrap(),
            case: if named("case") == "fold" { Case::Fold } else { Case::Exact },
            cell: named("cell").parse().unwrap(),
            pooling: named("pooling").parse().unwrap(),
            hidden: 24,
            layers: header["layers"].as_u64().unwrap() as usize,
            bidirectional: header["bidirectional"] == true,
            lr: 0.02,
            epochs: 8,
            patience: None,
            ..TrainOptions::default()
        };
        let trained = train(&vectors, &splits, &options, &mut |_| {}).unwrap();
        let path = folder.path("model.safetensors");
        trained.classifier.save(&path).unwrap();
        let logits = python("model = load(path)\nsave(model, path)", &path, &json!(null));
        assert_same(&trained.classifier, &logits, &header.to_string());
        assert_same(&Classifier::open(&path).unwrap(), &logits, &format!("{header}, and back"));
    }
}

#[test]
#[ignore = "needs Python with the torch and safetensors packages"]
fn we_give_the_logits_of_a_model_that_pytorch_made() {
    let folder = Folder::new();
    for mut header in settings() {
        header["labels"] = json!(["good", "bad", "mixed"]);
        header["words"] = json!(["a", "film", "great", "dull", ",", "wonderful"]);
        let path = folder.path("model.safetensors");
        let more = "torch.manual_seed(1)\nmodel = Classifier(argument, dimension=20, hidden=24)\nsave(model, path)";
        let logits = python(more, &path, &header);
        let classifier = Classifier::open(&path).unwrap();
        assert_same(&classifier, &logits, &header.to_string());
    }
}
