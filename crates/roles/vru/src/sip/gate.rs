//! Whether new calls are taken: not before others know of this VRU, not when it is being stopped, and not while more
//! come than can be served.
//!
//! What tells of too many is time, not numbers: how long an input waited for the endpoint, how late tasks run, how long
//! the oldest call waits for its answer and a new one would, and how late the media threads are. It counts only while calls are being set
//! up, as a machine that is slow for another reason is not made faster by refusing callers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use partyline_engine::Engine;
use partyline_sip::endpoint::Admission;
use tokio::sync::watch;

use super::setups::Rush;
use crate::clock::now;

/// What may be late; half of it is left for the answer itself, of the 100 ms that a caller waits at most.
const LATE_MAX: Duration = Duration::from_millis(30);
/// Calls that are being set up, below which there is no overload: so many are served in time by a slow machine too.
const SETUPS_MIN: usize = 32;
/// A call that waits longer for its answer than any lookup takes waits for the machine.
const ANSWER_LATE_MAX: Duration = Duration::from_millis(60);
/// A call that will wait longer than this for its answer is not taken: the rest is for what can't be foreseen.
const WAIT_MAX: Duration = Duration::from_millis(40);
/// Media threads that are later than this will soon miss a frame of who talks already.
const MEDIA_LATE_MAX: Duration = Duration::from_millis(10);
/// So much of a late tick is left at the next measurement: a tenth of a second of it counts.
const MEDIA_FADE: (u64, u64) = (31, 32);
/// How often lateness is measured.
const STEP: Duration = Duration::from_millis(5);

/// How late tasks run. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Lag {
    began: Instant,
    /// When the measurement in hand is due, and how late the last one was, both in microseconds.
    due_us: Arc<AtomicU64>,
    last_us: Arc<AtomicU64>,
    /// How late media ticks were of late.
    media_us: Arc<AtomicU64>,
}

impl Lag {
    pub(crate) fn new() -> Self {
        Self {
            began: now(),
            due_us: Arc::new(AtomicU64::new(u64::MAX)),
            last_us: Arc::default(),
            media_us: Arc::default(),
        }
    }

    /// Measures for as long as it runs.
    pub(crate) async fn measure(self, engine: Engine) {
        loop {
            let due = now() + STEP;
            self.due_us.store(micros(due.saturating_duration_since(self.began)), Ordering::Relaxed);
            tokio::time::sleep_until(due.into()).await;
            self.last_us.store(micros(now().saturating_duration_since(due)), Ordering::Relaxed);
            self.media_was(engine.lateness());
        }
    }

    /// A late tick counts for a while, as the next one may be on time by luck.
    fn media_was(&self, lateness: Duration) {
        let faded = self.media_us.load(Ordering::Relaxed) * MEDIA_FADE.0 / MEDIA_FADE.1;
        self.media_us.store(micros(lateness).max(faded), Ordering::Relaxed);
    }

