//! Who still fits: the room, the account, the mixer, the lock.

use partyline_conference::room::{EntryPolicy, LockScope};
use partyline_conference::{Command, EventKind, Refusal, WaitingKind};

use crate::world::{World, mixer};

#[test]
fn the_last_seat_is_kept_for_a_host_and_the_next_participant_refused() {
    let mut world = World::of(|room| {
        room.entry = EntryPolicy::Start;
        room.conferees_max = 3;
    });
    world.participant();
    world.participant();
    let third = world.participant();
    assert_eq!(world.refusal(third), Some(Refusal::Full));
    assert!(world.has_told(&EventKind::CallerRefused { attendance: third, refusal: Refusal::Full }));
    let host = world.host();
    assert_eq!(world.order(host), 3);
    let second_host = world.host();
    assert_eq!(world.refusal(second_host), Some(Refusal::Full));
}

#[test]
fn a_second_hosts_seat_is_not_taken_over_by_a_participant_when_the_last_host_has_left() {
    let mut world = World::of(|room| room.conferees_max = 3);
    let (first, second) = (world.host(), world.host());
    world.participant();
    world.leaves(first);
    world.participant();
    world.leaves(second);
    let guest = world.participant();
    assert_eq!(world.refusal(guest), Some(Refusal::Full));
    let host = world.host();
    assert!(world.seat(host).is_some());
}

#[test]
fn who_waits_counts_towards_the_limit() {
    let mut world = World::of(|room| room.conferees_max = 3);
    let held = [world.participant(), world.participant()];
    let third = world.participant();
    assert_eq!(world.refusal(third), Some(Refusal::Full));
    let host = world.host();
    assert!(held.iter().chain([&host]).all(|caller| world.seat(*caller).is_some()));
}

#[test]
fn who_no_longer_fits_at_the_hosts_arrival_is_told_so_the_last_to_come_first() {
    let mut world = World::of(|_| ());
    let held = [world.participant(), world.participant(), world.participant()];
    world.change_room(|room| room.conferees_max = 3);
    world.host();
    assert_eq!(held.map(|caller| world.refusal(caller)), [None, None, Some(Refusal::Full)]);
    assert_eq!(world.order(held[1]), 3);
}

#[test]
fn a_room_of_one_takes_a_host_and_nobody_else() {
    let mut world = World::of(|room| room.conferees_max = 1);
    let guest = world.participant();
    assert_eq!(world.refusal(guest), Some(Refusal::Full));
    let host = world.host();
    assert!(world.seat(host).is_some());
}

#[test]
fn the_accounts_limit_refuses_waiting_and_entering_alike_and_a_seat_comes_free_again() {
    let mut world = World::of_account(Some(2), |_| ());
    world.add_mixer(mixer("m1", "standard", 100));
    let held = world.participant();
    let host = world.host();
    let third = world.participant();
    assert_eq!(world.refusal(third), Some(Refusal::AccountLimit));
    world.leaves(held);
    let fourth = world.participant();
    assert!(world.seat(fourth).is_some());
    world.leaves(fourth);
    world.leaves(host);
    assert_eq!(world.store.callers(), 0);
}

#[test]
fn seats_are_reserved_in_chunks_that_double_up_to_the_rooms_maximum() {
    let mut world = World::of(|room| room.conferees_max = 20);
    world.host();
    assert_eq!(world.reserved(), 8);
    for _ in 0..8 {
        world.participant();
    }
    assert_eq!(world.reserved(), 16);
    for _ in 0..8 {
        world.participant();
    }
    assert_eq!(world.reserved(), 20);
}

#[test]
fn a_reservation_falls_back_to_what_the_mixer_has_left_and_then_refuses() {
    let mut world = World::without_mixers(|_| ());
    world.add_mixer(mixer("small", "standard", 10));
    world.host();
    for _ in 0..9 {
        let guest = world.participant();
        assert!(world.seat(guest).is_some());
    }
    assert_eq!(world.reserved_on("small"), 10);
    let late = world.participant();
    assert_eq!(world.refusal(late), Some(Refusal::NoMixer));
}

#[test]
fn at_the_hosts_arrival_as_many_as_a_mixer_can_carry_are_in_and_the_rest_is_told_why() {
    let mut world = World::without_mixers(|_| ());
    world.add_mixer(mixer("tiny", "standard", 1));
    world.add_mixer(mixer("small", "standard", 3));
    let held = [world.participant(), world.participant(), world.participant()];
    let host = world.host();
    assert_eq!(world.conference().mix.mixer.as_str(), "small");
    assert_eq!(world.order(host), 1);
    assert_eq!(held.map(|caller| world.refusal(caller)), [None, None, Some(Refusal::NoMixer)]);
}

#[test]
fn a_host_without_a_mixer_is_refused_and_who_waits_waits_on() {
    let mut world = World::without_mixers(|_| ());
    let held = world.participant();
    let host = world.host();
    assert_eq!(world.refusal(host), Some(Refusal::NoMixer));
    assert!(world.is_waiting(held, WaitingKind::Held));
}

#[test]
fn a_locked_conference_refuses_participants_but_no_host_and_nobody_who_resumes() {
    let mut world = World::of(|_| ());
    let (host, guest) = (world.host(), world.participant());
    assert_eq!(world.commands(Some(host), Command::SetLock { locked: true }), Ok(()));
    let late = world.participant();
    assert_eq!(world.refusal(late), Some(Refusal::Locked));
    world.attends_again(guest, 2);
    assert!(world.seat(guest).is_some());
    let other_host = world.host();
    assert!(world.seat(other_host).is_some());
}

#[test]
fn a_lock_for_all_refuses_hosts_too() {
    let mut world = World::of(|room| room.lock = LockScope::All);
    let host = world.host();
    world.commands(Some(host), Command::SetLock { locked: true }).unwrap();
    let other_host = world.host();
    assert_eq!(world.refusal(other_host), Some(Refusal::Locked));
    world.commands(Some(host), Command::SetLock { locked: false }).unwrap();
    let guest = world.participant();
    assert!(world.seat(guest).is_some());
}

#[test]
fn a_lock_ends_with_its_conference() {
    let mut world = World::of(|room| room.lock = LockScope::All);
    let host = world.host();
    world.commands(Some(host), Command::SetLock { locked: true }).unwrap();
    world.leaves(host);
    let next = world.host();
    assert_eq!(world.order(next), 1);
    assert!(!world.conference().is_locked);
}

#[test]
fn a_conference_whose_rooms_class_was_changed_still_grows_on_its_mixer() {
    let mut world = World::of(|_| ());
    world.host();
    world.change_room(|room| room.class = crate::world::class("large"));
    for _ in 0..20 {
        let guest = world.participant();
        assert!(world.seat(guest).is_some());
    }
}
