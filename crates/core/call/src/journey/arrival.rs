//! Before entry: questions, keys, what the store says of a code, and the CMS's first decision.

use std::time::{Duration, Instant};

use partyline_conference::{ConferenceCode, HostPin, LeaveReason, Refusal, Standing};

use super::{ANSWER_PAUSE, Claim, Journey, Media, Next, Question, Stage};
use crate::entry::{Entry, Keyed};
use crate::fact::{CodeAnswer, PinAnswer};
use crate::prompt::Prompt;
use crate::script::Script;
use crate::wish::{Ending, Wish};

impl Journey {
    pub(super) fn ask(&mut self, now: Instant, question: Question, lead: Option<Prompt>) {
        let is_first = matches!(self.media, Media::Up { since } if since == now);
        let words = is_first.then_some(Prompt::Greeting).into_iter().chain(lead).chain([match question {
            Question::Code => Prompt::EnterCode,
            Question::Pin(_) => Prompt::EnterPin,
        }]);
        let script = Script::say(words);
        self.play(if is_first { script.after(ANSWER_PAUSE) } else { script });
        // Until the prompt's end is told; then the wait for the first key counts.
        let deadline = now + self.patience.goodbye_max + self.patience.first_key_wait;
        self.stage = Stage::Asking { question, entry: Entry::default(), deadline };
        // A key of these may begin the next check; the rest is kept again.
        for key in std::mem::take(&mut self.typed_ahead).chars() {
            self.key(now, key);
        }
    }

    pub(super) fn key_of_answer(&mut self, now: Instant, key: char) {
        if self.player.speaks() {
            self.stop_playing();
        }
        let Stage::Asking { question, entry, deadline } = &mut self.stage else {
            return;
        };
        *deadline = now + self.patience.key_wait;
        let keyed = entry.key(key);
        let question = question.clone();
        match keyed {
            Keyed::More => {}
            Keyed::Nothing => self.ask_again(now, question, Prompt::NothingKeyed),
            Keyed::TooMany => self.unreadable(now, question),
            Keyed::Complete(entry) => match question {
                Question::Code => {
                    let (code, pin) = entry.code_and_pin();
                    match ConferenceCode::parse(code) {
                        // A PIN that is none is asked for again, where one is needed.
                        Ok(code) => self.check_code(now, code, pin.and_then(|pin| HostPin::parse(pin).ok())),
                        Err(_) => self.unreadable(now, Question::Code),
                    }
                }
                Question::Pin(claim) => match HostPin::parse(entry.whole()) {
                    Ok(pin) => self.check_pin(now, claim, pin),
                    Err(_) => self.unreadable(now, Question::Pin(claim)),
                },
            },
        }
    }

    /// No key came in time.
    pub(super) fn no_key(&mut self, now: Instant) {
        let Stage::Asking { question, entry, .. } = &self.stage else {
            return;
        };
        let lead = if entry.is_empty() { Prompt::NothingKeyed } else { Prompt::PoundMissing };
        let question = question.clone();
        self.ask_again(now, question, lead);
    }

    fn ask_again(&mut self, now: Instant, question: Question, lead: Prompt) {
        self.silent += 1;
        if self.silent < self.patience.silent_max {
            self.ask(now, question, Some(lead));
        } else {
            self.say_goodbye(now, Ending::NoCode, vec![lead]);
        }
    }

    /// Keys that can't be a code or PIN, and need no store to say so.
    fn unreadable(&mut self, now: Instant, question: Question) {
        self.guessed_wrong(now, question, Duration::ZERO);
    }

    pub(super) fn check_code(&mut self, now: Instant, code: ConferenceCode, pin: Option<HostPin>) {
        self.wish(Wish::LookUpCode { code: code.clone(), only_room: self.only_room });
        self.stage = Stage::Checking { code, pin, give_up_at: now + self.patience.check_max };
    }

    fn check_pin(&mut self, now: Instant, claim: Claim, pin: HostPin) {
        self.wish(Wish::VerifyPin { room: claim.found.room, pin: pin.clone() });
        self.stage = Stage::CheckingPin { claim, pin, give_up_at: now + self.patience.check_max };
    }

    pub(super) fn code_checked(&mut self, now: Instant, answer: CodeAnswer) {
        let Stage::Checking { code, pin, .. } = &mut self.stage else {
            return;
        };
        let (code, pin) = (code.clone(), pin.take());
        match answer {
            CodeAnswer::Known(found) if found.is_locked => {
                self.wish(Wish::ReportRefusal { refusal: Refusal::Locked, room: Some(found.room) });
                self.refuse_early(now, Refusal::Locked);
            }
            CodeAnswer::Known(found) => {
                let claim = Claim { code, found };
                match (claim.found.pin_needed, pin) {
                    (false, _) => self.let_in(now, claim, None),
                    (true, Some(pin)) => self.check_pin(now, claim, pin),
                    (true, None) => {
                        self.once_answered(now, Next::Ask { question: Question::Pin(claim), lead: None });
                    }
                }
            }
            CodeAnswer::Unknown { delay } => self.guessed_wrong(now, Question::Code, delay),
            CodeAnswer::LockedOut => self.locked_out(now),
            CodeAnswer::Unavailable => self.check_unavailable(now),
        }
    }

