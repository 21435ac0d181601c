//! The conferencing journey: greeting → code → (name) → admission → (held, lobby, conference) → goodbye.
//!
//! What happens before entry is in `arrival` and `naming`, what happens after it in `attending`, what spans them in `limits`.
//! Here are the doors and the goodbye.
//!
//! **Invariant:** nothing is played between a decision and the audio of the mix: whoever is placed joins first
//! and hears what there is to say over it.

mod arrival;
mod aside;
mod asks;
mod attending;
mod becoming_host;
mod commands;
mod help;
mod limits;
mod menus;
mod naming;
mod news;
mod roll_call;
mod told;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use partyline_conference::{
    AccountId, CodeMatch, ConferenceCode, HostPin, LeaveReason, RecordedName, Refusal, RoomId, Standing,
    Timestamp,
};

use crate::Brain;
use crate::entry::Entry;
use crate::fact::Fact;
use crate::keypad::{KeyMap, KeyMaps};
use crate::language::Language;
use crate::patience::Patience;
use crate::prompt::Prompt;
use crate::script::{Player, Script};
use crate::wish::{CalleeTerms, Ending, Rejection, Wish};
use attending::Attending;
use limits::{CallLimit, RtpExpected};
use naming::Naming;

/// The caller's telephone needs a moment from the answer to its loudspeaker.
const ANSWER_PAUSE: Duration = Duration::from_millis(300);

/// What was dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// A number of the service: the caller is asked for a code.
    Service {
        /// Where the number belongs to one room, codes of other rooms are unknown.
        room: Option<RoomId>,
    },
    /// Digits that may be a room's code: a right one enters without being asked.
    Code {
        /// The code.
        code: ConferenceCode,
        /// The PIN, where it was dialled behind the code.
        host_pin: Option<HostPin>,
    },
    /// A number whose room could not be read: the call is refused, as no code could be judged.
    Unavailable,
}

/// One caller's journey.
#[derive(Debug)]
pub struct Journey {
    patience: Patience,
    language: Language,
    key_maps: KeyMaps,
    /// Those of the room's account, once a code selected it.
    keys: Arc<KeyMap>,
    only_room: Option<RoomId>,
    /// The room that the code selected.
    room: Option<RoomId>,
    /// Its account.
    account: Option<AccountId>,
    /// The wall clock's time as it was told last, and when.
    wall_clock: Option<(Timestamp, Instant)>,
    stage: Stage,
    media: Media,
    /// Keys pressed while a code is looked up: callers who know the way key a PIN before they are asked.
    typed_ahead: String,
    /// As it was said, until the CMS knows of the caller whose it is.
    name: Option<RecordedName>,
    wrong: u32,
    silent: u32,
    /// Until a right code came.
    entry_deadline: Option<Instant>,
    call_limit: CallLimit,
    /// Set by the right code; holds for whoever waits for a host.
    wait_warned_at: Option<Instant>,
    no_rtp_max: Duration,
    rtp_expected: RtpExpected,
    player: Player,
    wishes: VecDeque<Wish>,
}

#[derive(Debug)]
enum Stage {
    /// The store is asked what a code is.
    Checking { code: ConferenceCode, pin: Option<HostPin>, give_up_at: Instant },
    /// The store is asked whether a PIN is right.
    CheckingPin { claim: Claim, pin: HostPin, give_up_at: Instant },
    /// A wrong guess is answered a little later.
    Delaying { until: Instant, then: Question, lead: Prompt },
    /// The call is being answered.
    Answering { then: Next },
    /// The caller is asked, and keys.
    Asking { question: Question, entry: Entry, deadline: Instant },
    /// The caller says their name.
    Naming(Box<Naming>),
    /// The CMS is asked for entry.
    Admitting { answer_at: Option<Instant>, tell_at: Option<Instant>, give_up_at: Instant },
    /// The caller waits or confers.
    Attending(Box<Attending>),
    /// The goodbye plays.
    Leaving { ending: Ending, hang_up_at: Instant },
    /// Nothing follows.
    Over,
}

