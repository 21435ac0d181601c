//! Which ticks of a ring are filled: a bit each, worked on by words.

/// The map of a ring; positions are taken modulo its length.
#[derive(Debug, Clone)]
pub(crate) struct TickMap {
    words: Box<[u64]>,
}

impl TickMap {
    /// Of a ring of so many ticks, all empty: a power of two, 64 at least.
    pub(crate) fn new(ticks: u64) -> Self {
        debug_assert!(ticks.is_power_of_two() && ticks >= 64, "{ticks} ticks");
        Self { words: vec![0; (ticks / 64) as usize].into_boxed_slice() }
    }

    pub(crate) fn clear_all(&mut self) {
        self.words.fill(0);
    }

    pub(crate) fn count_all(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// How many of `len` ticks from `start` are filled; `len` is at most the ring's.
    pub(crate) fn count(&self, start: u64, len: u64) -> u64 {
        self.pieces(start, len).map(|(word, mask)| u64::from((self.words[word] & mask).count_ones())).sum()
    }

    pub(crate) fn set(&mut self, start: u64, len: u64) {
        for (word, mask) in self.pieces(start, len) {
            self.words[word] |= mask;
        }
    }

    pub(crate) fn clear(&mut self, start: u64, len: u64) {
        for (word, mask) in self.pieces(start, len) {
            self.words[word] &= !mask;
        }
    }

    pub(crate) fn is_set(&self, tick: u64) -> bool {
        self.pieces(tick, 1).any(|(word, mask)| self.words[word] & mask != 0)
    }

    /// How many ticks from `start`, of `len` at most, are empty before the first filled one.
    pub(crate) fn leading_empty(&self, start: u64, len: u64) -> u64 {
        let mut empty = 0;
        for (word, mask) in self.pieces(start, len) {
            let filled = self.words[word] & mask;
            if filled != 0 {
                return empty + u64::from(filled.trailing_zeros() - mask.trailing_zeros());
            }
            empty += u64::from(mask.count_ones());
        }
        empty
    }

    /// The words, with a mask each, that hold `len` ticks from `start`.
    fn pieces(&self, start: u64, len: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        let ticks = self.words.len() as u64 * 64;
        let end = start + len.min(ticks);
        let mut at = start;
        std::iter::from_fn(move || {
            let count = (64 - at % 64).min(end.saturating_sub(at));
            if count == 0 {
                return None;
            }
            let mask = (u64::MAX >> (64 - count)) << (at % 64);
            let word = ((at & (ticks - 1)) / 64) as usize;
            at += count;
            Some((word, mask))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TICKS: u64 = 4_096;

    proptest! {
        #[test]
        fn words_do_what_single_ticks_would(start in 0u64..20_000, len in 0u64..300, hole in 0u64..300) {
            let mut map = TickMap::new(TICKS);
            map.set(start, len);
            prop_assert_eq!(map.count_all(), len);
            prop_assert!((start..start + len).all(|tick| map.is_set(tick)));
            prop_assert!(!map.is_set(start + len) && !map.is_set(start + TICKS - 1));
            map.clear(start, hole);
            prop_assert_eq!(map.count(start, len), len.saturating_sub(hole));
            prop_assert_eq!(map.leading_empty(start, len), hole.min(len));
        }
    }
}
