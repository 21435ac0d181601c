//! The waiting room.

use std::time::Duration;

use partyline_conference::{
    Command, CommandRefusal, EntryPolicy, Floor, LeaveReason, Mute, Refusal, Standing, WaitingKind,
};

use crate::world::World;

fn with_waiting_room(entry: EntryPolicy) -> World {
    World::of(|room| {
        room.entry = entry;
        room.waiting_room = true;
    })
}

#[test]
fn participants_wait_whatever_the_policy_and_a_host_comes_in_alone() {
    for entry in [EntryPolicy::Start, EntryPolicy::Hold, EntryPolicy::Converse] {
        let mut world = with_waiting_room(entry);
        let early = world.participant();
        let host = world.host();
        let late = world.participant();
        for waiting in [early, late] {
            assert!(world.is_waiting(waiting, WaitingKind::WaitingRoom));
            assert_eq!(world.store.view(waiting).unwrap().standing, Standing::InWaitingRoom);
        }
        assert_eq!(world.conference().seated, 1);
        assert_eq!(world.controls(host).waiting, 2);
        let listed: Vec<_> = world.room().waiting_room().iter().map(|entry| entry.attendance).collect();
        assert_eq!(listed, [early, late]);
    }
}

#[test]
fn a_host_admits_one_past_a_lock_and_the_next_order_is_theirs() {
    let mut world = with_waiting_room(EntryPolicy::Hold);
    let (first, second) = (world.participant(), world.participant());
    let host = world.host();
    world.commands(Some(host), Command::SetLock { locked: true }).unwrap();
    world.commands(Some(host), Command::SetFloor { floor: Floor::Muted }).unwrap();
    assert_eq!(world.commands(Some(host), Command::Admit { attendance: second }), Ok(()));
    assert_eq!((world.order(second), world.mute(second)), (2, Mute::ByFloor));
    assert!(world.is_waiting(first, WaitingKind::WaitingRoom));
    let late = world.participant();
    assert_eq!(world.refusal(late), Some(Refusal::Locked));
    world.joins(second);
    assert_eq!(world.room().roster().len(), 1);
}

#[test]
fn who_is_turned_away_leaves_and_who_is_not_there_is_neither() {
    let mut world = with_waiting_room(EntryPolicy::Hold);
    let (waiting, host) = (world.participant(), world.host());
    assert_eq!(world.commands(Some(host), Command::TurnAway { attendance: waiting }), Ok(()));
    assert_eq!(world.left_by(waiting), Some(LeaveReason::TurnedAway));
    let stranger = world.new_caller();
    for attendance in [waiting, stranger, host] {
        for command in [Command::Admit { attendance }, Command::TurnAway { attendance }] {
            assert_eq!(world.commands(Some(host), command), Err(CommandRefusal::NotThere));
        }
    }
}

#[test]
fn nobody_is_admitted_beyond_the_rooms_seats() {
    let mut world = with_waiting_room(EntryPolicy::Hold);
    world.change_room(|room| room.conferees_max = 3);
    let (first, second) = (world.participant(), world.participant());
    let host = world.host();
    world.commands(Some(host), Command::Admit { attendance: first }).unwrap();
    world.change_room(|room| room.conferees_max = 2);
    assert_eq!(world.commands(Some(host), Command::Admit { attendance: second }), Err(CommandRefusal::Full));
    assert!(world.is_waiting(second, WaitingKind::WaitingRoom));
}

#[test]
fn nobody_is_admitted_while_there_is_no_mixer() {
    let mut world = with_waiting_room(EntryPolicy::Hold);
    let (waiting, host) = (world.participant(), world.host());
    world.mixer_is_lost("m1");
    assert_eq!(world.commands(Some(host), Command::Admit { attendance: waiting }), Err(CommandRefusal::Full));
}

#[test]
fn who_waited_for_a_host_waits_for_admission_once_the_room_says_so() {
    for entry in [EntryPolicy::Hold, EntryPolicy::Converse] {
        let mut world = World::of(|room| room.entry = entry);
        let early = world.participant();
        world.change_room(|room| room.waiting_room = true);
        let host = world.host();
        assert!(world.is_waiting(early, WaitingKind::WaitingRoom));
        assert!(world.room().lobby().is_none());
        assert_eq!(world.commands(Some(host), Command::Admit { attendance: early }), Ok(()));
        assert_eq!(world.order(early), 2);
    }
}

#[test]
fn without_the_waiting_room_whoever_is_left_in_it_comes_in_with_the_next_host() {
    let mut world = with_waiting_room(EntryPolicy::Hold);
    let early = world.participant();
    world.change_room(|room| room.waiting_room = false);
    world.host();
    assert_eq!(world.order(early), 2);
}

#[test]
fn who_waits_stays_when_the_conference_ends_and_leaves_when_they_have_waited_too_long() {
    let mut world = with_waiting_room(EntryPolicy::Hold);
    world.change_room(|room| room.wait_max = Duration::from_secs(60));
    let (waiting, host) = (world.participant(), world.host());
    world.leaves(host);
    assert!(!world.has_conference());
    assert!(world.is_waiting(waiting, WaitingKind::WaitingRoom));
    world.passes(Duration::from_secs(61));
    assert_eq!(world.left_by(waiting), Some(LeaveReason::WaitedTooLong));
}
