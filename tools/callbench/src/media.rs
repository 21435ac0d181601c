//! The one thread for all media: twenty slots in 20 ms, at absolute deadlines.
//!
//! A leg sends and reads once in its slot; only legs that wait for a tone are read each millisecond. The thread
//! counts how late it wakes, because a meter that is late itself measures nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use partyline_sip::sdp::Agreement;
use partyline_udp::{MediaClock, raise_this_thread};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::ear::Awaited;
use crate::leg::{Beginnings, Leg, LegKey, Look};
use crate::plan::Source;

const SLOTS: usize = 20;
const STEP: Duration = Duration::from_millis(1);
/// A tick that is later than this is late: a quarter of a packet.
const LATE: Duration = Duration::from_millis(5);
/// Further behind than this (a suspended machine), ticks are left out, not made up for.
const BEHIND_MAX: Duration = Duration::from_secs(1);
/// Commands that may wait for the next millisecond.
const COMMANDS_MAX: usize = 8_192;

/// What the thread is told. A leg that is not there is no error: it was removed.
#[derive(Debug)]
pub(crate) enum Command {
    Open(Box<Leg>),
    Connect(LegKey, Box<Agreement>),
    Press {
        leg: LegKey,
        keys: String,
        after: Duration,
    },
    Say(LegKey, Source),
    Watch(LegKey, Awaited),
    /// The longest gap is that from now on.
    ForgetGap(LegKey),
    Look {
        leg: LegKey,
        window: Duration,
        reply: oneshot::Sender<Look>,
    },
    /// When pulses were sent and heard to begin, since this was last asked.
    TakePulses {
        leg: LegKey,
        reply: oneshot::Sender<Beginnings>,
    },
    Close(LegKey),
    Remove(LegKey),
}

/// How punctual the thread was.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct TickReport {
    /// Ticks (one a millisecond).
    pub ticks: u64,
    /// Those that came more than 5 ms late.
    pub late: u64,
    /// The latest one.
    pub latest: Duration,
}

impl TickReport {
    /// The share of late ticks; above 0.001 a run says nothing about what it measured.
    #[must_use]
    pub fn late_share(&self) -> f64 {
        self.late as f64 / self.ticks.max(1) as f64
    }

    /// What was counted after an earlier report (the latest tick is that of both).
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Self {
        Self { ticks: self.ticks - earlier.ticks, late: self.late - earlier.late, latest: self.latest }
    }
}

#[derive(Debug, Default)]
struct TickCounts {
    ticks: AtomicU64,
    late: AtomicU64,
    latest_us: AtomicU64,
}

/// The way to the thread, which ends with the last of them.
#[derive(Debug, Clone)]
pub(crate) struct Media {
    commands: SyncSender<Command>,
    counts: Arc<TickCounts>,
}

impl Media {
    pub(crate) fn start(raises_priority: bool) -> std::io::Result<Self> {
        let (commands, receiver) = sync_channel(COMMANDS_MAX);
        let counts = Arc::new(TickCounts::default());
        let thread = MediaThread {
            commands: receiver,
            counts: Arc::clone(&counts),
            slots: std::array::from_fn(|_| Vec::new()),
        };
        std::thread::Builder::new().name("callbench-media".to_owned()).spawn(move || {
            if raises_priority {
                // Where it is not allowed the run shows in its lateness.
                let _ = raise_this_thread(1);
            }
            thread.run();
        })?;
        Ok(Self { commands, counts })
    }

    /// Tells the thread something; whether there was room for it.
    pub(crate) fn tell(&self, command: Command) -> bool {
        self.commands.try_send(command).is_ok()
    }

    pub(crate) fn ticks(&self) -> TickReport {
        TickReport {
            ticks: self.counts.ticks.load(Ordering::Relaxed),
            late: self.counts.late.load(Ordering::Relaxed),
            latest: Duration::from_micros(self.counts.latest_us.load(Ordering::Relaxed)),
        }
    }
}

struct MediaThread {
    commands: Receiver<Command>,
    counts: Arc<TickCounts>,
    slots: [Vec<Leg>; SLOTS],
}

impl MediaThread {
    fn run(mut self) {
        let clock = MediaClock::new();
        let mut deadline = clock.now();
        for slot in (0..SLOTS).cycle() {
            deadline += STEP;
            clock.sleep_until(deadline);
            let now = clock.now();
            let behind = now.saturating_duration_since(deadline);
            self.count(behind);
            if behind > BEHIND_MAX {
                deadline = now;
            }
            if !self.obey() {
                return;
            }
            self.tick(slot, now);
        }
    }

    fn count(&self, behind: Duration) {
        self.counts.ticks.fetch_add(1, Ordering::Relaxed);
        if behind > LATE {
            self.counts.late.fetch_add(1, Ordering::Relaxed);
        }
        self.counts.latest_us.fetch_max(behind.as_micros() as u64, Ordering::Relaxed);
    }

    fn tick(&mut self, due: usize, now: Instant) {
        for (slot, legs) in self.slots.iter_mut().enumerate() {
            for leg in legs {
                if slot == due {
                    leg.receive(now);
                    leg.send(now);
                } else if leg.is_watching() {
                    leg.receive(now);
                }
            }
        }
    }

    /// Carries out what was told; whether there is still somebody to tell.
    fn obey(&mut self) -> bool {
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.carry_out(command),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Open(leg) => {
                let emptiest = self.slots.iter_mut().min_by_key(|slot| slot.len());
                emptiest.expect("there are twenty slots").push(*leg);
            }
            Command::Connect(leg, agreement) => self.with(leg, |leg| leg.connect(&agreement)),
            Command::Press { leg, keys, after } => {
                let pause_frames = (after.as_millis() / 20) as u32;
                self.with(leg, |leg| leg.mouth().press(&keys, pause_frames));
            }
            Command::Say(leg, source) => self.with(leg, |leg| leg.mouth().say(source)),
            Command::Watch(leg, awaited) => self.with(leg, |leg| leg.ear().watch(awaited)),
            Command::ForgetGap(leg) => self.with(leg, |leg| leg.ear().forget_gap()),
            Command::Look { leg, window, reply } => self.with(leg, |leg| {
                let _ = reply.send(leg.look(Instant::now(), window));
            }),
            Command::TakePulses { leg, reply } => self.with(leg, |leg| {
                let _ = reply.send(leg.take_pulses());
            }),
            Command::Close(leg) => self.with(leg, Leg::close),
            Command::Remove(key) => self.slots.iter_mut().for_each(|slot| slot.retain(|leg| leg.key != key)),
        }
    }

    fn with(&mut self, key: LegKey, act: impl FnOnce(&mut Leg)) {
        if let Some(leg) = self.slots.iter_mut().flatten().find(|leg| leg.key == key) {
            act(leg);
        }
    }
}
