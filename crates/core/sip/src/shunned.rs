//! Targets that did not work lately, and so are tried last ([RFC 3263 §4.3]).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::interface::Target;

/// How long a target that failed is passed over where there are others: long enough for a restart, short enough that
/// load comes back soon.
const SHUN_TIME: Duration = Duration::from_secs(60);
/// The longest that a target's own Retry-After is followed for.
const SHUN_MAX: Duration = Duration::from_secs(600);
/// Most targets that are remembered; the one that is soonest taken back makes room.
const SHUNNED_MAX: usize = 256;

/// The targets that failed, and until when they are passed over.
#[derive(Debug, Default)]
pub(crate) struct Shunned {
    until: BTreeMap<Target, Instant>,
}

impl Shunned {
    /// A target failed; `wait` is for how long it wants to be left alone, if it said so.
    pub(crate) fn add(&mut self, now: Instant, target: Target, wait: Option<Duration>) {
        self.until.retain(|_, until| *until > now);
        if self.until.len() >= SHUNNED_MAX && !self.until.contains_key(&target) {
            let soonest = self.until.iter().min_by_key(|(_, until)| **until).map(|(target, _)| *target);
            soonest.and_then(|soonest| self.until.remove(&soonest));
        }
        let until = now + wait.unwrap_or(SHUN_TIME).clamp(Duration::from_secs(1), SHUN_MAX);
        let kept = self.until.entry(target).or_insert(until);
        *kept = until.max(*kept);
    }

    pub(crate) fn count(&self) -> usize {
        self.until.len()
    }

    /// A target works again.
    pub(crate) fn remove(&mut self, target: Target) {
        self.until.remove(&target);
    }

    pub(crate) fn holds(&self, now: Instant, target: Target) -> bool {
        self.until.get(&target).is_some_and(|until| *until > now)
    }

    /// The same targets, those that failed lately behind the others.
    pub(crate) fn last(&self, now: Instant, targets: impl IntoIterator<Item = Target>) -> Vec<Target> {
        let (bad, mut good): (Vec<_>, Vec<_>) =
            targets.into_iter().partition(|target| self.holds(now, *target));
        good.extend(bad);
        good
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::TransportKind;

    fn target(number: u16) -> Target {
        Target { transport: TransportKind::Udp, remote: ([192, 0, 2, 1], number).into() }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a beginning of virtual time; no other clock is read")]
    fn who_failed_is_last_for_a_while_and_few_are_remembered() {
        let mut shunned = Shunned::default();
        let now = Instant::now();
        shunned.add(now, target(1), None);
        shunned.add(now, target(2), Some(Duration::from_secs(9_999)));
        let all = [target(1), target(2), target(3)];
        assert_eq!(shunned.last(now, all), [target(3), target(1), target(2)]);
        assert_eq!(shunned.last(now + SHUN_TIME, all), [target(1), target(3), target(2)]);
        assert_eq!(shunned.last(now + SHUN_MAX, all), all);
        shunned.remove(target(1));
        assert!(!shunned.holds(now, target(1)));
        (0..2_000).for_each(|number| shunned.add(now, target(number), None));
        assert_eq!(shunned.until.len(), SHUNNED_MAX);
        assert!(shunned.holds(now, target(2)), "it asked for the longest time");
    }
}
