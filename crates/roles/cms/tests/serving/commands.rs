//! Commands through the RPC: who may, what the callers are told, and what the mixer hears of it.

use partyline_conference::{
    AttendanceId, Command, CommandAnswer, CommandId, CommandRefusal, ConferenceCode, EntryPolicy, Epoch,
    EventKind, EventSequence, Floor, HostPin, LeaveReason, Mute, Refusal, Role, RoomId, Timestamp,
};
use partyline_rpc::conferencing::{AttendDown, CommandOrder, MixTicket, Placed, command_answer};
use partyline_rpc::generated::conferencing as wire;
use partyline_rpc::mixing::SetLeg;
use partyline_rpc::{Ticket, TicketSigner};
use partyline_store::StoreReader;

use crate::scene::{Caller, HOST_CODE, NotingMixer, Order, PARTICIPANT_CODE, Scene, eventually, room};

const ROOM: RoomId = RoomId::from_bits(77);

pub(crate) async fn command(
    scene: &Scene,
    server: &str,
    id: u128,
    by: u128,
    command: Command,
) -> CommandAnswer {
    ask(scene, server, id, Some(AttendanceId::from_bits(by)), command).await
}

async fn ask(
    scene: &Scene,
    server: &str,
    id: u128,
    by: Option<AttendanceId>,
    command: Command,
) -> CommandAnswer {
    let order = CommandOrder { id: CommandId::from_bits(id), room: ROOM, by, command };
    let reply = scene.client(server).command(wire::CommandRequest::from(order)).await.unwrap();
    command_answer(&reply.into_inner()).unwrap()
}

fn sets(mixer: &NotingMixer) -> Vec<SetLeg> {
    let set = |order| if let Order::Set(set) = order { Some(set) } else { None };
    mixer.orders().into_iter().filter_map(set).collect()
}

fn ticket(signer: &TicketSigner, mix: &MixTicket) -> Ticket {
    let issued = Timestamp(i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap());
    signer.verifier().verify(&mix.ticket, issued).unwrap()
}

fn is(holds: impl Fn(&Placed) -> bool) -> impl Fn(&AttendDown) -> bool {
    move |now| matches!(now, AttendDown::Placed(placed) if holds(placed))
}

async fn until_muted(caller: &mut Caller, why: Mute) {
    caller.until("the mute", is(|placed| placed.controls.mute == why)).await;
}

