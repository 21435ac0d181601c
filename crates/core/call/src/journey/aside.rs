//! Somebody is called from within the conference: whom, what is heard of it, and the talk in private.
//!
//! The standing says that somebody is to be called, and who has answered; what this side knows of the call besides goes
//! to the CMS by a command, as a key does. **Invariant:** however a talk in private ends, the caller is told.

use std::time::{Duration, Instant};

use partyline_conference::{AsideView, AttendanceId, Command, DialTarget, OutdialEnd, OutdialKind, Role};

use super::attending::Attending;
use super::menus::Open;
use super::{Journey, help};
use crate::entry::Entry;
use crate::keypad::{KeyCommand, Menu};
use crate::prompt::Prompt;
use crate::script::Cue;
use crate::wish::{CallOut, CalleeTerms, Wish};

/// What a caller hears when their callee answers: too short to be spoken over.
const ANSWERED: Cue = Cue::Tone { frequency_hz: 880, duration: Duration::from_millis(150) };

/// Whom the caller has called and is not done with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CalledOut {
    callee: AttendanceId,
    kind: OutdialKind,
    has_answered: bool,
    is_ringing: bool,
    /// Whether the caller knows how it ends: they asked for it, or were told.
    is_settled: bool,
}

impl CalledOut {
    /// Whether the callee rings.
    pub(super) const fn rings(&self) -> bool {
        self.is_ringing && !self.has_answered && !self.is_settled
    }
}

impl Attending {
    /// Whether somebody is being called.
    pub(super) fn calls_out(&self) -> bool {
        self.called.as_ref().is_some_and(|called| !called.has_answered)
    }
}

impl Journey {
    /// Asks for a number, where nobody is called already.
    pub(super) fn ask_whom_to_call(&mut self, now: Instant) {
        if self.attending().is_some_and(|attending| attending.called.is_some()) {
            self.answer_key(now, Prompt::AlreadyCalling);
        } else {
            self.open_entry(now, Open::Number(Entry::default()));
        }
    }

    pub(super) fn number_keyed(&mut self, now: Instant, entry: &Entry) {
        self.close_menu();
        match DialTarget::number(entry.whole()) {
            Ok(to) => self.send(now, Command::DialOut { to }),
            Err(_) => self.answer_key(now, Prompt::NotRecognised),
        }
    }

    /// The callee is brought in, or let go.
    pub(super) fn settle_aside(&mut self, now: Instant, command: KeyCommand) {
        let Some(called) = self.attending().and_then(|attending| attending.called.as_mut()) else {
            return self.answer_key(now, Prompt::NoLongerHere);
        };
        let callee = called.callee;
        let joins = command == KeyCommand::JoinCallee;
        // Who does not ring any more is heard no more.
        called.is_settled = called.has_answered || !joins;
        self.end_ringing();
        let command = if joins {
            Command::JoinCallee { callee }
        } else {
            Command::DropCallee { callee, why: OutdialEnd::Dropped }
        };
        self.send(now, command);
    }

    /// A command that would settle it was refused; whether that needs no word.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest settle nothing")]
    pub(super) fn is_heard_without(&mut self, command: &Command) -> bool {
        let (callee, is_own) = match command {
            Command::JoinCallee { callee } => (*callee, true),
            Command::DropCallee { callee, why } => (*callee, *why == OutdialEnd::Dropped),
            _ => return false,
        };
        let called = self.attending().and_then(|attending| attending.called.as_mut());
        if let Some(called) = called.filter(|called| called.callee == callee && is_own) {
            called.is_settled = false;
        }
        // What became of the call was told when it was known.
        !is_own
    }

    /// Behind "calling": the keys that there are meanwhile.
    pub(super) fn keys_while_calling(&mut self, command: &Command) -> Vec<Cue> {
        let (map, language) = (self.keys.clone(), self.language);
        let role = self.attending().map_or(Role::Participant, |attending| attending.role());
        let keys = |command| help::keys_of(&map, Menu::Aside, command, language);
        match (command, role) {
            (Command::DialOut { .. }, _) => {
                [keys(KeyCommand::JoinCallee), keys(KeyCommand::DropCallee)].concat()
            }
            (Command::CallOperator, _) => keys(KeyCommand::DropCallee),
            _ => Vec::new(),
        }
    }

