//! Commands and who may give them.

use partyline_conference::conference::ConferenceEnd;
use partyline_conference::{Command, CommandId, CommandRefusal, EventKind, Intent, LeaveReason};

use crate::world::World;

const LOCK: Command = Command::SetLock { locked: true };

#[test]
fn a_host_locks_and_a_participant_may_not() {
    let mut world = World::of(|_| ());
    let (host, guest) = (world.host(), world.participant());
    assert_eq!(world.commands(Some(guest), LOCK), Err(CommandRefusal::NotAllowed));
    assert!(world.has_told(&EventKind::Commanded {
        command: LOCK.note(),
        by: Some(guest),
        answer: Err(CommandRefusal::NotAllowed),
    }));
    assert!(!world.conference().is_locked);
    assert_eq!(world.commands(Some(host), LOCK), Ok(()));
    assert!(world.conference().is_locked);
}

#[test]
fn what_is_so_already_is_a_success_that_changes_nothing() {
    let mut world = World::of(|_| ());
    let host = world.host();
    world.commands(Some(host), LOCK).unwrap();
    assert_eq!(world.commands(Some(host), LOCK), Ok(()));
    assert!(world.last.changes.is_empty());
}

#[test]
fn the_console_commands_without_a_seat() {
    let mut world = World::of(|_| ());
    assert_eq!(world.commands(None, Command::End), Err(CommandRefusal::NoConference));
    let guest = {
        world.host();
        world.participant()
    };
    assert_eq!(world.commands(None, Command::End), Ok(()));
    assert_eq!(world.room().ended().last().unwrap().1, ConferenceEnd::Ended);
    assert_eq!(world.left_by(guest), Some(LeaveReason::ConferenceEnded));
    assert_eq!(world.reserved(), 0);
}

#[test]
fn who_is_not_in_the_conference_commands_nothing() {
    let mut world = World::of(|_| ());
    let gone = world.host();
    world.host();
    world.leaves(gone);
    assert_eq!(world.commands(Some(gone), LOCK), Err(CommandRefusal::NoConference));
    let stranger = world.new_caller();
    assert_eq!(world.commands(Some(stranger), LOCK), Err(CommandRefusal::NoConference));
}

#[test]
fn a_command_that_comes_twice_in_one_batch_is_answered_once() {
    let mut world = World::of(|_| ());
    let host = world.host();
    let id = CommandId::from_bits(77);
    let end = Intent::Command { id, by: Some(host), command: Command::End };
    world.decide(&[end.clone(), end]);
    assert_eq!(world.last.answers, [(id, Ok(()))]);
}

#[test]
fn a_caller_of_the_same_batch_comes_after_a_lock() {
    let mut world = World::of(|_| ());
    let host = world.host();
    let late = world.new_caller();
    let lock = Intent::Command { id: CommandId::from_bits(78), by: Some(host), command: LOCK };
    world.decide(&[lock, crate::world::attend(late, 1, partyline_conference::Role::Participant)]);
    assert_eq!(world.refusal(late), Some(partyline_conference::Refusal::Locked));
}
