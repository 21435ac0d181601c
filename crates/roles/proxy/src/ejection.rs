//! Ejection: a server that fails again and again is left alone for a while, then let back in.

use std::time::{Duration, Instant};

/// Failures in a row that eject. One may be chance; more than a few cost callers time.
const FAILURES_MAX: u32 = 3;
/// The first ejection; each further one is twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// The longest ejection.
const LONGEST: Duration = Duration::from_secs(30);

/// How a server has done lately.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ejection {
    failures: u32,
    ejections: u32,
    until: Option<Instant>,
}

impl Ejection {
    /// Whether it is left alone now.
    pub(crate) fn is_out(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// It answered.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// It did not answer. `true` where this ejects it.
    pub(crate) fn failed(&mut self, now: Instant) -> bool {
        self.failures += 1;
        // After an ejection the first failure is enough: it is on probation.
        if self.is_out(now) || (self.failures < FAILURES_MAX && self.ejections == 0) {
            return false;
        }
        let pause = FIRST.saturating_mul(1 << self.ejections.min(16)).min(LONGEST);
        self.failures = 0;
        self.ejections += 1;
        self.until = Some(now + pause);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_fails_again_and_again_is_left_alone_for_longer_each_time() {
        let (mut ejection, now) = (Ejection::default(), Instant::now());
        assert!(!ejection.failed(now));
        assert!(!ejection.failed(now));
        assert!(ejection.failed(now));
        assert!(ejection.is_out(now));

        let back = now + FIRST;
        assert!(!ejection.is_out(back));
        assert!(ejection.failed(back));
        assert!(ejection.is_out(back + FIRST));
        assert!(!ejection.is_out(back + 2 * FIRST));
    }

    #[test]
    fn one_answer_makes_good_what_failed_before() {
        let (mut ejection, now) = (Ejection::default(), Instant::now());
        for _ in 0..3 {
            ejection.failed(now);
        }
        ejection.succeeded();
        assert!(!ejection.is_out(now));
        assert!(!ejection.failed(now));
    }

    #[test]
    fn no_ejection_lasts_for_ever() {
        let (mut ejection, mut now) = (Ejection::default(), Instant::now());
        for _ in 0..100 {
            ejection.failed(now);
            now += LONGEST;
            assert!(!ejection.is_out(now));
        }
    }
}
