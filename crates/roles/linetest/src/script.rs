//! The script of a line test: which step follows which. Pure.

use partyline_rpc::generated::linetest::run_down::Action;
use partyline_rpc::generated::linetest::{Echo, Report, RunDown, SayDigits, StepDone, Tone};

/// Most digits said back: a longer number is no telephone number, and nobody would listen to it.
const DIGITS_MAX: usize = 20;

/// What a test plays, from settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measures {
    pub(crate) tone_hz: u32,
    pub(crate) tone_ms: u32,
    pub(crate) echo_ms: u32,
}

/// One caller's test.
#[derive(Debug)]
pub(crate) struct Script {
    measures: Measures,
    number: u32,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    SayNumber {
        digits: String,
    },
    PlayTone,
    Echo,
    /// The caller hears themselves now; what comes back is the measurement.
    Measure,
    Finish,
    Over,
}

/// What a VRU said does not fit the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("step {said} was said to be done while step {current} is")]
pub(crate) struct OutOfStep {
    said: u32,
    current: u32,
}

impl Script {
    /// A test for a caller of this number; a withheld number is not said.
    pub(crate) fn new(measures: Measures, caller_number: &str) -> Self {
        let digits: String = caller_number.chars().filter(char::is_ascii_digit).take(DIGITS_MAX).collect();
        let stage = if digits.is_empty() { Stage::PlayTone } else { Stage::SayNumber { digits } };
        Self { measures, number: 0, stage }
    }

    /// Takes the report that a step is done. A report of an earlier step, repeated, is `Ok(None)`.
    pub(crate) fn done(&mut self, report: StepDone) -> Result<Option<RunDown>, OutOfStep> {
        match report.step.cmp(&self.number) {
            std::cmp::Ordering::Less => Ok(None),
            std::cmp::Ordering::Greater => Err(OutOfStep { said: report.step, current: self.number }),
            std::cmp::Ordering::Equal => Ok(self.next(&report)),
        }
    }

    /// Whether the goodbye was sent: nothing follows it.
    pub(crate) const fn is_finishing(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// The first step.
    pub(crate) fn begin(&mut self) -> Option<RunDown> {
        self.next(&StepDone::default())
    }

    fn next(&mut self, report: &StepDone) -> Option<RunDown> {
        let (action, then) = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::SayNumber { digits } => (Action::SayDigits(SayDigits { digits }), Stage::PlayTone),
            Stage::PlayTone => {
                let Measures { tone_hz, tone_ms, .. } = self.measures;
                (Action::Tone(Tone { frequency_hz: tone_hz, duration_ms: tone_ms }), Stage::Echo)
            }
            Stage::Echo => (Action::Echo(Echo { duration_ms: self.measures.echo_ms }), Stage::Measure),
            Stage::Measure => (Action::Report(measured(report)), Stage::Finish),
            Stage::Finish => (Action::Finish(true), Stage::Over),
            Stage::Over => return None,
        };
        self.stage = then;
        self.number += 1;
        Some(RunDown { step: self.number, action: Some(action) })
    }
}

/// What the caller is told of the line.
fn measured(report: &StepDone) -> Report {
    let expected = report.packets_received.saturating_add(report.packets_lost);
    let tenths = u128::from(report.packets_lost) * 1000 / u128::from(expected.max(1));
    Report { loss_tenths_percent: u32::try_from(tenths).unwrap_or(1000), delay_ms: report.delay_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURES: Measures = Measures { tone_hz: 1004, tone_ms: 2000, echo_ms: 5000 };

    fn done(step: u32) -> StepDone {
        StepDone { step, ..StepDone::default() }
    }

    #[test]
    fn a_test_says_the_number_plays_a_tone_echoes_reports_and_says_goodbye() {
        let mut script = Script::new(MEASURES, "+49 30 123");
        let mut actions = vec![script.begin().unwrap().action.unwrap()];
        for step in 1..=4 {
            let report = StepDone { step, packets_received: 995, packets_lost: 5, delay_ms: 80 };
            actions.push(script.done(report).unwrap().unwrap().action.unwrap());
        }
        assert_eq!(
            actions,
            [
                Action::SayDigits(SayDigits { digits: "4930123".to_owned() }),
                Action::Tone(Tone { frequency_hz: 1004, duration_ms: 2000 }),
                Action::Echo(Echo { duration_ms: 5000 }),
                Action::Report(Report { loss_tenths_percent: 5, delay_ms: 80 }),
                Action::Finish(true),
            ]
        );
        assert_eq!(script.done(done(5)), Ok(None));
    }

    #[test]
    fn a_withheld_number_is_not_said() {
        let first = Script::new(MEASURES, "anonymous").begin().unwrap();
        assert!(matches!(first.action, Some(Action::Tone(_))));
    }

    #[test]
    fn a_repeated_report_moves_nothing_on_and_one_ahead_is_refused() {
        let mut script = Script::new(MEASURES, "1");
        script.begin();
        assert!(script.done(done(1)).unwrap().is_some());
        assert_eq!(script.done(done(1)), Ok(None));
        assert_eq!(script.done(done(7)), Err(OutOfStep { said: 7, current: 2 }));
    }

    #[test]
    fn absurd_measurements_are_told_without_a_panic() {
        let all = StepDone { step: 1, packets_received: 0, packets_lost: u64::MAX, delay_ms: u32::MAX };
        assert_eq!(measured(&all).loss_tenths_percent, 1000);
        assert_eq!(measured(&done(1)).loss_tenths_percent, 0);
    }
}
