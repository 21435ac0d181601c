//! Menus over the mix: what is open, what its keys do, and how it ends.
//!
//! **Invariant:** every menu can be left by a key, and one that is left alone ends.

use std::time::Instant;

use partyline_conference::{Command, ConferenceCode, LeaveReason, Order};

use super::roll_call::{Hands, RollCall};
use super::{Journey, help};
use crate::entry::{Entry, Keyed};
use crate::keypad::{KeyCommand, Menu, Pressed};
use crate::prompt::Prompt;
use crate::script::Cue;

/// What is open.
#[derive(Debug, Clone)]
pub(super) enum Open {
    /// Keys, and nothing else to remember.
    Keys(Menu),
    RollCall(RollCall),
    /// An order of entry is keyed, to go to in the roll call.
    Order(RollCall, Entry),
    Hands(Hands),
    /// A number is keyed, to be called.
    Number(Entry),
    HostCode(Entry),
    /// The store is asked for the code, and the PIN where one was keyed with it.
    CheckingCode(ConferenceCode, Option<partyline_conference::HostPin>),
    HostPin(ConferenceCode, Entry),
    CheckingPin(ConferenceCode, partyline_conference::HostPin),
    /// A wrong code or PIN is answered a little later.
    Delaying(Prompt),
}

impl Open {
    pub(super) fn host_code() -> Self {
        Self::HostCode(Entry::default())
    }

    /// Whose keys are in force; `None` while digits are keyed, or an answer is awaited.
    const fn menu(&self) -> Option<Menu> {
        match self {
            Self::Keys(menu) => Some(*menu),
            Self::RollCall(_) => Some(Menu::RollCall),
            Self::Hands(_) => Some(Menu::Hands),
            Self::Order(..)
            | Self::Number(_)
            | Self::HostCode(_)
            | Self::CheckingCode(..)
            | Self::HostPin(..)
            | Self::CheckingPin(..)
            | Self::Delaying(_) => None,
        }
    }
}

/// An open menu, and when it is left alone.
#[derive(Debug, Clone)]
pub(super) struct OpenMenu {
    pub(super) open: Open,
    pub(super) alone_at: Instant,
    is_reminded: bool,
}

impl OpenMenu {
    pub(super) fn menu(&self) -> Menu {
        self.open.menu().unwrap_or(Menu::Conference)
    }

    /// Whether the caller is to press something; else an answer is awaited.
    pub(super) const fn waits_for_key(&self) -> bool {
        !matches!(self.open, Open::CheckingCode(..) | Open::CheckingPin(..) | Open::Delaying(_))
    }
}

impl Journey {
    fn open(&mut self) -> Option<&mut Open> {
        self.attending()?.open.as_mut().map(|menu| &mut menu.open)
    }

    fn set_open(&mut self, now: Instant, open: Open) {
        let alone_at = now + self.patience.menu_wait;
        if let Some(attending) = self.attending() {
            attending.keypad.clear();
            attending.open = Some(OpenMenu { open, alone_at, is_reminded: false });
        }
    }

    /// Opens a menu, and says what there is to say first.
    pub(super) fn open_menu(&mut self, now: Instant, open: Open) {
        let (map, language) = (self.keys.clone(), self.language);
        let Some(attending) = self.attending() else {
            return;
        };
        let cues = match &open {
            Open::RollCall(roll_call) => {
                [Cue::Say(Prompt::RollCallBegins)].into_iter().chain(roll_call.spoken(language)).collect()
            }
            Open::Hands(hands) => hands.spoken(language),
            Open::Keys(_)
            | Open::Order(..)
            | Open::Number(_)
            | Open::HostCode(_)
            | Open::CheckingCode(..)
            | Open::HostPin(..)
            | Open::CheckingPin(..)
            | Open::Delaying(_) => {
                let menu = open.menu().unwrap_or(Menu::Conference);
                help::keys_of_menu(&map, menu, attending.role(), language)
            }
        };
        self.set_open(now, open);
        self.say(now, cues);
    }

