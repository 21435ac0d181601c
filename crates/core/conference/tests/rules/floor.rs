//! Who is silent, who may undo it, whose hand is up, and who becomes a host.

use partyline_conference::rules::{LOCKED_OUT_FOR, WRONG_MAX};
use partyline_conference::{
    AttendanceId, Command, CommandRefusal, ConfereeId, EntryPolicy, EventKind, Floor, HostLeaves, Mute, Role,
};

use crate::world::World;

/// A host and two participants who have joined.
fn meeting() -> (World, AttendanceId, [AttendanceId; 2]) {
    let mut world = World::of(|room| room.entry = EntryPolicy::Start);
    let (host, guests) = (world.host(), [world.participant(), world.participant()]);
    for caller in [host, guests[0], guests[1]] {
        world.joins(caller);
    }
    (world, host, guests)
}

fn set_floor(world: &mut World, by: AttendanceId, floor: Floor) {
    assert_eq!(world.commands(Some(by), Command::SetFloor { floor }), Ok(()));
}

#[test]
fn everybody_mutes_and_unmutes_themselves() {
    let (mut world, host, [guest, other]) = meeting();
    for caller in [host, guest] {
        assert_eq!(world.mutes(Some(caller), caller, true), Ok(()));
        assert_eq!((world.mute(caller), world.mute(other)), (Mute::Oneself, Mute::None));
        assert!(world.controls(caller).may_unmute);
        assert_eq!(world.mutes(Some(caller), caller, false), Ok(()));
        assert_eq!(world.mute(caller), Mute::None);
    }
}

#[test]
fn a_mute_that_holds_already_changes_nothing() {
    let (mut world, host, [guest, _]) = meeting();
    world.mutes(Some(host), guest, true).unwrap();
    let version = world.store.view(guest).unwrap().voice_version;
    assert_eq!(world.mutes(Some(host), guest, true), Ok(()));
    assert!(world.last.changes.is_empty());
    assert_eq!(world.store.view(guest).unwrap().voice_version, version);
}

#[test]
fn a_host_mutes_one_who_may_not_undo_it_unless_the_room_lets_them() {
    for unmute_oneself in [false, true] {
        let (mut world, host, [guest, other]) = meeting();
        world.change_room(|room| room.unmute_oneself = unmute_oneself);
        assert_eq!(world.mutes(Some(host), guest, true), Ok(()));
        assert_eq!((world.mute(guest), world.mute(other)), (Mute::ByHost, Mute::None));
        assert_eq!(world.controls(guest).may_unmute, unmute_oneself);
        let undone = world.mutes(Some(guest), guest, false);
        assert_eq!(undone, if unmute_oneself { Ok(()) } else { Err(CommandRefusal::Floor) });
        assert_eq!(world.voice(guest).is_muted(), !unmute_oneself);
        assert_eq!(world.mutes(Some(host), guest, false), Ok(()));
        assert_eq!(world.mute(guest), Mute::None);
    }
}

#[test]
fn a_participant_commands_nobody_but_themselves() {
    let (mut world, host, [guest, other]) = meeting();
    let refused = Err(CommandRefusal::NotAllowed);
    for whom in [host, other] {
        assert_eq!(world.mutes(Some(guest), whom, true), refused);
    }
    let conferee = world.conferee(other);
    let waiting = world.new_caller();
    for command in [
        Command::SetFloor { floor: Floor::Lecture },
        Command::LowerHand { conferee },
        Command::Delete { conferee },
        Command::DropOthers { stays: None },
        Command::SetAnnounce { announce: partyline_conference::Announce::Silence },
        Command::SetMusic { on: false },
        Command::SetContinue { on: true },
        Command::ExtendTo { until: world.now },
        Command::Admit { attendance: waiting },
        Command::TurnAway { attendance: waiting },
        Command::DialOut { to: partyline_conference::DialTarget::number("5551234").unwrap() },
        Command::JoinCallee { callee: waiting },
        Command::SetLock { locked: true },
        Command::End,
    ] {
        assert_eq!(world.commands(Some(guest), command.clone()), refused, "{command:?}");
        assert!(world.last.changes.is_empty(), "{command:?}");
    }
}

#[test]
fn all_muted_may_unmute_themselves_and_hosts_are_never_muted_by_it() {
    let (mut world, host, [guest, other]) = meeting();
    set_floor(&mut world, host, Floor::Muted);
    assert_eq!([host, guest, other].map(|who| world.mute(who)), [Mute::None, Mute::ByFloor, Mute::ByFloor]);
    assert!(world.controls(guest).may_unmute);
    assert_eq!(world.mutes(Some(guest), guest, false), Ok(()));
    assert_eq!((world.mute(guest), world.mute(other)), (Mute::None, Mute::ByFloor));
    set_floor(&mut world, host, Floor::Muted);
    assert_eq!(world.mute(guest), Mute::ByFloor, "said again, all means all");
}

