//! Leaving, and what it means for the conference.

use std::time::Duration;

use partyline_conference::conference::{ConferenceEnd, Deadline};
use partyline_conference::room::HostLeaves;
use partyline_conference::{AttendanceId, EventKind, Generation, Intent, LeaveReason};

use crate::world::World;

const GRACE: Duration = Duration::from_secs(120);
const HOUR: Duration = Duration::from_secs(3600);

fn meeting(host_leaves: HostLeaves) -> (World, AttendanceId, AttendanceId) {
    let mut world = World::of(|room| room.host_leaves = host_leaves);
    let (host, guest) = (world.host(), world.participant());
    world.joins(host);
    world.joins(guest);
    (world, host, guest)
}

fn why_ended(world: &World) -> Option<ConferenceEnd> {
    world.room().ended().last().map(|(_, why)| *why)
}

#[test]
fn the_last_conferee_to_leave_ends_the_conference_and_gives_its_seats_back() {
    let (mut world, host, guest) = meeting(HostLeaves::Continue);
    world.leaves(host);
    assert!(world.has_conference());
    world.leaves(guest);
    assert_eq!(why_ended(&world), Some(ConferenceEnd::LastLeft));
    assert_eq!(world.reserved(), 0);
}

#[test]
fn the_last_hosts_leaving_ends_the_conference_at_once_where_the_room_says_end() {
    let (mut world, host, guest) = meeting(HostLeaves::End);
    let other_host = world.host();
    world.leaves(host);
    assert!(world.has_conference());
    world.leaves(other_host);
    assert_eq!(why_ended(&world), Some(ConferenceEnd::HostLeft));
    assert_eq!(world.left_by(guest), Some(LeaveReason::ConferenceEnded));
}

#[test]
fn a_host_who_was_the_last_conferee_ends_it_as_the_last() {
    let mut world = World::of(|room| room.host_leaves = HostLeaves::End);
    let host = world.host();
    world.leaves(host);
    assert_eq!(why_ended(&world), Some(ConferenceEnd::LastLeft));
}

#[test]
fn a_grace_time_ends_the_conference_when_no_host_comes_back() {
    let (mut world, host, guest) = meeting(HostLeaves::Grace(GRACE));
    world.leaves(host);
    world.passes(GRACE - Duration::from_millis(1));
    assert!(world.has_conference());
    world.passes(Duration::from_millis(1));
    assert_eq!(why_ended(&world), Some(ConferenceEnd::HostLeft));
    assert_eq!(world.left_by(guest), Some(LeaveReason::ConferenceEnded));
}

#[test]
fn a_host_who_comes_back_in_the_grace_time_saves_it_and_the_longest_conference_holds_again() {
    let mut world = World::of(|room| {
        room.host_leaves = HostLeaves::Grace(GRACE);
        room.conference_max = Some(HOUR);
    });
    let (host, guest) = (world.host(), world.participant());
    world.joins(guest);
    let longest = world.conference().deadline;
    world.leaves(host);
    assert_eq!(
        world.conference().deadline,
        Some(Deadline { at: world.now.after(GRACE), why: ConferenceEnd::HostLeft })
    );
    world.passes(Duration::from_secs(10));
    let back = world.host();
    world.joins(back);
    assert_eq!(world.conference().deadline, longest);
    world.passes(GRACE);
    assert!(world.has_conference());
    world.passes(HOUR);
    assert_eq!(why_ended(&world), Some(ConferenceEnd::TooLong));
    assert_eq!(world.reserved(), 0);
}

#[test]
fn a_conference_without_hosts_ever_is_not_ended_by_a_participants_leaving() {
    let mut world = World::of(|room| {
        room.entry = partyline_conference::EntryPolicy::Start;
        room.host_leaves = HostLeaves::End;
    });
    let first = world.participant();
    world.participant();
    world.leaves(first);
    assert!(world.has_conference());
}

#[test]
fn an_order_is_never_given_twice_within_a_conference() {
    let (mut world, _, guest) = meeting(HostLeaves::Continue);
    world.leaves(guest);
    let next = world.participant();
    assert_eq!(world.order(next), 3);
}

