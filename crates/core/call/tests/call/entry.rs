//! Before entry: tries, time-outs, refusals, and what is answered and what is not.

use std::time::Duration;

use crate::world::{HUNG_UP, World, found, placed, unknown};
use partyline_call::{Arrival, CodeAnswer, Ending, Fact, PinAnswer, Rejection, Wish};
use partyline_conference::{
    CodeMatch, ConferenceCode, HostPin, LeaveReason, Refusal, Role, RoomId, Standing,
};
use proptest::prelude::*;

fn refused(world: &mut World, refusal: Refusal) -> bool {
    world.tell(Fact::Standing(Standing::Refused(refusal)));
    world.prompt_ends();
    world.has(&Wish::HangUp(Ending::Refused(refusal)))
}

#[test]
fn any_key_stops_the_prompt() {
    let mut world = World::service();
    world.tell(Fact::MediaUp);
    world.keys("1");
    assert_eq!(world.wishes.last(), Some(&Wish::StopPlaying));
    world.keys("2");
    assert_eq!(world.count(|wish| *wish == Wish::StopPlaying), 1);
}

#[test]
fn every_refusal_has_a_prompt_of_its_own() {
    let prompts: std::collections::BTreeSet<String> = Refusal::ALL
        .into_iter()
        .map(|refusal| {
            let mut world = World::service();
            world.tell(Fact::MediaUp);
            world.keys("12345678#");
            world.tell(Fact::CodeChecked(CodeAnswer::Known(found())));
            assert!(refused(&mut world, refusal), "{}", world.ladder);
            world.last_said()
        })
        .collect();
    assert_eq!(prompts.len(), Refusal::ALL.len());
}

#[test]
fn dialled_right_code_is_refused_before_the_answer_where_the_conference_is_full() {
    for refusal in
        [Refusal::Full, Refusal::Locked, Refusal::AccountLimit, Refusal::NoMixer, Refusal::Unavailable]
    {
        let mut world = World::dialled("12345678");
        world.tell(Fact::CodeChecked(CodeAnswer::Known(found())));
        world.tell(Fact::Standing(Standing::Refused(refusal)));
        assert_eq!(world.wishes.last(), Some(&Wish::Reject(Rejection { refusal })));
        assert!(!world.has(&Wish::Answer));
        assert!(world.is_over());
    }
}

#[test]
fn lock_seen_in_the_store_refuses_without_asking_the_cms() {
    let mut world = World::dialled("12345678");
    world.tell(Fact::CodeChecked(CodeAnswer::Known(CodeMatch { is_locked: true, ..found() })));
    assert!(world.has(&Wish::Reject(Rejection { refusal: Refusal::Locked })));
    assert!(world.has(&Wish::ReportRefusal { refusal: Refusal::Locked, room: Some(found().room) }));
    assert_eq!(world.count(|wish| matches!(wish, Wish::Attend { .. })), 0);
}

#[test]
fn wrong_dialled_code_is_answered_and_asked_for_like_a_keyed_one() {
    let mut world = World::dialled("99999999");
    world.tell(unknown());
    assert_eq!(world.wishes.last(), Some(&Wish::Answer));
    world.tell(Fact::MediaUp);
    assert_eq!(world.last_said(), "(300 ms) greeting code_unknown enter_code");
    world.keys("99999999#");
    world.tell(unknown());
    world.keys("99999999#");
    world.tell(unknown());
    assert_eq!(world.last_said(), "code_unknown too_many_tries goodbye");
}

#[test]
fn dialled_code_is_answered_all_the_same_where_the_decision_takes_long() {
    let mut world = World::dialled("12345678");
    world.tell(Fact::CodeChecked(CodeAnswer::Known(found())));
    world.pass_secs(1);
    assert!(!world.has(&Wish::Answer));
    world.pass_secs(1);
    assert!(world.has(&Wish::Answer));
    world.tell(Fact::MediaUp);
    world.tell(Fact::Standing(placed(1, false)));
    assert!(matches!(world.wishes.last(), Some(Wish::JoinMix { .. })));
}

