//! What a storm showed: answers by status, losses of calls that were up, the way back; and whether that is enough.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::load::{LossFigures, SetUpFigures};

/// Everybody is to be answered within this.
pub(super) const ANSWER_MAX: Duration = Duration::from_millis(100);
/// Of ten thousand callers so many may wait longer: one core's other work, not a queue.
const LATE_SHARE_MAX: f64 = 0.001;
/// Service is to be back to normal after this.
const RECOVERY_MAX: Duration = Duration::from_secs(5);
/// A call that is begun later than this is begun late.
const LATE: Duration = Duration::from_millis(5);
/// Above this share of late calls the storm was none of the asked rate, but bursts.
const LATE_SENDS_MAX: f64 = 0.01;
/// Below this share of the asked rate the storm was a smaller one.
const REACHED_MIN: f64 = 0.97;

/// One call's first final answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) after: Duration,
}

/// What is counted while calls are made.
#[derive(Debug, Default)]
pub(super) struct Tally {
    answers: Vec<Answer>,
    begun: u64,
    late: u64,
    latest: Duration,
    repeated: u64,
    unanswered: u64,
    thrown_out: u64,
    stuck: u64,
}

impl Tally {
    /// A call was begun, so late.
    pub(super) fn began(&mut self, lateness: Duration) {
        self.begun += 1;
        self.late += u64::from(lateness > LATE);
        self.latest = self.latest.max(lateness);
    }

    pub(super) fn answered(&mut self, answer: Answer) {
        self.answers.push(answer);
    }

    /// An INVITE was sent again.
    pub(super) const fn repeated(&mut self) {
        self.repeated += 1;
    }

    /// A call was given up.
    pub(super) const fn unanswered(&mut self) {
        self.unanswered += 1;
    }

    /// A call that was taken was hung up by the server.
    pub(super) const fn thrown_out(&mut self) {
        self.thrown_out += 1;
    }

    /// Nobody answered a BYE.
    pub(super) const fn stuck(&mut self) {
        self.stuck += 1;
    }

    pub(super) fn figures(self, asked: f64, sending: Duration) -> StepFigures {
        let mut by_status: BTreeMap<u16, Vec<Duration>> = BTreeMap::new();
        for answer in &self.answers {
            by_status.entry(answer.status).or_default().push(answer.after);
        }
        let within = self.answers.iter().filter(|answer| answer.after <= ANSWER_MAX).count();
        StepFigures {
            asked_per_second: asked,
            begun: self.begun,
            reached_per_second: self.begun as f64 / sending.as_secs_f64().max(1e-9),
            late_share: self.late as f64 / self.begun.max(1) as f64,
            latest_ms: self.latest.as_secs_f64() * 1000.0,
            answers: SetUpFigures::of(self.answers.iter().map(|answer| answer.after).collect()),
            by_status: by_status
                .into_iter()
                .map(|(status, times)| (status, SetUpFigures::of(times)))
                .collect(),
            answered_late: (self.answers.len() - within) as u64,
            repeated: self.repeated,
            unanswered: self.unanswered,
            thrown_out: self.thrown_out,
            stuck: self.stuck,
        }
    }
}

/// What became of the calls of one rate.
#[derive(Debug, Clone, Default, Serialize)]
pub struct StepFigures {
    /// Calls a second that were to be begun.
    pub asked_per_second: f64,
    /// Calls begun.
    pub begun: u64,
    /// Calls a second that were begun.
    pub reached_per_second: f64,
    /// The share of calls that were begun over 5 ms late.
    pub late_share: f64,
    /// The latest, in ms.
    pub latest_ms: f64,
    /// From the first INVITE to the final answer.
    pub answers: SetUpFigures,
    /// The same by status.
    pub by_status: BTreeMap<u16, SetUpFigures>,
    /// Answers after more than 100 ms.
    pub answered_late: u64,
    /// INVITEs sent again, because nothing had come for 500 ms.
    pub repeated: u64,
    /// Calls without an answer within 5 s.
    pub unanswered: u64,
    /// Calls that the server hung up.
    pub thrown_out: u64,
    /// Calls whose BYE nobody answered, of this rate and the one before.
    pub stuck: u64,
}

