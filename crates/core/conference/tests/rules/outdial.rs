//! Somebody is called from within a conference: by whom, at what cost, and that nobody is left behind.

use std::time::Duration;

use partyline_conference::{
    AttendanceId, AttendanceState, Command, CommandRefusal, ConfereeState, DialTarget, DiallingHosts,
    LeaveReason, MixKind, NumberPrefix, OutdialEnd, OutdialState, Role, Room, Standing, WaitingKind,
};

use crate::world::{World, answered, mixer};

const NUMBER: &str = "5551234";

/// A host and a participant who have joined, in a room that may dial out.
fn meeting(settings: impl FnOnce(&mut Room)) -> (World, AttendanceId, AttendanceId) {
    let mut world = World::of(|room| {
        room.dial_out = true;
        settings(room);
    });
    let (host, guest) = (world.host(), world.participant());
    world.joins(host);
    world.joins(guest);
    (world, host, guest)
}

/// The same, with a callee who talks with the host in private.
fn aside() -> (World, AttendanceId, AttendanceId, AttendanceId) {
    let (mut world, host, guest) = meeting(|_| ());
    let (callee, answer) = world.dials(host, NUMBER);
    assert_eq!(answer, Ok(()));
    world.answers(callee);
    (world, host, guest, callee)
}

fn ended(world: &World, callee: AttendanceId) -> Option<OutdialEnd> {
    let ended = world.room().outdials_ended();
    ended.iter().find(|(known, _)| *known == callee).map(|(_, why)| *why)
}

/// The kind of mix that somebody should be in.
fn mix_of(world: &World, who: AttendanceId) -> MixKind {
    match world.store.view(who).unwrap().standing {
        Standing::Placed { mix, .. } | Standing::Aside(mix) => mix.kind,
        other => panic!("in no mix but {other:?}"),
    }
}

fn set(world: &mut World, host: AttendanceId, command: Command) {
    assert_eq!(world.commands(Some(host), command), Ok(()));
}

/// Nothing is left of a talk in private, and the rest sit in their conference.
fn assert_over(world: &World, callee: AttendanceId, why: OutdialEnd) {
    assert_eq!(ended(world, callee), Some(why));
    assert!(world.room().outdials().is_empty());
    assert!(!world.room().waiting().iter().any(|caller| caller.kind == WaitingKind::Aside));
    let reserved = if world.has_conference() { world.conference().mix.reserved } else { 0 };
    assert_eq!(world.reserved(), reserved);
}

#[test]
fn a_callee_is_rung_talks_in_private_and_is_brought_in_with_the_next_order() {
    let (mut world, host, guest) = meeting(|_| ());
    let (callee, answer) = world.dials(host, NUMBER);
    assert_eq!(answer, Ok(()));
    let Standing::Placed { aside: Some(told), .. } = world.store.view(host).unwrap().standing else {
        panic!("the host is told nothing")
    };
    assert_eq!((told.callee, told.to.as_str(), told.has_answered), (callee, NUMBER, false));
    assert_eq!(mix_of(&world, host), MixKind::Conference);

    world.answers(callee);
    assert_eq!([host, callee].map(|who| mix_of(&world, who)), [MixKind::Side; 2]);
    assert_eq!(mix_of(&world, guest), MixKind::Conference);
    let state = world.state(host);
    assert!(matches!(state, AttendanceState::Seated { state: ConfereeState::Joined, .. }), "{state:?}");
    assert_eq!((world.conference().seated, world.conference().hosts_seated), (2, 1));

    set(&mut world, host, Command::SetLock { locked: true });
    set(&mut world, host, Command::JoinCallee { callee });
    assert_eq!([host, callee].map(|who| mix_of(&world, who)), [MixKind::Conference; 2]);
    assert_eq!(world.order(callee), 3);
    assert_eq!(world.store.attendance(callee).unwrap().role, Role::Participant);
    assert_eq!(world.room().outdials()[0].state, OutdialState::Joined);
    assert_eq!(world.reserved(), world.conference().mix.reserved);
    // A repeat changes nothing.
    set(&mut world, host, Command::JoinCallee { callee });
    assert!(world.last.changes.is_empty());
    world.leaves(callee);
    assert_over(&world, callee, OutdialEnd::CalleeLeft);
}

