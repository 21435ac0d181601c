//! What hosts change of the room's settings for their conference, and its longest time.

use std::time::Duration;

use partyline_conference::conference::ConferenceEnd;
use partyline_conference::{Announce, Command, CommandRefusal, HostLeaves};

use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn announcements_and_music_are_changed_for_this_conference_only() {
    let mut world = World::of(|room| room.music = true);
    let host = world.host();
    let silence = Command::SetAnnounce { announce: Announce::Silence };
    assert_eq!(world.commands(Some(host), silence.clone()), Ok(()));
    assert_eq!(world.commands(Some(host), Command::SetMusic { on: false }), Ok(()));
    assert_eq!(world.controls(host).announce, Announce::Silence);
    let room = world.room().room.clone();
    assert_eq!((room.announce, room.music), (Announce::Tone, true));
    assert!(!world.conference().manner.music(&room));
    assert_eq!(world.commands(Some(host), silence), Ok(()));
    assert!(world.last.changes.is_empty());

    world.commands(Some(host), Command::End).unwrap();
    let next = world.host();
    assert_eq!(world.controls(next).announce, Announce::Tone);
}

#[test]
fn what_no_host_changed_follows_the_room() {
    let mut world = World::of(|_| ());
    let host = world.host();
    world.commands(Some(host), Command::SetMusic { on: false }).unwrap();
    world.change_room(|room| room.announce = Announce::Name);
    assert_eq!(world.controls(host).announce, Announce::Name);
    world.change_room(|room| room.music = true);
    assert!(!world.conference().manner.music(&world.room().room));
}

#[test]
fn a_host_decides_whether_the_conference_goes_on_without_one() {
    let policies = [HostLeaves::End, HostLeaves::Grace(MINUTE), HostLeaves::Continue];
    for policy in policies {
        for on in [false, true] {
            let mut world = World::of(|room| room.host_leaves = policy);
            let (host, _guest) = (world.host(), world.participant());
            assert_eq!(world.controls(host).continues, policy == HostLeaves::Continue);
            assert_eq!(world.commands(Some(host), Command::SetContinue { on }), Ok(()));
            assert_eq!(world.controls(host).continues, on);
            world.leaves(host);
            let graced = !on && policy == HostLeaves::Grace(MINUTE);
            assert_eq!(world.has_conference(), on || graced, "{policy:?} {on}");
            if world.has_conference() {
                assert_eq!(world.conference().deadline.is_some(), graced);
            }
        }
    }
}

#[test]
fn the_console_lets_a_conference_go_on_whose_grace_time_runs() {
    let mut world = World::of(|room| {
        room.host_leaves = HostLeaves::Grace(MINUTE);
        room.conference_max = Some(60 * MINUTE);
    });
    let (host, guest) = (world.host(), world.participant());
    world.joins(guest);
    world.leaves(host);
    assert_eq!(world.conference().deadline.unwrap().why, ConferenceEnd::HostLeft);
    assert_eq!(world.commands(None, Command::SetContinue { on: true }), Ok(()));
    assert_eq!(world.conference().deadline.unwrap().why, ConferenceEnd::TooLong);
    world.passes(2 * MINUTE);
    assert!(world.has_conference());
}

#[test]
fn a_host_gets_more_time_up_to_a_limit() {
    let mut world = World::of(|room| room.conference_max = Some(90 * MINUTE));
    let host = world.host();
    world.joins(host);
    let (start, ends) = (world.now, world.controls(host).ends_at.unwrap());
    assert_eq!(ends, start.after(90 * MINUTE));
    let until = ends.after(15 * MINUTE);
    assert_eq!(world.commands(Some(host), Command::ExtendTo { until }), Ok(()));
    assert_eq!(world.controls(host).ends_at, Some(until));
    assert_eq!(world.commands(Some(host), Command::ExtendTo { until: ends }), Ok(()));
    assert_eq!(world.controls(host).ends_at, Some(until), "no command makes it shorter");

    let far = start.after(181 * MINUTE);
    assert_eq!(world.commands(Some(host), Command::ExtendTo { until: far }), Err(CommandRefusal::TooLong));
    world.passes(100 * MINUTE);
    assert!(world.has_conference());
    world.passes(10 * MINUTE);
    assert_eq!(world.room().ended().last().unwrap().1, ConferenceEnd::TooLong);
}

#[test]
fn more_time_outlives_the_loss_of_the_mixer_and_the_absence_of_hosts() {
    let mut world = World::of(|room| {
        room.conference_max = Some(30 * MINUTE);
        room.host_leaves = HostLeaves::Grace(MINUTE);
    });
    let (host, guest) = (world.host(), world.participant());
    let until = world.now.after(45 * MINUTE);
    world.commands(Some(host), Command::ExtendTo { until }).unwrap();
    world.leaves(host);
    let second = world.host();
    assert_eq!(world.conference().deadline.unwrap().at, until);
    world.add_mixer(crate::world::mixer("m2", "standard", 100));
    world.mixer_is_lost("m1");
    world.joins(guest);
    assert_eq!(world.controls(second).ends_at, Some(until));
}

#[test]
fn without_a_longest_time_there_is_nothing_to_extend() {
    let mut world = World::of(|_| ());
    let host = world.host();
    let until = world.now.after(900 * MINUTE);
    assert_eq!(world.commands(Some(host), Command::ExtendTo { until }), Ok(()));
    assert!(world.last.changes.is_empty());
    assert_eq!(world.controls(host).ends_at, None);
}
