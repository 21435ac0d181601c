//! The store: each question as a reading, each change as a write, whichever database carries them out.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use partyline_conference::{
    AttendanceId, AttendanceView, CallQuality, CodeMatch, CommandAnswer, CommandId, ConfereeId,
    ConferenceCode, ConferenceId, EventSequence, HostPin, MixerId, RecordedName, Role, Room, RoomId,
    RoomName, RoomSnapshot, RoomVersion, RosterEntry, ServiceName, Timestamp, TrunkName, VoiceCare, VruId,
    WaitingEntry,
};
use partyline_trunk::TrunkSettings;
use tokio::sync::broadcast;

use crate::check::{self, Inventory};
use crate::contract::{ChangeSignal, CommitError, EventPage, RoomCommit, Store, StoreError, StoreReader};
use crate::copy::{self, Copied, CopyError};
use crate::db::{Connection, values};
use crate::keys::LookupKeys;
use crate::names::{self, KeepName};
use crate::open::{self, Mode, OpenError};
use crate::pin::Pins;
use crate::postgres::{self, ConnectError, PostgresSettings, Server};
use crate::quality::NoteQuality;
use crate::readers::Readers;
use crate::records::{
    Attempt, ConferenceFilter, ConferenceRecord, InterfaceServerLease, MixerLease, NewRoom, Retention,
    RoomChanges, RoomSummary, StoredTrunk, VoiceChange, VruLease,
};
use crate::rooms::HashedCode;
use crate::trunks::{self, DeleteTrunk, PutTrunk, TrunkWrite};
use crate::writer::{Write, Writer};
use crate::{commit, events, history, leases, leftovers, outdials, rooms, roster, snapshot, views};

/// The store on a SQL database: a SQLite file, or a PostgreSQL server.
///
/// Several processes may work on one at once. On SQLite (the command line beside a server) each sends change signals of
/// its own commits only.
pub struct SqlStore {
    backend: Backend,
    keys: LookupKeys,
    pins: Pins,
}

enum Backend {
    File { readers: Arc<Readers>, writer: Writer },
    Server(Arc<Server>),
}

/// Reads within one read transaction. What the query borrows is named, as it may be read again.
macro_rules! read {
    ($store:expr, $db:ident => $query:expr) => {
        read!($store, $db, [] => $query)
    };
    ($store:expr, $db:ident, [$($lent:ident),*] => $query:expr) => {
        $store
            .backend
            .read(move |$db| {
                $(let $lent = $lent.clone();)*
                Box::pin(async move { $query.await })
            })
            .await
    };
}

impl Backend {
    async fn read<T: Send + 'static>(
        &self,
        reading: impl for<'a, 'c> Fn(&'a mut Connection<'c>) -> BoxFuture<'a, Result<T, StoreError>>
        + Send
        + Sync
        + 'static,
    ) -> Result<T, StoreError> {
        match self {
            Self::File { readers, .. } => readers.read(reading).await,
            Self::Server(server) => server.read(reading).await,
        }
    }

    async fn write<W: Write>(&self, write: W) -> Result<W::Answer, W::Refused> {
        match self {
            Self::File { writer, .. } => writer.write(write).await,
            Self::Server(server) => server.write(write).await,
        }
    }
}

impl SqlStore {
    /// Opens the server's database file: makes it where there is none, checks it, brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`], with nothing written, where the file is damaged, foreign, locked, newer or can't be written.
    pub async fn open(path: &Path, keys: LookupKeys) -> Result<Arc<Self>, OpenError> {
        Self::open_in(path, keys, Mode::Serve).await
    }

    /// Opens a database file that a server made, beside it or without one. It is neither made nor changed in its schema.
    ///
    /// # Errors
    /// [`OpenError`] as for [`Self::open`], and where there is no such database or it is of an older version.
    pub async fn open_existing(path: &Path, keys: LookupKeys) -> Result<Arc<Self>, OpenError> {
        Self::open_in(path, keys, Mode::Existing).await
    }

