//! What an interface server tells a caller's VRU: read from the store after the commit, so that
//! it is right whoever decided.

use crate::attendance::{CallerIdentity, LeaveReason};
use crate::code::Role;
use crate::conference::{ConfereeState, MixKind};
use crate::ids::{
    AttendanceId, ConfereeId, ConferenceId, Epoch, Generation, MixId, MixerId, Order, RoomId, RoomVersion,
    VruId,
};
use crate::line_noise::NoisyLine;
use crate::outdial::AsideView;
use crate::refusal::Refusal;
use crate::room::Announce;
use crate::time::Timestamp;
use crate::voice::{Floor, Mute};

/// One caller's standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttendanceView {
    /// The attendance.
    pub attendance: AttendanceId,
    /// The room.
    pub room: RoomId,
    /// The newest generation; streams of older ones are let go.
    pub generation: Generation,
    /// The VRU that has the call.
    pub vru: VruId,
    /// The caller.
    pub caller: CallerIdentity,
    /// Whether the caller is thought lost with their VRU: absent, or their wait cut short. A VRU that is there attends
    /// again, and all is well.
    pub is_missed: bool,
    /// The version of the room in which the caller's voice was last changed; a mixer takes no older word.
    pub voice_version: RoomVersion,
    /// What should hold now.
    pub standing: Standing,
}

/// The mix that a caller should be joined to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MixView {
    /// The mix.
    pub mix: MixId,
    /// What it is.
    pub kind: MixKind,
    /// The mixer that carries it.
    pub mixer: MixerId,
    /// Where the mixer answers RPCs.
    pub address: String,
    /// The placement.
    pub epoch: Epoch,
}

/// What a conferee's keys go by: a key that toggles asks for the opposite of what is told here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Controls {
    /// Why the conferee is silent now.
    pub mute: Mute,
    /// Whether they may unmute themselves.
    pub may_unmute: bool,
    /// Whether they may hear who is in the conference.
    pub may_roll_call: bool,
    /// Whether their hand is up.
    pub hand_raised: bool,
    /// Who has the floor.
    pub floor: Floor,
    /// How entries and exits are told.
    pub announce: Announce,
    /// Whether the conference goes on after its last host has left.
    pub continues: bool,
    /// When it ends by itself, where it does: its longest time, or the grace time after its last host.
    pub ends_at: Option<Timestamp>,
    /// Hands that are up; told to hosts only.
    pub hands: u32,
    /// Callers in the waiting room; told to hosts only.
    pub waiting: u32,
    /// Whose line made noise last; told to hosts only.
    pub noisy: Option<NoisyLine>,
}

/// One conferee, as a roll call lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterEntry {
    /// The conferee's identifier, fixed at entry.
    pub conferee: ConfereeId,
    /// Their attendance.
    pub attendance: AttendanceId,
    /// The order of entry.
    pub order: Order,
    /// The role.
    pub role: Role,
    /// Joined, or absent.
    pub state: ConfereeState,
    /// Why they are silent.
    pub mute: Mute,
    /// When they raised their hand, while it is up.
    pub hand_raised_at: Option<Timestamp>,
    /// The caller's number; empty if withheld.
    pub caller_number: String,
    /// Whether they recorded a name.
    pub has_name: bool,
    /// The version of the room in which their voice was last changed.
    pub voice_version: RoomVersion,
}

/// Somebody in the waiting room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingEntry {
    /// The attendance.
    pub attendance: AttendanceId,
    /// Since when.
    pub arrived_at: Timestamp,
    /// The caller's number; empty if withheld.
    pub caller_number: String,
    /// Whether they recorded a name.
    pub has_name: bool,
}

/// What should hold for a caller now. Level-triggered: it can be told any number of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// On hold until the host comes.
    Held,
    /// On hold until a host admits them.
    InWaitingRoom,
    /// Connected for now: in the lobby.
    ConnectedForNow(MixView),
    /// In the conference.
    Placed {
        /// Its unique identifier.
        conference: ConferenceId,
        /// The conferee's identifier, fixed at entry.
        conferee: ConfereeId,
        /// The order of entry.
        order: Order,
        /// The role.
        role: Role,
        /// Placed, joined or absent.
        state: ConfereeState,
        /// Whether nobody else sits in the conference: "you are the first".
        is_alone: bool,
        /// Whether a conferee who is alone hears music.
        music: bool,
        /// Whether the conference is locked, as the caller should know.
        is_locked: bool,
        /// What else the caller's keys go by.
        controls: Controls,
        /// The mix to be in: the conference's, or that of a talk in private.
        mix: MixView,
        /// Whom the caller has called in and is not done with.
        aside: Option<Box<AsideView>>,
    },
    /// Was called from within a conference, and talks in private with who had them called.
    Aside(MixView),
    /// Refused.
    Refused(Refusal),
    /// Gone: the VRU says why and hangs up.
    Removed(LeaveReason),
}
