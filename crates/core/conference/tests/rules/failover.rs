//! A mixer is lost.

use partyline_conference::conference::ConferenceEnd;
use partyline_conference::room::EntryPolicy;
use partyline_conference::{Epoch, EventKind, LeaveReason, WaitingKind};

use crate::world::{World, mixer, mixer_id};

#[test]
fn a_conference_goes_to_another_mixer_of_the_class_with_the_next_epoch() {
    let mut world = World::of(|_| ());
    let (host, guest) = (world.host(), world.participant());
    world.joins(host);
    let before = world.conference().clone();
    world.add_mixer(mixer("wrong", "large", 1000));
    world.add_mixer(mixer("m2", "standard", 1000));
    world.mixer_is_lost("m1");
    let after = world.conference().clone();
    assert_eq!((after.id, after.mix.mix), (before.id, before.mix.mix));
    assert_eq!((after.mix.mixer.as_str(), after.mix.epoch), ("m2", Epoch(2)));
    assert_eq!((world.reserved_on("m1"), world.reserved_on("m2")), (0, 8));
    assert!(world.has_told(&EventKind::ConferenceMoved {
        conference: after.id,
        mixer: mixer_id("m2"),
        epoch: Epoch(2),
    }));
    assert_eq!([host, guest].map(|caller| world.order(caller)), [1, 2]);
}

#[test]
fn the_loss_of_a_mixer_that_carries_nothing_of_the_room_changes_nothing() {
    let mut world = World::of(|_| ());
    world.add_mixer(mixer("m2", "standard", 1000));
    world.host();
    world.mixer_is_lost("m2");
    assert!(world.last.is_empty());
    world.add_mixer(mixer("m2", "standard", 1000));
    world.mixer_is_lost("m1");
    world.mixer_is_lost("m1");
    assert!(world.last.is_empty(), "being lost is being lost once");
}

#[test]
fn a_move_takes_fewer_seats_along_where_the_new_mixer_has_fewer() {
    let mut world = World::of(|_| ());
    world.host();
    world.participant();
    world.add_mixer(mixer("small", "standard", 3));
    world.mixer_is_lost("m1");
    assert_eq!(world.conference().mix.reserved, 3);
    assert_eq!(world.reserved_on("small"), 3);
}

#[test]
fn with_no_mixer_left_the_conference_ends_and_its_conferees_hear_why() {
    let mut world = World::of(|_| ());
    let (host, guest) = (world.host(), world.participant());
    world.add_mixer(mixer("tiny", "standard", 1));
    world.mixer_is_lost("m1");
    assert_eq!(world.room().ended().last().unwrap().1, ConferenceEnd::NoMixer);
    assert!([host, guest].iter().all(|caller| world.left_by(*caller) == Some(LeaveReason::NoMixer)));
    assert_eq!(world.reserved(), 0);
}

#[test]
fn audio_in_the_old_placement_is_not_joining() {
    let mut world = World::of(|_| ());
    let host = world.host();
    let old = world.conference().mix.clone();
    world.add_mixer(mixer("m2", "standard", 10));
    world.mixer_is_lost("m1");
    let generation = partyline_conference::Generation(1);
    world.decide(&[partyline_conference::Intent::Joined {
        attendance: host,
        generation,
        mix: old.mix,
        epoch: old.epoch,
    }]);
    assert!(world.last.is_empty());
    world.joins(host);
    assert!(!world.last.is_empty());
}

#[test]
fn a_lobby_moves_too() {
    let mut world = World::of(|room| room.entry = EntryPolicy::Converse);
    let caller = world.participant();
    world.add_mixer(mixer("m2", "standard", 10));
    world.mixer_is_lost("m1");
    let lobby = world.room().lobby().unwrap();
    assert_eq!((lobby.mixer.as_str(), lobby.epoch), ("m2", Epoch(2)));
    assert!(world.is_waiting(caller, WaitingKind::Lobby));
}

#[test]
fn early_callers_whose_lobby_finds_no_mixer_are_held_and_talk_again_when_one_is_back() {
    let mut world = World::of(|room| room.entry = EntryPolicy::Converse);
    let (first, second) = (world.participant(), world.participant());
    world.mixer_is_lost("m1");
    assert!([first, second].iter().all(|caller| world.is_waiting(*caller, WaitingKind::Held)));
    assert_eq!(world.reserved(), 0);
    world.add_mixer(mixer("m2", "standard", 10));
    let third = world.participant();
    assert!([first, second, third].iter().all(|caller| world.is_waiting(*caller, WaitingKind::Lobby)));
}