/// A code that selects a room.
#[derive(Debug, Clone)]
struct Claim {
    code: ConferenceCode,
    found: CodeMatch,
}

/// What the caller is asked for.
#[derive(Debug, Clone)]
enum Question {
    Code,
    Pin(Claim),
}

/// What happens once the call is answered.
#[derive(Debug)]
enum Next {
    Ask { question: Question, lead: Option<Prompt> },
    AskName { claim: Claim, host_pin: Option<HostPin> },
    Attend(Standing),
    SayGoodbye { ending: Ending, words: Vec<Prompt> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    Unanswered,
    Answering,
    Up { since: Instant },
}

impl Journey {
    /// A call has come in. Its first wishes wait to be polled.
    #[must_use]
    pub fn new(now: Instant, patience: Patience, arrival: Arrival) -> Self {
        let mut journey = Self::unbegun(now, patience);
        match arrival {
            Arrival::Service { room } => {
                journey.only_room = room;
                journey.once_answered(now, Next::Ask { question: Question::Code, lead: None });
            }
            Arrival::Code { code, host_pin } => journey.check_code(now, code, host_pin),
            Arrival::Unavailable => journey.check_unavailable(now),
        }
        journey
    }

    /// Somebody was called from within a conference, and has answered. The first wishes wait to be polled.
    #[must_use]
    pub fn of_callee(now: Instant, patience: Patience, terms: CalleeTerms) -> Self {
        let mut journey = Self::unbegun(now, patience);
        journey.media = Media::Up { since: now };
        journey.entry_deadline = None;
        journey.room = Some(terms.room);
        journey.account = Some(terms.account);
        journey.no_rtp_max = terms.no_rtp_max;
        journey.wish(Wish::AttendAsCallee);
        journey.stage = Stage::Admitting {
            answer_at: None,
            tell_at: Some(now + patience.admission_told),
            give_up_at: now + patience.admission_max,
        };
        journey
    }

    fn unbegun(now: Instant, patience: Patience) -> Self {
        let key_maps = KeyMaps::default();
        Self {
            patience,
            language: Language::default(),
            keys: key_maps.usual(),
            key_maps,
            only_room: None,
            room: None,
            account: None,
            wall_clock: None,
            stage: Stage::Over,
            media: Media::Unanswered,
            typed_ahead: String::new(),
            name: None,
            wrong: 0,
            silent: 0,
            entry_deadline: Some(now + patience.entry_max),
            call_limit: CallLimit::None,
            wait_warned_at: None,
            no_rtp_max: patience.no_rtp_max,
            rtp_expected: RtpExpected::Always,
            player: Player::default(),
            wishes: VecDeque::new(),
        }
    }

    /// The same with other maps of keys.
    #[must_use]
    pub fn with_keys(mut self, key_maps: KeyMaps) -> Self {
        self.keys = self.account.map_or_else(|| key_maps.usual(), |account| key_maps.of(account));
        self.key_maps = key_maps;
        self
    }

    /// The same with numbers spoken as this language does.
    #[must_use]
    pub const fn speaking(mut self, language: Language) -> Self {
        self.language = language;
        self
    }

    fn wish(&mut self, wish: Wish) {
        self.wishes.push_back(wish);
    }

    fn play(&mut self, script: Script) {
        let play = self.player.start(&script);
        self.wish(Wish::Play(play, script));
    }

    fn stop_playing(&mut self) {
        if self.player.plays() {
            self.player.stop();
            self.wish(Wish::StopPlaying);
        }
    }

    const fn is_answered(&self) -> bool {
        matches!(self.media, Media::Up { .. })
    }

    /// Goes on when the caller can hear: at once where the call is answered.
    fn once_answered(&mut self, now: Instant, next: Next) {
        match self.media {
            Media::Up { .. } => self.proceed(now, next),
            Media::Unanswered => {
                self.media = Media::Answering;
                self.wish(Wish::Answer);
                self.stage = Stage::Answering { then: next };
            }
            Media::Answering => self.stage = Stage::Answering { then: next },
        }
    }

