//! Broken streams, stopped servers, mixers that can't.

use partyline_conference::{AttendanceId, EntryPolicy, Epoch, Generation, Intent, LeaveReason, Refusal};
use partyline_rpc::conferencing::{AttendDown, JoinedMix};
use partyline_rpc::services;
use partyline_store::{Store, StoreReader};
use tonic::Code;

use crate::scene::{HOST_CODE, Order, PARTICIPANT_CODE, Scene, eventually, room};

#[tokio::test]
async fn a_broken_stream_is_attended_again_and_nothing_is_lost() {
    let (scene, mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let first = scene.call("cms-1", 1, PARTICIPANT_CODE).await;
    first.joins().await;
    scene.until_joined(first.placed().conference, 1).await;
    let second = scene.call("cms-1", 2, PARTICIPANT_CODE).await;
    let before = second.placed().clone();
    drop(second);

    let mut again = scene.hello(2, PARTICIPANT_CODE);
    again.generation = Generation(2);
    again.joined = Some(JoinedMix { mix: before.mix.mix, epoch: before.mix.epoch });
    let again = scene.attend("cms-2", again).await.unwrap();

    assert_eq!((again.placed().conferee, again.placed().order), (before.conferee, before.order));
    let record = scene.store.conference(before.conference).await.unwrap().unwrap();
    assert_eq!(record.seated, 2);
    eventually("the joining that was told with the hello", || mixer.plays().len() == 1).await;
}

#[tokio::test]
async fn a_caller_who_left_during_a_break_is_gone_after_the_next_hello() {
    let (scene, _mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let caller = scene.call("cms-1", 1, PARTICIPANT_CODE).await;
    let conference = caller.placed().conference;
    drop(caller);

    let mut goodbye = scene.hello(1, PARTICIPANT_CODE);
    goodbye.generation = Generation(2);
    goodbye.left = Some(LeaveReason::HungUp);
    let goodbye = scene.attend("cms-2", goodbye).await.unwrap();

    assert_eq!(goodbye.now, None);
    let record = scene.store.conference(conference).await.unwrap().unwrap();
    assert_eq!((record.seated, record.end.as_deref()), (0, Some("last_left")));
}

#[tokio::test]
async fn the_stream_of_an_older_generation_is_let_go_and_ends_nothing() {
    let (scene, _mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let mut old = scene.call("cms-1", 1, PARTICIPANT_CODE).await;
    let mut newer = scene.hello(1, PARTICIPANT_CODE);
    newer.generation = Generation(2);
    let newer = scene.attend("cms-2", newer).await.unwrap();

    assert_eq!(old.next().await.unwrap_err().code(), Code::Aborted);
    let late = scene.attend("cms-2", scene.hello(1, PARTICIPANT_CODE)).await;
    assert_eq!(late.err().map(|status| status.code()), Some(Code::Aborted));
    let record = scene.store.conference(newer.placed().conference).await.unwrap().unwrap();
    assert_eq!(record.seated, 1);
}

#[tokio::test]
async fn a_caller_who_is_thought_lost_though_their_stream_is_open_attends_again_and_is_back() {
    for entry in [EntryPolicy::Start, EntryPolicy::Hold] {
        let (scene, _mixer, _a, _b) = Scene::usual(entry).await;
        let mut caller = scene.call("cms-1", 1, PARTICIPANT_CODE).await;
        // The other interface server has seen the VRU's lease lapse, and nothing of this stream.
        scene.decide(&[1], &[Intent::VruLost { attendance: AttendanceId::from_bits(1) }]).await;
        assert_eq!(caller.next().await.unwrap_err().code(), Code::Aborted, "{entry:?}");

        let mut again = scene.hello(1, PARTICIPANT_CODE);
        again.generation = Generation(2);
        let _again = scene.attend("cms-1", again).await.unwrap();
        let view = scene.store.views(&[AttendanceId::from_bits(1)]).await.unwrap().remove(0);
        assert!(!view.is_missed, "{entry:?}");
    }
}

#[tokio::test]
async fn a_server_that_stops_sheds_its_streams_and_another_takes_them() {
    let (scene, _mixer, a, _b) = Scene::usual(EntryPolicy::Hold).await;
    let mut caller = scene.call("cms-1", 1, PARTICIPANT_CODE).await;

    let (_, shed) = tokio::join!(a.stop(), caller.next());
    assert_eq!(shed.unwrap_err().code(), Code::Unavailable);
    let servers = scene.store.interface_servers(&services::name(services::CONFERENCING)).await.unwrap();
    let names: Vec<_> = servers.iter().map(|lease| lease.id.as_str()).collect();
    assert_eq!(names, ["cms-2"]);

    let mut again = scene.hello(1, PARTICIPANT_CODE);
    again.generation = Generation(2);
    assert_eq!(scene.attend("cms-2", again).await.unwrap().now, Some(AttendDown::Held));
}

#[tokio::test]
async fn a_mixer_without_a_seat_or_an_answer_is_passed_over_before_anybody_is_told() {
    let mut scene = Scene::new(room(EntryPolicy::Start)).await;
    let full = scene.mixer("a-full", true).await;
    scene.lease("b-silent", 0).await;
    let good = scene.mixer("c-good", false).await;
    let _server = scene.server("cms-1").await;

    let host = scene.call("cms-1", 1, HOST_CODE).await;

    assert_eq!(host.placed().mix.mixer.as_str(), "c-good");
    let epoch = host.placed().mix.epoch;
    assert!(epoch.0 > 1, "{epoch}");
    assert!(matches!(full.orders()[0], Order::Ensure(_)));
    assert!(matches!(good.orders()[0], Order::Ensure(mix) if mix.epoch == epoch));
}

#[tokio::test]
async fn without_any_mixer_callers_are_refused_and_one_that_comes_is_found_at_once() {
    let mut scene = Scene::new(room(EntryPolicy::Start)).await;
    let _server = scene.server("cms-1").await;
    let early = scene.call("cms-1", 1, HOST_CODE).await;
    assert_eq!(early.now, Some(AttendDown::Refused(Refusal::NoMixer)));

    scene.mixer("mixer-1", false).await;
    let late = scene.call("cms-1", 2, HOST_CODE).await;
    assert_eq!(late.placed().mix.mixer.as_str(), "mixer-1");
}

#[tokio::test]
async fn callers_are_back_in_their_conference_when_its_only_mixer_is_stopped_and_started() {
    let (scene, mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let (mut host, mut guest) =
        (scene.call("cms-1", 1, HOST_CODE).await, scene.call("cms-2", 2, PARTICIPANT_CODE).await);
    let before = host.placed().clone();
    host.joins().await;
    scene.until_joined(before.conference, 1).await;

    scene.lease_of("mixer-1", "first", true).await;
    scene.until_waiting_for_a_mixer().await;
    scene.lease_of("mixer-1", "second", false).await;
    for (caller, order) in [(&mut host, 1), (&mut guest, 2)] {
        let is_moved =
            |now: &AttendDown| matches!(now, AttendDown::Placed(placed) if placed.mix.epoch == Epoch(2));
        caller.until("the mixer is back", is_moved).await;
        assert_eq!((caller.placed().conference, caller.placed().order.0), (before.conference, order));
    }
    let is_opened = |order: &Order| matches!(order, Order::Ensure(mix) if mix.mix == before.mix.mix && mix.epoch == Epoch(2));
    assert!(mixer.orders().iter().any(is_opened));
}

#[tokio::test]
async fn a_mixer_that_started_anew_in_a_moment_gets_its_mixes_opened_again() {
    let (scene, mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let host = scene.call("cms-1", 1, HOST_CODE).await;
    let opened = || mixer.orders().iter().filter(|order| matches!(order, Order::Ensure(_))).count();
    assert_eq!(opened(), 1);
    scene.lease_of("mixer-1", "second", false).await;
    eventually("the mix is opened again", || opened() > 1).await;
    let record = scene.store.conference(host.placed().conference).await.unwrap().unwrap();
    assert_eq!((record.seated, record.end), (1, None));
}

#[tokio::test]
async fn who_attends_again_without_audio_has_the_mixer_asked_before_they_are_sent_there() {
    let (scene, mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let host = scene.call("cms-1", 1, HOST_CODE).await;
    let (mix, opened) = (host.placed().mix.clone(), || {
        mixer.orders().iter().filter(|o| matches!(o, Order::Ensure(_))).count()
    });
    let mut again = scene.hello(1, HOST_CODE);
    again.generation = Generation(2);
    again.joined = Some(JoinedMix { mix: mix.mix, epoch: mix.epoch });
    let again = scene.attend("cms-1", again).await.unwrap();
    assert_eq!(opened(), 1, "with audio there is nothing to ask");

    drop(again);
    let mut without = scene.hello(1, HOST_CODE);
    without.generation = Generation(3);
    let _without = scene.attend("cms-1", without).await.unwrap();
    assert_eq!(opened(), 2);
}

#[tokio::test]
async fn who_attends_again_resumes_in_their_room_though_its_code_is_another_rooms_by_now() {
    let (scene, _mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let caller = scene.call("cms-1", 1, PARTICIPANT_CODE).await;
    let before = caller.placed().clone();
    drop(caller);
    scene.give_code_away(PARTICIPANT_CODE).await;

    let mut again = scene.hello(1, PARTICIPANT_CODE);
    again.generation = Generation(2);
    let again = scene.attend("cms-2", again).await.unwrap();
    assert_eq!((again.placed().conference, again.placed().conferee), (before.conference, before.conferee));
}

#[tokio::test]
async fn a_vru_that_starts_anew_loses_its_earlier_calls_but_not_those_it_has_begun_since() {
    let (scene, _mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    scene.renew_vru("cms-1", "first").await;
    let _earlier = scene.call("cms-2", 1, PARTICIPANT_CODE).await;
    let _begun = scene.call("cms-1", 2, PARTICIPANT_CODE).await;
    scene.renew_vru("cms-1", "second").await;
    let missed = scene.store.views(&[1, 2].map(AttendanceId::from_bits)).await.unwrap();
    let mut missed: Vec<_> = missed.iter().map(|view| (view.attendance.bits(), view.is_missed)).collect();
    missed.sort_unstable();
    assert_eq!(missed, [(1, true), (2, false)]);
}
