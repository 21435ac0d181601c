//! After entry: standings told again, lost mixes, limits, keys and the ends of calls.

use std::time::Duration;

use crate::world::{HUNG_UP, World, found, lobby, mix, placed, placed_in, placed_with_music};
use partyline_call::{CodeAnswer, Ending, Fact, Wish};
use partyline_conference::{CodeMatch, Epoch, LeaveReason, MixId, Standing};

fn joins(world: &World) -> usize {
    world.count(|wish| matches!(wish, Wish::JoinMix { .. }))
}

fn is_left_once(world: &World) -> bool {
    world.count(|wish| matches!(wish, Wish::Left(_))) == 1
}

#[test]
fn audio_is_joined_before_anything_is_said() {
    let world = World::admitted(placed(1, true));
    let joined = world.wishes.iter().position(|wish| matches!(wish, Wish::JoinMix { .. }));
    let said = world.wishes.iter().rposition(|wish| matches!(wish, Wish::Play(..)));
    assert!(joined < said, "{}", world.ladder);
    assert_eq!(world.last_said(), "you_are_first");
}

#[test]
fn who_is_not_alone_hears_nothing_but_the_conference() {
    let world = World::in_conference();
    assert!(matches!(world.wishes.last(), Some(Wish::JoinMix { .. })));
}

#[test]
fn standing_told_again_changes_nothing() {
    let mut world = World::in_conference();
    for _ in 0..5 {
        world.tell(Fact::Standing(placed(1, true)));
    }
    assert_eq!(joins(&world), 1);
    assert_ne!(world.last_said(), "you_are_first");
}

#[test]
fn higher_epoch_moves_the_leg_and_a_lower_one_does_not() {
    let mut world = World::in_conference();
    let mut moved = mix(1);
    moved.epoch = Epoch(2);
    world.tell(Fact::Standing(placed_in(moved.clone(), false)));
    assert_eq!(world.wishes.last(), Some(&Wish::JoinMix { mix: moved, conferee: placed_conferee() }));
    world.tell(Fact::Standing(placed(1, false)));
    assert_eq!(joins(&world), 2);
}

fn placed_conferee() -> Option<partyline_conference::ConfereeId> {
    match placed(1, false) {
        Standing::Placed { conferee, .. } => Some(conferee),
        Standing::Held
        | Standing::InWaitingRoom
        | Standing::ConnectedForNow(_)
        | Standing::Aside(_)
        | Standing::Refused(_)
        | Standing::Removed(_) => None,
    }
}

#[test]
fn held_caller_is_in_no_mix() {
    let world = World::admitted(Standing::Held);
    assert_eq!(joins(&world), 0);
    assert_eq!(world.last_said(), "waiting_for_host");
}

#[test]
fn music_goes_on_behind_a_stopped_prompt_and_is_not_stopped_by_keys() {
    let mut world = World::admitted(Standing::Held);
    world.keys("5");
    assert_eq!(world.last_said(), "hold_music");
    let wishes = world.wishes.len();
    world.keys("5");
    assert_eq!(world.wishes.len(), wishes);
}

#[test]
fn lobby_is_joined_under_the_attendances_own_name() {
    let world = World::admitted(Standing::ConnectedForNow(lobby(3)));
    assert!(world.has(&Wish::JoinMix { mix: lobby(3), conferee: None }));
    assert_eq!(world.last_said(), "in_lobby");
}

#[test]
fn lost_mix_is_asked_for_again_told_and_given_up_after_a_minute() {
    let mut world = World::in_conference();
    world.tell(Fact::MixLost { mix: mix(1).mix });
    world.pass(Duration::from_millis(250));
    assert_eq!(world.wishes.last(), Some(&Wish::AttendAgain));
    world.pass_secs(2);
    assert_eq!(world.last_said(), "reconnecting");
    world.prompt_ends();
    assert_eq!(world.last_said(), "hold_music");
    world.pass_secs(60);
    assert!(world.has(&Wish::Left(LeaveReason::NoMixer)));
    assert!(world.count(|wish| *wish == Wish::AttendAgain) < 25);
}

#[test]
fn mix_that_comes_back_ends_the_music() {
    let mut world = World::in_conference();
    world.tell(Fact::MixLost { mix: mix(1).mix });
    world.pass_secs(3);
    world.prompt_ends();
    world.tell(Fact::Standing(placed(1, false)));
    assert_eq!(joins(&world), 2);
    world.tell(Fact::Joined { mix: mix(1).mix, epoch: mix(1).epoch });
    assert_eq!(world.wishes.last(), Some(&Wish::StopPlaying));
    world.pass_secs(3600);
    assert!(!world.is_over());
}

#[test]
fn refused_join_is_tried_again_by_a_fresh_standing() {
    let mut world = World::admitted(placed(1, false));
    world.tell(Fact::JoinFailed { mix: mix(1).mix, epoch: mix(1).epoch });
    world.pass(Duration::from_millis(250));
    assert_eq!(world.wishes.last(), Some(&Wish::AttendAgain));
    world.tell(Fact::Standing(placed(1, false)));
    assert_eq!(joins(&world), 2);
}

#[test]
fn word_of_another_mix_is_passed_over() {
    let mut world = World::in_conference();
    let wishes = world.wishes.len();
    world.tell(Fact::MixLost { mix: MixId::from_bits(99) });
    world.tell(Fact::Joined { mix: MixId::from_bits(99), epoch: Epoch(1) });
    world.tell(Fact::JoinFailed { mix: MixId::from_bits(99), epoch: Epoch(1) });
    world.pass_secs(100);
    assert_eq!(world.wishes.len(), wishes);
}

