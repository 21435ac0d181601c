//! Whether what this interface server reads and writes may be judged by: reads stay well while writes stall, and then
//! every lease stands still and no caller's word gets into the store.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use partyline_conference::rules::JOIN_MAX;
use partyline_store::StoreError;

/// A renewal of one's own that is no older says that the store takes writes. Renewals come each second; shorter makes a
/// busy store look stalled, and longer must stay far under a lease's term.
const FRESH_MAX: Duration = Duration::from_secs(2);
/// The longest pause of a VRU before it attends again: only then has it said anew what could not be written.
const ATTEND_PAUSE_MAX: Duration = Duration::from_secs(4);
/// After a trouble, deadlines are not judged for this long: whoever is well has said so by then.
const RECOVERY: Duration = JOIN_MAX.saturating_add(ATTEND_PAUSE_MAX);

/// How the store has fared, as this interface server saw it.
pub(crate) struct Health(Mutex<Seen>);

struct Seen {
    renewed_at: Instant,
    troubled_at: Option<Instant>,
}

impl Health {
    /// Well so far.
    pub(crate) fn new(now: Instant) -> Self {
        Self(Mutex::new(Seen { renewed_at: now, troubled_at: None }))
    }

    /// This interface server's own lease was renewed: the store takes writes.
    pub(crate) fn renewed(&self, now: Instant) {
        let mut seen = self.0.lock();
        if now.saturating_duration_since(seen.renewed_at) >= FRESH_MAX {
            seen.troubled_at = Some(now);
        }
        seen.renewed_at = now;
    }

    /// The store was asked in vain. What it refuses for good reason is no trouble.
    pub(crate) fn failed(&self, now: Instant, error: &StoreError) {
        match error {
            StoreError::Unavailable(_) | StoreError::Damaged(_) => self.0.lock().troubled_at = Some(now),
            StoreError::Unknown(_) | StoreError::Taken(_) => {}
        }
    }

    /// Whether others' leases may be judged: who can write renews theirs.
    pub(crate) fn takes_writes(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.0.lock().renewed_at) < FRESH_MAX
    }

    /// Whether deadlines may be judged: nobody was kept from saying that they are well.
    pub(crate) fn may_judge_deadlines(&self, now: Instant) -> bool {
        let troubled_at = self.0.lock().troubled_at;
        let has_recovered = troubled_at.is_none_or(|at| now.saturating_duration_since(at) >= RECOVERY);
        has_recovered && self.takes_writes(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_store_that_takes_no_renewal_for_long_is_not_judged_by() {
        let start = Instant::now();
        let health = Health::new(start);
        assert!(health.takes_writes(start + SECOND));
        assert!(!health.takes_writes(start + FRESH_MAX));
        health.renewed(start + 5 * SECOND);
        assert!(health.takes_writes(start + 6 * SECOND));
    }

    #[test]
    fn deadlines_wait_after_a_missed_renewal_until_all_could_say_that_they_are_well() {
        let start = Instant::now();
        let health = Health::new(start);
        health.renewed(start + SECOND);
        assert!(health.may_judge_deadlines(start + SECOND));
        let back = start + 6 * SECOND;
        assert!(!health.may_judge_deadlines(back));
        health.renewed(back);
        assert!(!health.may_judge_deadlines(back));
        for second in 1..=9 {
            health.renewed(back + second * SECOND);
        }
        assert!(!health.may_judge_deadlines(back + RECOVERY - Duration::from_millis(1)));
        assert!(health.may_judge_deadlines(back + RECOVERY));
    }

    #[test]
    fn deadlines_wait_after_a_store_error_but_not_after_a_refusal() {
        let now = Instant::now();
        let health = Health::new(now);
        health.failed(now, &StoreError::Taken("code"));
        assert!(health.may_judge_deadlines(now));
        health.failed(now, &StoreError::Unavailable("busy".to_owned()));
        assert!(!health.may_judge_deadlines(now));
    }
}