    fn proceed(&mut self, now: Instant, next: Next) {
        match next {
            Next::Ask { question, lead } => self.ask(now, question, lead),
            Next::AskName { claim, host_pin } => self.ask_name(now, claim, host_pin),
            Next::Attend(standing) => self.attend(now, standing),
            Next::SayGoodbye { ending, words } => self.say_goodbye(now, ending, words),
        }
    }

    fn media_up(&mut self, now: Instant) {
        if self.is_answered() {
            return;
        }
        self.media = Media::Up { since: now };
        if let Stage::Answering { .. } = self.stage
            && let Stage::Answering { then } = std::mem::replace(&mut self.stage, Stage::Over)
        {
            self.proceed(now, then);
        }
    }

    /// Speaks, and hangs up at the end of it.
    fn say_goodbye(&mut self, now: Instant, ending: Ending, words: Vec<Prompt>) {
        self.stage = Stage::Leaving { ending, hang_up_at: now + self.patience.goodbye_max };
        let script = Script::say(words.into_iter().chain([Prompt::Goodbye]));
        let is_first = matches!(self.media, Media::Up { since } if since == now);
        self.play(if is_first { script.after(ANSWER_PAUSE) } else { script });
    }

    fn refuse(&mut self, now: Instant, refusal: Refusal) {
        let ending = Ending::Refused(refusal);
        self.once_answered(now, Next::SayGoodbye { ending, words: vec![prompt_of_refusal(refusal)] });
    }

    /// The caller goes, for a reason of ours that is told to the CMS if it knows of the caller.
    fn leave(&mut self, now: Instant, reason: LeaveReason) {
        self.give_up_attendance(reason);
        match prompt_of_leaving(reason) {
            Some(words) if self.is_answered() => self.say_goodbye(now, Ending::Left(reason), words),
            Some(_) | None => self.hang_up(Ending::Left(reason)),
        }
    }

    fn hang_up(&mut self, ending: Ending) {
        self.stop_playing();
        self.stage = Stage::Over;
        self.wish(Wish::HangUp(ending));
    }

    fn reject(&mut self, refusal: Refusal) {
        self.stage = Stage::Over;
        self.wish(Wish::Reject(Rejection { refusal }));
    }

    /// Says `Left` where the CMS was asked for entry and has not ended it itself.
    fn give_up_attendance(&mut self, reason: LeaveReason) {
        let is_attending = match &self.stage {
            Stage::Attending(attending) => {
                let (is_in_mix, calls) = (attending.is_in_mix(), attending.calls_out());
                if is_in_mix {
                    self.wish(Wish::LeaveMix);
                }
                if calls {
                    self.wish(Wish::StopCallingOut);
                }
                true
            }
            Stage::Admitting { .. } | Stage::Answering { then: Next::Attend(_) } => true,
            Stage::Checking { .. }
            | Stage::CheckingPin { .. }
            | Stage::Delaying { .. }
            | Stage::Answering { .. }
            | Stage::Asking { .. }
            | Stage::Naming(_)
            | Stage::Leaving { .. }
            | Stage::Over => false,
        };
        if is_attending {
            self.wish(Wish::Left(reason));
        }
    }

    fn end(&mut self, reason: LeaveReason) {
        self.give_up_attendance(reason);
        self.stage = Stage::Over;
    }

    fn stage_deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Checking { give_up_at, .. } | Stage::CheckingPin { give_up_at, .. } => Some(*give_up_at),
            Stage::Delaying { until, .. } => Some(*until),
            Stage::Asking { deadline, .. } => Some(*deadline),
            Stage::Naming(naming) => Some(naming.deadline()),
            Stage::Admitting { answer_at, tell_at, give_up_at } => {
                [*answer_at, *tell_at, Some(*give_up_at)].into_iter().flatten().min()
            }
            Stage::Attending(attending) => {
                attending.deadline_in(self.patience.mix_lost_told, self.patience.mix_lost_max)
            }
            Stage::Leaving { hang_up_at, .. } => Some(*hang_up_at),
            Stage::Answering { .. } | Stage::Over => None,
        }
    }
}

