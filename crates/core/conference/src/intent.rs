//! What is asked of a room: the batch that one decision answers.

use crate::attendance::{CallerIdentity, LeaveReason};
use crate::code::Role;
use crate::command::Command;
use crate::ids::{
    AttendanceId, CommandId, ConfereeId, ConferenceId, Epoch, Generation, MixId, MixerId, VruId,
};
use crate::line_noise::LineNoise;

/// One thing asked of a room. An interface server gathers all that is queued for a room into one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// A caller attends, for the first time or again (a higher generation after a broken stream).
    Attend {
        /// Minted by the VRU per call.
        attendance: AttendanceId,
        /// Counts the attends of this attendance.
        generation: Generation,
        /// The VRU that has the call.
        vru: VruId,
        /// The role that the code gave, as this interface server read it from the store itself.
        role: Role,
        /// Who calls.
        caller: CallerIdentity,
    },
    /// Who was called from within a conference has answered, for the first time or again.
    Answered {
        /// The callee: names the outdial.
        attendance: AttendanceId,
        /// Counts the attends of this attendance.
        generation: Generation,
        /// The VRU that has the call.
        vru: VruId,
        /// Who was called.
        caller: CallerIdentity,
    },
    /// The caller's audio is up in this mix.
    Joined {
        /// The attendance.
        attendance: AttendanceId,
        /// The generation that says so.
        generation: Generation,
        /// The mix that was joined.
        mix: MixId,
        /// The placement that was joined.
        epoch: Epoch,
    },
    /// The caller has left, for good. Where a hello says so itself, its `Attend` comes in the same batch: who is not
    /// known yet is then known as gone, and an older hello on a slower way lets nobody in.
    Left {
        /// The attendance.
        attendance: AttendanceId,
        /// The generation that says so; an older one may end nothing.
        generation: Generation,
        /// Why.
        reason: LeaveReason,
    },
    /// The caller's line makes noise that the conference hears.
    Noisy {
        /// The attendance.
        attendance: AttendanceId,
        /// The generation that says so.
        generation: Generation,
        /// What.
        noise: LineNoise,
    },
    /// The attendance's VRU lost its lease: absent, for 30 s.
    VruLost {
        /// The attendance.
        attendance: AttendanceId,
    },
    /// The mixer's lease is lost, it does not answer, or it is being stopped: whatever of this room is on it moves.
    MixerLost {
        /// The mixer.
        mixer: MixerId,
    },
    /// The mixer said "no seat": whatever of this room is on it moves, or ends where there is no other.
    NoSeat {
        /// The mixer.
        mixer: MixerId,
    },
    /// A mixer has come, or is back: a conference that waits for one looks again.
    MixerCame,
    /// A command by a conferee, or by the console with the account's right.
    Command {
        /// Unique for ever; the store returns the first answer to a repeat.
        id: CommandId,
        /// The conferee's attendance; `None` for the console.
        by: Option<AttendanceId>,
        /// What should be.
        command: Command,
    },
    /// A conferee has keyed what may be the room's host code; an interface server has checked it, and the PIN.
    BecomeHost {
        /// Unique for ever, as of any command.
        id: CommandId,
        /// Who keyed it.
        by: AttendanceId,
        /// Whether it was the room's host code, with the right PIN.
        is_right: bool,
    },
    /// Time has passed: whatever the snapshot lists as overdue is due.
    Tick,
}

impl Intent {
    /// The attendances that it names: the snapshot that it is decided on must have them, as far as the store does.
    pub fn attendances(&self) -> impl Iterator<Item = AttendanceId> {
        let [first, second] = match self {
            Self::Attend { attendance, .. }
            | Self::Answered { attendance, .. }
            | Self::Joined { attendance, .. }
            | Self::Left { attendance, .. }
            | Self::Noisy { attendance, .. }
            | Self::VruLost { attendance } => [Some(*attendance), None],
            Self::Command { by, command, .. } => [*by, command.note().caller],
            Self::BecomeHost { by, .. } => [Some(*by), None],
            Self::MixerLost { .. } | Self::NoSeat { .. } | Self::MixerCame | Self::Tick => [None, None],
        };
        first.into_iter().chain(second)
    }

    /// The conferee that it is about: the snapshot must have their attendance too.
    #[must_use]
    pub const fn conferee(&self) -> Option<ConfereeId> {
        match self {
            Self::Command { command, .. } => command.note().conferee,
            Self::Attend { .. }
            | Self::Answered { .. }
            | Self::Joined { .. }
            | Self::Left { .. }
            | Self::Noisy { .. }
            | Self::VruLost { .. }
            | Self::BecomeHost { .. }
            | Self::MixerLost { .. }
            | Self::NoSeat { .. }
            | Self::MixerCame
            | Self::Tick => None,
        }
    }

    /// The command's identifier, where it is one.
    #[must_use]
    pub const fn command(&self) -> Option<CommandId> {
        match self {
            Self::Command { id, .. } | Self::BecomeHost { id, .. } => Some(*id),
            Self::Attend { .. }
            | Self::Answered { .. }
            | Self::Joined { .. }
            | Self::Left { .. }
            | Self::Noisy { .. }
            | Self::VruLost { .. }
            | Self::MixerLost { .. }
            | Self::NoSeat { .. }
            | Self::MixerCame
            | Self::Tick => None,
        }
    }
}

/// Identifiers drawn beforehand, so that a rule needs no randomness: enough for one batch.
#[derive(Debug, Clone)]
pub struct FreshIds {
    /// For a conference that may be created.
    pub conference: ConferenceId,
    /// For its mix.
    pub conference_mix: MixId,
    /// For a lobby that may be opened.
    pub lobby_mix: MixId,
    /// One for each caller who may be seated (waiting callers and intents of the batch).
    pub conferees: Vec<ConfereeId>,
}
