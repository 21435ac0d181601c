//! After entry: the caller waits, talks in a lobby, or confers; the keypad; the loss of a mix.

use std::time::{Duration, Instant};

use partyline_conference::{ConfereeId, ConferenceId, Epoch, LeaveReason, MixId, MixView, Role, Standing};

use super::{Journey, Stage};
use crate::keypad::Keypad;
use crate::prompt::Prompt;
use crate::script::Script;
use crate::wish::{Ending, Wish};

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
    role: Option<Role>,
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
        remind_at: Instant,
    },
    InMix {
        mix: MixId,
        epoch: Epoch,
        link: Link,
    },
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
            role: None,
            conference: None,
            has_waited: false,
            lobby_told: false,
            wait_warned_at,
            alone_music: false,
        }
    }

    pub(super) const fn is_in_mix(&self) -> bool {
        matches!(self.place, Place::InMix { .. })
    }

    pub(super) const fn is_placed(&self) -> bool {
        self.role.is_some()
    }

    /// Who waits has the keys of a participant.
    pub(super) fn role(&self) -> Role {
        self.role.unwrap_or(Role::Participant)
    }

    /// Whether music belongs behind what is spoken.
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
            Standing::Held | Standing::InWaitingRoom => self.hold(now),
            Standing::ConnectedForNow(mix) => self.connect_for_now(now, mix),
            Standing::Placed { conference, conferee, role, is_alone, music, mix, .. } => {
                self.set_role(role);
                self.enter_mix(now, mix, Some(conferee));
                self.set_alone_music(is_alone && music);
                self.welcome(conference, is_alone);
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
            | Stage::Admitting { .. }
            | Stage::Leaving { .. }
            | Stage::Over => None,
        }
    }

    fn set_role(&mut self, role: Role) {
        if let Some(attending) = self.attending() {
            attending.role = Some(role);
        }
    }

    fn drop_mix(&mut self) {
        if self.attending().is_some_and(|attending| attending.is_in_mix()) {
            self.wish(Wish::LeaveMix);
        }
    }

    fn hold(&mut self, now: Instant) {
        let remind_at = now + self.patience.reminder_every;
        let Some(attending) = self.attending() else {
            return;
        };
        if let Place::Held { .. } = attending.place {
            return;
        }
        let was_in_mix = attending.is_in_mix();
        attending.has_waited = true;
        attending.place = Place::Held { remind_at };
        if was_in_mix {
            self.wish(Wish::LeaveMix);
        }
        self.play(Script::say([Prompt::WaitingForHost]));
    }

    fn connect_for_now(&mut self, now: Instant, mix: MixView) {
        self.enter_mix(now, mix, None);
        let Some(attending) = self.attending() else {
            return;
        };
        attending.has_waited = true;
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
        let has_music = attending.has_music();
        if has_music && !self.player.plays() {
            self.play(Script::music());
        } else if !has_music && !self.player.speaks() {
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
        attending.wait_warned_at = None;
        if is_alone {
            self.play(Script::say([Prompt::YouAreFirst]));
        } else if has_waited {
            self.play(Script::say([Prompt::HostIsHere]));
        }
    }

    /// Joins at once; only then is anything said.
    fn enter_mix(&mut self, now: Instant, view: MixView, conferee: Option<ConfereeId>) {
        let Some(attending) = self.attending() else {
            return;
        };
        let had_music = attending.has_music();
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
        if self.attending().is_some_and(|attending| attending.has_music()) {
            self.play(Script::music());
        }
    }

    pub(super) fn attending_timed_out(&mut self, now: Instant) {
        let patience = self.patience;
        let Some(attending) = self.attending() else {
            return;
        };
        let pressed = attending.keypad.tick(now);
        let mut said = None;
        let mut retries = false;
        let mut gives_up = false;
        match &mut attending.place {
            Place::Held { remind_at } if *remind_at <= now => {
                *remind_at = now + patience.reminder_every;
                said = Some(Prompt::StillWaiting);
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
            if let Place::Held { remind_at } = &mut attending.place {
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
            Place::Held { remind_at } => Some(*remind_at),
            Place::InMix { link: Link::Down { since, is_told, retry_at, .. }, .. } => {
                let next = *since + if *is_told { lost_max } else { told_after };
                Some(retry_at.map_or(next, |retry| retry.min(next)))
            }
            Place::InMix { link: Link::Up, .. } | Place::Entering => None,
        };
        [of_place, self.wait_warning(), self.keypad.deadline()].into_iter().flatten().min()
    }
}
