//! The SQLite file itself: crashes, several handles, damage, locks, a full disk, and grouped commits.

#![expect(clippy::unwrap_used, reason = "a test whose scene can't be set up fails there and then")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use partyline_conference::{
    AccountId, Announce, AttendanceId, AttendanceState, CallerIdentity, Change, ConferenceCode, Decision,
    EntryPolicy, EventKind, Generation, HostLeaves, LockScope, MixerClass, Refusal, Role, Room, RoomId,
    RoomName, RoomVersion, Timestamp, VruId, WaitingKind,
};
use partyline_store::{
    CommitError, LookupKey, LookupKeys, NewRoom, OpenError, RoomCommit, SqlStore, Store, StoreError,
    StoreReader,
};
use tempfile::TempDir;

struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("partyline.db")
    }

    /// A copy of the files as they are now.
    fn as_a_killed_process_leaves_it(&self) -> Self {
        let after = Self::new();
        for file in std::fs::read_dir(self.directory.path()).unwrap() {
            let file = file.unwrap();
            if !file.file_name().to_string_lossy().ends_with("-shm") {
                std::fs::copy(file.path(), after.directory.path().join(file.file_name())).unwrap();
            }
        }
        after
    }

    async fn open(&self) -> Arc<SqlStore> {
        SqlStore::open(&self.path(), keys(&["k1"])).await.unwrap()
    }
}

fn keys(ids: &[&str]) -> LookupKeys {
    let key = |id: &&str| LookupKey::new(id, [id.as_bytes()[1]; 32]);
    LookupKeys::new(ids.iter().map(key).collect()).unwrap()
}

fn code(digits: &str) -> ConferenceCode {
    ConferenceCode::parse(digits).unwrap()
}

fn new_room(number: u128) -> NewRoom {
    NewRoom {
        settings: Room {
            id: RoomId::from_bits(number),
            account: AccountId::from_bits(0),
            name: RoomName::new(&format!("room-{number}")).unwrap(),
            version: RoomVersion(0),
            entry: EntryPolicy::Start,
            class: MixerClass::new("standard").unwrap(),
            announce: Announce::Silence,
            conferees_max: 100,
            host_leaves: HostLeaves::Continue,
            lock: LockScope::All,
            music: false,
            wait_max: Room::WAIT_MAX_DEFAULT,
            conference_max: Some(Duration::from_secs(60)),
            call_max: None,
            no_rtp_max: Room::NO_RTP_MAX_DEFAULT,
            has_host_pin: false,
            unmute_oneself: false,
            deleted_stay_out: false,
            waiting_room: false,
            roll_call: false,
            dial_out: false,
            dial_out_prefixes: Vec::new(),
            operator: None,
            noisy_lines: partyline_conference::NoisyLines::Tell,
            voices: partyline_conference::VoiceCare::default(),
        },
        host_code: code(&format!("1{number:07}")),
        participant_code: code(&format!("2{number:07}")),
        host_pin: None,
    }
}

/// A caller who comes and waits, told as an event.
fn arrival(room: RoomId, expected: RoomVersion, caller: u128, name: &str) -> RoomCommit {
    let attendance = AttendanceId::from_bits(caller);
    let arrive = Change::Arrive {
        attendance,
        generation: Generation(1),
        vru: VruId::new("vru-1").unwrap(),
        role: Role::Participant,
        caller: CallerIdentity { number: name.into(), ..CallerIdentity::default() },
        at: Timestamp(1),
        state: AttendanceState::Waiting(WaitingKind::Held),
        deadline: None,
    };
    let events = vec![EventKind::CallerWaits { attendance }];
    let decision = Decision { changes: vec![arrive], events, answers: vec![] };
    RoomCommit { room, expected, at: Timestamp(1), decision }
}

