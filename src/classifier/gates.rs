//! The gates of an LSTM at each word of a text, and the prediction after each word.

use rayon::prelude::*;
use serde::Serialize;
use strum::{Display, IntoStaticStr};

use super::{Classifier, most_probable};
use crate::error::{Error, Result};
use crate::nn::{CellKind, Packing, Pooling, UNKNOWN, softmax};

/// Maximum number of words of a text; further words are omitted. Where the network has to read each prefix of the text again, the
/// computation time grows with the square of the number of words.
pub const MAX_GATE_WORDS: usize = 1000;

/// Maximum number of words in a batch of prefixes.
const MAX_BATCH_WORDS: usize = 4096;

/// A cell of the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GateOptions {
    /// The layer, counted from 1, which is the one that reads the words.
    pub layer: usize,
    /// Whether it is the cell that reads the text backwards.
    pub reverse: bool,
}

impl Default for GateOptions {
    fn default() -> Self {
        GateOptions { layer: 1, reverse: false }
    }
}

/// The behaviour of a unit of a cell at a step, by its input gate i and its forget gate f. A gate counts as open (1) from 0.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Display, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Behaviour {
    /// i = 0, f = 1: keeps its memory.
    Keeps,
    /// i = 1, f = 1: blends memory and input.
    Blends,
    /// i = 0, f = 0: clears its memory.
    Clears,
    /// i = 1, f = 0: overwrites its memory with the input.
    Overwrites,
}

impl Behaviour {
    /// All behaviours, in the order of [`WordGates::shares`].
    pub const ALL: [Behaviour; 4] = [Behaviour::Keeps, Behaviour::Blends, Behaviour::Clears, Behaviour::Overwrites];

    /// The name, which is a verb.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The index in [`Behaviour::ALL`] of the behaviour of a unit with these gates.
    fn index_of(input: f32, forget: f32) -> usize {
        match (input >= 0.5, forget >= 0.5) {
            (false, true) => 0,
            (true, true) => 1,
            (false, false) => 2,
            (true, false) => 3,
        }
    }
}

/// The gates of a cell at a word: means over its units, from 0 (closed) to 1 (open).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WordGates {
    /// The word as written in the text.
    pub word: String,
    /// Whether it has an embedding row; otherwise the row of the unknown word was read.
    pub known: bool,
    /// Input gate, i.
    pub input: f32,
    /// Forget gate, f; open means that nothing is forgotten.
    pub forget: f32,
    /// Output gate, o.
    pub output: f32,
    /// The fraction of the units with each behaviour of [`Behaviour::ALL`].
    pub shares: [f32; 4],
    /// The behaviour of most units; in case of a tie, the first in [`Behaviour::ALL`].
    pub behaviour: Behaviour,
    /// The probability of each class if the text ended after this word.
    pub probabilities: Vec<f32>,
}

/// The gates of a cell at each word of a text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateView {
    /// The words in the order of the text, for both directions of reading.
    pub words: Vec<WordGates>,
    /// The probability of each class before the first word.
    pub before: Vec<f32>,
    /// Number of words after the first [`MAX_GATE_WORDS`], which are omitted.
    pub words_omitted: usize,
    /// The cell.
    pub cell: GateOptions,
}

impl GateView {
    /// The probability of each class after the last word.
    pub fn probabilities(&self) -> &[f32] {
        self.words.last().map_or(&self.before, |last| &last.probabilities)
    }

    /// The class predicted after the last word.
    pub fn class(&self) -> usize {
        most_probable(self.probabilities())
    }

    /// The change of the probability of a class at each word.
    pub fn changes(&self, class: usize) -> Vec<f32> {
        let of = |probabilities: &[f32]| probabilities.get(class).copied().unwrap_or(f32::NAN);
        let before = std::iter::once(of(&self.before)).chain(self.words.iter().map(|word| of(&word.probabilities)));
        self.words.iter().zip(before).map(|(word, before)| of(&word.probabilities) - before).collect()
    }
}

