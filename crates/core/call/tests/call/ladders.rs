//! Whole journeys, as people read them.

use std::time::Duration;

use crate::world::{HUNG_UP, World, found, lobby, mix, placed, unknown};
use insta::assert_snapshot;
use partyline_call::{CodeAnswer, Fact, PinAnswer, TestAction, TestStep};
use partyline_conference::{CodeMatch, LeaveReason, Role, Standing};

#[test]
fn first_participant_of_an_open_room() {
    let mut world = World::service();
    world.pass(Duration::from_millis(20));
    world.tell(Fact::MediaUp);
    world.keys("12345678#");
    world.tell(Fact::CodeChecked(CodeAnswer::Known(found())));
    world.tell(Fact::Standing(placed(1, true)));
    world.tell(Fact::Joined { mix: mix(1).mix, epoch: mix(1).epoch });
    world.prompt_ends();
    world.tell(Fact::Standing(placed(1, false)));
    world.keys("#9#");
    world.prompt_ends();
    assert_snapshot!(world.ladder);
}

#[test]
fn participant_held_until_the_host_comes() {
    let mut world = World::admitted(Standing::Held);
    world.prompt_ends();
    world.pass_secs(65);
    world.keys("5*1");
    world.prompt_ends();
    world.tell(Fact::Standing(placed(2, false)));
    world.tell(Fact::Joined { mix: mix(2).mix, epoch: mix(2).epoch });
    world.tell(HUNG_UP);
    assert_snapshot!(world.ladder);
}

#[test]
fn early_caller_moves_from_the_lobby_to_the_conference() {
    let mut world = World::admitted(Standing::ConnectedForNow(lobby(3)));
    world.tell(Fact::Joined { mix: lobby(3).mix, epoch: lobby(3).epoch });
    world.prompt_ends();
    world.tell(Fact::Standing(placed(4, false)));
    world.tell(Fact::Joined { mix: mix(4).mix, epoch: mix(4).epoch });
    world.tell(Fact::Standing(Standing::Removed(LeaveReason::ConferenceEnded)));
    world.prompt_ends();
    assert_snapshot!(world.ladder);
}

#[test]
fn host_keys_a_wrong_pin_and_then_the_right_one() {
    let mut world = World::service();
    world.tell(Fact::MediaUp);
    world.keys("87654321*1111#");
    let found = CodeMatch { role: Role::Host, pin_needed: true, ..found() };
    world.tell(Fact::CodeChecked(CodeAnswer::Known(found)));
    world.tell(Fact::PinChecked(PinAnswer::Wrong { delay: Duration::from_secs(1) }));
    world.pass_secs(1);
    world.keys("2222#");
    world.tell(Fact::PinChecked(PinAnswer::Right));
    world.tell(Fact::Standing(placed(1, false)));
    assert_snapshot!(world.ladder);
}

#[test]
fn three_wrong_codes_end_the_call() {
    let mut world = World::service();
    world.tell(Fact::MediaUp);
    for _ in 0..3 {
        world.keys("99999999#");
        world.tell(unknown());
    }
    world.prompt_ends();
    assert_snapshot!(world.ladder);
}

#[test]
fn caller_who_keys_nothing_is_asked_again_and_let_go() {
    let mut world = World::service();
    world.tell(Fact::MediaUp);
    world.prompt_ends();
    world.pass_secs(11);
    world.keys("123");
    world.pass_secs(6);
    world.prompt_ends();
    world.pass_secs(11);
    world.prompt_ends();
    assert_snapshot!(world.ladder);
}

#[test]
fn dialled_code_enters_without_the_prompt() {
    let mut world = World::dialled("12345678");
    world.tell(Fact::CodeChecked(CodeAnswer::Known(found())));
    world.pass(Duration::from_millis(8));
    world.tell(Fact::Standing(placed(1, false)));
    world.tell(Fact::MediaUp);
    world.tell(Fact::Joined { mix: mix(1).mix, epoch: mix(1).epoch });
    world.tell(HUNG_UP);
    assert_snapshot!(world.ladder);
}

#[test]
fn line_test_from_the_welcome_to_the_goodbye() {
    let mut world = World::line_test();
    world.tell(Fact::MediaUp);
    let steps = [
        TestAction::SayNumber("+3069".to_owned()),
        TestAction::Tone { frequency_hz: 440, duration: Duration::from_secs(2) },
        TestAction::Echo { duration: Duration::from_secs(5) },
        TestAction::Report { loss_tenths_percent: 12, delay_ms: 145 },
        TestAction::Finish,
    ];
    world.tell(Fact::Step(TestStep { number: 0, action: steps[0].clone() }));
    world.prompt_ends();
    for (number, action) in (1..).zip(&steps[1..]) {
        world.prompt_ends();
        world.pass_secs(5);
        world.tell(Fact::Step(TestStep { number, action: action.clone() }));
    }
    world.prompt_ends();
    assert_snapshot!(world.ladder);
}
