//! Somebody is called from within a conference: the number, what is heard of it, the talk in private, and its end.

use partyline_call::{CallOut, CalleeTerms, Fact, Journey, Patience, Wish};
use partyline_conference::{
    AsideView, AttendanceId, Command, CommandRefusal, DialTarget, LeaveReason, MixKind, MixView, OutdialEnd,
    OutdialKind, Role, Standing,
};

use crate::world::{World, mix, origin, seated};

const CALLEE: AttendanceId = AttendanceId::from_bits(42);

fn to(number: &str) -> DialTarget {
    DialTarget::operator(number).unwrap()
}

/// The standing of somebody who has somebody called.
fn told(role: Role, called: Option<(OutdialKind, bool)>) -> Standing {
    seated(role, |seated| {
        seated.aside = called.map(|(kind, has_answered)| AsideView {
            callee: CALLEE,
            kind,
            to: to("5551234"),
            has_answered,
        });
    })
}

fn side() -> MixView {
    MixView { kind: MixKind::Side, ..mix(2) }
}

/// A host who has a number called.
fn dialling() -> World {
    let mut world = World::conferring(Role::Host);
    assert_eq!(world.says("*1"), "enter_number");
    let said = world.asks("5551234#", &Command::DialOut { to: to("5551234") });
    assert!(said.starts_with("calling key_join_callee digit_star number_2 key_drop_callee"), "{said}");
    world.tell(Fact::Standing(told(Role::Host, Some((OutdialKind::Callee, false)))));
    world.prompt_ends();
    world
}

/// The same, and the callee has answered.
fn talking() -> World {
    let mut world = dialling();
    world.tell(Fact::CalleeRings { callee: CALLEE });
    world.tell(Fact::Standing(told(Role::Host, Some((OutdialKind::Callee, true)))));
    world.tell(Fact::Joined { mix: side().mix, epoch: side().epoch });
    world
}

fn joins(world: &World, mix: &MixView) -> usize {
    world.count(|wish| matches!(wish, Wish::JoinMix { mix: joined, .. } if joined == mix))
}

#[test]
fn a_number_is_keyed_rung_and_answered_and_both_are_brought_in() {
    let mut world = dialling();
    let placed = world.wishes.iter().find_map(|wish| match wish {
        Wish::CallOut(CallOut { callee, to, .. }) => Some((*callee, to.clone())),
        _ => None,
    });
    assert_eq!(placed, Some((CALLEE, to("5551234"))));
    world.tell(Fact::CalleeRings { callee: CALLEE });
    assert_eq!(world.last_said(), "it_rings");
    world.prompt_ends();
    assert!(world.last_said().contains("425"), "the host hears it ring: {}", world.last_said());
    assert_eq!(joins(&world, &side()), 0, "the host is in the conference meanwhile");
    world.tell(Fact::Standing(told(Role::Host, Some((OutdialKind::Callee, true)))));
    assert_eq!(joins(&world, &side()), 1);
    assert!(world.last_said().contains("880"), "{}", world.last_said());
    world.tell(Fact::Joined { mix: side().mix, epoch: side().epoch });
    let said = world.asks("*2", &Command::JoinCallee { callee: CALLEE });
    assert_eq!(said, "callee_joined");
    world.tell(Fact::Standing(told(Role::Host, None)));
    assert_eq!(world.last_said(), "callee_joined", "what one did oneself is told once");
    assert_eq!(joins(&world, &mix(1)), 2);
    // The keys are those of the conference again.
    world.prompt_ends();
    assert_eq!(world.says("*2"), "not_available");
}

#[test]
fn a_callee_is_let_go_by_a_key_and_the_rest_of_the_keys_are_the_conferences() {
    let mut world = talking();
    world.asks("*7", &Command::SetLock { locked: true });
    let why = OutdialEnd::Dropped;
    assert_eq!(world.asks("*3", &Command::DropCallee { callee: CALLEE, why }), "menu_left");
    world.tell(Fact::Standing(told(Role::Host, None)));
    assert_eq!(world.last_said(), "menu_left");
    world.prompt_ends();
    assert!(world.says("*3").contains("key_"), "the options are there again");
}

#[test]
fn what_became_of_the_call_is_spoken_and_told_to_the_cms() {
    for (why, said) in [
        (OutdialEnd::Busy, "callee_busy"),
        (OutdialEnd::NoAnswer, "callee_no_answer"),
        (OutdialEnd::Refused, "callee_refused"),
        (OutdialEnd::Unreachable, "callee_unreachable"),
    ] {
        let mut world = dialling();
        world.tell(Fact::CalleeRings { callee: CALLEE });
        world.tell(Fact::CalleeFailed { callee: CALLEE, why });
        let wanted = Command::DropCallee { callee: CALLEE, why };
        assert_eq!(world.last_command().map(|(_, command)| command), Some(wanted));
        // Whether it is over already by then needs no word.
        world.answered(Some(Err(CommandRefusal::NotThere)));
        world.tell(Fact::Standing(told(Role::Host, None)));
        world.prompt_ends();
        assert_eq!(world.last_said(), said, "{}", world.ladder);
        let plays = world.count(|wish| matches!(wish, Wish::Play(..)));
        world.pass_secs(60);
        assert_eq!(world.count(|wish| matches!(wish, Wish::Play(..))), plays, "the ringing is over");
    }
}

