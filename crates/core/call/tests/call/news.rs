//! What a conferee is told without having asked.

use std::time::Duration;

use partyline_call::{Fact, Wish};
use partyline_conference::{
    AttendanceId, ConfereeId, Floor, LineNoise, Mute, NoisyLine, Order, Role, Timestamp,
};

use crate::world::{World, mix, seated};

fn plays(world: &World) -> usize {
    world.count(|wish| matches!(wish, Wish::Play(..)))
}

const LATER: Duration = Duration::from_secs(3);

#[test]
fn lock_is_told_to_all_once() {
    for role in [Role::Host, Role::Participant] {
        let mut world = World::conferring(role);
        for _ in 0..3 {
            world.told(role, |seated| seated.is_locked = true);
        }
        assert_eq!(world.last_said(), "conference_locked");
        assert_eq!(plays(&world), plays(&World::conferring(role)) + 1);
        world.prompt_ends();
        world.told(role, |_| ());
        assert_eq!(world.last_said(), "conference_unlocked");
    }
}

#[test]
fn what_ones_own_command_made_is_heard_once_whichever_comes_first() {
    let mut world = World::conferring(Role::Host);
    world.keys("*7");
    world.told(Role::Host, |seated| seated.is_locked = true);
    assert_eq!(world.last_said(), "conference_locked");
    world.prompt_ends();
    let before = plays(&world);
    world.done();
    assert_eq!(plays(&world), before, "{}", world.ladder);
    world.keys("#7");
    world.done();
    assert_eq!(world.last_said(), "conference_unlocked");
    world.prompt_ends();
    let before = plays(&world);
    world.told(Role::Host, |seated| seated.is_locked = true);
    world.told(Role::Host, |_| ());
    assert_eq!(plays(&world), before, "a standing from before the command is no news");
}

#[test]
fn muted_by_a_host_one_hears_how_to_undo_it_where_one_may() {
    let mut world = World::conferring(Role::Participant);
    world.told(Role::Participant, |seated| seated.controls.mute = Mute::ByHost);
    assert_eq!(world.last_said(), "muted_by_host key_unmute digit_pound number_6");
    world.prompt_ends();
    world.told(Role::Participant, |_| ());
    assert_eq!(world.last_said(), "unmuted_by_host");
    world.prompt_ends();
    world.told(Role::Participant, |seated| {
        seated.controls.mute = Mute::ByHost;
        seated.controls.may_unmute = false;
    });
    assert_eq!(world.last_said(), "muted_by_host");
}

#[test]
fn the_floor_is_told_once_and_says_why_one_is_muted() {
    let mut world = World::conferring(Role::Participant);
    let before = plays(&world);
    world.told(Role::Participant, |seated| {
        seated.controls.floor = Floor::Muted;
        seated.controls.mute = Mute::ByFloor;
    });
    assert_eq!(world.last_said(), "floor_muted key_unmute digit_pound number_6");
    world.prompt_ends();
    world.told(Role::Participant, |seated| {
        seated.controls.floor = Floor::Lecture;
        seated.controls.mute = Mute::ByFloor;
        seated.controls.may_unmute = false;
    });
    assert_eq!(world.last_said(), "floor_lecture");
    world.prompt_ends();
    world.told(Role::Participant, |_| ());
    assert_eq!(world.last_said(), "floor_open");
    assert_eq!(plays(&world), before + 3);
}

#[test]
fn who_enters_a_lecture_hears_of_it() {
    let mut world = World::admitted(seated(Role::Participant, |seated| {
        seated.controls.floor = Floor::Lecture;
        seated.controls.mute = Mute::ByFloor;
        seated.controls.may_unmute = false;
    }));
    world.tell(Fact::Joined { mix: mix(1).mix, epoch: mix(1).epoch });
    assert_eq!(world.last_said(), "floor_lecture");
}

#[test]
fn hands_and_waiting_callers_are_gathered_for_a_host() {
    let mut world = World::conferring(Role::Host);
    let hands = |world: &mut World, hands, waiting| {
        world.told(Role::Host, |seated| {
            seated.controls.hands = hands;
            seated.controls.waiting = waiting;
        });
    };
    hands(&mut world, 1, 0);
    assert_eq!(world.last_said(), "hands_raised");
    world.prompt_ends();
    let before = plays(&world);
    hands(&mut world, 2, 0);
    hands(&mut world, 3, 1);
    hands(&mut world, 3, 2);
    assert_eq!(plays(&world), before, "what comes soon after is gathered");
    world.pass_secs(10);
    assert_eq!(world.last_said(), "somebody_waits hands_raised");
    world.prompt_ends();
    hands(&mut world, 4, 0);
    hands(&mut world, 0, 0);
    let before = plays(&world);
    world.pass_secs(60);
    assert_eq!(plays(&world), before, "hands that are down again are not told");
}

