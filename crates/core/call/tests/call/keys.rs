//! Every row of the keypad, for hosts and participants: what is asked for, and what is said.

use partyline_call::{CodeAnswer, Fact, Menu, PinAnswer, Preset, VolumeSteps, Wish};
use partyline_conference::{
    Announce, CodeMatch, Command, CommandRefusal, Floor, HostPin, LeaveReason, Mute, Role, Standing,
    Timestamp,
};

use crate::world::{ME, World, conferee, found, seated};

const HOST: Role = Role::Host;
const PARTICIPANT: Role = Role::Participant;

#[test]
fn star_six_mutes_and_unmutes_by_what_was_told_last() {
    for role in [HOST, PARTICIPANT] {
        let mut world = World::conferring(role);
        let mute = |muted| Command::SetMuted { conferee: ME, muted };
        assert_eq!(world.asks("*6", &mute(true)), "you_are_muted");
        // Pressed again before the standing says so, it goes by the answer.
        assert_eq!(world.asks("*6", &mute(false)), "you_are_unmuted");
        world.told(role, |seated| seated.controls.mute = Mute::Oneself);
        assert_eq!(world.asks("*6", &mute(false)), "you_are_unmuted");
        assert_eq!(world.asks("#6", &mute(false)), "you_are_unmuted");
    }
}

#[test]
fn star_seven_locks_and_pound_seven_unlocks_whatever_was_before() {
    let mut world = World::conferring(HOST);
    for _ in 0..2 {
        assert_eq!(world.asks("*7", &Command::SetLock { locked: true }), "conference_locked");
    }
    world.told(HOST, |seated| seated.is_locked = true);
    assert_eq!(world.asks("#7", &Command::SetLock { locked: false }), "conference_unlocked");
}

#[test]
fn star_five_goes_round_and_pound_five_opens_at_once() {
    let mut world = World::conferring(HOST);
    let floor = |floor| Command::SetFloor { floor };
    assert_eq!(world.asks("*5", &floor(Floor::Muted)), "floor_muted");
    assert_eq!(world.asks("*5", &floor(Floor::Lecture)), "floor_lecture");
    assert_eq!(world.asks("*5", &floor(Floor::Open)), "floor_open");
    world.told(HOST, |seated| seated.controls.floor = Floor::Lecture);
    assert_eq!(world.asks("#5", &floor(Floor::Open)), "floor_open");
}

#[test]
fn star_eight_is_whether_the_conference_outlasts_the_host() {
    let mut world = World::conferring(HOST);
    assert_eq!(world.asks("*8", &Command::SetContinue { on: true }), "continues_on");
    world.told(HOST, |seated| seated.controls.continues = true);
    assert_eq!(world.asks("*8", &Command::SetContinue { on: false }), "continues_off");
}

#[test]
fn star_nine_raises_and_lowers_a_participants_hand() {
    let mut world = World::conferring(PARTICIPANT);
    assert_eq!(world.asks("*9", &Command::SetHand { raised: true }), "hand_is_raised");
    world.told(PARTICIPANT, |seated| seated.controls.hand_raised = true);
    assert_eq!(world.asks("*9", &Command::SetHand { raised: false }), "hand_is_lowered");
}

#[test]
fn options_change_how_callers_are_announced_the_music_and_the_time() {
    let mut world = World::conferring(HOST);
    let announce = |announce| Command::SetAnnounce { announce };
    assert!(world.says("*3").starts_with("key_names number_1"), "{}", world.last_said());
    assert_eq!(world.asks("1", &announce(Announce::Name)), "announce_names");
    assert_eq!(world.asks("2", &announce(Announce::Tone)), "announce_tones");
    assert_eq!(world.asks("3", &announce(Announce::Silence)), "announce_silence");
    assert_eq!(world.asks("7", &Command::SetMusic { on: true }), "music_on");
    assert_eq!(world.says("8"), "endless_anyway");
    world.told(HOST, |seated| seated.controls.ends_at = Some(Timestamp(1_000_000)));
    assert_eq!(world.asks("8", &Command::ExtendTo { until: Timestamp(1_900_000) }), "more_time_given");
    assert_eq!(world.says("5"), "only_language");
    assert_eq!(world.says("*"), "menu_left");
    assert_eq!(world.says("1"), "menu_left", "digits do nothing again");
}

#[test]
fn participants_have_the_language_and_the_volume_among_the_options() {
    let mut world = World::conferring(PARTICIPANT);
    assert!(world.says("*3").starts_with("key_language number_5"), "{}", world.last_said());
    assert_eq!(world.says("1"), "hosts_only");
    assert_eq!(world.says("7"), "hosts_only");
    assert!(world.says("6").starts_with("key_quieter number_4"));
    assert_eq!(world.says("6"), "louder_now");
    assert_eq!(world.wishes.iter().rev().nth(1), Some(&Wish::SetVolume(VolumeSteps(1))));
    assert_eq!(world.says("4444"), "quieter_now");
    assert_eq!(world.says("444"), "volume_limit");
    assert_eq!(world.count(|wish| *wish == Wish::SetVolume(VolumeSteps::MIN)), 1);
    assert_eq!(world.says("5"), "usual_volume_now");
    assert_eq!(world.says("#"), "menu_left");
}

