//! The loop of a media thread: sleep to the next phase, take commands, tick.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use partyline_media::FRAME;
use partyline_udp::{IoKind, MediaClock, MediaIo, PlainIo, RingIo};

use crate::counts::ThreadCounts;
use crate::link::{Command, ThreadLink};
use crate::reaper::Reaper;
use crate::types::Scheduling;
use crate::world::{PHASES, World};

/// How long a phase is.
const PHASE: Duration = Duration::from_millis(5);
/// Most commands that wait for a thread, and that are taken before one phase.
const MAILBOX_MAX: usize = 1_024;

/// Starts so many threads, which do their I/O by this and give closed legs to the reaper.
pub(crate) fn start(
    count: usize,
    cores: &[usize],
    scheduling: Scheduling,
    io: IoKind,
    reaper: &Reaper,
) -> io::Result<Vec<ThreadLink>> {
    let (links, mailboxes): (Vec<_>, Vec<_>) = (0..count)
        .map(|_| {
            let (mailbox, receiver) = sync_channel(MAILBOX_MAX);
            (ThreadLink { mailbox, counts: Arc::default() }, receiver)
        })
        .unzip();
    for (index, mailbox) in mailboxes.into_iter().enumerate() {
        let core = (scheduling.pins && count == cores.len()).then(|| cores[index]);
        let (thread_links, counts, reaper) =
            (links.clone(), Arc::clone(&links[index].counts), reaper.clone());
        let spawned = std::thread::Builder::new().name(format!("media-{index}")).spawn(move || {
            settle(core, scheduling.priority);
            run(io, &mailbox, &Place { index, links: &thread_links, counts: &counts, reaper: &reaper });
        });
        if let Err(error) = spawned {
            links.iter().for_each(|link| link.counts.stop());
            links.iter().for_each(|link| drop(link.mailbox.try_send(Command::Stop)));
            return Err(error);
        }
    }
    Ok(links)
}

fn settle(core: Option<usize>, priority: Option<u8>) {
    if let Some(core) = core
        && let Err(error) = partyline_udp::pin_this_thread(core)
    {
        tracing::warn!(core, %error, "a media thread could not be kept on its core");
    }
    if let Some(priority) = priority
        && let Err(error) = partyline_udp::raise_this_thread(priority)
    {
        tracing::warn!(priority, %error, "no real-time priority: audio may be late when the machine is busy");
    }
}

/// What the world of a thread is given.
#[derive(Clone, Copy)]
struct Place<'a> {
    index: usize,
    links: &'a [ThreadLink],
    counts: &'a ThreadCounts,
    reaper: &'a Reaper,
}

/// Runs until the engine is gone. A panic costs the legs of this thread, and is told; the thread goes on.
fn run(io: IoKind, mailbox: &Receiver<Command>, place: &Place<'_>) {
    loop {
        let has_ended = match ring(io, place.index) {
            Some(ring) => {
                place.counts.begins(IoKind::IoUring);
                run_world(ring, mailbox, place)
            }
            None => {
                place.counts.begins(IoKind::Plain);
                run_world(PlainIo::new(), mailbox, place)
            }
        };
        if has_ended {
            return;
        }
        place.counts.panicked();
        tracing::error!(thread = place.index, "a media thread panicked; its legs and mixes are lost");
    }
}

/// The ring of this thread, where it is to have one: a probe has shown that it can be had, so that only a lack of memory
/// or descriptors is against it now, and audio comes first.
fn ring(io: IoKind, index: usize) -> Option<RingIo> {
    if io == IoKind::Plain {
        return None;
    }
    RingIo::new()
        .inspect_err(
            |error| tracing::warn!(thread = index, %error, "a media thread without io_uring: by plain sockets"),
        )
        .ok()
}

/// Runs a world until the engine is gone; `false` where it panicked.
fn run_world<Io: MediaIo>(io: Io, mailbox: &Receiver<Command>, place: &Place<'_>) -> bool {
    let Place { index, links, counts, reaper } = *place;
    let run = AssertUnwindSafe(|| {
        let mut world = World::new(index, links, counts, reaper, io);
        while world.is_empty() && !counts.is_stopping() || run_awake(&mut world, mailbox, counts) {
            let Ok(command) = mailbox.recv() else {
                return;
            };
            world.command(command);
        }
    });
    catch_unwind(run).is_ok()
}

/// Ticks while there are legs; whether the thread goes on after that.
fn run_awake<Io: MediaIo>(
    world: &mut World<'_, Io>,
    mailbox: &Receiver<Command>,
    counts: &ThreadCounts,
) -> bool {
    let clock = MediaClock::new();
    let mut schedule = Schedule::new(clock.now());
    while !world.is_empty() {
        if counts.is_stopping() {
            return false;
        }
        clock.sleep_until(schedule.deadline);
        let now = clock.now();
        mailbox.try_iter().take(MAILBOX_MAX).for_each(|command| world.command(command));
        let due = schedule.next(now);
        counts.tick(due.lateness, due.frames_missed);
        world.tick(now, due.phase, due.frames_missed);
    }
    counts.rests();
    !counts.is_stopping()
}

