//! Scripts: what a caller hears, in order, as names and not yet as sound.

use std::time::Duration;

use partyline_conference::AttendanceId;

use crate::prompt::Prompt;

/// Names one play of a journey, so that its end can be told from another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PlayNumber(pub u64);

/// One piece of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cue {
    /// A recording.
    Say(Prompt),
    /// The name that a caller has recorded.
    Name {
        /// Whose.
        attendance: AttendanceId,
        /// What is said where the name can't be read.
        otherwise: Vec<Prompt>,
    },
    /// Nothing, for this long.
    Pause(Duration),
    /// A tone.
    Tone {
        /// Hz.
        frequency_hz: u32,
        /// How long.
        duration: Duration,
    },
}

/// What is played, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The pieces.
    pub cues: Vec<Cue>,
    /// Whether it begins again at its end.
    pub repeats: bool,
}

impl Script {
    /// Speech, once.
    #[must_use]
    pub fn say(prompts: impl IntoIterator<Item = Prompt>) -> Self {
        Self { cues: prompts.into_iter().map(Cue::Say).collect(), repeats: false }
    }

    /// Music without an end.
    #[must_use]
    pub fn music() -> Self {
        Self { cues: vec![Cue::Say(Prompt::HoldMusic)], repeats: true }
    }

    /// What a callee who rings sounds like, without an end: the cadence of most of Europe.
    #[must_use]
    pub fn ringing() -> Self {
        let tone = Cue::Tone { frequency_hz: 425, duration: Duration::from_secs(1) };
        Self { cues: vec![tone, Cue::Pause(Duration::from_secs(4))], repeats: true }
    }

    /// The same after a pause.
    #[must_use]
    pub fn after(mut self, pause: Duration) -> Self {
        self.cues.insert(0, Cue::Pause(pause));
        self
    }

    /// The same with more at its end.
    #[must_use]
    pub fn then(mut self, cue: Cue) -> Self {
        self.cues.push(cue);
        self
    }
}

/// Numbers plays and remembers which one the caller hears.
#[derive(Debug, Default)]
pub(crate) struct Player {
    last: PlayNumber,
    current: Option<Playing>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Playing {
    Speech(PlayNumber),
    Music,
}

impl Player {
    /// A new play, instead of the present one.
    pub(crate) fn start(&mut self, script: &Script) -> PlayNumber {
        self.last = PlayNumber(self.last.0 + 1);
        self.current = Some(if script.repeats { Playing::Music } else { Playing::Speech(self.last) });
        self.last
    }

    /// Whether something plays that a key should stop.
    pub(crate) fn speaks(&self) -> bool {
        matches!(self.current, Some(Playing::Speech(_)))
    }

    /// Whether anything plays.
    pub(crate) fn plays(&self) -> bool {
        self.current.is_some()
    }

    pub(crate) fn stop(&mut self) {
        self.current = None;
    }

    /// Whether this is the end of the present play, not of an earlier one.
    pub(crate) fn ended(&mut self, play: PlayNumber) -> bool {
        let is_current = self.current == Some(Playing::Speech(play));
        if is_current {
            self.current = None;
        }
        is_current
    }
}
