//! When a caller's packets leave: by a clock that may be off, and some of them late.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// A million millionths of a packet are a packet.
const PACKET_MILLIONTHS: i64 = 1_000_000;
/// No packet waits for longer than this many others.
const LATE_MAX: u32 = 2;

/// How a caller's packets leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gait {
    /// By how many millionths the caller's clock is too fast. It is off by whole packets: at 100 there is one more every 200 s.
    pub drift_ppm: i32,
    /// How many packets of a hundred leave with the next one, 20 ms late; some of these another 20 ms.
    pub late_percent: u32,
}

/// The pace of one caller.
#[derive(Debug)]
pub(crate) struct Pace {
    gait: Gait,
    random: StdRng,
    drifted_millionths: i64,
    /// Packets that should have left by now.
    owed: u32,
}

impl Pace {
    pub(crate) fn new(gait: Gait, seed: u64) -> Self {
        Self { gait, random: StdRng::seed_from_u64(seed), drifted_millionths: 0, owed: 0 }
    }

    /// How many packets leave in the 20 ms that are due.
    pub(crate) fn packets(&mut self) -> u32 {
        if self.gait == Gait::default() {
            return 1;
        }
        self.owed += 1;
        self.drifted_millionths += i64::from(self.gait.drift_ppm);
        if self.drifted_millionths >= PACKET_MILLIONTHS {
            self.drifted_millionths -= PACKET_MILLIONTHS;
            self.owed += 1;
        } else if self.drifted_millionths <= -PACKET_MILLIONTHS {
            self.drifted_millionths += PACKET_MILLIONTHS;
            self.owed -= 1;
        }
        if self.owed <= LATE_MAX && self.random.random_range(0..100) < self.gait.late_percent {
            return 0;
        }
        std::mem::take(&mut self.owed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paces(gait: Gait, ticks: usize) -> Vec<u32> {
        let mut pace = Pace::new(gait, 1);
        std::iter::repeat_with(|| pace.packets()).take(ticks).collect()
    }

    #[test]
    fn who_has_a_right_clock_sends_one_packet_at_a_time() {
        assert!(paces(Gait::default(), 1_000).iter().all(|&packets| packets == 1));
    }

    #[test]
    fn a_clock_that_is_off_has_a_packet_more_or_less_every_so_often() {
        for (drift_ppm, expected) in [(100, 100_010), (-100, 99_990), (200, 100_020)] {
            let paces = paces(Gait { drift_ppm, late_percent: 0 }, 100_000);
            assert_eq!(paces.iter().sum::<u32>(), expected, "{drift_ppm}");
            assert!(paces.iter().all(|&packets| packets <= 2));
        }
    }

    #[test]
    fn late_packets_leave_with_the_next_and_none_is_lost() {
        let paces = paces(Gait { drift_ppm: 0, late_percent: 10 }, 10_000);
        let late = paces.iter().filter(|&&packets| packets == 0).count();
        assert!((800..1_200).contains(&late), "{late}");
        assert!(paces.iter().sum::<u32>() >= 9_998 && paces.iter().all(|&packets| packets <= LATE_MAX + 1));
    }
}
