//! Random decisions, wise and foolish: whatever is asked, the store's invariants hold after each.

use std::collections::BTreeMap;

use partyline_conference::{
    Change, ConferenceEnd, Decision, EventKind, EventSequence, LeaveReason, MixKind, MixerId, Order, Role,
    RoomSnapshot, WaitingKind,
};
use partyline_store::Store;
use proptest::prelude::*;

use crate::scene::{Scene, arrive, attendance, create, end, mix, mixer, reserve, seat_in};

/// Something that is tried in one of three rooms.
#[derive(Debug, Clone)]
pub(crate) enum Try {
    Arrive,
    SeatWhoWaits,
    LeaveFirst,
    Create { on_first: bool, seats: u32 },
    End,
    Reserve { seats: u32 },
    Move { to_first: bool, seats: u32 },
    OpenLobby { on_first: bool, seats: u32 },
    CloseLobby,
    OnOldVersion,
}

pub(crate) fn tries() -> impl Strategy<Value = Vec<(usize, Try)>> {
    let one = prop_oneof![
        4 => Just(Try::Arrive),
        4 => Just(Try::SeatWhoWaits),
        2 => Just(Try::LeaveFirst),
        2 => (any::<bool>(), 0..6u32).prop_map(|(on_first, seats)| Try::Create { on_first, seats }),
        1 => Just(Try::End),
        2 => (0..6u32).prop_map(|seats| Try::Reserve { seats }),
        2 => (any::<bool>(), 0..6u32).prop_map(|(to_first, seats)| Try::Move { to_first, seats }),
        1 => (any::<bool>(), 0..6u32).prop_map(|(on_first, seats)| Try::OpenLobby { on_first, seats }),
        1 => Just(Try::CloseLobby),
        1 => Just(Try::OnOldVersion),
    ];
    prop::collection::vec((0..3usize, one), 1..40)
}

fn name(is_first: bool) -> &'static str {
    if is_first { "m1" } else { "m2" }
}

/// What the try asks for, with `fresh` for whatever is new. Where nothing is there to act on, the number of what never was.
fn changes(snapshot: &RoomSnapshot, what: &Try, fresh: u128) -> Vec<Change> {
    let live = snapshot.conference.as_ref();
    let of = live.map_or(fresh, |live| live.id.bits());
    match what {
        Try::Arrive | Try::OnOldVersion => vec![arrive(fresh, Role::Host, WaitingKind::Held)],
        Try::SeatWhoWaits => {
            let next = live.map_or(1, |live| live.next_order.0);
            let who = |place: usize| snapshot.waiting[place].attendance.bits();
            (0..snapshot.waiting.len())
                .zip(next..)
                .map(|(place, order)| seat_in(of, who(place), order, Role::Host))
                .collect()
        }
        Try::LeaveFirst => {
            let first = snapshot.waiting.first().map_or(attendance(fresh), |waiting| waiting.attendance);
            vec![Change::Leave { attendance: first, reason: LeaveReason::HungUp }]
        }
        Try::Create { on_first, seats } => {
            vec![create(fresh, name(*on_first)), reserve(fresh, name(*on_first), *seats)]
        }
        Try::End => vec![
            Change::LeaveAll { conference: crate::scene::conference(of), reason: LeaveReason::Deleted },
            end(of, ConferenceEnd::Ended),
        ],
        Try::Reserve { seats } => {
            let on = live.map_or(mixer("m1"), |live| live.mix.mixer.clone());
            vec![Change::Reserve { mix: mix(of), mixer: on, seats: *seats }]
        }
        Try::Move { to_first, seats } => vec![Change::Move {
            mix: mix(of),
            kind: MixKind::Conference,
            to: mixer(name(*to_first)),
            epoch: live.map_or(partyline_conference::Epoch(2), |live| live.mix.epoch.next()),
            reserved: *seats,
        }],
        Try::OpenLobby { on_first, seats } => vec![
            Change::OpenLobby { mix: mix(fresh), mixer: mixer(name(*on_first)) },
            reserve(fresh, name(*on_first), *seats),
        ],
        Try::CloseLobby => {
            vec![Change::CloseLobby { mix: snapshot.lobby.as_ref().map_or(mix(fresh), |lobby| lobby.mix) }]
        }
    }
}

/// Tries everything in turn and checks after each.
pub(crate) async fn hold_whatever_is_tried(store: &dyn Store, tries: &[(usize, Try)]) {
    let mut rooms = Vec::new();
    for number in 1..=3 {
        rooms.push(Scene::numbered(store, number).await);
    }
    for (fresh, (room, what)) in (1000..).zip(tries) {
        let scene = &rooms[*room];
        let before = scene.snapshot().await;
        let changes = changes(&before, what, fresh);
        let event = EventKind::CallerWaits { attendance: attendance(fresh) };
        let decision = Decision { changes, events: vec![event], answers: vec![] };
        let mut expected = before.room.version;
        if matches!(what, Try::OnOldVersion) {
            expected.0 -= 1;
        }
        match scene.decide_on(expected, decision).await {
            Ok(version) => assert_eq!(version, expected.next()),
            Err(_) => assert_eq!(scene.snapshot().await, before, "half of {what:?} was written"),
        }
        check(store, &rooms).await;
    }
}

async fn check(store: &dyn Store, rooms: &[Scene<'_>]) {
    let mut reserved: BTreeMap<MixerId, u32> = BTreeMap::new();
    let mut callers = 0;
    for scene in rooms {
        let snapshot = scene.snapshot().await;
        let mixes = snapshot.conference.iter().map(|live| &live.mix).chain(&snapshot.lobby);
        for mix in mixes {
            *reserved.entry(mix.mixer.clone()).or_default() += mix.reserved;
        }
        let seated = snapshot.conference.as_ref().map_or(0, |live| live.seated);
        callers += seated + u32::try_from(snapshot.waiting.len()).unwrap();
        if let Some(live) = &snapshot.conference {
            let record = store.conference(live.id).await.unwrap().unwrap();
            let orders: Vec<Order> = record.conferees.iter().map(|conferee| conferee.order).collect();
            assert!(orders.iter().map(|order| order.0).eq(1..live.next_order.0), "{orders:?}");
            assert_eq!(record.seated, seated);
        }
        let events = store.events(scene.room, EventSequence(0), 1000).await.unwrap().events;
        assert_eq!(events.len() as u64, snapshot.room.version.0 - 1);
        assert!(events.iter().map(|event| event.sequence.0).eq(1..=events.len() as u64));
    }
    let listed: u32 = store.rooms().await.unwrap().iter().map(|room| room.callers).sum();
    assert_eq!(listed, callers);
    for lease in store.mixers().await.unwrap() {
        assert_eq!(lease.reserved, reserved.get(&lease.id).copied().unwrap_or(0));
        assert!(lease.reserved <= lease.seats_max);
    }
}