#[test]
fn dialled_code_of_a_room_with_a_pin_is_answered_to_ask_for_it() {
    let mut world = World::dialled("12345678");
    world.tell(Fact::CodeChecked(CodeAnswer::Known(CodeMatch {
        role: Role::Host,
        pin_needed: true,
        ..found()
    })));
    world.tell(Fact::MediaUp);
    assert_eq!(world.last_said(), "(300 ms) greeting enter_pin");
    world.keys("4321#");
    assert!(world.has(&Wish::VerifyPin { room: found().room, pin: HostPin::parse("4321").unwrap() }));
}

#[test]
fn pin_in_one_go_is_verified_without_a_question() {
    let mut world = World::service();
    world.tell(Fact::MediaUp);
    world.keys("12345678*4321#");
    world.tell(Fact::CodeChecked(CodeAnswer::Known(CodeMatch {
        role: Role::Host,
        pin_needed: true,
        ..found()
    })));
    world.tell(Fact::PinChecked(PinAnswer::Right));
    assert_eq!(
        world.wishes.last(),
        Some(&Wish::Attend {
            code: ConferenceCode::parse("12345678").unwrap(),
            host_pin: Some(HostPin::parse("4321").unwrap())
        })
    );
}

#[test]
fn keys_ahead_of_the_question_are_its_answer() {
    let mut world = World::service();
    world.tell(Fact::MediaUp);
    world.keys("12345678#");
    world.keys("4321#99");
    world.tell(Fact::CodeChecked(CodeAnswer::Known(CodeMatch {
        role: Role::Host,
        pin_needed: true,
        ..found()
    })));
    assert!(world.has(&Wish::VerifyPin { room: found().room, pin: HostPin::parse("4321").unwrap() }));
    world.tell(Fact::PinChecked(PinAnswer::Wrong { delay: Duration::ZERO }));
    world.keys("88#");
    assert!(world.has(&Wish::VerifyPin { room: found().room, pin: HostPin::parse("9988").unwrap() }));
}

#[test]
fn pin_that_nobody_asked_for_is_passed_over() {
    let mut world = World::service();
    world.tell(Fact::MediaUp);
    world.keys("12345678*4321#");
    world.tell(Fact::CodeChecked(CodeAnswer::Known(found())));
    assert!(matches!(world.wishes.last(), Some(Wish::Attend { host_pin: None, .. })));
}

#[test]
fn three_wrong_pins_end_the_call() {
    let mut world = World::service();
    world.tell(Fact::MediaUp);
    world.keys("12345678#");
    world.tell(Fact::CodeChecked(CodeAnswer::Known(CodeMatch {
        role: Role::Host,
        pin_needed: true,
        ..found()
    })));
    for _ in 0..3 {
        world.keys("1111#");
        world.tell(Fact::PinChecked(PinAnswer::Wrong { delay: Duration::ZERO }));
    }
    world.prompt_ends();
    assert!(world.has(&Wish::HangUp(Ending::TooManyTries)));
}

#[test]
fn code_at_a_number_of_one_room_is_looked_up_among_those_of_that_room() {
    let room = Some(RoomId::from_bits(8));
    let mut world = World::arriving(Arrival::Service { room });
    world.tell(Fact::MediaUp);
    world.keys("12345678#");
    let code = ConferenceCode::parse("12345678").unwrap();
    assert!(world.has(&Wish::LookUpCode { code, only_room: room }), "{}", world.ladder);
}

#[test]
fn number_whose_room_could_not_be_read_is_refused_before_the_answer() {
    let world = World::arriving(Arrival::Unavailable);
    assert!(world.has(&Wish::Reject(Rejection { refusal: Refusal::Unavailable })));
    assert!(!world.has(&Wish::Answer));
    assert!(world.is_over());
}

#[test]
fn pin_dialled_behind_the_code_is_verified_without_a_question() {
    let (code, pin) = (ConferenceCode::parse("12345678").unwrap(), HostPin::parse("4321").unwrap());
    let mut world = World::arriving(Arrival::Code { code, host_pin: Some(pin.clone()) });
    world.tell(Fact::CodeChecked(CodeAnswer::Known(CodeMatch {
        role: Role::Host,
        pin_needed: true,
        ..found()
    })));
    assert_eq!(world.wishes.last(), Some(&Wish::VerifyPin { room: found().room, pin }));
}

