//! Placed, joined, absent, and back.

use std::time::Duration;

use partyline_conference::conference::ConferenceEnd;
use partyline_conference::room::{EntryPolicy, HostLeaves};
use partyline_conference::rules::{ABSENCE_MAX, JOIN_MAX};
use partyline_conference::{
    AttendanceId, AttendanceState, ConfereeState, Epoch, EventKind, Generation, Intent, LeaveReason, MixId,
};

use crate::world::World;

const MOMENT: Duration = Duration::from_millis(1);

fn presence(world: &World, caller: AttendanceId) -> Option<ConfereeState> {
    match world.state(caller) {
        AttendanceState::Seated { state, .. } => Some(state),
        AttendanceState::Waiting(_) | AttendanceState::Refused(_) | AttendanceState::Left(_) => None,
    }
}

fn first_flag(world: &World) -> Option<bool> {
    world.last.events.iter().find_map(|event| match event {
        EventKind::ConfereeJoined { is_first, .. } => Some(*is_first),
        _ => None,
    })
}

#[test]
fn who_joins_first_is_alone_and_the_next_is_not() {
    let mut world = World::of(|_| ());
    let host = world.host();
    world.joins(host);
    assert_eq!(first_flag(&world), Some(true));
    let guest = world.participant();
    world.joins(guest);
    assert_eq!(first_flag(&world), Some(false));
    world.joins(guest);
    assert!(world.last.is_empty(), "joining is told once");
}

#[test]
fn who_never_joins_leaves_after_five_seconds_and_the_order_is_spent() {
    let mut world = World::of(|_| ());
    let (host, ghost) = (world.host(), world.participant());
    world.joins(host);
    world.passes(JOIN_MAX - MOMENT);
    assert_eq!(presence(&world, ghost), Some(ConfereeState::Placed));
    world.passes(MOMENT);
    assert_eq!(world.left_by(ghost), Some(LeaveReason::NeverJoined));
    let next = world.participant();
    assert_eq!(world.order(next), 3);
}

#[test]
fn joining_clears_the_deadline() {
    let mut world = World::of(|_| ());
    let host = world.host();
    world.joins(host);
    world.passes(JOIN_MAX * 100);
    assert_eq!(presence(&world, host), Some(ConfereeState::Joined));
}

#[test]
fn joining_in_the_instant_of_the_deadline_counts() {
    let mut world = World::of(|_| ());
    let host = world.host();
    world.now = world.now.after(JOIN_MAX);
    let mix = world.conference().mix.clone();
    let joined =
        Intent::Joined { attendance: host, generation: Generation(1), mix: mix.mix, epoch: mix.epoch };
    world.decide(&[joined, Intent::Tick]);
    assert_eq!(presence(&world, host), Some(ConfereeState::Joined));
}

#[test]
fn audio_in_another_mix_or_placement_or_of_another_generation_is_not_joining() {
    let mut world = World::of(|_| ());
    let host = world.host();
    let mix = world.conference().mix.clone();
    let joined = |generation, mix, epoch| Intent::Joined { attendance: host, generation, mix, epoch };
    for wrong in [
        joined(Generation(1), MixId::from_bits(99), mix.epoch),
        joined(Generation(1), mix.mix, Epoch(7)),
        joined(Generation(2), mix.mix, mix.epoch),
        joined(Generation(0), mix.mix, mix.epoch),
    ] {
        world.decide(&[wrong]);
        assert!(world.last.is_empty());
    }
}

#[test]
fn a_lost_vrus_conferee_is_absent_for_thirty_seconds_and_then_gone() {
    let mut world = World::of(|_| ());
    let (host, guest) = (world.host(), world.participant());
    world.joins(host);
    world.joins(guest);
    world.vru_is_lost_of(guest);
    assert_eq!(presence(&world, guest), Some(ConfereeState::Absent));
    world.passes(Duration::from_secs(10));
    world.vru_is_lost_of(guest);
    assert!(world.last.is_empty(), "being lost again does not put the end off");
    world.passes(ABSENCE_MAX - Duration::from_secs(10));
    assert_eq!(world.left_by(guest), Some(LeaveReason::VruLost));
}

#[test]
fn an_absent_conferee_who_attends_again_keeps_seat_and_order() {
    let mut world = World::of(|_| ());
    let (host, guest) = (world.host(), world.participant());
    world.joins(host);
    world.joins(guest);
    let seat = world.seat(guest);
    world.vru_is_lost_of(guest);
    world.passes(ABSENCE_MAX / 2);
    world.attends_again(guest, 2);
    assert_eq!(presence(&world, guest), Some(ConfereeState::Placed));
    world.joins(guest);
    world.passes(ABSENCE_MAX);
    assert_eq!(world.seat(guest), seat);
    assert_eq!(presence(&world, guest), Some(ConfereeState::Joined));
}

#[test]
fn who_was_thought_lost_and_says_that_audio_is_up_is_back() {
    let mut world = World::of(|_| ());
    let host = world.host();
    world.joins(host);
    world.vru_is_lost_of(host);
    world.joins(host);
    world.passes(ABSENCE_MAX);
    assert_eq!(presence(&world, host), Some(ConfereeState::Joined));
}

#[test]
fn the_host_leaves_policy_waits_while_the_last_host_is_absent() {
    let mut world = World::of(|room| room.host_leaves = HostLeaves::End);
    let (host, guest) = (world.host(), world.participant());
    world.joins(host);
    world.joins(guest);
    world.vru_is_lost_of(host);
    world.passes(ABSENCE_MAX - MOMENT);
    assert!(world.has_conference());
    world.passes(MOMENT);
    assert_eq!(world.room().ended().last().unwrap().1, ConferenceEnd::HostLeft);
    assert_eq!(world.left_by(host), Some(LeaveReason::VruLost));
    assert_eq!(world.left_by(guest), Some(LeaveReason::ConferenceEnded));
}

#[test]
fn a_waiting_caller_of_a_lost_vru_waits_no_longer_than_an_absence() {
    for policy in [EntryPolicy::Hold, EntryPolicy::Converse] {
        let mut world = World::of(|room| room.entry = policy);
        let caller = world.participant();
        world.vru_is_lost_of(caller);
        world.passes(ABSENCE_MAX);
        assert_eq!(world.left_by(caller), Some(LeaveReason::VruLost));
        assert_eq!(world.reserved(), 0);
    }
}

#[test]
fn a_waiting_caller_who_is_back_has_the_whole_wait_again_and_no_more() {
    let wait = Duration::from_secs(600);
    let mut world = World::of(|room| room.wait_max = wait);
    let caller = world.participant();
    world.vru_is_lost_of(caller);
    world.passes(ABSENCE_MAX / 2);
    world.attends_again(caller, 2);
    world.passes(ABSENCE_MAX);
    assert_eq!(world.left_by(caller), None);
    world.passes(wait - ABSENCE_MAX * 3 / 2);
    assert_eq!(world.left_by(caller), Some(LeaveReason::WaitedTooLong));
}