    async fn open_in(path: &Path, keys: LookupKeys, mode: Mode) -> Result<Arc<Self>, OpenError> {
        let path = path.to_path_buf();
        // Whoever holds the file locked is waited for: not on a thread that others need.
        let opened = tokio::task::spawn_blocking(move || open::open(&path, mode)).await;
        let (opener, connection) =
            opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        let readers = Readers::new(opener.clone());
        let writer = Writer::start(opener, connection);
        Ok(Arc::new(Self { backend: Backend::File { readers, writer }, keys, pins: Pins::new() }))
    }

    /// Connects to a database on a PostgreSQL server, makes its schema or brings it up to date: one process at a time,
    /// however many start at once.
    ///
    /// # Errors
    /// [`ConnectError`], with nothing written, where no server takes writes, or the database is foreign or newer.
    pub async fn connect(settings: PostgresSettings, keys: LookupKeys) -> Result<Arc<Self>, ConnectError> {
        Self::connect_in(settings, keys, postgres::Mode::Migrate).await
    }

    /// Connects to a database whose schema is there and up to date.
    ///
    /// # Errors
    /// [`ConnectError`] as for [`Self::connect`], and where the database is empty or of an older version.
    pub async fn connect_existing(
        settings: PostgresSettings,
        keys: LookupKeys,
    ) -> Result<Arc<Self>, ConnectError> {
        Self::connect_in(settings, keys, postgres::Mode::Existing).await
    }

    async fn connect_in(
        settings: PostgresSettings,
        keys: LookupKeys,
        mode: postgres::Mode,
    ) -> Result<Arc<Self>, ConnectError> {
        let server = Server::connect(settings, mode).await?;
        Ok(Arc::new(Self { backend: Backend::Server(server), keys, pins: Pins::new() }))
    }

    /// Takes the database for this process alone, as one who ends what other runs left has to; `false` where another has
    /// it. For a file the lock on its directory does that. A server that goes away is claimed again when it is back; where
    /// another process was faster, [`StoreReader::health`] says so.
    ///
    /// # Errors
    /// [`StoreError`] where the database can't be reached.
    pub async fn claim(&self) -> Result<bool, StoreError> {
        match &self.backend {
            Backend::File { .. } => Ok(true),
            Backend::Server(server) => server.claim().await,
        }
    }

    /// The database and its version, such as "PostgreSQL 15.4".
    ///
    /// # Errors
    /// [`StoreError`] where the database can't be reached.
    pub async fn product(&self) -> Result<String, StoreError> {
        match &self.backend {
            Backend::File { .. } => Ok(format!("SQLite {}", rusqlite::version())),
            Backend::Server(_) => {
                let row = read!(self, db => db.one("SHOW server_version", values![]))?;
                Ok(format!("PostgreSQL {}", row.read::<String>("server_version")?))
            }
        }
    }

    /// Writes what is queued, closes every connection, and leaves one tidy file. Later calls answer `Unavailable`.
    pub async fn close(&self) {
        match &self.backend {
            Backend::File { readers, writer } => {
                readers.close().await;
                writer.stop().await;
            }
            Backend::Server(server) => server.close().await,
        }
    }

    /// Transactions that were committed so far: on SQLite with many writes at once far fewer than these.
    #[must_use]
    pub fn commits(&self) -> u64 {
        match &self.backend {
            Backend::File { writer, .. } => writer.commits(),
            Backend::Server(server) => server.commits(),
        }
    }

    /// Writes that were refused because too many waited.
    #[must_use]
    pub fn writes_dropped(&self) -> u64 {
        match &self.backend {
            Backend::File { writer, .. } => writer.dropped(),
            Backend::Server(server) => server.dropped(),
        }
    }

    /// Lets a database file grow to so many pages (of 4 KiB) and no further: beyond, writes answer `Unavailable` as on a
    /// full disk. It can be raised again at any time; 0 changes nothing, and neither does any number on a server.
    pub fn limit_pages(&self, pages: u32) {
        if let Backend::File { writer, .. } = &self.backend {
            writer.limit_pages(pages);
        }
    }