    /// Asks for digits.
    pub(super) fn open_entry(&mut self, now: Instant, open: Open) {
        let asks = match &open {
            Open::Order(..) => Prompt::EnterOrder,
            Open::HostPin(..) => Prompt::EnterPin,
            Open::Number(_) => Prompt::EnterNumber,
            Open::HostCode(_)
            | Open::Keys(_)
            | Open::RollCall(_)
            | Open::Hands(_)
            | Open::CheckingCode(..)
            | Open::CheckingPin(..)
            | Open::Delaying(_) => Prompt::EnterHostCode,
        };
        self.set_open(now, open);
        self.answer_key(now, asks);
    }

    /// Waits for an answer, or for time to go by.
    pub(super) fn wait_in_menu(&mut self, open: Open, until: Instant) {
        if let Some(attending) = self.attending() {
            attending.open = Some(OpenMenu { open, alone_at: until, is_reminded: true });
        }
    }

    pub(super) fn close_menu(&mut self) {
        if let Some(attending) = self.attending() {
            attending.open = None;
            attending.keypad.clear();
        }
    }

    fn leave_menu(&mut self, now: Instant, said: Prompt) {
        self.close_menu();
        self.answer_key(now, said);
    }

    /// A key was pressed: nobody has left the menu alone. Who waits for an answer goes on waiting.
    pub(super) fn touch_menu(&mut self, now: Instant) {
        let wait = self.patience.menu_wait;
        if let Some(menu) = self.attending().and_then(|attending| attending.open.as_mut())
            && menu.waits_for_key()
        {
            menu.alone_at = now + wait;
            menu.is_reminded = false;
        }
    }

    /// Takes a key where digits are keyed, or an answer is awaited; whether it was one of those.
    pub(super) fn key_of_entry(&mut self, now: Instant, key: char) -> bool {
        let Some(open) = self.open() else { return false };
        let keyed = match open {
            Open::Order(_, entry) | Open::HostPin(_, entry) | Open::Number(entry) if key == '*' => {
                let is_empty = entry.is_empty();
                *entry = Entry::default();
                if is_empty { Keyed::Nothing } else { Keyed::More }
            }
            Open::HostCode(entry) if key == '*' && entry.is_empty() => Keyed::Nothing,
            // The first one parts the PIN off; a second one begins anew, and the next leaves.
            Open::HostCode(entry) if key == '*' && entry.code_and_pin().1.is_some() => {
                *entry = Entry::default();
                Keyed::More
            }
            Open::Order(_, entry) | Open::Number(entry) | Open::HostCode(entry) | Open::HostPin(_, entry) => {
                entry.key(key)
            }
            Open::CheckingCode(..) | Open::CheckingPin(..) | Open::Delaying(_) => {
                self.key_before_answer(now, key);
                return true;
            }
            Open::Keys(_) | Open::RollCall(_) | Open::Hands(_) => return false,
        };
        match keyed {
            Keyed::More => {}
            Keyed::Nothing => self.entry_given_up(now, Prompt::MenuLeft),
            Keyed::TooMany => self.entry_given_up(now, Prompt::NotRecognised),
            Keyed::Complete(entry) => self.entry_complete(now, &entry),
        }
        true
    }

    /// Keys are passed over until an answer is there, which may be delayed on purpose; but nobody is kept by it.
    fn key_before_answer(&mut self, now: Instant, key: char) {
        let map = self.keys.clone();
        let Some(attending) = self.attending() else { return };
        let role = attending.role();
        let pressed = attending.keypad.press(now, key, &map, Menu::Conference, role);
        if pressed == Pressed::Command(KeyCommand::Leave) {
            self.leave(now, LeaveReason::Keys);
        }
    }

    /// Back to where the digits were asked for.
    fn entry_given_up(&mut self, now: Instant, said: Prompt) {
        match self.open().cloned() {
            Some(Open::Order(roll_call, _)) => self.speak_of(now, roll_call),
            _ => self.leave_menu(now, said),
        }
    }

