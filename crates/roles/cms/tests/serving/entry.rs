//! Who goes where, over two interface servers.

use std::collections::BTreeSet;

use partyline_conference::{EntryPolicy, LeaveReason, MixKind, Order as Nth, Refusal, Timestamp};
use partyline_rpc::conferencing::AttendDown;
use partyline_rpc::mixing::Sound;
use partyline_store::{ConferenceFilter, StoreReader};

use crate::scene::{HOST_CODE, Order, PARTICIPANT_CODE, Scene, eventually, pin, room, within};

#[tokio::test(flavor = "multi_thread")]
async fn two_first_callers_at_two_interface_servers_make_one_conference() {
    let (scene, _mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;

    let (one, two) =
        tokio::join!(scene.call("cms-1", 1, PARTICIPANT_CODE), scene.call("cms-2", 2, PARTICIPANT_CODE));

    assert_eq!(one.placed().conference, two.placed().conference);
    let orders: BTreeSet<_> = [one.placed().order, two.placed().order].into();
    assert_eq!(orders, [Nth(1), Nth(2)].into());
    assert_eq!(scene.store.conferences(&ConferenceFilter::default()).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_callers_at_once_are_all_in_by_few_commits() {
    let (scene, _mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;

    let calls = (0..300).map(|caller| {
        let server = if caller % 2 == 0 { "cms-1" } else { "cms-2" };
        scene.call(server, caller + 1, PARTICIPANT_CODE)
    });
    let callers = within("300 entries", futures::future::join_all(calls)).await;
    let commits = scene.version().await.0;

    let orders: BTreeSet<u32> = callers.iter().map(|caller| caller.placed().order.0).collect();
    assert_eq!(orders, (1..=300).collect());
    let conferences: BTreeSet<_> = callers.iter().map(|caller| caller.placed().conference).collect();
    assert_eq!(conferences.len(), 1);
    assert!(commits < 100, "{commits} commits");
}

#[tokio::test]
async fn the_store_is_loaded_before_the_mixer_is_asked_and_the_mixer_asked_before_the_vru_is_told() {
    let (scene, mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;

    let host = scene.call("cms-1", 1, HOST_CODE).await;

    let placed = host.placed();
    let ensured = mixer.orders().into_iter().any(|order| {
        matches!(order, Order::Ensure(mix) if mix.kind == MixKind::Conference
            && mix.conference == Some(placed.conference) && mix.mix == placed.mix.mix)
    });
    assert!(ensured, "{:?}", mixer.orders());
    assert_eq!(*mixer.too_early.lock(), [], "code, unique identifier and mixer were not in the store yet");
    let row = scene.store.conference(placed.conference).await.unwrap().unwrap();
    assert_eq!((row.mix, row.mixer), (placed.mix.mix, placed.mix.mixer.clone()));
}

#[tokio::test]
async fn a_ticket_names_the_mix_the_conferee_and_the_vru() {
    let (scene, _mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let host = scene.call("cms-1", 1, HOST_CODE).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = Timestamp(i64::try_from(now.as_millis()).unwrap());

    let ticket = scene.signer.verifier().verify(&host.placed().mix.ticket, now).unwrap();

    assert_eq!((ticket.mix, ticket.epoch), (host.placed().mix.mix, host.placed().mix.epoch));
    assert_eq!(ticket.leg_name, host.placed().conferee.into());
    assert_eq!(ticket.vru.as_str(), "vru-1");
}

#[tokio::test]
async fn a_participant_held_at_one_server_is_placed_by_the_hosts_arrival_at_another() {
    let (scene, mixer, _a, _b) = Scene::usual(EntryPolicy::Hold).await;
    let mut participant = scene.call("cms-1", 1, PARTICIPANT_CODE).await;
    assert_eq!(participant.now, Some(AttendDown::Held));
    assert!(mixer.orders().is_empty());

    let host = scene.call("cms-2", 2, HOST_CODE).await;
    participant.until("placed", |now| matches!(now, AttendDown::Placed(_))).await;

    assert_eq!(participant.placed().conference, host.placed().conference);
    assert_eq!((host.placed().order, participant.placed().order), (Nth(1), Nth(2)));
}

#[tokio::test]
async fn early_callers_share_a_lobby_and_the_host_moves_them_to_a_conference_of_its_own() {
    let (scene, mixer, _a, _b) = Scene::usual(EntryPolicy::Converse).await;
    let mut one = scene.call("cms-1", 1, PARTICIPANT_CODE).await;
    let two = scene.call("cms-2", 2, PARTICIPANT_CODE).await;
    let lobby = one.lobby().mix;
    assert_eq!(two.lobby().mix, lobby);

    let host = scene.call("cms-2", 3, HOST_CODE).await;
    one.until("placed", |now| matches!(now, AttendDown::Placed(_))).await;

    assert_eq!(one.placed().mix.mix, host.placed().mix.mix);
    assert_ne!(one.placed().mix.mix, lobby);
    eventually("the lobby's end", || {
        mixer.orders().iter().any(|order| matches!(order, Order::End(end) if end.mix == lobby))
    })
    .await;
}

#[tokio::test]
async fn an_entry_and_an_exit_are_heard_by_the_others_and_the_last_exit_ends_the_mix() {
    let (scene, mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let mut first = scene.call("cms-1", 1, PARTICIPANT_CODE).await;
    assert!(first.placed().is_alone);
    first.joins().await;
    scene.until_joined(first.placed().conference, 1).await;
    let mut second = scene.call("cms-2", 2, PARTICIPANT_CODE).await;
    first.until("company", |now| matches!(now, AttendDown::Placed(placed) if !placed.is_alone)).await;

    second.joins().await;
    eventually("the entry tone", || mixer.plays().iter().any(|play| play.sound == Sound::Entry)).await;
    second.leaves(LeaveReason::Keys).await;
    eventually("the exit tone", || mixer.plays().iter().any(|play| play.sound == Sound::Exit)).await;

    let mix = first.placed().mix.mix;
    first.leaves(LeaveReason::HungUp).await;
    eventually("the end", || {
        mixer.orders().iter().any(|order| matches!(order, Order::End(end) if end.mix == mix))
    })
    .await;
    assert_eq!(mixer.plays().len(), 2);
}

#[tokio::test]
async fn an_unknown_code_and_a_wrong_pin_are_refused_and_recorded() {
    let mut guarded = room(EntryPolicy::Start);
    guarded.host_pin = pin("9876");
    guarded.settings.has_host_pin = true;
    let mut scene = Scene::new(guarded).await;
    scene.mixer("mixer-1", false).await;
    let _server = scene.server("cms-1").await;

    let unknown = scene.call("cms-1", 1, "00000000").await;
    assert_eq!(unknown.now, Some(AttendDown::Refused(Refusal::UnknownCode)));
    let without = scene.call("cms-1", 2, HOST_CODE).await;
    assert_eq!(without.now, Some(AttendDown::Refused(Refusal::WrongPin)));
    let mut wrong = scene.hello(3, HOST_CODE);
    wrong.host_pin = pin("0000");
    let wrong = scene.attend("cms-1", wrong).await.unwrap();
    assert_eq!(wrong.now, Some(AttendDown::Refused(Refusal::WrongPin)));
    let mut right = scene.hello(4, HOST_CODE);
    right.host_pin = pin("9876");
    let right = scene.attend("cms-1", right).await.unwrap();

    assert_eq!(right.placed().order, Nth(1));
    assert_eq!(scene.store.attempts(10).await.unwrap().len(), 3);
}
