//! After entry: the caller waits, talks in a lobby, or confers; the keypad; the loss of a mix.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use partyline_conference::{
    ConfereeId, ConferenceId, Epoch, LeaveReason, MixId, MixKind, MixView, Role, Standing,
};

use super::aside::CalledOut;
use super::asks::Asks;
use super::menus::OpenMenu;
use super::news::Due;
use super::told::{Placed, Seat};
use super::{Journey, Stage};
use crate::keypad::{Keypad, Menu};
use crate::prompt::Prompt;
use crate::script::{Cue, Script};
use crate::wish::{Ending, VolumeSteps, Wish};

/// The first wait before the CMS is asked again for a mix that failed; doubles up to the next.
const RETRY_FIRST: Duration = Duration::from_millis(250);
/// The longest such wait: four requests a caller and a quarter of a minute, while a mixer is being replaced.
const RETRY_MAX: Duration = Duration::from_secs(4);

/// A caller whom the CMS has let in.
#[derive(Debug)]
pub(super) struct Attending {
    place: Place,
    pub(super) keypad: Keypad,
    /// As the CMS has told it; `None` before there is a conference.
    pub(super) seat: Option<Seat>,
    /// The menu over the mix.
    pub(super) open: Option<OpenMenu>,
    /// What was asked and not answered yet.
    pub(super) asks: Asks,
    /// Whom the caller has called and is not done with.
    pub(super) called: Option<CalledOut>,
    /// Whether the caller was called, and has talked in private so far.
    was_aside: bool,
    /// What is to be told once nothing else is spoken.
    pub(super) news: VecDeque<Vec<Cue>>,
    pub(super) due: Due,
    pub(super) volume: VolumeSteps,
    /// The conference whose entry was spoken of.
    conference: Option<ConferenceId>,
    has_waited: bool,
    lobby_told: bool,
    /// When the end of the longest wait is to be warned of, if the caller waits then.
    wait_warned_at: Option<Instant>,
    /// Whether the caller is alone, in a room that plays music to who is.
    alone_music: bool,
}

#[derive(Debug)]
enum Place {
    /// Let in, and nothing done yet.
    Entering,
    Held {
        waits: Waits,
        remind_at: Instant,
    },
    InMix {
        mix: MixId,
        epoch: Epoch,
        link: Link,
    },
}

/// What a caller on hold waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    ForHost,
    ToBeLetIn,
}

impl Waits {
    const fn told(self) -> Prompt {
        match self {
            Self::ForHost => Prompt::WaitingForHost,
            Self::ToBeLetIn => Prompt::InWaitingRoom,
        }
    }

    const fn reminder(self) -> Prompt {
        match self {
            Self::ForHost => Prompt::StillWaiting,
            Self::ToBeLetIn => Prompt::InWaitingRoom,
        }
    }
}

/// Whether the leg is in its mix.
#[derive(Debug)]
enum Link {
    Up,
    Down { since: Instant, is_told: bool, retry_at: Option<Instant>, retry_wait: Duration },
}

impl Link {
    const fn joining(now: Instant) -> Self {
        Self::Down { since: now, is_told: false, retry_at: None, retry_wait: RETRY_FIRST }
    }
}

impl Attending {
    fn new(command_key_wait: Duration, wait_warned_at: Option<Instant>) -> Self {
        Self {
            place: Place::Entering,
            keypad: Keypad::new(command_key_wait),
            seat: None,
            open: None,
            asks: Asks::default(),
            called: None,
            was_aside: false,
            news: VecDeque::new(),
            due: Due::default(),
            volume: VolumeSteps::default(),
            conference: None,
            has_waited: false,
            lobby_told: false,
            wait_warned_at,
            alone_music: false,
        }
    }

    /// There is no conference (any more): the caller waits.
    fn stand_up(&mut self) {
        self.has_waited = true;
        self.seat = None;
        self.open = None;
        self.news.clear();
        self.due = Due::default();
    }

