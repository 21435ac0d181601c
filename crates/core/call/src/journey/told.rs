//! What a caller was last told of the conference: toggling keys go by it, and what differs from it is news.
//!
//! **Invariant:** a standing that is told again is no news, and what a caller's own command has changed is told once,
//! whether its answer or the standing comes first.

use partyline_conference::{
    Command, ConfereeId, ConferenceId, Controls, Floor, Mute, NoisyLine, Role, Timestamp,
};

/// Something that was told, and what is about to be told as a command was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard<T> {
    told: T,
    expected: Option<T>,
}

impl<T: Copy + PartialEq> Heard<T> {
    const fn new(told: T) -> Self {
        Self { told, expected: None }
    }

    /// What the caller knows.
    pub(super) fn now(self) -> T {
        self.expected.unwrap_or(self.told)
    }

    /// A command was answered: so it is now.
    fn confirm(&mut self, is: T) {
        self.expected = (is != self.told).then_some(is);
    }

    /// A standing says so; whether it is news. What a command made so was heard with its answer, and a standing from
    /// before the command changes nothing.
    fn tell(&mut self, is: T) -> bool {
        if is == self.told {
            return false;
        }
        self.told = is;
        self.expected.take() != Some(is)
    }
}

/// What a standing says of the conference.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) conference: ConferenceId,
    pub(super) conferee: ConfereeId,
    pub(super) role: Role,
    pub(super) is_locked: bool,
    pub(super) music: bool,
    pub(super) controls: Controls,
}

/// What a caller should hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    Locked(bool),
    Floor(Floor),
    Muted(Mute),
    Unmuted,
    Hand(bool),
    Host,
    HandsRaised,
    SomebodyWaits,
    Noisy(NoisyLine),
}

impl News {
    /// Whether a command of one's own has made it.
    pub(super) fn is_of(self, command: &Command, oneself: ConfereeId) -> bool {
        match (command, self) {
            (Command::SetLock { locked }, Self::Locked(is)) => *locked == is,
            (Command::SetFloor { floor }, Self::Floor(is)) => *floor == is,
            (Command::SetMuted { conferee, muted }, Self::Muted(_)) => *muted && *conferee == oneself,
            (Command::SetMuted { conferee, muted }, Self::Unmuted) => !*muted && *conferee == oneself,
            (Command::SetHand { raised }, Self::Hand(is)) => *raised == is,
            (Command::BecomeHost { .. }, Self::Host) => true,
            _ => false,
        }
    }
}

/// When the noise was of which a standing tells.
const fn noisy_at(controls: Controls) -> Option<Timestamp> {
    match controls.noisy {
        Some(line) => Some(line.at),
        None => None,
    }
}

/// A caller's seat in a conference, as far as they were told of it.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    pub(super) conference: ConferenceId,
    pub(super) conferee: ConfereeId,
    role: Heard<Role>,
    pub(super) locked: Heard<bool>,
    pub(super) muted: Heard<bool>,
    pub(super) floor: Heard<Floor>,
    pub(super) hand: Heard<bool>,
    pub(super) announce: partyline_conference::Announce,
    pub(super) music: Heard<bool>,
    pub(super) continues: Heard<bool>,
    pub(super) may_unmute: bool,
    pub(super) may_roll_call: bool,
    hands: u32,
    waiting: u32,
    /// When the noise was that was told last.
    noisy_at: Option<Timestamp>,
    pub(super) ends_at: Option<Timestamp>,
}

impl Seat {
    pub(super) const fn new(placed: &Placed) -> Self {
        let controls = placed.controls;
        Self {
            conference: placed.conference,
            conferee: placed.conferee,
            role: Heard::new(placed.role),
            locked: Heard::new(placed.is_locked),
            muted: Heard::new(controls.mute.is_muted()),
            floor: Heard::new(controls.floor),
            hand: Heard::new(controls.hand_raised),
            announce: controls.announce,
            music: Heard::new(placed.music),
            continues: Heard::new(controls.continues),
            may_unmute: controls.may_unmute,
            may_roll_call: controls.may_roll_call,
            hands: controls.hands,
            waiting: controls.waiting,
            noisy_at: noisy_at(controls),
            ends_at: controls.ends_at,
        }
    }

    pub(super) fn role(&self) -> Role {
        self.role.now()
    }

    /// What who enters should hear: the floor, where it silences them.
    pub(super) fn first_news(&self) -> Option<News> {
        let is_silenced = self.muted.now() && self.floor.now().silences(self.role());
        is_silenced.then(|| News::Floor(self.floor.now()))
    }

    /// The same conference, told again: what is new.
    pub(super) fn tell(&mut self, placed: &Placed) -> Vec<News> {
        let controls = placed.controls;
        let mut news = Vec::new();
        if self.role.tell(placed.role) && placed.role == Role::Host {
            news.push(News::Host);
        }
        if self.locked.tell(placed.is_locked) {
            news.push(News::Locked(placed.is_locked));
        }
        let is_muted = controls.mute.is_muted();
        let mute_changed = self.muted.tell(is_muted);
        // The floor says why one is muted, or no longer.
        if self.floor.tell(controls.floor) {
            news.push(News::Floor(controls.floor));
        } else if mute_changed {
            news.push(if is_muted { News::Muted(controls.mute) } else { News::Unmuted });
        }
        if self.hand.tell(controls.hand_raised) {
            news.push(News::Hand(controls.hand_raised));
        }
        self.music.tell(placed.music);
        self.continues.tell(controls.continues);
        self.announce = controls.announce;
        self.may_unmute = controls.may_unmute;
        self.may_roll_call = controls.may_roll_call;
        self.ends_at = controls.ends_at;
        if controls.hands > std::mem::replace(&mut self.hands, controls.hands) {
            news.push(News::HandsRaised);
        }
        if controls.waiting > std::mem::replace(&mut self.waiting, controls.waiting) {
            news.push(News::SomebodyWaits);
        }
        if let Some(line) = controls.noisy.filter(|line| Some(line.at) > self.noisy_at) {
            self.noisy_at = Some(line.at);
            news.push(News::Noisy(line));
        }
        news
    }

    /// A command of the caller's own is done.
    pub(super) fn confirm(&mut self, command: &Command) {
        match command {
            Command::SetLock { locked } => self.locked.confirm(*locked),
            Command::SetMuted { conferee, muted } if *conferee == self.conferee => {
                self.muted.confirm(*muted);
            }
            Command::SetFloor { floor } => self.floor.confirm(*floor),
            Command::SetHand { raised } => self.hand.confirm(*raised),
            Command::SetMusic { on } => self.music.confirm(*on),
            Command::SetContinue { on } => self.continues.confirm(*on),
            Command::BecomeHost { .. } => self.role.confirm(Role::Host),
            Command::SetMuted { .. }
            | Command::End
            | Command::LowerHand { .. }
            | Command::Delete { .. }
            | Command::DropOthers { .. }
            | Command::SetAnnounce { .. }
            | Command::ExtendTo { .. }
            | Command::Admit { .. }
            | Command::TurnAway { .. }
            | Command::DialOut { .. }
            | Command::CallOperator
            | Command::JoinCallee { .. }
            | Command::DropCallee { .. } => {}
        }
    }

    pub(super) const fn hands(&self) -> u32 {
        self.hands
    }

    pub(super) const fn waiting(&self) -> u32 {
        self.waiting
    }
}
