//! Events: one sequence per room, written in the same transaction as the change.

use crate::attendance::LeaveReason;
use crate::code::Role;
use crate::command::{CommandAnswer, CommandNote};
use crate::conference::ConferenceEnd;
use crate::ids::{
    AttendanceId, ConfereeId, ConferenceId, Epoch, EventSequence, MixId, MixerId, Order, RoomId,
};
use crate::line_noise::LineNoise;
use crate::outdial::{OutdialEnd, OutdialKind};
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// An event as it is read from the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The room.
    pub room: RoomId,
    /// Its place in the room's sequence.
    pub sequence: EventSequence,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
}

/// What happened in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A caller waits for a host.
    CallerWaits {
        /// The caller.
        attendance: AttendanceId,
    },
    /// A caller was refused.
    CallerRefused {
        /// The caller.
        attendance: AttendanceId,
        /// Why.
        refusal: Refusal,
    },
    /// A caller who waited left.
    CallerLeft {
        /// The caller.
        attendance: AttendanceId,
        /// Why.
        reason: LeaveReason,
    },
    /// A conference was created.
    ConferenceCreated {
        /// Its unique identifier.
        conference: ConferenceId,
        /// Its mix.
        mix: MixId,
        /// The mixer.
        mixer: MixerId,
    },
    /// A conferee was given a seat and an order.
    ConfereePlaced {
        /// The conference.
        conference: ConferenceId,
        /// The conferee.
        conferee: ConfereeId,
        /// The caller.
        attendance: AttendanceId,
        /// The order of entry.
        order: Order,
        /// The role.
        role: Role,
    },
    /// A conferee's audio is up. The entry tone is played on this.
    ConfereeJoined {
        /// The conference.
        conference: ConferenceId,
        /// The conferee.
        conferee: ConfereeId,
        /// Whether they are alone in it.
        is_first: bool,
    },
    /// A conferee's VRU is lost.
    ConfereeAbsent {
        /// The conference.
        conference: ConferenceId,
        /// The conferee.
        conferee: ConfereeId,
    },
    /// A conferee's line makes noise.
    LineNoisy {
        /// The conference.
        conference: ConferenceId,
        /// The conferee.
        conferee: ConfereeId,
        /// What.
        noise: LineNoise,
    },
    /// A conferee left. The exit tone is played on this, if they had joined.
    ConfereeLeft {
        /// The conference.
        conference: ConferenceId,
        /// The conferee.
        conferee: ConfereeId,
        /// Why.
        reason: LeaveReason,
        /// Whether their audio had been up.
        had_joined: bool,
    },
    /// A conference was moved to another mixer.
    ConferenceMoved {
        /// The conference.
        conference: ConferenceId,
        /// The new mixer.
        mixer: MixerId,
        /// The new epoch.
        epoch: Epoch,
    },
    /// A conference was locked or opened.
    LockChanged {
        /// The conference.
        conference: ConferenceId,
        /// Whether it is locked now.
        locked: bool,
    },
    /// A command was carried out, or refused.
    Commanded {
        /// The command.
        command: CommandNote,
        /// Who gave it; `None` for the console.
        by: Option<AttendanceId>,
        /// What came of it.
        answer: CommandAnswer,
    },
    /// Somebody is called from within a conference.
    OutdialStarted {
        /// The conference.
        conference: ConferenceId,
        /// The attendance that the callee will have.
        callee: AttendanceId,
        /// Who has them called.
        asker: AttendanceId,
        /// Whom it calls.
        kind: OutdialKind,
    },
    /// A callee has answered.
    OutdialAnswered {
        /// The conference.
        conference: ConferenceId,
        /// The callee.
        callee: AttendanceId,
    },
    /// An outdial is over.
    OutdialEnded {
        /// The conference.
        conference: ConferenceId,
        /// The callee.
        callee: AttendanceId,
        /// How.
        why: OutdialEnd,
    },
    /// A conference ended.
    ConferenceEnded {
        /// The conference.
        conference: ConferenceId,
        /// Why.
        why: ConferenceEnd,
    },
}
