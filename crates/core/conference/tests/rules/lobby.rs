//! Early callers talk until a host comes.

use partyline_conference::room::EntryPolicy;
use partyline_conference::{Change, Refusal, WaitingKind};

use crate::world::{World, mixer};

fn converse() -> World {
    World::of(|room| room.entry = EntryPolicy::Converse)
}

#[test]
fn early_callers_share_one_lobby_apart_from_any_conference() {
    let mut world = converse();
    let first = world.participant();
    let lobby = world.room().lobby().unwrap().mix;
    let second = world.participant();
    assert_eq!(world.room().lobby().unwrap().mix, lobby);
    assert!([first, second].iter().all(|caller| world.is_waiting(*caller, WaitingKind::Lobby)));
    assert!(!world.has_conference());
    assert_eq!(world.reserved(), 8);
}

#[test]
fn the_hosts_arrival_closes_the_lobby_and_moves_all_into_a_new_conference() {
    let mut world = converse();
    let (first, second) = (world.participant(), world.participant());
    let lobby = world.room().lobby().unwrap().mix;
    let host = world.host();
    assert!(world.room().lobby().is_none());
    assert_ne!(world.conference().mix.mix, lobby);
    assert_eq!([host, first, second].map(|caller| world.order(caller)), [1, 2, 3]);
    assert_eq!(world.reserved(), 8);
}

#[test]
fn the_conference_prefers_the_lobbys_mixer_though_another_is_idle() {
    let mut world = converse();
    world.participant();
    world.add_mixer(mixer("idle", "standard", 100_000));
    world.host();
    assert_eq!(world.conference().mix.mixer.as_str(), "m1");
}

#[test]
fn the_lobbys_own_seats_count_as_free_for_the_conference_that_follows() {
    let mut world = World::without_mixers(|room| room.entry = EntryPolicy::Converse);
    world.add_mixer(mixer("small", "standard", 3));
    world.participant();
    world.participant();
    assert_eq!(world.reserved(), 3);
    let host = world.host();
    assert_eq!(world.order(host), 1);
    assert_eq!(world.conference().seated, 3);
    let closed = world.last.changes.iter().position(|c| matches!(c, Change::CloseLobby { .. })).unwrap();
    let reserved = world.last.changes.iter().position(|c| matches!(c, Change::Reserve { .. })).unwrap();
    assert!(closed < reserved, "the store refuses seats that are still the lobby's");
}

#[test]
fn the_conference_goes_elsewhere_where_the_lobbys_mixer_is_too_small() {
    let mut world = World::without_mixers(|room| room.entry = EntryPolicy::Converse);
    world.add_mixer(mixer("small", "standard", 2));
    world.participant();
    world.participant();
    world.add_mixer(mixer("big", "standard", 50));
    world.host();
    assert_eq!(world.conference().mix.mixer.as_str(), "big");
    assert_eq!(world.conference().seated, 3);
    assert_eq!(world.reserved_on("small"), 0);
}

#[test]
fn the_last_early_caller_to_leave_closes_the_lobby() {
    let mut world = converse();
    let (first, second) = (world.participant(), world.participant());
    world.leaves(first);
    assert!(world.room().lobby().is_some());
    world.leaves(second);
    assert!(world.room().lobby().is_none());
    assert_eq!(world.reserved(), 0);
}

#[test]
fn a_lobby_needs_a_mixer_of_the_class() {
    let mut world = World::without_mixers(|room| room.entry = EntryPolicy::Converse);
    world.add_mixer(mixer("other", "large", 50));
    let caller = world.participant();
    assert_eq!(world.refusal(caller), Some(Refusal::NoMixer));
}

#[test]
fn a_lobby_that_its_mixer_can_not_grow_refuses_the_next() {
    let mut world = World::without_mixers(|room| room.entry = EntryPolicy::Converse);
    world.add_mixer(mixer("small", "standard", 2));
    world.participant();
    world.participant();
    let third = world.participant();
    assert_eq!(world.refusal(third), Some(Refusal::NoMixer));
}

#[test]
fn who_was_held_talks_along_once_the_room_lets_early_callers_talk() {
    let mut world = World::of(|_| ());
    let held = world.participant();
    world.change_room(|room| room.entry = EntryPolicy::Converse);
    let talker = world.participant();
    assert!([held, talker].iter().all(|caller| world.is_waiting(*caller, WaitingKind::Lobby)));
    let host = world.host();
    assert_eq!([host, held, talker].map(|caller| world.order(caller)), [1, 2, 3]);
}
