//! A run: call, enter, settle, measure, hang up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bench::{Bench, BenchConfig};
use crate::caller::Caller;
use crate::coded::{Coded, OpusTelephones};
use crate::ear::PacketReport;
use crate::error::BenchError;
use crate::leg::Look;
use crate::load::figures::{
    ClaimedRun, HearingFigures, LoadReport, LossFigures, ServerFigures, SetUpFigures, Share, is_void,
};
use crate::load::rooms::Room;
use crate::load::tones::{TONES_MAX, are_apart, judge, tones, whole_tones};
use crate::plan::CallPlan;
use crate::process::ProcessMeter;
use crate::progress::Progress;

/// What each caller remembers, and the piece that is looked at for who hears whom.
const MEMORY: Duration = Duration::from_secs(1);
/// A room's first talker must have keyed this long before, for a caller's entry time to be the server's.
const TALKER_AHEAD: Duration = Duration::from_secs(3);
/// How loud talkers are.
const TONE_DBOV: f32 = -15.0;
/// Reasons of failed calls that are told.
const REASONS_MAX: usize = 10;

/// What to run.
#[derive(Debug, Clone)]
pub struct LoadPlan {
    /// The address to call, `sip:HOST:PORT` or `sip:USER@HOST:PORT`.
    pub target: String,
    /// The rooms.
    pub rooms: Vec<Room>,
    /// Callers over all rooms.
    pub callers: usize,
    /// How many of a room's callers send a tone.
    pub talkers_per_room: usize,
    /// Calls begun each second.
    pub calls_per_second: f64,
    /// The steady window.
    pub steady: Duration,
    /// The server's process, if its cost is to be told.
    pub server: Option<ProcessMeter>,
    /// The first key comes so long after the answer.
    pub digits_after: Duration,
    /// How long to wait, after the last call was answered, for everybody to hear their room.
    pub entry_max: Duration,
    /// Whether all are Opus telephones at 48 kHz, and of what kind; else they have G.711.
    pub opus: Option<OpusTelephones>,
    /// After the last caller is in, prompts and entry tones die away for so long before the window begins.
    pub settle: Duration,
}

/// A run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bench.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// The server's process can't be read.
    #[error("the server's process: {0}")]
    Server(#[from] std::io::Error),
    /// A room's talkers can't be told apart.
    #[error("{talkers} talkers a room can't be told apart in so many rooms: there are {TONES_MAX} tones")]
    Talkers {
        /// How many were asked for in each.
        talkers: usize,
    },
}

/// One caller of a run.
pub(super) struct Conferee {
    pub(super) caller: Caller,
    room: usize,
    /// Its tone, if it is a talker.
    talker: Option<usize>,
    steady: (PacketReport, Instant),
}

/// Runs a load on a bench of its own.
///
/// # Errors
/// [`LoadError`]; calls that fail are no error but a figure.
pub async fn run(config: BenchConfig, plan: &LoadPlan) -> Result<LoadReport, LoadError> {
    if !(0..plan.rooms.len()).all(|room| are_apart(talkers_in(room, plan))) {
        return Err(LoadError::Talkers { talkers: plan.talkers_per_room });
    }
    let talkers = talkers_of(plan);
    let tones = if plan.opus.is_some() { whole_tones(talkers) } else { tones(talkers) };
    let resident_before = plan.server.map(|server| server.resident_octets()).transpose()?.unwrap_or(0);
    let bench = Bench::start(config).await?;
    let mut conferees = call_all(&bench, plan, &tones).await?;
    let (answer, entry) = wait_until_in(&conferees, plan).await;
    tokio::time::sleep(plan.settle).await;

    let failed = take_failed(&mut conferees);
    for conferee in &mut conferees {
        conferee.steady = (conferee.caller.packets().await, Instant::now());
    }
    let cpu_before = plan.server.map(|server| server.cpu()).transpose()?;
    let start = Instant::now();
    tokio::time::sleep(plan.steady).await;
    let cpu = plan.server.map(|server| server.cpu()).transpose()?;
    let elapsed = start.elapsed();
    let resident = plan.server.map(|server| server.resident_octets()).transpose()?.unwrap_or(0);

    let (loss, hearing) = listen(&conferees, plan, &tones).await;
    let ticks = bench.ticks();
    let server = cpu.zip(cpu_before).map(|(cpu, before)| {
        server_figures(cpu.saturating_sub(before), elapsed, conferees.len(), resident_before, resident)
    });
    let report = LoadReport {
        run: ClaimedRun {
            callers: plan.callers,
            callers_in: conferees.len(),
            rooms: plan.rooms.len(),
            talkers_per_room: plan.talkers_per_room,
            calls_per_second: plan.calls_per_second,
            seconds: elapsed.as_secs_f64(),
        },
        failed,
        answer,
        entry,
        loss,
        hearing,
        server,
        late_tick_share: ticks.late_share(),
        latest_tick_ms: ticks.latest.as_secs_f64() * 1000.0,
        is_void: is_void(ticks.late_share()),
    };
    bench.stop().await;
    Ok(report)
}