#[test]
fn a_callee_who_hangs_up_is_told_of_and_one_who_rings_can_be_given_up() {
    let mut world = talking();
    world.tell(Fact::Standing(told(Role::Host, None)));
    world.tell(Fact::Joined { mix: mix(1).mix, epoch: mix(1).epoch });
    world.prompt_ends();
    assert_eq!(world.last_said(), "callee_gone");

    let mut world = dialling();
    assert_eq!(world.says("*1"), "already_calling");
    world.keys("*2");
    world.answered(Some(Err(CommandRefusal::NotAnswered)));
    assert_eq!(world.last_said(), "callee_not_yet");
    let why = OutdialEnd::Dropped;
    assert_eq!(world.asks("*3", &Command::DropCallee { callee: CALLEE, why }), "menu_left");
    world.tell(Fact::Standing(told(Role::Host, None)));
    assert!(world.has(&Wish::StopCallingOut));
    // What is heard of it then is late.
    world.tell(Fact::CalleeFailed { callee: CALLEE, why: OutdialEnd::NoAnswer });
    world.tell(Fact::CalleeRings { callee: CALLEE });
    assert_eq!(world.last_said(), "menu_left");
}

#[test]
fn who_leaves_while_it_rings_has_nobody_called_any_more() {
    let mut world = dialling();
    world.keys("#9#");
    assert!(world.has(&Wish::StopCallingOut));
    let mut world = dialling();
    world.tell(Fact::Standing(Standing::Removed(LeaveReason::ConferenceEnded)));
    assert!(world.has(&Wish::StopCallingOut));
    let mut world = dialling();
    world.tell(Fact::Ended(LeaveReason::HungUp));
    assert!(world.has(&Wish::StopCallingOut) && world.is_over());
}

#[test]
fn every_refusal_is_spoken_and_a_number_can_be_given_up() {
    for (refusal, said) in [
        (CommandRefusal::NotOffered, "not_available"),
        (CommandRefusal::NumberDenied, "number_denied"),
        (CommandRefusal::Emergency, "number_emergency"),
        (CommandRefusal::NotVerified, "not_verified"),
        (CommandRefusal::TooManyCalled, "too_many_called"),
        (CommandRefusal::TimeSpent, "time_spent"),
        (CommandRefusal::CallsAlready, "already_calling"),
    ] {
        let mut world = World::conferring(Role::Host);
        world.keys("*1112#");
        world.answered(Some(Err(refusal)));
        assert_eq!(world.last_said(), said);
    }
    let mut world = World::conferring(Role::Host);
    assert_eq!(world.says("*1*"), "menu_left");
    assert_eq!(world.says("*155*"), "enter_number");
    assert_eq!(world.says("#"), "menu_left");
    assert_eq!(world.says(&format!("*1{}#", "5".repeat(25))), "not_recognised");
    assert_eq!(world.last_command(), None);
    let mut world = World::conferring(Role::Participant);
    assert_eq!(world.says("*1"), "hosts_only");
}

#[test]
fn a_participant_talks_with_the_operator_and_lets_them_go() {
    let mut world = World::conferring(Role::Participant);
    let said = world.asks("*0", &Command::CallOperator);
    assert!(said.starts_with("calling key_drop_callee"), "{said}");
    world.tell(Fact::Standing(told(Role::Participant, Some((OutdialKind::Operator, true)))));
    assert_eq!(joins(&world, &side()), 1);
    assert_eq!(world.says("*2"), "hosts_only");
    let why = OutdialEnd::Dropped;
    assert_eq!(world.asks("*3", &Command::DropCallee { callee: CALLEE, why }), "menu_left");
}

#[test]
fn a_host_hears_that_the_operator_is_in_the_conference() {
    let mut world = World::conferring(Role::Host);
    world.asks("*0", &Command::CallOperator);
    world.tell(Fact::Standing(told(Role::Host, Some((OutdialKind::Operator, false)))));
    world.prompt_ends();
    world.tell(Fact::Standing(told(Role::Host, None)));
    assert_eq!(world.last_said(), "operator_is_here");
}

#[test]
fn a_callee_talks_in_private_without_a_word_is_brought_in_and_has_a_participants_keys() {
    let now = origin();
    let terms = CalleeTerms {
        room: partyline_conference::RoomId::from_bits(7),
        account: partyline_conference::AccountId::from_bits(1),
        no_rtp_max: std::time::Duration::from_secs(60),
    };
    let mut world = World::of(now, Box::new(Journey::of_callee(now, Patience::default(), terms)));
    assert!(world.has(&Wish::AttendAsCallee) && !world.has(&Wish::Answer));
    world.tell(Fact::Standing(Standing::Aside(side())));
    world.tell(Fact::Joined { mix: side().mix, epoch: side().epoch });
    assert_eq!(world.last_said(), "", "whoever called is to be heard");
    assert_eq!(world.says("*6"), "not_yet");
    world.tell(Fact::Standing(seated(Role::Participant, |_| ())));
    assert_eq!(world.last_said(), "brought_in");
    assert_eq!(joins(&world, &mix(1)), 1);
    world.keys("*6");
    world.done();
    assert_eq!(world.last_said(), "you_are_muted");
    world.tell(Fact::Standing(Standing::Removed(LeaveReason::CallTooLong)));
    assert_eq!(world.last_said(), "left_call_too_long goodbye");
}

#[test]
fn a_callee_whom_nobody_wants_any_more_hears_goodbye() {
    let now = origin();
    let terms = CalleeTerms {
        room: partyline_conference::RoomId::from_bits(7),
        account: partyline_conference::AccountId::from_bits(1),
        no_rtp_max: std::time::Duration::from_secs(60),
    };
    let mut world = World::of(now, Box::new(Journey::of_callee(now, Patience::default(), terms)));
    world.tell(Fact::Standing(Standing::Removed(LeaveReason::LetGo)));
    assert!(world.last_said().ends_with("goodbye"), "{}", world.last_said());
}