impl Brain for Journey {
    fn handle_fact(&mut self, now: Instant, fact: Fact) {
        if self.is_over() {
            return;
        }
        match fact {
            Fact::MediaUp => self.media_up(now),
            Fact::Key(key) => self.key(now, key),
            Fact::PlayEnded(play) => {
                if self.player.ended(play) {
                    self.play_ended(now);
                }
            }
            Fact::CodeChecked(answer) if self.is_attending() => self.host_code_checked(now, answer),
            Fact::CodeChecked(answer) => self.code_checked(now, answer),
            Fact::PinChecked(answer) if self.is_attending() => self.host_pin_checked(now, answer),
            Fact::PinChecked(answer) => self.pin_checked(now, answer),
            Fact::WallClock(at) => self.wall_clock = Some((at, now)),
            Fact::CommandAnswered { number, answer } => {
                self.command_answered(now, number, answer);
                self.after_answer(now);
            }
            Fact::Roster { number, entries } => {
                self.roster_read(now, number, entries);
                self.after_answer(now);
            }
            Fact::Waiting { number, entries } => {
                self.waiting_read(now, number, entries);
                self.after_answer(now);
            }
            Fact::NameRecorded { take, name } => self.name_recorded(now, take, name),
            Fact::SpokeWhileMuted => self.spoke_while_muted(now),
            Fact::CalleeRings { callee } => self.callee_rings(now, callee),
            Fact::CalleeFailed { callee, why } => self.callee_failed(now, callee, why),
            Fact::Standing(standing) => self.standing(now, standing),
            Fact::Joined { mix, epoch } => self.joined(mix, epoch),
            Fact::JoinFailed { mix, epoch } => self.join_failed(now, mix, epoch),
            Fact::MixLost { mix } => self.mix_lost(now, mix),
            Fact::Quiet(quiet_for) => self.quiet(now, quiet_for),
            Fact::OnHold(is_on_hold) => self.held_by_caller(now, is_on_hold),
            Fact::Shutdown => self.leave(now, LeaveReason::Shutdown),
            Fact::Ended(reason) => self.end(reason),
            // Of a line test; none was started here.
            Fact::Step(_) | Fact::StepsEnded => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.is_over() {
            return;
        }
        self.check_entry_limit(now);
        self.check_call_limit(now);
        if self.stage_deadline().is_some_and(|deadline| deadline <= now) {
            self.stage_timed_out(now);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let is_leaving = matches!(self.stage, Stage::Leaving { .. });
        let limits =
            [self.entry_deadline, self.call_limit.deadline()].into_iter().flatten().filter(|_| !is_leaving);
        if self.is_over() { None } else { limits.chain(self.stage_deadline()).min() }
    }

    fn poll_wish(&mut self) -> Option<Wish> {
        self.wishes.pop_front()
    }

    fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }
}

impl Journey {
    fn key(&mut self, now: Instant, key: char) {
        match &self.stage {
            Stage::Asking { .. } => self.key_of_answer(now, key),
            Stage::Naming(_) => self.key_of_name(now, key),
            Stage::Attending(_) => self.key_of_command(now, key),
            Stage::Checking { .. } | Stage::CheckingPin { .. } | Stage::Delaying { .. } => {
                if self.typed_ahead.len() < Entry::KEYS_MAX {
                    self.typed_ahead.push(key);
                }
            }
            // The last words are said to the end, and where entry is awaited no key means anything.
            Stage::Answering { .. } | Stage::Admitting { .. } | Stage::Leaving { .. } | Stage::Over => {}
        }
    }

    const fn is_attending(&self) -> bool {
        matches!(self.stage, Stage::Attending(_))
    }

