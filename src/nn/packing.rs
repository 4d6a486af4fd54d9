//! Sequences of unequal lengths in one batch, without padding.

/// The layout of the tokens of a batch: step by step, and in each step the sequences that are still running. PyTorch's
/// `PackedSequence`.
///
/// Sequences are sorted by descending length (stable), so the sequences that are running at a step are the first ones. Token `i`
/// of step `t` has row `offset(t) + i`. There is no padding.
///
/// ```
/// # use vocable::nn::Packing;
/// let packing = Packing::new(&[1, 3]);
/// assert_eq!(packing.pack(&[&["a"][..], &["x", "y", "z"]]), ["x", "a", "y", "z"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packing {
    order: Vec<usize>,
    lengths: Vec<usize>,
    /// Sequences running at each step.
    running: Vec<usize>,
    /// The first row of each step, and finally the number of rows.
    offsets: Vec<usize>,
}

impl Packing {
    /// The layout of sequences with these lengths, which may be 0.
    pub fn new(lengths: &[usize]) -> Packing {
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by_key(|&sequence| std::cmp::Reverse(lengths[sequence]));
        let lengths: Vec<usize> = order.iter().map(|&sequence| lengths[sequence]).collect();
        let steps = lengths.first().copied().unwrap_or(0);
        let mut running = Vec::with_capacity(steps);
        let mut offsets = vec![0];
        for step in 0..steps {
            let count = lengths.partition_point(|&length| length > step);
            running.push(count);
            offsets.push(offsets[step] + count);
        }
        Packing { order, lengths, running, offsets }
    }

    /// The layout of these sequences.
    pub fn of<I>(sequences: &[&[I]]) -> Packing {
        let lengths: Vec<usize> = sequences.iter().map(|sequence| sequence.len()).collect();
        Packing::new(&lengths)
    }

    /// Number of sequences, `B`.
    pub fn sequences(&self) -> usize {
        self.order.len()
    }

    /// Length of the longest sequence.
    pub fn steps(&self) -> usize {
        self.running.len()
    }

    /// Number of tokens, `N`.
    pub fn tokens(&self) -> usize {
        self.offsets[self.running.len()]
    }

    /// Number of sequences that are running at a step.
    pub fn running(&self, step: usize) -> usize {
        self.running.get(step).copied().unwrap_or(0)
    }

    /// The row of the first token of a step.
    pub fn offset(&self, step: usize) -> usize {
        self.offsets[step]
    }

    /// The index of the caller's sequence at each place.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Length of the sequence at a place.
    pub fn length(&self, place: usize) -> usize {
        self.lengths[place]
    }

    /// Packs the caller's sequences, one item per row. They must have the lengths of the packing.
    pub fn pack<I: Copy>(&self, sequences: &[&[I]]) -> Vec<I> {
        let mut rows = Vec::with_capacity(self.tokens());
        for (step, &running) in self.running.iter().enumerate() {
            rows.extend(self.order[..running].iter().map(|&s| sequences[s][step]));
        }
        rows
    }
}
