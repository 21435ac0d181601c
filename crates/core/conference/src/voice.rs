//! Who may be heard: the floor of a conference, and what silences one conferee.

use crate::code::Role;
use crate::time::Timestamp;

/// Who has the floor of a conference. Hosts are never silenced by it; who enters later enters as it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Floor {
    /// Everybody may speak.
    #[default]
    Open,
    /// Participants are muted, and may unmute themselves.
    Muted,
    /// Participants are muted, and may not unmute themselves.
    Lecture,
}

impl Floor {
    /// Every floor.
    pub const ALL: [Self; 3] = [Self::Open, Self::Muted, Self::Lecture];

    /// The word used in the store, the protocol and the console.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Muted => "muted",
            Self::Lecture => "lecture",
        }
    }

    /// Reads the word back; `None` for a word that is none of ours.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|floor| floor.as_str() == word)
    }

    /// Whether it silences this role.
    #[must_use]
    pub const fn silences(self, role: Role) -> bool {
        match (self, role) {
            (Self::Open, _) | (Self::Muted | Self::Lecture, Role::Host) => false,
            (Self::Muted | Self::Lecture, Role::Participant) => true,
        }
    }
}

/// Why a conferee is silent now: of several reasons, the one that is hardest to undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mute {
    /// They are heard.
    #[default]
    None,
    /// They muted themselves.
    Oneself,
    /// A host muted this one.
    ByHost,
    /// All are muted, or it is a lecture.
    ByFloor,
}

impl Mute {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::None, Self::Oneself, Self::ByHost, Self::ByFloor];

    /// The word used in the protocol and the console.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Oneself => "oneself",
            Self::ByHost => "by_host",
            Self::ByFloor => "by_floor",
        }
    }

    /// Reads the word back; `None` for a word that is none of ours.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mute| mute.as_str() == word)
    }

    /// Whether they are silent.
    #[must_use]
    pub const fn is_muted(self) -> bool {
        !matches!(self, Self::None)
    }
}

/// Who silenced a conferee: each undoes their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct MutedBy {
    /// The conferee.
    pub oneself: bool,
    /// A host, this one alone.
    pub host: bool,
    /// The floor.
    pub floor: bool,
}

/// A conferee's voice: whether it is heard, and whether they ask to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Voice {
    /// Who silenced it.
    pub muted_by: MutedBy,
    /// When they raised their hand; `None` while it is down.
    pub hand_raised_at: Option<Timestamp>,
}

impl Voice {
    /// The voice of who enters in a role while the floor is so.
    #[must_use]
    pub const fn entering(role: Role, floor: Floor) -> Self {
        let muted_by = MutedBy { oneself: false, host: false, floor: floor.silences(role) };
        Self { muted_by, hand_raised_at: None }
    }

    /// Why it is silent.
    #[must_use]
    pub const fn mute(self) -> Mute {
        match self.muted_by {
            MutedBy { floor: true, .. } => Mute::ByFloor,
            MutedBy { host: true, .. } => Mute::ByHost,
            MutedBy { oneself: true, .. } => Mute::Oneself,
            MutedBy { .. } => Mute::None,
        }
    }

    /// Whether it is silent.
    #[must_use]
    pub const fn is_muted(self) -> bool {
        self.mute().is_muted()
    }

    /// Whether a conferee of this role may make it heard again by themselves.
    #[must_use]
    pub const fn may_unmute(self, role: Role, floor: Floor, unmute_oneself: bool) -> bool {
        match role {
            Role::Host => true,
            Role::Participant => {
                let lectured = self.muted_by.floor && matches!(floor, Floor::Lecture);
                !lectured && (unmute_oneself || !self.muted_by.host)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_as_what_they_were() {
        for floor in Floor::ALL {
            assert_eq!(Floor::from_word(floor.as_str()), Some(floor));
        }
        for mute in Mute::ALL {
            assert_eq!(Mute::from_word(mute.as_str()), Some(mute));
        }
    }

    #[test]
    fn the_floor_silences_participants_and_never_a_host() {
        for floor in Floor::ALL {
            assert!(!floor.silences(Role::Host));
            assert_eq!(floor.silences(Role::Participant), floor != Floor::Open);
        }
    }

    #[test]
    fn a_voice_is_silent_while_anybody_silences_it() {
        for bits in 0..8u8 {
            let muted_by = MutedBy { oneself: bits & 1 > 0, host: bits & 2 > 0, floor: bits & 4 > 0 };
            assert_eq!(Voice { muted_by, hand_raised_at: None }.is_muted(), bits > 0);
        }
    }
}