    pub(super) const fn is_in_mix(&self) -> bool {
        matches!(self.place, Place::InMix { .. })
    }

    /// Who waits has the keys of a participant.
    pub(super) fn role(&self) -> Role {
        self.seat.as_ref().map_or(Role::Participant, Seat::role)
    }

    /// Whether something is about to be said: to keys that were begun, or to an answer.
    pub(super) fn awaits(&self) -> bool {
        self.keypad.is_begun() || self.asks.deadline().is_some()
    }

    /// Whose keys are in force.
    pub(super) fn menu(&self) -> Menu {
        let talk = if self.called.is_some() { Menu::Aside } else { Menu::Conference };
        self.open.as_ref().map_or(talk, OpenMenu::menu)
    }

    /// What belongs behind what is spoken.
    pub(super) fn background(&self) -> Option<Script> {
        if self.called.as_ref().is_some_and(CalledOut::rings) {
            return Some(Script::ringing());
        }
        self.has_music().then(Script::music)
    }

    const fn has_music(&self) -> bool {
        match self.place {
            Place::Held { .. } | Place::InMix { link: Link::Down { is_told: true, .. }, .. } => true,
            Place::InMix { link: Link::Up, .. } => self.alone_music,
            Place::InMix { link: Link::Down { .. }, .. } | Place::Entering => false,
        }
    }
}

impl Journey {
    /// The CMS has let the caller in, and the caller can hear.
    pub(super) fn attend(&mut self, now: Instant, standing: Standing) {
        self.stage =
            Stage::Attending(Box::new(Attending::new(self.patience.command_key_wait, self.wait_warned_at)));
        self.stand(now, standing);
    }

    /// The standing, told for the first time or again.
    pub(super) fn stand(&mut self, now: Instant, standing: Standing) {
        match standing {
            Standing::Held => self.hold(now, Waits::ForHost),
            Standing::InWaitingRoom => self.hold(now, Waits::ToBeLetIn),
            Standing::ConnectedForNow(mix) => self.connect_for_now(now, mix),
            Standing::Aside(mix) => {
                self.enter_mix(now, mix, None);
                if let Some(attending) = self.attending() {
                    attending.was_aside = true;
                }
            }
            Standing::Placed {
                conference,
                conferee,
                role,
                is_alone,
                music,
                is_locked,
                controls,
                mix,
                aside,
                ..
            } => {
                let is_aside = mix.kind == MixKind::Side;
                self.enter_mix(now, mix, Some(conferee));
                self.set_alone_music(is_alone && music && !is_aside);
                self.welcome(conference, is_alone);
                let placed = Placed { conference, conferee, role, is_locked, music, controls };
                self.take_seat(now, &placed);
                self.take_called(now, aside.map(|aside| *aside));
            }
            Standing::Refused(refusal) => {
                self.drop_mix();
                self.refuse(now, refusal);
            }
            Standing::Removed(reason) => {
                self.drop_mix();
                let words = super::prompt_of_leaving(reason).unwrap_or_default();
                self.say_goodbye(now, Ending::Left(reason), words);
            }
        }
    }

    pub(super) fn attending(&mut self) -> Option<&mut Attending> {
        match &mut self.stage {
            Stage::Attending(attending) => Some(attending),
            Stage::Checking { .. }
            | Stage::CheckingPin { .. }
            | Stage::Delaying { .. }
            | Stage::Answering { .. }
            | Stage::Asking { .. }
            | Stage::Naming(_)
            | Stage::Admitting { .. }
            | Stage::Leaving { .. }
            | Stage::Over => None,
        }
    }

    fn drop_mix(&mut self) {
        let Some(attending) = self.attending() else {
            return;
        };
        let (is_in_mix, calls) = (attending.is_in_mix(), attending.calls_out());
        if is_in_mix {
            self.wish(Wish::LeaveMix);
        }
        if calls {
            self.wish(Wish::StopCallingOut);
        }
    }

