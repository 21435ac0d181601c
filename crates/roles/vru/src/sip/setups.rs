//! Calls that came in and are not answered yet: how many, how long the oldest waits, and how many came of late.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use partyline_sip::endpoint::CallKey;

/// "Of late" is this long ago at most.
const LATELY: Duration = Duration::from_secs(1);

/// The calls. There are at most as many as calls, and as many that came of late as can be taken in a second.
#[derive(Debug, Default)]
pub(super) struct Setups {
    waiting: HashSet<CallKey>,
    /// In the order in which they came; those that are answered are taken out from the front only.
    order: VecDeque<(CallKey, Instant)>,
    lately: VecDeque<Instant>,
}

/// How it stands with calls that are being set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rush {
    /// Calls that wait for an answer.
    pub(crate) waiting: usize,
    /// How long the first of them waits.
    pub(crate) oldest: Duration,
    /// Calls that came within the last second.
    pub(crate) lately: usize,
}

impl Setups {
    pub(super) fn began(&mut self, call: CallKey, now: Instant) {
        self.waiting.insert(call);
        self.order.push_back((call, now));
        self.lately.push_back(now);
    }

    /// Answered, refused or given up.
    pub(super) fn ended(&mut self, call: CallKey) {
        if self.waiting.remove(&call) {
            while let Some((first, _)) = self.order.front()
                && !self.waiting.contains(first)
            {
                self.order.pop_front();
            }
        }
    }

    pub(super) fn count(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn rush(&mut self, now: Instant) -> Rush {
        while self.lately.front().is_some_and(|came| now.saturating_duration_since(*came) > LATELY) {
            self.lately.pop_front();
        }
        let oldest = self.order.front().map(|(_, came)| now.saturating_duration_since(*came));
        Rush { waiting: self.waiting.len(), oldest: oldest.unwrap_or_default(), lately: self.lately.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_that_waits_is_known_whoever_was_answered_before() {
        let (mut setups, start) = (Setups::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        for number in 0..4 {
            setups.began(CallKey(number), at(number * 10));
        }
        setups.ended(CallKey(1));
        setups.ended(CallKey(0));
        let rush = setups.rush(at(100));
        assert_eq!(rush, Rush { waiting: 2, oldest: Duration::from_millis(80), lately: 4 });
        setups.ended(CallKey(2));
        setups.ended(CallKey(3));
        assert_eq!(setups.rush(at(5_000)), Rush::default());
        assert!(setups.order.is_empty() && setups.lately.is_empty(), "nothing is kept of them");
    }
}
