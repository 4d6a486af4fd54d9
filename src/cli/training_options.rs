//! The options of training, which `train` and `compare` share, and those of labelled texts.

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

/// The texts of a task but for those to learn from.
#[derive(Debug, Args)]
pub struct OtherData {
    /// Labelled texts to choose the epoch by
    #[arg(long, value_name = "FILE", help_heading = "Texts")]
    pub dev: Option<PathBuf>,
    /// Labelled texts to measure the result on
    #[arg(long, value_name = "FILE", help_heading = "Texts")]
    pub test: Option<PathBuf>,
    #[command(flatten)]
    form: DataForm,
}

/// How labelled texts are read.
#[derive(Debug, Args)]
pub struct DataForm {
    /// Form of the texts, if it should not be told by content: plain, tsv, csv, jsonl, fasttext
    #[arg(long, value_name = "NAME", help_heading = "Texts")]
    data_format: Option<DataFormat>,
    /// Column or JSON key of the label
    #[arg(long, value_name = "NAME", help_heading = "Texts")]
    label_column: Option<String>,
    /// Column or JSON key of the text
    #[arg(long, value_name = "NAME", help_heading = "Texts")]
    text_column: Option<String>,
}

impl DataForm {
    /// Whether anything about the form was said.
    pub fn is_given(&self) -> bool {
        self.data_format.is_some() || self.label_column.is_some() || self.text_column.is_some()
    }

    /// The column or JSON key of the text, where one was named and nothing else was.
    #[cfg(feature = "arrow")]
    pub fn text_column_alone(&self) -> Result<Option<&str>, Error> {
        if self.data_format.is_some() || self.label_column.is_some() {
            return Err(Error::invalid("--data-format and --label-column", "--evaluate beside them", "--in"));
        }
        Ok(self.text_column.as_deref())
    }

    /// Reads labelled texts and says what was found.
    pub fn open(&self, path: &Path) -> Result<Dataset, Error> {
        let options = DataOptions {
            format: self.data_format,
            label_column: self.label_column.clone(),
            text_column: self.text_column.clone(),
        };
        let data = Dataset::open(path, &options)?;
        output::note(format_args!(
            "{}: {}, form {}",
            data.name,
            report::counted(data.texts.len(), "text"),
            data.format
        ));
        output::warn_replaced(&data.name, data.replaced);
        let labels = data.labels().len();
        if data.texts.len() >= 20 && 2 * labels > data.texts.len() {
            let first: Vec<String> = data.texts.iter().take(3).map(|text| format!("`{}`", text.label)).collect();
            output::warn(format_args!(
                "{}: {labels} labels in {}, the first of them {}: if these are no labels, say where they stand with \
                 --data-format and --label-column",
                data.name,
                report::counted(data.texts.len(), "text"),
                first.join(", ")
            ));
        }
        let mut empty = data.texts.iter().filter(|text| text.text.trim().is_empty());
        if let Some(first) = empty.next() {
            output::warn(format_args!(
                "{}: line {}: a label without a text; {}",
                data.name,
                first.line,
                match 1 + empty.count() {
                    1 => "it is the only one".to_owned(),
                    lines => format!("there are {lines} such lines"),
                }
            ));
        }
        Ok(data)
    }
}

impl OtherData {
    /// Reads the splits; cuts a development part where none is given.
    pub fn open(&self, train: &Path, seed: u64) -> Result<Splits, Error> {
        let open = |path: &PathBuf| self.form.open(path);
        let train = self.form.open(train)?;
        let (train, dev) = match &self.dev {
            Some(path) => (train, open(path)?),
            None => {
                let (train, dev) = split_dev_set(train, seed)?;
                let serve = if dev.texts.len() == 1 { "serves" } else { "serve" };
                output::note(format_args!(
                    "no --dev given: {} of the training part {serve} for it, {} remain{}",
                    report::counted(dev.texts.len(), "text"),
                    report::thousands(train.texts.len()),
                    if train.texts.len() == 1 { "s" } else { "" }
                ));
                (train, dev)
            }
        };
        Ok(Splits { train, dev, test: self.test.as_ref().map(open).transpose()? })
    }
}

