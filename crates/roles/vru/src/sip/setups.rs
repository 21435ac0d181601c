//! Calls that came in and are not answered yet: how many, how long the oldest waits, how many came of late, and how soon
//! one is answered after the other.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use partyline_sip::endpoint::CallKey;

/// "Of late" is this long ago at most.
const LATELY: Duration = Duration::from_secs(1);
/// While so many wait, it is the machine's pace that one answer follows another by, not the way of a single call.
const CROWD: usize = 8;
/// A new time between two answers is this part of the pace.
const PACE_PART: u32 = 16;

/// The calls. There are at most as many as calls, and as many that came of late as can be taken in a second.
#[derive(Debug, Default)]
pub(super) struct Setups {
    waiting: HashSet<CallKey>,
    /// In the order in which they came; those that are answered are taken out from the front only.
    order: VecDeque<(CallKey, Instant)>,
    lately: VecDeque<Instant>,
    pace: Duration,
    /// The last answer in a crowd, or when it became one.
    crowded: Option<Instant>,
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
    /// How long a call that comes now will wait, as answers come.
    pub(crate) wait: Duration,
}

impl Setups {
    pub(super) fn began(&mut self, call: CallKey, now: Instant) {
        self.waiting.insert(call);
        if self.waiting.len() == CROWD {
            self.crowded = Some(now);
        }
        self.order.push_back((call, now));
        self.lately.push_back(now);
    }

    /// Answered, refused or given up.
    pub(super) fn ended(&mut self, call: CallKey, now: Instant) {
        if self.waiting.remove(&call) {
            if let Some(before) = self.crowded {
                let gap = now.saturating_duration_since(before);
                self.pace = (self.pace * (PACE_PART - 1) + gap) / PACE_PART;
                self.crowded = (self.waiting.len() >= CROWD).then_some(now);
            }
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
        let waiting = self.waiting.len();
        let crowd = if waiting < CROWD { 0 } else { u32::try_from(waiting).unwrap_or(u32::MAX) };
        Rush {
            waiting,
            oldest: oldest.unwrap_or_default(),
            lately: self.lately.len(),
            wait: self.pace.saturating_mul(crowd),
        }
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
        setups.ended(CallKey(1), at(50));
        setups.ended(CallKey(0), at(60));
        let rush = setups.rush(at(100));
        assert_eq!(
            rush,
            Rush { waiting: 2, oldest: Duration::from_millis(80), lately: 4, wait: Duration::ZERO }
        );
        setups.ended(CallKey(2), at(200));
        setups.ended(CallKey(3), at(300));
        assert_eq!(setups.rush(at(5_000)), Rush::default());
        assert!(setups.order.is_empty() && setups.lately.is_empty(), "nothing is kept of them");
    }

    #[test]
    fn the_wait_is_told_by_the_pace_at_which_a_crowd_is_answered() {
        let (mut setups, start) = (Setups::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        (0..20).for_each(|number| setups.began(CallKey(number), at(0)));
        assert_eq!(setups.rush(at(0)).wait, Duration::ZERO, "nobody knows yet");
        // One every 5 ms, and for each another comes.
        for number in 0..200 {
            setups.ended(CallKey(number), at(5 * (number + 1)));
            setups.began(CallKey(number + 20), at(5 * (number + 1)));
        }
        let wait = setups.rush(at(1_000)).wait;
        assert!((98..=100).contains(&wait.as_millis()), "20 calls, 5 ms each: {wait:?}");
        // The last of a crowd, one by one and slowly, say nothing of the pace.
        (200..220).for_each(|number| setups.ended(CallKey(number), at(1_000 + (number - 200) * 5)));
        assert_eq!(setups.rush(at(1_100)).wait, Duration::ZERO, "nobody waits");
        (300..308).for_each(|number| setups.began(CallKey(number), at(5_000)));
        let wait = setups.rush(at(5_000)).wait;
        assert!((38..=40).contains(&wait.as_millis()), "8 calls at the pace of before: {wait:?}");
    }
}
