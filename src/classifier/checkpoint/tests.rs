//! Inconsistent checkpoints with a correct checksum.

use safetensors::tensor::SafeTensors;
use serde_json::json;

use super::*;
use crate::classifier::{DataOptions, Dataset};

fn training() -> (Arc<Vectors>, Splits, TrainOptions) {
    let text = b"pos a great zzgrqx film\nneg a dull film\npos superb\nneg dull\n";
    let texts = Dataset::parse(text, &DataOptions::default(), "texts").unwrap();
    let options = TrainOptions { hidden: 2, batch: 2, ..TrainOptions::default() };
    (Arc::new(Vectors::demo().unwrap()), Splits { train: texts.clone(), dev: texts, test: None }, options)
}

/// The contents of a checkpoint, which tests modify.
struct Contents {
    header: Value,
    tensors: Vec<Tensor>,
}

impl Contents {
    fn of(bytes: &[u8]) -> Contents {
        let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
        let header = serde_json::from_str(&metadata.metadata().as_ref().unwrap()[KEY]).unwrap();
        let tensors = SafeTensors::deserialize(bytes).unwrap();
        let tensors = tensors.iter().map(|(name, view)| Tensor {
            name: name.to_owned(),
            dtype: view.dtype(),
            shape: view.shape().to_vec(),
            bytes: view.data().to_vec(),
        });
        let mut tensors: Vec<Tensor> = tensors.collect();
        tensors.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Contents { header, tensors }
    }

    fn bytes(&self) -> Vec<u8> {
        let header = self.header.to_string();
        let parts = self.tensors.iter().map(|t| (t.name.as_str(), t.dtype, t.shape.as_slice(), t.bytes.as_slice()));
        let checksum = checksum(&header, parts.collect());
        let views =
            self.tensors.iter().map(|t| (&t.name, TensorView::new(t.dtype, t.shape.clone(), &t.bytes).unwrap()));
        let metadata = HashMap::from([(KEY.to_owned(), header), (CHECKSUM.to_owned(), checksum)]);
        serialize(views, Some(metadata)).unwrap()
    }

    fn tensor(&mut self, name: &str) -> &mut Tensor {
        self.tensors.iter_mut().find(|tensor| tensor.name == name).unwrap()
    }
}

#[test]
fn an_inconsistent_checkpoint_is_an_error() {
    let (vectors, splits, options) = training();
    let mut running = Training::new(&vectors, &splits, &options).unwrap();
    for _ in 0..4 {
        running.advance().unwrap();
    }
    let bytes = running.to_bytes().unwrap();
    let restored = |contents: &Contents| {
        let mut training = Training::new(&vectors, &splits, &options).unwrap();
        training.restore(&contents.bytes()).map(|()| training.to_bytes().unwrap()).map_err(|e| e.to_string())
    };
    let same = restored(&Contents::of(&bytes)).unwrap();
    let (one, other) = (Contents::of(&same), Contents::of(&bytes));
    for (a, b) in one.tensors.iter().zip(&other.tensors) {
        assert_eq!((&a.name, &a.shape, &a.bytes), (&b.name, &b.shape, &b.bytes));
    }

    let headers: &[(&str, Value)] = &[
        ("/version", json!(3)),
        ("/version", json!(null)),
        ("/options", json!(null)),
        ("/texts", json!("0")),
        ("/history/0/number", json!(2)),
        ("/history/0/dev/confusion", json!([])),
        ("/history/0/dev/confusion", json!([[1, 2], [3]])),
        ("/history/0/dev/confusion", json!([[-1, 2], [3, 4]])),
        ("/history", json!([])),
        ("/step", json!(3)),
        ("/step", json!(u64::MAX)),
        ("/loss", json!(null)),
        ("/order_position", json!("-1")),
        ("/dropout_position", json!("")),
        ("/dense_steps", json!(u32::MAX)),
        ("/row_steps", json!(-1)),
    ];
    for (pointer, value) in headers {
        let mut contents = Contents::of(&bytes);
        *contents.header.pointer_mut(pointer).unwrap() = value.clone();
        let outcome = restored(&contents);
        // A checkpoint without a history is valid: its best network is the initial one.
        let valid = *pointer == "/history" && outcome.is_ok();
        assert!(valid || outcome.is_err(), "{pointer} = {value}");
    }
    for at in 0..other.tensors.len() {
        let name = &other.tensors[at].name;
        let mut contents = Contents::of(&bytes);
        contents.tensors.retain(|tensor| tensor.name != *name);
        assert!(restored(&contents).unwrap_err().contains(name.as_str()), "without {name}");
        let mut contents = Contents::of(&bytes);
        let tensor = contents.tensor(name);
        (tensor.shape, tensor.bytes) = (vec![0], Vec::new());
        assert!(restored(&contents).is_err(), "{name} of no numbers");
    }
    for (name, values) in
        [("order", [0, 0, 1, 2].as_slice()), ("order", &[0, 1, 2, 4]), ("current.rows.ids", &[0, 2, 3, 4, 5, 6])]
    {
        let mut contents = Contents::of(&bytes);
        *contents.tensor(name) = Tensor::u32(name, values);
        assert!(restored(&contents).is_err(), "{name} = {values:?}");
    }
    // A repeated row, and the row of the pad.
    for id in [0, 2] {
        let mut contents = Contents::of(&bytes);
        let ids = contents.tensor("optimizer.rows.ids");
        let from = ids.bytes.len() - 4;
        let second: [u8; 4] = if id == 0 { [0; 4] } else { ids.bytes[..4].try_into().unwrap() };
        ids.bytes[from..].copy_from_slice(&second);
        assert!(restored(&contents).unwrap_err().contains("each once"));
    }
    let mut contents = Contents::of(&bytes);
    contents.tensor("best.head.bias").bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(restored(&contents).unwrap_err().contains("finite"));
}