impl StepFigures {
    /// Whether all calls were taken, in time.
    pub(super) fn is_carried(&self) -> bool {
        let taken = self.by_status.get(&200).map_or(0, |times| times.count) as f64;
        let in_time = self.answers.p99_ms <= ANSWER_MAX.as_secs_f64() * 1000.0;
        taken >= self.begun as f64 * 0.99 && in_time && self.unanswered == 0
    }

    /// Whether the storm was what was asked for.
    pub(super) fn is_void(&self) -> bool {
        self.late_share > LATE_SENDS_MAX || self.reached_per_second < self.asked_per_second * REACHED_MIN
    }

    fn late_answers_share(&self) -> f64 {
        (self.answered_late + self.unanswered) as f64 / self.begun.max(1) as f64
    }
}

/// A call that was made after the storm, as any caller makes one.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Probe {
    /// When it was made, after the storm's last call, in ms.
    pub made_after_ms: f64,
    /// From INVITE to 200, in ms; none where it was refused.
    pub answered_ms: Option<f64>,
    /// From INVITE to the first sound of the conference, in ms; none where it did not get there.
    pub entered_ms: Option<f64>,
}

/// What happened to who was in a conference during the storm.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CallsUp {
    /// Callers who were in before the storm.
    pub callers: usize,
    /// Of these whose call is over after it.
    pub dropped: usize,
    /// What they missed during the storm.
    pub loss: LossFigures,
    /// Packets that came over 60 ms after the one before, during the storm.
    pub late_packets: u64,
    /// What they missed while rates went up, before it.
    pub loss_before: LossFigures,
}

/// What a storm showed.
#[derive(Debug, Clone, Serialize)]
pub struct StormReport {
    /// Each rate, up to the first that was not carried.
    pub ramp: Vec<StepFigures>,
    /// The highest rate at which all calls were taken, in calls a second.
    pub carried_per_second: f64,
    /// The storm.
    pub storm: StepFigures,
    /// Who was in a conference meanwhile.
    pub calls_up: CallsUp,
    /// Calls before any storm: what normal is.
    pub probes_before: Vec<Probe>,
    /// Calls after the storm, in order.
    pub probes: Vec<Probe>,
    /// Half the carried rate, 5 s after the storm.
    pub after: StepFigures,
    /// From the storm's last call to the first from which all were as before it; none where it did not come to that.
    pub normal_after_ms: Option<f64>,
    /// The server's resident memory before the storm, at most during it, and after it, in octets.
    pub resident: Option<[u64; 3]>,
    /// The share of the media thread's ticks that were more than 5 ms late during the storm.
    pub late_tick_share: f64,
    /// The latest of the whole run, in ms.
    pub latest_tick_ms: f64,
    /// Whether the load maker was so late that the run says nothing.
    pub is_void: bool,
    /// What was wanted, and whether it was seen.
    pub verdicts: Vec<Verdict>,
}

/// One thing that was wanted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// What.
    pub wanted: &'static str,
    /// What was seen.
    pub seen: String,
    /// Whether that is enough.
    pub is_met: bool,
}

