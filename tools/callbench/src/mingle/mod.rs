//! A house full of callers who come, talk, listen and go at random for as long as is wished, and what each minute of it was like.
//!
//! Beside them a few stay the whole time, in rooms of their own: one of each room sends pulses, the others say how long these take
//! from mouth to ear. **Invariant:** every wait ends, and every call that was made is over when the run is.

mod guest;
mod measure;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::bench::{Bench, BenchConfig};
use crate::error::{BenchError, WaitError};
use crate::load::{Room, SetUpFigures};

use guest::Guest;
use measure::Measuring;

/// Reasons that are kept of calls that failed: the first ones.
const REASONS_MAX: usize = 20;

/// What to run.
#[derive(Debug, Clone)]
pub struct MinglePlan {
    /// The address to call, `sip:HOST:PORT`.
    pub target: String,
    /// Rooms in which delay is measured, by callers who stay: three in each.
    pub measured: Vec<Room>,
    /// The rooms that all others call, in turn by chance.
    pub rooms: Vec<Room>,
    /// Callers at once who come and go.
    pub callers: usize,
    /// How long new calls are made.
    pub lasting: Duration,
    /// How often it is told how things are.
    pub every: Duration,
    /// What is drawn follows from it.
    pub seed: u64,
}

/// What a stretch of time was like.
#[derive(Debug, Clone, Default, Serialize)]
pub struct MingleReport {
    /// Seconds since the run began, at its end.
    pub at_seconds: f64,
    /// Calls made by those who come and go.
    pub calls: u64,
    /// Calls that were over as they should.
    pub left: u64,
    /// Calls that failed: not answered, ended by the server, or not ended when they were hung up.
    pub failed: u64,
    /// The first reasons.
    pub reasons: Vec<String>,
    /// Calls that are on now, of those who come and go.
    pub on: u64,
    /// From mouth to ear.
    pub delay: SetUpFigures,
    /// Pulses that listeners should have heard and did not.
    pub missed: usize,
    /// Packets that those who measure missed by sequence number.
    pub lost: u64,
    /// The longest time between two packets of one of them, in ms.
    pub longest_gap_ms: f64,
    /// Share of the bench's own ticks that were more than 5 ms late.
    pub late_tick_share: f64,
}

/// A run could not be made, or came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum MingleError {
    /// The bench.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// Who measures did not get in, or was thrown out.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// No rooms to call.
    #[error("rooms are needed to measure in, and others to mingle in")]
    NoRooms,
}

/// What those who come and go have met with, since it was last told.
#[derive(Debug, Default)]
struct Tally {
    calls: u64,
    left: u64,
    failed: u64,
    on: u64,
    reasons: Vec<String>,
}

impl Tally {
    fn fail(&mut self, reason: String) {
        self.failed += 1;
        if self.reasons.len() < REASONS_MAX {
            self.reasons.push(reason);
        }
    }
}

impl MinglePlan {
    /// Runs all callers on a bench of its own; `tell` is given each stretch when it is over. What is given last is what was left
    /// when all had gone, and says nothing of delay.
    ///
    /// # Errors
    /// [`MingleError`]; calls of those who come and go that fail are no error but a figure.
    pub async fn run(
        &self,
        config: BenchConfig,
        mut tell: impl FnMut(&MingleReport),
    ) -> Result<(), MingleError> {
        if self.rooms.is_empty() || self.measured.is_empty() {
            return Err(MingleError::NoRooms);
        }
        let bench = Arc::new(Bench::start(config).await?);
        let began = Instant::now();
        let mut measuring = Measuring::call(&bench, &self.target, &self.measured).await?;
        let until = Instant::now() + self.lasting;
        let tally = Arc::new(Mutex::new(Tally::default()));
        let mut guests = JoinSet::new();
        for nth in 0..self.callers {
            let guest = Guest::new(self, nth, Arc::clone(&bench), Arc::clone(&tally));
            guests.spawn(guest.run(until));
        }
        measuring.begin().await;
        while Instant::now() < until {
            let before = bench.ticks();
            tokio::time::sleep(self.every.min(until.saturating_duration_since(Instant::now()))).await;
            let mut report = measuring.report().await?;
            report.take(&tally, began);
            report.late_tick_share = bench.ticks().since(&before).late_share();
            tell(&report);
        }
        while let Some(done) = guests.join_next().await {
            if let Err(error) = done {
                tally.lock().fail(format!("a caller's task: {error}"));
            }
        }
        let mut last = MingleReport::default();
        measuring.hang_up().await?;
        last.take(&tally, began);
        tell(&last);
        if let Some(bench) = Arc::into_inner(bench) {
            bench.stop().await;
        }
        Ok(())
    }
}

impl MingleReport {
    /// Takes what those who come and go have met with.
    fn take(&mut self, tally: &Mutex<Tally>, began: Instant) {
        let mut tally = tally.lock();
        let on = tally.on;
        let Tally { calls, left, failed, on, reasons } =
            std::mem::replace(&mut *tally, Tally { on, ..Tally::default() });
        (self.calls, self.left, self.failed, self.on, self.reasons) = (calls, left, failed, on, reasons);
        self.at_seconds = began.elapsed().as_secs_f64();
    }
}

impl fmt::Display for MingleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} s: {} calls, {} on, {} failed; mouth to ear p50 {:.1} ms, p99 {:.1} ms of {}, {} missed; longest gap {:.0} ms",
            self.at_seconds,
            self.calls,
            self.on,
            self.failed,
            self.delay.p50_ms,
            self.delay.p99_ms,
            self.delay.count,
            self.missed,
            self.longest_gap_ms
        )?;
        if crate::load::is_void(self.late_tick_share) {
            write!(f, "; own ticks late: {:.2} %", self.late_tick_share * 100.0)?;
        }
        self.reasons.iter().try_for_each(|reason| write!(f, "\n  {reason}"))
    }
}