    /// The standing says whom the caller has called and is not done with.
    pub(super) fn take_called(&mut self, now: Instant, told: Option<AsideView>) {
        let Some(attending) = self.attending() else {
            return;
        };
        match (attending.called.as_mut(), told) {
            (Some(called), Some(told)) if called.callee == told.callee => {
                if told.has_answered && !std::mem::replace(&mut called.has_answered, true) {
                    self.callee_answered(now);
                }
            }
            (_, told) => {
                if let Some(called) = attending.called.take() {
                    self.aside_is_over(now, &called);
                }
                if let Some(told) = told {
                    self.call_out(told);
                }
            }
        }
    }

    fn call_out(&mut self, told: AsideView) {
        let terms = self.room.zip(self.account).map(|(room, account)| CalleeTerms {
            room,
            account,
            no_rtp_max: self.no_rtp_max,
        });
        let Some(attending) = self.attending() else {
            return;
        };
        attending.called = Some(CalledOut {
            callee: told.callee,
            kind: told.kind,
            has_answered: told.has_answered,
            is_ringing: false,
            is_settled: false,
        });
        if let Some(terms) = terms.filter(|_| !told.has_answered) {
            self.wish(Wish::CallOut(CallOut { callee: told.callee, kind: told.kind, to: told.to, terms }));
        }
    }

    fn called(&mut self, callee: AttendanceId) -> Option<&mut CalledOut> {
        self.attending()?.called.as_mut().filter(|called| called.callee == callee)
    }

    pub(super) fn callee_rings(&mut self, now: Instant, callee: AttendanceId) {
        let Some(called) = self.called(callee).filter(|called| !called.has_answered) else {
            return;
        };
        if !std::mem::replace(&mut called.is_ringing, true) {
            self.say_news(now, vec![Cue::Say(Prompt::ItRings)]);
        }
    }

    pub(super) fn callee_failed(&mut self, now: Instant, callee: AttendanceId, why: OutdialEnd) {
        let Some(called) = self.called(callee).filter(|called| !called.is_settled) else {
            return;
        };
        called.is_settled = true;
        self.end_ringing();
        self.say_news(now, vec![Cue::Say(prompt_of_end(why))]);
        self.send(now, Command::DropCallee { callee, why });
    }

    /// The two hear each other from now on: what is spoken to the caller is cut short.
    fn callee_answered(&mut self, now: Instant) {
        if self.player.plays() {
            self.stop_playing();
        }
        self.say(now, vec![ANSWERED]);
    }

    fn aside_is_over(&mut self, now: Instant, called: &CalledOut) {
        if !called.has_answered {
            self.wish(Wish::StopCallingOut);
        }
        self.end_ringing();
        if called.is_settled {
            return;
        }
        let role = self.attending().map_or(Role::Participant, |attending| attending.role());
        let said = match (called.has_answered, called.kind, role) {
            (true, ..) => Prompt::CalleeGone,
            // Nobody talks in private with an operator whom a host called.
            (false, OutdialKind::Operator, Role::Host) => Prompt::OperatorIsHere,
            (false, ..) => Prompt::CalleeUnreachable,
        };
        self.say_news(now, vec![Cue::Say(said)]);
    }

    /// The sound of ringing is over; music goes on where there is any.
    fn end_ringing(&mut self) {
        let rings =
            self.attending().is_some_and(|attending| attending.called.as_ref().is_some_and(CalledOut::rings));
        if self.player.plays() && !self.player.speaks() && !rings {
            self.stop_playing();
            self.prompt_over_mix_ended();
        }
    }
}

const fn prompt_of_end(why: OutdialEnd) -> Prompt {
    match why {
        OutdialEnd::Busy => Prompt::CalleeBusy,
        OutdialEnd::NoAnswer => Prompt::CalleeNoAnswer,
        OutdialEnd::Refused => Prompt::CalleeRefused,
        OutdialEnd::Unreachable
        | OutdialEnd::Dropped
        | OutdialEnd::CalleeLeft
        | OutdialEnd::AskerLeft
        | OutdialEnd::ConferenceEnded
        | OutdialEnd::TooLong
        | OutdialEnd::NoMixer
        | OutdialEnd::Full
        | OutdialEnd::VruLost
        | OutdialEnd::Restart => Prompt::CalleeUnreachable,
    }
}
