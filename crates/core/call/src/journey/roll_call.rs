//! The roll call as a browser, and who waits or has a hand up, one by one: what is spoken of whom, and who is next.

use std::time::Duration;

use partyline_conference::{
    AttendanceId, Command, ConfereeId, ConfereeState, Mute, Order, Role, RosterEntry, WaitingEntry,
};

use crate::language::Language;
use crate::prompt::Prompt;
use crate::script::Cue;

/// Between a name and what is said of it.
const SHORT: Duration = Duration::from_millis(150);

fn number_spoken(number: &str, language: Language) -> Vec<Prompt> {
    let digits = language.digits(number);
    if digits.is_empty() {
        return vec![Prompt::NumberWithheld];
    }
    [Prompt::CallsFrom].into_iter().chain(digits).collect()
}

/// The name, else the number that they call from: a host is never left with a silence.
fn caller_spoken(attendance: AttendanceId, has_name: bool, number: &str, language: Language) -> Vec<Cue> {
    let otherwise = number_spoken(number, language);
    if has_name {
        return vec![Cue::Name { attendance, otherwise }];
    }
    otherwise.into_iter().map(Cue::Say).collect()
}

/// "Number three", and the name, else the number that they call from.
fn conferee_spoken(entry: &RosterEntry, language: Language) -> Vec<Cue> {
    let order = [Prompt::CallerNumber].into_iter().chain(language.cardinal(entry.order.0));
    let mut cues: Vec<Cue> = order.map(Cue::Say).collect();
    cues.push(Cue::Pause(SHORT));
    cues.extend(caller_spoken(entry.attendance, entry.has_name, &entry.caller_number, language));
    cues
}

/// The roll call, at one of its entries.
#[derive(Debug, Clone)]
pub(super) struct RollCall {
    entries: Vec<RosterEntry>,
    at: usize,
    oneself: ConfereeId,
    /// Whether the next is heard by itself.
    pub(super) goes_on: bool,
    /// Whether the key that deletes was pressed once.
    pub(super) deletes: bool,
}

impl RollCall {
    /// `None` where nobody is there.
    pub(super) fn new(entries: Vec<RosterEntry>, oneself: ConfereeId) -> Option<Self> {
        (!entries.is_empty()).then_some(Self { entries, at: 0, oneself, goes_on: true, deletes: false })
    }

    pub(super) fn entry(&self) -> &RosterEntry {
        &self.entries[self.at]
    }

    pub(super) fn is_oneself(&self) -> bool {
        self.entry().conferee == self.oneself
    }

    pub(super) fn spoken(&self, language: Language) -> Vec<Cue> {
        let entry = self.entry();
        let mut cues = conferee_spoken(entry, language);
        let said = [
            (self.is_oneself(), Prompt::IsYou),
            (entry.role == Role::Host, Prompt::IsHost),
            (entry.mute.is_muted(), Prompt::IsMuted),
            (entry.hand_raised_at.is_some(), Prompt::HasHandUp),
            (entry.state == ConfereeState::Absent, Prompt::IsAway),
        ];
        cues.extend(said.into_iter().filter(|(is_so, _)| *is_so).map(|(_, prompt)| Cue::Say(prompt)));
        cues
    }

    /// Goes to the next; whether there is one.
    pub(super) fn next(&mut self) -> bool {
        let is_there = self.at + 1 < self.entries.len();
        self.at += usize::from(is_there);
        is_there
    }

    /// Goes to the one before; whether there is one.
    pub(super) fn previous(&mut self) -> bool {
        let is_there = self.at > 0;
        self.at -= usize::from(is_there);
        is_there
    }

    /// Goes to an order of entry; whether somebody has it.
    pub(super) fn jump(&mut self, order: Order) -> bool {
        let place = self.entries.iter().position(|entry| entry.order == order);
        if let Some(place) = place {
            self.at = place;
        }
        place.is_some()
    }

