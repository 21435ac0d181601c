//! How many calls a trunk may have, and how fast they may come.

use std::time::{Duration, Instant};

use crate::trunk::Trunk;

/// Why a trunk takes no call now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// As many as allowed are up.
    Calls,
    /// They come too fast.
    Rate,
}

impl Limit {
    /// The word in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Calls => "calls_max",
            Self::Rate => "calls_per_second_max",
        }
    }
}

/// A bucket of as many calls as a second may bring, filled evenly.
#[derive(Debug, Clone, Copy)]
pub struct RateLimit {
    /// Calls that may come at once, in billionths.
    level: u64,
    filled_at: Option<Instant>,
}

/// One call.
const CALL: u64 = 1_000_000_000;

impl Default for RateLimit {
    fn default() -> Self {
        Self::new()
    }
}

impl RateLimit {
    /// A full bucket.
    #[must_use]
    pub const fn new() -> Self {
        Self { level: 0, filled_at: None }
    }

    /// Takes a call's place; whether there was one.
    pub fn take(&mut self, now: Instant, per_second: u32) -> bool {
        let full = u64::from(per_second.max(1)) * CALL;
        let since = self.filled_at.map_or(Duration::from_secs(1), |at| now.saturating_duration_since(at));
        let nanos = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        let gained = nanos.saturating_mul(u64::from(per_second.max(1)));
        self.level = self.level.saturating_add(gained).min(full);
        self.filled_at = Some(now);
        if self.level < CALL {
            return false;
        }
        self.level -= CALL;
        true
    }
}

impl Trunk {
    /// Whether another call may begin, beside so many that are up.
    ///
    /// # Errors
    /// [`Limit`] where not.
    pub fn takes_call(&self, now: Instant, calls: usize, rate: &mut RateLimit) -> Result<(), Limit> {
        if self.calls_max.is_some_and(|most| calls >= most as usize) {
            return Err(Limit::Calls);
        }
        match self.calls_per_second_max {
            Some(per_second) if !rate.take(now, per_second) => Err(Limit::Rate),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_calls_as_allowed_come_in_each_second_and_not_one_more() {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary start for virtual time")]
        let start = Instant::now();
        let mut rate = RateLimit::new();
        let taken = |rate: &mut RateLimit, now| (0..100).filter(|_| rate.take(now, 5)).count();
        assert_eq!(taken(&mut rate, start), 5);
        assert_eq!(taken(&mut rate, start + Duration::from_millis(100)), 0);
        assert_eq!(taken(&mut rate, start + Duration::from_millis(200)), 1);
        assert_eq!(taken(&mut rate, start + Duration::from_secs(60)), 5);
    }
}