#[test]
fn caller_without_rtp_is_let_go_and_one_on_hold_is_not() {
    let mut world = World::in_conference();
    world.tell(Fact::OnHold(true));
    world.tell(Fact::Quiet(Duration::from_secs(600)));
    world.tell(Fact::OnHold(false));
    world.tell(Fact::Quiet(Duration::from_secs(600)));
    assert!(!world.is_over());
    world.pass_secs(60);
    world.tell(Fact::Quiet(Duration::from_secs(60)));
    assert!(world.is_over());
    assert!(world.has(&Wish::LeaveMix));
    assert!(world.has(&Wish::Left(LeaveReason::NoRtp)));
    assert!(world.has(&Wish::HangUp(Ending::Left(LeaveReason::NoRtp))));
}

#[test]
fn longest_call_is_warned_of_and_ended() {
    let mut world = World::service();
    world.tell(Fact::MediaUp);
    world.keys("12345678#");
    world.tell(Fact::CodeChecked(CodeAnswer::Known(CodeMatch {
        call_max: Some(Duration::from_secs(600)),
        ..found()
    })));
    world.tell(Fact::Standing(placed(1, false)));
    world.tell(Fact::Joined { mix: mix(1).mix, epoch: mix(1).epoch });
    world.pass(Duration::from_secs(540) - world.elapsed());
    assert_eq!(world.last_said(), "call_ends_soon");
    world.pass_secs(60);
    assert_eq!(world.last_said(), "left_call_too_long goodbye");
    assert!(is_left_once(&world));
}

#[test]
fn deleted_caller_hears_why_and_says_no_left_of_their_own() {
    let mut world = World::in_conference();
    world.tell(Fact::Standing(Standing::Removed(LeaveReason::Deleted)));
    assert_eq!(world.last_said(), "left_deleted goodbye");
    world.prompt_ends();
    assert!(world.has(&Wish::LeaveMix));
    assert!(world.has(&Wish::HangUp(Ending::Left(LeaveReason::Deleted))));
    assert_eq!(world.count(|wish| matches!(wish, Wish::Left(_))), 0);
}

#[test]
fn shutdown_leaves_and_hangs_up_at_once() {
    let mut world = World::in_conference();
    world.tell(Fact::Shutdown);
    assert!(is_left_once(&world));
    assert_eq!(world.wishes.last(), Some(&Wish::HangUp(Ending::Left(LeaveReason::Shutdown))));
}

#[test]
fn whoever_leaves_by_keys_leaves_once_even_if_they_hang_up_during_the_goodbye() {
    let mut world = World::in_conference();
    world.keys("#9#");
    world.tell(HUNG_UP);
    assert!(is_left_once(&world));
    assert!(world.is_over());
}

#[test]
fn unknown_keys_get_a_short_answer_and_digits_none() {
    let mut world = World::in_conference();
    world.keys("123");
    assert_ne!(world.last_said(), "key_unknown");
    world.keys("#8");
    assert_eq!(world.last_said(), "key_unknown");
    world.keys("#");
    world.pass_secs(4);
    assert_eq!(world.last_said(), "not_recognised");
}

#[test]
fn who_is_alone_hears_music_behind_the_words_until_somebody_comes() {
    let mut world = World::admitted(placed_with_music(1, true));
    world.tell(Fact::Joined { mix: mix(1).mix, epoch: mix(1).epoch });
    assert_eq!(world.last_said(), "you_are_first");
    world.prompt_ends();
    assert_eq!(world.last_said(), "hold_music");
    world.tell(Fact::Standing(placed_with_music(1, false)));
    assert_eq!(world.wishes.last(), Some(&Wish::StopPlaying));
    world.tell(Fact::Standing(placed_with_music(1, true)));
    assert_eq!(world.last_said(), "hold_music");
    assert!(matches!(world.wishes.last(), Some(Wish::Play(..))));
    let wishes = world.wishes.len();
    world.tell(Fact::Standing(placed_with_music(1, true)));
    assert_eq!(world.wishes.len(), wishes, "music that plays is not begun again");
}

#[test]
fn who_is_alone_in_a_room_without_music_hears_none() {
    let mut world = World::admitted(placed(1, true));
    world.tell(Fact::Joined { mix: mix(1).mix, epoch: mix(1).epoch });
    world.prompt_ends();
    assert_eq!(world.last_said(), "you_are_first");
}

#[test]
fn music_of_who_is_alone_waits_for_the_audio_of_the_mix() {
    let mut world = World::admitted(placed_with_music(1, true));
    world.keys("5");
    assert_eq!(world.wishes.last(), Some(&Wish::StopPlaying));
    world.tell(Fact::Joined { mix: mix(1).mix, epoch: mix(1).epoch });
    assert_eq!(world.last_said(), "hold_music");
}

#[test]
fn longest_wait_is_warned_of_once_on_hold_and_in_the_lobby() {
    for standing in [Standing::Held, Standing::ConnectedForNow(lobby(3))] {
        let mut world = World::admitted(standing);
        world.tell(Fact::Joined { mix: lobby(3).mix, epoch: lobby(3).epoch });
        world.prompt_ends();
        let admitted = world.elapsed() - Duration::from_secs(2);
        world.pass(admitted + Duration::from_secs(1740) - world.elapsed());
        assert_eq!(world.last_said(), "wait_ends_soon", "{}", world.ladder);
        world.pass_secs(59);
        assert_eq!(world.last_said(), "wait_ends_soon", "{}", world.ladder);
    }
}

#[test]
fn who_was_entered_is_not_warned_of_a_wait() {
    let mut world = World::admitted(Standing::Held);
    world.tell(Fact::Standing(placed(1, false)));
    world.tell(Fact::Joined { mix: mix(1).mix, epoch: mix(1).epoch });
    world.pass_secs(1800);
    assert_eq!(world.last_said(), "host_is_here");
}