    pub(super) fn pin_checked(&mut self, now: Instant, answer: PinAnswer) {
        let Stage::CheckingPin { claim, pin, .. } = &self.stage else {
            return;
        };
        let (claim, pin) = (claim.clone(), pin.clone());
        match answer {
            PinAnswer::Right => self.let_in(now, claim, Some(pin)),
            PinAnswer::Wrong { delay } => self.guessed_wrong(now, Question::Pin(claim), delay),
            PinAnswer::LockedOut => self.locked_out(now),
            PinAnswer::Unavailable => self.check_unavailable(now),
        }
    }

    fn locked_out(&mut self, now: Instant) {
        self.wish(Wish::ReportRefusal { refusal: Refusal::LockedOut, room: None });
        self.refuse(now, Refusal::LockedOut);
    }

    /// The store did not say what a code or PIN is.
    pub(super) fn check_unavailable(&mut self, now: Instant) {
        self.wish(Wish::ReportRefusal { refusal: Refusal::Unavailable, room: None });
        self.refuse_early(now, Refusal::Unavailable);
    }

    fn guessed_wrong(&mut self, now: Instant, question: Question, delay: Duration) {
        let (refusal, room, lead) = match &question {
            Question::Code => (Refusal::UnknownCode, None, Prompt::CodeUnknown),
            Question::Pin(claim) => (Refusal::WrongPin, Some(claim.found.room), Prompt::PinWrong),
        };
        self.wish(Wish::ReportRefusal { refusal, room });
        self.wrong += 1;
        if delay.is_zero() {
            self.tell_wrong(now, question, lead);
        } else {
            self.stage = Stage::Delaying { until: now + delay, then: question, lead };
        }
    }

    pub(super) fn delay_over(&mut self, now: Instant) {
        if let Stage::Delaying { then, lead, .. } = &self.stage {
            let (question, lead) = (then.clone(), *lead);
            self.tell_wrong(now, question, lead);
        }
    }

    fn tell_wrong(&mut self, now: Instant, question: Question, lead: Prompt) {
        let next = if self.wrong < self.patience.wrong_max {
            Next::Ask { question, lead: Some(lead) }
        } else {
            Next::SayGoodbye { ending: Ending::TooManyTries, words: vec![lead, Prompt::TooManyTries] }
        };
        self.once_answered(now, next);
    }

    /// Asks the CMS for entry.
    pub(super) fn admit(&mut self, now: Instant, claim: Claim, host_pin: Option<HostPin>) {
        self.wish(Wish::Attend { code: claim.code, host_pin });
        let is_answered = self.is_answered();
        self.stage = Stage::Admitting {
            answer_at: (!is_answered).then_some(now + self.patience.answer_wait),
            tell_at: is_answered.then_some(now + self.patience.admission_told),
            give_up_at: now + self.patience.admission_max,
        };
    }

    /// The CMS is slow to decide.
    pub(super) fn admission_waits(&mut self, now: Instant) {
        let Stage::Admitting { answer_at, tell_at, give_up_at } = &mut self.stage else {
            return;
        };
        if *give_up_at <= now {
            self.give_up_attendance(LeaveReason::CallFailed);
            self.refuse_early(now, Refusal::Unavailable);
        } else if answer_at.is_some_and(|at| at <= now) {
            *answer_at = None;
            *tell_at = Some(now + self.patience.admission_told);
            self.media = Media::Answering;
            self.wish(Wish::Answer);
        } else {
            *tell_at = None;
            if self.is_answered() {
                self.play(Script::say([Prompt::OneMoment]));
            }
        }
    }

    /// The CMS has decided for the first time.
    pub(super) fn decided(&mut self, now: Instant, standing: Standing) {
        match standing {
            Standing::Refused(refusal) => self.refuse_early(now, refusal),
            Standing::Removed(reason) => {
                let words = super::prompt_of_leaving(reason).unwrap_or_default();
                self.once_answered(now, Next::SayGoodbye { ending: Ending::Left(reason), words });
            }
            Standing::Held
            | Standing::InWaitingRoom
            | Standing::ConnectedForNow(_)
            | Standing::Aside(_)
            | Standing::Placed { .. } => {
                if let Some(name) = self.name.take() {
                    self.wish(Wish::KeepName(name));
                }
                self.once_answered(now, Next::Attend(standing));
            }
        }
    }

    /// Refuses before the answer where signalling can say it as well; else the caller is told. What a wrong guess
    /// would get is always told, so that signalling does not tell right codes from wrong ones.
    fn refuse_early(&mut self, now: Instant, refusal: Refusal) {
        let is_for_signalling = match refusal {
            Refusal::Locked
            | Refusal::Full
            | Refusal::AccountLimit
            | Refusal::NoMixer
            | Refusal::Deleted
            | Refusal::Unavailable => true,
            Refusal::UnknownCode | Refusal::WrongPin | Refusal::LockedOut => false,
        };
        if is_for_signalling && self.media == Media::Unanswered {
            self.reject(refusal);
        } else {
            self.refuse(now, refusal);
        }
    }
}
