//! Names that callers have said: kept with their attendance, and told to the mixer with whoever comes and goes.

use partyline_conference::{Announce, AttendanceId, Command, EntryPolicy, LeaveReason, RecordedName};
use partyline_rpc::conferencing::{AttendDown, NameToKeep};
use partyline_rpc::generated::conferencing as wire;
use partyline_rpc::mixing::{PlaySound, Sound};
use partyline_store::StoreReader;
use tonic::{Code, Status};

use crate::commands::command;
use crate::scene::{Caller, HOST_CODE, NotingMixer, PARTICIPANT_CODE, Scene, eventually, room};

fn name(level: i16) -> RecordedName {
    RecordedName::new(vec![level; 8_000]).unwrap()
}

async fn keep(scene: &Scene, server: &str, caller: u128, name: RecordedName) -> Result<(), Status> {
    let kept = NameToKeep { attendance: AttendanceId::from_bits(caller), name };
    scene.client(server).keep_name(wire::KeepNameRequest::from(kept)).await.map(drop)
}

async fn kept(scene: &Scene, caller: u128) -> Option<RecordedName> {
    scene.store.recorded_name(AttendanceId::from_bits(caller)).await.unwrap()
}

/// A room that goes by names, with a mixer and two interface servers.
async fn by_name() -> (Scene, NotingMixer, [partyline_cms::InterfaceServer; 2]) {
    let mut wanted = room(EntryPolicy::Start);
    wanted.settings.announce = Announce::Name;
    let mut scene = Scene::new(wanted).await;
    let mixer = scene.mixer("mixer-1", false).await;
    let servers = [scene.server("cms-1").await, scene.server("cms-2").await];
    (scene, mixer, servers)
}

#[tokio::test]
async fn a_name_is_kept_at_any_interface_server_once_however_often_it_comes() {
    let (scene, _mixer, _servers) = by_name().await;
    let _caller = scene.call("cms-1", 1, PARTICIPANT_CODE).await;
    for server in ["cms-1", "cms-2", "cms-1"] {
        keep(&scene, server, 1, name(5)).await.unwrap();
    }
    assert_eq!(kept(&scene, 1).await, Some(name(5)));
}

#[tokio::test]
async fn who_waits_to_be_let_in_has_a_name_too() {
    let mut wanted = room(EntryPolicy::Start);
    wanted.settings.waiting_room = true;
    let mut scene = Scene::new(wanted).await;
    scene.mixer("mixer-1", false).await;
    let _server = scene.server("cms-1").await;
    let caller = scene.call("cms-1", 1, PARTICIPANT_CODE).await;
    assert_eq!(caller.now, Some(AttendDown::InWaitingRoom));
    let listed = || async { scene.store.waiting(partyline_conference::RoomId::from_bits(77)).await.unwrap() };
    assert!(!listed().await[0].has_name);
    keep(&scene, "cms-1", 1, name(5)).await.unwrap();
    assert!(listed().await[0].has_name);
    assert_eq!(kept(&scene, 1).await, Some(name(5)));
}

