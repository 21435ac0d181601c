//! Mixers, what is reserved on them, leases, and what is due.

use std::time::Duration;

use partyline_conference::conference::Deadline;
use partyline_conference::{
    Change, ConferenceEnd, Epoch, InterfaceServerId, MixKind, Role, ServiceName, WaitingKind,
};
use partyline_store::{ChangeSignal, CommitError, InterfaceServerLease, Store, VruLease};

use crate::scene::{
    NOW, Scene, arrive, attendance, conference, create, mix, mixer, mixer_lease, reserve, vru,
};

pub(crate) async fn the_last_seat_is_given_and_the_next_refused(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    scene.commit([reserve(1, "m1", 4)]).await.unwrap();
    let before = scene.snapshot().await;
    let refused = scene.commit([arrive(3, Role::Host, WaitingKind::Held), reserve(1, "m1", 1)]).await;
    assert!(matches!(refused, Err(CommitError::MixerFull(full)) if full == mixer("m1")));
    assert_eq!(scene.snapshot().await, before);
    assert_eq!(scene.reserved("m1").await, 8);
}

pub(crate) async fn a_moved_mix_takes_its_reservation_along(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    let to_second = |epoch, reserved| Change::Move {
        mix: mix(1),
        kind: MixKind::Conference,
        to: mixer("m2"),
        epoch: Epoch(epoch),
        reserved,
    };
    assert!(matches!(scene.commit([to_second(2, 9)]).await, Err(CommitError::MixerFull(_))));
    assert!(matches!(scene.commit([to_second(3, 2)]).await, Err(CommitError::Store(_))));
    assert_eq!((scene.reserved("m1").await, scene.reserved("m2").await), (4, 0));
    scene.commit([to_second(2, 3)]).await.unwrap();
    assert_eq!((scene.reserved("m1").await, scene.reserved("m2").await), (0, 3));
    let moved = scene.snapshot().await.conference.unwrap().mix;
    assert_eq!((moved.mixer, moved.epoch, moved.reserved), (mixer("m2"), Epoch(2), 3));
    assert!(store.rooms_on_mixer(&mixer("m1")).await.unwrap().is_empty());
    assert_eq!(store.rooms_on_mixer(&mixer("m2")).await.unwrap(), [scene.room]);
}

pub(crate) async fn a_renewal_keeps_what_is_reserved(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    let mut lease = mixer_lease("m1", "standard", 16);
    lease.counter = 9;
    lease.instance = "second".into();
    lease.address = "mem:elsewhere".into();
    store.renew_mixer(&lease).await.unwrap();
    lease.reserved = 4;
    assert!(store.mixers().await.unwrap().contains(&lease));
    assert_eq!(scene.snapshot().await.mixers[0].seats_max, 16);
}

pub(crate) async fn only_live_mixers_of_the_class_that_take_more_are_offered(store: &dyn Store) {
    let scene = Scene::new(store).await;
    store.renew_mixer(&mixer_lease("m3", "large", 8)).await.unwrap();
    let mut draining = mixer_lease("m2", "standard", 8);
    draining.is_draining = true;
    store.renew_mixer(&draining).await.unwrap();
    let live = ["m1", "m2", "m3"].map(mixer);
    let offered = store.snapshot(scene.room, NOW, &[], &live).await.unwrap().mixers;
    assert_eq!(offered.into_iter().map(|load| load.id).collect::<Vec<_>>(), [mixer("m1")]);
    let none = store.snapshot(scene.room, NOW, &[], &live[1..]).await.unwrap().mixers;
    assert!(none.is_empty());
}

