//! Leases: a counter that an observer has watched stand still for a whole term.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Watches the counters of one kind of lease holder, on the observer's own monotonic clock.
///
/// A lease is dead only when this observer, with an uninterrupted healthy store, has seen the
/// counter stand still for a whole term; any store error starts the watch anew.
#[derive(Debug)]
pub struct LeaseWatch<K> {
    term: Duration,
    seen: BTreeMap<K, Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    counter: u64,
    since: Instant,
}

impl<K: Ord + Clone> LeaseWatch<K> {
    /// How often holders renew.
    pub const RENEWAL: Duration = Duration::from_secs(1);
    /// Five renewals may be late; longer makes failover slow, shorter makes a busy machine look dead.
    pub const TERM: Duration = Duration::from_secs(5);

    /// A watch that has seen nothing yet.
    #[must_use]
    pub const fn new(term: Duration) -> Self {
        Self { term, seen: BTreeMap::new() }
    }

    /// Takes a reading of all counters from a healthy store; answers with the holders whose lease is dead.
    /// Holders that are no longer listed are forgotten.
    pub fn observe(&mut self, now: Instant, counters: impl IntoIterator<Item = (K, u64)>) -> Vec<K> {
        let before = std::mem::take(&mut self.seen);
        for (holder, counter) in counters {
            let since = match before.get(&holder) {
                Some(seen) if seen.counter == counter => seen.since,
                _ => now,
            };
            self.seen.insert(holder, Seen { counter, since });
        }
        self.seen
            .iter()
            .filter(|(_, seen)| now.saturating_duration_since(seen.since) >= self.term)
            .map(|(holder, _)| holder.clone())
            .collect()
    }

    /// Whether any holder was seen to renew (or to come) within this time. Where none was, it is the store that stands
    /// still and not its holders.
    #[must_use]
    pub fn has_moved_within(&self, now: Instant, time: Duration) -> bool {
        self.seen.values().any(|seen| now.saturating_duration_since(seen.since) < time)
    }

    /// The store could not be read: nobody is judged until a whole term has been watched again.
    pub fn store_failed(&mut self) {
        self.seen.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERM: Duration = Duration::from_secs(5);

    #[test]
    fn a_counter_that_stands_still_for_a_term_is_dead_and_one_that_moves_is_not() {
        let start = Instant::now_for_tests();
        let mut watch = LeaseWatch::new(TERM);
        assert!(watch.observe(start, [("a", 1), ("b", 1)]).is_empty());
        assert!(watch.observe(start + TERM / 2, [("a", 1), ("b", 2)]).is_empty());
        assert_eq!(watch.observe(start + TERM, [("a", 1), ("b", 2)]), ["a"]);
    }

    #[test]
    fn a_store_error_starts_the_watch_anew() {
        let start = Instant::now_for_tests();
        let mut watch = LeaseWatch::new(TERM);
        watch.observe(start, [("a", 1)]);
        watch.store_failed();
        assert!(watch.observe(start + 2 * TERM, [("a", 1)]).is_empty());
        assert_eq!(watch.observe(start + 3 * TERM, [("a", 1)]), ["a"]);
    }

    #[test]
    fn one_that_moves_says_that_the_store_does() {
        let start = Instant::now_for_tests();
        let mut watch = LeaseWatch::new(TERM);
        watch.observe(start, [("a", 1), ("b", 1)]);
        watch.observe(start + TERM, [("a", 1), ("b", 2)]);
        assert!(watch.has_moved_within(start + TERM, TERM));
        watch.observe(start + 2 * TERM, [("a", 1), ("b", 2)]);
        assert!(!watch.has_moved_within(start + 2 * TERM, TERM));
    }

    trait TestClock {
        fn now_for_tests() -> Instant;
    }

    impl TestClock for Instant {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary start for virtual time")]
        fn now_for_tests() -> Instant {
            Self::now()
        }
    }
}
