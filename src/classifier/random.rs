//! Independent streams of random numbers from one seed, so that the numbers drawn for one purpose do not depend on the others.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What random numbers are drawn for.
#[derive(Debug, Clone, Copy)]
#[repr(u64)]
pub(super) enum Stream {
    Split = 1,
    Order = 2,
    Dropout = 3,
    Subset = 4,
}

/// The generator of a stream. Stream 0, that of a generator without a stream, draws the initial weights ([`Network::new`](super::Network::new)).
pub(super) fn generator(seed: u64, stream: Stream) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream as u64);
    rng
}
