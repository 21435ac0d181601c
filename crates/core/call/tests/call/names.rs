//! The caller's name, where the room announces by name: said before entry, again, or not at all.

use std::time::Duration;

use partyline_call::{CodeAnswer, Fact, PlayNumber, TakeNumber, Wish};
use partyline_conference::{Announce, CodeMatch, LeaveReason, RecordedName, Refusal, Standing};

use crate::world::{HUNG_UP, World, found, placed};

const ASKED: &str = "say_name (200 ms) <880 Hz 250 ms>";
const BEEP: &str = "<880 Hz 250 ms>";

fn named() -> Fact {
    Fact::CodeChecked(CodeAnswer::Known(CodeMatch { announce: Announce::Name, ..found() }))
}

/// A caller whose code is right, in a room that announces by name.
fn asked() -> World {
    let mut world = World::service();
    world.tell(Fact::MediaUp);
    world.keys("12345678#");
    world.tell(named());
    assert_eq!(world.last_said(), ASKED);
    assert!(!has_asked_for_entry(&world), "nobody holds a seat meanwhile");
    world
}

/// The same, who has heard the tone.
fn recording() -> World {
    let mut world = asked();
    world.prompt_ends();
    assert!(world.has(&Wish::RecordName(TakeNumber(1))), "{}", world.ladder);
    world
}

fn name(level: i16) -> RecordedName {
    RecordedName::new([level; 800]).unwrap()
}

fn said(take: u64, level: i16) -> Fact {
    Fact::NameRecorded { take: TakeNumber(take), name: Some(name(level)) }
}

fn nothing(take: u64) -> Fact {
    Fact::NameRecorded { take: TakeNumber(take), name: None }
}

fn has_asked_for_entry(world: &World) -> bool {
    world.count(|wish| matches!(wish, Wish::Attend { .. })) > 0
}

fn played_back(world: &World) -> Option<(PlayNumber, RecordedName)> {
    world.wishes.iter().rev().find_map(|wish| match wish {
        Wish::PlayName(play, name) => Some((*play, name.clone())),
        _ => None,
    })
}

fn kept(world: &World) -> Vec<RecordedName> {
    let kept = |wish: &Wish| if let Wish::KeepName(name) = wish { Some(name.clone()) } else { None };
    world.wishes.iter().filter_map(kept).collect()
}

#[test]
fn a_name_is_said_behind_the_tone_heard_back_and_kept_once_the_caller_is_let_in() {
    let mut world = recording();
    world.tell(said(1, 5));
    let (play, heard) = played_back(&world).unwrap();
    assert_eq!(heard, name(5));
    assert!(!has_asked_for_entry(&world));
    world.pass_secs(1);
    world.tell(Fact::PlayEnded(play));
    assert!(has_asked_for_entry(&world), "{}", world.ladder);
    assert!(kept(&world).is_empty(), "nobody knows the caller yet");
    world.tell(Fact::Standing(placed(1, false)));
    assert_eq!(kept(&world), [name(5)]);
    world.tell(Fact::Standing(placed(1, false)));
    assert_eq!(kept(&world).len(), 1, "once");
}

#[test]
fn pound_ends_the_name_and_goes_in_without_a_word_more() {
    let mut world = recording();
    world.keys("#");
    assert!(world.has(&Wish::EndRecording) && !has_asked_for_entry(&world));
    world.tell(said(1, 5));
    assert!(has_asked_for_entry(&world) && played_back(&world).is_none());
    world.tell(Fact::Standing(Standing::Held));
    assert_eq!(kept(&world), [name(5)], "who waits for a host has a name already");
}

#[test]
fn pound_before_the_tone_skips_the_name_at_once() {
    let mut world = asked();
    world.keys("#");
    assert!(has_asked_for_entry(&world) && world.has(&Wish::StopPlaying));
    world.tell(Fact::Standing(placed(1, false)));
    assert!(kept(&world).is_empty());
    assert_eq!(world.count(|wish| matches!(wish, Wish::RecordName(_))), 0);
}

