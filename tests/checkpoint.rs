//! Trainings that stop and resume: with bit-identical results, or with an error that names the difference.

use std::sync::Arc;

use crate::common::Folder;
use vocable::Vectors;
use vocable::classifier::{
    ClassWeights, Classifier, DataOptions, Dataset, DropoutRates, Progress, Splits, StopReason, TrainOptions, Training,
    TrainingOutcome, train,
};
use vocable::nn::{EmbeddingMode, OptimizerKind, Schedule};

const TEXTS: &str = "pos a great film\nneg a dull film\npos zzgrqx superb\nneg ghastlyish\nother king and queen\n\
                     pos the film was superb\nneg zzgrqx dull dull\nother paris\n";

fn dataset(text: &str) -> Dataset {
    Dataset::parse(text.as_bytes(), &DataOptions::default(), "texts").expect("texts")
}

fn splits() -> Splits {
    let dev = dataset("pos great superb\nneg dull\nother a king\n");
    Splits { train: dataset(TEXTS), dev: dev.clone(), test: Some(dev) }
}

fn vectors() -> Arc<Vectors> {
    Arc::new(Vectors::demo().expect("the built-in vectors"))
}

/// All options are set.
fn all_on(optimizer: OptimizerKind, embedding: EmbeddingMode) -> TrainOptions {
    TrainOptions {
        embedding,
        hidden: 3,
        layers: 2,
        bidirectional: true,
        dropout: DropoutRates { embedding: 0.3, word: 0.2, hidden: 0.3 },
        optimizer,
        lr: 0.05,
        embedding_lr: Some(0.02),
        unfreeze_after: 1,
        max_norm: Some(2.0),
        weight_decay: 0.01,
        momentum: 0.8,
        schedule: Schedule::Cosine,
        warmup: 0.2,
        class_weights: ClassWeights::Balanced,
        label_smoothing: 0.1,
        clip: Some(1.0),
        batch: 3,
        epochs: 3,
        patience: None,
        ..TrainOptions::default()
    }
}

fn plain() -> TrainOptions {
    TrainOptions { hidden: 3, batch: 3, epochs: 3, ..TrainOptions::default() }
}

fn to_the_end(mut training: Training) -> TrainingOutcome {
    while training.advance().is_some() {}
    training.finish().expect("an outcome")
}

/// Everything that must be equal between a training run and an interrupted one.
fn essence(trained: &TrainingOutcome) -> (Vec<u8>, Vec<String>, StopReason) {
    let history = trained.history.iter().map(|e| format!("{} {} {:?}", e.number, e.train_loss, e.dev)).collect();
    (trained.classifier.to_bytes().expect("a model"), history, trained.stop_reason)
}

#[test]
fn a_training_saved_after_any_step_resumes_bit_for_bit() {
    let (vectors, splits, folder) = (vectors(), splits(), Folder::new());
    let path = folder.path("checkpoint");
    let kinds =
        OptimizerKind::ALL.iter().copied().zip([EmbeddingMode::Tuned, EmbeddingMode::OovOnly, EmbeddingMode::Random]);
    let more = [(OptimizerKind::AdamW, EmbeddingMode::Frozen), (OptimizerKind::Adam, EmbeddingMode::OneHot)];
    for (kind, mode) in kinds.chain(more) {
        for options in [all_on(kind, mode), TrainOptions { optimizer: kind, embedding: mode, ..plain() }] {
            let whole = train(&vectors, &splits, &options, &mut |_| {}).expect("a training");
            let mut running = Training::new(&vectors, &splits, &options).expect("a training");
            let mut saved = 0;
            loop {
                running.save(&path).expect("a checkpoint");
                let resumed = Training::resume(&vectors, &splits, &options, &path).expect("a training");
                assert_eq!(resumed.position(), running.position());
                assert_eq!(essence(&to_the_end(resumed)), essence(&whole), "{kind} {mode} after {saved}");
                saved += 1;
                if running.advance().is_none() {
                    break;
                }
            }
            // Three steps and an evaluation per epoch, and the state before the first.
            assert_eq!(saved, 13);
        }
    }
}

#[test]
fn a_training_may_be_interrupted_and_resumed_many_times() {
    let (vectors, splits, folder) = (vectors(), splits(), Folder::new());
    let path = folder.path("checkpoint");
    let options = all_on(OptimizerKind::Adam, EmbeddingMode::Tuned);
    let whole = train(&vectors, &splits, &options, &mut |_| {}).expect("a training");
    Training::new(&vectors, &splits, &options).expect("a training").save(&path).expect("a checkpoint");
    for _ in 0..12 {
        let mut training = Training::resume(&vectors, &splits, &options, &path).expect("a training");
        training.advance().expect("a step");
        training.save(&path).expect("a checkpoint");
    }
    let done = Training::resume(&vectors, &splits, &options, &path).expect("a training");
    assert_eq!(done.stop_reason(), Some(StopReason::MaxEpochs));
    assert_eq!(essence(&to_the_end(done)), essence(&whole));
}