    /// Brings all that this database file holds to an empty database of a server: whole, or not at all. Leases stay
    /// behind. Nobody may write to either meanwhile.
    ///
    /// # Errors
    /// [`CopyError`]; nothing was kept then.
    pub async fn copy_to(&self, to: &Self) -> Result<Vec<Copied>, CopyError> {
        match (&self.backend, &to.backend) {
            (Backend::File { readers, .. }, Backend::Server(server)) => copy::copy(readers, server).await,
            _ => Err(CopyError::Direction),
        }
    }

    /// What the database holds, and whether it fits together.
    ///
    /// # Errors
    /// [`StoreError`] where the database fails.
    pub async fn inventory(&self) -> Result<Inventory, StoreError> {
        read!(self, db => check::inventory(db))
    }

    /// Refused tries, newest first.
    ///
    /// # Errors
    /// [`StoreError`] where the database fails.
    pub async fn attempts(&self, limit: u32) -> Result<Vec<Attempt>, StoreError> {
        read!(self, db => history::attempts(db, limit))
    }

    /// Codes whose lookup key is not among the live ones: they select nothing until the key is back.
    ///
    /// # Errors
    /// [`StoreError`] where the database fails.
    pub async fn codes_without_key(&self) -> Result<u64, StoreError> {
        let keys: Vec<String> = self.keys.ids().map(str::to_owned).collect();
        read!(self, db, [keys] => rooms::codes_without_key(db, &keys))
    }
}

#[async_trait]
impl StoreReader for SqlStore {
    async fn look_up_code(&self, code: &ConferenceCode) -> Result<Option<CodeMatch>, StoreError> {
        let hashes = self.keys.hashes(code);
        read!(self, db, [hashes] => rooms::look_up(db, &hashes))
    }

    async fn is_host_pin(&self, room: RoomId, pin: &HostPin) -> Result<bool, StoreError> {
        match read!(self, db => rooms::host_pin(db, room))? {
            Some(hash) => self.pins.is_right(pin, hash).await,
            None => Ok(true),
        }
    }

    async fn rooms(&self) -> Result<Vec<RoomSummary>, StoreError> {
        read!(self, db => rooms::all(db))
    }

    async fn room_named(&self, name: &RoomName) -> Result<Option<RoomSummary>, StoreError> {
        let name = name.clone();
        read!(self, db, [name] => rooms::named(db, &name))
    }

    async fn conferences(&self, filter: &ConferenceFilter) -> Result<Vec<ConferenceRecord>, StoreError> {
        let filter = filter.clone();
        read!(self, db, [filter] => history::conferences(db, &filter))
    }

    async fn conference(&self, id: ConferenceId) -> Result<Option<ConferenceRecord>, StoreError> {
        read!(self, db => history::conference(db, id))
    }

    async fn roster(&self, conference: ConferenceId) -> Result<Vec<RosterEntry>, StoreError> {
        read!(self, db => roster::roster(db, conference))
    }

    async fn recorded_name(&self, attendance: AttendanceId) -> Result<Option<RecordedName>, StoreError> {
        read!(self, db => names::of_attendance(db, attendance))
    }

    async fn waiting(&self, room: RoomId) -> Result<Vec<WaitingEntry>, StoreError> {
        read!(self, db => roster::waiting(db, room))
    }

    async fn events(&self, room: RoomId, after: EventSequence, limit: u32) -> Result<EventPage, StoreError> {
        read!(self, db => events::read(db, room, after, limit))
    }

    async fn interface_servers(
        &self,
        service: &ServiceName,
    ) -> Result<Vec<InterfaceServerLease>, StoreError> {
        let service = service.clone();
        read!(self, db, [service] => leases::interface_servers(db, &service))
    }

