//! The options of labelled texts and of training, which several commands share.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::TypedValueParser;
use vocable::classifier::{
    ClassWeights, DataFormat, DataOptions, Dataset, DropoutRates, Splits, Tokenizer, TrainOptions, split_dev_set,
    suggest_tokenizer,
};
use vocable::nn::{CellKind, EmbeddingMode, OptimizerKind, Pooling, Schedule};
use vocable::vectors::Case;
use vocable::{Error, Vectors, report};

use super::{output, values};

/// The dev set, the test set and the format of all sets.
#[derive(Debug, Args)]
pub struct EvaluationData {
    /// Dev set, used for early stopping and model selection [default: a tenth of the train set]
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub dev: Option<PathBuf>,
    /// Test set, to evaluate the final model
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub test: Option<PathBuf>,
    #[command(flatten)]
    form: DataFormatArgs,
}

/// How to read labelled texts.
#[derive(Debug, Args)]
pub struct DataFormatArgs {
    /// Override detection of the data format
    #[arg(long, value_name = "FORMAT", value_parser = data_format(), help_heading = "Data")]
    data_format: Option<DataFormat>,
    /// Column or JSON key of the labels
    #[arg(long, value_name = "NAME", help_heading = "Data")]
    label_column: Option<String>,
    /// Column or JSON key of the texts
    #[arg(long, value_name = "NAME", help_heading = "Data")]
    text_column: Option<String>,
}

impl DataFormatArgs {
    /// Whether any of the options is used.
    pub fn is_given(&self) -> bool {
        self.data_format.is_some() || self.label_column.is_some() || self.text_column.is_some()
    }

    /// The column or JSON key of the texts; fails if another option is used.
    #[cfg(feature = "arrow")]
    pub fn text_column_alone(&self) -> Result<Option<&str>, Error> {
        if self.data_format.is_some() || self.label_column.is_some() {
            return Err(Error::other("--data-format and --label-column cannot be used with --in"));
        }
        Ok(self.text_column.as_deref())
    }

    /// Reads labelled texts, and prints their number, their format and warnings.
    pub fn open(&self, path: &Path) -> Result<Dataset, Error> {
        let options = DataOptions {
            format: self.data_format,
            label_column: self.label_column.clone(),
            text_column: self.text_column.clone(),
        };
        let data = Dataset::open(path, &options)?;
        output::note(format_args!(
            "{}: {}, format {}",
            data.name,
            report::counted(data.texts.len(), "text"),
            data.format
        ));
        output::warn_replaced(&data.name, data.replaced);
        let labels = data.labels().len();
        if data.texts.len() >= 20 && 2 * labels > data.texts.len() {
            let first: Vec<String> = data.texts.iter().take(3).map(|text| format!("`{}`", text.label)).collect();
            output::warn(format_args!(
                "{}: {labels} different labels in {}, such as {}; if these are not the labels, set --data-format or --label-column",
                data.name,
                report::counted(data.texts.len(), "text"),
                first.join(", ")
            ));
        }
        let mut empty = data.texts.iter().filter(|text| text.text.trim().is_empty());
        if let Some(first) = empty.next() {
            output::warn(format_args!(
                "{}: line {}: label without text{}",
                data.name,
                first.line,
                match 1 + empty.count() {
                    1 => String::new(),
                    lines => format!(" ({lines} such lines in total)"),
                }
            ));
        }
        Ok(data)
    }
}

impl EvaluationData {
    /// Reads the sets; splits a dev set from the train set if none is given.
    pub fn open(&self, train: &Path, seed: u64) -> Result<Splits, Error> {
        let open = |path: &PathBuf| self.form.open(path);
        let train = self.form.open(train)?;
        let (train, dev) = match &self.dev {
            Some(path) => (train, open(path)?),
            None => {
                let (train, dev) = split_dev_set(train, seed)?;
                output::note(format_args!(
                    "no --dev given: split {} from the train set as the dev set, leaving {}",
                    report::counted(dev.texts.len(), "text"),
                    report::thousands(train.texts.len())
                ));
                (train, dev)
            }
        };
        Ok(Splits { train, dev, test: self.test.as_ref().map(open).transpose()? })
    }
}

