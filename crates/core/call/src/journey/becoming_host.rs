//! A participant keys the room's host code during the conference. The store is asked here as at entry, so that wrong
//! codes count as guesses; the CMS checks again what it is sent.

use std::time::{Duration, Instant};

use partyline_conference::{Command, ConferenceCode, HostPin, Refusal, Role};

use super::Journey;
use super::menus::Open;
use crate::entry::Entry;
use crate::fact::{CodeAnswer, PinAnswer};
use crate::prompt::Prompt;
use crate::wish::Wish;

impl Journey {
    pub(super) fn host_code_keyed(&mut self, now: Instant, entry: &Entry) {
        let (code, pin) = entry.code_and_pin();
        let pin = pin.and_then(|pin| HostPin::parse(pin).ok());
        let Ok(code) = ConferenceCode::parse(code) else {
            return self.guessed_wrong_in_conference(now, Prompt::CodeUnknown, Duration::ZERO);
        };
        self.wish(Wish::LookUpCode { code: code.clone(), only_room: self.room });
        self.wait_in_menu(Open::CheckingCode(code, pin), now + self.patience.check_max);
    }

    pub(super) fn host_code_checked(&mut self, now: Instant, answer: CodeAnswer) {
        let is_it = |open: &Open| matches!(open, Open::CheckingCode(..));
        let Some(Open::CheckingCode(code, pin)) = self.taken_menu(is_it) else {
            return;
        };
        match answer {
            CodeAnswer::Known(found) if found.role == Role::Host => match (found.pin_needed, pin) {
                (false, _) => self.send(now, Command::BecomeHost { code, pin: None }),
                (true, Some(pin)) => self.check_host_pin(now, code, pin),
                (true, None) => self.open_entry(now, Open::HostPin(code, Entry::default())),
            },
            // A right code of the room, for participants.
            CodeAnswer::Known(_) => {
                self.guessed_wrong_in_conference(now, Prompt::CodeUnknown, Duration::ZERO);
            }
            CodeAnswer::Unknown { delay } => {
                self.wish(Wish::ReportRefusal { refusal: Refusal::UnknownCode, room: None });
                self.guessed_wrong_in_conference(now, Prompt::CodeUnknown, delay);
            }
            CodeAnswer::LockedOut => self.answer_key(now, Prompt::RefusedLockedOut),
            CodeAnswer::Unavailable => self.answer_key(now, Prompt::TryAgain),
        }
    }

    pub(super) fn host_pin_keyed(&mut self, now: Instant, code: ConferenceCode, entry: &Entry) {
        match HostPin::parse(entry.whole()) {
            Ok(pin) => self.check_host_pin(now, code, pin),
            Err(_) => self.guessed_wrong_in_conference(now, Prompt::PinWrong, Duration::ZERO),
        }
    }

    fn check_host_pin(&mut self, now: Instant, code: ConferenceCode, pin: HostPin) {
        let Some(room) = self.room else {
            return self.answer_key(now, Prompt::TryAgain);
        };
        self.wish(Wish::VerifyPin { room, pin: pin.clone() });
        self.wait_in_menu(Open::CheckingPin(code, pin), now + self.patience.check_max);
    }

    pub(super) fn host_pin_checked(&mut self, now: Instant, answer: PinAnswer) {
        let is_it = |open: &Open| matches!(open, Open::CheckingPin(..));
        let Some(Open::CheckingPin(code, pin)) = self.taken_menu(is_it) else {
            return;
        };
        match answer {
            PinAnswer::Right => self.send(now, Command::BecomeHost { code, pin: Some(pin) }),
            PinAnswer::Wrong { delay } => {
                self.wish(Wish::ReportRefusal { refusal: Refusal::WrongPin, room: self.room });
                self.guessed_wrong_in_conference(now, Prompt::PinWrong, delay);
            }
            PinAnswer::LockedOut => self.answer_key(now, Prompt::RefusedLockedOut),
            PinAnswer::Unavailable => self.answer_key(now, Prompt::TryAgain),
        }
    }

    fn guessed_wrong_in_conference(&mut self, now: Instant, said: Prompt, delay: Duration) {
        if delay.is_zero() {
            self.close_menu();
            self.answer_key(now, said);
        } else {
            self.wait_in_menu(Open::Delaying(said), now + delay);
        }
    }

    /// What is open, where an answer belongs to it; then it is closed.
    fn taken_menu(&mut self, is_it: fn(&Open) -> bool) -> Option<Open> {
        self.attending()?.open.take_if(|menu| is_it(&menu.open)).map(|menu| menu.open)
    }
}