/// Callers go round the rooms, so a room's talkers are those of the first rounds.
pub(super) fn talkers_of(plan: &LoadPlan) -> usize {
    (plan.rooms.len() * plan.talkers_per_room).min(plan.callers)
}

/// The talkers of a room. Callers are numbered round the rooms, and a talker's number is its tone's.
pub(super) fn talkers_in(room: usize, plan: &LoadPlan) -> impl Iterator<Item = usize> {
    (room..talkers_of(plan)).step_by(plan.rooms.len())
}

pub(super) async fn call_all(
    bench: &Bench,
    plan: &LoadPlan,
    tones: &[f32],
) -> Result<Vec<Conferee>, LoadError> {
    let mut conferees = Vec::with_capacity(plan.callers);
    let gap = Duration::from_secs_f64(1.0 / plan.calls_per_second.max(0.001));
    let quiet = plan.opus.map(Coded::quiet);
    let start = tokio::time::Instant::now();
    for number in 0..plan.callers {
        tokio::time::sleep_until(start + gap.mul_f64(number as f64)).await;
        let room = number % plan.rooms.len();
        let codes = &plan.rooms[room];
        let code = if number < plan.rooms.len() { &codes.first } else { &codes.others };
        let others: Vec<f32> = talkers_in(room, plan).filter(|&t| t != number).map(|t| tones[t]).collect();
        let mut call = CallPlan::new(plan.target.clone())
            .from_user(format!("load{number}"))
            .digits(format!("{code}#"))
            .digits_after(plan.digits_after)
            .memory(MEMORY)
            .listens_for(&others);
        let talker = (number < tones.len()).then_some(number);
        call = match (&quiet, talker) {
            (Some(_), Some(talker)) => call.coded(Coded::tone(tones[talker], TONE_DBOV)),
            (Some(quiet), None) => call.coded(Arc::clone(quiet)),
            (None, Some(talker)) => call.tone(tones[talker]),
            (None, None) => call,
        };
        let caller = bench.call(call).await?;
        conferees.push(Conferee { caller, room, talker, steady: (PacketReport::default(), Instant::now()) });
    }
    Ok(conferees)
}

