//! Whether new calls are taken: not before others know of this VRU, not when it is being stopped, and not while more
//! come than can be served.
//!
//! What tells of too many is time, not numbers: how long an input waited for the endpoint, and how late tasks run. Both
//! count only while calls are being set up, as a machine that is slow for another reason is not made faster by
//! refusing callers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use partyline_sip::endpoint::Admission;
use tokio::sync::watch;

use super::now;

/// What may be late; half of it is left for the answer itself, of the 100 ms that a caller waits at most.
const LATE_MAX: Duration = Duration::from_millis(30);
/// Calls that are being set up, below which there is no overload: so many are served in time by a slow machine too.
const SETUPS_MIN: usize = 32;
/// How often lateness is measured.
const STEP: Duration = Duration::from_millis(5);

/// How late tasks run. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Lag {
    began: Instant,
    /// When the measurement in hand is due, and how late the last one was, both in microseconds.
    due_us: Arc<AtomicU64>,
    last_us: Arc<AtomicU64>,
}

impl Lag {
    pub(crate) fn new() -> Self {
        Self { began: now(), due_us: Arc::new(AtomicU64::new(u64::MAX)), last_us: Arc::default() }
    }

    /// Measures for as long as it runs.
    pub(crate) async fn measure(self) {
        loop {
            let due = now() + STEP;
            self.due_us.store(micros(due.saturating_duration_since(self.began)), Ordering::Relaxed);
            tokio::time::sleep_until(due.into()).await;
            self.last_us.store(micros(now().saturating_duration_since(due)), Ordering::Relaxed);
        }
    }

    /// How late tasks run now: as the last one did, or as the one in hand already is.
    fn at(&self, now: Instant) -> Duration {
        let since_began = micros(now.saturating_duration_since(self.began));
        let overdue = since_began.saturating_sub(self.due_us.load(Ordering::Relaxed));
        Duration::from_micros(overdue.max(self.last_us.load(Ordering::Relaxed)))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The gate.
#[derive(Debug)]
pub(crate) struct Gate {
    lease: watch::Receiver<bool>,
    is_known: bool,
    is_stopping: bool,
    lag: Lag,
}

impl Gate {
    pub(crate) const fn new(lease: watch::Receiver<bool>, lag: Lag) -> Self {
        Self { lease, is_known: false, is_stopping: false, lag }
    }

    /// The VRU is being stopped.
    pub(crate) const fn shut(&mut self) {
        self.is_stopping = true;
    }

    /// Whether a call is taken that waited this long, while so many are being set up.
    pub(crate) fn admission(&mut self, waited: Duration, setups: usize) -> Admission {
        // A lease that is lost later is no reason: callers' audio does not depend on it, and it comes back.
        self.is_known = self.is_known || *self.lease.borrow();
        if self.is_stopping || !self.is_known {
            return Admission::Closed;
        }
        let late = waited.max(self.lag.at(now()));
        if setups >= SETUPS_MIN && late > LATE_MAX { Admission::Busy } else { Admission::Open }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(is_held: bool) -> (Gate, watch::Sender<bool>) {
        let (lease, held) = watch::channel(is_held);
        (Gate::new(held, Lag::new()), lease)
    }

    #[test]
    fn nobody_is_let_in_before_the_lease_and_everybody_after_it_even_where_it_is_lost() {
        let (mut gate, lease) = gate(false);
        assert_eq!(gate.admission(Duration::ZERO, 0), Admission::Closed);
        lease.send_replace(true);
        assert_eq!(gate.admission(Duration::ZERO, 0), Admission::Open);
        lease.send_replace(false);
        assert_eq!(gate.admission(Duration::ZERO, 0), Admission::Open);
        gate.shut();
        assert_eq!(gate.admission(Duration::ZERO, 0), Admission::Closed);
    }

    #[test]
    fn who_waited_too_long_among_many_is_told_to_come_back_and_nobody_else() {
        let (mut gate, _lease) = gate(true);
        let late = LATE_MAX + Duration::from_millis(1);
        assert_eq!(gate.admission(late, SETUPS_MIN), Admission::Busy);
        assert_eq!(gate.admission(Duration::ZERO, SETUPS_MIN), Admission::Open, "the storm is over at once");
        assert_eq!(gate.admission(late, SETUPS_MIN - 1), Admission::Open, "a slow machine is no storm");
    }

    #[test]
    fn tasks_that_run_late_shut_the_gate_until_they_do_not() {
        let (mut gate, _lease) = gate(true);
        let now = now();
        gate.lag.due_us.store(0, Ordering::Relaxed);
        gate.lag.began = now.checked_sub(2 * LATE_MAX).unwrap_or(now);
        assert!(gate.lag.at(now) >= LATE_MAX, "a measurement that is overdue counts before it has ended");
        assert_eq!(gate.admission(Duration::ZERO, SETUPS_MIN), Admission::Busy);
        gate.lag.due_us.store(u64::MAX, Ordering::Relaxed);
        assert_eq!(gate.admission(Duration::ZERO, SETUPS_MIN), Admission::Open);
    }
}
