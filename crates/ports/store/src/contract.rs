//! The contract between the product and its database.

use async_trait::async_trait;
use partyline_conference::{
    AttendanceId, AttendanceView, CallQuality, CodeMatch, CommandAnswer, CommandId, ConfereeId,
    ConferenceCode, ConferenceId, Decision, Event, EventSequence, HostPin, MixerId, RecordedName, Role, Room,
    RoomId, RoomName, RoomSnapshot, RoomVersion, RosterEntry, ServiceName, Timestamp, TrunkName, VoiceCare,
    VruId, WaitingEntry,
};
use partyline_trunk::TrunkSettings;
use tokio::sync::broadcast;

use crate::records::{
    Attempt, ConferenceFilter, ConferenceRecord, InterfaceServerLease, MixerLease, NewRoom, Retention,
    RoomChanges, RoomSummary, StoredTrunk, VoiceChange, VruLease,
};

/// The database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't be reached, is full, or failed; trying again may help.
    #[error("the data store is unavailable: {0}")]
    Unavailable(String),
    /// A row does not read as what it should be: the file is damaged or foreign.
    #[error("the data store is damaged: {0}")]
    Damaged(String),
    /// What was named does not exist.
    #[error("no such {0}")]
    Unknown(&'static str),
    /// A name or code is in use already.
    #[error("this {0} is in use already")]
    Taken(&'static str),
}

/// A decision on its way to the store.
#[derive(Debug, Clone)]
pub struct RoomCommit {
    /// The room.
    pub room: RoomId,
    /// The version that the decision was made on.
    pub expected: RoomVersion,
    /// The time that rows and events carry.
    pub at: Timestamp,
    /// What to do.
    pub decision: Decision,
}

/// Why a decision was not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The room has moved on (or another live conference exists): decide again on a fresh snapshot.
    #[error("the room has changed meanwhile")]
    Conflict,
    /// The mixer has not that many seats left: decide again.
    #[error("mixer {0} has no seats left")]
    MixerFull(MixerId),
    /// The account's limit was reached by another room meanwhile: decide again.
    #[error("the account's limit is reached")]
    AccountFull,
    /// The database failed, or (`Unknown`, `Taken`) the decision names what is not there or may not be: a bug of who
    /// decided, for which deciding again is no cure. Nothing was written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is told of changes, to whoever follows them. Only hints: whoever misses one compares versions every 2 s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeSignal {
    /// A room has a new version.
    Room(RoomChange),
    /// Signals may have been lost: anything may have changed.
    Anything,
}

/// A room has a new version. Only a hint: whoever misses one compares versions every 2 s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomChange {
    /// The room.
    pub room: RoomId,
    /// Whose standing may be another now.
    pub touched: Touched,
}

/// Whom a change of a room concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// Everybody in the room, as far as is known.
    Everybody,
    /// These callers and nobody else, between this version and the one before.
    Callers {
        /// The version that the change brought.
        version: RoomVersion,
        /// The callers.
        callers: Vec<AttendanceId>,
    },
}

/// Some events of a room, in sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// The events, ascending.
    pub events: Vec<Event>,
    /// Whether more follow.
    pub has_more: bool,
}

/// Reading: all that a VRU, the proxy and the console may do.
#[async_trait]
pub trait StoreReader: Send + Sync {
    /// Finds what a code selects, trying each live lookup key; `None` for an unknown code.
    async fn look_up_code(&self, code: &ConferenceCode) -> Result<Option<CodeMatch>, StoreError>;

    /// Whether this is the room's host PIN. A room without a PIN takes any.
    async fn is_host_pin(&self, room: RoomId, pin: &HostPin) -> Result<bool, StoreError>;

    /// The rooms, by account and name.
    async fn rooms(&self) -> Result<Vec<RoomSummary>, StoreError>;

    /// One room of the default account by its name.
    async fn room_named(&self, name: &RoomName) -> Result<Option<RoomSummary>, StoreError>;