/// How to train, except for the embedding.
#[derive(Debug, Args)]
#[command(next_help_heading = "Training")]
pub struct TrainingArgs {
    /// Maximum number of epochs
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().epochs)]
    epochs: usize,
    /// Stop after N epochs without improvement on the dev set; 0 disables early stopping
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().patience.unwrap_or(0))]
    patience: usize,
    /// Type of recurrent cell
    #[arg(long, value_name = "CELL", default_value_t = TrainOptions::default().cell, value_parser = cell())]
    encoder: CellKind,
    /// Hidden size
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().hidden)]
    hidden: usize,
    /// Number of recurrent layers, from 1 to 4
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().layers)]
    layers: usize,
    /// Use a bidirectional encoder
    #[arg(long)]
    bidirectional: bool,
    /// How the hidden states of a text are pooled
    #[arg(long, value_name = "HOW", default_value_t = TrainOptions::default().pooling, value_parser = pooling())]
    pooling: Pooling,
    /// Batch size
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().batch)]
    batch: usize,
    /// Optimizer
    #[arg(long, value_name = "NAME", default_value_t = TrainOptions::default().optimizer, value_parser = values::named::<OptimizerKind>())]
    optimizer: OptimizerKind,
    /// Learning rate
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().lr)]
    lr: f64,
    /// Learning rate of the embedding [default: the value of --lr]
    #[arg(long, value_name = "X")]
    embedding_lr: Option<f64>,
    /// Keep the embedding frozen for the first N epochs
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().unfreeze_after)]
    unfreeze_after: usize,
    /// Maximum norm of trained embedding rows; 0 for no limit
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().max_norm.unwrap_or(0.0))]
    max_norm: f64,
    /// Weight decay; embedding rows decay only in steps that train them
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().weight_decay)]
    weight_decay: f64,
    /// Momentum of SGD
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().momentum)]
    momentum: f64,
    /// Learning rate schedule over all epochs
    #[arg(long, value_name = "NAME", default_value_t = TrainOptions::default().schedule, value_parser = schedule())]
    schedule: Schedule,
    /// Fraction of all steps in which the learning rate rises from 0 (warmup)
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().warmup)]
    warmup: f64,
    /// Class weights in the loss: none, balanced (inversely proportional to class frequencies), or LABEL=WEIGHT,...
    #[arg(long, value_name = "HOW", default_value_t = TrainOptions::default().class_weights)]
    class_weights: ClassWeights,
    /// Label smoothing
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().label_smoothing)]
    label_smoothing: f64,
    /// Maximum norm of the gradients; 0 for no limit
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().clip.unwrap_or(0.0))]
    clip: f64,
    /// Dropout rate of the pooled state, and between layers
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().dropout.hidden)]
    dropout: f64,
    /// Dropout rate of the components of word vectors
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().dropout.embedding)]
    embedding_dropout: f64,
    /// Dropout rate of whole words
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().dropout.word)]
    word_dropout: f64,
    /// Standard deviation of the random rows of out-of-vocabulary words
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().oov_std)]
    oov_std: f64,
    /// Standard deviation of the rows of `random` embeddings, with mean 0 [default: mean and standard deviation of the
    /// vectors]
    #[arg(long, value_name = "X")]
    random_std: Option<f64>,
    /// How texts are split into words
    #[arg(long, value_name = "NAME", default_value_t, value_parser = tokenizer(), help_heading = "Data")]
    tokenizer: Tokenizer,
    /// How words are looked up
    #[arg(long, value_name = "HOW", default_value = "exact", value_parser = case())]
    case: Case,
}