impl Classifier {
    /// The gates of a cell at each word of a text, and the prediction if the text ended after the word.
    ///
    /// # Errors
    /// A layer or direction that the encoder does not have; an encoder without gates.
    pub fn gates(&self, text: &str, cell: GateOptions) -> Result<GateView> {
        let (encoder, shape) = (&self.network.encoder, self.network.encoder.shape());
        if shape.cell != CellKind::Lstm {
            return Err(Error::invalid("model", "an LSTM, which has gates", "a plain recurrent network"));
        }
        let Some(layer) = cell.layer.checked_sub(1).filter(|&layer| layer < shape.layers) else {
            return Err(Error::invalid(
                "layer",
                format!("a number from 1 to {}", shape.layers),
                cell.layer.to_string(),
            ));
        };
        if cell.reverse && !shape.bidirectional {
            return Err(Error::invalid("reverse", "a bidirectional model", "a unidirectional one"));
        }
        let mut words = self.tokenizer.words(text);
        let words_omitted = words.len().saturating_sub(MAX_GATE_WORDS);
        words.truncate(MAX_GATE_WORDS);
        let words = vec![words];
        let (ids, extra_rows) = self.ids(&words);
        let (words, ids) = (words.concat(), ids.concat());
        // There is one text, so token t has row t.
        let rows: Vec<u32> = (0..ids.len() as u32).collect();
        let products = self.network.input_products(&ids, &extra_rows);
        let cache = encoder.forward(&Packing::new(&[ids.len()]), &products, &rows, Vec::new());
        let gates = cache.gates(layer, usize::from(cell.reverse));
        // The states of a unidirectional encoder are those after each prefix of the text. Backward states depend on the end of the
        // text, and mean and max pooling on all previous states.
        let after = if shape.bidirectional || shape.pooling != Pooling::Last {
            self.after_each_word(&ids, &extra_rows)
        } else {
            let mut after = self.network.head.forward(&cache.output());
            softmax(&mut after, self.network.classes());
            after
        };
        let words = words.iter().zip(&ids).zip(gates.chunks_exact(4 * shape.hidden));
        let words = words.zip(after.chunks_exact(self.network.classes()));
        Ok(GateView {
            words: words
                .map(|(((word, &id), gates), probabilities)| WordGates::of(word, id != UNKNOWN, gates, probabilities))
                .collect(),
            before: self.probabilities(&[&[]], &[]),
            words_omitted,
            cell,
        })
    }

    /// The probabilities after each prefix of a text, computed separately for each: `[N, C]`.
    fn after_each_word(&self, ids: &[u32], extra_rows: &[f32]) -> Vec<f32> {
        let prefixes: Vec<&[u32]> = (1..=ids.len()).map(|words| &ids[..words]).collect();
        // Batches are limited in size to save memory, and do not depend on the number of threads.
        let mut batches: Vec<&[&[u32]]> = Vec::new();
        let mut rest = prefixes.as_slice();
        while !rest.is_empty() {
            let words = rest.iter().scan(0, |sum, prefix| {
                *sum += prefix.len();
                Some(*sum)
            });
            let count = words.take_while(|&words| words <= MAX_BATCH_WORDS).count().max(1);
            let (batch, others) = rest.split_at(count);
            batches.push(batch);
            rest = others;
        }
        batches.par_iter().flat_map_iter(|batch| self.probabilities(batch, extra_rows)).collect()
    }

    /// The probabilities of texts in one batch: `[B, C]`.
    fn probabilities(&self, sequences: &[&[u32]], extra_rows: &[f32]) -> Vec<f32> {
        let mut logits = self.network.logits_with(sequences, extra_rows);
        softmax(&mut logits, self.network.classes());
        logits
    }
}