async fn waiting(store: &SqlStore, room: RoomId) -> usize {
    store.snapshot(room, Timestamp(1), &[], &[]).await.unwrap().waiting.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_commits_at_once_are_few_transactions() {
    let place = Place::new();
    let store = place.open().await;
    let rooms: Vec<NewRoom> = (1..=300).map(new_room).collect();
    for made in join_all(rooms.iter().map(|room| store.create_room(room))).await {
        made.unwrap();
    }
    let before = store.commits();
    let commits = (1..=300).map(|number| {
        let commit = arrival(RoomId::from_bits(number), RoomVersion(1), number, "5551");
        store.commit(commit)
    });
    for committed in join_all(commits).await {
        assert_eq!(committed.unwrap(), RoomVersion(2));
    }
    let transactions = store.commits() - before;
    assert!(transactions <= 30, "{transactions} transactions");
    assert_eq!(store.writes_dropped(), 0);
}

#[tokio::test]
async fn of_many_commits_on_one_version_exactly_one_is_carried_out() {
    let place = Place::new();
    let store = place.open().await;
    let room = store.create_room(&new_room(1)).await.unwrap();
    let outcomes =
        join_all((1..=50).map(|caller| store.commit(arrival(room.id, room.version, caller, "5551")))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(CommitError::Conflict))));
    assert_eq!(waiting(&store, room.id).await, 1);
}