    fn play_ended(&mut self, now: Instant) {
        match &mut self.stage {
            Stage::Asking { entry, deadline, .. } if entry.is_empty() => {
                *deadline = now + self.patience.first_key_wait;
            }
            Stage::Leaving { ending, .. } => {
                let ending = *ending;
                self.hang_up(ending);
            }
            Stage::Attending(_) => self.speech_over(now),
            Stage::Naming(_) => self.naming_play_ended(now),
            Stage::Checking { .. }
            | Stage::CheckingPin { .. }
            | Stage::Delaying { .. }
            | Stage::Answering { .. }
            | Stage::Asking { .. }
            | Stage::Admitting { .. }
            | Stage::Over => {}
        }
    }

    fn stage_timed_out(&mut self, now: Instant) {
        match &self.stage {
            Stage::Checking { .. } | Stage::CheckingPin { .. } => self.check_unavailable(now),
            Stage::Delaying { .. } => self.delay_over(now),
            Stage::Asking { .. } => self.no_key(now),
            Stage::Naming(_) => self.naming_timed_out(now),
            Stage::Admitting { .. } => self.admission_waits(now),
            Stage::Attending(_) => self.attending_timed_out(now),
            Stage::Leaving { ending, .. } => {
                let ending = *ending;
                self.hang_up(ending);
            }
            Stage::Answering { .. } | Stage::Over => {}
        }
    }

    fn standing(&mut self, now: Instant, standing: Standing) {
        match &mut self.stage {
            Stage::Admitting { .. } => self.decided(now, standing),
            Stage::Answering { then: Next::Attend(earlier) } => match standing {
                Standing::Refused(_) | Standing::Removed(_) => self.decided(now, standing),
                Standing::Held
                | Standing::InWaitingRoom
                | Standing::ConnectedForNow(_)
                | Standing::Aside(_)
                | Standing::Placed { .. } => *earlier = standing,
            },
            Stage::Attending(_) => self.stand(now, standing),
            Stage::Checking { .. }
            | Stage::CheckingPin { .. }
            | Stage::Delaying { .. }
            | Stage::Answering { .. }
            | Stage::Asking { .. }
            | Stage::Naming(_)
            | Stage::Leaving { .. }
            | Stage::Over => {}
        }
    }
}

/// What a refused caller hears.
const fn prompt_of_refusal(refusal: Refusal) -> Prompt {
    match refusal {
        Refusal::UnknownCode => Prompt::CodeUnknown,
        Refusal::WrongPin => Prompt::PinWrong,
        Refusal::Locked => Prompt::RefusedLocked,
        Refusal::Full => Prompt::RefusedFull,
        Refusal::AccountLimit => Prompt::RefusedAccountLimit,
        Refusal::NoMixer => Prompt::RefusedNoMixer,
        Refusal::LockedOut => Prompt::RefusedLockedOut,
        Refusal::Unavailable => Prompt::RefusedUnavailable,
        Refusal::Deleted => Prompt::LeftDeleted,
    }
}

/// What a leaving caller hears before the goodbye; `None` where nobody listens, or nothing may be waited for.
fn prompt_of_leaving(reason: LeaveReason) -> Option<Vec<Prompt>> {
    match reason {
        LeaveReason::HungUp | LeaveReason::NoRtp | LeaveReason::Shutdown => None,
        LeaveReason::Keys | LeaveReason::LetGo => Some(vec![]),
        LeaveReason::Deleted | LeaveReason::Dropped => Some(vec![Prompt::LeftDeleted]),
        LeaveReason::TurnedAway => Some(vec![Prompt::LeftTurnedAway]),
        LeaveReason::ConferenceEnded => Some(vec![Prompt::LeftConferenceEnded]),
        LeaveReason::WaitedTooLong => Some(vec![Prompt::LeftWaitedTooLong]),
        LeaveReason::CallTooLong => Some(vec![Prompt::LeftCallTooLong]),
        LeaveReason::NoMixer => Some(vec![Prompt::LeftNoMixer]),
        LeaveReason::NeverJoined | LeaveReason::VruLost | LeaveReason::CallFailed => {
            Some(vec![Prompt::LeftFailed])
        }
    }
}
