//! Keys of a caller who waits or confers: what each asks for, and what is said to the answer.
//!
//! Rights are the CMS's to judge; a key only asks. **Invariant:** no key, answer or lack of one stays without a word.

use std::time::{Duration, Instant};

use partyline_conference::{
    Announce, Command, CommandAnswer, CommandRefusal, ConfereeId, ConferenceId, Floor, LeaveReason,
    OutdialEnd, RosterEntry, WaitingEntry,
};

use super::asks::Ask;
use super::menus::Open;
use super::roll_call::{Hands, RollCall};
use super::told::Seat;
use super::{Journey, help};
use crate::keypad::{KeyCommand, Menu, Pressed};
use crate::prompt::Prompt;
use crate::script::Cue;
use crate::wish::{AskNumber, VolumeSteps, Wish};

/// What one key gives.
const MORE_TIME: Duration = Duration::from_secs(15 * 60);

impl Journey {
    pub(super) fn key_of_command(&mut self, now: Instant, key: char) {
        if self.player.speaks() {
            self.stop_playing();
        }
        self.touch_menu(now);
        if self.key_of_entry(now, key) {
            return;
        }
        let map = self.keys.clone();
        let Some(attending) = self.attending() else {
            return;
        };
        let (menu, role) = (attending.menu(), attending.role());
        let pressed = attending.keypad.press(now, key, &map, menu, role);
        self.pressed(now, pressed);
        self.after_answer(now);
    }

    /// What waited for an answer, or behind a prompt that was stopped.
    pub(super) fn after_answer(&mut self, now: Instant) {
        if !self.player.speaks() {
            self.speech_over(now);
        }
    }

    pub(super) fn pressed(&mut self, now: Instant, pressed: Pressed) {
        match pressed {
            Pressed::Nothing => {}
            Pressed::Command(command) => self.command(now, command),
            Pressed::Forbidden(_) if self.seat().is_none() => self.answer_key(now, Prompt::NotYet),
            Pressed::Forbidden(_) => self.answer_key(now, Prompt::HostsOnly),
            Pressed::Unknown => self.answer_key(now, Prompt::KeyUnknown),
            Pressed::Unfinished => self.answer_key(now, Prompt::NotRecognised),
        }
    }