#[tokio::test]
async fn more_writes_than_the_queue_holds_are_refused_and_counted() {
    let place = Place::new();
    let store = place.open().await;
    // The writer waits for the file until all have been queued.
    let holder = rusqlite::Connection::open(place.path()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let release = async { holder.execute_batch("ROLLBACK").unwrap() };
    let writes = join_all((0..5000).map(|_| store.record_attempts(&[])));
    let (outcomes, ()) = tokio::join!(biased; writes, release);
    let refused =
        outcomes.iter().filter(|outcome| matches!(outcome, Err(StoreError::Unavailable(_)))).count();
    assert!(refused > 0);
    assert_eq!(store.writes_dropped(), refused as u64);
    assert!(store.record_attempts(&[]).await.is_ok());
}

#[tokio::test]
async fn what_was_committed_survives_a_process_that_never_closed() {
    let place = Place::new();
    let store = place.open().await;
    let room = store.create_room(&new_room(1)).await.unwrap();
    store.commit(arrival(room.id, room.version, 1, "5551")).await.unwrap();
    let after = place.as_a_killed_process_leaves_it();
    let again = after.open().await;
    assert_eq!(waiting(&again, room.id).await, 1);
    drop(store);
    assert_eq!(waiting(&*place.open().await, room.id).await, 1);
}

#[tokio::test]
async fn a_commit_that_was_torn_by_a_crash_is_gone_whole() {
    let place = Place::new();
    let store = place.open().await;
    let room = store.create_room(&new_room(1)).await.unwrap();
    store.commit(arrival(room.id, room.version, 1, "5551")).await.unwrap();
    store.commit(arrival(room.id, room.version.next(), 2, "5552")).await.unwrap();
    let after = place.as_a_killed_process_leaves_it();
    let journal = after.directory.path().join("partyline.db-wal");
    let bytes = std::fs::read(&journal).unwrap();
    std::fs::write(&journal, &bytes[..bytes.len() - 100]).unwrap();
    let again = after.open().await;
    assert_eq!(waiting(&again, room.id).await, 1);
    assert_eq!(again.room_versions(&[room.id]).await.unwrap(), [(room.id, room.version.next())]);
    let events = again.events(room.id, partyline_conference::EventSequence(0), 10).await.unwrap().events;
    assert_eq!(events.len(), 1);
}

#[tokio::test]
async fn two_handles_on_one_file_see_each_others_commits() {
    let place = Place::new();
    let server = place.open().await;
    let beside = SqlStore::open_existing(&place.path(), keys(&["k1"])).await.unwrap();
    let room = beside.create_room(&new_room(1)).await.unwrap();
    assert_eq!(server.look_up_code(&code("10000001")).await.unwrap().unwrap().room, room.id);
    let both = [arrival(room.id, room.version, 1, "5551"), arrival(room.id, room.version, 2, "5552")];
    let [first, second] = both;
    let (first, second) = tokio::join!(server.commit(first), beside.commit(second));
    assert!(first.is_ok() != second.is_ok());
    assert_eq!(waiting(&server, room.id).await, 1);
    beside.close().await;
    assert!(server.health().await.is_ok());
}

#[tokio::test]
async fn a_code_is_found_under_an_older_key_and_stays_unique() {
    let place = Place::new();
    let store = place.open().await;
    let room = store.create_room(&new_room(1)).await.unwrap();
    store.close().await;
    let store = SqlStore::open(&place.path(), keys(&["k2", "k1"])).await.unwrap();
    assert_eq!(store.look_up_code(&code("10000001")).await.unwrap().unwrap().room, room.id);
    let mut same = new_room(2);
    same.host_code = code("10000001");
    assert!(matches!(store.create_room(&same).await, Err(StoreError::Taken("conference code"))));
    store.create_room(&new_room(2)).await.unwrap();
    store.close().await;
    let store = SqlStore::open(&place.path(), keys(&["k2"])).await.unwrap();
    assert_eq!(store.look_up_code(&code("10000001")).await.unwrap(), None);
    assert!(store.look_up_code(&code("10000002")).await.unwrap().is_some());
    assert_eq!(store.codes_without_key().await.unwrap(), 2);
}

#[tokio::test]
async fn codes_and_pins_are_nowhere_in_the_file() {
    let place = Place::new();
    let store = place.open().await;
    let mut room = new_room(1);
    room.host_code = code("83749162");
    room.host_pin = Some(partyline_conference::HostPin::parse("59172648").unwrap());
    store.create_room(&room).await.unwrap();
    store.close().await;
    let bytes = std::fs::read(place.path()).unwrap();
    for secret in ["83749162", "59172648"] {
        assert!(!bytes.windows(8).any(|window| window == secret.as_bytes()));
    }
}

#[tokio::test]
async fn a_foreign_file_is_refused_and_left_as_it_is() {
    let place = Place::new();
    for content in ["a letter to a friend", "x"] {
        std::fs::write(place.path(), content).unwrap();
        let error = SqlStore::open(&place.path(), keys(&["k1"])).await.err().unwrap();
        assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains("partyline.db"), "{error}");
        assert_eq!(std::fs::read_to_string(place.path()).unwrap(), content);
    }
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_as_it_is() {
    let place = Place::new();
    sqlite(&place.path(), "CREATE TABLE diary (day TEXT)");
    let before = std::fs::read(place.path()).unwrap();
    let error = SqlStore::open(&place.path(), keys(&["k1"])).await.err().unwrap();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    assert_eq!(std::fs::read(place.path()).unwrap(), before);
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_left_as_it_is() {
    let place = Place::new();
    let store = place.open().await;
    join_all((1..=20).map(new_room).map(async |room| store.create_room(&room).await.unwrap())).await;
    store.close().await;
    let mut bytes = std::fs::read(place.path()).unwrap();
    let end = bytes.len();
    bytes[4096..end].fill(0x5a);
    std::fs::write(place.path(), &bytes).unwrap();
    let error = SqlStore::open(&place.path(), keys(&["k1"])).await.err().unwrap();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert_eq!(std::fs::read(place.path()).unwrap(), bytes);
}

#[tokio::test]
async fn a_file_cut_short_is_refused() {
    let place = Place::new();
    place.open().await.close().await;
    let bytes = std::fs::read(place.path()).unwrap();
    std::fs::write(place.path(), &bytes[..bytes.len() / 2]).unwrap();
    let error = SqlStore::open(&place.path(), keys(&["k1"])).await.err().unwrap();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let place = Place::new();
    place.open().await.close().await;
    sqlite(&place.path(), "INSERT INTO schema_version (version) VALUES (999)");
    for opened in [
        SqlStore::open(&place.path(), keys(&["k1"])).await,
        SqlStore::open_existing(&place.path(), keys(&["k1"])).await,
    ] {
        let error = opened.err().unwrap();
        assert!(matches!(error, OpenError::Newer { found: 999, .. }), "{error}");
    }
}

#[tokio::test]
async fn nothing_is_made_where_a_database_should_be_already() {
    let place = Place::new();
    let error = SqlStore::open_existing(&place.path(), keys(&["k1"])).await.err().unwrap();
    assert!(matches!(error, OpenError::Missing { .. }), "{error}");
    assert!(!place.path().exists());
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    let place = Place::new();
    let missing = place.directory.path().join("nowhere").join("partyline.db");
    let error = SqlStore::open(&missing, keys(&["k1"])).await.err().unwrap();
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error}");
    assert!(error.to_string().contains("nowhere"), "{error}");
    // A directory in the place of the journal is what even root can't write.
    place.open().await.close().await;
    std::fs::create_dir(place.directory.path().join("partyline.db-wal")).unwrap();
    let error = SqlStore::open(&place.path(), keys(&["k1"])).await.err().unwrap();
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error}");
}