#[test]
fn star_pound_counts_privately_for_everybody() {
    for role in [HOST, PARTICIPANT] {
        let mut world = World::conferring(role);
        world.keys("*#");
        world.roster((1..=12).map(conferee).collect());
        assert_eq!(world.last_said(), "count_begins number_12 count_ends");
        world.keys("*#");
        world.roster(vec![conferee(1)]);
        assert_eq!(world.last_said(), "you_are_alone");
    }
}

#[test]
fn pound_ninety_nine_asks_before_it_ends_anything() {
    let mut world = World::conferring(HOST);
    assert_eq!(
        world.says("#99"),
        "key_drop_others number_1 (300 ms) key_end_for_all number_2 (300 ms) key_back digit_star"
    );
    assert_eq!(world.says("*"), "menu_left");
    world.keys("#99");
    assert_eq!(world.asks("1", &Command::DropOthers { stays: None }), "others_dropped");
    world.keys("#992");
    assert_eq!(world.last_command().map(|(_, command)| command), Some(Command::End));
    world.done();
    world.tell(Fact::Standing(Standing::Removed(LeaveReason::ConferenceEnded)));
    assert_eq!(world.last_said(), "left_conference_ended goodbye");
}

#[test]
fn pound_nine_pound_leaves_for_everybody() {
    for role in [HOST, PARTICIPANT] {
        let mut world = World::conferring(role);
        world.keys("#9#");
        assert!(world.has(&Wish::Left(LeaveReason::Keys)));
    }
}

#[test]
fn what_is_not_there_yet_says_so() {
    let mut world = World::conferring(HOST);
    for keys in ["*2", "#2"] {
        assert_eq!(world.says(keys), "not_available", "{keys}");
    }
    let mut world = World::conferring(PARTICIPANT);
    world.keys("*0");
    world.answered(Some(Err(CommandRefusal::NotOffered)));
    assert_eq!(world.last_said(), "not_available", "where there is no operator");
}

#[test]
fn a_hosts_keys_say_to_participants_that_they_are_a_hosts() {
    let mut world = World::conferring(PARTICIPANT);
    for keys in ["*1", "*2", "*4", "*5", "#5", "*7", "#7", "#99"] {
        assert_eq!(world.says(keys), "hosts_only", "{keys}");
        world.prompt_ends();
    }
    assert_eq!(world.last_command(), None, "nothing was asked for");
}

#[test]
fn help_speaks_the_keys_of_the_map_in_force_and_of_ones_role_only() {
    let host = World::conferring(HOST).says("**");
    let participant = World::conferring(PARTICIPANT).says("**");
    for said in ["key_mute digit_star number_6", "key_leave digit_pound number_9 digit_pound"] {
        assert!(host.contains(said) && participant.contains(said), "{said}");
    }
    assert!(host.contains("key_lock digit_star number_7") && !participant.contains("key_lock"));
    assert!(participant.contains("key_hand digit_star number_9") && !host.contains("key_hand "));
    assert!(!host.contains("key_record"), "what is not there is not offered");
    let map = Preset::Default.map();
    for binding in map.of(Menu::Conference, PARTICIPANT) {
        assert!(participant.contains(binding.command.spoken().name()), "{binding:?}");
    }
}

#[test]
fn who_waits_hears_the_keys_of_who_waits() {
    let mut world = World::admitted(Standing::Held);
    let said = world.says("**");
    assert!(said.contains("key_leave") && !said.contains("key_mute"), "{said}");
    assert_eq!(world.says("*6"), "not_yet");
    assert_eq!(world.says("*7"), "not_yet");
}

#[test]
fn refusals_and_silence_of_the_cms_are_told() {
    for (refusal, said) in [
        (CommandRefusal::NotAllowed, "hosts_only"),
        (CommandRefusal::NoConference, "not_yet"),
        (CommandRefusal::NotThere, "no_longer_here"),
        (CommandRefusal::Floor, "may_not_unmute"),
        (CommandRefusal::WrongCode, "code_unknown"),
        (CommandRefusal::LockedOut, "refused_locked_out"),
        (CommandRefusal::TooLong, "no_more_time"),
        (CommandRefusal::Full, "refused_full"),
    ] {
        let mut world = World::conferring(HOST);
        world.keys("*7");
        world.answered(Some(Err(refusal)));
        assert_eq!(world.last_said(), said);
    }
    let mut world = World::conferring(HOST);
    world.keys("*7");
    world.answered(None);
    assert_eq!(world.last_said(), "try_again");
    world.prompt_ends();
    let plays = world.count(|wish| matches!(wish, Wish::Play(..)));
    world.keys("*6");
    world.pass_secs(9);
    assert_eq!(world.count(|wish| matches!(wish, Wish::Play(..))), plays + 1, "no answer is told too");
    world.done();
    assert_eq!(world.last_said(), "try_again", "an answer that comes too late says nothing");
}