#[test]
fn whoever_of_the_two_leaves_or_lets_go_ends_it_and_the_host_is_back() {
    for why in [OutdialEnd::Dropped, OutdialEnd::CalleeLeft] {
        let (mut world, host, _, callee) = aside();
        match why {
            OutdialEnd::Dropped => set(&mut world, host, Command::DropCallee { callee, why }),
            _ => world.leaves(callee),
        }
        assert_over(&world, callee, why);
        assert_eq!(mix_of(&world, host), MixKind::Conference);
        let expected = if why == OutdialEnd::Dropped { LeaveReason::LetGo } else { LeaveReason::HungUp };
        assert_eq!(world.left_by(callee), Some(expected));
    }
    let (mut world, host, guest, callee) = aside();
    world.leaves(host);
    assert_over(&world, callee, OutdialEnd::AskerLeft);
    assert_eq!(world.left_by(callee), Some(LeaveReason::LetGo));
    assert!(world.seat(guest).is_some());
}

#[test]
fn a_host_who_hangs_up_while_it_rings_leaves_nothing_and_a_late_answer_is_let_go() {
    let (mut world, host, _) = meeting(|_| ());
    let (callee, _) = world.dials(host, NUMBER);
    world.leaves(host);
    assert_over(&world, callee, OutdialEnd::AskerLeft);
    world.answers(callee);
    assert_eq!(world.left_by(callee), Some(LeaveReason::LetGo));
    assert_eq!(world.store.view(callee).unwrap().standing, Standing::Removed(LeaveReason::LetGo));
}

#[test]
fn what_became_of_the_call_is_told_by_who_had_it_made_and_by_nobody_else() {
    for why in [OutdialEnd::Busy, OutdialEnd::NoAnswer, OutdialEnd::Refused, OutdialEnd::Unreachable] {
        let (mut world, host, guest) = meeting(|_| ());
        let (callee, _) = world.dials(host, NUMBER);
        let drop = Command::DropCallee { callee, why };
        assert_eq!(world.commands(Some(guest), drop.clone()), Err(CommandRefusal::NotThere));
        assert_eq!(world.commands(None, drop.clone()), Err(CommandRefusal::NotAllowed));
        set(&mut world, host, drop);
        assert_over(&world, callee, why);
    }
    // What only we can know is not for them to say.
    let (mut world, host, _, callee) = aside();
    set(&mut world, host, Command::DropCallee { callee, why: OutdialEnd::TooLong });
    assert_over(&world, callee, OutdialEnd::Dropped);
}

#[test]
fn a_conference_that_ends_ends_talks_in_private() {
    for command in [Command::End, Command::DropOthers { stays: None }] {
        let (mut world, host, guest, callee) = aside();
        set(&mut world, host, command.clone());
        if command == Command::End {
            assert_over(&world, callee, OutdialEnd::ConferenceEnded);
            assert_eq!(world.left_by(callee), Some(LeaveReason::ConferenceEnded));
        } else {
            // One's own talk goes on.
            assert_eq!(world.left_by(guest), Some(LeaveReason::Dropped));
            assert_eq!(mix_of(&world, host), MixKind::Side);
        }
    }
    let (mut world, _, guest, callee) = aside();
    let other = world.host();
    set(&mut world, other, Command::DropOthers { stays: None });
    assert_over(&world, callee, OutdialEnd::AskerLeft);
    assert_eq!(world.left_by(guest), Some(LeaveReason::Dropped));
}

#[test]
fn a_lost_vru_of_either_ends_it_at_once() {
    for loses in [true, false] {
        let (mut world, host, _, callee) = aside();
        world.vru_is_lost_of(if loses { host } else { callee });
        assert_over(&world, callee, OutdialEnd::VruLost);
        assert_eq!(world.left_by(callee), Some(LeaveReason::VruLost));
    }
}

