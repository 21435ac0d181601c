//! The table of who goes where; codes have given the role already.

use partyline_conference::room::EntryPolicy;
use partyline_conference::{
    AttendanceState, Change, Command, CommandId, ConfereeState, EventKind, Generation, Intent, LeaveReason,
    Refusal, Role, Room, RoomId, WaitingKind, rules,
};

use crate::world::{World, attend, mixer};

const POLICIES: [EntryPolicy; 3] = [EntryPolicy::Start, EntryPolicy::Hold, EntryPolicy::Converse];

#[test]
fn a_host_without_conference_or_company_creates_one_and_enters() {
    for policy in POLICIES {
        let mut world = World::of(|room| room.entry = policy);
        let host = world.host();
        let live = world.conference().clone();
        assert_eq!(world.seat(host), Some((live.id, partyline_conference::Order(1))), "{policy:?}");
        assert_eq!(live.mix.mixer.as_str(), "m1");
        assert_eq!((live.seated, live.hosts_seated), (1, 1));
    }
}

#[test]
fn a_conference_is_created_on_a_mixer_of_the_rooms_class_only() {
    let mut world = World::without_mixers(|room| room.class = crate::world::class("large"));
    world.add_mixer(mixer("idle", "standard", 1000));
    let early = world.host();
    assert_eq!(world.refusal(early), Some(Refusal::NoMixer));
    world.add_mixer(mixer("big", "large", 10));
    world.host();
    assert_eq!(world.conference().mix.mixer.as_str(), "big");
}

#[test]
fn the_least_loaded_mixer_of_the_class_gets_the_conference() {
    let mut world = World::of(|_| ());
    world.add_mixer(mixer("m2", "standard", 1000));
    world.host();
    assert_eq!(world.conference().mix.mixer.as_str(), "m1");
    let other = Room { id: RoomId::from_bits(2), ..crate::world::room() };
    world.store.put_room(other.clone());
    let snapshot = world.store.snapshot(other.id, world.now, &[], &world.live_mixers).unwrap();
    let caller = world.new_caller();
    let fresh = crate::world::Draw::default().fresh(1);
    let decision = rules::decide(&snapshot, &[attend(caller, 1, Role::Host)], &fresh);
    let is_on_m2 =
        |change: &Change| matches!(change, Change::Reserve { mixer, .. } if mixer.as_str() == "m2");
    assert!(decision.changes.iter().any(is_on_m2));
}

#[test]
fn a_host_and_all_who_wait_are_entered_the_host_first_then_by_arrival() {
    let mut world = World::of(|_| ());
    let (first, second) = (world.participant(), world.participant());
    assert!(world.is_waiting(first, WaitingKind::Held));
    let host = world.host();
    assert_eq!([host, first, second].map(|caller| world.order(caller)), [1, 2, 3]);
    let late = world.participant();
    assert_eq!(world.order(late), 4);
}

#[test]
fn whoever_comes_to_a_live_conference_enters_it_whatever_the_policy() {
    for policy in POLICIES {
        let mut world = World::of(|room| room.entry = policy);
        let host = world.host();
        let (guest, other_host) = (world.participant(), world.host());
        for caller in [host, guest, other_host] {
            assert_eq!(world.seat(caller).unwrap().0, world.conference().id, "{policy:?}");
        }
    }
}

#[test]
fn a_participant_starts_the_conference_where_the_room_says_so() {
    let mut world = World::of(|room| room.entry = EntryPolicy::Start);
    let caller = world.participant();
    assert_eq!(world.order(caller), 1);
    assert_eq!(world.conference().hosts_seated, 0);
    assert!(
        world.has_changed(|change| matches!(change, Change::CreateConference { by: Role::Participant, .. }))
    );
}

#[test]
fn a_participant_is_held_without_a_mixer_until_the_host_comes() {
    let mut world = World::without_mixers(|_| ());
    let caller = world.participant();
    assert!(world.is_waiting(caller, WaitingKind::Held));
    assert!(world.has_told(&EventKind::CallerWaits { attendance: caller }));
    assert!(!world.has_conference());
}

#[test]
fn a_participant_under_hold_enters_a_conference_that_its_hosts_have_left() {
    let mut world = World::of(|_| ());
    let host = world.host();
    world.participant();
    world.leaves(host);
    let late = world.participant();
    assert_eq!(world.order(late), 3);
}

#[test]
fn a_participant_who_starts_takes_along_who_was_held_under_another_policy() {
    let mut world = World::of(|_| ());
    let held = world.participant();
    world.change_room(|room| room.entry = EntryPolicy::Start);
    let starter = world.participant();
    assert_eq!([starter, held].map(|caller| world.order(caller)), [1, 2]);
}

#[test]
fn one_batch_is_decided_in_turn_so_a_participant_and_a_host_of_one_instant_meet() {
    for host_first in [false, true] {
        let mut world = World::of(|_| ());
        let (host, guest) = (world.new_caller(), world.new_caller());
        let mut batch = [attend(guest, 1, Role::Participant), attend(host, 1, Role::Host)];
        if host_first {
            batch.reverse();
        }
        world.decide(&batch);
        assert_eq!([host, guest].map(|caller| world.order(caller)), [1, 2]);
        assert_eq!(world.store.commits(), 1);
    }
}

