//! Mouth to ear: how long sound takes from the sending of its packet to the arrival of the packet that holds it at a
//! listener, places in the packets included.
//!
//! The first caller of each room sends [pulses](crate::CallPlan::pulses); all others listen. It is told to a millisecond:
//! that often who listens is looked at.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::bench::{Bench, BenchConfig};
use crate::caller::Caller;
use crate::error::{BenchError, WaitError};
use crate::leg::Beginnings;
use crate::load::{Room, SetUpFigures};
use crate::plan::CallPlan;
use crate::progress::Progress;
use crate::{Codec, load};

/// What is pulsed.
const PULSE_HZ: f32 = 1_000.0;
/// Sound that takes longer was not heard: pulses are further apart.
const DELAY_MAX: Duration = Duration::from_millis(400);
/// What begins so close to an end of the window may have its other half beyond it.
const MARGIN: Duration = Duration::from_millis(500);

/// What to run.
#[derive(Debug, Clone)]
pub struct DelayPlan {
    /// The address to call, `sip:HOST:PORT` or `sip:USER@HOST:PORT`.
    pub target: String,
    /// The rooms.
    pub rooms: Vec<Room>,
    /// Callers over all rooms.
    pub callers: usize,
    /// Calls begun each second.
    pub calls_per_second: f64,
    /// What callers speak.
    pub codec: Codec,
    /// After the last code was keyed, prompts and entry tones die away for so long.
    pub settle: Duration,
    /// The measured window.
    pub lasting: Duration,
}

/// What a run showed.
#[derive(Debug, Clone, Serialize)]
pub struct DelayReport {
    /// Callers who were in during the window.
    pub callers_in: usize,
    /// Rooms.
    pub rooms: usize,
    /// Calls that failed, with their reasons.
    pub failed: Vec<String>,
    /// Beginnings that listeners should have heard, over all listeners.
    pub expected: usize,
    /// Those that they did not hear.
    pub missed: usize,
    /// Beginnings heard that nobody sent: one's own, another room's, or breaks in the sound.
    pub strange: usize,
    /// From mouth to ear, in ms.
    pub delay: SetUpFigures,
    /// Packets that did not come, of all in the window, by sequence number.
    pub lost: u64,
    /// The longest time between two packets of a conferee in the window, in ms, to 1 ms.
    pub longest_gap_ms: f64,
    /// Share of the load maker's own ticks that were more than 5 ms late, over the whole run.
    pub late_tick_share: f64,
    /// Whether the load maker was so late that the run says nothing.
    pub is_void: bool,
}

/// A run could not be made, or came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum DelayError {
    /// The bench.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// Somebody did not get where they should.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// No room to call.
    #[error("no rooms are given")]
    NoRooms,
}

/// Measures on a bench of its own.
///
/// # Errors
/// [`DelayError`]; calls that fail are no error but a figure.
pub async fn run(config: BenchConfig, plan: &DelayPlan) -> Result<DelayReport, DelayError> {
    if plan.rooms.is_empty() {
        return Err(DelayError::NoRooms);
    }
    let bench = Bench::start(config).await?;
    let (callers, failed) = call_all(&bench, plan).await?;
    tokio::time::sleep(plan.settle).await;

    let mut lost_before = 0;
    for (_, caller) in &callers {
        caller.take_pulses().await;
        caller.forget_gap();
        lost_before += caller.packets().await.lost;
    }
    let window = Instant::now() + MARGIN;
    tokio::time::sleep(plan.lasting + 2 * MARGIN).await;
    let window = window..window + plan.lasting;

    let mut rooms = vec![Vec::new(); plan.rooms.len()];
    let (mut lost, mut longest_gap) = (0, Duration::ZERO);
    for (room, caller) in &callers {
        let packets = caller.packets().await;
        lost += packets.lost;
        longest_gap = longest_gap.max(packets.longest_gap);
        rooms[*room].push(caller.take_pulses().await);
    }
    let heard = rooms.iter().map(|room| Heard::in_room(room, &window)).fold(Heard::default(), Heard::and);
    let ticks = bench.ticks();
    bench.stop().await;
    Ok(DelayReport {
        callers_in: callers.len(),
        rooms: plan.rooms.len(),
        failed,
        expected: heard.delays.len() + heard.missed,
        missed: heard.missed,
        strange: heard.strange,
        delay: SetUpFigures::of(heard.delays),
        lost: lost.saturating_sub(lost_before),
        longest_gap_ms: longest_gap.as_secs_f64() * 1000.0,
        late_tick_share: ticks.late_share(),
        is_void: load::is_void(ticks.late_share()),
    })
}

