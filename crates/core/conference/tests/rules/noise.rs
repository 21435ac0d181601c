//! Lines that make noise: who is told, and who is muted for it.

use partyline_conference::{
    AttendanceId, Change, EntryPolicy, EventKind, Generation, Intent, LineNoise, Mute, NoisyLines,
};

use crate::world::World;

fn meeting(way: NoisyLines) -> (World, AttendanceId, AttendanceId) {
    let mut world = World::of(|room| {
        room.entry = EntryPolicy::Start;
        room.noisy_lines = way;
    });
    let (host, guest) = (world.host(), world.participant());
    world.joins(host);
    world.joins(guest);
    (world, host, guest)
}

fn noisy(world: &mut World, caller: AttendanceId, generation: u64) {
    let (generation, noise) = (Generation(generation), LineNoise::Music);
    world.decide(&[Intent::Noisy { attendance: caller, generation, noise }]);
}

fn is_told(world: &World, caller: AttendanceId) -> bool {
    let (conference, conferee) = (world.conference().id, world.conferee(caller));
    world.has_told(&EventKind::LineNoisy { conference, conferee, noise: LineNoise::Music })
}

#[test]
fn hosts_are_told_whose_line_it_is_and_nobody_is_muted_where_the_room_says_no_more() {
    let (mut world, host, guest) = meeting(NoisyLines::Tell);
    noisy(&mut world, guest, 1);
    assert!(is_told(&world, guest));
    let line = world.controls(host).noisy.expect("the host is told");
    assert_eq!((line.attendance, line.noise, line.is_muted), (guest, LineNoise::Music, false));
    assert_eq!((line.order.0, world.order(guest)), (2, 2));
    assert_eq!((world.controls(guest).noisy, world.mute(guest)), (None, Mute::None));
}

#[test]
fn a_participant_is_muted_where_the_room_says_so_and_a_host_never() {
    let (mut world, host, guest) = meeting(NoisyLines::Mute);
    noisy(&mut world, guest, 1);
    assert_eq!(world.mute(guest), Mute::ByHost);
    assert!(world.controls(host).noisy.is_some_and(|line| line.is_muted));
    noisy(&mut world, host, 1);
    assert_eq!(world.mute(host), Mute::None);
    assert!(is_told(&world, host));
}

#[test]
fn what_the_room_ignores_what_nobody_hears_and_what_an_older_stream_says_changes_nothing() {
    for way in NoisyLines::ALL {
        let (mut world, host, guest) = meeting(way);
        match way {
            NoisyLines::Ignore => noisy(&mut world, guest, 1),
            NoisyLines::Tell => noisy(&mut world, guest, 7),
            NoisyLines::Mute => {
                assert_eq!(world.mutes(Some(guest), guest, true), Ok(()));
                noisy(&mut world, guest, 1);
                assert_eq!(world.mute(guest), Mute::Oneself);
            }
        }
        assert_eq!(world.controls(host).noisy, None, "{way:?}");
        assert!(!world.has_changed(|change| matches!(change, Change::NoteNoise { .. })));
    }
}

#[test]
fn the_last_noise_is_told_and_who_has_left_is_told_no_more() {
    let (mut world, host, guest) = meeting(NoisyLines::Tell);
    noisy(&mut world, host, 1);
    world.passes(std::time::Duration::from_secs(1));
    noisy(&mut world, guest, 1);
    assert!(world.controls(host).noisy.is_some_and(|line| line.attendance == guest));
    world.leaves(guest);
    assert!(world.controls(host).noisy.is_some_and(|line| line.attendance == host));
}