#[test]
fn three_hundred_callers_are_one_decision_and_all_in_in_one_order() {
    let mut world = World::of(|room| room.conferees_max = 301);
    let callers: Vec<_> = (0..300).map(|_| world.new_caller()).collect();
    let batch: Vec<_> = callers
        .iter()
        .enumerate()
        .map(|(nth, caller)| attend(*caller, 1, if nth == 150 { Role::Host } else { Role::Participant }))
        .collect();
    world.decide(&batch);
    let mut orders: Vec<_> = callers.iter().map(|caller| world.order(*caller)).collect();
    assert_eq!(orders[150], 1);
    orders.sort_unstable();
    assert_eq!(orders, (1..=300).collect::<Vec<_>>());
    assert_eq!(world.store.commits(), 1);
}

#[test]
fn the_store_is_loaded_in_an_order_that_never_seats_who_has_not_arrived() {
    let mut world = World::of(|_| ());
    world.host();
    let kinds: Vec<_> = world.last.changes.iter().map(std::mem::discriminant).collect();
    let created =
        world.last.changes.iter().position(|c| matches!(c, Change::CreateConference { .. })).unwrap();
    let arrived = world.last.changes.iter().position(|c| matches!(c, Change::Arrive { .. })).unwrap();
    let seated = world.last.changes.iter().position(|c| matches!(c, Change::Seat { .. })).unwrap();
    assert!(created < seated && arrived < seated, "{kinds:?}");
}

#[test]
fn attending_again_resumes_and_a_repeat_changes_nothing() {
    let mut world = World::of(|_| ());
    let host = world.host();
    world.joins(host);
    let seat = world.state(host);
    world.attends_again(host, 1);
    assert!(world.last.is_empty());
    world.attends_again(host, 2);
    assert_eq!(world.state(host), seat);
    assert_eq!(world.store.attendance(host).unwrap().generation, Generation(2));
    world.attends_again(host, 1);
    assert!(world.last.is_empty());
}

#[test]
fn a_held_caller_who_attends_again_keeps_their_place() {
    let mut world = World::of(|_| ());
    let (first, second) = (world.participant(), world.participant());
    world.attends_again(first, 2);
    world.host();
    assert_eq!([first, second].map(|caller| world.order(caller)), [2, 3]);
}

#[test]
fn the_role_of_the_first_hello_stays() {
    let mut world = World::of(|_| ());
    let guest = world.participant();
    world.decide(&[attend(guest, 2, Role::Host)]);
    assert!(world.is_waiting(guest, WaitingKind::Held));
    assert!(!world.has_conference());
}

#[test]
fn who_is_over_stays_so_however_often_they_attend() {
    let mut world = World::of(|_| ());
    let (host, guest) = (world.host(), world.participant());
    world.leaves(guest);
    world.attends_again(guest, 7);
    assert!(world.last.is_empty());
    assert_eq!(world.left_by(guest), Some(LeaveReason::HungUp));
    world.leaves(host);
    world.attends_again(host, 2);
    assert!(!world.has_conference());
}

#[test]
fn an_attendance_of_another_room_is_left_alone() {
    let mut world = World::of(|_| ());
    let guest = world.participant();
    let mut other = crate::world::room();
    other.id = RoomId::from_bits(2);
    world.store.put_room(other.clone());
    let snapshot = world.store.snapshot(other.id, world.now, &[guest], &world.live_mixers).unwrap();
    let intents = [
        attend(guest, 2, Role::Host),
        Intent::Left { attendance: guest, generation: Generation(9), reason: LeaveReason::HungUp },
        Intent::VruLost { attendance: guest },
    ];
    let fresh = crate::world::Draw::default().fresh(1);
    assert!(rules::decide(&snapshot, &intents, &fresh).is_empty());
}

#[test]
fn a_conference_that_ends_within_a_batch_is_followed_by_another_one() {
    let mut world = World::of(|_| ());
    let first = world.host();
    let second = world.new_caller();
    let ended = world.conference().id;
    let leaves = Intent::Left { attendance: first, generation: Generation(1), reason: LeaveReason::Keys };
    let third = world.new_caller();
    let end = Intent::Command { id: CommandId::from_bits(1), by: None, command: Command::End };
    world.decide(&[leaves, attend(second, 1, Role::Host), end, attend(third, 1, Role::Host)]);
    assert_eq!(world.room().ended().len(), 2);
    assert_ne!(world.conference().id, ended);
    assert_eq!(world.order(third), 1);
    assert_eq!(world.reserved(), 8);
}

#[test]
fn a_caller_gets_five_seconds_to_join() {
    let mut world = World::of(|_| ());
    let host = world.host();
    let row = world.store.attendance(host).unwrap();
    assert!(matches!(row.state, AttendanceState::Seated { state: ConfereeState::Placed, .. }));
    assert_eq!(row.deadline, Some(world.now.after(rules::JOIN_MAX)));
}