#[tokio::test]
async fn a_host_mutes_one_and_the_mixer_is_told_of_that_one_alone() {
    let (scene, mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let mut host = scene.call("cms-1", 1, HOST_CODE).await;
    let mut guest = scene.call("cms-1", 2, PARTICIPANT_CODE).await;
    let _other = scene.call("cms-2", 3, PARTICIPANT_CODE).await;
    let conferee = guest.placed().conferee;

    let muted = Command::SetMuted { conferee, muted: true };
    assert_eq!(command(&scene, "cms-2", 8, 3, muted.clone()).await, Err(CommandRefusal::NotAllowed));
    assert!(sets(&mixer).is_empty());
    assert_eq!(command(&scene, "cms-2", 9, 1, muted).await, Ok(()));

    until_muted(&mut guest, Mute::ByHost).await;
    assert!(!guest.placed().controls.may_unmute);
    eventually("the mixer is told", || !sets(&mixer).is_empty()).await;
    let told = sets(&mixer);
    assert!(told.iter().all(|set| set.attendance == AttendanceId::from_bits(2) && set.is_muted), "{told:?}");
    assert!(told.iter().all(|set| set.version == told[0].version && !set.is_removed), "{told:?}");

    let own = Command::SetMuted { conferee, muted: false };
    assert_eq!(command(&scene, "cms-1", 10, 2, own.clone()).await, Err(CommandRefusal::Floor));
    assert_eq!(command(&scene, "cms-1", 11, 1, own).await, Ok(()));
    until_muted(&mut guest, Mute::None).await;
    eventually("the mixer is told", || sets(&mixer).iter().any(|set| !set.is_muted)).await;
    let last = sets(&mixer).into_iter().max_by_key(|set| set.version).unwrap();
    assert!(!last.is_muted && last.version > told[0].version);
    host.until("nothing changed for the host", is(|placed| placed.controls.mute == Mute::None)).await;
}

#[tokio::test]
async fn a_lecture_silences_who_is_there_and_who_comes_later_by_their_ticket() {
    let (scene, mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let mut host = scene.call("cms-1", 1, HOST_CODE).await;
    let mut guests =
        [scene.call("cms-1", 2, PARTICIPANT_CODE).await, scene.call("cms-2", 3, PARTICIPANT_CODE).await];
    let lecture = Command::SetFloor { floor: Floor::Lecture };
    assert_eq!(command(&scene, "cms-1", 9, 1, lecture).await, Ok(()));
    for guest in &mut guests {
        until_muted(guest, Mute::ByFloor).await;
    }
    host.until("a lecture", is(|placed| placed.controls.floor == Floor::Lecture)).await;
    assert_eq!(host.placed().controls.mute, Mute::None);
    eventually("both are silenced", || {
        [2, 3]
            .map(AttendanceId::from_bits)
            .iter()
            .all(|guest| sets(&mixer).iter().any(|set| set.attendance == *guest && set.is_muted))
    })
    .await;
    assert!(sets(&mixer).iter().all(|set| set.attendance != AttendanceId::from_bits(1)));

    let late = scene.call("cms-2", 4, PARTICIPANT_CODE).await;
    assert_eq!(late.placed().controls.mute, Mute::ByFloor);
    assert!(ticket(&scene.signer, &late.placed().mix).is_muted);
    let host_late = scene.call("cms-2", 5, HOST_CODE).await;
    assert!(!ticket(&scene.signer, &host_late.placed().mix).is_muted);
}

#[tokio::test]
async fn a_mute_survives_the_loss_of_the_mixer() {
    let (scene, _mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let mut host = scene.call("cms-1", 1, HOST_CODE).await;
    let mut guest = scene.call("cms-2", 2, PARTICIPANT_CODE).await;
    let muted = Command::SetMuted { conferee: guest.placed().conferee, muted: true };
    command(&scene, "cms-1", 9, 1, muted).await.unwrap();
    until_muted(&mut guest, Mute::ByHost).await;
    let before = ticket(&scene.signer, &guest.placed().mix);

    scene.lease_of("mixer-1", "first", true).await;
    scene.until_waiting_for_a_mixer().await;
    scene.lease_of("mixer-1", "second", false).await;
    for caller in [&mut host, &mut guest] {
        caller.until("the mixer is back", is(|placed| placed.mix.epoch == Epoch(2))).await;
    }
    let after = ticket(&scene.signer, &guest.placed().mix);
    assert_eq!((after.epoch, after.is_muted), (Epoch(2), true));
    assert_eq!(after.voice_version, before.voice_version);
    assert_eq!(guest.placed().controls.mute, Mute::ByHost);
    assert!(!ticket(&scene.signer, &host.placed().mix).is_muted);
}

#[tokio::test]
async fn who_attends_again_has_the_mixer_told_of_their_mute_once_more() {
    let (scene, mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let _host = scene.call("cms-1", 1, HOST_CODE).await;
    let mut guest = scene.call("cms-1", 2, PARTICIPANT_CODE).await;
    let muted = Command::SetMuted { conferee: guest.placed().conferee, muted: true };
    command(&scene, "cms-1", 9, 2, muted).await.unwrap();
    until_muted(&mut guest, Mute::Oneself).await;
    eventually("the mixer is told", || !sets(&mixer).is_empty()).await;
    drop(guest);
    mixer.orders.lock().clear();

    let mut again = scene.hello(2, PARTICIPANT_CODE);
    again.generation = partyline_conference::Generation(2);
    let again = scene.attend("cms-2", again).await.unwrap();
    assert_eq!(again.placed().controls.mute, Mute::Oneself);
    eventually("the mixer is told again", || sets(&mixer).iter().any(|set| set.is_muted)).await;
}

#[tokio::test]
async fn who_is_deleted_hears_so_is_taken_out_at_the_mixer_and_stays_out_where_the_room_says_so() {
    for stays_out in [false, true] {
        let mut wanted = room(EntryPolicy::Start);
        wanted.settings.deleted_stay_out = stays_out;
        let mut scene = Scene::new(wanted).await;
        let mixer = scene.mixer("mixer-1", false).await;
        let _server = scene.server("cms-1").await;
        let _host = scene.call("cms-1", 1, HOST_CODE).await;
        let mut guest = scene.call("cms-1", 2, PARTICIPANT_CODE).await;
        let delete = Command::Delete { conferee: guest.placed().conferee };
        assert_eq!(command(&scene, "cms-1", 9, 1, delete).await, Ok(()));
        guest.until("removed", |now| *now == AttendDown::Removed(LeaveReason::Deleted)).await;
        eventually("taken out", || sets(&mixer).iter().any(|set| set.is_removed)).await;
        assert!(sets(&mixer).iter().all(|set| set.attendance == AttendanceId::from_bits(2)));

        let mut back = scene.hello(3, PARTICIPANT_CODE);
        back.caller.number = "492".to_owned();
        let back = scene.attend("cms-1", back).await.unwrap();
        let is_refused = back.now == Some(AttendDown::Refused(Refusal::Deleted));
        assert_eq!(is_refused, stays_out);
    }
}

#[tokio::test]
async fn the_hosts_code_makes_a_participant_a_host_and_wrong_ones_are_on_record_and_lock_out() {
    let mut wanted = room(EntryPolicy::Start);
    wanted.host_pin = Some(HostPin::parse("4711").unwrap());
    let mut scene = Scene::new(wanted).await;
    scene.mixer("mixer-1", false).await;
    let _server = scene.server("cms-1").await;
    let guest = scene.call("cms-1", 2, PARTICIPANT_CODE).await;
    let claim = |code: &str, pin: Option<&str>| Command::BecomeHost {
        code: ConferenceCode::parse(code).unwrap(),
        pin: pin.map(|pin| HostPin::parse(pin).unwrap()),
    };
    let wrong = [claim("99999999", None), claim(PARTICIPANT_CODE, Some("4711")), claim(HOST_CODE, None)];
    for (id, claim) in (10..).zip(wrong) {
        for _ in 0..2 {
            let answer = command(&scene, "cms-1", id, 2, claim.clone()).await;
            assert_eq!(answer, Err(CommandRefusal::WrongCode));
        }
    }
    let guesses: Vec<_> = scene.store.attempts(10).await.unwrap();
    assert_eq!(guesses.len(), 3, "each once: {guesses:?}");
    assert_eq!(guesses.iter().filter(|guess| guess.refusal == Refusal::WrongPin).count(), 1);
    assert!(guesses.iter().all(|guess| guess.caller_number == "492" && guess.room == Some(ROOM)));
    assert_eq!(guest.placed().role, Role::Participant);
    let right = claim(HOST_CODE, Some("4711"));
    let locked_out = command(&scene, "cms-1", 20, 2, right.clone()).await;
    assert_eq!(locked_out, Err(CommandRefusal::LockedOut), "whatever the VRU lets through");

    let mut other = scene.call("cms-1", 3, PARTICIPANT_CODE).await;
    assert_eq!(command(&scene, "cms-1", 21, 3, right).await, Ok(()));
    other.until("host", is(|placed| placed.role == Role::Host)).await;
    assert_eq!(command(&scene, "cms-1", 22, 3, Command::SetLock { locked: true }).await, Ok(()));
}

#[tokio::test]
async fn a_host_admits_from_the_waiting_room_past_a_lock_and_turns_another_away() {
    let mut wanted = room(EntryPolicy::Hold);
    wanted.settings.waiting_room = true;
    let mut scene = Scene::new(wanted).await;
    scene.mixer("mixer-1", false).await;
    let (_a, _b) = (scene.server("cms-1").await, scene.server("cms-2").await);
    let mut early = scene.call("cms-1", 2, PARTICIPANT_CODE).await;
    assert_eq!(early.now, Some(AttendDown::InWaitingRoom));
    let mut host = scene.call("cms-2", 1, HOST_CODE).await;
    let mut late = scene.call("cms-1", 3, PARTICIPANT_CODE).await;
    assert_eq!(late.now, Some(AttendDown::InWaitingRoom));
    host.until("two wait", is(|placed| placed.controls.waiting == 2)).await;
    let waiting = scene.store.waiting(ROOM).await.unwrap();
    assert_eq!(waiting.iter().map(|entry| entry.attendance.bits()).collect::<Vec<_>>(), [2, 3]);

    assert_eq!(command(&scene, "cms-2", 8, 1, Command::SetLock { locked: true }).await, Ok(()));
    let (admitted, away) = (waiting[0].attendance, waiting[1].attendance);
    assert_eq!(command(&scene, "cms-2", 9, 1, Command::Admit { attendance: admitted }).await, Ok(()));
    early.until("let in", is(|placed| placed.order.0 == 2)).await;
    assert_eq!(command(&scene, "cms-2", 10, 1, Command::TurnAway { attendance: away }).await, Ok(()));
    late.until("sent away", |now| *now == AttendDown::Removed(LeaveReason::TurnedAway)).await;
    host.until("nobody waits", is(|placed| placed.controls.waiting == 0)).await;
}

#[tokio::test]
async fn everybody_else_is_dropped_and_each_is_told() {
    let (scene, mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let mut host = scene.call("cms-1", 1, HOST_CODE).await;
    let mut others =
        [scene.call("cms-2", 2, HOST_CODE).await, scene.call("cms-1", 3, PARTICIPANT_CODE).await];
    assert_eq!(command(&scene, "cms-1", 9, 1, Command::DropOthers { stays: None }).await, Ok(()));
    for other in &mut others {
        other.until("dropped", |now| *now == AttendDown::Removed(LeaveReason::Dropped)).await;
    }
    host.until("alone", is(|placed| placed.is_alone)).await;
    // The mixer lets them go whatever their VRUs do, and nobody else.
    let taken_out = || {
        let mut callers: Vec<u128> =
            sets(&mixer).iter().filter(|set| set.is_removed).map(|set| set.attendance.bits()).collect();
        callers.sort_unstable();
        callers
    };
    eventually("taken out", || taken_out().len() >= 2).await;
    assert_eq!(taken_out(), [2, 3]);
}

#[tokio::test]
async fn the_console_sends_everybody_away_but_the_one_whom_it_names() {
    let (scene, mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let mut stays = scene.call("cms-1", 1, HOST_CODE).await;
    let mut other = scene.call("cms-2", 2, PARTICIPANT_CODE).await;
    let nobody = Some(partyline_conference::ConfereeId::from_bits(99));
    let named = Some(stays.placed().conferee);
    for (id, stays, answer) in [
        (8, None, Err(CommandRefusal::NotAllowed)),
        (9, nobody, Err(CommandRefusal::NotThere)),
        (10, named, Ok(())),
    ] {
        assert_eq!(ask(&scene, "cms-1", id, None, Command::DropOthers { stays }).await, answer);
    }
    other.until("dropped", |now| *now == AttendDown::Removed(LeaveReason::Dropped)).await;
    stays.until("alone", is(|placed| placed.is_alone)).await;
    eventually("taken out", || sets(&mixer).iter().any(|set| set.is_removed)).await;
    assert!(sets(&mixer).iter().all(|set| set.attendance == AttendanceId::from_bits(2)));
}

#[tokio::test]
async fn every_command_and_every_refusal_is_an_event_with_who_and_what() {
    let (scene, _mixer, _a, _b) = Scene::usual(EntryPolicy::Start).await;
    let _host = scene.call("cms-1", 1, HOST_CODE).await;
    let guest = scene.call("cms-1", 2, PARTICIPANT_CODE).await;
    let hand = Command::SetHand { raised: true };
    let mute = Command::SetMuted { conferee: guest.placed().conferee, muted: true };
    for (id, by, command_given, answer) in [
        (8, 2, hand.clone(), Ok(())),
        (9, 2, Command::DropOthers { stays: None }, Err(CommandRefusal::NotAllowed)),
        (10, 1, mute.clone(), Ok(())),
    ] {
        assert_eq!(command(&scene, "cms-1", id, by, command_given).await, answer);
    }
    let events = scene.store.events(ROOM, EventSequence(0), 100).await.unwrap().events;
    let given: Vec<_> = events
        .into_iter()
        .filter_map(|event| {
            let EventKind::Commanded { command, by, answer } = event.kind else { return None };
            Some((command, by.map(AttendanceId::bits), answer))
        })
        .collect();
    let refused = Err(CommandRefusal::NotAllowed);
    assert_eq!(
        given,
        [
            (hand.note(), Some(2), Ok(())),
            (Command::DropOthers { stays: None }.note(), Some(2), refused),
            (mute.note(), Some(1), Ok(())),
        ]
    );
}