#[test]
fn wrong_code_is_answered_no_sooner_than_the_guess_defence_says() {
    let mut world = World::service();
    world.tell(Fact::MediaUp);
    world.keys("99999999#");
    world.tell(Fact::CodeChecked(CodeAnswer::Unknown { delay: Duration::from_secs(4) }));
    world.pass(Duration::from_millis(3999));
    assert_ne!(world.last_said(), "code_unknown enter_code");
    world.pass(Duration::from_millis(1));
    assert_eq!(world.last_said(), "code_unknown enter_code");
}

#[test]
fn locked_out_source_hears_so_and_is_hung_up() {
    let mut world = World::dialled("12345678");
    world.tell(Fact::CodeChecked(CodeAnswer::LockedOut));
    world.tell(Fact::MediaUp);
    assert_eq!(world.last_said(), "(300 ms) refused_locked_out goodbye");
    world.prompt_ends();
    assert!(world.has(&Wish::HangUp(Ending::Refused(Refusal::LockedOut))));
}

#[test]
fn codes_of_no_and_of_forty_digits_are_wrong_and_cost_the_store_nothing() {
    let mut world = World::service();
    world.tell(Fact::MediaUp);
    world.keys("#");
    assert_eq!(world.last_said(), "nothing_keyed enter_code");
    world.keys(&"4".repeat(40));
    world.keys("#");
    assert_eq!(
        world.count(|wish| matches!(wish, Wish::LookUpCode { .. })),
        1,
        "only the 7 digits behind the cut"
    );
}

#[test]
fn silence_of_the_store_is_told_after_its_time() {
    let mut world = World::service();
    world.tell(Fact::MediaUp);
    world.keys("12345678#");
    world.pass_secs(5);
    assert_eq!(world.last_said(), "refused_unavailable goodbye");
}

#[test]
fn silence_of_the_cms_is_told_and_the_attendance_given_up() {
    let mut world = World::service();
    world.tell(Fact::MediaUp);
    world.keys("12345678#");
    world.tell(Fact::CodeChecked(CodeAnswer::Known(found())));
    world.pass_secs(3);
    assert_eq!(world.last_said(), "one_moment");
    world.pass_secs(7);
    assert!(world.has(&Wish::Left(LeaveReason::CallFailed)));
    assert_eq!(world.last_said(), "refused_unavailable goodbye");
}

#[test]
fn caller_who_hangs_up_during_admission_is_given_up() {
    let mut world = World::service();
    world.tell(Fact::MediaUp);
    world.keys("12345678#");
    world.tell(Fact::CodeChecked(CodeAnswer::Known(found())));
    world.tell(HUNG_UP);
    assert_eq!(world.wishes.last(), Some(&Wish::Left(LeaveReason::HungUp)));
}

#[test]
fn cancelled_call_that_asked_for_nothing_leaves_nothing() {
    let mut world = World::dialled("12345678");
    world.tell(HUNG_UP);
    assert!(world.is_over());
    assert_eq!(world.count(|wish| matches!(wish, Wish::Left(_))), 0);
}

#[test]
fn goodbye_whose_end_is_never_told_ends_all_the_same() {
    let mut world = World::service();
    world.tell(Fact::MediaUp);
    world.keys("12345678#");
    world.tell(Fact::CodeChecked(CodeAnswer::Known(found())));
    world.tell(Fact::Standing(Standing::Refused(Refusal::Full)));
    world.pass_secs(30);
    assert!(world.is_over());
}

proptest! {
    /// Whatever is keyed, and whether or not a prompt ever ends, a caller without a right code is gone in time.
    #[test]
    fn digits_that_never_end_do_end(keys in prop::collection::vec(prop::sample::select(b"0123456789*#A".to_vec()), 1..40), gap_ms in 1u64..4000) {
        let mut world = World::service();
        world.tell(Fact::MediaUp);
        let mut keys = keys.iter().cycle();
        while !world.is_over() {
            world.pass(Duration::from_millis(gap_ms));
            world.tell(Fact::Key(char::from(*keys.next().unwrap())));
            if matches!(world.wishes.last(), Some(Wish::LookUpCode { .. })) {
                world.tell(unknown());
            }
            prop_assert!(world.elapsed() < Duration::from_secs(220));
            world.ladder.clear();
        }
        prop_assert!(matches!(world.wishes.last(), Some(Wish::HangUp(_))));
    }
}
