//! The figures of a run, for people and for machines.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// The share of packets that no conferee may lose more of.
const LOSS_LIMIT: f64 = 0.001;
/// Above this share of late ticks the load maker was the one that failed.
const LATE_LIMIT: f64 = 0.001;

/// What a run showed.
#[derive(Debug, Clone, Serialize)]
pub struct LoadReport {
    /// The transport and shape: what was asked for.
    pub run: ClaimedRun,
    /// Calls that never got in, with the first reasons.
    pub failed: Vec<String>,
    /// From INVITE to 200, in ms.
    pub answer: SetUpFigures,
    /// From the last key to the first mixed audio, in ms.
    pub entry: SetUpFigures,
    /// Packets from the server that conferees missed in the steady window.
    pub loss: LossFigures,
    /// Who heard whom.
    pub hearing: HearingFigures,
    /// What the server cost; absent where its process was not named.
    pub server: Option<ServerFigures>,
    /// Share of the load maker's own ticks that were more than 5 ms late, over the whole run.
    pub late_tick_share: f64,
    /// The latest of them, in ms.
    pub latest_tick_ms: f64,
    /// Whether the load maker was so late that the run says nothing and must be thrown away.
    pub is_void: bool,
}

/// What was asked for, and came about.
#[derive(Debug, Clone, Serialize)]
pub struct ClaimedRun {
    /// Callers asked for.
    pub callers: usize,
    /// Callers who were in during the steady window.
    pub callers_in: usize,
    /// Rooms.
    pub rooms: usize,
    /// Talkers a room.
    pub talkers_per_room: usize,
    /// Calls a second.
    pub calls_per_second: f64,
    /// The steady window in seconds.
    pub seconds: f64,
}

/// Times of many callers, in ms.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct SetUpFigures {
    /// How many were measured.
    pub count: usize,
    /// Half took no longer.
    pub p50_ms: f64,
    /// 99 of 100 took no longer.
    pub p99_ms: f64,
    /// The longest.
    pub longest_ms: f64,
}

/// Packets that conferees missed.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct LossFigures {
    /// Packets that should have come, by the time that passed.
    pub expected: u64,
    /// Missing by sequence number or by time, whichever is more, of all.
    pub lost: u64,
    /// The largest share that one conferee lost.
    pub worst_share: f64,
    /// The share of conferees who lost more than 0.1 %.
    pub conferees_above_limit_share: f64,
    /// The longest time without a packet that one conferee had since it called, in ms, to 20 ms.
    pub longest_gap_ms: f64,
}

/// Who heard whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct HearingFigures {
    /// Conferees whose sound was looked at.
    pub listeners: usize,
    /// Pairs of listener and talker of its room that were looked at.
    pub pairs: usize,
    /// Talkers of the room who were not heard, over all listeners.
    pub missing: u32,
    /// Tones heard that should not be: of other rooms or one's own.
    pub ghosts: u32,
}

/// What the server's process cost.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct ServerFigures {
    /// CPU-µs for a participant in a second, over the steady window.
    pub cpu_us_per_participant_second: f64,
    /// The share of one core.
    pub cpu_share: f64,
    /// Resident memory before the first call, in octets.
    pub resident_before: u64,
    /// Resident memory in the steady window, in octets.
    pub resident: u64,
    /// The difference, for each participant, in octets.
    pub resident_per_participant: u64,
}

impl SetUpFigures {
    /// Of these times.
    #[must_use]
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let Some(&longest) = times.last() else {
            return Self::default();
        };
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        // The nearest rank: the smallest time that so many are not above.
        let rank = |share: f64| times[((times.len() as f64 * share).ceil() as usize).max(1) - 1];
        Self { count: times.len(), p50_ms: ms(rank(0.5)), p99_ms: ms(rank(0.99)), longest_ms: ms(longest) }
    }
}

/// What one conferee got in the steady window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) received: u64,
    pub(super) lost: u64,
    pub(super) elapsed: Duration,
    pub(super) longest_gap: Duration,
}

impl Share {
    /// Packets that should have come. One may be on its way at either end.
    fn expected(&self) -> u64 {
        (self.elapsed.as_millis() as u64 / 20).saturating_sub(1)
    }

    /// A server that falls silent loses nothing by sequence number; by the clock it does.
    fn missing(&self) -> u64 {
        self.lost.max(self.expected().saturating_sub(self.received))
    }

    fn lost_share(&self) -> f64 {
        self.missing() as f64 / self.expected().max(1) as f64
    }
}