    fn hold(&mut self, now: Instant, waits: Waits) {
        let remind_at = now + self.patience.reminder_every;
        let Some(attending) = self.attending() else {
            return;
        };
        if matches!(&attending.place, Place::Held { waits: so_far, .. } if *so_far == waits) {
            return;
        }
        let was_in_mix = attending.is_in_mix();
        attending.stand_up();
        attending.place = Place::Held { waits, remind_at };
        if was_in_mix {
            self.wish(Wish::LeaveMix);
        }
        self.play(Script::say([waits.told()]));
    }

    fn connect_for_now(&mut self, now: Instant, mix: MixView) {
        self.enter_mix(now, mix, None);
        let Some(attending) = self.attending() else {
            return;
        };
        attending.stand_up();
        if !std::mem::replace(&mut attending.lobby_told, true) {
            self.play(Script::say([Prompt::InLobby]));
        }
    }

    /// Music begins where nothing is spoken; else behind what is spoken.
    fn set_alone_music(&mut self, alone_music: bool) {
        let Some(attending) = self.attending() else {
            return;
        };
        attending.alone_music = alone_music;
        let background = attending.background();
        let has_none = background.is_none();
        if let Some(background) = background.filter(|_| !self.player.plays()) {
            self.play(background);
        } else if has_none && !self.player.speaks() {
            self.stop_playing();
        }
    }

    /// What there is to say of a conference, once.
    fn welcome(&mut self, conference: ConferenceId, is_alone: bool) {
        let Some(attending) = self.attending() else {
            return;
        };
        if attending.conference.replace(conference) == Some(conference) {
            return;
        }
        let has_waited = std::mem::take(&mut attending.has_waited);
        let was_aside = std::mem::take(&mut attending.was_aside);
        attending.wait_warned_at = None;
        if is_alone {
            self.play(Script::say([Prompt::YouAreFirst]));
        } else if was_aside {
            self.play(Script::say([Prompt::BroughtIn]));
        } else if has_waited {
            self.play(Script::say([Prompt::HostIsHere]));
        }
    }

    /// Joins at once; only then is anything said.
    fn enter_mix(&mut self, now: Instant, view: MixView, conferee: Option<ConfereeId>) {
        let Some(attending) = self.attending() else {
            return;
        };
        let had_music = attending.background().is_some();
        let is_known = match &mut attending.place {
            Place::InMix { mix, epoch, .. } if *mix == view.mix && *epoch > view.epoch => return,
            Place::InMix { mix, epoch, link } if *mix == view.mix && *epoch == view.epoch => match link {
                Link::Up => return,
                Link::Down { retry_at, .. } => {
                    *retry_at = None;
                    true
                }
            },
            Place::InMix { .. } | Place::Held { .. } | Place::Entering => false,
        };
        if !is_known {
            attending.place = Place::InMix { mix: view.mix, epoch: view.epoch, link: Link::joining(now) };
        }
        self.wish(Wish::JoinMix { mix: view, conferee });
        if had_music && !is_known {
            self.stop_playing();
        }
    }

    pub(super) fn joined(&mut self, joined_mix: MixId, joined_epoch: Epoch) {
        let Some(Attending { place: Place::InMix { mix, epoch, link }, .. }) = self.attending() else {
            return;
        };
        if (*mix, *epoch) != (joined_mix, joined_epoch) {
            return;
        }
        let was_told = matches!(link, Link::Down { is_told: true, .. });
        *link = Link::Up;
        if was_told {
            self.stop_playing();
        }
        if !self.player.plays() {
            self.prompt_over_mix_ended();
        }
    }

    pub(super) fn join_failed(&mut self, now: Instant, failed_mix: MixId, failed_epoch: Epoch) {
        let Some(Attending { place: Place::InMix { mix, epoch, link }, .. }) = self.attending() else {
            return;
        };
        if (*mix, *epoch) == (failed_mix, failed_epoch)
            && let Link::Down { retry_at, retry_wait, .. } = link
        {
            *retry_at = Some(now + *retry_wait);
            *retry_wait = (*retry_wait * 2).min(RETRY_MAX);
        }
    }

