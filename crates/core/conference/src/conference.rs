//! Conferences and the mixes that carry them, as snapshots show them.

use crate::ids::{ConferenceId, Epoch, MixId, MixerId, Order};
use crate::room::{Announce, HostLeaves, Room};
use crate::time::Timestamp;
use crate::voice::Floor;

/// What a mix is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MixKind {
    /// A conference.
    Conference,
    /// Early callers; no conference identifier, no order.
    Lobby,
    /// A host with an outdialled callee, or a caller with the operator.
    Side,
}

/// Where a conferee is between entry and exit: *placed* → *joined* → *absent* → *left*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConfereeState {
    /// Has a seat and an order; audio is not up yet.
    Placed,
    /// Audio is up. Tones, counts and roll call know only these.
    Joined,
    /// Their VRU is lost; 30 s to come back.
    Absent,
}

/// Why a conference ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConferenceEnd {
    /// The last conferee left.
    LastLeft,
    /// The last host left, and the room says end, or the grace time went by.
    HostLeft,
    /// A host ended it.
    Ended,
    /// The longest conference was reached.
    TooLong,
    /// No mixer of the class was left.
    NoMixer,
    /// A killed process left it behind; the next start ended it.
    Restart,
}

impl ConferenceEnd {
    /// The word used in the store, the protocol and the console.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LastLeft => "last_left",
            Self::HostLeft => "host_left",
            Self::Ended => "ended",
            Self::TooLong => "too_long",
            Self::NoMixer => "no_mixer",
            Self::Restart => "restart",
        }
    }
}

/// A mix that is placed on a mixer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveMix {
    /// The mix's identifier.
    pub mix: MixId,
    /// The mixer that carries it.
    pub mixer: MixerId,
    /// How often it was placed.
    pub epoch: Epoch,
    /// Seats reserved for it on that mixer.
    pub reserved: u32,
}

/// A room's live conference: counts, never the roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveConference {
    /// Its unique identifier.
    pub id: ConferenceId,
    /// Its mix.
    pub mix: LiveMix,
    /// Whether it is locked.
    pub is_locked: bool,
    /// The order that the next conferee gets.
    pub next_order: Order,
    /// Conferees placed, joined or absent.
    pub seated: u32,
    /// Of these, hosts.
    pub hosts_seated: u32,
    /// When it was created.
    pub started_at: Timestamp,
    /// When it ends by itself: the end of the grace time, of the longest conference, or of the wait for a mixer.
    pub deadline: Option<Deadline>,
    /// Who has the floor.
    pub floor: Floor,
    /// What its hosts changed of the room's settings.
    pub manner: Manner,
    /// The end of the longest time that a host asked for, where one did.
    pub extended_to: Option<Timestamp>,
}

/// What the hosts of a conference changed of its room's settings, for this conference; `None` leaves the room's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manner {
    /// How entries and exits are told.
    pub announce: Option<Announce>,
    /// Whether who is alone hears music.
    pub music: Option<bool>,
    /// Whether it goes on after its last host has left.
    pub continues: Option<bool>,
}

impl Manner {
    /// How entries and exits are told in a conference of this room.
    #[must_use]
    pub fn announce(&self, room: &Room) -> Announce {
        self.announce.unwrap_or(room.announce)
    }

    /// Whether who is alone hears music in a conference of this room.
    #[must_use]
    pub fn music(&self, room: &Room) -> bool {
        self.music.unwrap_or(room.music)
    }

    /// What happens when the last host leaves a conference of this room. Where a room's conferences go on and a host
    /// wants this one not to, it ends.
    #[must_use]
    pub fn host_leaves(&self, room: &Room) -> HostLeaves {
        match (self.continues, room.host_leaves) {
            (Some(true), _) | (None, HostLeaves::Continue) => HostLeaves::Continue,
            (Some(false), HostLeaves::Continue) => HostLeaves::End,
            (Some(false) | None, other @ (HostLeaves::End | HostLeaves::Grace(_))) => other,
        }
    }
}

/// What is remembered, for the rest of a conference, of a caller's number that was in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Past {
    /// A host deleted them.
    pub was_deleted: bool,
    /// They left while a host had them muted.
    pub was_muted: bool,
}

/// Why and when a conference will end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// When.
    pub at: Timestamp,
    /// Why: [`ConferenceEnd::HostLeft`] (grace), [`ConferenceEnd::TooLong`] or [`ConferenceEnd::NoMixer`]: it waits for
    /// one.
    pub why: ConferenceEnd,
}