#[test]
fn who_knows_the_way_skips_it_before_it_is_asked() {
    let mut world = World::service();
    world.tell(Fact::MediaUp);
    world.keys("12345678##");
    world.tell(named());
    assert!(has_asked_for_entry(&world), "{}", world.ladder);
}

#[test]
fn star_begins_again_while_it_is_said_and_while_it_is_heard() {
    let mut world = recording();
    world.keys("*");
    assert_eq!(world.last_said(), BEEP);
    world.prompt_ends();
    assert!(world.has(&Wish::RecordName(TakeNumber(2))));
    world.tell(said(1, 5));
    assert_eq!(played_back(&world), None, "the first take was thrown away");
    world.tell(said(2, 6));
    assert_eq!(played_back(&world).unwrap().1, name(6));
    world.keys("*");
    world.prompt_ends();
    world.tell(said(3, 7));
    world.keys("1");
    assert!(has_asked_for_entry(&world), "any other key is content");
    world.tell(Fact::Standing(placed(1, false)));
    assert_eq!(kept(&world), [name(7)]);
}

#[test]
fn a_key_stops_the_words_and_the_tone_comes_at_once() {
    let mut world = asked();
    assert_eq!(world.says("5"), BEEP);
    world.prompt_ends();
    assert!(world.has(&Wish::RecordName(TakeNumber(1))));
    world.keys("5");
    assert_eq!(world.count(|wish| matches!(wish, Wish::EndRecording)), 0, "keys are no names");
}

#[test]
fn who_says_nothing_goes_in_without_a_name() {
    let mut world = recording();
    world.pass_secs(3);
    world.tell(nothing(1));
    assert!(has_asked_for_entry(&world));
    world.tell(Fact::Standing(placed(1, false)));
    assert!(kept(&world).is_empty());
}

#[test]
fn a_leg_that_tells_nothing_keeps_nobody() {
    let mut world = asked();
    world.pass_secs(60);
    assert!(has_asked_for_entry(&world), "{}", world.ladder);
    let mut world = recording();
    world.keys("#");
    world.pass_secs(2);
    assert!(has_asked_for_entry(&world), "{}", world.ladder);
}

#[test]
fn nobody_begins_again_for_ever() {
    let mut world = recording();
    for take in 2..=4 {
        world.keys("*");
        world.prompt_ends();
        assert!(world.has(&Wish::RecordName(TakeNumber(take))));
    }
    world.keys("*");
    assert_eq!(world.count(|wish| matches!(wish, Wish::RecordName(_))), 4);
    world.pass_secs(40);
    assert!(has_asked_for_entry(&world), "{}", world.ladder);
}

#[test]
fn a_dialled_code_is_answered_for_the_name() {
    let mut world = World::dialled("12345678");
    world.tell(named());
    assert!(world.has(&Wish::Answer) && !has_asked_for_entry(&world));
    world.tell(Fact::MediaUp);
    assert_eq!(world.last_said(), format!("(300 ms) greeting {ASKED}"));
    world.keys("#");
    assert!(has_asked_for_entry(&world));
}

#[test]
fn a_locked_conference_asks_nobody_for_a_name() {
    let mut world = World::service();
    world.tell(Fact::MediaUp);
    world.keys("12345678#");
    let locked = CodeMatch { announce: Announce::Name, is_locked: true, ..found() };
    world.tell(Fact::CodeChecked(CodeAnswer::Known(locked)));
    assert_eq!(world.last_said(), "refused_locked goodbye");
}

#[test]
fn who_is_refused_or_hangs_up_leaves_no_name() {
    let mut world = recording();
    world.keys("#");
    world.tell(said(1, 5));
    world.tell(Fact::Standing(Standing::Refused(Refusal::Full)));
    assert!(kept(&world).is_empty());

    let mut world = recording();
    world.tell(HUNG_UP);
    assert!(world.is_over() && !world.waits_for_anything());
    assert_eq!(world.count(|wish| matches!(wish, Wish::Left(_))), 0, "the CMS never heard of the caller");

    let mut world = recording();
    world.tell(Fact::Quiet(Duration::from_secs(60)));
    assert!(world.is_over(), "{}", world.ladder);
    assert!(!world.has(&Wish::Left(LeaveReason::NoRtp)));
}