impl WordGates {
    /// # Shapes
    /// `gates` `[4 H]` in the order i, f, g, o; `probabilities` `[C]`.
    fn of(word: &str, known: bool, gates: &[f32], probabilities: &[f32]) -> WordGates {
        let hidden = gates.len() / 4;
        let (input, forget, output) = (&gates[..hidden], &gates[hidden..2 * hidden], &gates[3 * hidden..]);
        let mean = |gate: &[f32]| gate.iter().sum::<f32>() / hidden as f32;
        let mut units = [0usize; 4];
        input.iter().zip(forget).for_each(|(&input, &forget)| units[Behaviour::index_of(input, forget)] += 1);
        let shares = units.map(|units| units as f32 / hidden as f32);
        WordGates {
            word: word.to_owned(),
            known,
            input: mean(input),
            forget: mean(forget),
            output: mean(output),
            shares,
            behaviour: Behaviour::ALL[most_probable(&shares)],
            probabilities: probabilities.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::classifier::{Network, Tokenizer};
    use crate::files::Words;
    use crate::nn::{Embedding, EmbeddingMode, EncoderShape};
    use crate::vectors::Case;

    const WORDS: [&str; 4] = ["a", "b", "c", "d"];

    fn classifier(layers: usize, bidirectional: bool) -> Classifier {
        classifier_of(EncoderShape { layers, bidirectional, ..EncoderShape::lstm(3, 5) })
    }

    fn classifier_of(shape: EncoderShape) -> Classifier {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let rows: Vec<f32> = (0..6 * 3).map(|_| rng.random_range(-1.0..1.0)).collect();
        let embedding = Embedding::from_weights(rows, 3, EmbeddingMode::Tuned).unwrap();
        let mut network = Network::new(embedding, shape, 3, rng.random());
        // Larger weights than the initial ones, and no forget gate bias, so that all four behaviours occur.
        network.encoder.parameters_mut().into_iter().flatten().for_each(|weight| *weight *= 4.0);
        network.encoder.cells_mut().iter_mut().for_each(|cell| cell.bias_ih.fill(0.0));
        let labels = ["x", "y", "z"].map(str::to_owned).to_vec();
        let words: Words = WORDS.iter().collect();
        Classifier::new(labels, words, Tokenizer::Whitespace, Case::Exact, network).unwrap()
    }

    #[test]
    fn forced_gates_show_the_four_named_behaviours() {
        let cases = [(0.0f32, 1.0f32, "keeps"), (1.0, 1.0, "blends"), (0.0, 0.0, "clears"), (1.0, 0.0, "overwrites")];
        for (place, (input, forget, name)) in cases.into_iter().enumerate() {
            let mut classifier = classifier(1, false);
            let cell = &mut classifier.network.encoder.cells_mut()[0];
            for values in [&mut cell.weight_ih, &mut cell.weight_hh, &mut cell.bias_ih, &mut cell.bias_hh] {
                values.fill(0.0);
            }
            cell.bias_ih[..5].fill(if input == 1.0 { 50.0 } else { -50.0 });
            cell.bias_ih[5..10].fill(if forget == 1.0 { 50.0 } else { -50.0 });
            for word in classifier.gates("a b nowhere", GateOptions::default()).unwrap().words {
                for (found, expected) in [(word.input, input), (word.forget, forget), (word.output, 0.5)] {
                    assert!((found - expected).abs() < 1e-20, "{name}: {found} is not {expected}");
                }
                assert_eq!((word.behaviour.name(), word.shares[place]), (name, 1.0));
                assert_eq!(word.known, word.word != "nowhere");
            }
        }
    }

    #[test]
    fn ties_are_resolved_by_order_and_a_half_open_gate_counts_as_open() {
        let word = WordGates::of("a", true, &[0.5, 0.1, 0.5, 0.9, 0.0, 0.0, 0.25, 0.75], &[1.0]);
        assert_eq!((word.behaviour, word.shares), (Behaviour::Keeps, [0.5, 0.5, 0.0, 0.0]));
        assert_eq!((word.input, word.forget, word.output), (0.3, 0.7, 0.5));
    }

    /// A reference implementation of the LSTM in f64, which returns the mean gates and the behaviour fractions.
    fn reference(classifier: &Classifier, ids: &[u32]) -> Vec<([f64; 3], [f64; 4])> {
        let (cell, hidden) = (&classifier.network.encoder.cells()[0], 5);
        let (mut h, mut c) = (vec![0.0; hidden], vec![0.0; hidden]);
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let mut views = Vec::new();
        for &id in ids {
            let x = classifier.network.embedding.forward(&[id]);
            let sum = |row: usize| {
                let from_x: f64 = (0..3).map(|k| f64::from(cell.weight_ih[row * 3 + k]) * f64::from(x[k])).sum();
                let from_h: f64 = (0..hidden).map(|k| f64::from(cell.weight_hh[row * hidden + k]) * h[k]).sum();
                from_x + from_h + f64::from(cell.bias_ih[row]) + f64::from(cell.bias_hh[row])
            };
            let (mut gates, mut shares) = ([0.0; 3], [0.0; 4]);
            let mut next = Vec::new();
            for (unit, c) in c.iter_mut().enumerate() {
                let [i, f, o] = [0, 1, 3].map(|gate| sigmoid(sum(gate * hidden + unit)));
                let g = sum(2 * hidden + unit).tanh();
                *c = f * *c + i * g;
                next.push(o * c.tanh());
                for (mean, gate) in gates.iter_mut().zip([i, f, o]) {
                    *mean += gate / hidden as f64;
                }
                let corners = [(0.0, 1.0), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0)];
                let distance = |&(a, b): &(f64, f64)| (i - a).powi(2) + (f - b).powi(2);
                let nearest = (0..4).min_by(|&a, &b| distance(&corners[a]).total_cmp(&distance(&corners[b])));
                shares[nearest.unwrap()] += 1.0 / hidden as f64;
            }
            h = next;
            views.push((gates, shares));
        }
        views
    }

    #[test]
    fn means_and_shares_equal_the_reference() {
        let classifier = classifier(1, false);
        let text = "a d b nowhere c c a b d d a c";
        let view = classifier.gates(text, GateOptions::default()).unwrap();
        let reference = reference(&classifier, &classifier.ids(&classifier.words(&[text])).0[0]);
        assert_eq!(view.words.len(), reference.len());
        let mut shown = [0.0; 4];
        for (word, (gates, shares)) in view.words.iter().zip(reference) {
            for (found, expected) in [word.input, word.forget, word.output].into_iter().zip(gates) {
                assert!((f64::from(found) - expected).abs() < 1e-5, "{word:?} is not {gates:?}");
            }
            for (place, (found, expected)) in word.shares.into_iter().zip(shares).enumerate() {
                assert!((f64::from(found) - expected).abs() < 1e-6, "{word:?} is not {shares:?}");
                shown[place] += expected;
            }
        }
        assert!(shown.iter().all(|&share| share > 0.0), "not all behaviours occur: {shown:?}");
    }

    #[test]
    fn the_prediction_after_each_word_is_that_of_the_text_up_to_it() {
        let cells = [(1, false), (2, false), (1, true), (2, true)];
        for (pooling, (layers, bidirectional)) in
            Pooling::ALL.iter().copied().flat_map(|pooling| cells.map(|c| (pooling, c)))
        {
            let shape = EncoderShape { layers, bidirectional, pooling, ..EncoderShape::lstm(3, 5) };
            let classifier = classifier_of(shape);
            // Long enough that the prefixes do not fit into one batch.
            let text: Vec<&str> = (0..150).map(|i| WORDS[(i * i + i / 3) % 4]).collect();
            let prefixes: Vec<String> = (0..=text.len()).map(|words| text[..words].join(" ")).collect();
            let expected = classifier.predict(&prefixes);
            let view = classifier.gates(&text.join(" "), GateOptions::default()).unwrap();
            let found = [&view.before].into_iter().chain(view.words.iter().map(|word| &word.probabilities));
            for (found, expected) in found.zip(&expected) {
                for (found, expected) in found.iter().zip(&expected.probabilities) {
                    assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
                }
            }
            assert_eq!(view.words.len(), text.len());
            assert_eq!(view.class(), expected.last().unwrap().class);
            let moved: f32 = view.changes(1).iter().sum();
            assert!((moved - (view.probabilities()[1] - view.before[1])).abs() < 1e-5);
        }
    }

    #[test]
    fn every_cell_of_the_encoder_can_be_selected_and_no_other() {
        let classifier = classifier(2, true);
        let mut seen = Vec::new();
        for (layer, reverse) in [(1, false), (1, true), (2, false), (2, true)] {
            let view = classifier.gates("a b c", GateOptions { layer, reverse }).unwrap();
            let gates: Vec<f32> = view.words.iter().map(|word| word.input).collect();
            assert!(!seen.contains(&gates));
            seen.push(gates);
        }
        // The gates of the backward cell at the last word do not depend on the previous words.
        let last = |text: &str| {
            let view = classifier.gates(text, GateOptions { layer: 1, reverse: true }).unwrap();
            view.words.last().map(|word| (word.input, word.forget, word.output))
        };
        assert_eq!(last("a b c"), last("d c"));
        let refused = |classifier: &Classifier, layer, reverse| {
            classifier.gates("a", GateOptions { layer, reverse }).unwrap_err().to_string()
        };
        assert_eq!(refused(&classifier, 3, false), "layer: expected a number from 1 to 2, found 3");
        assert_eq!(refused(&classifier, 0, false), "layer: expected a number from 1 to 2, found 0");
        let forward = self::classifier(1, false);
        assert!(refused(&forward, 1, true).contains("a bidirectional model"));
        let plain = classifier_of(EncoderShape { cell: CellKind::Rnn, ..EncoderShape::lstm(3, 5) });
        assert!(refused(&plain, 1, false).contains("an LSTM, which has gates"));
    }

    #[test]
    fn empty_texts_and_very_long_texts() {
        for bidirectional in [false, true] {
            let classifier = classifier(1, bidirectional);
            let view = classifier.gates(" \t", GateOptions::default()).unwrap();
            assert!(view.words.is_empty() && view.changes(0).is_empty());
            assert_eq!(view.probabilities(), classifier.predict(&[""])[0].probabilities);
            let view = classifier.gates(&"a b ".repeat(510), GateOptions::default()).unwrap();
            assert_eq!((view.words.len(), view.words_omitted), (MAX_GATE_WORDS, 20));
        }
    }
}