pub(crate) async fn leases_are_renewed_and_a_dead_one_retired(store: &dyn Store) {
    let service = ServiceName::new("conferencing").unwrap();
    let mut lease = InterfaceServerLease {
        id: InterfaceServerId::new("cms-1").unwrap(),
        service: service.clone(),
        address: "mem:cms-1".into(),
        counter: 5,
    };
    store.renew_interface_server(&lease).await.unwrap();
    assert_eq!(store.interface_servers(&service).await.unwrap(), [lease.clone()]);
    assert!(store.interface_servers(&ServiceName::new("linetest").unwrap()).await.unwrap().is_empty());
    let dead = lease.clone();
    lease.counter = 6;
    store.renew_interface_server(&lease).await.unwrap();
    store.retire_interface_server(&dead).await.unwrap();
    assert_eq!(store.interface_servers(&service).await.unwrap(), [lease.clone()]);
    store.retire_interface_server(&lease).await.unwrap();
    assert!(store.interface_servers(&service).await.unwrap().is_empty());

    let mut call_taker = VruLease { id: vru(), counter: 1, instance: "a".into() };
    store.renew_vru(&call_taker).await.unwrap();
    call_taker.counter = 2;
    call_taker.instance = "b".into();
    store.renew_vru(&call_taker).await.unwrap();
    assert_eq!(store.vrus().await.unwrap(), [call_taker]);
    store.health().await.unwrap();
}

pub(crate) async fn what_is_due_is_found_by_its_deadline(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    scene.commit([arrive(3, Role::Participant, WaitingKind::Held)]).await.unwrap();
    // Caller 2 is placed (5 s), caller 3 waits (60 s), caller 1 has joined.
    let at = |seconds| NOW.after(Duration::from_secs(seconds));
    assert!(store.rooms_due(at(4)).await.unwrap().is_empty());
    assert_eq!(store.rooms_due(at(5)).await.unwrap(), [scene.room]);
    let snapshot = store.snapshot(scene.room, at(5), &[], &[]).await.unwrap();
    assert_eq!(snapshot.overdue, [attendance(2)]);
    assert!(snapshot.attendances.contains_key(&attendance(2)));
    let both = store.snapshot(scene.room, at(60), &[], &[]).await.unwrap();
    assert_eq!(both.overdue, [attendance(2), attendance(3)]);

    let deadline = Some(Deadline { at: at(1), why: ConferenceEnd::HostLeft });
    scene.commit([Change::SetDeadline { conference: conference(1), deadline }]).await.unwrap();
    assert_eq!(scene.snapshot().await.conference.unwrap().deadline, deadline);
    assert_eq!(store.rooms_due(at(1)).await.unwrap(), [scene.room]);
    let all = Change::LeaveAll {
        conference: conference(1),
        reason: partyline_conference::LeaveReason::ConferenceEnded,
    };
    let three = crate::scene::leave(3, partyline_conference::LeaveReason::HungUp);
    scene.commit([all, three, crate::scene::end(1, ConferenceEnd::HostLeft)]).await.unwrap();
    assert!(store.rooms_due(at(1000)).await.unwrap().is_empty());
}

pub(crate) async fn at_most_256_overdue_callers_come_in_one_snapshot(store: &dyn Store) {
    let scene = Scene::new(store).await;
    scene.commit((1..=300).map(|number| arrive(number, Role::Participant, WaitingKind::Held))).await.unwrap();
    let named: Vec<_> = (1..=300).map(attendance).collect();
    let later = NOW.after(Duration::from_secs(60));
    let snapshot = store.snapshot(scene.room, later, &named, &[]).await.unwrap();
    assert_eq!((snapshot.overdue.len(), snapshot.attendances.len(), snapshot.waiting.len()), (256, 300, 300));
    assert_eq!(store.views(&named).await.unwrap().len(), 300);
}

pub(crate) async fn callers_are_found_by_their_vru(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    let found = store.attendances_of_vru(&vru()).await.unwrap();
    assert_eq!(found, [(scene.room, attendance(1)), (scene.room, attendance(2))]);
    let other = partyline_conference::VruId::new("vru-2").unwrap();
    assert!(store.attendances_of_vru(&other).await.unwrap().is_empty());
}

pub(crate) async fn each_commit_is_signalled_and_a_refused_one_is_not(store: &dyn Store) {
    let scene = Scene::new(store).await;
    let mut changes = store.changes();
    let refused = scene.commit([create(1, "m1"), reserve(1, "m1", 9)]).await;
    assert!(matches!(refused, Err(CommitError::MixerFull(_))));
    scene.commit([create(1, "m1")]).await.unwrap();
    let ChangeSignal::Room(change) = changes.recv().await.unwrap() else { panic!("signals were lost") };
    assert_eq!(change.room, scene.room);
    assert!(changes.try_recv().is_err());
}
