//! A room with two mixers, and short words for what happens in it.

use std::time::Duration;

use partyline_conference::{
    AccountId, Announce, AttendanceId, AttendanceState, AttendanceView, CallerIdentity, Change, CommandId,
    ConfereeId, ConferenceCode, ConferenceEnd, ConferenceId, Decision, EntryPolicy, EventKind, Generation,
    HostLeaves, HostPin, LeaveReason, LockScope, MixId, MixerClass, MixerId, Order, Role, Room, RoomId,
    RoomName, RoomSnapshot, RoomVersion, Timestamp, Voice, VruId, WaitingKind,
};
use partyline_store::{CommitError, MixerLease, NewRoom, RoomCommit, Store};

pub(crate) const NOW: Timestamp = Timestamp(1_000_000);

pub(crate) fn attendance(number: u128) -> AttendanceId {
    AttendanceId::from_bits(number)
}

pub(crate) fn conferee(number: u128) -> ConfereeId {
    ConfereeId::from_bits(number)
}

pub(crate) fn conference(number: u128) -> ConferenceId {
    ConferenceId::from_bits(number)
}

pub(crate) fn mix(number: u128) -> MixId {
    MixId::from_bits(number)
}

pub(crate) fn command(number: u128) -> CommandId {
    CommandId::from_bits(number)
}

pub(crate) fn mixer(name: &str) -> MixerId {
    MixerId::new(name).unwrap()
}

pub(crate) fn vru() -> VruId {
    VruId::new("vru-1").unwrap()
}

pub(crate) fn code(digits: &str) -> ConferenceCode {
    ConferenceCode::parse(digits).unwrap()
}

/// A room by its number; its codes are `1000…` and `2000…` with the number at the end.
pub(crate) fn new_room(number: u128, pin: Option<&str>) -> NewRoom {
    NewRoom {
        settings: Room {
            id: RoomId::from_bits(number),
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
            call_max: Some(Duration::from_secs(7200)),
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
        },
        host_code: host_code(number),
        participant_code: participant_code(number),
        host_pin: pin.map(|digits| HostPin::parse(digits).unwrap()),
    }
}

pub(crate) fn host_code(number: u128) -> ConferenceCode {
    code(&format!("1{number:07}"))
}

pub(crate) fn participant_code(number: u128) -> ConferenceCode {
    code(&format!("2{number:07}"))
}

pub(crate) fn mixer_lease(name: &str, class: &str, seats_max: u32) -> MixerLease {
    MixerLease {
        id: mixer(name),
        class: MixerClass::new(class).unwrap(),
        address: format!("mem:{name}"),
        seats_max,
        reserved: 0,
        counter: 1,
        instance: "first".into(),
        is_draining: false,
    }
}

pub(crate) fn caller(number: u128) -> CallerIdentity {
    CallerIdentity {
        number: format!("555{number}"),
        display: format!("Caller {number}"),
        call: format!("call-{number}"),
    }
}

pub(crate) fn arrive(number: u128, role: Role, kind: WaitingKind) -> Change {
    Change::Arrive {
        attendance: attendance(number),
        generation: Generation(1),
        vru: vru(),
        role,
        caller: caller(number),
        at: NOW,
        state: AttendanceState::Waiting(kind),
        deadline: Some(NOW.after(Duration::from_secs(60))),
    }
}

pub(crate) fn seat(number: u128, order: u32, role: Role) -> Change {
    seat_in(1, number, order, role)
}

pub(crate) fn seat_in(of: u128, number: u128, order: u32, role: Role) -> Change {
    Change::Seat {
        attendance: attendance(number),
        conference: conference(of),
        conferee: conferee(number),
        order: Order(order),
        role,
        voice: Voice::default(),
        deadline: NOW.after(Duration::from_secs(5)),
    }
}

pub(crate) fn create(number: u128, on: &str) -> Change {
    Change::CreateConference {
        conference: conference(number),
        mix: mix(number),
        mixer: mixer(on),
        by: Role::Host,
        deadline: None,
    }
}

pub(crate) fn reserve(number: u128, on: &str, seats: u32) -> Change {
    Change::Reserve { mix: mix(number), mixer: mixer(on), seats }
}

pub(crate) fn leave(number: u128, reason: LeaveReason) -> Change {
    Change::Leave { attendance: attendance(number), reason }
}

pub(crate) fn end(number: u128, why: ConferenceEnd) -> Change {
    Change::EndConference { conference: conference(number), why }
}

/// One room of a store, with the mixers `m1` and `m2` of 8 seats each.
pub(crate) struct Scene<'s> {
    pub(crate) store: &'s dyn Store,
    pub(crate) room: RoomId,
}

impl<'s> Scene<'s> {
    pub(crate) async fn new(store: &'s dyn Store) -> Scene<'s> {
        Self::numbered(store, 7).await
    }

    pub(crate) async fn numbered(store: &'s dyn Store, number: u128) -> Scene<'s> {
        for name in ["m1", "m2"] {
            store.renew_mixer(&mixer_lease(name, "standard", 8)).await.unwrap();
        }
        let room = store.create_room(&new_room(number, None)).await.unwrap();
        Scene { store, room: room.id }
    }

    /// A host (1) and a participant (2) in conference 1 on `m1`, with 4 seats reserved; only the host has joined.
    pub(crate) async fn with_conference(store: &'s dyn Store) -> Scene<'s> {
        let scene = Self::new(store).await;
        scene
            .commit([
                create(1, "m1"),
                reserve(1, "m1", 4),
                arrive(1, Role::Host, WaitingKind::Held),
                seat(1, 1, Role::Host),
                arrive(2, Role::Participant, WaitingKind::Held),
                seat(2, 2, Role::Participant),
                Change::Join { attendance: attendance(1) },
            ])
            .await
            .unwrap();
        scene
    }

    pub(crate) async fn snapshot(&self) -> RoomSnapshot {
        self.snapshot_of(&[]).await
    }

    pub(crate) async fn snapshot_of(&self, attendances: &[AttendanceId]) -> RoomSnapshot {
        self.store.snapshot(self.room, NOW, attendances, &[mixer("m1"), mixer("m2")]).await.unwrap()
    }

    pub(crate) async fn version(&self) -> RoomVersion {
        self.store.room_versions(&[self.room]).await.unwrap()[0].1
    }

    pub(crate) async fn commit(
        &self,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<RoomVersion, CommitError> {
        self.decide(Decision { changes: changes.into_iter().collect(), ..Decision::default() }).await
    }

    pub(crate) async fn tell(&self, events: Vec<EventKind>) -> Result<RoomVersion, CommitError> {
        self.decide(Decision { events, ..Decision::default() }).await
    }

    pub(crate) async fn decide(&self, decision: Decision) -> Result<RoomVersion, CommitError> {
        let expected = self.version().await;
        self.decide_on(expected, decision).await
    }

    pub(crate) async fn decide_on(
        &self,
        expected: RoomVersion,
        decision: Decision,
    ) -> Result<RoomVersion, CommitError> {
        self.store.commit(RoomCommit { room: self.room, expected, at: NOW, decision }).await
    }

    pub(crate) async fn view(&self, number: u128) -> AttendanceView {
        self.store.views(&[attendance(number)]).await.unwrap().remove(0)
    }

    /// Seats reserved on a mixer.
    pub(crate) async fn reserved(&self, name: &str) -> u32 {
        let mixers = self.store.mixers().await.unwrap();
        mixers.iter().find(|lease| lease.id == mixer(name)).map_or(0, |lease| lease.reserved)
    }
}
