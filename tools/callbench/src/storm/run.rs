//! The order of a storm: callers in, normal calls, rates that go up, the storm, and the way back.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::figures::{ANSWER_MAX, CallsUp, Probe, StepFigures, StormReport};
use super::maker::{Calls, Maker};
use crate::bench::{Bench, BenchConfig, resolve};
use crate::error::BenchError;
use crate::load::{Conferees, LoadError, LoadPlan, is_void};
use crate::plan::CallPlan;
use crate::process::ProcessMeter;

/// Rates begin here, in calls a second.
const LOWEST: f64 = 50.0;
/// And go up by this factor.
const STEP_UP: f64 = 1.35;
/// More than a load maker on the same cores can make.
const HIGHEST: f64 = 5_000.0;
/// Each rate lasts so long.
const STEP: Duration = Duration::from_secs(2);
/// And is followed by so much quiet, in which its calls end.
const QUIET: Duration = Duration::from_millis(1_500);
/// The lowest rate that the server does not carry is tried once more: a single pause of the machine is no limit.
const TRIES: usize = 2;
/// Calls after the storm are made so often,
const PROBE_EVERY: Duration = Duration::from_millis(500);
/// for so long.
const PROBES: u32 = 14;
/// Calls before it.
const PROBES_BEFORE: u32 = 4;
/// An entry that takes so much longer than before the storm is not normal yet.
const ENTRY_SLACK_MS: f64 = 250.0;
/// Memory is looked at so often.
const LOOK: Duration = Duration::from_millis(250);

/// What to run.
#[derive(Debug, Clone)]
pub struct StormPlan {
    /// The callers who are in conferences. Its window is not used.
    pub load: LoadPlan,
    /// User parts that the storm dials in turn: codes, or the number of the code prompt.
    pub dials: Vec<String>,
    /// The storm comes from so many addresses,
    pub sources: u8,
    /// the first of which is this.
    pub first_source: IpAddr,
    /// How long who is taken in the storm stays.
    pub stay: Duration,
    /// How long the storm lasts.
    pub lasting: Duration,
    /// The storm's rate as a multiple of what is carried.
    pub times: f64,
    /// What is carried, where it is not to be found out.
    pub carried_per_second: Option<f64>,
}

/// A run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StormError {
    /// The callers in conferences.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The bench.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// No socket or thread, or the server's process can't be read.
    #[error("{0}")]
    System(#[from] std::io::Error),
    /// Nobody takes calls.
    #[error("not even {LOWEST} calls/s are carried: {0}")]
    Nothing(Box<StepFigures>),
    /// The storm's thread has ended.
    #[error("the storm broke off")]
    BrokeOff,
    /// Too few callers got in.
    #[error("{0} of {1} callers got into their conferences")]
    NotIn(usize, usize),
}

/// Runs a storm.
///
/// # Errors
/// [`StormError`]; a server that fails in it is no error but a figure.
pub async fn run(config: BenchConfig, plan: &StormPlan) -> Result<StormReport, StormError> {
    let bench = Bench::start(config).await?;
    let maker = Maker::start(Calls {
        server: resolve(&plan.load.target).await?,
        users: plan.dials.clone(),
        sources: sources(plan),
        stay: plan.stay,
    })?;
    let mut conferees = Conferees::call(&bench, &plan.load).await?;
    if conferees.len() < plan.load.callers {
        return Err(StormError::NotIn(conferees.len(), plan.load.callers));
    }
    let probes_before = probes(&bench, plan, PROBES_BEFORE, Instant::now()).await?;

    conferees.begin_window().await;
    let (ramp, carried_per_second) = ramp(&maker, plan).await?;
    let (loss_before, _) = conferees.end_window().await;
    tokio::time::sleep(QUIET).await;

    let resident_before = resident(plan);
    conferees.begin_window().await;
    let ticks = bench.ticks();
    let ordered = maker.order(carried_per_second * plan.times, plan.lasting);
    let (ended, most) = watch_memory(plan, ordered.sent).await?;
    let storm_ticks = bench.ticks();
    let probes = probes(&bench, plan, PROBES, ended).await?;
    let storm = ordered.done.await.map_err(|_| StormError::BrokeOff)?;
    let (loss, late_packets) = conferees.end_window().await;
    let after = step(&maker, carried_per_second / 2.0).await?;
    let dropped = conferees.ended();
    let calls_up = CallsUp { callers: conferees.len(), dropped, loss, late_packets, loss_before };
    let late_tick_share = storm_ticks.since(&ticks).late_share();
    let report = StormReport {
        ramp,
        carried_per_second,
        calls_up,
        normal_after_ms: normal_after(&probes_before, &probes),
        probes_before,
        probes,
        after,
        resident: resident_before.zip(most).zip(resident(plan)).map(|((a, b), c)| [a, b, c]),
        late_tick_share,
        latest_tick_ms: storm_ticks.latest.as_secs_f64() * 1000.0,
        is_void: is_void(late_tick_share) || storm.is_void(),
        storm,
        verdicts: Vec::new(),
    };
    drop(conferees);
    bench.stop().await;
    Ok(report.judged())
}

