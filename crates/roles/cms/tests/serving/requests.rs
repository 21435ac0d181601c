//! Commands, reports, leases, and what is not understood.

use partyline_conference::{
    AttemptId, AttendanceId, Command, CommandId, CommandRefusal, EntryPolicy, Refusal, RoomId, Timestamp,
    VoiceCare, VruId,
};
use partyline_rpc::conferencing::{
    AttemptReport, AttendDown, AttendUp, CommandOrder, JoinedMix, RefusedTry, command_answer,
};
use partyline_rpc::generated::conferencing as wire;
use partyline_rpc::leases::VruRenewal;
use partyline_rpc::{Address, clients};
use partyline_store::{RoomChanges, Store, StoreReader};
use tonic::Code;

use crate::scene::{HOST_CODE, Order, PARTICIPANT_CODE, Scene, eventually, within};

fn order(id: u128, by: u128, locked: bool) -> CommandOrder {
    CommandOrder {
        id: CommandId::from_bits(id),
        room: RoomId::from_bits(77),
        by: Some(AttendanceId::from_bits(by)),
        command: Command::SetLock { locked },
    }
}

#[tokio::test]
async fn a_lock_refuses_the_next_participant_and_a_repeat_gets_the_first_answer() {
    let (scene, _mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let mut host = scene.call("cms-1", 1, HOST_CODE).await;
    let _guest = scene.call("cms-1", 2, PARTICIPANT_CODE).await;
    let mut client = scene.client("cms-2");

    let by_guest = client.command(wire::CommandRequest::from(order(8, 2, true))).await.unwrap().into_inner();
    assert_eq!(command_answer(&by_guest), Ok(Err(CommandRefusal::NotAllowed)));
    let by_host = client.command(wire::CommandRequest::from(order(9, 1, true))).await.unwrap().into_inner();
    assert_eq!(command_answer(&by_host), Ok(Ok(())));
    host.until("locked", |now| matches!(now, AttendDown::Placed(placed) if placed.is_locked)).await;
    let late = scene.call("cms-1", 3, PARTICIPANT_CODE).await;
    assert_eq!(late.now, Some(AttendDown::Refused(Refusal::Locked)));

    let before = scene.version().await;
    // The same command again, whatever it says now.
    let again = scene.client("cms-1").command(wire::CommandRequest::from(order(9, 1, false))).await.unwrap();
    assert_eq!(command_answer(&again.into_inner()), Ok(Ok(())));
    assert_eq!(scene.version().await, before);
}

#[tokio::test]
async fn a_report_of_refused_tries_is_recorded_once() {
    let (scene, _mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let refused = RefusedTry {
        id: AttemptId::from_bits(5),
        at: Timestamp(1000),
        refusal: Refusal::UnknownCode,
        caller_number: "123".to_owned(),
        dnis: "800".to_owned(),
        source: "127.0.0.1".to_owned(),
        room: None,
    };
    let vru = VruId::new("vru-1").unwrap();
    let report = AttemptReport { vru, attempts: vec![refused], overflowed: 0 };
    for server in ["cms-1", "cms-2"] {
        let request = wire::ReportAttemptsRequest::from(report.clone());
        scene.client(server).report_attempts(request).await.unwrap();
    }
    assert_eq!(scene.store.attempts(10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_vru_that_starts_anew_leaves_its_earlier_calls_absent() {
    let (scene, _mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let mut leases = clients::leases(scene.network.channel(&Address::memory("cms-2")));
    let renewal = |instance: &str| VruRenewal {
        id: VruId::new("vru-1").unwrap(),
        counter: 1,
        instance: instance.to_owned(),
    };
    leases.renew_vru(wire::RenewVruRequest::from(renewal("one"))).await.unwrap();
    let caller = scene.call("cms-1", 1, PARTICIPANT_CODE).await;
    let conference = caller.placed().conference;
    leases.renew_vru(wire::RenewVruRequest::from(renewal("one"))).await.unwrap();
    let record = scene.store.conference(conference).await.unwrap().unwrap();
    assert_eq!(record.conferees[0].state, "placed");

    leases.renew_vru(wire::RenewVruRequest::from(renewal("two"))).await.unwrap();

    let record = scene.store.conference(conference).await.unwrap().unwrap();
    assert_eq!(record.conferees[0].state, "absent");
}

#[tokio::test]
async fn what_is_no_hello_is_refused_by_name_and_the_room_stays_as_it_was() {
    use tokio_stream::iter;
    let (scene, _mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let mut client = scene.client("cms-1");
    let mut nameless = wire::Hello::from(scene.hello(1, PARTICIPANT_CODE));
    nameless.attendance_id = "no identifier".to_owned();
    let nameless = wire::AttendUp { up: Some(wire::attend_up::Up::Hello(nameless)) };
    let early =
        JoinedMix { mix: partyline_conference::MixId::from_bits(1), epoch: partyline_conference::Epoch(1) };
    let early = wire::AttendUp::from(AttendUp::Joined(early));

    for (message, named) in [(nameless, "attendance_id"), (early, "hello"), (wire::AttendUp::default(), "up")]
    {
        let refused = within("a refusal", client.attend(iter([message]))).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(named), "{refused}");
    }
    assert!(scene.store.conferences(&Default::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_mixer_is_told_what_a_room_wants_for_voices_at_first_and_when_it_changes() {
    let (scene, mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let words = || {
        let word =
            |order| if let Order::Ensure(mix) = order { Some((mix.voices, mix.version)) } else { None };
        mixer.orders().into_iter().filter_map(word).collect::<Vec<_>>()
    };
    let _host = scene.call("cms-1", 1, HOST_CODE).await;
    let first = words();
    assert!(
        !first.is_empty() && first.iter().all(|(voices, _)| *voices == VoiceCare::default()),
        "{first:?}"
    );
    let changes = RoomChanges { noise_suppression: Some(true), agc: Some(false), ..RoomChanges::default() };
    let version = scene.store.change_room(RoomId::from_bits(77), &changes).await.unwrap().version;
    let wanted = VoiceCare { noise_suppression: true, agc: false };
    eventually("the mixer is told", || words().last() == Some(&(wanted, version.0))).await;
    // What it knows it is not told again.
    let told = words().len();
    let renamed = RoomChanges { music: Some(true), ..RoomChanges::default() };
    scene.store.change_room(RoomId::from_bits(77), &renamed).await.unwrap();
    let _guest = scene.call("cms-1", 2, PARTICIPANT_CODE).await;
    assert_eq!(words().len(), told);
}
