//! What happens to packets on their way: which are lost, and how much later than the fastest the others come.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// A way for packets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Path {
    /// Packets that are lost, of 100.
    pub loss_percent: f64,
    /// How many are lost in a row, in the mean; 1 is at random.
    pub burst: f64,
    /// The most that a packet comes later than the fastest one; each by chance, evenly.
    pub jitter_ms: u32,
    /// By how many millionths the sender's clock is too fast.
    pub drift_ppm: i32,
    /// Once nothing comes for so long; then all that was sent in the meantime comes at once.
    pub stall_ms: u32,
}

/// When the way is blocked, if it is: in the midst of a word.
pub const STALL_AT: Duration = Duration::from_millis(9_300);

impl Path {
    /// A way that does nothing to anybody.
    pub const CLEAN: Self = Self { loss_percent: 0.0, burst: 1.0, jitter_ms: 0, drift_ppm: 0, stall_ms: 0 };
}

/// The way as the packets of one trial find it.
#[derive(Debug)]
pub struct Journey {
    path: Path,
    chance: ChaCha8Rng,
    is_in_burst: bool,
}

impl Journey {
    /// The same packets of the same seed meet with the same.
    #[must_use]
    pub fn new(path: Path, seed: u64) -> Self {
        Self { path, chance: ChaCha8Rng::seed_from_u64(seed), is_in_burst: false }
    }

    /// How much later than sent the next packet comes; `None` where it is lost.
    pub fn fate(&mut self) -> Option<Duration> {
        let jitter = self.chance.random_range(0.0..=f64::from(self.path.jitter_ms) / 1_000.0);
        let lost = self.path.loss_percent / 100.0;
        // Gilbert's two states: a burst ends with the chance that makes it so long in the mean, and begins so seldom that
        // the share of the lost is what is wanted. With a length of 1/(1 − lost) each packet's fate is its own.
        let length = if self.path.burst > 1.0 { self.path.burst } else { 1.0 / (1.0 - lost) };
        let ends = 1.0 / length;
        let begins = ends * lost / (1.0 - lost);
        let chance = if self.is_in_burst { 1.0 - ends } else { begins };
        self.is_in_burst = self.chance.random_bool(chance.clamp(0.0, 1.0));
        (!self.is_in_burst).then(|| Duration::from_secs_f64(jitter))
    }

    /// When a packet that would come at some time comes, where the way is blocked for a while.
    #[must_use]
    pub fn unblocked(&self, at: Duration) -> Duration {
        let end = STALL_AT + Duration::from_millis(u64::from(self.path.stall_ms));
        if (STALL_AT..end).contains(&at) { end } else { at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKETS: usize = 200_000;

    fn fates(path: Path) -> Vec<Option<Duration>> {
        let mut journey = Journey::new(path, 7);
        (0..PACKETS).map(|_| journey.fate()).collect()
    }

    #[test]
    fn so_many_are_lost_in_runs_of_that_length() {
        for (loss_percent, burst, length) in
            [(3.0, 1.0, 1.03), (10.0, 1.0, 1.11), (3.0, 3.0, 3.0), (10.0, 3.0, 3.0)]
        {
            let fates = fates(Path { loss_percent, burst, ..Path::CLEAN });
            let lost = fates.iter().filter(|fate| fate.is_none()).count() as f64;
            let runs = fates.windows(2).filter(|pair| pair[0].is_some() && pair[1].is_none()).count() as f64;
            assert!((lost / PACKETS as f64 * 100.0 - loss_percent).abs() < loss_percent / 10.0, "{lost}");
            assert!((lost / runs - length).abs() < 0.15, "{}", lost / runs);
        }
    }

    #[test]
    fn delays_are_spread_evenly_up_to_the_most() {
        let delays = fates(Path { jitter_ms: 40, ..Path::CLEAN });
        let mean = delays.iter().map(|delay| delay.unwrap().as_secs_f64()).sum::<f64>() / PACKETS as f64;
        assert!((mean - 0.020).abs() < 0.0005, "{mean}");
        assert!(delays.iter().all(|delay| delay.unwrap() <= Duration::from_millis(40)));
    }
}