impl LossFigures {
    pub(super) fn of(shares: &[Share]) -> Self {
        let above = shares.iter().filter(|share| share.lost_share() > LOSS_LIMIT).count();
        Self {
            expected: shares.iter().map(Share::expected).sum(),
            lost: shares.iter().map(Share::missing).sum(),
            worst_share: shares.iter().map(Share::lost_share).fold(0.0, f64::max),
            conferees_above_limit_share: above as f64 / shares.len().max(1) as f64,
            longest_gap_ms: shares.iter().map(|s| s.longest_gap).max().unwrap_or_default().as_secs_f64()
                * 1000.0,
        }
    }
}

/// Whether so many late ticks make a run void.
pub(crate) fn is_void(late_share: f64) -> bool {
    late_share > LATE_LIMIT
}

impl fmt::Display for SetUpFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count == 0 {
            return write!(f, "not measured");
        }
        write!(
            f,
            "p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms ({} calls)",
            self.p50_ms, self.p99_ms, self.longest_ms, self.count
        )
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (run, loss, hearing) = (&self.run, &self.loss, &self.hearing);
        writeln!(
            f,
            "{} of {} callers in {} rooms, {} talkers a room, {} calls/s, {:.0} s",
            run.callers_in, run.callers, run.rooms, run.talkers_per_room, run.calls_per_second, run.seconds
        )?;
        for reason in &self.failed {
            writeln!(f, "  failed: {reason}")?;
        }
        writeln!(f, "INVITE to 200:                 {}", self.answer)?;
        writeln!(f, "last key to first mixed audio: {}", self.entry)?;
        writeln!(
            f,
            "packets lost: {} of {}; worst conferee {:.3} %; {:.2} % of conferees above 0.1 %; longest gap {:.0} ms",
            loss.lost,
            loss.expected,
            loss.worst_share * 100.0,
            loss.conferees_above_limit_share * 100.0,
            loss.longest_gap_ms
        )?;
        writeln!(
            f,
            "who hears whom: {} listeners, {} pairs; {} not heard, {} heard that should not be",
            hearing.listeners, hearing.pairs, hearing.missing, hearing.ghosts
        )?;
        if let Some(server) = &self.server {
            writeln!(
                f,
                "server: {:.0} CPU-µs per participant-second ({:.1} % of a core); {:.1} MB resident, {:.1} kB per participant",
                server.cpu_us_per_participant_second,
                server.cpu_share * 100.0,
                server.resident as f64 / 1e6,
                server.resident_per_participant as f64 / 1e3
            )?;
        }
        writeln!(
            f,
            "load maker: {:.3} % of ticks over 5 ms late, the latest {:.1} ms",
            self.late_tick_share * 100.0,
            self.latest_tick_ms
        )?;
        if self.is_void {
            writeln!(
                f,
                "VOID: the load maker itself was late; throw this run away and use fewer callers or an idle machine"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(received: u64, lost: u64) -> Share {
        let elapsed = Duration::from_secs(20);
        Share { received, lost, elapsed, longest_gap: Duration::from_millis(40) }
    }

    #[test]
    fn who_gets_everything_loses_nothing() {
        let loss = LossFigures::of(&[share(1_000, 0), share(999, 0), share(1_001, 0)]);
        assert_eq!((loss.lost, loss.worst_share, loss.conferees_above_limit_share), (0, 0.0, 0.0));
    }

    #[test]
    fn loss_by_number_and_silence_by_the_clock_both_count() {
        let loss = LossFigures::of(&[share(1_000, 0), share(990, 10), share(0, 0), share(1_000, 1)]);
        assert_eq!(loss.lost, 10 + 999 + 1);
        assert!((loss.worst_share - 1.0).abs() < 1e-9);
        assert!((loss.conferees_above_limit_share - 0.75).abs() < 1e-9);
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let figures = SetUpFigures::of((1..=200).rev().map(Duration::from_millis).collect());
        assert_eq!((figures.p50_ms, figures.p99_ms, figures.longest_ms), (100.0, 198.0, 200.0));
        assert_eq!(SetUpFigures::of(vec![Duration::from_millis(7)]).p99_ms, 7.0);
        assert_eq!(SetUpFigures::of(Vec::new()).count, 0);
    }

    #[test]
    fn a_late_load_maker_voids_the_run() {
        assert!(!is_void(0.001));
        assert!(is_void(0.0011));
    }
}