/// How to train, whatever the embedding.
#[derive(Debug, Args)]
pub struct Settings {
    /// Epochs at most
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().epochs, help_heading = "Training")]
    epochs: usize,
    /// Stop after N epochs without a better one; 0 for never
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().patience.unwrap_or(0), help_heading = "Training")]
    patience: usize,
    /// What reads the words: lstm, or rnn (the plain recurrent network)
    #[arg(long, value_name = "CELL", default_value_t = TrainOptions::default().cell, help_heading = "Training")]
    encoder: CellKind,
    /// Hidden size of the encoder
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().hidden, help_heading = "Training")]
    hidden: usize,
    /// Layers of the encoder, 1 to 4
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().layers, help_heading = "Training")]
    layers: usize,
    /// Read the text both ways
    #[arg(long, help_heading = "Training")]
    bidirectional: bool,
    /// How the states of a text's words become one: last, mean, max
    #[arg(long, value_name = "HOW", default_value_t = TrainOptions::default().pooling, help_heading = "Training")]
    pooling: Pooling,
    /// Texts a step
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().batch, help_heading = "Training")]
    batch: usize,
    /// How the weights follow their gradients: adam, adamw (weight decay apart from the gradient), sgd
    #[arg(long, value_name = "NAME", default_value_t = TrainOptions::default().optimizer, help_heading = "Training")]
    optimizer: OptimizerKind,
    /// Learning rate
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().lr, help_heading = "Training")]
    lr: f64,
    /// Learning rate of the embedding's rows [default: that of --lr]
    #[arg(long, value_name = "X", help_heading = "Training")]
    embedding_lr: Option<f64>,
    /// Keep the embedding's rows as they are for the first N epochs
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().unfreeze_after, help_heading = "Training")]
    unfreeze_after: usize,
    /// Largest norm of a row that training changed; 0 for no limit
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().max_norm.unwrap_or(0.0), help_heading = "Training")]
    max_norm: f64,
    /// Weight decay; rows of the embedding decay only in steps that train them
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().weight_decay, help_heading = "Training")]
    weight_decay: f64,
    /// Momentum of sgd
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().momentum, help_heading = "Training")]
    momentum: f64,
    /// Course of the learning rates over all --epochs: constant, linear (down to 0), cosine (down to 0)
    #[arg(long, value_name = "NAME", default_value_t = TrainOptions::default().schedule, help_heading = "Training")]
    schedule: Schedule,
    /// Share of all steps over which the learning rates rise from 0, as in 0.1
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().warmup, help_heading = "Training")]
    warmup: f64,
    /// How much texts count in the loss: none (all the same), balanced (all labels the same), or LABEL=WEIGHT,...
    #[arg(long, value_name = "HOW", default_value_t = TrainOptions::default().class_weights, help_heading = "Training")]
    class_weights: ClassWeights,
    /// Share of each label that is spread over all of them
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().label_smoothing, help_heading = "Training")]
    label_smoothing: f64,
    /// Largest norm of the gradients; 0 for no limit
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().clip.unwrap_or(0.0), help_heading = "Training")]
    clip: f64,
    /// Share of the last state dropped in training (and of what one layer hands to the next)
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().dropout.hidden, help_heading = "Training")]
    dropout: f64,
    /// Share of the words' components dropped in training
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().dropout.embedding, help_heading = "Training")]
    embedding_dropout: f64,
    /// Share of the words dropped whole in training
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().dropout.word, help_heading = "Training")]
    word_dropout: f64,
    /// Deviation of the random rows made for words that the vectors lack
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().oov_std, help_heading = "Training")]
    oov_std: f64,
    /// Deviation of the rows of --embedding random, around 0 [default: mean and deviation of the vectors' numbers]
    #[arg(long, value_name = "X", help_heading = "Training")]
    random_std: Option<f64>,
    /// How texts are cut into words: unicode (Unicode's rules), ptb (Penn Treebank, as GloVe's own texts), whitespace (for
    /// texts cut already), jieba (Chinese; in builds that have it)
    #[arg(long, value_name = "NAME", default_value_t, help_heading = "Texts")]
    tokenizer: Tokenizer,
    /// How words are looked up: exact, or fold (as written, then in lower case)
    #[arg(long, value_name = "HOW", default_value = "exact", value_parser = values::named::<Case>(), help_heading = "Training")]
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

impl Settings {
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

/// Says if another tokenizer may suit the texts better.
pub fn note_tokenizer(vectors: &Vectors, splits: &Splits, options: &TrainOptions) -> Result<(), Error> {
    let (train, tokenizer) = (&splits.train, options.tokenizer);
    if let Some(advice) = suggest_tokenizer(vectors, &train.texts, tokenizer, options.case)? {
        let seems = if advice.cut_already { " looks cut into words already" } else { "" };
        output::note(format_args!(
            "{}{seems}: the vectors know {} of its tokens as --tokenizer {tokenizer} cuts it, {} with --tokenizer {}",
            train.name,
            report::percent(advice.known),
            report::percent(advice.other_known),
            advice.other
        ));
    }
    Ok(())
}
