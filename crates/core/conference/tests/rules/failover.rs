//! A mixer is lost.

use std::time::Duration;

use partyline_conference::conference::ConferenceEnd;
use partyline_conference::room::{EntryPolicy, HostLeaves};
use partyline_conference::rules::{JOIN_MAX, NO_MIXER_MAX};
use partyline_conference::{Epoch, EventKind, Intent, LeaveReason, Refusal, WaitingKind};

use crate::world::{World, mixer, mixer_id};

const MOMENT: Duration = Duration::from_millis(1);

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
fn with_no_mixer_left_the_conference_waits_for_a_minute_and_then_ends_and_its_conferees_hear_why() {
    let mut world = World::of(|_| ());
    let (host, guest) = (world.host(), world.participant());
    world.joins(host);
    world.add_mixer(mixer("tiny", "standard", 1));
    world.mixer_is_lost("m1");
    world.mixer_is_lost("m1");
    assert!(world.last.is_empty(), "it waits already");
    world.passes(NO_MIXER_MAX - MOMENT);
    assert_eq!([host, guest].map(|caller| world.order(caller)), [1, 2], "who had no audio yet waits too");
    world.passes(MOMENT);
    assert_eq!(world.room().ended().last().unwrap().1, ConferenceEnd::NoMixer);
    assert!([host, guest].iter().all(|caller| world.left_by(*caller) == Some(LeaveReason::NoMixer)));
    assert_eq!(world.reserved(), 0);
}

#[test]
fn a_conference_that_waits_for_a_mixer_goes_to_the_next_that_comes_even_the_same_one() {
    for name in ["m1", "m2"] {
        let mut world = World::of(|room| room.conference_max = Some(Duration::from_secs(600)));
        let (host, guest) = (world.host(), world.participant());
        world.joins(host);
        let before = world.conference().clone();
        world.mixer_is_lost("m1");
        world.decide(&[Intent::MixerCame]);
        assert!(world.last.is_empty(), "none has come");

        world.now = world.now.after(NO_MIXER_MAX / 2);
        if name == "m1" {
            world.live_mixers.push(mixer_id("m1"))
        } else {
            world.add_mixer(mixer("m2", "standard", 10))
        }
        world.decide(&[Intent::MixerCame]);
        let after = world.conference().clone();
        assert_eq!((after.id, after.mix.mix), (before.id, before.mix.mix));
        assert_eq!((after.mix.mixer.as_str(), after.mix.epoch), (name, Epoch(2)));
        assert_eq!(after.mix.reserved, before.mix.reserved);
        assert_eq!(after.deadline, before.deadline, "its own longest time holds again");
        assert_eq!(world.reserved(), 8);
        world.passes(JOIN_MAX - MOMENT);
        assert_eq!([host, guest].map(|caller| world.order(caller)), [1, 2]);
        world.decide(&[Intent::MixerCame]);
        assert!(world.last.is_empty(), "it waits no more");
    }
}

#[test]
fn who_has_audio_says_that_the_mixer_is_there_after_all() {
    let mut world = World::of(|_| ());
    let host = world.host();
    world.joins(host);
    world.mixer_is_lost("m1");
    world.joins(host);
    assert_eq!(world.conference().deadline, None);
    world.passes(NO_MIXER_MAX);
    assert!(world.has_conference());
}

#[test]
fn nobody_enters_a_conference_that_waits_for_a_mixer_until_one_is_there() {
    let mut world = World::of(|_| ());
    world.host();
    world.mixer_is_lost("m1");
    let early = world.participant();
    assert_eq!(world.refusal(early), Some(Refusal::NoMixer));
    world.live_mixers.push(mixer_id("m1"));
    let late = world.participant();
    assert_eq!(world.order(late), 2);
    assert_eq!(world.conference().mix.epoch, Epoch(2));
}

#[test]
fn a_mixer_that_has_no_seat_where_there_is_no_other_ends_the_conference() {
    let mut world = World::of(|_| ());
    let host = world.host();
    world.decide(&[Intent::NoSeat { mixer: mixer_id("m1") }]);
    assert_eq!(world.left_by(host), Some(LeaveReason::NoMixer));
    assert!(!world.has_conference());
}

#[test]
fn the_grace_time_of_the_last_host_is_not_lost_with_the_mixer() {
    let grace = Duration::from_secs(20);
    let mut world = World::of(|room| room.host_leaves = HostLeaves::Grace(grace));
    let (host, guest) = (world.host(), world.participant());
    world.joins(guest);
    world.mixer_is_lost("m1");
    world.leaves(host);
    world.live_mixers.push(mixer_id("m1"));
    world.passes(grace);
    assert_eq!(world.room().ended().last().unwrap().1, ConferenceEnd::HostLeft);
}

#[test]
fn who_is_on_the_way_has_the_whole_time_to_join_the_next_mixer() {
    let mut world = World::of(|_| ());
    let (host, guest) = (world.host(), world.participant());
    world.joins(host);
    world.add_mixer(mixer("m2", "standard", 10));
    world.now = world.now.after(JOIN_MAX - MOMENT);
    world.mixer_is_lost("m1");
    world.passes(JOIN_MAX - MOMENT);
    assert_eq!(world.order(guest), 2);
    world.passes(MOMENT);
    assert_eq!(world.left_by(guest), Some(LeaveReason::NeverJoined));
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
