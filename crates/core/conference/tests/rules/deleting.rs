//! Deleting one, and sending everybody else away.

use partyline_conference::{Command, CommandRefusal, EventKind, HostLeaves, LeaveReason, Refusal, Role};

use crate::world::{World, attend_from};

#[test]
fn who_is_deleted_leaves_and_the_others_stay() {
    let mut world = World::of(|_| ());
    let (host, guest, other) = (world.host(), world.participant(), world.participant());
    world.joins(guest);
    let conferee = world.conferee(guest);
    assert_eq!(world.commands(Some(host), Command::Delete { conferee }), Ok(()));
    assert_eq!(world.left_by(guest), Some(LeaveReason::Deleted));
    let conference = world.conference().id;
    let left =
        EventKind::ConfereeLeft { conference, conferee, reason: LeaveReason::Deleted, had_joined: true };
    assert!(world.has_told(&left));
    assert_eq!(world.conference().seated, 2);
    assert_eq!(world.order(other), 3);
    // A late word of the VRU, and a new stream of the same call, change nothing.
    world.attends_again(guest, 2);
    world.leaves(guest);
    assert_eq!(world.left_by(guest), Some(LeaveReason::Deleted));
}

#[test]
fn who_was_deleted_is_kept_out_of_this_conference_where_the_room_says_so() {
    for deleted_stay_out in [false, true] {
        let mut world = World::of(|room| room.deleted_stay_out = deleted_stay_out);
        let (host, guest) = (world.host(), world.participant_from("4911"));
        let conferee = world.conferee(guest);
        world.commands(Some(host), Command::Delete { conferee }).unwrap();
        let (back, other) = (world.participant_from("4911"), world.participant_from("4922"));
        assert_eq!(world.refusal(back), deleted_stay_out.then_some(Refusal::Deleted));
        assert_eq!(world.refusal(other), None);
        let as_host = world.new_caller();
        world.decide(&[attend_from("4911", as_host, 1, Role::Host)]);
        assert_eq!(world.refusal(as_host), None, "who has a host's code comes in");

        world.commands(Some(host), Command::End).unwrap();
        world.host();
        let next_time = world.participant_from("4911");
        assert_eq!(world.refusal(next_time), None, "another conference is another matter");
    }
}

#[test]
fn who_was_deleted_and_calls_in_the_same_batch_is_kept_out() {
    let mut world = World::of(|room| room.deleted_stay_out = true);
    let (host, guest) = (world.host(), world.participant_from("4911"));
    let command = Command::Delete { conferee: world.conferee(guest) };
    let (id, back) = (partyline_conference::CommandId::from_bits(5), world.new_caller());
    let delete = partyline_conference::Intent::Command { id, by: Some(host), command };
    world.decide(&[delete, attend_from("4911", back, 1, Role::Participant)]);
    assert_eq!(world.refusal(back), Some(Refusal::Deleted));
}

#[test]
fn nobody_deletes_themselves_and_the_console_deletes_anybody() {
    let mut world = World::of(|room| room.host_leaves = HostLeaves::End);
    let (host, _) = (world.host(), world.participant());
    let conferee = world.conferee(host);
    assert_eq!(world.commands(Some(host), Command::Delete { conferee }), Err(CommandRefusal::NotAllowed));
    assert!(world.has_conference());
    assert_eq!(world.commands(None, Command::Delete { conferee }), Ok(()));
    assert!(!world.has_conference(), "the last host has left");
}

#[test]
fn everybody_else_is_dropped_and_the_commander_stays() {
    let mut world = World::of(|room| room.deleted_stay_out = true);
    let (host, second, guest) = (world.host(), world.host(), world.participant_from("4911"));
    assert_eq!(world.commands(Some(host), Command::DropOthers { stays: None }), Ok(()));
    for gone in [second, guest] {
        assert_eq!(world.left_by(gone), Some(LeaveReason::Dropped));
    }
    assert_eq!((world.conference().seated, world.conference().hosts_seated), (1, 1));
    assert_eq!(world.room().callers(), 1);
    let back = world.participant_from("4911");
    assert_eq!(world.order(back), 4, "who was dropped may come back");
    assert_eq!(world.commands(None, Command::DropOthers { stays: None }), Err(CommandRefusal::NotAllowed));
}

#[test]
fn the_console_names_who_stays_and_the_last_hosts_going_means_what_it_always_does() {
    for host_leaves in [HostLeaves::End, HostLeaves::Continue] {
        let mut world = World::of(|room| room.host_leaves = host_leaves);
        let (host, guest, other) = (world.host(), world.participant(), world.participant());
        let stays = Some(world.conferee(guest));
        // A participant drops nobody, themselves named or not.
        let refused = Err(CommandRefusal::NotAllowed);
        assert_eq!(world.commands(Some(other), Command::DropOthers { stays }), refused);
        assert_eq!(world.commands(None, Command::DropOthers { stays }), Ok(()));
        for gone in [host, other] {
            assert_eq!(world.left_by(gone), Some(LeaveReason::Dropped));
        }
        assert_eq!(world.has_conference(), host_leaves == HostLeaves::Continue);
        if !world.has_conference() {
            assert_eq!(world.left_by(guest), Some(LeaveReason::ConferenceEnded));
        }
        let gone = Command::DropOthers { stays };
        let refusal = if world.has_conference() { Ok(()) } else { Err(CommandRefusal::NoConference) };
        assert_eq!(world.commands(None, gone), refusal);
    }
}

#[test]
fn alone_there_is_nobody_to_drop() {
    let mut world = World::of(|_| ());
    let host = world.host();
    assert_eq!(world.commands(Some(host), Command::DropOthers { stays: None }), Ok(()));
    assert!(world.last.changes.is_empty());
}