    fn entry_complete(&mut self, now: Instant, entry: &Entry) {
        match self.open().cloned() {
            Some(Open::Order(mut roll_call, _)) => {
                let order = entry.whole().parse().map(Order);
                if order.is_ok_and(|order| roll_call.jump(order)) {
                    self.speak_of(now, roll_call);
                } else {
                    self.set_open(now, Open::RollCall(roll_call));
                    self.answer_key(now, Prompt::NobodyHasIt);
                }
            }
            Some(Open::Number(_)) => self.number_keyed(now, entry),
            Some(Open::HostCode(_)) => self.host_code_keyed(now, entry),
            Some(Open::HostPin(code, _)) => self.host_pin_keyed(now, code, entry),
            _ => {}
        }
    }

    /// Speaks of the one at whom the roll call is.
    fn speak_of(&mut self, now: Instant, roll_call: RollCall) {
        let cues = roll_call.spoken(self.language);
        self.set_open(now, Open::RollCall(roll_call));
        self.say(now, cues);
    }

    pub(super) fn command_of_menu(&mut self, now: Instant, command: KeyCommand) {
        match self.open().cloned() {
            _ if command == KeyCommand::Back => self.leave_menu(now, Prompt::MenuLeft),
            Some(Open::RollCall(roll_call)) => self.command_of_roll_call(now, command, roll_call),
            Some(Open::Hands(hands)) => self.command_of_hands(now, command, hands),
            _ => self.answer_key(now, Prompt::KeyUnknown),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "keys of other menus mean nothing here")]
    fn command_of_roll_call(&mut self, now: Instant, command: KeyCommand, mut roll_call: RollCall) {
        let deletes = std::mem::take(&mut roll_call.deletes);
        let conferee = roll_call.entry().conferee;
        if command != KeyCommand::Next {
            roll_call.goes_on = false;
        }
        match command {
            KeyCommand::Next if !roll_call.next() => return self.leave_menu(now, Prompt::RollCallEnds),
            KeyCommand::Previous if !roll_call.previous() => {
                self.set_open(now, Open::RollCall(roll_call));
                return self.answer_key(now, Prompt::RollCallStart);
            }
            KeyCommand::Next | KeyCommand::Previous | KeyCommand::Repeat => {
                return self.speak_of(now, roll_call);
            }
            KeyCommand::Jump => return self.open_entry(now, Open::Order(roll_call, Entry::default())),
            KeyCommand::DeleteOne if roll_call.is_oneself() => {
                self.set_open(now, Open::RollCall(roll_call));
                return self.answer_key(now, Prompt::NotYourself);
            }
            KeyCommand::DeleteOne if !deletes => {
                roll_call.deletes = true;
                self.set_open(now, Open::RollCall(roll_call));
                return self.confirm_delete(now);
            }
            _ => {}
        }
        let muted = !roll_call.entry().mute.is_muted();
        self.set_open(now, Open::RollCall(roll_call));
        match command {
            KeyCommand::DeleteOne => self.send(now, Command::Delete { conferee }),
            KeyCommand::MuteOne => self.send(now, Command::SetMuted { conferee, muted }),
            _ => self.answer_key(now, Prompt::KeyUnknown),
        }
    }