#[test]
fn epochs_and_patience_may_be_raised_where_no_schedule_spans_them() {
    let (vectors, splits, folder) = (vectors(), splits(), Folder::new());
    let path = folder.path("checkpoint");
    let short = TrainOptions { patience: Some(1), epochs: 4, lr: 0.05, ..plain() };
    let mut training = Training::new(&vectors, &splits, &short).expect("a training");
    while training.advance().is_some() {}
    training.save(&path).expect("a checkpoint");
    let done = training.history().len();
    let long = TrainOptions { patience: Some(3), epochs: 9, ..short.clone() };
    let resumed = Training::resume(&vectors, &splits, &long, &path).expect("a training");
    let whole = train(&vectors, &splits, &long, &mut |_| {}).expect("a training");
    assert!(whole.history.len() > done);
    assert_eq!(essence(&to_the_end(resumed)), essence(&whole));

    let refused = |options: &TrainOptions| {
        Training::resume(&vectors, &splits, options, &path).expect_err("a refusal").to_string()
    };
    for (options, said) in [
        (TrainOptions { epochs: 3, ..short.clone() }, "made with epochs 4, but epochs is now 3"),
        (TrainOptions { patience: None, epochs: 3, ..short.clone() }, "epochs can only be increased"),
    ] {
        assert!(refused(&options).contains(said), "{}", refused(&options));
    }
    Training::new(&vectors, &splits, &long).expect("a training").save(&path).expect("a checkpoint");
    assert!(refused(&TrainOptions { patience: Some(2), ..long.clone() }).contains("patience can only be increased"));
    assert!(Training::resume(&vectors, &splits, &TrainOptions { patience: None, ..long.clone() }, &path).is_ok());

    let spanned = TrainOptions { warmup: 0.1, ..long };
    Training::new(&vectors, &splits, &spanned).expect("a training").save(&path).expect("a checkpoint");
    assert!(
        refused(&TrainOptions { epochs: 10, ..spanned }).contains("the schedule of the learning rate spans all epochs")
    );
}