#[test]
fn what_the_caller_was_told_counts_not_what_a_refused_command_wanted() {
    let mut world = World::conferring(PARTICIPANT);
    world.told(PARTICIPANT, |seated| seated.controls.mute = Mute::ByHost);
    world.keys("*6");
    world.answered(Some(Err(CommandRefusal::Floor)));
    assert_eq!(world.last_said(), "may_not_unmute");
    world.keys("*6");
    let wanted = Command::SetMuted { conferee: ME, muted: false };
    assert_eq!(world.last_command().map(|(_, command)| command), Some(wanted));
}

fn host_code(pin_needed: bool) -> Fact {
    Fact::CodeChecked(CodeAnswer::Known(CodeMatch { role: HOST, pin_needed, ..found() }))
}

#[test]
fn star_eight_makes_a_host_of_a_participant_who_knows_the_code() {
    let mut world = World::conferring(PARTICIPANT);
    assert_eq!(world.says("*8"), "enter_host_code");
    world.keys("8765432#");
    world.tell(host_code(false));
    assert!(matches!(world.last_command(), Some((_, Command::BecomeHost { pin: None, .. }))));
    world.done();
    assert_eq!(world.last_said(), "you_are_host");
    let plays = world.count(|wish| matches!(wish, Wish::Play(..)));
    world.tell(Fact::Standing(seated(HOST, |_| ())));
    assert_eq!(world.count(|wish| matches!(wish, Wish::Play(..))), plays, "told once");
    assert_eq!(world.asks("*7", &Command::SetLock { locked: true }), "conference_locked");
}

#[test]
fn the_pin_is_asked_for_where_the_room_has_one_or_keyed_in_one_go() {
    let pin = HostPin::parse("4711").unwrap();
    for keys in ["*88765432#", "*88765432*4711#"] {
        let mut world = World::conferring(PARTICIPANT);
        world.keys(keys);
        world.tell(host_code(true));
        if !keys.contains("4711") {
            assert_eq!(world.last_said(), "enter_pin");
            world.keys("4711#");
        }
        world.tell(Fact::PinChecked(PinAnswer::Right));
        let asked = world.last_command().map(|(_, command)| command);
        assert!(matches!(asked, Some(Command::BecomeHost { pin: Some(keyed), .. }) if keyed == pin));
    }
}

#[test]
fn wrong_host_codes_are_slowed_down_told_and_change_nothing() {
    let mut world = World::conferring(PARTICIPANT);
    world.keys("*89999#");
    world.tell(Fact::CodeChecked(CodeAnswer::Unknown { delay: std::time::Duration::from_secs(2) }));
    assert_ne!(world.last_said(), "code_unknown");
    world.pass_secs(2);
    assert_eq!(world.last_said(), "code_unknown");
    world.keys("*812345678#");
    world.tell(Fact::CodeChecked(CodeAnswer::Known(found())));
    assert_eq!(world.last_said(), "code_unknown", "a participant's code makes nobody a host");
    assert_eq!(world.last_command(), None);
    assert_eq!(world.says("*8*"), "menu_left");
    assert_eq!(world.says("*8#"), "menu_left");
}

#[test]
fn who_waits_for_the_answer_to_a_host_code_can_leave() {
    for checked in [None, Some(CodeAnswer::Unknown { delay: std::time::Duration::from_secs(30) })] {
        let mut world = World::conferring(PARTICIPANT);
        world.keys("*89999#");
        if let Some(answer) = checked {
            world.tell(Fact::CodeChecked(answer));
        }
        world.keys("*6");
        assert_eq!(world.last_command(), None, "a command waits for the answer as well");
        world.keys("#9#");
        assert!(world.has(&Wish::Left(LeaveReason::Keys)));
    }
}

#[test]
fn three_stars_leave_a_host_code_however_much_of_it_was_keyed() {
    for keyed in ["", "12", "12*", "12*34", "*", "1*2*"] {
        let mut world = World::conferring(PARTICIPANT);
        world.keys("*8");
        world.keys(keyed);
        for _ in 0..3 {
            world.keys("*");
            // So long that no key begins a command with the next.
            world.pass_secs(5);
        }
        world.keys("#9#");
        assert!(world.has(&Wish::Left(LeaveReason::Keys)), "behind {keyed:?}");
    }
}

#[test]
fn any_key_stops_a_prompt() {
    let mut world = World::conferring(HOST);
    world.keys("**");
    world.keys("5");
    assert_eq!(world.wishes.last(), Some(&Wish::StopPlaying));
}
