//! Rows as people and roles read them.

use std::time::Duration;

use partyline_conference::{
    Announce, AttemptId, AttendanceId, CallQuality, ConfereeId, ConferenceCode, ConferenceId, DialTarget,
    EntryPolicy, Epoch, HostLeaves, HostPin, InterfaceServerId, LockScope, MixId, MixerClass, MixerId,
    NoisyLines, NumberPrefix, Order, OutdialEnd, OutdialKind, OutdialState, Refusal, Role, Room, RoomId,
    RoomName, RoomVersion, ServiceName, Timestamp, TrunkName, VruId,
};
use partyline_trunk::{DocumentError, TrunkSettings};

/// A room that is to be made. The account is the default one.
#[derive(Debug, Clone)]
pub struct NewRoom {
    /// Its settings; `id` drawn by the caller, `account` and `version` are ignored.
    pub settings: Room,
    /// The host's code.
    pub host_code: ConferenceCode,
    /// The participants' code.
    pub participant_code: ConferenceCode,
    /// The PIN that hosts are asked for besides.
    pub host_pin: Option<HostPin>,
}

/// Changes to a room's settings; `None` leaves a setting as it is.
#[derive(Debug, Clone, Default)]
pub struct RoomChanges {
    /// A new name.
    pub name: Option<RoomName>,
    /// Entry policy.
    pub entry: Option<EntryPolicy>,
    /// Mixer class; the next conference goes by it.
    pub class: Option<MixerClass>,
    /// Announcements.
    pub announce: Option<Announce>,
    /// Most conferees.
    pub conferees_max: Option<u32>,
    /// What happens when the last host leaves.
    pub host_leaves: Option<HostLeaves>,
    /// Whom a lock keeps out.
    pub lock: Option<LockScope>,
    /// Music for who is alone.
    pub music: Option<bool>,
    /// Longest wait.
    pub wait_max: Option<Duration>,
    /// Longest conference; `Some(None)` takes the limit away.
    pub conference_max: Option<Option<Duration>>,
    /// Longest call; `Some(None)` takes the limit away.
    pub call_max: Option<Option<Duration>>,
    /// Hang-up without RTP.
    pub no_rtp_max: Option<Duration>,
    /// Host PIN; `Some(None)` takes it away.
    pub host_pin: Option<Option<HostPin>>,
    /// Whether a participant whom a host muted may unmute themselves.
    pub unmute_oneself: Option<bool>,
    /// Whether who was deleted is kept out for the rest of the conference.
    pub deleted_stay_out: Option<bool>,
    /// Whether participants wait until a host admits each of them.
    pub waiting_room: Option<bool>,
    /// Whether participants may hear who is in the conference.
    pub roll_call: Option<bool>,
    /// Whether hosts may have others called in.
    pub dial_out: Option<bool>,
    /// What numbers that hosts call may begin with; an empty list leaves it to the settings.
    pub dial_out_prefixes: Option<Vec<NumberPrefix>>,
    /// The operator; `Some(None)` leaves it to the settings.
    pub operator: Option<Option<DialTarget>>,
    /// What becomes of lines that make noise.
    pub noisy_lines: Option<NoisyLines>,
    /// Whether noise is taken from voices.
    pub noise_suppression: Option<bool>,
    /// Whether all are made as loud as each other.
    pub agc: Option<bool>,
}

/// A room as lists show it: codes only by their last two digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomSummary {
    /// The settings.
    pub room: Room,
    /// The last two digits of the host's code.
    pub host_code_ends: String,
    /// The last two digits of the participants' code.
    pub participant_code_ends: String,
    /// The live conference, if there is one.
    pub conference: Option<ConferenceId>,
    /// Callers who wait or sit in it now.
    pub callers: u32,
}

/// Which conferences to list.
#[derive(Debug, Clone, Default)]
pub struct ConferenceFilter {
    /// Only of this room.
    pub room: Option<RoomId>,
    /// Only live ones.
    pub is_live: bool,
    /// At most so many; 0 means 100.
    pub limit: u32,
}

