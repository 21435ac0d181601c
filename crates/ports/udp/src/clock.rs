//! Sleeping to absolute deadlines, so that lateness does not add up.

use std::time::Instant;

use rustix::thread::{ClockId, clock_nanosleep_absolute};
use rustix::time::{Timespec, clock_gettime};

/// The monotonic clock in both of its forms: the standard library's and the kernel's.
#[derive(Debug, Clone, Copy)]
pub struct MediaClock {
    base: Instant,
    base_time: Timespec,
}

impl MediaClock {
    /// A clock of this moment. Both readings are of the same kernel clock, microseconds apart.
    #[must_use]
    pub fn new() -> Self {
        Self { base: Instant::now(), base_time: clock_gettime(rustix::time::ClockId::Monotonic) }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// Sleeps until the deadline; returns at once if it has passed. A signal does not end the sleep early.
    pub fn sleep_until(&self, deadline: Instant) {
        let Some(from_base) = deadline.checked_duration_since(self.base) else {
            return;
        };
        let nanoseconds = self.base_time.tv_nsec + i64::from(from_base.subsec_nanos());
        let time = Timespec {
            tv_sec: self.base_time.tv_sec + from_base.as_secs().cast_signed() + nanoseconds / 1_000_000_000,
            tv_nsec: nanoseconds % 1_000_000_000,
        };
        while clock_nanosleep_absolute(ClockId::Monotonic, &time) == Err(rustix::io::Errno::INTR) {}
    }
}

impl Default for MediaClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn nobody_wakes_before_the_deadline() {
        let clock = MediaClock::new();
        for milliseconds in [0, 1, 5] {
            let deadline = clock.now() + Duration::from_millis(milliseconds);
            clock.sleep_until(deadline);
            assert!(clock.now() + Duration::from_micros(50) >= deadline);
        }
    }

    #[test]
    fn a_deadline_that_has_passed_is_no_sleep() {
        let start = Instant::now();
        let clock = MediaClock::new();
        clock.sleep_until(start);
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}
