//! One key from several ways: a telephone may tell a key by telephone-event, by SIP INFO and as a tone, by one of them
//! or by all at once, and a gateway may add a way of its own.
//!
//! It knows nothing of what a key means. **Invariant:** a press counts once, whichever of the ways bring it, in
//! whichever order, and a second press of the same key counts again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How much later another way may bring the same press. INFO waits for its transport, a tone for the jitter buffer.
const LATE_MAX: Duration = Duration::from_secs(2);
/// Most presses that are remembered: nobody presses more within [`LATE_MAX`].
const PRESSES_MAX: usize = 32;

/// A way in which telephones tell keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// RFC 4733.
    TelephoneEvent,
    /// SIP INFO.
    Info,
    /// In the sound itself.
    Tone,
}

impl KeySource {
    const fn bit(self) -> u8 {
        match self {
            Self::TelephoneEvent => 1,
            Self::Info => 2,
            Self::Tone => 4,
        }
    }
}

/// The presses of a moment ago.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    presses: VecDeque<Press>,
}

#[derive(Debug, Clone, Copy)]
struct Press {
    at: Instant,
    key: char,
    /// The ways that have told it, by their bits.
    told_by: u8,
}

impl Keys {
    /// Takes a key from one of the ways; whether it is a press that no other way has told.
    pub fn counts(&mut self, now: Instant, key: char, source: KeySource) -> bool {
        self.presses.retain(|press| now.saturating_duration_since(press.at) < LATE_MAX);
        let told =
            self.presses.iter_mut().find(|press| press.key == key && press.told_by & source.bit() == 0);
        if let Some(press) = told {
            press.told_by |= source.bit();
            return false;
        }
        if self.presses.len() == PRESSES_MAX {
            self.presses.pop_front();
        }
        self.presses.push_back(Press { at: now, key, told_by: source.bit() });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::KeySource::{Info, TelephoneEvent, Tone};
    use super::*;

    /// The keys that count, of those told at so many milliseconds.
    fn counted(told: &[(u64, char, KeySource)]) -> String {
        let (start, mut keys) = (crate::origin(), Keys::default());
        told.iter()
            .filter(|(ms, key, source)| keys.counts(start + Duration::from_millis(*ms), *key, *source))
            .map(|(_, key, _)| *key)
            .collect()
    }

    #[test]
    fn a_press_told_in_three_ways_counts_once() {
        assert_eq!(counted(&[(0, '5', TelephoneEvent), (80, '5', Tone), (900, '5', Info)]), "5");
        assert_eq!(counted(&[(0, '5', Info), (10, '5', TelephoneEvent), (120, '5', Tone)]), "5");
    }

    #[test]
    fn the_same_key_pressed_twice_counts_twice_in_each_way_and_in_all() {
        for source in [TelephoneEvent, Info, Tone] {
            assert_eq!(counted(&[(0, '1', source), (150, '1', source)]), "11");
        }
        let both = [(0, '1', TelephoneEvent), (90, '1', Tone), (200, '1', TelephoneEvent), (290, '1', Tone)];
        assert_eq!(counted(&both), "11");
    }

    #[test]
    fn a_way_that_lags_behind_by_several_presses_adds_none() {
        let mut told = Vec::new();
        for (n, key) in (0_u64..).zip("4711#".chars()) {
            told.push((n * 200, key, TelephoneEvent));
            told.push((n * 200 + 700, key, Info));
        }
        told.sort_by_key(|(ms, ..)| *ms);
        assert_eq!(counted(&told), "4711#");
    }

    #[test]
    fn a_telephone_may_change_its_way_during_a_call() {
        assert_eq!(counted(&[(0, '1', Tone), (500, '2', Info), (1_000, '3', TelephoneEvent)]), "123");
    }

    #[test]
    fn what_comes_after_two_seconds_is_a_press_of_its_own() {
        assert_eq!(counted(&[(0, '#', TelephoneEvent), (2_100, '#', Info)]), "##");
    }

    #[test]
    fn no_more_presses_are_remembered_than_anybody_makes() {
        let (now, mut keys) = (crate::origin(), Keys::default());
        for _ in 0..10_000 {
            keys.counts(now, '0', Info);
        }
        assert_eq!(keys.presses.len(), PRESSES_MAX);
    }
}