impl StormReport {
    /// Compares with what is wanted of a server in a storm.
    pub(super) fn judged(mut self) -> Self {
        let (up, storm) = (&self.calls_up, &self.storm);
        let verdict = |wanted, seen, is_met| Verdict { wanted, seen, is_met };
        let foreign: Vec<u16> =
            storm.by_status.keys().copied().filter(|status| ![200, 480, 486].contains(status)).collect();
        let normal = self.normal_after_ms;
        self.verdicts = vec![
            verdict(
                "no call that was up is dropped",
                format!("{} of {}", up.dropped, up.callers),
                up.dropped == 0,
            ),
            verdict(
                "calls that were up lose nothing",
                format!(
                    "{} of {} packets, longest gap {:.0} ms",
                    up.loss.lost, up.loss.expected, up.loss.longest_gap_ms
                ),
                up.loss.lost == 0,
            ),
            verdict(
                "new calls have an answer within 100 ms (all but 1 in 1,000)",
                format!("{}; {} later, {} never", storm.answers, storm.answered_late, storm.unanswered),
                storm.late_answers_share() <= LATE_SHARE_MAX,
            ),
            verdict(
                "they are taken, or told 480 or 486",
                format!("others: {foreign:?}; {} of those taken were hung up", storm.thrown_out),
                foreign.is_empty() && storm.thrown_out == 0,
            ),
            verdict(
                "service is back to normal within 5 s",
                normal.map_or("never".to_owned(), |ms| format!("after {:.1} s", ms / 1000.0)),
                normal.is_some_and(|ms| ms <= RECOVERY_MAX.as_secs_f64() * 1000.0),
            ),
            verdict(
                "half the carried rate is carried after it",
                format!("{}; statuses {:?}", self.after.answers, self.after.by_status.keys()),
                self.after.is_carried(),
            ),
        ];
        self
    }

    /// Whether everything wanted was seen.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        !self.is_void && self.verdicts.iter().all(|verdict| verdict.is_met)
    }
}

impl fmt::Display for StepFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>5.0}/s asked, {:>5.0} reached ({:.2} % begun late, latest {:.1} ms): {}",
            self.asked_per_second,
            self.reached_per_second,
            self.late_share * 100.0,
            self.latest_ms,
            self.answers
        )?;
        for (status, times) in &self.by_status {
            write!(f, "; {status}: {} (p99 {:.1} ms)", times.count, times.p99_ms)?;
        }
        write!(
            f,
            "; later than 100 ms: {}, never: {}, sent again: {}, hung up by the server: {}",
            self.answered_late, self.unanswered, self.repeated, self.thrown_out
        )
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Option<f64>| time.map_or("never".to_owned(), |ms| format!("{ms:.0} ms"));
        write!(
            f,
            "{:.1} s: answered {}, in {}",
            self.made_after_ms / 1000.0,
            ms(self.answered_ms),
            ms(self.entered_ms)
        )
    }
}

impl fmt::Display for StormReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.ramp {
            writeln!(f, "  {step}")?;
        }
        writeln!(f, "carried: {:.0} calls/s", self.carried_per_second)?;
        writeln!(f, "storm: {}", self.storm)?;
        writeln!(f, "after: {}", self.after)?;
        let (up, loss) = (&self.calls_up, &self.calls_up.loss);
        writeln!(
            f,
            "calls up: {} dropped of {}; {} packets lost of {}, {} over 60 ms after the one before; on the way up {} lost",
            up.dropped, up.callers, loss.lost, loss.expected, up.late_packets, up.loss_before.lost
        )?;
        for (when, probes) in [("before", &self.probes_before), ("after", &self.probes)] {
            let told: Vec<String> = probes.iter().map(ToString::to_string).collect();
            writeln!(f, "calls {when}: {}", told.join("; "))?;
        }
        if let Some([before, most, after]) = self.resident {
            let mb = |octets: u64| octets as f64 / 1e6;
            writeln!(
                f,
                "resident: {:.1} MB before, {:.1} at most, {:.1} after",
                mb(before),
                mb(most),
                mb(after)
            )?;
        }
        writeln!(
            f,
            "load maker: {:.3} % of media ticks over 5 ms late, the latest {:.1} ms",
            self.late_tick_share * 100.0,
            self.latest_tick_ms
        )?;
        for Verdict { wanted, seen, is_met } in &self.verdicts {
            writeln!(f, "{} {wanted}: {seen}", if *is_met { "PASS" } else { "FAIL" })?;
        }
        if self.is_void {
            writeln!(f, "VOID: the load maker itself was late; throw this run away")?;
        }
        Ok(())
    }
}