#[test]
fn a_checkpoint_of_other_options_texts_or_vectors_is_refused_by_name() {
    let (vectors, splits, folder) = (vectors(), splits(), Folder::new());
    let path = folder.path("checkpoint");
    let options = all_on(OptimizerKind::Adam, EmbeddingMode::Tuned);
    let mut training = Training::new(&vectors, &splits, &options).expect("a training");
    training.advance().expect("a step");
    training.save(&path).expect("a checkpoint");
    let refused = |vectors: &Arc<Vectors>, splits: &Splits, options: &TrainOptions, said: &str| {
        let error = Training::resume(vectors, splits, options, &path).expect_err("a refusal").to_string();
        assert!(
            error.contains(said) && error.contains("checkpoint: the checkpoint was made with"),
            "{error:?} does not say {said:?}"
        );
    };
    let with = |change: fn(&mut TrainOptions)| {
        let mut changed = options.clone();
        change(&mut changed);
        changed
    };
    for (changed, said) in [
        (with(|o| o.lr = 0.1), "made with lr 0.05, but lr is now 0.1"),
        (with(|o| o.embedding = EmbeddingMode::Frozen), r#"embedding "tuned", but embedding is now "frozen""#),
        (with(|o| o.optimizer = OptimizerKind::Sgd), r#"optimizer "adam", but optimizer is now "sgd""#),
        (with(|o| o.embedding_lr = None), "embedding lr 0.02, but embedding lr is now null"),
        (with(|o| o.class_weights = ClassWeights::Listed(vec![("pos".into(), 2.0)])), "class weights"),
        (with(|o| o.hidden = 4), "hidden is now 4"),
        (with(|o| o.dropout.hidden = 0.1), "dropout"),
        (with(|o| o.seed = 2), "seed is now 2"),
        (with(|o| o.schedule = Schedule::Linear), r#"schedule is now "linear""#),
    ] {
        refused(&vectors, &splits, &changed, said);
    }
    for text in [TEXTS.replace("great", "good"), TEXTS.replacen("pos", "neg", 1), format!("{TEXTS}pos a film\n")] {
        refused(&vectors, &Splits { train: dataset(&text), ..splits.clone() }, &options, "made with other texts");
    }
    refused(&vectors, &Splits { test: None, ..splits.clone() }, &options, "made with other texts");
    let other = folder.file("other.txt", {
        let mut text = std::fs::read_to_string(crate::common::fixture("demo.50d.txt")).expect("the demo vectors");
        let film = text.find("\nfilm ").expect("the word") + "\nfilm ".len();
        text.replace_range(film..film, "1");
        text
    });
    refused(&Arc::new(Vectors::open(other).expect("vectors")), &splits, &options, "made with other vectors");
}

#[test]
fn a_checkpoint_cut_or_altered_is_refused_or_the_same() {
    let (vectors, splits, folder) = (vectors(), splits(), Folder::new());
    let options = TrainOptions {
        hidden: 1,
        bidirectional: false,
        layers: 1,
        ..all_on(OptimizerKind::Sgd, EmbeddingMode::OovOnly)
    };
    let mut training = Training::new(&vectors, &splits, &options).expect("a training");
    for _ in 0..6 {
        training.advance().expect("a step");
    }
    let path = folder.path("checkpoint");
    training.save(&path).expect("a checkpoint");
    let bytes = std::fs::read(&path).expect("the file");
    let expected = essence(&to_the_end(training));
    let open = |bytes: &[u8]| Training::resume(&vectors, &splits, &options, folder.file("altered", bytes));
    for length in (0..bytes.len()).step_by(61).chain([1, 7, 8, 9, bytes.len() - 1]) {
        let error = open(&bytes[..length]).expect_err("a cut file").to_string();
        assert!(error.contains("altered: expected a training checkpoint"), "cut to {length}: {error}");
    }
    let mut refused = 0;
    for at in (0..bytes.len()).step_by(23) {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        match open(&altered) {
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains("altered: expected"), "byte {at}: {error}");
            }
            Ok(training) => assert_eq!(essence(&to_the_end(training)), expected, "byte {at}"),
        }
    }
    assert!(refused > 100, "{refused}");
    let model = folder.file("model", &expected.0);
    let error = Training::resume(&vectors, &splits, &options, model).expect_err("a model").to_string();
    assert!(error.contains("a training checkpoint"), "{error}");
    let error = Classifier::open(&path).expect_err("a checkpoint").to_string();
    assert!(error.contains("resume training"), "{error}");
    let error = Training::resume(&vectors, &splits, &options, folder.path("nowhere")).expect_err("no file").to_string();
    assert!(error.contains("nowhere: cannot open it"), "{error}");
}

#[test]
fn a_training_with_a_non_finite_loss_keeps_the_best_epoch() {
    let (vectors, splits, folder) = (vectors(), splits(), Folder::new());
    let options = TrainOptions { embedding_lr: Some(1e300), unfreeze_after: 2, epochs: 5, ..plain() };
    let mut training = Training::new(&vectors, &splits, &options).expect("a training");
    let path = folder.path("checkpoint");
    while let Some(progress) = training.advance() {
        if matches!(progress, Progress::Epoch(_)) {
            training.save(&path).expect("a checkpoint");
        }
    }
    let trained = training.finish().expect("an outcome");
    let StopReason::Diverged { epoch: 3, step } = trained.stop_reason else { panic!("{:?}", trained.stop_reason) };
    assert!((1..=3).contains(&step));
    assert_eq!(trained.history.len(), 2);
    // The same epochs as a training that ended before it diverged.
    let before = TrainOptions { epochs: 2, embedding_lr: None, ..options.clone() };
    let before = train(&vectors, &splits, &before, &mut |_| {}).expect("a training");
    assert_eq!((&essence(&trained).0, &essence(&trained).1), (&essence(&before).0, &essence(&before).1));
    let again = to_the_end(Training::resume(&vectors, &splits, &options, &path).expect("a training"));
    assert_eq!(essence(&again), essence(&trained));

    let at_once = TrainOptions { lr: 1e300, ..plain() };
    let error = train(&vectors, &splits, &at_once, &mut |_| {}).expect_err("no epoch").to_string();
    assert!(error.contains("at epoch 1, step") && error.contains("a lower `lr`"), "{error}");
    // One step per epoch: divergence shows in the weights.
    let at_once = TrainOptions { lr: 1e300, batch: 100, epochs: 1, ..plain() };
    let error = train(&vectors, &splits, &at_once, &mut |_| {}).expect_err("no epoch").to_string();
    assert!(error.contains("at epoch 1, step 1"), "{error}");
}

#[test]
fn parts_without_texts_are_refused() {
    let (vectors, splits) = (vectors(), splits());
    let empty = Dataset { texts: Vec::new(), name: "empty".into(), ..splits.dev.clone() };
    for splits in [
        Splits { train: empty.clone(), ..splits.clone() },
        Splits { dev: empty.clone(), ..splits.clone() },
        Splits { test: Some(empty), ..splits },
    ] {
        let error = Training::new(&vectors, &splits, &plain()).expect_err("a refusal").to_string();
        assert!(error.starts_with("empty: expected") && error.ends_with("found none"), "{error}");
    }
}

#[test]
fn a_training_that_took_no_epoch_has_no_outcome() {
    let mut training = Training::new(&vectors(), &splits(), &plain()).expect("a training");
    training.advance().expect("a step");
    let error = training.finish().expect_err("no outcome").to_string();
    assert!(error.contains("at least one completed epoch"), "{error}");
}