    /// The CMS finds out by itself and places anew; it is asked besides, in case the mixer is back as it was.
    pub(super) fn mix_lost(&mut self, now: Instant, lost: MixId) {
        let Some(Attending { place: Place::InMix { mix, link, .. }, .. }) = self.attending() else {
            return;
        };
        if *mix == lost && matches!(link, Link::Up) {
            let retry_at = Some(now + RETRY_FIRST);
            *link = Link::Down { since: now, is_told: false, retry_at, retry_wait: RETRY_FIRST * 2 };
        }
    }

    /// What was spoken is over: back to the music, where there is any.
    pub(super) fn prompt_over_mix_ended(&mut self) {
        if self.player.plays() {
            return;
        }
        if let Some(background) = self.attending().and_then(|attending| attending.background()) {
            self.play(background);
        }
    }

    pub(super) fn attending_timed_out(&mut self, now: Instant) {
        let patience = self.patience;
        let Some(attending) = self.attending() else {
            return;
        };
        let pressed = attending.keypad.tick(now);
        let is_unanswered = attending.asks.give_up(now);
        let is_left_alone = attending.open.as_ref().is_some_and(|menu| menu.alone_at <= now);
        let mut said = None;
        let mut retries = false;
        let mut gives_up = false;
        match &mut attending.place {
            Place::Held { waits, remind_at } if *remind_at <= now => {
                *remind_at = now + patience.reminder_every;
                said = Some(waits.reminder());
            }
            Place::InMix { link: Link::Down { since, is_told, retry_at, retry_wait }, .. } => {
                if retry_at.is_some_and(|at| at <= now) {
                    // The standing that comes back joins; if none comes, this asks again.
                    *retry_at = Some(now + *retry_wait);
                    *retry_wait = (*retry_wait * 2).min(RETRY_MAX);
                    retries = true;
                }
                if !*is_told && now >= *since + patience.mix_lost_told {
                    *is_told = true;
                    said = Some(Prompt::Reconnecting);
                }
                gives_up = now >= *since + patience.mix_lost_max;
            }
            Place::Held { .. } | Place::InMix { link: Link::Up, .. } | Place::Entering => {}
        }
        if attending.wait_warning().is_some_and(|at| at <= now) {
            attending.wait_warned_at = None;
            if let Place::Held { remind_at, .. } = &mut attending.place {
                *remind_at = now + patience.reminder_every;
            }
            said = Some(Prompt::WaitEndsSoon);
        }
        if gives_up {
            self.leave(now, LeaveReason::NoMixer);
            return;
        }
        if retries {
            self.wish(Wish::AttendAgain);
        }
        if let Some(prompt) = said {
            self.play(Script::say([prompt]));
        }
        self.tell_what_is_due(now);
        if is_unanswered {
            self.answer_key(now, Prompt::TryAgain);
        }
        if is_left_alone {
            self.menu_left_alone(now);
        }
        self.pressed(now, pressed);
    }
}

impl Attending {
    /// When who waits is to be warned of the end of it.
    fn wait_warning(&self) -> Option<Instant> {
        self.wait_warned_at.filter(|_| self.has_waited)
    }

    /// When `attending_timed_out` is due.
    pub(super) fn deadline_in(&self, told_after: Duration, lost_max: Duration) -> Option<Instant> {
        let of_place = match &self.place {
            Place::Held { remind_at, .. } => Some(*remind_at),
            Place::InMix { link: Link::Down { since, is_told, retry_at, .. }, .. } => {
                let next = *since + if *is_told { lost_max } else { told_after };
                Some(retry_at.map_or(next, |retry| retry.min(next)))
            }
            Place::InMix { link: Link::Up, .. } | Place::Entering => None,
        };
        let of_menu = self.open.as_ref().map(|menu| menu.alone_at);
        let of_keys = [self.keypad.deadline(), of_menu, self.asks.deadline(), self.due.deadline()];
        [of_place, self.wait_warning()].into_iter().chain(of_keys).flatten().min()
    }
}