    /// Conferences, newest first.
    async fn conferences(&self, filter: &ConferenceFilter) -> Result<Vec<ConferenceRecord>, StoreError>;

    /// One conference with its conferees in order of entry.
    async fn conference(&self, id: ConferenceId) -> Result<Option<ConferenceRecord>, StoreError>;

    /// Who has joined a conference, or is absent, in order of entry.
    async fn roster(&self, conference: ConferenceId) -> Result<Vec<RosterEntry>, StoreError>;

    /// The name that a caller has said at entry, if they have; also after they left, as long as they are on record.
    async fn recorded_name(&self, attendance: AttendanceId) -> Result<Option<RecordedName>, StoreError>;

    /// Who is in a room's waiting room, in order of arrival.
    async fn waiting(&self, room: RoomId) -> Result<Vec<WaitingEntry>, StoreError>;

    /// A room's events behind `after`, at most `limit`.
    async fn events(&self, room: RoomId, after: EventSequence, limit: u32) -> Result<EventPage, StoreError>;

    /// The leases of a service's interface servers.
    async fn interface_servers(&self, service: &ServiceName)
    -> Result<Vec<InterfaceServerLease>, StoreError>;

    /// The leases of mixers.
    async fn mixers(&self) -> Result<Vec<MixerLease>, StoreError>;

    /// The leases of VRUs.
    async fn vrus(&self) -> Result<Vec<VruLease>, StoreError>;

    /// The version of the trunks that were made by command: another one says that a trunk has changed.
    async fn trunks_version(&self) -> Result<u64, StoreError>;

    /// The trunks that were made by command, by name.
    async fn trunks(&self) -> Result<Vec<StoredTrunk>, StoreError>;

    /// Whether the database answers.
    async fn health(&self) -> Result<(), StoreError>;
}

/// Everything: what an interface server and the command line may do.
#[async_trait]
pub trait Store: StoreReader {
    /// One consistent reading of a room for a batch that names these attendances. Attendances whose deadline is at or
    /// before `now` are added as overdue (at most 256 of them; the next tick sees the rest). `live_mixers` are those that
    /// this interface server's own lease watch holds for alive: the snapshot lists those of them that take more and have the
    /// room's class, or carry a mix of the room already.
    async fn snapshot(
        &self,
        room: RoomId,
        now: Timestamp,
        attendances: &[AttendanceId],
        live_mixers: &[MixerId],
    ) -> Result<RoomSnapshot, StoreError>;

    /// Applies a decision whole, or not at all.
    async fn commit(&self, commit: RoomCommit) -> Result<RoomVersion, CommitError>;

    /// What should hold for each of these callers, and the version of their room. Unknown ones are left out.
    async fn views(&self, attendances: &[AttendanceId]) -> Result<Vec<AttendanceView>, StoreError>;

    /// A room's version and what it wants done to voices, and what should hold for these callers of it at that version.
    /// Unknown ones are left out.
    async fn room_views(
        &self,
        room: RoomId,
        attendances: &[AttendanceId],
    ) -> Result<(Option<(RoomVersion, VoiceCare)>, Vec<AttendanceView>), StoreError>;

    /// The attendances of conferees, which never change; unknown ones are left out.
    async fn attendances_of(&self, conferees: &[ConfereeId]) -> Result<Vec<AttendanceId>, StoreError>;

    /// Whose voice in a conference was changed in this version of the room or later, placed conferees included.
    async fn voices(
        &self,
        conference: ConferenceId,
        since: RoomVersion,
    ) -> Result<Vec<VoiceChange>, StoreError>;

    /// The room of an outdial by its callee, whether or not it is over.
    async fn room_of_outdial(&self, callee: AttendanceId) -> Result<Option<RoomId>, StoreError>;

    /// The first answer to a command, if it was given before.
    async fn answered_command(&self, id: CommandId) -> Result<Option<CommandAnswer>, StoreError>;