#[test]
fn each_time_has_its_end() {
    let (mut world, host, _) = meeting(|_| ());
    let (callee, _) = world.dials(host, NUMBER);
    world.passes(partyline_conference::rules::DIALLING_MAX);
    assert_over(&world, callee, OutdialEnd::NoAnswer);

    for joins in [false, true] {
        let (mut world, host, _, callee) = aside();
        let most = world.dial_out.call_max;
        world.passes(most / 2);
        if joins {
            set(&mut world, host, Command::JoinCallee { callee });
            world.joins(callee);
        }
        world.passes(most / 2);
        assert_over(&world, callee, OutdialEnd::TooLong);
        assert_eq!(world.left_by(callee), Some(LeaveReason::CallTooLong));
        assert_eq!(mix_of(&world, host), MixKind::Conference);
    }
}

#[test]
fn nobody_is_called_where_the_room_or_the_rules_do_not_want_it() {
    let refused = |settings: fn(&mut Room), rules: fn(&mut World), number: &str, by_host: bool| {
        let (mut world, host, guest) = meeting(settings);
        rules(&mut world);
        let (_, answer) = world.dials(if by_host { host } else { guest }, number);
        assert!(world.room().outdials().is_empty() || answer.is_ok());
        answer.err()
    };
    let as_it_is: fn(&mut Room) = |_| ();
    let usual: fn(&mut World) = |_| ();
    let berlin: fn(&mut Room) = |room| room.dial_out_prefixes = vec![NumberPrefix::new("+4930").unwrap()];
    let pin: fn(&mut World) = |world| world.dial_out.hosts = DiallingHosts::Pin;
    let denied: fn(&mut World) = |world| world.dial_out.denied = vec![NumberPrefix::new("0900").unwrap()];
    let none: fn(&mut World) = |world| world.dial_out.conference_max = 0;
    let full: fn(&mut Room) = |room| room.conferees_max = 3;
    assert_eq!(refused(as_it_is, usual, NUMBER, true), None);
    assert_eq!(refused(as_it_is, usual, NUMBER, false), Some(CommandRefusal::NotAllowed));
    assert_eq!(refused(|room| room.dial_out = false, usual, NUMBER, true), Some(CommandRefusal::NotOffered));
    assert_eq!(refused(as_it_is, usual, "112", true), Some(CommandRefusal::Emergency));
    assert_eq!(refused(berlin, usual, "004989123", true), Some(CommandRefusal::NumberDenied));
    assert_eq!(refused(berlin, usual, "004930123", true), None);
    assert_eq!(refused(as_it_is, denied, "09001234", true), Some(CommandRefusal::NumberDenied));
    assert_eq!(refused(as_it_is, pin, NUMBER, true), Some(CommandRefusal::NotVerified));
    assert_eq!(refused(|room| room.has_host_pin = true, pin, NUMBER, true), None);
    assert_eq!(refused(as_it_is, none, NUMBER, true), Some(CommandRefusal::TooManyCalled));
    assert_eq!(refused(full, usual, NUMBER, true), None);
    assert_eq!(refused(|room| room.conferees_max = 2, usual, NUMBER, true), Some(CommandRefusal::Full));
}

#[test]
fn a_host_has_one_talk_in_private_at_a_time_and_the_account_only_so_many_callees() {
    let (mut world, host, _, callee) = aside();
    assert_eq!(world.dials(host, NUMBER).1, Err(CommandRefusal::CallsAlready));
    set(&mut world, host, Command::JoinCallee { callee });
    world.dial_out.account_max = 2;
    let (second, answer) = world.dials(host, NUMBER);
    assert_eq!(answer, Ok(()));
    let other = world.host();
    assert_eq!(world.dials(other, NUMBER).1, Err(CommandRefusal::TooManyCalled));
    set(&mut world, host, Command::DropCallee { callee: second, why: OutdialEnd::Busy });
    assert_eq!(world.dials(other, NUMBER).1, Ok(()));
}

#[test]
fn what_callees_took_in_the_last_day_counts_and_no_longer() {
    let (mut world, host, _, callee) = aside();
    world.dial_out.day_max = Some(Duration::from_secs(600));
    world.dial_out.call_max = Duration::from_secs(24 * 3600);
    world.passes(Duration::from_secs(601));
    let other = world.host();
    assert_eq!(world.dials(other, NUMBER).1, Err(CommandRefusal::TimeSpent));
    world.leaves(callee);
    assert_eq!(world.dials(host, NUMBER).1, Err(CommandRefusal::TimeSpent));
    world.passes(Duration::from_secs(24 * 3600));
    assert_eq!(world.dials(host, NUMBER).1, Ok(()));
}