    fn confirm_delete(&mut self, now: Instant) {
        let keys = self.keys.keys_of(Menu::RollCall, KeyCommand::DeleteOne);
        let digits = keys.map(|keys| self.language.digits(keys.as_str())).unwrap_or_default();
        self.say(now, [Prompt::DeleteConfirm].into_iter().chain(digits).map(Cue::Say).collect());
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "keys of other menus mean nothing here")]
    fn command_of_hands(&mut self, now: Instant, command: KeyCommand, mut hands: Hands) {
        match command {
            KeyCommand::Next if !hands.next() => self.leave_menu(now, Prompt::HandsEnd),
            KeyCommand::Next | KeyCommand::Repeat => {
                let cues = hands.spoken(self.language);
                self.set_open(now, Open::Hands(hands));
                self.say(now, cues);
            }
            KeyCommand::Admit => self.send(now, hands.one().granted()),
            KeyCommand::TurnAway => self.send(now, hands.one().denied()),
            _ => self.answer_key(now, Prompt::KeyUnknown),
        }
    }

    /// A command of the menu that is open is done: what follows it there.
    pub(super) fn done_in_menu(&mut self, command: &Command) -> Vec<Cue> {
        let language = self.language;
        match self.open() {
            Some(Open::RollCall(roll_call)) => {
                roll_call.done(command);
                Vec::new()
            }
            Some(Open::Hands(hands)) if hands.is_about(command) => {
                if hands.done(command) {
                    hands.spoken(language)
                } else {
                    self.close_menu();
                    vec![Cue::Say(Prompt::HandsEnd)]
                }
            }
            _ => Vec::new(),
        }
    }

    /// Whom a command was about is not there any more.
    pub(super) fn is_gone(&mut self, command: &Command) {
        let is_last = match self.open() {
            Some(Open::RollCall(roll_call)) => {
                if let Command::SetMuted { conferee, .. } | Command::Delete { conferee } = command {
                    roll_call.is_gone(*conferee);
                }
                false
            }
            Some(Open::Hands(hands)) => hands.is_about(command) && !hands.done(command),
            _ => false,
        };
        if is_last {
            self.close_menu();
        }
    }

    /// What was spoken in a menu is over: the roll call goes on soon, other menus wait for a key.
    pub(super) fn menu_speech_over(&mut self, now: Instant) {
        let (menu_wait, between) = (self.patience.menu_wait, self.patience.between_names);
        let Some(menu) = self.attending().and_then(|attending| attending.open.as_mut()) else {
            return;
        };
        match &menu.open {
            Open::RollCall(roll_call) if roll_call.goes_on => menu.alone_at = now + between,
            Open::CheckingCode(..) | Open::CheckingPin(..) | Open::Delaying(_) => {}
            Open::Keys(_)
            | Open::RollCall(_)
            | Open::Order(..)
            | Open::Hands(_)
            | Open::Number(_)
            | Open::HostCode(_)
            | Open::HostPin(..) => menu.alone_at = now + menu_wait,
        }
    }

    /// No key came in an open menu.
    pub(super) fn menu_left_alone(&mut self, now: Instant) {
        let Some(menu) = self.attending().and_then(|attending| attending.open.clone()) else {
            return;
        };
        match menu.open {
            Open::RollCall(mut roll_call) if roll_call.goes_on => {
                if roll_call.next() {
                    self.speak_of(now, roll_call);
                } else {
                    self.leave_menu(now, Prompt::RollCallEnds);
                }
            }
            Open::RollCall(mut roll_call) if roll_call.deletes => {
                roll_call.deletes = false;
                self.set_open(now, Open::RollCall(roll_call));
                self.answer_key(now, Prompt::NobodyDeleted);
            }
            Open::Order(..) | Open::Number(_) | Open::HostCode(_) | Open::HostPin(..) => {
                self.entry_given_up(now, Prompt::NotRecognised);
            }
            Open::CheckingCode(..) | Open::CheckingPin(..) => self.leave_menu(now, Prompt::TryAgain),
            Open::Delaying(said) => self.leave_menu(now, said),
            Open::Keys(_) | Open::RollCall(_) | Open::Hands(_) if menu.is_reminded => {
                self.leave_menu(now, Prompt::MenuLeft);
            }
            open @ (Open::Keys(_) | Open::RollCall(_) | Open::Hands(_)) => {
                let (map, language) = (self.keys.clone(), self.language);
                let Some(attending) = self.attending() else { return };
                let name = open.menu().unwrap_or(Menu::Conference);
                let cues = help::keys_of_menu(&map, name, attending.role(), language);
                if let Some(menu) = &mut attending.open {
                    menu.is_reminded = true;
                }
                self.say(now, cues);
            }
        }
    }
}