/// A conference, live or past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConferenceRecord {
    /// Its unique identifier.
    pub id: ConferenceId,
    /// The room.
    pub room: RoomId,
    /// The room's name at the time of reading; empty where the room is gone.
    pub room_name: String,
    /// The last two digits of the code by which it was created.
    pub code_ends: String,
    /// Its mix.
    pub mix: MixId,
    /// The mixer that carries (or last carried) it.
    pub mixer: MixerId,
    /// How often it was placed.
    pub epoch: Epoch,
    /// When it was created.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it ended (the word of a conference end).
    pub end: Option<String>,
    /// Whether it is locked.
    pub is_locked: bool,
    /// Its conferees in order of entry; empty in lists.
    pub conferees: Vec<ConfereeRecord>,
    /// Whom it has had called; empty in lists.
    pub outdials: Vec<OutdialRecord>,
    /// Conferees seated now (lists fill this too).
    pub seated: u32,
}

/// A conferee, seated or gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfereeRecord {
    /// The identifier fixed at entry.
    pub id: ConfereeId,
    /// The order of entry.
    pub order: Order,
    /// The role.
    pub role: Role,
    /// `placed`, `joined`, `absent` or `left`.
    pub state: String,
    /// The caller's number.
    pub caller_number: String,
    /// The VRU.
    pub vru: VruId,
    /// When the seat was given.
    pub placed_at: Timestamp,
    /// When the audio came up.
    pub joined_at: Option<Timestamp>,
    /// When they left.
    pub left_at: Option<Timestamp>,
    /// Why they left (the word of a leave reason).
    pub leave_reason: Option<String>,
    /// How the call sounded, once its VRU has said so.
    pub quality: Option<CallQuality>,
}

/// Somebody who was called from within a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutdialRecord {
    /// The attendance that they had once they answered.
    pub callee: AttendanceId,
    /// The order of entry of who had them called; `None` where that is not known any more.
    pub asker: Option<Order>,
    /// Whom it was to reach.
    pub kind: OutdialKind,
    /// Where.
    pub to: DialTarget,
    /// How far it has come, or had when it ended.
    pub state: OutdialState,
    /// When it was begun.
    pub started_at: Timestamp,
    /// When they answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub end: Option<OutdialEnd>,
}

/// Whether a conferee may be heard, since a version of the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoiceChange {
    /// Their attendance.
    pub attendance: AttendanceId,
    /// Whether they are silent.
    pub is_muted: bool,
    /// The version in which it was last changed.
    pub version: RoomVersion,
}

/// A refused try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Drawn by who refused; a repeat changes nothing.
    pub id: AttemptId,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub refusal: Refusal,
    /// The caller's number.
    pub caller_number: String,
    /// The number dialled.
    pub dnis: String,
    /// The source address.
    pub source: String,
    /// The VRU that saw it.
    pub vru: VruId,
    /// The room, where the code selected one.
    pub room: Option<RoomId>,
}

/// A mixer's lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MixerLease {
    /// The mixer.
    pub id: MixerId,
    /// Its class.
    pub class: MixerClass,
    /// Where it answers RPCs.
    pub address: String,
    /// Seats it declared.
    pub seats_max: u32,
    /// Seats reserved on it; not written by renewals.
    pub reserved: u32,
    /// Renewed each second.
    pub counter: u64,
    /// New at each start.
    pub instance: String,
    /// Whether it takes nothing new.
    pub is_draining: bool,
}

/// An interface server's lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceServerLease {
    /// The interface server.
    pub id: InterfaceServerId,
    /// The service that it belongs to.
    pub service: ServiceName,
    /// Where it answers RPCs.
    pub address: String,
    /// Renewed each second.
    pub counter: u64,
}

/// A VRU's lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VruLease {
    /// The VRU.
    pub id: VruId,
    /// Renewed each second.
    pub counter: u64,
    /// New at each start: calls of an earlier instance are gone.
    pub instance: String,
}

/// How long records are kept; `None` keeps them for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Ended conferences with their conferees and attendances.
    pub conferences: Option<Duration>,
    /// Events.
    pub events: Option<Duration>,
    /// Refused tries.
    pub attempts: Option<Duration>,
    /// Commands.
    pub commands: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            conferences: Some(DAY * 365),
            events: Some(DAY * 30),
            attempts: Some(DAY * 90),
            commands: Some(DAY * 30),
        }
    }
}

/// A trunk as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTrunk {
    /// Its name.
    pub name: TrunkName,
    /// The trunk; an error where the row does not read, which is no matter to the others.
    pub settings: Result<TrunkSettings, DocumentError>,
    /// When it was last changed.
    pub changed_at: Timestamp,
}