/// Calls into all rooms, round and round; who is up with the number of their room, the talker of each first.
async fn call_all(
    bench: &Bench,
    plan: &DelayPlan,
) -> Result<(Vec<(usize, Caller)>, Vec<String>), DelayError> {
    let gap = Duration::from_secs_f64(1.0 / plan.calls_per_second.max(0.001));
    let mut callers = Vec::with_capacity(plan.callers);
    for number in 0..plan.callers {
        let room = number % plan.rooms.len();
        let is_talker = number < plan.rooms.len();
        let codes = &plan.rooms[room];
        let code = if is_talker { &codes.first } else { &codes.others };
        let call = CallPlan::new(plan.target.clone())
            .from_user(format!("delay{number}"))
            .codec(plan.codec)
            .digits(format!("{code}#"))
            .memory(Duration::from_millis(100))
            .times_pulses();
        callers.push((room, bench.call(if is_talker { call.pulses(PULSE_HZ) } else { call }).await?));
        tokio::time::sleep(gap).await;
    }
    let mut failed = Vec::new();
    let mut up = Vec::with_capacity(callers.len());
    for (room, caller) in callers {
        if let Err(error) = caller.wait_digits_sent().await {
            failed.push(error.to_string());
        } else if matches!(caller.progress(), Progress::Answered { .. }) {
            up.push((room, caller));
        }
    }
    Ok((up, failed))
}

/// What became of the pulses.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) delays: Vec<Duration>,
    pub(crate) missed: usize,
    strange: usize,
}

impl Heard {
    /// Of one room: each conferee should hear what the others send, and nothing else.
    pub(crate) fn in_room(conferees: &[Beginnings], window: &std::ops::Range<Instant>) -> Self {
        let mut all = Self::default();
        for (listener, ear) in conferees.iter().enumerate() {
            let others = conferees.iter().enumerate().filter(|(other, _)| *other != listener);
            let sent: Vec<Instant> = others.flat_map(|(_, mouth)| mouth.sent.iter().copied()).collect();
            for sent in sent.iter().filter(|sent| window.contains(*sent)) {
                let heard =
                    ear.heard.iter().map(|heard| heard.checked_duration_since(*sent)).find_map(within);
                match heard {
                    Some(delay) => all.delays.push(delay),
                    None => all.missed += 1,
                }
            }
            let is_strange = |heard: &&Instant| {
                let since = |sent: &Instant| within(heard.checked_duration_since(*sent));
                window.contains(*heard) && sent.iter().find_map(since).is_none()
            };
            all.strange += ear.heard.iter().filter(is_strange).count();
        }
        all
    }

    pub(crate) fn and(mut self, other: Self) -> Self {
        self.delays.extend(other.delays);
        Self {
            delays: self.delays,
            missed: self.missed + other.missed,
            strange: self.strange + other.strange,
        }
    }
}

fn within(delay: Option<Duration>) -> Option<Duration> {
    delay.filter(|delay| *delay < DELAY_MAX)
}

impl fmt::Display for DelayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} callers in {} rooms; calls failed: {}",
            self.callers_in,
            self.rooms,
            self.failed.len()
        )?;
        for reason in &self.failed {
            writeln!(f, "  {reason}")?;
        }
        writeln!(
            f,
            "mouth to ear: p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms of {}; missed {}, heard though nobody sent it {}",
            self.delay.p50_ms,
            self.delay.p99_ms,
            self.delay.longest_ms,
            self.expected,
            self.missed,
            self.strange
        )?;
        writeln!(f, "packets lost: {}; longest gap {:.0} ms", self.lost, self.longest_gap_ms)?;
        write!(f, "own ticks late: {:.3} %", self.late_tick_share * 100.0)?;
        if self.is_void {
            write!(f, " — void")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_heard_belongs_to_what_was_sent_before_it() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let talker = Beginnings { sent: vec![at(1_000), at(1_600), at(2_200)], heard: vec![at(1_012)] };
        let good = Beginnings { sent: Vec::new(), heard: vec![at(1_012), at(1_615), at(2_210)] };
        let bad = Beginnings { sent: Vec::new(), heard: vec![at(1_013), at(2_900)] };
        let heard = Heard::in_room(&[talker, good, bad], &(at(900)..at(3_000)));
        assert_eq!((heard.missed, heard.strange), (2, 2), "the talker hears itself; one break");
        assert_eq!(heard.delays, [12, 15, 10, 13].map(Duration::from_millis));
    }
}