/// When which phase is due. Deadlines are added up from the first one, so that lateness does not.
#[derive(Debug)]
struct Schedule {
    deadline: Instant,
    phase: usize,
    /// Frames that each phase has still to pass over.
    missed: [u32; PHASES],
}

/// A phase to be ticked.
#[derive(Debug, PartialEq, Eq)]
struct Due {
    phase: usize,
    frames_missed: u32,
    lateness: Duration,
}

impl Schedule {
    const fn new(start: Instant) -> Self {
        Self { deadline: start, phase: 0, missed: [0; PHASES] }
    }

    /// The phase that is due now. Where a frame or more was missed, it is passed over by all phases.
    fn next(&mut self, now: Instant) -> Due {
        let lateness = now.saturating_duration_since(self.deadline);
        let frames = u32::try_from(lateness.as_nanos() / FRAME.as_nanos()).unwrap_or(u32::MAX);
        for missed in &mut self.missed {
            *missed = missed.saturating_add(frames);
        }
        let phase = self.phase;
        self.phase = (phase + 1) % PHASES;
        self.deadline += FRAME * frames + PHASE;
        Due { phase, frames_missed: std::mem::take(&mut self.missed[phase]), lateness }
    }
}

#[cfg(test)]
mod tests {
    use partyline_media::Treatment;
    use partyline_udp::IoCounts;

    use super::*;
    use crate::counts::EngineStats;
    use crate::home::{MixHome, MixPlace};
    use crate::types::MixKey;

    #[test]
    fn phases_follow_each_other_every_five_milliseconds() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start);
        for step in 0..10 {
            assert_eq!(schedule.deadline, start + PHASE * step);
            let due = schedule.next(start + PHASE * step);
            assert_eq!(
                due,
                Due { phase: step as usize % PHASES, frames_missed: 0, lateness: Duration::ZERO }
            );
        }
    }

    #[test]
    fn a_little_late_is_caught_up_without_missing_anything() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start);
        let late = start + Duration::from_millis(14);
        let phases: Vec<_> =
            (0..3).map(|_| schedule.next(late)).map(|due| (due.phase, due.frames_missed)).collect();
        assert_eq!(phases, [(0, 0), (1, 0), (2, 0)]);
        assert_eq!(schedule.deadline, start + PHASE * 3);
    }

    #[test]
    fn very_late_passes_over_frames_in_every_phase_and_sends_each_once() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start);
        let late = start + Duration::from_millis(61);
        let dues: Vec<_> = (0..5).map(|_| schedule.next(late)).collect();
        assert_eq!(dues.iter().map(|due| due.phase).collect::<Vec<_>>(), [0, 1, 2, 3, 0]);
        assert_eq!(dues.iter().map(|due| due.frames_missed).collect::<Vec<_>>(), [3, 3, 3, 3, 0]);
        assert!(schedule.deadline > late);
    }

    #[test]
    fn a_machine_that_slept_for_a_year_goes_on_with_the_next_frame() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start);
        let year = start + Duration::from_secs(365 * 24 * 3_600);
        assert_eq!(schedule.next(year).frames_missed, 365 * 24 * 3_600 * 50);
        assert_eq!(schedule.deadline, year + PHASE);
    }

    #[test]
    fn a_thread_that_panics_counts_it_and_goes_on_by_the_same_io() {
        for io in IoKind::ALL {
            if io == IoKind::IoUring && partyline_udp::probe_ring().is_err() {
                continue;
            }
            let (reaper, _closed) = crate::reaper::channel();
            let links = start(1, &[], Scheduling { pins: false, priority: None }, io, &reaper).unwrap();
            let link = &links[0];
            let home = MixHome::new(MixPlace { thread: 0, panics: 0 });
            for panics in 1..=3 {
                link.mailbox.send(Command::OpenMix(MixKey(1), 1, Treatment::FULL, home.clone())).unwrap();
                link.mailbox.send(Command::Panic).unwrap();
                while link.counts.panics() < panics {
                    std::thread::yield_now();
                }
            }
            link.counts.stop();
            link.mailbox.send(Command::Stop).unwrap();
            while link.mailbox.send(Command::Stop).is_ok() {}
            let mut stats = EngineStats::default();
            link.counts.add_to(&mut stats);
            assert_eq!((stats.panics, stats.rings_lost), (3, 0));
            assert_eq!(stats.ring_threads, usize::from(io == IoKind::IoUring));
        }
    }

    #[test]
    fn a_lost_ring_is_counted_once_and_the_thread_is_one_of_plain_sockets() {
        let (counts, lost) = (ThreadCounts::default(), IoCounts { rings_lost: 1, ..IoCounts::default() });
        counts.begins(IoKind::IoUring);
        for io in [IoCounts::default(), lost, lost] {
            counts.io(io);
        }
        let mut stats = EngineStats::default();
        counts.add_to(&mut stats);
        assert_eq!((stats.threads, stats.ring_threads, stats.rings_lost), (1, 0, 1));
    }
}
