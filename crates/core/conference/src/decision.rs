//! What a decision wants changed: values that the store carries out in one transaction.

use crate::attendance::{AttendanceState, CallerIdentity, Guesses, LeaveReason, WaitingKind};
use crate::code::Role;
use crate::command::CommandAnswer;
use crate::conference::{ConferenceEnd, Deadline, Manner, MixKind, Past};
use crate::dialling::DialTarget;
use crate::event::EventKind;
use crate::ids::{
    AttendanceId, CommandId, ConfereeId, ConferenceId, Epoch, Generation, MixId, MixerId, Order, VruId,
};
use crate::line_noise::LineNoise;
use crate::outdial::{OutdialEnd, OutdialKind};
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::voice::{Floor, Voice};

/// The answer to a batch. Applied whole against the room version of the snapshot, or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// What changes, in order.
    pub changes: Vec<Change>,
    /// What is told to whoever reads the room's event sequence, in order.
    pub events: Vec<EventKind>,
    /// Answers to the batch's commands.
    pub answers: Vec<(CommandId, CommandAnswer)>,
}

impl Decision {
    /// Whether nothing changes (a repeated request): no commit is needed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.events.is_empty() && self.answers.is_empty()
    }
}

/// One change to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A new attendance row. Its state follows by one of the changes below.
    Arrive {
        /// The attendance.
        attendance: AttendanceId,
        /// Its generation.
        generation: Generation,
        /// Its VRU.
        vru: VruId,
        /// Its role.
        role: Role,
        /// Who calls.
        caller: CallerIdentity,
        /// When the hello was decided.
        at: Timestamp,
        /// The state it arrives in: waiting or refused. (Who is seated at once arrives by `Seat` after this, with
        /// `state` held meanwhile; within the transaction nobody sees it.)
        state: AttendanceState,
        /// When that state ends by itself.
        deadline: Option<Timestamp>,
    },
    /// A known attendance attends again: new generation, perhaps a new VRU.
    Reattend {
        /// The attendance.
        attendance: AttendanceId,
        /// The new generation.
        generation: Generation,
        /// The VRU.
        vru: VruId,
    },
    /// An attendance waits (again).
    Wait {
        /// The attendance.
        attendance: AttendanceId,
        /// How.
        kind: WaitingKind,
        /// The longest wait's end.
        deadline: Option<Timestamp>,
    },
    /// An attendance is refused; the end of it. An `attempt` row is written besides.
    Refuse {
        /// The attendance.
        attendance: AttendanceId,
        /// Why.
        refusal: Refusal,
    },
    /// An attendance gets a seat: a conferee row, *placed*.
    Seat {
        /// The attendance.
        attendance: AttendanceId,
        /// The conference.
        conference: ConferenceId,
        /// The conferee's identifier, fixed here.
        conferee: ConfereeId,
        /// The order of entry.
        order: Order,
        /// The role.
        role: Role,
        /// Whether they may be heard.
        voice: Voice,
        /// 5 s from now: by then audio is up, or the seat is free again.
        deadline: Timestamp,
    },
    /// A conferee's audio is up: *joined*. Clears the deadline.
    Join {
        /// The attendance.
        attendance: AttendanceId,
    },
    /// A conferee's VRU is lost: *absent*.
    Absent {
        /// The attendance.
        attendance: AttendanceId,
        /// 30 s from now.
        deadline: Timestamp,
    },
    /// An absent conferee is back: *placed* again, with the same conferee identifier and order.
    Return {
        /// The attendance.
        attendance: AttendanceId,
        /// 5 s from now.
        deadline: Timestamp,
    },
    /// Whoever is *placed* in the conference has until then for audio to be up: its mix has another place, or none.
    PutOffJoining {
        /// The conference.
        conference: ConferenceId,
        /// The new deadline of each of them.
        deadline: Timestamp,
    },
    /// An attendance leaves, from wherever it stood; a seat and an order are spent.
    Leave {
        /// The attendance.
        attendance: AttendanceId,
        /// Why.
        reason: LeaveReason,
    },
    /// All who sit in the conference leave at once (it ended).
    LeaveAll {
        /// The conference.
        conference: ConferenceId,
        /// Why.
        reason: LeaveReason,
    },
    /// All who sit in the conference leave at once, but one.
    LeaveOthers {
        /// The conference.
        conference: ConferenceId,
        /// Who stays.
        stays: AttendanceId,
        /// Why.
        reason: LeaveReason,
    },
    /// A conferee's role is another from now on.
    SetRole {
        /// The attendance.
        attendance: AttendanceId,
        /// The role.
        role: Role,
    },
    /// Whether a conferee may be heard.
    SetVoice {
        /// The attendance.
        attendance: AttendanceId,
        /// Their voice.
        voice: Voice,
    },
    /// What a caller has keyed wrong to become a host.
    NoteGuesses {
        /// The attendance.
        attendance: AttendanceId,
        /// From now on.
        guesses: Guesses,
    },
    /// A conferee's line makes noise.
    NoteNoise {
        /// The attendance.
        attendance: AttendanceId,
        /// What.
        noise: LineNoise,
        /// When it was told.
        at: Timestamp,
    },
    /// What is remembered of a caller's number for the rest of the conference.
    Remember {
        /// The conference.
        conference: ConferenceId,
        /// The number; never empty.
        number: String,
        /// What; the default is nothing.
        past: Past,
    },
    /// A conference is created, on a mixer.
    CreateConference {
        /// Its unique identifier.
        conference: ConferenceId,
        /// Its mix.
        mix: MixId,
        /// The mixer.
        mixer: MixerId,
        /// The role of who created it.
        by: Role,
        /// Its end, if it has a longest time.
        deadline: Option<Deadline>,
    },
    /// A conference ends. Its mix and its reservation go with it.
    EndConference {
        /// The conference.
        conference: ConferenceId,
        /// Why.
        why: ConferenceEnd,
    },
    /// A lobby is opened, on a mixer.
    OpenLobby {
        /// Its mix.
        mix: MixId,
        /// The mixer.
        mixer: MixerId,
    },
    /// The room's lobby is closed. Its reservation goes with it.
    CloseLobby {
        /// Its mix.
        mix: MixId,
    },
    /// Seats are reserved on a mix's mixer; refused by the store where the mixer has not that many.
    Reserve {
        /// The mix.
        mix: MixId,
        /// The mixer.
        mixer: MixerId,
        /// How many more.
        seats: u32,
    },
    /// A mix goes to another mixer: the new epoch is the old one + 1. What was reserved on the old mixer is given
    /// back there, `reserved` seats are taken on the new one (refused by the store where it has not that many).
    Move {
        /// The mix.
        mix: MixId,
        /// What it is.
        kind: MixKind,
        /// The new mixer.
        to: MixerId,
        /// The new epoch.
        epoch: Epoch,
        /// The mix's reservation from now on: the old one, or less where the new mixer has less left.
        reserved: u32,
    },
    /// The conference is locked, or open.
    SetLock {
        /// The conference.
        conference: ConferenceId,
        /// Whether it is locked.
        locked: bool,
    },
    /// The conference's own end is set or cleared.
    SetDeadline {
        /// The conference.
        conference: ConferenceId,
        /// The new one.
        deadline: Option<Deadline>,
    },
    /// The conference's floor. Each participant in it is silenced by it from now on, or by it no more.
    SetFloor {
        /// The conference.
        conference: ConferenceId,
        /// Who has it.
        floor: Floor,
    },
    /// What the hosts of the conference changed of its room's settings.
    SetManner {
        /// The conference.
        conference: ConferenceId,
        /// The settings.
        manner: Manner,
    },
    /// An outdial begins: somebody is to be called.
    StartOutdial {
        /// The attendance that the callee will have.
        callee: AttendanceId,
        /// The conference.
        conference: ConferenceId,
        /// Who has them called.
        asker: AttendanceId,
        /// Whom it calls.
        kind: OutdialKind,
        /// Where.
        to: DialTarget,
        /// When it ends by itself.
        until: Timestamp,
    },
    /// A callee has answered, and talks in private with who had them called: in a mix of their own.
    OpenSide {
        /// The callee.
        callee: AttendanceId,
        /// Their mix.
        mix: MixId,
        /// The mixer.
        mixer: MixerId,
        /// When the outdial ends by itself.
        until: Timestamp,
    },
    /// A callee is in the conference; a talk in private is over, its reservation goes with it.
    JoinOutdial {
        /// The callee.
        callee: AttendanceId,
        /// When the outdial ends by itself.
        until: Timestamp,
    },
    /// An outdial is over; a mix of its own and its reservation go with it.
    EndOutdial {
        /// The callee.
        callee: AttendanceId,
        /// How.
        why: OutdialEnd,
    },
    /// The conference's longest time is extended.
    Extend {
        /// The conference.
        conference: ConferenceId,
        /// To then.
        until: Timestamp,
    },
}