#[test]
fn a_talk_in_private_moves_off_a_lost_mixer_and_ends_where_there_is_none() {
    let (mut world, host, _, callee) = aside();
    world.add_mixer(mixer("m2", "standard", 100));
    world.mixer_is_lost("m1");
    assert_eq!([host, callee].map(|who| mix_of(&world, who)), [MixKind::Side; 2]);
    let side = world.room().outdials()[0].mix.clone().unwrap();
    assert_eq!((side.mixer.as_str(), side.epoch.0, world.reserved_on("m1")), ("m2", 2, 0));
    world.mixer_is_lost("m2");
    assert_eq!(ended(&world, callee), Some(OutdialEnd::NoMixer));
    assert_eq!(world.left_by(callee), Some(LeaveReason::NoMixer));
}

#[test]
fn without_two_seats_for_a_talk_in_private_the_callee_is_let_go_and_without_a_seat_not_brought_in() {
    let mut world = World::without_mixers(|room| {
        room.dial_out = true;
        room.conferees_max = 8;
    });
    world.add_mixer(mixer("m1", "standard", 9));
    let host = world.host();
    world.joins(host);
    let (callee, _) = world.dials(host, NUMBER);
    world.answers(callee);
    assert_over(&world, callee, OutdialEnd::NoMixer);

    let (mut world, host, _, callee) = aside();
    world.change_room(|room| room.conferees_max = 2);
    assert_eq!(world.commands(Some(host), Command::JoinCallee { callee }), Err(CommandRefusal::Full));
    assert_eq!(mix_of(&world, host), MixKind::Side, "they can still let go");
    set(&mut world, host, Command::DropCallee { callee, why: OutdialEnd::Dropped });
}

#[test]
fn a_callee_attends_again_where_they_are() {
    let (mut world, host, _, callee) = aside();
    world.decide(&[answered(callee, 2)]);
    assert_eq!(mix_of(&world, callee), MixKind::Side);
    set(&mut world, host, Command::JoinCallee { callee });
    world.joins(callee);
    world.vru_is_lost_of(callee);
    world.decide(&[answered(callee, 3)]);
    let state = world.state(callee);
    assert!(matches!(state, AttendanceState::Seated { state: ConfereeState::Placed, .. }), "{state:?}");
}

#[test]
fn an_operator_comes_to_a_hosts_conference_at_once_and_talks_in_private_with_a_participant() {
    let (mut world, host, guest) = meeting(|room| room.dial_out = false);
    let (_, answer) = world.commands_by_name(host, Command::CallOperator);
    assert_eq!(answer, Err(CommandRefusal::NotOffered));
    world.dial_out.operator = Some(DialTarget::operator("sip:desk@example.org").unwrap());

    let (operator, answer) = world.commands_by_name(guest, Command::CallOperator);
    assert_eq!(answer, Ok(()));
    world.answers(operator);
    assert_eq!(
        [host, guest, operator].map(|who| mix_of(&world, who)),
        [MixKind::Conference, MixKind::Side, MixKind::Side]
    );
    let join = Command::JoinCallee { callee: operator };
    assert_eq!(world.commands(Some(guest), join), Err(CommandRefusal::NotAllowed));
    set(&mut world, guest, Command::DropCallee { callee: operator, why: OutdialEnd::Dropped });
    assert_eq!(mix_of(&world, guest), MixKind::Conference);

    let (operator, _) = world.commands_by_name(host, Command::CallOperator);
    world.answers(operator);
    assert_eq!(world.order(operator), 3);
    assert_eq!([host, operator].map(|who| mix_of(&world, who)), [MixKind::Conference; 2]);
    world.dial_out.operators_max = 1;
    assert_eq!(world.commands_by_name(guest, Command::CallOperator).1, Err(CommandRefusal::TooManyCalled));
}
