//! Which packets of a stream were seen: each index is taken once [RFC 3711 §3.3.2].

/// The highest index seen and those behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReplayWindow {
    highest: u64,
    /// Bit n: the packet n behind the highest was seen.
    seen: u128,
}

/// How far behind the highest a packet may be: twice what RFC 3711 asks for.
pub(super) const WINDOW: u64 = 128;

impl ReplayWindow {
    /// A window in which this index was seen.
    pub(super) const fn at(index: u64) -> Self {
        Self { highest: index, seen: 1 }
    }

    pub(super) const fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether an index was not seen, as far as can be known.
    pub(super) const fn is_new(&self, index: u64) -> bool {
        if index > self.highest {
            return true;
        }
        let behind = self.highest - index;
        behind < WINDOW && self.seen & (1 << behind) == 0
    }

    /// Takes note of an index that was authentic and new.
    pub(super) const fn note(&mut self, index: u64) {
        if index > self.highest {
            let ahead = index - self.highest;
            self.seen = if ahead < WINDOW { self.seen << ahead | 1 } else { 1 };
            self.highest = index;
        } else if self.highest - index < WINDOW {
            self.seen |= 1 << (self.highest - index);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Shows RFC 3711 §3.3.2: no index is taken twice, and all within the window are taken once.
        #[test]
        fn no_index_is_taken_twice(steps in proptest::collection::vec(0u64..400, 1..300)) {
            let mut window = ReplayWindow::at(1_000);
            let mut taken = HashSet::from([1_000]);
            for step in steps {
                let index = (window.highest() + step).saturating_sub(200);
                let is_new = window.is_new(index);
                prop_assert!(!is_new || !taken.contains(&index));
                if window.highest() < index + WINDOW {
                    prop_assert_eq!(is_new, !taken.contains(&index));
                }
                if is_new {
                    window.note(index);
                    taken.insert(index);
                }
            }
        }
    }
}