    async fn mixers(&self) -> Result<Vec<MixerLease>, StoreError> {
        read!(self, db => leases::mixers(db))
    }

    async fn vrus(&self) -> Result<Vec<VruLease>, StoreError> {
        read!(self, db => leases::vrus(db))
    }

    async fn trunks_version(&self) -> Result<u64, StoreError> {
        read!(self, db => trunks::version(db))
    }

    async fn trunks(&self) -> Result<Vec<StoredTrunk>, StoreError> {
        read!(self, db => trunks::all(db))
    }

    async fn health(&self) -> Result<(), StoreError> {
        if let Backend::Server(server) = &self.backend
            && server.is_taken()
        {
            return Err(StoreError::Unavailable("another server has taken the database".into()));
        }
        read!(self, db => db.one("SELECT COUNT(*) AS accounts FROM account", values![])).map(|_| ())
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn snapshot(
        &self,
        room: RoomId,
        now: Timestamp,
        attendances: &[AttendanceId],
        live_mixers: &[MixerId],
    ) -> Result<RoomSnapshot, StoreError> {
        let (attendances, live_mixers) = (attendances.to_vec(), live_mixers.to_vec());
        read!(self, db, [attendances, live_mixers] => snapshot::read(db, room, now, &attendances, &live_mixers))
    }

    async fn commit(&self, commit: RoomCommit) -> Result<RoomVersion, CommitError> {
        Ok(self.backend.write(commit::CommitRoom(commit)).await?.version)
    }

    async fn views(&self, attendances: &[AttendanceId]) -> Result<Vec<AttendanceView>, StoreError> {
        let attendances = attendances.to_vec();
        read!(self, db, [attendances] => views::read(db, &attendances))
    }

    async fn attendances_of(&self, conferees: &[ConfereeId]) -> Result<Vec<AttendanceId>, StoreError> {
        let conferees = conferees.to_vec();
        read!(self, db, [conferees] => roster::attendances_of(db, &conferees))
    }

    async fn voices(
        &self,
        conference: ConferenceId,
        since: RoomVersion,
    ) -> Result<Vec<VoiceChange>, StoreError> {
        read!(self, db => roster::voices(db, conference, since))
    }

    async fn room_views(
        &self,
        room: RoomId,
        attendances: &[AttendanceId],
    ) -> Result<(Option<(RoomVersion, VoiceCare)>, Vec<AttendanceView>), StoreError> {
        let attendances = attendances.to_vec();
        read!(self, db, [attendances] => views::of_room(db, room, &attendances))
    }

    async fn room_of_outdial(&self, callee: AttendanceId) -> Result<Option<RoomId>, StoreError> {
        read!(self, db => outdials::room_of(db, callee))
    }

    async fn answered_command(&self, id: CommandId) -> Result<Option<CommandAnswer>, StoreError> {
        read!(self, db => commit::answered(db, id))
    }

    async fn rooms_due(&self, now: Timestamp) -> Result<Vec<RoomId>, StoreError> {
        read!(self, db => views::rooms_due(db, now))
    }

    async fn room_versions(&self, rooms: &[RoomId]) -> Result<Vec<(RoomId, RoomVersion)>, StoreError> {
        let rooms = rooms.to_vec();
        read!(self, db, [rooms] => views::room_versions(db, &rooms))
    }

    async fn attendances_of_vru(&self, vru: &VruId) -> Result<Vec<(RoomId, AttendanceId)>, StoreError> {
        let vru = vru.clone();
        read!(self, db, [vru] => views::attendances_of_vru(db, &vru))
    }

    async fn rooms_on_mixer(&self, mixer: &MixerId) -> Result<Vec<RoomId>, StoreError> {
        let mixer = mixer.clone();
        read!(self, db, [mixer] => views::rooms_on_mixer(db, &mixer))
    }

    fn changes(&self) -> broadcast::Receiver<ChangeSignal> {
        match &self.backend {
            Backend::File { writer, .. } => writer.changes(),
            Backend::Server(server) => server.changes(),
        }
    }

    async fn renew_mixer(&self, lease: &MixerLease) -> Result<(), StoreError> {
        self.backend.write(leases::RenewMixer(lease.clone())).await
    }

    async fn renew_interface_server(&self, lease: &InterfaceServerLease) -> Result<(), StoreError> {
        self.backend.write(leases::RenewInterfaceServer(lease.clone())).await
    }

    async fn renew_vru(&self, lease: &VruLease) -> Result<(), StoreError> {
        self.backend.write(leases::RenewVru(lease.clone())).await
    }

    async fn retire_interface_server(&self, lease: &InterfaceServerLease) -> Result<(), StoreError> {
        self.backend.write(leases::RetireInterfaceServer(lease.clone())).await
    }

    async fn record_attempts(&self, attempts: &[Attempt]) -> Result<(), StoreError> {
        self.backend.write(history::RecordAttempts(attempts.to_vec())).await
    }

    async fn create_room(&self, room: &NewRoom) -> Result<Room, StoreError> {
        let host_pin = match &room.host_pin {
            Some(pin) => Some(self.pins.hash(pin).await?),
            None => None,
        };
        let codes = [
            HashedCode::new(&self.keys, Role::Host, &room.host_code),
            HashedCode::new(&self.keys, Role::Participant, &room.participant_code),
        ];
        self.backend.write(rooms::CreateRoom { settings: room.settings.clone(), codes, host_pin }).await
    }

    async fn note_quality(&self, attendance: AttendanceId, quality: &CallQuality) -> Result<(), StoreError> {
        self.backend.write(NoteQuality { attendance, quality: *quality }).await
    }

    async fn keep_name(&self, attendance: AttendanceId, name: &RecordedName) -> Result<(), StoreError> {
        self.backend.write(KeepName { attendance, name: name.clone() }).await
    }

    async fn change_room(&self, room: RoomId, changes: &RoomChanges) -> Result<Room, StoreError> {
        let host_pin = match &changes.host_pin {
            Some(Some(pin)) => Some(Some(self.pins.hash(pin).await?)),
            Some(None) => Some(None),
            None => None,
        };
        self.backend.write(rooms::ChangeRoom { room, changes: changes.clone(), host_pin }).await
    }

    async fn set_code(&self, room: RoomId, role: Role, code: &ConferenceCode) -> Result<(), StoreError> {
        let code = HashedCode::new(&self.keys, role, code);
        self.backend.write(rooms::SetCode { room, code }).await
    }

    async fn delete_room(&self, room: RoomId) -> Result<(), StoreError> {
        self.backend.write(rooms::DeleteRoom(room)).await
    }

    async fn create_trunk(&self, trunk: &TrunkSettings, at: Timestamp) -> Result<(), StoreError> {
        self.backend.write(PutTrunk { settings: trunk.clone(), at, write: TrunkWrite::Create }).await
    }

    async fn replace_trunk(&self, trunk: &TrunkSettings, at: Timestamp) -> Result<(), StoreError> {
        self.backend.write(PutTrunk { settings: trunk.clone(), at, write: TrunkWrite::Replace }).await
    }

    async fn delete_trunk(&self, name: &TrunkName) -> Result<(), StoreError> {
        self.backend.write(DeleteTrunk(name.clone())).await
    }

    async fn end_leftovers(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.backend.write(leftovers::EndLeftovers(now)).await
    }

    async fn purge(&self, now: Timestamp, retention: &Retention) -> Result<u64, StoreError> {
        let mut purged = 0;
        for old in leftovers::old(now, retention) {
            loop {
                let removed = self.backend.write(leftovers::PurgePart(old)).await?;
                purged += removed;
                if !leftovers::PurgePart::may_have_left(removed) {
                    break;
                }
            }
        }
        if matches!(self.backend, Backend::Server(_)) {
            self.backend.write(postgres::ForgetMarks(now)).await?;
        }
        Ok(purged)
    }
}
