//! The line test's journey: a server orders steps, the caller hears them, one after the other.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use partyline_conference::LeaveReason;

use crate::Brain;
use crate::fact::{Fact, TestAction, TestStep};
use crate::language::Language;
use crate::patience::Patience;
use crate::prompt::Prompt;
use crate::script::{Cue, Player, Script};
use crate::wish::{Ending, Wish};

/// Steps that may wait: a server sends the next only when it hears of the last.
const WAITING_MAX: usize = 4;
/// Longer tones and echoes are cut to this.
const STEP_MAX: Duration = Duration::from_secs(30);
/// Before the caller's own voice comes back.
const BEEP: Cue = Cue::Tone { frequency_hz: 1000, duration: Duration::from_millis(200) };
const PAUSE: Duration = Duration::from_millis(300);

/// A caller who tests the line.
#[derive(Debug)]
pub struct LineTest {
    language: Language,
    patience: Patience,
    stage: Stage,
    waiting: VecDeque<TestStep>,
    give_up_at: Instant,
    on_hold: bool,
    player: Player,
    wishes: VecDeque<Wish>,
}

#[derive(Debug)]
enum Stage {
    Answering,
    /// The welcome plays, or the next step is awaited.
    Between,
    /// A step plays; `echoes` for so long behind it.
    Playing {
        number: u32,
        echoes: Option<Duration>,
        is_last: bool,
    },
    Echoing {
        number: u32,
        until: Instant,
    },
    Leaving {
        ending: Ending,
    },
    Over,
}

impl LineTest {
    /// A call has come in. Its first wish, to be answered, waits to be polled.
    #[must_use]
    pub fn new(now: Instant, patience: Patience, language: Language) -> Self {
        Self {
            language,
            patience,
            stage: Stage::Answering,
            waiting: VecDeque::new(),
            give_up_at: now + patience.line_test_max,
            on_hold: false,
            player: Player::default(),
            wishes: VecDeque::from([Wish::Answer]),
        }
    }

    fn play(&mut self, script: Script) {
        let play = self.player.start(&script);
        self.wishes.push_back(Wish::Play(play, script));
    }

    fn media_up(&mut self) {
        if let Stage::Answering = self.stage {
            self.stage = Stage::Between;
            self.wishes.push_back(Wish::StartLineTest);
            self.play(Script::say([Prompt::LineTestWelcome]).after(PAUSE));
        }
    }