/// Parses an embedding mode.
pub fn embedding_mode() -> impl TypedValueParser<Value = EmbeddingMode> {
    values::described::<EmbeddingMode>(|mode| match mode {
        EmbeddingMode::Frozen => "Pretrained vectors, kept fixed",
        EmbeddingMode::Tuned => "Pretrained vectors, trained with the rest of the model",
        EmbeddingMode::OovOnly => {
            "Pretrained vectors, kept fixed; only the rows of out-of-vocabulary words are trained"
        }
        EmbeddingMode::Random => "Random initialization, trained; the vectors are not used",
        EmbeddingMode::OneHot => {
            "One-hot encoding: one column of the input weights per word, without an embedding table"
        }
    })
}

/// Parses the format of labelled texts.
fn data_format() -> impl TypedValueParser<Value = DataFormat> {
    values::one_of(DataFormat::ALL.iter().map(|format| format.name()))
}

/// Parses a tokenizer.
pub fn tokenizer() -> impl TypedValueParser<Value = Tokenizer> {
    values::one_of(Tokenizer::ALL.iter().map(|tokenizer| tokenizer.name()))
}

/// Parses a type of recurrent cell.
fn cell() -> impl TypedValueParser<Value = CellKind> {
    values::described::<CellKind>(|cell| match cell {
        CellKind::Lstm => "Long short-term memory",
        CellKind::Rnn => "Plain recurrent network (tanh)",
    })
}

/// Parses a learning rate schedule.
fn schedule() -> impl TypedValueParser<Value = Schedule> {
    values::described::<Schedule>(|schedule| match schedule {
        Schedule::Constant => "The same in all steps",
        Schedule::Linear => "Linear decay to 0",
        Schedule::Cosine => "Cosine decay to 0",
    })
}

/// Parses how hidden states are pooled.
pub fn pooling() -> impl TypedValueParser<Value = Pooling> {
    values::described::<Pooling>(|pooling| match pooling {
        Pooling::Last => "The last state of each direction",
        Pooling::Mean => "The mean of all states",
        Pooling::Max => "The maximum of all states",
    })
}

/// Parses how words are looked up.
pub fn case() -> impl TypedValueParser<Value = Case> {
    values::described::<Case>(|case| match case {
        Case::Exact => "As written",
        Case::Fold => "As written, then in lower case",
    })
}

impl TrainingArgs {
    pub fn options(&self, embedding: EmbeddingMode, seed: u64) -> Result<TrainOptions, Error> {
        let options = TrainOptions {
            embedding,
            tokenizer: self.tokenizer,
            case: self.case,
            oov_std: self.oov_std,
            random_std: self.random_std,
            cell: self.encoder,
            hidden: self.hidden,
            layers: self.layers,
            bidirectional: self.bidirectional,
            pooling: self.pooling,
            dropout: DropoutRates { embedding: self.embedding_dropout, word: self.word_dropout, hidden: self.dropout },
            optimizer: self.optimizer,
            lr: self.lr,
            embedding_lr: self.embedding_lr,
            unfreeze_after: self.unfreeze_after,
            max_norm: (self.max_norm != 0.0).then_some(self.max_norm),
            weight_decay: self.weight_decay,
            momentum: self.momentum,
            schedule: self.schedule,
            warmup: self.warmup,
            class_weights: self.class_weights.clone(),
            label_smoothing: self.label_smoothing,
            clip: (self.clip != 0.0).then_some(self.clip),
            batch: self.batch,
            epochs: self.epochs,
            patience: (self.patience != 0).then_some(self.patience),
            seed,
        };
        options.check()?;
        Ok(options)
    }
}

/// Prints a note if another tokenizer matches the vectors better.
pub fn note_tokenizer(vectors: &Vectors, splits: &Splits, options: &TrainOptions) -> Result<(), Error> {
    let (train, tokenizer) = (&splits.train, options.tokenizer);
    if let Some(advice) = suggest_tokenizer(vectors, &train.texts, tokenizer, options.case)? {
        let seems = if advice.pre_tokenized { " looks cut into words already" } else { "" };
        output::note(format_args!(
            "{}{seems}: the vectors know {} of its tokens as --tokenizer {tokenizer} cuts it, {} with --tokenizer {}",
            train.name,
            report::percent(advice.known),
            report::percent(advice.suggested_known),
            advice.suggested
        ));
    }
    Ok(())
}