/// So many addresses after the first. Only loopback has all of its network.
fn sources(plan: &StormPlan) -> Vec<IpAddr> {
    let IpAddr::V4(first) = plan.first_source else { return vec![plan.first_source] };
    (0..u32::from(plan.sources.max(1)))
        .map(|nth| IpAddr::V4(Ipv4Addr::from(u32::from(first).wrapping_add(nth))))
        .collect()
}

async fn step(maker: &Maker, rate: f64) -> Result<StepFigures, StormError> {
    let figures = maker.order(rate, STEP).done.await.map_err(|_| StormError::BrokeOff)?;
    tokio::time::sleep(QUIET).await;
    Ok(figures)
}

/// Goes up until a rate is not carried.
async fn ramp(maker: &Maker, plan: &StormPlan) -> Result<(Vec<StepFigures>, f64), StormError> {
    if let Some(carried) = plan.carried_per_second {
        return Ok((Vec::new(), carried));
    }
    let (mut steps, mut rate, mut carried, mut failures) = (Vec::new(), LOWEST, 0.0, 0);
    while rate < HIGHEST && failures < TRIES {
        let figures = step(maker, rate).await?;
        if figures.is_carried() {
            (carried, failures) = (rate, 0);
            rate *= STEP_UP;
        } else {
            failures += 1;
        }
        steps.push(figures);
    }
    match steps.last() {
        Some(last) if carried == 0.0 => Err(StormError::Nothing(Box::new(last.clone()))),
        _ => Ok((steps, carried)),
    }
}

fn resident(plan: &StormPlan) -> Option<u64> {
    plan.load.server.and_then(|server: ProcessMeter| server.resident_octets().ok())
}

/// Looks at the server's memory until the storm's last call; when that was.
async fn watch_memory(
    plan: &StormPlan,
    mut sent: tokio::sync::oneshot::Receiver<Instant>,
) -> Result<(Instant, Option<u64>), StormError> {
    let mut most = None;
    loop {
        most = most.max(resident(plan));
        if let Ok(ended) = tokio::time::timeout(LOOK, &mut sent).await {
            return Ok((ended.map_err(|_| StormError::BrokeOff)?, most));
        }
    }
}

/// Makes calls as callers do, who key a code, and tells how they fared.
async fn probes(
    bench: &Bench,
    plan: &StormPlan,
    count: u32,
    since: Instant,
) -> Result<Vec<Probe>, StormError> {
    let begin = tokio::time::Instant::now();
    let mut callers = Vec::new();
    for nth in 0..count {
        tokio::time::sleep_until(begin + PROBE_EVERY * nth).await;
        let (code, tones) = plan.load.guest();
        let call = CallPlan::new(plan.load.target.clone())
            .from_user(format!("guest{nth}"))
            .digits(format!("{code}#"))
            .digits_after(plan.load.digits_after)
            .memory(Duration::from_millis(100))
            .listens_for(&tones);
        callers.push((Instant::now(), bench.call(call).await?));
    }
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let mut probes = Vec::new();
    for (made, caller) in callers {
        let answered = caller.wait_answered().await.ok();
        let deadline = made + plan.load.entry_max;
        let mut entered = None;
        while entered.is_none() && caller.ended().is_none() && Instant::now() < deadline {
            entered = caller.heard_at().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        probes.push(Probe {
            made_after_ms: ms(made.saturating_duration_since(since)),
            answered_ms: answered.map(ms),
            entered_ms: entered.map(|at| ms(at.saturating_duration_since(made))),
        });
    }
    Ok(probes)
}

/// When the first call was made from which on all were as before.
fn normal_after(before: &[Probe], after: &[Probe]) -> Option<f64> {
    let usual = before.iter().filter_map(|probe| probe.entered_ms).fold(0.0, f64::max);
    let is_normal = |probe: &&Probe| {
        probe.answered_ms.is_some_and(|ms| ms <= ANSWER_MAX.as_secs_f64() * 1000.0)
            && probe.entered_ms.is_some_and(|ms| ms <= usual + ENTRY_SLACK_MS)
    };
    after.iter().rev().take_while(is_normal).last().map(|probe| probe.made_after_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(made_after_ms: f64, answered_ms: Option<f64>, entered_ms: Option<f64>) -> Probe {
        Probe { made_after_ms, answered_ms, entered_ms }
    }

    #[test]
    fn service_is_normal_from_the_call_on_after_which_all_are_as_before() {
        let before = [probe(0.0, Some(3.0), Some(2_000.0))];
        let good = |at| probe(at, Some(3.0), Some(2_100.0));
        let refused = probe(500.0, None, None);
        let slow = probe(1_000.0, Some(3.0), Some(3_000.0));
        assert_eq!(
            normal_after(&before, &[good(0.0), refused, slow, good(1_500.0), good(2_000.0)]),
            Some(1_500.0)
        );
        assert_eq!(normal_after(&before, &[good(0.0), good(500.0)]), Some(0.0));
        assert_eq!(normal_after(&before, &[good(0.0), refused]), None);
    }
}