    fn step(&mut self, step: TestStep) {
        let is_free = matches!(self.stage, Stage::Between) && !self.player.plays();
        if is_free {
            self.begin(step);
        } else if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(step);
        }
    }

    fn begin(&mut self, step: TestStep) {
        let (script, echoes) = match step.action {
            TestAction::SayNumber(ref digits) => (self.number_spoken(digits), None),
            TestAction::Tone { frequency_hz, duration } => {
                let tone = Cue::Tone { frequency_hz, duration: duration.min(STEP_MAX) };
                (Script::say([Prompt::LineTestTone]).then(Cue::Pause(PAUSE)).then(tone), None)
            }
            TestAction::Echo { duration } => {
                (Script::say([Prompt::LineTestEcho]).then(BEEP), Some(duration.min(STEP_MAX)))
            }
            TestAction::Report { loss_tenths_percent, delay_ms } => {
                (self.report_spoken(loss_tenths_percent, delay_ms), None)
            }
            TestAction::Finish => (Script::say([Prompt::LineTestDone, Prompt::Goodbye]), None),
        };
        let is_last = step.action == TestAction::Finish;
        self.stage = Stage::Playing { number: step.number, echoes, is_last };
        self.play(script);
    }

    fn number_spoken(&self, digits: &str) -> Script {
        let spoken = self.language.digits(digits);
        if spoken.is_empty() {
            return Script::say([Prompt::LineTestNoNumber]);
        }
        Script::say([Prompt::LineTestYourNumber].into_iter().chain(spoken))
    }

    fn report_spoken(&self, loss_tenths_percent: u32, delay_ms: u32) -> Script {
        let loss = [Prompt::LineTestLoss].into_iter().chain(self.language.tenths(loss_tenths_percent));
        let mut script = Script::say(loss).then(Cue::Pause(PAUSE)).then(Cue::Say(Prompt::LineTestDelay));
        script.cues.extend(self.language.cardinal(delay_ms).into_iter().map(Cue::Say));
        script
    }

    fn play_ended(&mut self, now: Instant) {
        match self.stage {
            Stage::Playing { number, echoes: Some(duration), .. } => {
                self.wishes.push_back(Wish::SetEcho(true));
                self.stage = Stage::Echoing { number, until: now + duration };
            }
            Stage::Playing { number, echoes: None, is_last: true } => {
                self.wishes.push_back(Wish::StepDone { number, is_measured: false });
                self.hang_up(Ending::TestDone);
            }
            Stage::Playing { number, echoes: None, is_last: false } => self.step_done(number, false),
            Stage::Between => self.begin_waiting(),
            Stage::Leaving { ending } => self.hang_up(ending),
            Stage::Answering | Stage::Echoing { .. } | Stage::Over => {}
        }
    }

    fn step_done(&mut self, number: u32, is_measured: bool) {
        self.wishes.push_back(Wish::StepDone { number, is_measured });
        self.stage = Stage::Between;
        self.begin_waiting();
    }

    fn begin_waiting(&mut self) {
        if let Some(step) = self.waiting.pop_front() {
            self.begin(step);
        }
    }

    fn fail(&mut self, now: Instant) {
        match self.stage {
            Stage::Answering | Stage::Leaving { .. } => self.hang_up(Ending::TestFailed),
            // The server ends its stream behind the last step.
            Stage::Playing { is_last: true, .. } if now < self.give_up_at => {}
            Stage::Playing { is_last: true, .. } => self.hang_up(Ending::TestDone),
            Stage::Over => {}
            Stage::Between | Stage::Playing { .. } | Stage::Echoing { .. } => {
                if let Stage::Echoing { .. } = self.stage {
                    self.wishes.push_back(Wish::SetEcho(false));
                }
                self.give_up_at = now + self.patience.goodbye_max;
                self.stage = Stage::Leaving { ending: Ending::TestFailed };
                self.play(Script::say([Prompt::RefusedUnavailable, Prompt::Goodbye]));
            }
        }
    }

    fn hang_up(&mut self, ending: Ending) {
        self.stage = Stage::Over;
        self.wishes.push_back(Wish::HangUp(ending));
    }
}

impl Brain for LineTest {
    fn handle_fact(&mut self, now: Instant, fact: Fact) {
        if self.is_over() {
            return;
        }
        match fact {
            Fact::MediaUp => self.media_up(),
            Fact::PlayEnded(play) => {
                if self.player.ended(play) {
                    self.play_ended(now);
                }
            }
            Fact::Step(step) => self.step(step),
            Fact::StepsEnded => self.fail(now),
            Fact::OnHold(on_hold) => self.on_hold = on_hold,
            Fact::Quiet(quiet_for) => {
                if !self.on_hold && quiet_for >= self.patience.no_rtp_max {
                    self.hang_up(Ending::Left(LeaveReason::NoRtp));
                }
            }
            Fact::Shutdown => self.hang_up(Ending::Left(LeaveReason::Shutdown)),
            Fact::Ended(_) => self.stage = Stage::Over,
            // Of a conference; none was entered here. Keys mean nothing to a line test.
            Fact::Key(_)
            | Fact::CodeChecked(_)
            | Fact::PinChecked(_)
            | Fact::Standing(_)
            | Fact::Joined { .. }
            | Fact::JoinFailed { .. }
            | Fact::MixLost { .. }
            | Fact::CalleeRings { .. }
            | Fact::CalleeFailed { .. }
            | Fact::WallClock(_)
            | Fact::CommandAnswered { .. }
            | Fact::Roster { .. }
            | Fact::Waiting { .. }
            | Fact::NameRecorded { .. }
            | Fact::SpokeWhileMuted => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Stage::Echoing { number, until } = self.stage
            && until <= now
        {
            self.wishes.push_back(Wish::SetEcho(false));
            self.step_done(number, true);
        }
        if self.give_up_at <= now && !self.is_over() {
            self.fail(now);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self.stage {
            Stage::Echoing { until, .. } => Some(until.min(self.give_up_at)),
            Stage::Over => None,
            Stage::Answering | Stage::Between | Stage::Playing { .. } | Stage::Leaving { .. } => {
                Some(self.give_up_at)
            }
        }
    }

    fn poll_wish(&mut self) -> Option<Wish> {
        self.wishes.pop_front()
    }

    fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }
}
