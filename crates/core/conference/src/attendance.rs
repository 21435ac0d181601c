//! Attendances: a caller's claim on a room, from the code to the goodbye.

use std::time::Duration;

use crate::code::Role;
use crate::conference::ConfereeState;
use crate::ids::{AttendanceId, ConfereeId, ConferenceId, Generation, Order, RoomId, VruId};
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::voice::Voice;

/// Who calls, as far as the call says. A caller's number alone never gives more than participant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallerIdentity {
    /// The user part of the caller's SIP address (a telephone number, mostly); empty if withheld.
    pub number: String,
    /// The display name; empty if there is none.
    pub display: String,
    /// The SIP Call-ID, for an operator who looks for one call.
    pub call: String,
}

/// How a caller waits for a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitingKind {
    /// Hears music, is heard by nobody, hears nobody.
    Held,
    /// Talks with the other early callers in the lobby.
    Lobby,
    /// Hears music until a host admits them, whether or not a conference is live.
    WaitingRoom,
    /// Was called, and talks in private with who had them called.
    Aside,
}

/// Why an attendance ended, or a conferee left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeaveReason {
    /// The caller hung up.
    HungUp,
    /// The caller left by keys (`#9#`).
    Keys,
    /// A host deleted them.
    Deleted,
    /// The conference ended under them.
    ConferenceEnded,
    /// No host came in the longest wait.
    WaitedTooLong,
    /// Placed, but audio never came up within 5 s.
    NeverJoined,
    /// Their VRU's lease was lost and 30 s of absence went by.
    VruLost,
    /// No RTP came for the room's limit.
    NoRtp,
    /// The longest call was reached.
    CallTooLong,
    /// The VRU was shut down and said goodbye.
    Shutdown,
    /// No mixer of the class was left to carry them.
    NoMixer,
    /// The call failed for another reason of the telephone network's.
    CallFailed,
    /// A host sent everybody else away.
    Dropped,
    /// A host did not let them in from the waiting room.
    TurnedAway,
    /// Was called from within a conference, and let go.
    LetGo,
}

impl LeaveReason {
    /// Every reason, in the order of their words in the store.
    pub const ALL: [Self; 15] = [
        Self::HungUp,
        Self::Keys,
        Self::Deleted,
        Self::ConferenceEnded,
        Self::WaitedTooLong,
        Self::NeverJoined,
        Self::VruLost,
        Self::NoRtp,
        Self::CallTooLong,
        Self::Shutdown,
        Self::NoMixer,
        Self::CallFailed,
        Self::Dropped,
        Self::TurnedAway,
        Self::LetGo,
    ];

    /// The word used in the store, the protocol and the console.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HungUp => "hung_up",
            Self::Keys => "keys",
            Self::Deleted => "deleted",
            Self::ConferenceEnded => "conference_ended",
            Self::WaitedTooLong => "waited_too_long",
            Self::NeverJoined => "never_joined",
            Self::VruLost => "vru_lost",
            Self::NoRtp => "no_rtp",
            Self::CallTooLong => "call_too_long",
            Self::Shutdown => "shutdown",
            Self::NoMixer => "no_mixer",
            Self::CallFailed => "call_failed",
            Self::Dropped => "dropped",
            Self::TurnedAway => "turned_away",
            Self::LetGo => "let_go",
        }
    }

    /// Reads the word back; `None` for a word that is none of ours.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// Where an attendance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttendanceState {
    /// Waits for a host.
    Waiting(WaitingKind),
    /// Has a seat in the conference.
    Seated {
        /// The conference.
        conference: ConferenceId,
        /// The conferee's identifier, fixed at entry.
        conferee: ConfereeId,
        /// The conferee's order of entry.
        order: Order,
        /// Placed, joined or absent.
        state: ConfereeState,
        /// Whether they may be heard.
        voice: Voice,
    },
    /// Was refused entry; the end.
    Refused(Refusal),
    /// Has left; the end.
    Left(LeaveReason),
}

impl AttendanceState {
    /// Whether nothing can follow.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Left(_))
    }
}

/// Wrong codes that a caller has keyed to become a host, in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Guesses {
    /// How many.
    pub wrong: u32,
    /// When the last one was; of none, whenever.
    pub last_at: Timestamp,
}

/// An attendance, as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attendance {
    /// Minted by the VRU, one per call.
    pub id: AttendanceId,
    /// The room.
    pub room: RoomId,
    /// The role that the code gave.
    pub role: Role,
    /// The newest generation that attended.
    pub generation: Generation,
    /// The VRU that has the call.
    pub vru: VruId,
    /// Who calls.
    pub caller: CallerIdentity,
    /// When the first hello came.
    pub arrived_at: Timestamp,
    /// Where it stands.
    pub state: AttendanceState,
    /// When the present state ends by itself: the longest wait, the 5 s to join, the 30 s of absence.
    pub deadline: Option<Timestamp>,
    /// What they keyed wrong to become a host.
    pub guesses: Guesses,
}

impl Attendance {
    /// Whether the caller is thought lost with their VRU: absent, or waiting with the room's longest wait cut short.
    #[must_use]
    pub fn is_missed(&self, wait_max: Duration) -> bool {
        match self.state {
            AttendanceState::Waiting(WaitingKind::Aside) => false,
            AttendanceState::Waiting(_) => {
                self.deadline.is_some_and(|deadline| deadline < self.arrived_at.after(wait_max))
            }
            AttendanceState::Seated { state, .. } => state == ConfereeState::Absent,
            AttendanceState::Refused(_) | AttendanceState::Left(_) => false,
        }
    }
}

/// A caller who waits, as a snapshot lists them: in order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The attendance.
    pub attendance: AttendanceId,
    /// How they wait.
    pub kind: WaitingKind,
    /// Their role (always participant, unless a rule changes).
    pub role: Role,
    /// When the wait ends by itself.
    pub deadline: Option<Timestamp>,
}
