//! `vocable train` with every option, killed, interrupted, and with unusable input.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::common::{Folder, Ran, fixture, program, vocable};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const TEXTS: &str = "pos a great film\nneg a dull film\npos zzgrqx superb\nneg ghastlyish\n";

/// Every option that changes the model.
const ALL_ON: &[&str] = &[
    "--optimizer",
    "adamw",
    "--lr",
    "0.01",
    "--embedding-lr",
    "0.002",
    "--unfreeze-after",
    "1",
    "--max-norm",
    "3",
    "--weight-decay",
    "0.01",
    "--schedule",
    "cosine",
    "--warmup",
    "0.1",
    "--class-weights",
    "balanced",
    "--label-smoothing",
    "0.1",
    "--bidirectional",
];

fn arguments(train: &Path, dev: &Path, more: &[&str]) -> Vec<OsString> {
    let mut all: Vec<OsString> = ["train", "--hidden", "6", "--epochs", "3", "--vectors"].map(OsString::from).into();
    all.extend([fixture("demo.50d.txt").into(), "--train".into(), train.into(), "--dev".into(), dev.into()]);
    all.extend(more.iter().map(OsString::from));
    all
}

fn train(train: &Path, dev: &Path, more: &[&str]) -> Ran {
    vocable(arguments(train, dev, more))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn every_option_gives_the_same_model_at_any_number_of_threads() {
    let folder = Folder::new();
    let out = folder.path("model");
    for optimizer in ["adam", "adamw", "sgd"] {
        let models = ["1", "2", "5"].map(|threads| {
            let more = ["--threads", threads, "--optimizer", optimizer, "--momentum", "0.8", "--out", text(&out)];
            let all_on: Vec<&str> = ALL_ON[2..].iter().copied().chain(more).collect();
            let ran = train(&fixture("reviews.train.txt"), &fixture("reviews.dev.txt"), &all_on);
            assert_eq!(ran.code, 0, "{ran:?}");
            std::fs::read(&out).unwrap()
        });
        assert!(models[0] == models[1] && models[1] == models[2], "{optimizer}: threads show in the model");
    }
}

#[test]
fn options_outside_their_range_are_refused() {
    let folder = Folder::new();
    let texts = folder.file("texts", TEXTS);
    for (option, value, said) in [
        ("--optimizer", "rmsprop", "adam, adamw, sgd"),
        ("--embedding-lr", "0", "learning rate of the embedding"),
        ("--max-norm", "-1", "maximum norm"),
        ("--weight-decay", "-1", "weight decay"),
        ("--momentum", "1", "momentum"),
        ("--schedule", "step", "constant, linear, cosine"),
        ("--warmup", "1", "warm-up"),
        ("--label-smoothing", "1", "label smoothing"),
        ("--label-smoothing", "nan", "label smoothing"),
        ("--class-weights", "pos", "none, balanced, or LABEL=WEIGHT"),
        ("--class-weights", "pos=0", "a number above 0"),
        ("--class-weights", "meh=2", "labels of the train set (neg, pos)"),
        ("--checkpoint-minutes", "5", "--checkpoint"),
    ] {
        train(&texts, &texts, &[&format!("{option}={value}")]).refused(2, said);
    }
    train(&texts, &texts, &["--resume"]).refused(2, "--checkpoint");
    let checkpoint = folder.path("checkpoint");
    train(&texts, &texts, &["--checkpoint", text(&checkpoint), "--checkpoint-minutes", "0"]).refused(2, "above 0");
}

#[test]
fn unusable_texts_are_one_clear_error() {
    let folder = Folder::new();
    let good = folder.file("good.txt", TEXTS);
    let strange = folder.file("strange.txt", "pos a film\nmeh a film\n");
    let empty = folder.file("empty.txt", "");
    let header = folder.file("header.csv", "label,text\n");
    let one = folder.file("one.txt", "pos a film\npos a movie\n");
    let cases: &[(Ran, &str)] = &[
        (train(&one, &good, &[]), "one.txt: expected texts with at least two labels, found only the label `pos`"),
        (train(&empty, &good, &[]), "empty.txt: expected labelled texts, found none"),
        (train(&header, &good, &[]), "header.csv: expected labelled texts, found none"),
        (train(&good, &empty, &[]), "empty.txt: expected labelled texts, found none"),
        (train(&good, &good, &["--test", text(&empty)]), "empty.txt: expected labelled texts, found none"),
        (train(&good, &strange, &[]), "strange.txt: line 2: expected a label of the train set (neg, pos)"),
        (
            train(&good, &good, &["--test", text(&strange)]),
            "strange.txt: line 2: expected a label of the train set (neg, pos)",
        ),
        (train(&good, &good, &["--lr", "1e300"]), "training diverged (non-finite loss) at epoch 1, step 1"),
    ];
    for (ran, said) in cases {
        ran.refused(2, said);
        assert_eq!(ran.err.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{ran:?}");
    }
}

#[test]
fn a_training_that_diverges_saves_the_best_epoch_before_and_says_so() {
    let folder = Folder::new();
    let texts = folder.file("texts", TEXTS);
    let out = folder.path("model");
    let wild = ["--embedding-lr", "1e300", "--unfreeze-after", "1", "--json", "--out", text(&out)];
    let ran = train(&texts, &texts, &wild);
    let outcome = ran.only_json();
    assert_eq!((&outcome["stop_reason"], &outcome["best_epoch"]), (&"diverged".into(), &1.into()));
    assert!(ran.err.contains("at epoch 2, step") && ran.err.contains("--lr"), "{}", ran.err);
    let calm = folder.path("calm");
    let arguments = arguments(&texts, &texts, &["--unfreeze-after", "1", "--out", text(&calm)]);
    let arguments: Vec<OsString> = arguments.into_iter().map(|a| if a == "3" { "1".into() } else { a }).collect();
    assert_eq!(vocable(arguments).code, 0);
    assert!(std::fs::read(&out).unwrap() == std::fs::read(&calm).unwrap());
}

#[test]
fn resuming_a_finished_training_returns_its_result_at_once() {
    let folder = Folder::new();
    let texts = folder.file("texts", TEXTS);
    let (checkpoint, out, again) = (folder.path("checkpoint"), folder.path("model"), folder.path("again"));
    let at = ["--checkpoint", text(&checkpoint)];
    let first = train(&texts, &texts, &[&at[..], &["--resume", "--json", "--out", text(&out)]].concat());
    assert!(first.err.contains("checkpoint: no checkpoint yet; starting from scratch"), "{}", first.err);
    let second = train(&texts, &texts, &[&at[..], &["--resume", "--json", "--out", text(&again)]].concat());
    assert!(second.err.contains("done after 3 epochs") && !second.err.contains("epoch   1"), "{}", second.err);
    assert!(std::fs::read(&out).unwrap() == std::fs::read(&again).unwrap());
    let (first, second) = (first.only_json(), second.only_json());
    for key in ["best_epoch", "dev", "stop_reason", "words"] {
        assert_eq!(first[key], second[key]);
    }
    // Without --resume it is not overwritten.
    train(&texts, &texts, &at).refused(2, "checkpoint: the checkpoint already exists; add `--resume`");
    train(&texts, &texts, &[&at[..], &["--resume", "--lr", "0.1"]].concat())
        .refused(2, "the checkpoint was made with lr 0.001, but lr is now 0.1");
    vocable(["predict".into(), checkpoint.into_os_string()]).refused(2, "--resume");
}

/// More options, for a longer training.
const SMALL_STEPS: &str = "--batch=8";

/// Starts training on the demo reviews, with a checkpoint after nearly every step.
fn begin(checkpoint: &Path, out: &Path, more: &[&str]) -> Child {
    let (texts, dev) = (fixture("reviews.train.txt"), fixture("reviews.dev.txt"));
    let mut arguments = arguments(&texts, &dev, ALL_ON);
    arguments.extend([
        SMALL_STEPS.into(),
        "--checkpoint".into(),
        checkpoint.into(),
        "--checkpoint-minutes=1e-6".into(),
    ]);
    arguments.extend(["--out".into(), out.into()]);
    arguments.extend(more.iter().map(OsString::from));
    program().args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The model of the uninterrupted training run.
fn whole(folder: &Folder) -> Vec<u8> {
    let out = folder.path("whole");
    let ran = train(
        &fixture("reviews.train.txt"),
        &fixture("reviews.dev.txt"),
        &[ALL_ON, &[SMALL_STEPS, "--out", text(&out)]].concat(),
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    std::fs::read(out).unwrap()
}

#[test]
fn a_training_killed_at_any_moment_resumes_to_the_same_model() {
    let folder = Folder::new();
    let expected = whole(&folder);
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut killed_under_way = 0;
    for round in 0..3 {
        let (checkpoint, out) = (folder.path(&format!("checkpoint{round}")), folder.path(&format!("out{round}")));
        let mut ended = false;
        for _ in 0..6 {
            let mut child = begin(&checkpoint, &out, &["--resume"]);
            std::thread::sleep(Duration::from_millis(rng.random_range(50..700)));
            ended = child.try_wait().unwrap().is_some();
            // SIGKILL on Unix.
            child.kill().unwrap();
            child.wait().unwrap();
            killed_under_way += usize::from(!ended && checkpoint.exists());
            if ended {
                break;
            }
        }
        if !ended {
            let output = begin(&checkpoint, &out, &["--resume"]).wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        assert!(std::fs::read(&out).unwrap() == expected, "round {round}");
    }
    assert!(killed_under_way > 0, "no training was killed between its first checkpoint and its end");
}

#[cfg(unix)]
mod unix {
    use std::io::{BufRead, BufReader};
    use std::process::Command;

    use super::*;

    fn interrupt(child: &Child) {
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    }

    /// Waits until the program has printed this text.
    fn wait_for(err: &mut impl BufRead, said: &str) -> String {
        let mut all = String::new();
        while !all.contains(said) {
            assert!(err.read_line(&mut all).unwrap() > 0, "it never said {said:?}: {all}");
        }
        all
    }

    #[test]
    fn ctrl_c_saves_the_best_epoch_and_says_how_to_resume() {
        let folder = Folder::new();
        let expected = whole(&folder);
        let (checkpoint, out) = (folder.path("a checkpoint"), folder.path("model"));
        let mut child = begin(&checkpoint, &out, &[]);
        let mut err = BufReader::new(child.stderr.take().unwrap());
        wait_for(&mut err, "epoch   1");
        interrupt(&child);
        let told = wait_for(&mut err, "saved");
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(vocable::classifier::Classifier::open(&out).is_ok());
        assert!(std::fs::read(&out).unwrap() != expected, "it was not interrupted");

        // The command line that it prints.
        let line = told.lines().find(|line| line.starts_with("  ")).expect("a command line").trim();
        assert!(line.contains("'") && line.ends_with("--resume"), "{line}");
        let status = Command::new("sh").args(["-c", line]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert_eq!(status.unwrap().code(), Some(0), "{line}");
        assert!(std::fs::read(&out).unwrap() == expected);
    }

    #[test]
    fn ctrl_c_before_the_first_epoch_ends_leaves_no_model() {
        let folder = Folder::new();
        let texts = folder.file("texts", TEXTS.repeat(5000));
        let (log, out) = (folder.path("log"), folder.path("model"));
        // With a batch size of 1 an epoch takes much longer than this test.
        let arguments = arguments(&texts, &texts, &["--batch=1", "--log", text(&log), "--out", text(&out)]);
        let arguments: Vec<OsString> = arguments.into_iter().map(|a| if a == "6" { "256".into() } else { a }).collect();
        let mut child = program().args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        // The log is created when everything else is ready.
        while !log.exists() {
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            std::thread::sleep(Duration::from_millis(5));
        }
        interrupt(&child);
        let told = wait_for(&mut err, "no model to save");
        assert!(told.contains("training cannot be resumed without --checkpoint"), "{told}");
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(!out.exists());
    }
}

/// The files in the folder of a checkpoint after training; no partial files.
#[test]
fn only_the_checkpoint_is_left() {
    let folder = Folder::new();
    let (checkpoint, out): (PathBuf, PathBuf) = (folder.path("checkpoint"), folder.path("model"));
    assert!(begin(&checkpoint, &out, &[]).wait().unwrap().success());
    assert_eq!(std::fs::read_dir(folder.path(".")).unwrap().count(), 2);
}
