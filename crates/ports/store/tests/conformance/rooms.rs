//! Rooms, codes and PINs.

use partyline_conference::{
    Change, ConferenceEnd, HostPin, LeaveReason, LockScope, Role, RoomId, RoomName, WaitingKind,
};
use partyline_store::{RoomChanges, Store, StoreError};

use crate::scene::{Scene, arrive, code, conference, end, host_code, new_room, participant_code};

pub(crate) async fn a_room_is_found_by_both_its_codes_and_by_no_other(store: &dyn Store) {
    let room = store.create_room(&new_room(7, None)).await.unwrap();
    let host = store.look_up_code(&host_code(7)).await.unwrap().unwrap();
    assert_eq!((host.room, host.role, host.pin_needed, host.is_locked), (room.id, Role::Host, false, false));
    assert_eq!((host.no_rtp_max, host.call_max), (room.no_rtp_max, room.call_max));
    let other = store.look_up_code(&participant_code(7)).await.unwrap().unwrap();
    assert_eq!((other.room, other.role, other.account), (room.id, Role::Participant, room.account));
    assert_eq!(store.look_up_code(&code("99999999")).await.unwrap(), None);
}

pub(crate) async fn a_room_reads_back_as_it_was_made(store: &dyn Store) {
    let made = store.create_room(&new_room(7, Some("4321"))).await.unwrap();
    assert!(made.has_host_pin);
    let summary = store.room_named(&made.name).await.unwrap().unwrap();
    assert_eq!(summary.room, made);
    assert_eq!((summary.host_code_ends.as_str(), summary.participant_code_ends.as_str()), ("07", "07"));
    assert_eq!((summary.conference, summary.callers), (None, 0));
    assert_eq!(store.rooms().await.unwrap(), [summary]);
    assert_eq!(store.room_named(&RoomName::new("another").unwrap()).await.unwrap(), None);
}

pub(crate) async fn a_code_or_name_in_use_is_refused_and_nothing_is_made(store: &dyn Store) {
    store.create_room(&new_room(7, None)).await.unwrap();
    let mut same_code = new_room(8, None);
    same_code.participant_code = host_code(7);
    assert!(matches!(store.create_room(&same_code).await, Err(StoreError::Taken("conference code"))));
    let mut one_code_twice = new_room(8, None);
    one_code_twice.participant_code = host_code(8);
    assert!(matches!(store.create_room(&one_code_twice).await, Err(StoreError::Taken("conference code"))));
    let mut same_name = new_room(8, None);
    same_name.settings.name = new_room(7, None).settings.name;
    assert!(matches!(store.create_room(&same_name).await, Err(StoreError::Taken("room name"))));
    assert_eq!(store.rooms().await.unwrap().len(), 1);
    assert_eq!(store.look_up_code(&host_code(8)).await.unwrap(), None);
}

pub(crate) async fn only_the_right_host_pin_passes(store: &dyn Store) {
    let room = store.create_room(&new_room(7, Some("4321"))).await.unwrap().id;
    assert!(store.look_up_code(&host_code(7)).await.unwrap().unwrap().pin_needed);
    assert!(!store.look_up_code(&participant_code(7)).await.unwrap().unwrap().pin_needed);
    assert!(store.is_host_pin(room, &HostPin::parse("4321").unwrap()).await.unwrap());
    assert!(!store.is_host_pin(room, &HostPin::parse("4322").unwrap()).await.unwrap());
    let without = RoomChanges { host_pin: Some(None), ..RoomChanges::default() };
    assert!(!store.change_room(room, &without).await.unwrap().has_host_pin);
    assert!(store.is_host_pin(room, &HostPin::parse("4322").unwrap()).await.unwrap());
    let unknown = RoomId::from_bits(99);
    let asked = store.is_host_pin(unknown, &HostPin::parse("4321").unwrap()).await;
    assert!(matches!(asked, Err(StoreError::Unknown("room"))));
}