#[tokio::test]
async fn a_directory_is_no_database() {
    let place = Place::new();
    std::fs::create_dir(place.path()).unwrap();
    let error = SqlStore::open(&place.path(), keys(&["k1"])).await.err().unwrap();
    assert!(matches!(error, OpenError::Foreign { .. } | OpenError::NotWritable { .. }), "{error}");
}

#[tokio::test]
async fn a_full_disk_writes_nothing_by_halves_and_room_helps() {
    let place = Place::new();
    let store = place.open().await;
    let room = store.create_room(&new_room(1)).await.unwrap();
    store.limit_pages(1);
    let mut version = room.version;
    let mut told = 0;
    let long = "5".repeat(3000);
    let error = loop {
        match store.commit(arrival(room.id, version, u128::from(told) + 1, &long)).await {
            Ok(next) => (version, told) = (next, told + 1),
            Err(error) => break error,
        }
        assert!(told < 1000, "the disk never was full");
    };
    assert!(matches!(error, CommitError::Store(StoreError::Unavailable(_))), "{error}");
    let events = store.events(room.id, partyline_conference::EventSequence(0), 1000).await.unwrap().events;
    assert_eq!((events.len() as u64, waiting(&store, room.id).await as u64), (told, told));
    assert_eq!(store.room_versions(&[room.id]).await.unwrap(), [(room.id, version)]);
    store.limit_pages(100_000);
    store.commit(arrival(room.id, version, u128::from(told) + 1, &long)).await.unwrap();
    assert_eq!(waiting(&store, room.id).await as u64, told + 1);
}

#[tokio::test]
async fn a_refused_write_takes_back_only_itself_in_a_group() {
    let place = Place::new();
    let store = place.open().await;
    let rooms =
        join_all((1..=3).map(new_room).map(async |room| store.create_room(&room).await.unwrap())).await;
    let good = |number: usize| arrival(rooms[number].id, rooms[number].version, number as u128 + 1, "5551");
    let mut wrong = good(1);
    wrong
        .decision
        .changes
        .push(Change::Refuse { attendance: AttendanceId::from_bits(99), refusal: Refusal::Full });
    let (first, refused, last) =
        tokio::join!(store.commit(good(0)), store.commit(wrong), store.commit(good(2)));
    assert!(first.is_ok() && last.is_ok());
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Unknown("attendance")))));
    assert_eq!(waiting(&store, rooms[0].id).await, 1);
    assert_eq!(waiting(&store, rooms[1].id).await, 0);
    assert_eq!(waiting(&store, rooms[2].id).await, 1);
}

#[tokio::test]
async fn an_accounts_limit_holds_between_rooms() {
    let place = Place::new();
    let store = place.open().await;
    let rooms =
        join_all((1..=3).map(new_room).map(async |room| store.create_room(&room).await.unwrap())).await;
    sqlite(&place.path(), "UPDATE account SET conferees_max = 2");
    let enter = |number: usize| arrival(rooms[number].id, rooms[number].version, number as u128 + 1, "5551");
    store.commit(enter(0)).await.unwrap();
    store.commit(enter(1)).await.unwrap();
    assert!(matches!(store.commit(enter(2)).await, Err(CommitError::AccountFull)));
    let account = store.snapshot(rooms[2].id, Timestamp(1), &[], &[]).await.unwrap().account;
    assert_eq!((account.callers, account.callers_max), (2, Some(2)));
}

#[tokio::test]
async fn a_locked_database_is_named_and_a_closed_store_says_so() {
    let place = Place::new();
    let store = place.open().await;
    store.close().await;
    let after = store.record_attempts(&[]).await;
    assert!(matches!(after, Err(StoreError::Unavailable(_))));
    let holder = hold_exclusively(&place.path());
    let error = SqlStore::open(&place.path(), keys(&["k1"])).await.err().unwrap();
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    drop(holder);
}

fn hold_exclusively(path: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE account SET name = name")
        .unwrap();
    connection
}

fn sqlite(path: &Path, sql: &'static str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
}
