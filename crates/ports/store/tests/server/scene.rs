//! A store on a server with a few rooms, and callers who arrive in them.

use std::sync::Arc;
use std::time::Duration;

use partyline_conference::{
    AccountId, Announce, AttendanceId, AttendanceState, CallerIdentity, Change, ConferenceCode, Decision,
    EntryPolicy, EventKind, EventSequence, Generation, HostLeaves, LockScope, MixerClass, Role, Room, RoomId,
    RoomName, RoomVersion, Timestamp, VruId, WaitingKind,
};
use partyline_pgserver::{PgServer, USER};
use partyline_store::{
    CommitError, LookupKey, LookupKeys, NewRoom, PostgresSettings, RoomCommit, SqlStore, Store,
    StoreReader as _,
};

pub(crate) const NOW: Timestamp = Timestamp(1_000_000);

pub(crate) fn keys() -> LookupKeys {
    LookupKeys::new(vec![LookupKey::new("k1", [7; 32])]).unwrap()
}

/// A URL for servers on 127.0.0.1, the one that is asked first in front.
pub(crate) fn url(ports: &[u16], database: &str) -> String {
    let hosts: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    format!("postgresql://{USER}@{}/{database}", hosts.join(","))
}

/// Settings whose writes are patient enough for a server to come back on a busy machine.
pub(crate) fn settings(url: &str) -> PostgresSettings {
    PostgresSettings { write_max: Duration::from_secs(60), ..PostgresSettings::new(url.parse().unwrap()) }
}

pub(crate) async fn open(url: &str) -> Arc<SqlStore> {
    SqlStore::connect(settings(url), keys()).await.unwrap()
}

/// A server with an empty database `conferences`.
pub(crate) fn server() -> PgServer {
    let server = PgServer::start().unwrap();
    server.database("conferences", "template1").unwrap();
    server
}

pub(crate) fn room(number: u128) -> RoomId {
    RoomId::from_bits(number)
}

pub(crate) async fn make_room(store: &SqlStore, number: u128) {
    let settings = Room {
        id: room(number),
        account: AccountId::from_bits(0),
        name: RoomName::new(&format!("room-{number}")).unwrap(),
        version: RoomVersion(0),
        entry: EntryPolicy::Hold,
        class: MixerClass::new("standard").unwrap(),
        announce: Announce::Tone,
        conferees_max: 50,
        host_leaves: HostLeaves::Grace(Duration::from_secs(300)),
        lock: LockScope::AllButHosts,
        music: true,
        wait_max: Duration::from_secs(1800),
        conference_max: None,
        call_max: None,
        no_rtp_max: Duration::from_secs(60),
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
    };
    let new = NewRoom {
        settings,
        host_code: ConferenceCode::parse(&format!("1{number:07}")).unwrap(),
        participant_code: ConferenceCode::parse(&format!("2{number:07}")).unwrap(),
        host_pin: None,
    };
    store.create_room(&new).await.unwrap();
}

/// A caller's arrival, with its event, on a version of the room.
pub(crate) fn arrival(of: u128, expected: RoomVersion, caller: u128) -> RoomCommit {
    let attendance = AttendanceId::from_bits(caller);
    let arrive = Change::Arrive {
        attendance,
        generation: Generation(1),
        vru: VruId::new("vru-1").unwrap(),
        role: Role::Participant,
        caller: CallerIdentity {
            number: format!("555{caller}"),
            display: "Caller".into(),
            call: format!("call-{caller}"),
        },
        at: NOW,
        state: AttendanceState::Waiting(WaitingKind::Held),
        deadline: None,
    };
    let decision = Decision {
        changes: vec![arrive],
        events: vec![EventKind::CallerWaits { attendance }],
        ..Decision::default()
    };
    RoomCommit { room: room(of), expected, at: NOW, decision }
}

pub(crate) async fn arrive(
    store: &SqlStore,
    of: u128,
    expected: u64,
    caller: u128,
) -> Result<RoomVersion, CommitError> {
    store.commit(arrival(of, RoomVersion(expected), caller)).await
}

/// What the store holds of a room: its version, who waits, and whose arrival its events tell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) version: u64,
    pub(crate) waiting: Vec<AttendanceId>,
    pub(crate) told: Vec<AttendanceId>,
}

pub(crate) async fn held(store: &SqlStore, of: u128) -> Held {
    let snapshot = store.snapshot(room(of), NOW, &[], &[]).await.unwrap();
    let events = store.events(room(of), EventSequence(0), 1000).await.unwrap();
    assert!(!events.has_more);
    let sequences: Vec<u64> = events.events.iter().map(|event| event.sequence.0).collect();
    assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>(), "events follow each other");
    let told = events.events.iter().filter_map(|event| {
        if let EventKind::CallerWaits { attendance } = event.kind { Some(attendance) } else { None }
    });
    let mut waiting: Vec<AttendanceId> = snapshot.waiting.iter().map(|waiting| waiting.attendance).collect();
    waiting.sort_unstable();
    Held { version: snapshot.room.version.0, waiting, told: told.collect() }
}

pub(crate) fn callers(numbers: impl IntoIterator<Item = u128>) -> Vec<AttendanceId> {
    numbers.into_iter().map(AttendanceId::from_bits).collect()
}
