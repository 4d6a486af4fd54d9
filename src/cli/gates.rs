//! `vocable gates`

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use vocable::classifier::{Behaviour, Classifier, GateOptions, GateView, WordGates};
use vocable::files::{check_writable, write_atomic};
use vocable::{Error, report};

use super::common::VectorArgs;
use super::input::Lines;
use super::output::{self, Failure, Output};
use super::paths::check_distinct;

/// Show the LSTM gates of a classifier at each word of a text, and how its prediction changes.
///
/// For each word: the mean activations of the input, forget and output gates, what most units do with their memory (keep, blend,
/// clear, overwrite), and the prediction for the text up to that word.
///
/// By default, the first layer is shown in the forward direction. At most 1000 words of a text are shown.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  vocable gates model.safetensors 'the film was not good'\n  \
                        vocable gates model.safetensors - --html gates.html < texts.txt")]
pub struct Gates {
    /// Model saved by `vocable train`
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Texts, one per argument; `-` reads standard input, one text per line
    #[arg(value_name = "TEXT", required = true)]
    texts: Vec<OsString>,
    /// Layer to show, counted from 1
    #[arg(long, value_name = "N", default_value_t = GateOptions::default().layer)]
    layer: usize,
    /// Show the backward direction of a bidirectional model
    #[arg(long)]
    reverse: bool,
    /// Also write an HTML page to FILE
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    vectors: VectorArgs,
}

#[derive(Serialize)]
struct GatesResult<'a> {
    text: &'a str,
    layer: usize,
    direction: &'static str,
    label: &'a str,
    probabilities: BTreeMap<&'a str, f32>,
    /// Probabilities before the first word.
    before: BTreeMap<&'a str, f32>,
    words: Vec<Word<'a>>,
    words_omitted: usize,
}

#[derive(Serialize)]
struct Word<'a> {
    word: &'a str,
    known: bool,
    input: f32,
    forget: f32,
    output: f32,
    behaviour: &'static str,
    shares: BTreeMap<&'static str, f32>,
    probabilities: BTreeMap<&'a str, f32>,
}

impl<'a> Word<'a> {
    fn of(word: &'a WordGates, labels: &'a [String]) -> Self {
        Word {
            word: &word.word,
            known: word.known,
            input: word.input,
            forget: word.forget,
            output: word.output,
            behaviour: word.behaviour.name(),
            shares: Behaviour::ALL.map(Behaviour::name).into_iter().zip(word.shares).collect(),
            probabilities: named(labels, &word.probabilities),
        }
    }
}

fn named<'a>(labels: &'a [String], probabilities: &[f32]) -> BTreeMap<&'a str, f32> {
    labels.iter().map(String::as_str).zip(probabilities.iter().copied()).collect()
}

impl Gates {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        check_distinct(
            &[("MODEL", Some(&self.model)), ("--vectors", self.vectors.named())],
            &[("--html", self.html.as_deref())],
        )?;
        if let Some(path) = &self.html {
            check_writable(path)?;
        }
        let mut classifier = Classifier::open(&self.model)?;
        // Only vectors named by the option: those of the environment may not be those of the model.
        if let Some(path) = self.vectors.named() {
            classifier.attach_vectors(&Arc::new(self.vectors.read.open(path)?))?;
        }
        let cell = GateOptions { layer: self.layer, reverse: self.reverse };
        let labels = classifier.labels();
        let mut views = Vec::new();
        for text in self.texts()? {
            let view = classifier.gates(&text, cell)?;
            if output.json {
                self.print_json(&text, &view, labels, output)?;
            } else {
                let class = view.class();
                let probability = view.probabilities().get(class).copied().unwrap_or(f32::NAN);
                let label = labels.get(class).map_or("", String::as_str);
                let before = if views.is_empty() { "" } else { "\n" };
                output.text(format_args!("{before}{label} {probability:.4}\n\n"))?;
                output.text(report::gates(&view, labels, output.colour))?;
            }
            views.push(view);
        }
        if !output.json {
            output.text(format_args!("\n{}", report::GATES_LEGEND))?;
        }
        if let Some(path) = &self.html {
            let page = report::gates_page(&views, labels, &self.model.to_string_lossy(), &self.described(&classifier));
            write_atomic(path, |file| file.write_all(page.as_bytes()))?;
            output::note(format_args!("wrote {}", path.display()));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn print_json(&self, text: &str, view: &GateView, labels: &[String], output: &mut Output) -> Result<(), Failure> {
        output.json(&GatesResult {
            text,
            layer: self.layer,
            direction: self.direction(),
            label: labels.get(view.class()).map_or("", String::as_str),
            probabilities: named(labels, view.probabilities()),
            before: named(labels, &view.before),
            words: view.words.iter().map(|word| Word::of(word, labels)).collect(),
            words_omitted: view.words_omitted,
        })
    }

    fn direction(&self) -> &'static str {
        if self.reverse { "reverse" } else { "forward" }
    }

    /// The layer and direction, for the page.
    fn described(&self, classifier: &Classifier) -> String {
        let shape = classifier.network().encoder.shape();
        let reading = if self.reverse { "backward" } else { "forward" };
        format!("layer {} of {}, {} units, {reading}", self.layer, shape.layers, shape.hidden)
    }

    /// The texts of the arguments, with those of standard input in place of `-`.
    fn texts(&self) -> Result<Vec<String>, Error> {
        let mut texts = Vec::new();
        let mut read = |text: &[u8]| {
            let lossy = String::from_utf8_lossy(text).into_owned();
            if lossy.as_bytes() != text {
                output::warn("a text is not valid UTF-8; the invalid bytes were replaced");
            }
            texts.push(lossy);
        };
        for text in &self.texts {
            if text == "-" {
                let mut lines = Lines::standard();
                while let Some(line) = lines.next()? {
                    read(line);
                }
            } else {
                read(text.as_encoded_bytes());
            }
        }
        Ok(texts)
    }
}