#[test]
fn an_older_generation_ends_nothing_and_leaving_twice_is_leaving_once() {
    let (mut world, _, guest) = meeting(HostLeaves::Continue);
    world.attends_again(guest, 5);
    let leaves = |generation| Intent::Left {
        attendance: guest,
        generation: Generation(generation),
        reason: LeaveReason::Keys,
    };
    world.decide(&[leaves(4)]);
    assert!(world.last.is_empty());
    world.decide(&[leaves(5), leaves(5)]);
    assert_eq!(world.left_by(guest), Some(LeaveReason::Keys));
    world.decide(&[leaves(6)]);
    assert!(world.last.is_empty());
    assert_eq!(world.conference().seated, 1);
}

#[test]
fn a_caller_who_left_between_two_hellos_is_gone_by_the_newer_generation() {
    let (mut world, _, guest) = meeting(HostLeaves::Continue);
    let left = Intent::Left { attendance: guest, generation: Generation(9), reason: LeaveReason::HungUp };
    world.decide(&[left]);
    assert_eq!(world.left_by(guest), Some(LeaveReason::HungUp));
}

#[test]
fn who_is_gone_before_the_decision_takes_no_seat_and_is_known_as_gone() {
    let mut world = World::of(|_| ());
    let host = world.new_caller();
    let left = Intent::Left { attendance: host, generation: Generation(2), reason: LeaveReason::HungUp };
    world.decide(&[crate::world::attend(host, 2, partyline_conference::Role::Host), left]);
    assert_eq!(world.left_by(host), Some(LeaveReason::HungUp));
    assert!(!world.has_conference() && world.room().ended().is_empty());
    world.decide(&[crate::world::attend(host, 1, partyline_conference::Role::Host)]);
    assert!(world.last.is_empty(), "a hello on a slower way lets nobody in");
}

#[test]
fn a_stranger_who_leaves_changes_nothing() {
    let (mut world, ..) = meeting(HostLeaves::Continue);
    let stranger = world.new_caller();
    let left = Intent::Left { attendance: stranger, generation: Generation(1), reason: LeaveReason::HungUp };
    world.decide(&[left]);
    assert!(world.last.is_empty());
}

#[test]
fn an_exit_is_told_with_whether_audio_had_been_up() {
    let (mut world, _, joined) = meeting(HostLeaves::Continue);
    let placed = world.participant();
    for (caller, had_been_up) in [(placed, false), (joined, true)] {
        world.leaves(caller);
        assert!(world.last.events.iter().any(|event| matches!(
            event,
            EventKind::ConfereeLeft { had_joined, .. } if *had_joined == had_been_up
        )));
    }
}

#[test]
fn who_waits_leaves_without_a_trace_in_the_conference_that_follows() {
    let mut world = World::of(|_| ());
    let (first, second) = (world.participant(), world.participant());
    world.leaves(first);
    assert!(world.has_told(&EventKind::CallerLeft { attendance: first, reason: LeaveReason::HungUp }));
    world.host();
    assert_eq!(world.order(second), 2);
    assert_eq!(world.conference().seated, 2);
}

#[test]
fn who_waits_too_long_for_a_host_is_told_so() {
    let wait = Duration::from_secs(600);
    let mut world = World::of(|room| room.wait_max = wait);
    let first = world.participant();
    world.passes(wait / 2);
    let second = world.participant();
    world.passes(wait / 2);
    assert_eq!(world.left_by(first), Some(LeaveReason::WaitedTooLong));
    assert_eq!(world.left_by(second), None);
}

#[test]
fn a_host_of_the_same_batch_comes_before_the_end_of_a_wait() {
    let mut world = World::of(|_| ());
    let held = world.participant();
    world.now = world.now.after(partyline_conference::Room::WAIT_MAX_DEFAULT);
    let host = world.new_caller();
    world.decide(&[crate::world::attend(host, 1, partyline_conference::Role::Host), Intent::Tick]);
    assert_eq!(world.order(held), 2);
}