#[test]
fn in_a_lecture_only_a_host_gives_the_floor() {
    let (mut world, host, [guest, other]) = meeting();
    set_floor(&mut world, host, Floor::Lecture);
    assert!(!world.controls(guest).may_unmute);
    assert_eq!(world.mutes(Some(guest), guest, false), Err(CommandRefusal::Floor));
    assert_eq!(world.mutes(Some(host), guest, false), Ok(()));
    assert_eq!((world.mute(guest), world.mute(other)), (Mute::None, Mute::ByFloor));
    // Who was given the floor may be silent for a while and go on.
    assert_eq!(world.mutes(Some(guest), guest, true), Ok(()));
    assert_eq!(world.mutes(Some(guest), guest, false), Ok(()));
    assert_eq!(world.mute(guest), Mute::None);
}

#[test]
fn an_open_floor_undoes_what_the_floor_did_and_no_other_mute() {
    let (mut world, host, [guest, other]) = meeting();
    let third = world.participant();
    world.mutes(Some(guest), guest, true).unwrap();
    world.mutes(Some(host), other, true).unwrap();
    set_floor(&mut world, host, Floor::Lecture);
    assert_eq!(world.mute(third), Mute::ByFloor);
    set_floor(&mut world, host, Floor::Open);
    assert_eq!([guest, other, third].map(|who| world.mute(who)), [Mute::Oneself, Mute::ByHost, Mute::None]);
}

#[test]
fn who_enters_later_enters_as_the_floor_says() {
    let (mut world, host, _) = meeting();
    set_floor(&mut world, host, Floor::Lecture);
    let (late, second_host) = (world.participant(), world.host());
    assert_eq!((world.mute(late), world.mute(second_host)), (Mute::ByFloor, Mute::None));
    assert_eq!(world.controls(late).floor, Floor::Lecture);
}

#[test]
fn a_mute_survives_absence_and_the_loss_of_the_mixer() {
    let (mut world, host, [guest, _]) = meeting();
    world.add_mixer(crate::world::mixer("m2", "standard", 100));
    world.mutes(Some(host), guest, true).unwrap();
    world.vru_is_lost_of(guest);
    world.mixer_is_lost("m1");
    world.attends_again(guest, 2);
    world.joins(guest);
    assert_eq!(world.mute(guest), Mute::ByHost);
}

#[test]
fn a_hosts_mute_is_not_undone_by_calling_again_from_the_same_number() {
    let (mut world, host, _) = meeting();
    let (muted, quiet) = (world.participant_from("4911"), world.participant_from("4922"));
    world.mutes(Some(host), muted, true).unwrap();
    world.mutes(Some(quiet), quiet, true).unwrap();
    world.leaves(muted);
    world.leaves(quiet);
    let (back, other) = (world.participant_from("4911"), world.participant_from("4922"));
    assert_eq!(world.mute(back), Mute::ByHost);
    assert_eq!(world.mute(other), Mute::None, "one's own mute was for that call");
    world.mutes(Some(host), back, false).unwrap();
    world.leaves(back);
    let forgiven = world.participant_from("4911");
    assert_eq!(world.mute(forgiven), Mute::None);
}

#[test]
fn who_withholds_their_number_is_remembered_by_nothing() {
    let (mut world, host, _) = meeting();
    let muted = world.participant_from("");
    world.mutes(Some(host), muted, true).unwrap();
    world.leaves(muted);
    let other = world.participant_from("");
    assert_eq!(world.mute(other), Mute::None);
}

#[test]
fn hands_go_up_and_down_and_hosts_are_told_how_many() {
    let (mut world, host, [guest, other]) = meeting();
    let (up, down) = (Command::SetHand { raised: true }, Command::SetHand { raised: false });
    assert_eq!(world.commands(Some(guest), up.clone()), Ok(()));
    let raised_at = world.voice(guest).hand_raised_at;
    world.now.0 += 1000;
    assert_eq!(world.commands(Some(other), up.clone()), Ok(()));
    assert_eq!(world.commands(Some(guest), up), Ok(()));
    assert_eq!(world.voice(guest).hand_raised_at, raised_at, "it keeps its place in the line");
    assert_eq!((world.controls(host).hands, world.controls(guest).hands), (2, 0));
    assert!(world.controls(guest).hand_raised);

    assert_eq!(world.commands(Some(guest), down.clone()), Ok(()));
    let conferee = world.conferee(other);
    assert_eq!(world.commands(Some(host), Command::LowerHand { conferee }), Ok(()));
    assert_eq!(world.controls(host).hands, 0);
    assert_eq!(world.commands(None, down), Err(CommandRefusal::NotAllowed), "the console has no hand");
}