#[test]
fn a_host_hears_whose_line_makes_noise_once_and_by_name() {
    let line = |at, has_name, is_muted| NoisyLine {
        conferee: ConfereeId::from_bits(9),
        attendance: AttendanceId::from_bits(10),
        order: Order(3),
        has_name,
        noise: LineNoise::Music,
        at: Timestamp(at),
        is_muted,
    };
    let mut world = World::conferring(Role::Host);
    world.told(Role::Host, |seated| seated.controls.noisy = Some(line(5, false, false)));
    assert_eq!(world.last_said(), "line_noise_from caller_number number_3");
    world.prompt_ends();
    let before = plays(&world);
    world.told(Role::Host, |seated| seated.controls.noisy = Some(line(5, false, true)));
    world.told(Role::Host, |_| ());
    world.told(Role::Host, |seated| seated.controls.noisy = Some(line(4, true, true)));
    assert_eq!(plays(&world), before, "what was told is no news, nor is an older one when its maker leaves");
    world.told(Role::Host, |seated| seated.controls.noisy = Some(line(6, true, true)));
    assert!(world.last_said().starts_with("line_noise_from "), "{}", world.last_said());
    assert!(world.last_said().ends_with(" is_muted"), "{}", world.last_said());
}

#[test]
fn becoming_a_host_by_other_hands_is_told() {
    let mut world = World::conferring(Role::Participant);
    world.told(Role::Host, |_| ());
    assert_eq!(world.last_said(), "you_are_host");
}

#[test]
fn the_end_is_told_beforehand_and_hosts_hear_how_to_put_it_off() {
    for role in [Role::Host, Role::Participant] {
        let mut world = World::service();
        world.tell(Fact::WallClock(Timestamp(1_000)));
        drop(world);
        world = World::conferring(role);
        world.tell(Fact::WallClock(Timestamp(1_000)));
        let ends_at = Some(Timestamp(1_000 + 3_600_000));
        world.told(role, |seated| seated.controls.ends_at = ends_at);
        world.pass_secs(3000);
        let more = if role == Role::Host { " key_more_time digit_star number_3 number_8" } else { "" };
        assert_eq!(world.last_said(), format!("conference_ends_in number_10 minutes{more}"));
        world.prompt_ends();
        world.pass_secs(299);
        assert_eq!(world.last_said(), format!("conference_ends_in number_5 minutes{more}"));
        world.prompt_ends();
        world.pass_secs(239);
        assert_eq!(world.last_said(), format!("conference_ends_in number_1 minute{more}"));
        world.prompt_ends();
        let before = plays(&world);
        world.pass_secs(100);
        assert_eq!(plays(&world), before);
    }
}

#[test]
fn an_end_that_is_put_off_is_warned_of_anew() {
    let mut world = World::conferring(Role::Participant);
    world.tell(Fact::WallClock(Timestamp(0)));
    world.told(Role::Participant, |seated| seated.controls.ends_at = Some(Timestamp(660_000)));
    world.pass_secs(61);
    assert_eq!(world.last_said(), "conference_ends_in number_10 minutes");
    world.prompt_ends();
    world.tell(Fact::WallClock(Timestamp(63_000)));
    world.told(Role::Participant, |seated| seated.controls.ends_at = Some(Timestamp(1_260_000)));
    world.pass_secs(600);
    assert_eq!(world.last_said(), "conference_ends_in number_10 minutes");
    assert_eq!(plays(&world), plays(&World::conferring(Role::Participant)) + 2);
}

#[test]
fn who_speaks_and_is_muted_is_told_once_a_minute_at_most() {
    let mut world = World::conferring(Role::Participant);
    let before = plays(&world);
    world.tell(Fact::SpokeWhileMuted);
    assert_eq!(plays(&world), before, "who is heard needs no word");
    world.told(Role::Participant, |seated| seated.controls.mute = Mute::Oneself);
    world.prompt_ends();
    world.tell(Fact::SpokeWhileMuted);
    assert_eq!(plays(&world), before + 1, "who has just been told may finish the sentence");
    world.pass_secs(5);
    for _ in 0..5 {
        world.tell(Fact::SpokeWhileMuted);
        world.pass(LATER);
    }
    assert_eq!(world.last_said(), "you_are_muted key_unmute digit_pound number_6");
    assert_eq!(plays(&world), before + 2);
    world.pass_secs(60);
    world.tell(Fact::SpokeWhileMuted);
    world.tell(Fact::SpokeWhileMuted);
    world.prompt_ends();
    assert_eq!(plays(&world), before + 3);
}

#[test]
fn news_wait_for_what_is_spoken_and_for_keys_that_were_begun() {
    let mut world = World::conferring(Role::Host);
    world.keys("**");
    let before = plays(&world);
    world.told(Role::Host, |seated| seated.is_locked = true);
    assert_eq!(plays(&world), before);
    world.prompt_ends();
    assert_eq!(world.last_said(), "conference_locked");
    world.prompt_ends();
    world.keys("*");
    let before = plays(&world);
    world.told(Role::Host, |_| ());
    assert_eq!(plays(&world), before);
    world.keys("6");
    world.done();
    world.prompt_ends();
    assert_eq!(world.last_said(), "conference_unlocked");
}

#[test]
fn no_more_news_wait_than_anybody_wants_to_hear() {
    let mut world = World::conferring(Role::Host);
    world.keys("**");
    for locked in [true, false].into_iter().cycle().take(100) {
        world.told(Role::Host, |seated| seated.is_locked = locked);
    }
    let before = plays(&world);
    for _ in 0..6 {
        world.prompt_ends();
    }
    assert_eq!(plays(&world), before + 6);
    world.pass_secs(60);
    assert_eq!(plays(&world), before + 6);
}
