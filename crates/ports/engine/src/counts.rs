//! What the media threads count: written by one thread each, read by anybody.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use partyline_udp::IoKind;

/// Ticks are told by how late they began: up to these, each.
pub const LATENESS_STEPS: [Duration; 8] = [
    Duration::from_micros(100),
    Duration::from_micros(200),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_millis(2),
    LATE,
    Duration::from_millis(10),
    Duration::from_millis(20),
];

/// What the engine has done and how punctually.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EngineStats {
    /// Media threads.
    pub threads: usize,
    /// Those whose I/O goes by io_uring; that of the others goes by plain sockets.
    pub ring_threads: usize,
    /// Legs open now.
    pub legs: usize,
    /// Mixes open now.
    pub mixes: usize,
    /// Mixes that went from one thread to another, because there was more to do on the one.
    pub mixes_moved: u64,
    /// Phases ticked (four per 20 ms and thread that has legs).
    pub ticks: u64,
    /// Ticks that began over 5 ms late.
    pub late_ticks: u64,
    /// Ticks that began no later than each of [`LATENESS_STEPS`].
    pub ticks_within: [u64; LATENESS_STEPS.len()],
    /// The latest that a tick began.
    pub lateness_max: Duration,
    /// Frames passed over, per phase, because a thread was too late.
    pub frames_skipped: u64,
    /// How often the jitter buffer of a leg was looked at (every 5 s or so), and how deep it was, over all of these.
    pub depth_readings: u64,
    /// See `depth_readings`.
    pub depth_sum: Duration,
    /// Events that nobody took in time.
    pub events_dropped: u64,
    /// Commands and programs dropped because an inbox, mailbox or mix was full.
    pub commands_dropped: u64,
    /// Datagrams that the system did not take.
    pub sends_failed: u64,
    /// Errors told by a receive: chiefly that nobody listens at the far side.
    pub receives_failed: u64,
    /// Rings of io_uring that ceased to answer; their threads went on by plain sockets.
    pub rings_lost: u64,
    /// Panics of media threads; each has cost the legs of its thread.
    pub panics: u64,
}

/// The counters of one thread.
#[derive(Debug, Default)]
pub(crate) struct ThreadCounts {
    /// Legs given to this thread; what new ones are spread by.
    pub(crate) legs: AtomicUsize,
    mixes_moved: AtomicU64,
    ticks: AtomicU64,
    late_ticks: AtomicU64,
    /// Ticks up to each step, and over the step before it.
    ticks_by_step: [AtomicU64; LATENESS_STEPS.len()],
    lateness_max_nanos: AtomicU64,
    lateness_nanos: AtomicU64,
    frames_skipped: AtomicU64,
    depth_readings: AtomicU64,
    depth_nanos: AtomicU64,
    events_dropped: AtomicU64,
    commands_dropped: AtomicU64,
    sends_failed: AtomicU64,
    receives_failed: AtomicU64,
    rings_lost: AtomicU64,
    has_ring: AtomicBool,
    panics: AtomicU64,
    is_stopping: AtomicBool,
}

/// A tick that begins later than this is counted as late: the length of a phase.
pub(crate) const LATE: Duration = Duration::from_millis(5);

impl ThreadCounts {
    pub(crate) fn tick(&self, lateness: Duration, frames_skipped: u32) {
        add(&self.ticks, 1);
        if lateness > LATE {
            add(&self.late_ticks, 1);
        }
        if let Some(step) = LATENESS_STEPS.iter().position(|&step| lateness <= step) {
            add(&self.ticks_by_step[step], 1);
        }
        self.lateness_nanos.store(lateness.as_nanos() as u64, Ordering::Relaxed);
        self.lateness_max_nanos.fetch_max(lateness.as_nanos() as u64, Ordering::Relaxed);
        add(&self.frames_skipped, u64::from(frames_skipped));
    }

    /// No tick is due any more.
    pub(crate) fn rests(&self) {
        self.lateness_nanos.store(0, Ordering::Relaxed);
    }

    /// How late the last tick began; zero while none is due.
    pub(crate) fn lateness(&self) -> Duration {
        Duration::from_nanos(self.lateness_nanos.load(Ordering::Relaxed))
    }

    pub(crate) fn io(&self, counts: partyline_udp::IoCounts) {
        self.sends_failed.store(counts.sends_failed, Ordering::Relaxed);
        self.receives_failed.store(counts.receives_failed, Ordering::Relaxed);
        if counts.rings_lost > 0 && self.has_ring.swap(false, Ordering::Relaxed) {
            add(&self.rings_lost, 1);
        }
    }

    /// By what the thread does its I/O from now on.
    pub(crate) fn begins(&self, io: IoKind) {
        self.has_ring.store(io == IoKind::IoUring, Ordering::Relaxed);
    }

    /// A jitter buffer is so deep.
    pub(crate) fn depth(&self, depth: Duration) {
        add(&self.depth_readings, 1);
        add(&self.depth_nanos, depth.as_nanos() as u64);
    }

    pub(crate) fn events_dropped(&self, count: u64) {
        add(&self.events_dropped, count);
    }

    pub(crate) fn command_dropped(&self) {
        add(&self.commands_dropped, 1);
    }

    pub(crate) fn mix_moved(&self) {
        add(&self.mixes_moved, 1);
    }

    pub(crate) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    pub(crate) fn panicked(&self) {
        self.legs.store(0, Ordering::Relaxed);
        self.panics.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Acquire)
    }

    pub(crate) fn add_to(&self, stats: &mut EngineStats) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        stats.threads += 1;
        stats.ring_threads += usize::from(self.has_ring.load(Ordering::Relaxed));
        stats.mixes_moved += read(&self.mixes_moved);
        stats.ticks += read(&self.ticks);
        stats.late_ticks += read(&self.late_ticks);
        let mut within = 0;
        for (all, count) in stats.ticks_within.iter_mut().zip(&self.ticks_by_step) {
            within += read(count);
            *all += within;
        }
        stats.lateness_max = stats.lateness_max.max(Duration::from_nanos(read(&self.lateness_max_nanos)));
        stats.frames_skipped += read(&self.frames_skipped);
        stats.depth_readings += read(&self.depth_readings);
        stats.depth_sum += Duration::from_nanos(read(&self.depth_nanos));
        stats.events_dropped += read(&self.events_dropped);
        stats.commands_dropped += read(&self.commands_dropped);
        stats.sends_failed += read(&self.sends_failed);
        stats.receives_failed += read(&self.receives_failed);
        stats.rings_lost += read(&self.rings_lost);
        stats.panics += read(&self.panics);
    }
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

/// Takes one off, but never below zero: a panic may have set it back.
pub(crate) fn take_one(count: &AtomicUsize) {
    take(count, 1);
}

/// Takes so many off, but never below zero.
pub(crate) fn take(count: &AtomicUsize, less: usize) {
    let _ =
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |value| Some(value.saturating_sub(less)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_told_by_how_late_they_began() {
        let counts = ThreadCounts::default();
        for micros in [0, 100, 101, 900, 5_000, 5_001, 90_000] {
            counts.tick(Duration::from_micros(micros), 0);
        }
        let mut stats = EngineStats::default();
        counts.add_to(&mut stats);
        counts.add_to(&mut stats);
        assert_eq!((stats.ticks, stats.late_ticks), (14, 4));
        assert_eq!(stats.ticks_within, [2, 3, 3, 4, 4, 5, 6, 6].map(|ticks| ticks * 2));
    }
}