#[test]
fn who_is_given_the_floor_has_their_hand_lowered() {
    let (mut world, host, [guest, _]) = meeting();
    set_floor(&mut world, host, Floor::Lecture);
    world.commands(Some(guest), Command::SetHand { raised: true }).unwrap();
    world.mutes(Some(host), guest, false).unwrap();
    assert_eq!(world.voice(guest).hand_raised_at, None);
}

#[test]
fn whom_a_command_is_about_may_be_gone() {
    let (mut world, host, [guest, _]) = meeting();
    let conferee = world.conferee(guest);
    world.leaves(guest);
    for gone in [conferee, ConfereeId::from_bits(12345)] {
        for command in [
            Command::SetMuted { conferee: gone, muted: true },
            Command::LowerHand { conferee: gone },
            Command::Delete { conferee: gone },
        ] {
            assert_eq!(world.commands(Some(host), command.clone()), Err(CommandRefusal::NotThere));
            assert_eq!(world.commands(None, command), Err(CommandRefusal::NotThere));
        }
    }
}

#[test]
fn the_console_mutes_as_a_host_does() {
    let (mut world, _, [guest, _]) = meeting();
    assert_eq!(world.mutes(None, guest, true), Ok(()));
    assert_eq!(world.mute(guest), Mute::ByHost);
}

#[test]
fn who_keys_three_wrong_codes_in_ten_minutes_is_locked_out_and_told_nothing_of_the_next() {
    let (mut world, _, [guest, other]) = meeting();
    for _ in 0..WRONG_MAX {
        assert_eq!(world.becomes_host(guest, false), Err(CommandRefusal::WrongCode));
    }
    for is_right in [true, false, true] {
        assert_eq!(world.becomes_host(guest, is_right), Err(CommandRefusal::LockedOut));
    }
    let refused = world.last.events.iter().any(|event| {
        matches!(event, EventKind::Commanded { by, answer: Err(CommandRefusal::LockedOut), .. } if *by == Some(guest))
    });
    assert!(refused, "it is on record: {:?}", world.last.events);
    assert_eq!(world.becomes_host(other, true), Ok(()), "others are not");
    // What was refused while locked out makes it no longer.
    world.passes(LOCKED_OUT_FOR);
    assert_eq!(world.becomes_host(guest, true), Ok(()));
}

#[test]
fn wrong_codes_are_forgotten_after_a_while_and_by_a_right_one() {
    let (mut world, _, [guest, _]) = meeting();
    for _ in 0..4 {
        assert_eq!(world.becomes_host(guest, false), Err(CommandRefusal::WrongCode));
        assert_eq!(world.becomes_host(guest, false), Err(CommandRefusal::WrongCode));
        world.passes(LOCKED_OUT_FOR);
    }
    for _ in 0..4 {
        assert_eq!(world.becomes_host(guest, false), Err(CommandRefusal::WrongCode));
        assert_eq!(world.becomes_host(guest, true), Ok(()));
    }
}

#[test]
fn the_hosts_code_makes_a_host_whom_no_floor_silences() {
    let (mut world, host, [guest, _]) = meeting();
    set_floor(&mut world, host, Floor::Lecture);
    assert_eq!(world.becomes_host(guest, false), Err(CommandRefusal::WrongCode));
    assert_eq!(world.mute(guest), Mute::ByFloor);
    let seat = world.seat(guest);
    assert_eq!(world.becomes_host(guest, true), Ok(()));
    assert_eq!((world.mute(guest), world.seat(guest)), (Mute::None, seat));
    assert_eq!(world.store.attendance(guest).unwrap().role, Role::Host);
    assert_eq!(world.conference().hosts_seated, 2);
    set_floor(&mut world, guest, Floor::Muted);
    assert_eq!(world.mute(guest), Mute::None);
    assert_eq!(world.becomes_host(guest, true), Ok(()), "what is so already");
    assert!(world.last.changes.is_empty());
}

#[test]
fn a_new_host_ends_the_grace_time_that_runs() {
    let grace = std::time::Duration::from_secs(60);
    let mut world = World::of(|room| room.host_leaves = HostLeaves::Grace(grace));
    let (host, guest) = (world.host(), world.participant());
    world.leaves(host);
    assert!(world.conference().deadline.is_some());
    world.becomes_host(guest, true).unwrap();
    assert_eq!(world.conference().deadline, None);
    world.leaves(guest);
    assert!(!world.has_conference());
}

#[test]
fn only_who_sits_in_the_conference_becomes_its_host() {
    let mut world = World::of(|room| room.entry = EntryPolicy::Hold);
    let held = world.participant();
    assert_eq!(world.becomes_host(held, true), Err(CommandRefusal::NoConference));
    let mut world = World::of(|_| ());
    world.host();
    let stranger = world.new_caller();
    assert_eq!(world.becomes_host(stranger, true), Err(CommandRefusal::NoConference));
}