#[tokio::test]
async fn a_name_of_nobody_of_who_has_left_or_that_is_none_is_refused_by_name() {
    let (scene, _mixer, _servers) = by_name().await;
    let mut caller = scene.call("cms-1", 1, PARTICIPANT_CODE).await;
    let good =
        wire::KeepNameRequest::from(NameToKeep { attendance: AttendanceId::from_bits(1), name: name(5) });
    let odd = wire::KeepNameRequest { samples: vec![0; 3], ..good.clone() };
    let none = wire::KeepNameRequest { samples: Vec::new(), ..good.clone() };
    let long = wire::KeepNameRequest { samples: vec![0; 80_002], ..good.clone() };
    let nobody = wire::KeepNameRequest { attendance_id: "somebody".to_owned(), ..good.clone() };
    for wrong in [odd, none, long, nobody] {
        let refused = scene.client("cms-1").keep_name(wrong).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    }
    // More than any message may be is not even read.
    let huge = wire::KeepNameRequest { samples: vec![0; 4 * 1024 * 1024], ..good };
    assert!(scene.client("cms-1").keep_name(huge).await.is_err());
    assert_eq!(keep(&scene, "cms-1", 99, name(5)).await.unwrap_err().code(), Code::NotFound);
    caller.leaves(LeaveReason::HungUp).await;
    assert_eq!(keep(&scene, "cms-1", 1, name(5)).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(kept(&scene, 1).await, None);
}

#[tokio::test]
async fn while_the_store_is_away_a_name_can_be_brought_again_later() {
    let (mut scene, _mixer, _servers) = by_name().await;
    let _caller = scene.call("cms-1", 1, PARTICIPANT_CODE).await;
    scene.store.close().await;
    let refused = keep(&scene, "cms-1", 1, name(5)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    scene.open_the_store_again().await;
    let _server = scene.server("cms-3").await;
    keep(&scene, "cms-3", 1, name(5)).await.unwrap();
    assert_eq!(kept(&scene, 1).await, Some(name(5)));
}

/// What the mixer is told of callers.
fn told(mixer: &NotingMixer) -> Vec<(Sound, bool, Option<RecordedName>)> {
    let told = |play: PlaySound| (play.sound, play.who.is_some(), play.name);
    mixer.plays().into_iter().map(told).collect()
}

async fn joined(scene: &Scene, caller: u128, code: &str, joined: usize) -> Caller {
    let caller = scene.call("cms-1", caller, code).await;
    caller.joins().await;
    scene.until_joined(caller.placed().conference, joined).await;
    caller
}

#[tokio::test]
async fn the_mixer_is_told_who_comes_and_goes_with_their_names_also_where_a_name_comes_a_little_late() {
    let (scene, mixer, _servers) = by_name().await;
    let _host = joined(&scene, 1, HOST_CODE, 1).await;
    assert_eq!(told(&mixer), [], "who is first is told so, and nobody else is there");
    let mut guest = scene.call("cms-1", 2, PARTICIPANT_CODE).await;
    guest.joins().await;
    keep(&scene, "cms-2", 2, name(2)).await.unwrap();
    eventually("the entry", || told(&mixer) == [(Sound::Entry, true, Some(name(2)))]).await;
    let _nameless = joined(&scene, 3, PARTICIPANT_CODE, 3).await;
    eventually("the second entry", || told(&mixer).len() == 2).await;
    assert_eq!(told(&mixer)[1], (Sound::Entry, true, None), "a tone, and never their number");
    guest.leaves(LeaveReason::HungUp).await;
    eventually("the exit", || told(&mixer).len() == 3).await;
    assert_eq!(told(&mixer)[2], (Sound::Exit, true, Some(name(2))));
    let plays = mixer.plays();
    assert_eq!(plays[0].who, plays[2].who);
}

#[tokio::test]
async fn a_lecture_and_silence_hush_what_waits_and_tell_nothing_more() {
    use partyline_conference::Floor;
    let (scene, mixer, _servers) = by_name().await;
    let _host = joined(&scene, 1, HOST_CODE, 1).await;
    let quiet = [
        Command::SetFloor { floor: Floor::Lecture },
        Command::SetAnnounce { announce: Announce::Silence },
        Command::SetFloor { floor: Floor::Open },
    ];
    for (id, quieter) in (10..).zip(quiet) {
        command(&scene, "cms-1", id, 1, quieter).await.unwrap();
        let mut guest = joined(&scene, id, PARTICIPANT_CODE, 2).await;
        guest.leaves(LeaveReason::HungUp).await;
    }
    assert_eq!(told(&mixer), [(Sound::Hush, false, None)]);
}

#[tokio::test]
async fn in_a_conference_of_more_than_ten_a_tone_is_enough() {
    let (scene, mixer, _servers) = by_name().await;
    let mut callers = vec![joined(&scene, 1, HOST_CODE, 1).await];
    for caller in 2..=11 {
        callers.push(scene.call("cms-1", caller, PARTICIPANT_CODE).await);
        keep(&scene, "cms-1", caller, name(2)).await.unwrap();
    }
    callers[10].joins().await;
    eventually("the tone", || told(&mixer) == [(Sound::Entry, false, None)]).await;
    callers[9].leaves(LeaveReason::HungUp).await;
    callers[8].joins().await;
    eventually("a name", || told(&mixer).contains(&(Sound::Entry, true, Some(name(2))))).await;
}
