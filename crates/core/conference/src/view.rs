//! What an interface server tells a caller's VRU: read from the store after the commit, so that
//! it is right whoever decided.

use crate::attendance::{CallerIdentity, LeaveReason};
use crate::code::Role;
use crate::conference::{ConfereeState, MixKind};
use crate::ids::{
    AttendanceId, ConfereeId, ConferenceId, Epoch, Generation, MixId, MixerId, Order, RoomId, VruId,
};
use crate::refusal::Refusal;

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

/// What should hold for a caller now. Level-triggered: it can be told any number of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// On hold until the host comes.
    Held,
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
        /// The conference's mix.
        mix: MixView,
    },
    /// Refused.
    Refused(Refusal),
    /// Gone: the VRU says why and hangs up.
    Removed(LeaveReason),
}