/// Waits for everybody and measures how long answers and entries took.
pub(super) async fn wait_until_in(conferees: &[Conferee], plan: &LoadPlan) -> (SetUpFigures, SetUpFigures) {
    let mut answers = Vec::new();
    for conferee in conferees {
        answers.extend(conferee.caller.wait_answered().await.ok());
    }
    let deadline = Instant::now() + plan.entry_max;
    let mut looks = vec![Look::default(); conferees.len()];
    loop {
        let mut waiting = 0;
        for (number, (conferee, look)) in conferees.iter().zip(&mut looks).enumerate() {
            let hears_somebody = talkers_in(conferee.room, plan).any(|talker| talker != number);
            let is_over = conferee.caller.ended().is_some();
            if look.watched_at.is_none() && !is_over && (hears_somebody || look.last_key_at.is_none()) {
                *look = conferee.caller.look(Duration::ZERO).await;
                waiting += usize::from(look.watched_at.is_none() && hears_somebody);
            }
        }
        if waiting == 0 || Instant::now() > deadline {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let entries = looks.iter().zip(conferees).filter_map(|(look, conferee)| {
        let keyed = look.last_key_at?;
        let talker_keyed = looks[conferee.room].last_key_at?;
        (keyed.saturating_duration_since(talker_keyed) >= TALKER_AHEAD)
            .then(|| look.watched_at.map(|at| at.saturating_duration_since(keyed)))?
    });
    (SetUpFigures::of(answers), SetUpFigures::of(entries.collect()))
}

/// Takes out the callers whose calls are not up, and says why.
pub(super) fn take_failed(conferees: &mut Vec<Conferee>) -> Vec<String> {
    let is_up = |conferee: &Conferee| matches!(conferee.caller.progress(), Progress::Answered { .. });
    let failed = conferees.extract_if(.., |conferee| !is_up(conferee));
    let mut reasons: Vec<String> = failed
        .map(|conferee| format!("room {}: {:?}", conferee.room + 1, conferee.caller.progress()))
        .collect();
    let more = reasons.len().saturating_sub(REASONS_MAX);
    reasons.truncate(REASONS_MAX);
    if more > 0 {
        reasons.push(format!("and {more} more"));
    }
    reasons
}

/// At the end of the window: who got what, and who heard whom.
async fn listen(conferees: &[Conferee], plan: &LoadPlan, tones: &[f32]) -> (LossFigures, HearingFigures) {
    let mut looks = Vec::with_capacity(conferees.len());
    for conferee in conferees {
        looks.push((conferee.caller.look(MEMORY).await, Instant::now()));
    }
    let mut shares = Vec::with_capacity(conferees.len());
    let mut hearing = HearingFigures { listeners: conferees.len(), ..HearingFigures::default() };
    let up: Vec<usize> = conferees.iter().filter_map(|conferee| conferee.talker).collect();
    for (conferee, (look, at)) in conferees.iter().zip(&looks) {
        let (before, since) = conferee.steady;
        shares.push(Share {
            received: look.packets.received.saturating_sub(before.received),
            lost: look.packets.lost.saturating_sub(before.lost),
            elapsed: at.saturating_duration_since(since),
            longest_gap: look.packets.longest_gap,
        });
        let expected: Vec<usize> = talkers_in(conferee.room, plan)
            .filter(|talker| conferee.talker != Some(*talker) && up.contains(talker))
            .collect();
        let wrong = judge(&look.heard, tones, &expected);
        hearing.pairs += expected.len();
        hearing.missing += wrong.missing;
        hearing.ghosts += wrong.ghosts;
    }
    (LossFigures::of(&shares), hearing)
}

fn server_figures(
    cpu: Duration,
    elapsed: Duration,
    participants: usize,
    resident_before: u64,
    resident: u64,
) -> ServerFigures {
    let participants = participants.max(1);
    let cpu_share = cpu.as_secs_f64() / elapsed.as_secs_f64().max(1e-9);
    ServerFigures {
        cpu_us_per_participant_second: cpu_share * 1e6 / participants as f64,
        cpu_share,
        resident_before,
        resident,
        resident_per_participant: resident.saturating_sub(resident_before) / participants as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_is_told_for_each_participant_and_second() {
        let figures =
            server_figures(Duration::from_secs(6), Duration::from_secs(60), 200, 50_000_000, 70_000_000);
        assert!((figures.cpu_us_per_participant_second - 500.0).abs() < 1e-6);
        assert!((figures.cpu_share - 0.1).abs() < 1e-9);
        assert_eq!(figures.resident_per_participant, 100_000);
    }
}