pub(crate) async fn changed_settings_move_the_version_and_leave_the_others(store: &dyn Store) {
    let made = store.create_room(&new_room(7, None)).await.unwrap();
    let changes = RoomChanges {
        conferees_max: Some(3),
        call_max: Some(None),
        lock: Some(LockScope::All),
        noise_suppression: Some(true),
        ..RoomChanges::default()
    };
    let changed = store.change_room(made.id, &changes).await.unwrap();
    let mut expected = made.clone();
    expected.version = made.version.next();
    expected.conferees_max = 3;
    expected.call_max = None;
    expected.lock = LockScope::All;
    expected.voices.noise_suppression = true;
    assert_eq!(changed, expected);
    assert_eq!(store.room_named(&made.name).await.unwrap().unwrap().room, expected);
    let (known, _) = store.room_views(made.id, &[]).await.unwrap();
    assert_eq!(known, Some((expected.version, expected.voices)));
    let agc_off = RoomChanges { agc: Some(false), ..RoomChanges::default() };
    expected.voices.agc = false;
    assert_eq!(store.change_room(made.id, &agc_off).await.unwrap().voices, expected.voices);
    assert_eq!(store.room_named(&made.name).await.unwrap().unwrap().room.voices, expected.voices);
    assert_eq!(store.room_views(RoomId::from_bits(99), &[]).await.unwrap().0, None);
    let unknown = store.change_room(RoomId::from_bits(99), &changes).await;
    assert!(matches!(unknown, Err(StoreError::Unknown("room"))));
}

pub(crate) async fn a_new_code_replaces_the_old_one(store: &dyn Store) {
    let room = store.create_room(&new_room(7, None)).await.unwrap().id;
    store.create_room(&new_room(8, None)).await.unwrap();
    store.set_code(room, Role::Host, &code("55550042")).await.unwrap();
    assert_eq!(store.look_up_code(&host_code(7)).await.unwrap(), None);
    assert_eq!(store.look_up_code(&code("55550042")).await.unwrap().unwrap().role, Role::Host);
    let taken = store.set_code(room, Role::Host, &host_code(8)).await;
    assert!(matches!(taken, Err(StoreError::Taken("conference code"))));
    assert!(store.look_up_code(&code("55550042")).await.unwrap().is_some());
    store.set_code(room, Role::Host, &code("55550042")).await.unwrap();
    let unknown = store.set_code(RoomId::from_bits(99), Role::Host, &code("77770000")).await;
    assert!(matches!(unknown, Err(StoreError::Unknown("room"))));
}

pub(crate) async fn a_lock_shows_to_the_roles_that_it_keeps_out(store: &dyn Store) {
    let scene = Scene::with_conference(store).await;
    let lock = Change::SetLock { conference: conference(1), locked: true };
    scene.commit([lock]).await.unwrap();
    assert!(!store.look_up_code(&host_code(7)).await.unwrap().unwrap().is_locked);
    assert!(store.look_up_code(&participant_code(7)).await.unwrap().unwrap().is_locked);
    let all = RoomChanges { lock: Some(LockScope::All), ..RoomChanges::default() };
    store.change_room(scene.room, &all).await.unwrap();
    assert!(store.look_up_code(&host_code(7)).await.unwrap().unwrap().is_locked);
    let all = Change::LeaveAll { conference: conference(1), reason: LeaveReason::ConferenceEnded };
    scene.commit([all, end(1, ConferenceEnd::Ended)]).await.unwrap();
    assert!(!store.look_up_code(&participant_code(7)).await.unwrap().unwrap().is_locked);
}

pub(crate) async fn a_room_in_use_is_kept_and_a_deleted_one_frees_its_codes(store: &dyn Store) {
    let scene = Scene::new(store).await;
    scene.commit([arrive(1, Role::Participant, WaitingKind::Held)]).await.unwrap();
    assert!(matches!(store.delete_room(scene.room).await, Err(StoreError::Taken("room"))));
    assert!(store.look_up_code(&host_code(7)).await.unwrap().is_some());
    let leave = crate::scene::leave(1, LeaveReason::HungUp);
    scene.commit([leave]).await.unwrap();
    store.delete_room(scene.room).await.unwrap();
    assert_eq!(store.look_up_code(&host_code(7)).await.unwrap(), None);
    assert!(store.rooms().await.unwrap().is_empty());
    assert!(matches!(store.delete_room(scene.room).await, Err(StoreError::Unknown("room"))));
    let mut again = new_room(9, None);
    again.settings.name = new_room(7, None).settings.name;
    again.host_code = host_code(7);
    assert!(store.create_room(&again).await.is_ok());
}
