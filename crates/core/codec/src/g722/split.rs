//! The filters that part the two bands and join them again [ITU-T G.722 §3.1, §4.4]: quadrature mirrors of 24 taps.

use super::PIECE;

/// Every other coefficient of the filter; the others are the same backwards.
const COEFFICIENTS: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];
/// Pairs that the filters look at, the newest included.
const REACH: usize = COEFFICIENTS.len();
/// Pairs before those of a piece that it still needs.
const HISTORY: usize = REACH - 1;
const ROOM: usize = HISTORY + PIECE;

/// What both filters keep: the first and second value of the last pairs.
#[derive(Debug, Clone)]
struct Pairs {
    first: [i32; ROOM],
    second: [i32; ROOM],
}

impl Pairs {
    const fn new() -> Self {
        Self { first: [0; ROOM], second: [0; ROOM] }
    }

    /// The two sums of each of the newest pairs, once they stand behind the history.
    fn sums(&self, pairs: usize) -> impl Iterator<Item = (i32, i32)> + '_ {
        let mut sums = [(0, 0); PIECE];
        let (mut firsts, mut seconds) = ([0; PIECE], [0; PIECE]);
        for (tap, &coefficient) in COEFFICIENTS.iter().enumerate() {
            for (sum, &value) in firsts[..pairs].iter_mut().zip(&self.first[tap..tap + pairs]) {
                *sum += coefficient * value;
            }
            let tap = HISTORY - tap;
            for (sum, &value) in seconds[..pairs].iter_mut().zip(&self.second[tap..tap + pairs]) {
                *sum += coefficient * value;
            }
        }
        for ((sum, &first), &second) in sums.iter_mut().zip(&firsts).zip(&seconds) {
            *sum = (first, second);
        }
        sums.into_iter().take(pairs)
    }

    /// The newest pairs become history.
    fn pass(&mut self, pairs: usize) {
        self.first.copy_within(pairs..pairs + HISTORY, 0);
        self.second.copy_within(pairs..pairs + HISTORY, 0);
    }
}

/// Parts samples into bands.
#[derive(Debug, Clone)]
pub(super) struct Split(Pairs);

impl Split {
    pub(super) const fn new() -> Self {
        Self(Pairs::new())
    }

    /// Parts pairs of samples, at most [`PIECE`], into a sample of either band each.
    pub(super) fn split(&mut self, samples: &[i16], low: &mut [i32], high: &mut [i32]) {
        let pairs = low.len();
        for (index, pair) in samples.as_chunks::<2>().0.iter().enumerate() {
            self.0.first[HISTORY + index] = i32::from(pair[0]);
            self.0.second[HISTORY + index] = i32::from(pair[1]);
        }
        for ((low, high), (odd, even)) in low.iter_mut().zip(high).zip(self.0.sums(pairs)) {
            *low = (even + odd) >> 14;
            *high = (even - odd) >> 14;
        }
        self.0.pass(pairs);
    }
}

/// Joins bands into samples.
#[derive(Debug, Clone)]
pub(super) struct Join(Pairs);

impl Join {
    pub(super) const fn new() -> Self {
        Self(Pairs::new())
    }

    /// Joins samples of either band, at most [`PIECE`] of each, into a pair of samples each.
    pub(super) fn join(&mut self, low: &[i32], high: &[i32], samples: &mut [i16]) {
        let pairs = low.len();
        for (index, (&low, &high)) in low.iter().zip(high).enumerate() {
            self.0.first[HISTORY + index] = low + high;
            self.0.second[HISTORY + index] = low - high;
        }
        let pieces = samples.as_chunks_mut::<2>().0.iter_mut();
        for (pair, (first, second)) in pieces.zip(self.0.sums(pairs)) {
            *pair = [within(second >> 11), within(first >> 11)];
        }
        self.0.pass(pairs);
    }
}

fn within(value: i32) -> i16 {
    value.clamp(-32_768, 32_767) as i16
}