    fn media(&self) -> Duration {
        Duration::from_micros(self.media_us.load(Ordering::Relaxed))
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

    /// Whether a call is taken that waited this long, while others are being set up.
    pub(crate) fn admission(&mut self, waited: Duration, rush: Rush) -> Admission {
        // A lease that is lost later is no reason: callers' audio does not depend on it, and it comes back.
        self.is_known = self.is_known || *self.lease.borrow();
        if self.is_stopping || !self.is_known {
            return Admission::Closed;
        }
        let late = waited.max(self.lag.at(now()));
        let is_late = late > LATE_MAX || rush.oldest > ANSWER_LATE_MAX;
        let is_media_late = self.lag.media() > MEDIA_LATE_MAX;
        let is_long = rush.wait > WAIT_MAX;
        if is_long || rush.waiting >= SETUPS_MIN && is_late || rush.lately >= SETUPS_MIN && is_media_late {
            Admission::Busy
        } else {
            Admission::Open
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rush(waiting: usize) -> Rush {
        Rush { waiting, lately: waiting, ..Rush::default() }
    }

    fn gate(is_held: bool) -> (Gate, watch::Sender<bool>) {
        let (lease, held) = watch::channel(is_held);
        (Gate::new(held, Lag::new()), lease)
    }

    #[test]
    fn nobody_is_let_in_before_the_lease_and_everybody_after_it_even_where_it_is_lost() {
        let (mut gate, lease) = gate(false);
        assert_eq!(gate.admission(Duration::ZERO, rush(0)), Admission::Closed);
        lease.send_replace(true);
        assert_eq!(gate.admission(Duration::ZERO, rush(0)), Admission::Open);
        lease.send_replace(false);
        assert_eq!(gate.admission(Duration::ZERO, rush(0)), Admission::Open);
        gate.shut();
        assert_eq!(gate.admission(Duration::ZERO, rush(0)), Admission::Closed);
    }

    #[test]
    fn who_waited_too_long_among_many_is_told_to_come_back_and_nobody_else() {
        let (mut gate, _lease) = gate(true);
        let late = LATE_MAX + Duration::from_millis(1);
        assert_eq!(gate.admission(late, rush(SETUPS_MIN)), Admission::Busy);
        assert_eq!(
            gate.admission(Duration::ZERO, rush(SETUPS_MIN)),
            Admission::Open,
            "the storm is over at once"
        );
        assert_eq!(gate.admission(late, rush(SETUPS_MIN - 1)), Admission::Open, "a slow machine is no storm");
    }

    #[test]
    fn calls_that_wait_long_for_their_answer_keep_new_ones_out() {
        let (mut gate, _lease) = gate(true);
        let oldest = ANSWER_LATE_MAX + Duration::from_millis(1);
        assert_eq!(gate.admission(Duration::ZERO, Rush { oldest, ..rush(SETUPS_MIN) }), Admission::Busy);
        assert_eq!(gate.admission(Duration::ZERO, Rush { oldest, ..rush(SETUPS_MIN - 1) }), Admission::Open);
    }

    #[test]
    fn who_would_wait_too_long_for_those_before_them_is_told_to_come_back() {
        let (mut gate, _lease) = gate(true);
        let wait = WAIT_MAX + Duration::from_millis(1);
        assert_eq!(gate.admission(Duration::ZERO, Rush { wait, ..rush(10) }), Admission::Busy);
        assert_eq!(gate.admission(Duration::ZERO, Rush { wait: WAIT_MAX, ..rush(10) }), Admission::Open);
    }

    #[test]
    fn late_media_keeps_new_calls_out_for_a_while_and_only_where_many_come() {
        let (mut gate, _lease) = gate(true);
        let many = Rush { lately: SETUPS_MIN, ..Rush::default() };
        gate.lag.media_was(2 * MEDIA_LATE_MAX);
        assert_eq!(gate.admission(Duration::ZERO, many), Admission::Busy);
        assert_eq!(gate.admission(Duration::ZERO, Rush::default()), Admission::Open);
        gate.lag.media_was(Duration::ZERO);
        assert_eq!(gate.admission(Duration::ZERO, many), Admission::Busy, "one tick on time is luck");
        (0..100).for_each(|_| gate.lag.media_was(Duration::ZERO));
        assert_eq!(gate.admission(Duration::ZERO, many), Admission::Open);
    }

    #[test]
    fn tasks_that_run_late_shut_the_gate_until_they_do_not() {
        let (mut gate, _lease) = gate(true);
        let now = now();
        gate.lag.due_us.store(0, Ordering::Relaxed);
        gate.lag.began = now.checked_sub(2 * LATE_MAX).unwrap_or(now);
        assert!(gate.lag.at(now) >= LATE_MAX, "a measurement that is overdue counts before it has ended");
        assert_eq!(gate.admission(Duration::ZERO, rush(SETUPS_MIN)), Admission::Busy);
        gate.lag.due_us.store(u64::MAX, Ordering::Relaxed);
        assert_eq!(gate.admission(Duration::ZERO, rush(SETUPS_MIN)), Admission::Open);
    }
}