    /// Rooms in which a deadline (of an attendance or of a conference) is at or before `now`.
    async fn rooms_due(&self, now: Timestamp) -> Result<Vec<RoomId>, StoreError>;

    /// The versions of these rooms: what a lost change signal would have told.
    async fn room_versions(&self, rooms: &[RoomId]) -> Result<Vec<(RoomId, RoomVersion)>, StoreError>;

    /// Live attendances (waiting or seated) by the VRU that has them, with their rooms.
    async fn attendances_of_vru(&self, vru: &VruId) -> Result<Vec<(RoomId, AttendanceId)>, StoreError>;

    /// Rooms with a live mix on this mixer.
    async fn rooms_on_mixer(&self, mixer: &MixerId) -> Result<Vec<RoomId>, StoreError>;

    /// Change signals: of this process's commits before their answers, on PostgreSQL of others' too.
    fn changes(&self) -> broadcast::Receiver<ChangeSignal>;

    /// Writes a mixer's lease row, or renews it. An unknown instance starts anew.
    async fn renew_mixer(&self, lease: &MixerLease) -> Result<(), StoreError>;

    /// Writes an interface server's lease row, or renews it.
    async fn renew_interface_server(&self, lease: &InterfaceServerLease) -> Result<(), StoreError>;

    /// Writes a VRU's lease row, or renews it.
    async fn renew_vru(&self, lease: &VruLease) -> Result<(), StoreError>;

    /// Takes an interface server's row away (clean stop, or a dead lease).
    async fn retire_interface_server(&self, lease: &InterfaceServerLease) -> Result<(), StoreError>;

    /// Records refused tries; those with a known identifier change nothing.
    async fn record_attempts(&self, attempts: &[Attempt]) -> Result<(), StoreError>;

    /// Keeps how a caller's call sounded with the records of their conferees; the last word counts. A caller who never
    /// was a conferee has no record, which is no error.
    async fn note_quality(&self, attendance: AttendanceId, quality: &CallQuality) -> Result<(), StoreError>;

    /// Keeps the name that a caller has said; the last one counts. `Unknown` for a caller who has not been let in, or has
    /// left.
    async fn keep_name(&self, attendance: AttendanceId, name: &RecordedName) -> Result<(), StoreError>;

    /// Makes a room. Codes must be new in the whole store.
    async fn create_room(&self, room: &NewRoom) -> Result<Room, StoreError>;

    /// Changes a room's settings (its version moves on, its live conference keeps its mixer).
    async fn change_room(&self, room: RoomId, changes: &RoomChanges) -> Result<Room, StoreError>;

    /// Gives a room a new code for a role.
    async fn set_code(&self, room: RoomId, role: Role, code: &ConferenceCode) -> Result<(), StoreError>;

    /// Takes a room away; refused with `Taken` while it has a live conference or callers waiting. Its records stay.
    async fn delete_room(&self, room: RoomId) -> Result<(), StoreError>;

    /// Makes a trunk; refused with `Taken` where there is one of its name. Its passwords are kept as they are.
    async fn create_trunk(&self, trunk: &TrunkSettings, at: Timestamp) -> Result<(), StoreError>;

    /// Puts a trunk in the place of the one of its name.
    async fn replace_trunk(&self, trunk: &TrunkSettings, at: Timestamp) -> Result<(), StoreError>;

    /// Takes a trunk away.
    async fn delete_trunk(&self, name: &TrunkName) -> Result<(), StoreError>;

    /// After the data directory's lock was taken: ends what a killed run left (conferences, attendances, leases,
    /// reservations) and answers how many conferences that were.
    async fn end_leftovers(&self, now: Timestamp) -> Result<u64, StoreError>;

    /// Removes records that are older than their retention setting; answers how many rows went.
    async fn purge(&self, now: Timestamp, retention: &Retention) -> Result<u64, StoreError>;
}