    /// A command about a conferee is done.
    pub(super) fn done(&mut self, command: &Command) {
        if let Command::SetMuted { conferee, muted } = command
            && let Some(entry) = self.entries.iter_mut().find(|entry| entry.conferee == *conferee)
        {
            entry.mute = if *muted { Mute::ByHost } else { Mute::None };
        }
        if let Command::Delete { conferee } = command {
            self.is_gone(*conferee);
        }
    }

    /// Takes out who is gone; the last one stays, as there has to be somebody to speak of.
    pub(super) fn is_gone(&mut self, conferee: ConfereeId) {
        let Some(place) = self.entries.iter().position(|entry| entry.conferee == conferee) else {
            return;
        };
        if self.entries.len() == 1 {
            return;
        }
        self.entries.remove(place);
        if self.at > place || self.at == self.entries.len() {
            self.at -= 1;
        }
    }
}

/// Somebody who wants something of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanting {
    ToComeIn(WaitingEntry),
    ToSpeak(RosterEntry),
}

impl Wanting {
    fn spoken(&self, language: Language) -> Vec<Cue> {
        let (mut cues, wants) = match self {
            Self::ToComeIn(entry) => (
                caller_spoken(entry.attendance, entry.has_name, &entry.caller_number, language),
                Prompt::Waits,
            ),
            Self::ToSpeak(entry) => (conferee_spoken(entry, language), Prompt::RaisesHand),
        };
        cues.push(Cue::Say(wants));
        cues
    }

    pub(super) const fn granted(&self) -> Command {
        match self {
            Self::ToComeIn(entry) => Command::Admit { attendance: entry.attendance },
            Self::ToSpeak(entry) => Command::SetMuted { conferee: entry.conferee, muted: false },
        }
    }

    pub(super) const fn denied(&self) -> Command {
        match self {
            Self::ToComeIn(entry) => Command::TurnAway { attendance: entry.attendance },
            Self::ToSpeak(entry) => Command::LowerHand { conferee: entry.conferee },
        }
    }

    const fn attendance(&self) -> AttendanceId {
        match self {
            Self::ToComeIn(entry) => entry.attendance,
            Self::ToSpeak(entry) => entry.attendance,
        }
    }
}

/// Who wants something of a host, at one of them: who waits first, then hands in the order in which they were raised.
#[derive(Debug, Clone)]
pub(super) struct Hands {
    wanting: Vec<Wanting>,
    at: usize,
}

impl Hands {
    /// `None` where nobody wants anything.
    pub(super) fn new(waiting: Vec<WaitingEntry>, roster: Vec<RosterEntry>) -> Option<Self> {
        let mut raised: Vec<RosterEntry> =
            roster.into_iter().filter(|entry| entry.hand_raised_at.is_some()).collect();
        raised.sort_by_key(|entry| entry.hand_raised_at);
        let waiting = waiting.into_iter().map(Wanting::ToComeIn);
        let wanting: Vec<Wanting> = waiting.chain(raised.into_iter().map(Wanting::ToSpeak)).collect();
        (!wanting.is_empty()).then_some(Self { wanting, at: 0 })
    }

    pub(super) fn one(&self) -> &Wanting {
        &self.wanting[self.at]
    }

    pub(super) fn spoken(&self, language: Language) -> Vec<Cue> {
        self.one().spoken(language)
    }

    /// Goes to the next; whether there is one.
    pub(super) fn next(&mut self) -> bool {
        let is_there = self.at + 1 < self.wanting.len();
        self.at += usize::from(is_there);
        is_there
    }

    /// Whom a command is about.
    pub(super) fn is_about(&self, command: &Command) -> bool {
        self.wanting[self.at..].iter().any(|one| one.granted() == *command || one.denied() == *command)
    }

    /// Takes out whom a command was about; whether anybody is left.
    pub(super) fn done(&mut self, command: &Command) -> bool {
        let about = self.wanting.iter().find(|one| one.granted() == *command || one.denied() == *command);
        let Some(attendance) = about.map(Wanting::attendance) else { return true };
        let before = self.wanting.iter().position(|one| one.attendance() == attendance);
        self.wanting.retain(|one| one.attendance() != attendance);
        if before.is_some_and(|place| place < self.at) {
            self.at -= 1;
        }
        self.at < self.wanting.len()
    }
}