    pub(super) fn answer_key(&mut self, now: Instant, prompt: Prompt) {
        self.say(now, vec![Cue::Say(prompt)]);
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest are keys of single menus")]
    fn command(&mut self, now: Instant, command: KeyCommand) {
        if command == KeyCommand::Leave {
            return self.leave(now, LeaveReason::Keys);
        }
        if command == KeyCommand::Help {
            return self.say_keys(now);
        }
        if !help::is_available(command) {
            return self.answer_key(now, Prompt::NotAvailable);
        }
        let Some(seat) = self.seat().cloned() else {
            return self.answer_key(now, Prompt::NotYet);
        };
        if let Some(wanted) = wanted(command, &seat) {
            return self.send(now, wanted);
        }
        match command {
            KeyCommand::DialOut => self.ask_whom_to_call(now),
            KeyCommand::Operator => self.send(now, Command::CallOperator),
            KeyCommand::JoinCallee | KeyCommand::DropCallee => self.settle_aside(now, command),
            KeyCommand::RollCall if !seat.may_roll_call => {
                self.answer_key(now, Prompt::HostsOnly);
            }
            KeyCommand::RollCall => self.read_roster(now, Ask::RollCall, seat.conference),
            KeyCommand::Count => self.read_roster(now, Ask::Count, seat.conference),
            KeyCommand::DeleteLast => self.read_roster(now, Ask::DeleteLast, seat.conference),
            KeyCommand::Hands => self.read_waiting(now),
            KeyCommand::BecomeHost => self.open_entry(now, Open::host_code()),
            KeyCommand::Options => self.open_menu(now, Open::Keys(Menu::Options)),
            KeyCommand::Volume => self.open_menu(now, Open::Keys(Menu::Volume)),
            KeyCommand::End => self.open_menu(now, Open::Keys(Menu::Ending)),
            KeyCommand::Language => self.answer_key(now, Prompt::OnlyLanguage),
            KeyCommand::MoreTime => self.more_time(now, &seat),
            KeyCommand::Quieter => self.move_volume(now, -1),
            KeyCommand::Louder => self.move_volume(now, 1),
            KeyCommand::UsualVolume => self.set_volume(now, VolumeSteps::default(), Prompt::UsualVolumeNow),
            KeyCommand::DropOthers => self.send_and_close(now, Command::DropOthers { stays: None }),
            KeyCommand::EndForAll => self.send_and_close(now, Command::End),
            other => self.command_of_menu(now, other),
        }
    }

    fn say_keys(&mut self, now: Instant) {
        let (map, language) = (self.keys.clone(), self.language);
        let Some(attending) = self.attending() else {
            return;
        };
        let cues = if attending.seat.is_some() {
            help::keys_of_menu(&map, attending.menu(), attending.role(), language)
        } else {
            help::keys_of_waiting(&map, language)
        };
        self.say(now, cues);
    }

    fn more_time(&mut self, now: Instant, seat: &Seat) {
        match seat.ends_at {
            Some(ends_at) => self.send(now, Command::ExtendTo { until: ends_at.after(MORE_TIME) }),
            None => self.answer_key(now, Prompt::EndlessAnyway),
        }
    }

    fn move_volume(&mut self, now: Instant, steps: i8) {
        let Some(attending) = self.attending() else {
            return;
        };
        let said = if steps < 0 { Prompt::QuieterNow } else { Prompt::LouderNow };
        match attending.volume.moved(steps) {
            Some(volume) => self.set_volume(now, volume, said),
            None => self.answer_key(now, Prompt::VolumeLimit),
        }
    }

    fn set_volume(&mut self, now: Instant, volume: VolumeSteps, said: Prompt) {
        if let Some(attending) = self.attending() {
            attending.volume = volume;
        }
        self.wish(Wish::SetVolume(volume));
        self.answer_key(now, said);
    }

    fn send_and_close(&mut self, now: Instant, command: Command) {
        self.close_menu();
        self.send(now, command);
    }

    /// Sends a command; what is said comes with the answer.
    pub(super) fn send(&mut self, now: Instant, command: Command) {
        let Some(room) = self.room else {
            return self.answer_key(now, Prompt::TryAgain);
        };
        let ask = Ask::Command { command: command.clone(), is_heard: false };
        if let Some(number) = self.open_ask(now, ask) {
            self.wish(Wish::Command { number, room, command });
        }
    }

    fn read_roster(&mut self, now: Instant, ask: Ask, conference: ConferenceId) {
        if let Some(number) = self.open_ask(now, ask) {
            self.wish(Wish::ReadRoster { number, conference });
        }
    }

    fn read_waiting(&mut self, now: Instant) {
        let Some(room) = self.room else {
            return self.answer_key(now, Prompt::TryAgain);
        };
        if let Some(number) = self.open_ask(now, Ask::Waiting) {
            self.wish(Wish::ReadWaiting { number, room });
        }
    }

    /// A number for the answer; the caller is told where too many are awaited.
    fn open_ask(&mut self, now: Instant, ask: Ask) -> Option<AskNumber> {
        let give_up_at = now + self.patience.command_max;
        let number = self.attending()?.asks.open(ask, give_up_at);
        if number.is_none() {
            self.answer_key(now, Prompt::TryAgain);
        }
        number
    }

    fn close_ask(&mut self, number: AskNumber) -> Option<Ask> {
        self.attending()?.asks.close(number)
    }

    pub(super) fn command_answered(
        &mut self,
        now: Instant,
        number: AskNumber,
        answer: Option<CommandAnswer>,
    ) {
        let Some(Ask::Command { command, is_heard }) = self.close_ask(number) else {
            return;
        };
        match answer {
            None => self.answer_key(now, Prompt::TryAgain),
            Some(Err(refusal)) => {
                if refusal == CommandRefusal::NotThere {
                    self.is_gone(&command);
                }
                if self.is_heard_without(&command) {
                    return;
                }
                self.answer_key(now, prompt_of_refusal(refusal));
            }
            Some(Ok(())) => self.command_done(now, &command, is_heard),
        }
    }

    fn command_done(&mut self, now: Instant, command: &Command, is_heard: bool) {
        let Some(attending) = self.attending() else {
            return;
        };
        let Some(seat) = &mut attending.seat else {
            return;
        };
        seat.confirm(command);
        let oneself = seat.conferee;
        let mut cues = Vec::new();
        if !is_heard {
            cues.extend(prompt_of_done(command, oneself).map(Cue::Say));
        }
        cues.extend(self.keys_while_calling(command));
        cues.extend(self.done_in_menu(command));
        if !cues.is_empty() {
            self.say(now, cues);
        }
    }

    pub(super) fn roster_read(&mut self, now: Instant, number: AskNumber, entries: Option<Vec<RosterEntry>>) {
        let (Some(ask), Some(seat)) = (self.close_ask(number), self.seat().cloned()) else {
            return;
        };
        let Some(entries) = entries else {
            return self.answer_key(now, Prompt::TryAgain);
        };
        match ask {
            Ask::Count => self.say_count(now, entries.len()),
            Ask::RollCall => match RollCall::new(entries, seat.conferee) {
                Some(roll_call) => self.open_menu(now, Open::RollCall(roll_call)),
                None => self.answer_key(now, Prompt::TryAgain),
            },
            Ask::Hands(waiting) => match Hands::new(waiting, entries) {
                Some(hands) => self.open_menu(now, Open::Hands(hands)),
                None => self.answer_key(now, Prompt::HandsEmpty),
            },
            Ask::DeleteLast => match entries.last().filter(|entry| entry.conferee != seat.conferee) {
                Some(entry) => self.send(now, Command::Delete { conferee: entry.conferee }),
                None => self.answer_key(now, Prompt::NotYourself),
            },
            Ask::Command { .. } | Ask::Waiting => {}
        }
    }

    pub(super) fn waiting_read(
        &mut self,
        now: Instant,
        number: AskNumber,
        entries: Option<Vec<WaitingEntry>>,
    ) {
        let (Some(Ask::Waiting), Some(seat)) = (self.close_ask(number), self.seat().cloned()) else {
            return;
        };
        match entries {
            Some(waiting) => self.read_roster(now, Ask::Hands(waiting), seat.conference),
            None => self.answer_key(now, Prompt::TryAgain),
        }
    }

    fn say_count(&mut self, now: Instant, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if count <= 1 {
            return self.answer_key(now, Prompt::YouAreAlone);
        }
        let number = self.language.cardinal(count);
        let words = [Prompt::CountBegins].into_iter().chain(number).chain([Prompt::CountEnds]);
        self.say(now, words.map(Cue::Say).collect());
    }
}

/// What a key asks the CMS for, from what the caller was told last; `None` for keys that ask for no more than that.
#[expect(clippy::wildcard_enum_match_arm, reason = "keys that do more than ask are not for here")]
fn wanted(command: KeyCommand, seat: &Seat) -> Option<Command> {
    let oneself = seat.conferee;
    Some(match command {
        KeyCommand::Mute => Command::SetMuted { conferee: oneself, muted: !seat.muted.now() },
        KeyCommand::Unmute => Command::SetMuted { conferee: oneself, muted: false },
        KeyCommand::Hand => Command::SetHand { raised: !seat.hand.now() },
        KeyCommand::Floor => Command::SetFloor { floor: next_floor(seat.floor.now()) },
        KeyCommand::FloorOpen => Command::SetFloor { floor: Floor::Open },
        KeyCommand::Lock => Command::SetLock { locked: true },
        KeyCommand::Unlock => Command::SetLock { locked: false },
        KeyCommand::ToggleLock => Command::SetLock { locked: !seat.locked.now() },
        KeyCommand::Continue => Command::SetContinue { on: !seat.continues.now() },
        KeyCommand::Names => Command::SetAnnounce { announce: Announce::Name },
        KeyCommand::Tones => Command::SetAnnounce { announce: Announce::Tone },
        KeyCommand::Silence => Command::SetAnnounce { announce: Announce::Silence },
        KeyCommand::Music => Command::SetMusic { on: !seat.music.now() },
        _ => return None,
    })
}

const fn next_floor(floor: Floor) -> Floor {
    match floor {
        Floor::Open => Floor::Muted,
        Floor::Muted => Floor::Lecture,
        Floor::Lecture => Floor::Open,
    }
}

/// What a caller hears whose command is done; `None` where what follows says it.
pub(super) fn prompt_of_done(command: &Command, oneself: ConfereeId) -> Option<Prompt> {
    let either = |is: bool, yes, no| Some(if is { yes } else { no });
    match command {
        Command::SetLock { locked } => either(*locked, Prompt::ConferenceLocked, Prompt::ConferenceUnlocked),
        Command::SetMuted { conferee, muted } if *conferee == oneself => {
            either(*muted, Prompt::YouAreMuted, Prompt::YouAreUnmuted)
        }
        Command::SetMuted { muted, .. } => either(*muted, Prompt::OneMuted, Prompt::OneUnmuted),
        Command::SetFloor { floor } => Some(prompt_of_floor(*floor)),
        Command::SetHand { raised } => either(*raised, Prompt::HandIsRaised, Prompt::HandIsLowered),
        Command::LowerHand { .. } => Some(Prompt::HandLowered),
        Command::Delete { .. } => Some(Prompt::OneDeleted),
        Command::DropOthers { .. } => Some(Prompt::OthersDropped),
        Command::SetAnnounce { announce } => Some(match announce {
            Announce::Name => Prompt::AnnounceNames,
            Announce::Tone => Prompt::AnnounceTones,
            Announce::Silence => Prompt::AnnounceSilence,
        }),
        Command::SetMusic { on } => either(*on, Prompt::MusicOn, Prompt::MusicOff),
        Command::SetContinue { on } => either(*on, Prompt::ContinuesOn, Prompt::ContinuesOff),
        Command::ExtendTo { .. } => Some(Prompt::MoreTimeGiven),
        Command::Admit { .. } => Some(Prompt::Admitted),
        Command::TurnAway { .. } => Some(Prompt::TurnedAway),
        Command::BecomeHost { .. } => Some(Prompt::YouAreHost),
        Command::DialOut { .. } | Command::CallOperator => Some(Prompt::Calling),
        Command::JoinCallee { .. } => Some(Prompt::CalleeJoined),
        Command::DropCallee { why: OutdialEnd::Dropped, .. } => Some(Prompt::MenuLeft),
        Command::DropCallee { .. } | Command::End => None,
    }
}

pub(super) const fn prompt_of_floor(floor: Floor) -> Prompt {
    match floor {
        Floor::Open => Prompt::FloorOpen,
        Floor::Muted => Prompt::FloorMuted,
        Floor::Lecture => Prompt::FloorLecture,
    }
}

/// What a caller hears whose command is refused.
const fn prompt_of_refusal(refusal: CommandRefusal) -> Prompt {
    match refusal {
        CommandRefusal::NotAllowed => Prompt::HostsOnly,
        CommandRefusal::NoConference => Prompt::NotYet,
        CommandRefusal::NotThere => Prompt::NoLongerHere,
        CommandRefusal::Floor => Prompt::MayNotUnmute,
        CommandRefusal::WrongCode => Prompt::CodeUnknown,
        CommandRefusal::LockedOut => Prompt::RefusedLockedOut,
        CommandRefusal::TooLong => Prompt::NoMoreTime,
        CommandRefusal::Full => Prompt::RefusedFull,
        CommandRefusal::NotOffered => Prompt::NotAvailable,
        CommandRefusal::NumberDenied => Prompt::NumberDenied,
        CommandRefusal::Emergency => Prompt::NumberEmergency,
        CommandRefusal::NotVerified => Prompt::NotVerified,
        CommandRefusal::TooManyCalled => Prompt::TooManyCalled,
        CommandRefusal::TimeSpent => Prompt::TimeSpent,
        CommandRefusal::CallsAlready => Prompt::AlreadyCalling,
        CommandRefusal::NotAnswered => Prompt::CalleeNotYet,
    }
}
