//! Calls from the INVITE to the BYE.

use std::net::SocketAddr;
use std::time::Duration;

use partyline_conference::{Epoch, Generation, LeaveReason, MixId, Refusal, RoomName};
use partyline_engine::{Attachment, LegId, MixKey, Treatment};
use partyline_rpc::conferencing::{AttendDown, AttendUp, JoinedMix};
use partyline_vru::{Application, DialledNumber, SessionRules, StartError, TurnedAway, Vru};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cluster::{CEILING, Cluster, placed, ticket};
use crate::phone::Phone;
use crate::store::{CODE, HOST_CODE, LOCKED_CODE, PIN, UNREADABLE_ROOM};

const JOINED: JoinedMix = JoinedMix { mix: MixId::from_bits(1), epoch: Epoch(1) };

/// A caller in the conference.
async fn placed_caller(cluster: &Cluster) -> Phone {
    let mut phone = Phone::new(cluster.sip()).await;
    assert_eq!(phone.invite(CODE).await, 200);
    cluster
        .roles
        .until("joined", |script| script.ups.contains(&AttendUp::Joined(JOINED)).then_some(()))
        .await;
    phone
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caller_keys_a_code_and_is_in_the_mix_until_they_hang_up() {
    let cluster = Cluster::start().await;
    let mut phone = Phone::new(cluster.sip()).await;
    assert_eq!(phone.invite("conference").await, 200);
    phone.press(CODE).await;
    phone.press("#").await;
    let hello = cluster.roles.until("hello", |script| script.hellos.first().cloned()).await;
    assert_eq!(hello.code.unwrap().reveal(), CODE);
    assert_eq!(hello.caller.display, "Test");
    let join = cluster.roles.until("join", |script| script.joins.first().cloned()).await;
    assert_eq!(join.leg.engine, cluster.engine.id().0);
    cluster
        .roles
        .until("joined", |script| script.ups.contains(&AttendUp::Joined(JOINED)).then_some(()))
        .await;
    phone.hang_up().await;
    let leave = cluster.roles.until("leave", |script| script.leaves.first().copied()).await;
    assert_eq!(leave.leg_name, join.leg_name);
    let left = AttendUp::Left(LeaveReason::HungUp);
    cluster.roles.until("left", |script| script.ups.contains(&left).then_some(())).await;
    let is_measured =
        |up: &AttendUp| matches!(up, AttendUp::Quality(quality) if quality.codec.as_str() == "PCMU");
    let ups = cluster.roles.change(|script| script.ups.clone());
    assert!(ups.iter().any(is_measured), "how it sounded comes first: {ups:?}");
    cluster.vru.stop().await;
    assert_eq!(cluster.engine.legs(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pound_nine_pound_leaves() {
    let cluster = Cluster::start().await;
    let mut phone = placed_caller(&cluster).await;
    phone.press("#9#").await;
    let left = AttendUp::Left(LeaveReason::Keys);
    cluster.roles.until("left", |script| script.ups.contains(&left).then_some(())).await;
    assert_eq!(phone.hung_up().await, "SIP;cause=200;text=\"left by keypad\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn host_gives_code_and_pin_in_one_go() {
    let cluster = Cluster::start().await;
    let mut phone = Phone::new(cluster.sip()).await;
    assert_eq!(phone.invite("conference").await, 200);
    phone.press(&format!("{HOST_CODE}*{PIN}#")).await;
    let hello = cluster.roles.until("hello", |script| script.hellos.first().cloned()).await;
    assert_eq!(hello.host_pin.unwrap().reveal(), PIN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dialled_right_code_is_refused_in_signalling() {
    let cluster = Cluster::start().await;
    for (refusal, status) in [(Refusal::Full, 486), (Refusal::Locked, 486), (Refusal::NoMixer, 480)] {
        cluster.roles.decide(AttendDown::Refused(refusal));
        assert_eq!(Phone::new(cluster.sip()).await.invite(CODE).await, status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locked_room_is_refused_by_the_vru_alone_and_reported() {
    let cluster = Cluster::start().await;
    assert_eq!(Phone::new(cluster.sip()).await.invite(LOCKED_CODE).await, 486);
    let reported = |report: &partyline_rpc::conferencing::AttemptReport| report.attempts.first().cloned();
    let attempt = cluster.roles.until("report", |script| script.reports.iter().find_map(reported)).await;
    assert_eq!(attempt.refusal, Refusal::Locked);
    assert_eq!(attempt.dnis, "", "a dialled code is shown to nobody");
    assert!(cluster.roles.change(|script| script.hellos.is_empty()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_dialled_with_a_pin_enters_the_host_and_is_shown_to_nobody() {
    let cluster = Cluster::start().await;
    assert_eq!(Phone::new(cluster.sip()).await.invite(&format!("{HOST_CODE}*{PIN}")).await, 200);
    let hello = cluster.roles.until("hello", |script| script.hellos.first().cloned()).await;
    assert_eq!(hello.host_pin.unwrap().reveal(), PIN);
    assert_eq!(Phone::new(cluster.sip()).await.invite("1111-2222").await, 486);
    let reported = |report: &partyline_rpc::conferencing::AttemptReport| report.attempts.first().cloned();
    let attempt = cluster.roles.until("report", |script| script.reports.iter().find_map(reported)).await;
    assert_eq!(attempt.dnis, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessers_who_are_kept_waiting_keep_nobody_else_out() {
    const GUESSERS: u64 = 40;
    let cluster = Cluster::start_with(|config| {
        config.guess_defence.free = 0;
        config.guess_defence.delay_ms = 60_000;
        config.guess_defence.delay_max_ms = 60_000;
    })
    .await;
    let mut guessers = tokio::task::JoinSet::new();
    for nth in 0..GUESSERS {
        let mut phone = Phone::at(&format!("127.0.3.{}", nth + 1), cluster.sip()).await;
        guessers.spawn(async move { phone.invite("99999999").await });
    }
    let waiting = async {
        while cluster.vru.sources().iter().map(|counts| counts.of(TurnedAway::WrongCode)).sum::<u64>()
            < GUESSERS
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(CEILING, waiting).await.expect("all have guessed");
    // Longer than any answer may wait for the machine.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(Phone::new(cluster.sip()).await.invite(CODE).await, 200);
    guessers.abort_all();
}

/// The number of a room.
fn number_of(room: &str) -> DialledNumber {
    DialledNumber { room: Some(RoomName::new(room).unwrap()), ..DialledNumber::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_of_other_rooms_are_wrong_guesses_at_a_rooms_number() {
    let cluster = Cluster::start_with(|config| {
        config.numbers.insert("board".to_owned(), number_of("board"));
        config.guess_defence.lockout_after = 2;
        config.guess_defence.delay_max_ms = 0;
    })
    .await;
    let mut phone = Phone::new(cluster.sip()).await;
    assert_eq!(phone.invite("board").await, 200);
    for _ in 0..3 {
        phone.press(CODE).await;
        phone.press("#").await;
    }
    assert_eq!(phone.hung_up().await, "SIP;cause=403;text=\"too many wrong codes\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn number_whose_room_can_not_be_read_says_so() {
    let cluster = Cluster::start_with(|config| {
        config.numbers.insert("board".to_owned(), number_of(UNREADABLE_ROOM));
    })
    .await;
    assert_eq!(Phone::new(cluster.sip()).await.invite("board").await, 480);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_wrong_codes_are_reported_and_the_caller_is_hung_up() {
    let cluster = Cluster::start().await;
    let mut phone = Phone::new(cluster.sip()).await;
    assert_eq!(phone.invite("99999999").await, 200, "a wrong dialled code is answered");
    phone.press("99999998#").await;
    phone.press("99999997#").await;
    assert_eq!(phone.hung_up().await, "SIP;cause=403;text=\"too many tries\"");
    let tries = |script: &crate::cluster::Script| {
        let tries: usize = script.reports.iter().map(|report| report.attempts.len()).sum();
        (tries == 3).then_some(())
    };
    cluster.roles.until("three reported tries", tries).await;
}

/// Shows RFC 3261 §13.3.1.1: who can't be answered soon is told of progress.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caller_who_has_to_wait_for_the_answer_is_told_that_it_rings() {
    let cluster = Cluster::start_with(|config| {
        config.guess_defence.free = 0;
        config.guess_defence.delay_ms = 3_000;
    })
    .await;
    let mut phone = Phone::new(cluster.sip()).await;
    assert_eq!(phone.invite("99999999").await, 200, "a wrong dialled code is answered");
    assert_eq!(phone.provisional(), [100, 180]);
}

/// Shows RFC 4028 §6: a session timer that is too short for the settings is refused with their least.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn session_timers_are_those_of_the_settings() {
    let timer = "Supported: timer\r\nSession-Expires: 60\r\n";
    let cluster = Cluster::start().await;
    let mut phone = Phone::new(cluster.sip()).await;
    phone.say(timer);
    assert_eq!((phone.invite("conference").await, phone.answered("Min-SE")), (422, "90".to_owned()));
    let [expires, min] = [100, 50].map(Duration::from_secs);
    for (session, granted) in
        [(None, ""), (Some(SessionRules { expires, min, is_required: false }), "60;refresher=uac")]
    {
        let cluster = Cluster::start_with(|config| config.session = session).await;
        let mut phone = Phone::new(cluster.sip()).await;
        phone.say(timer);
        assert_eq!(
            (phone.invite("conference").await, phone.answered("Session-Expires")),
            (200, granted.to_owned())
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn source_of_many_wrong_codes_is_locked_out_even_with_a_right_one() {
    let cluster = Cluster::start_with(|config| {
        config.guess_defence.lockout_after = 2;
        config.guess_defence.delay_max_ms = 0;
    })
    .await;
    let mut phone = Phone::new(cluster.sip()).await;
    assert_eq!(phone.invite("99999999").await, 200);
    phone.press("99999998#").await;
    phone.press(CODE).await;
    phone.press("#").await;
    assert_eq!(phone.hung_up().await, "SIP;cause=403;text=\"too many wrong codes\"");
    assert!(cluster.roles.change(|script| script.hellos.is_empty()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_guesser_behind_a_trunk_does_not_lock_the_others_out() {
    let cluster = Cluster::start_with(|config| {
        config.trusted_sources = vec!["127.0.0.0/8".parse().unwrap()];
        config.guess_defence.lockout_after = 2;
        config.guess_defence.delay_max_ms = 0;
    })
    .await;
    let mut guesser = Phone::new(cluster.sip()).await;
    assert_eq!(guesser.invite("conference").await, 200);
    guesser.press("99999999#").await;
    guesser.press("99999998#").await;
    guesser.press("99999997#").await;
    assert_eq!(guesser.hung_up().await, "SIP;cause=403;text=\"too many wrong codes\"");
    let mut other = Phone::new(cluster.sip()).await;
    assert_eq!(other.invite("conference").await, 200);
    other.press(CODE).await;
    other.press("#").await;
    cluster.roles.until("hello", |script| script.hellos.first().cloned()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_stream_is_attended_again_with_the_audio_still_up() {
    let cluster = Cluster::start().await;
    let mut phone = placed_caller(&cluster).await;
    cluster.roles.break_streams();
    let again = cluster.roles.until("second hello", |script| script.hellos.get(1).cloned()).await;
    assert_eq!(again.generation, Generation(2));
    assert_eq!(again.joined, Some(JOINED));
    assert_eq!(again.left, None);
    assert_eq!(cluster.roles.change(|script| script.joins.len()), 1);
    phone.hang_up().await;
    let left = AttendUp::Left(LeaveReason::HungUp);
    cluster.roles.until("left", |script| script.ups.contains(&left).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_that_nobody_heard_is_said_again_in_the_next_hello() {
    let cluster = Cluster::start().await;
    let mut phone = placed_caller(&cluster).await;
    cluster.roles.change(|script| script.decision = None);
    cluster.roles.break_streams();
    phone.hang_up().await;
    cluster.roles.decide(placed(1));
    cluster
        .roles
        .until("a hello that has left", |script| {
            script.hellos.iter().any(|hello| hello.left == Some(LeaveReason::HungUp)).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_join_is_tried_again_with_a_fresh_ticket() {
    let cluster = Cluster::start().await;
    cluster.roles.change(|script| script.refuses_joins = 1);
    let _phone = placed_caller(&cluster).await;
    assert_eq!(cluster.roles.change(|script| (script.joins.len(), script.hellos.len())), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mix_that_its_mixer_closes_is_lost_and_joined_again() {
    let cluster = Cluster::start().await;
    let _phone = placed_caller(&cluster).await;
    let leg = cluster.roles.change(|script| script.joins[0].leg.leg);
    let (leg, of_the_mixers_own) = (LegId(leg), MixKey(0xdead_beef));
    cluster.engine.open_mix(of_the_mixers_own, 2, Treatment::FULL).unwrap();
    let attachment = Attachment { uplink: true, downlink: true };
    cluster.engine.attach(leg, of_the_mixers_own, attachment).await.unwrap();
    cluster.engine.close_mix(of_the_mixers_own);
    let again = cluster.roles.until("second hello", |script| script.hellos.get(1).cloned()).await;
    assert_eq!(again.joined, None);
    cluster.roles.until("joined again", |script| script.joins.get(1).cloned()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_that_begins_on_hold_is_not_missed_while_another_without_rtp_is_hung_up() {
    let cluster = Cluster::start_with(|config| config.patience.no_rtp_max = Duration::from_secs(1)).await;
    let mut held = Phone::on_hold(cluster.sip()).await;
    assert_eq!(held.invite("conference").await, 200);
    let mut quiet = Phone::new(cluster.sip()).await;
    assert_eq!(quiet.invite("conference").await, 200);
    assert_eq!(quiet.hung_up().await, "SIP;cause=408;text=\"no RTP received\"");
    held.press("1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_without_a_leg_is_asked_to_come_back_later() {
    let cluster = Cluster::start().await;
    let legs: Vec<_> = std::iter::from_fn(|| cluster.engine.open_leg([127, 0, 0, 1].into()).ok()).collect();
    assert!(!legs.is_empty());
    let mut phone = Phone::new(cluster.sip()).await;
    assert_eq!(phone.invite("conference").await, 503);
    assert_eq!(phone.answered("Retry-After"), "5");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_caller_is_moved_and_the_lobby_is_left() {
    let cluster = Cluster::start().await;
    cluster.roles.decide(AttendDown::ConnectedForNow(ticket(9)));
    let mut phone = Phone::new(cluster.sip()).await;
    assert_eq!(phone.invite(CODE).await, 200);
    let in_lobby = AttendUp::Joined(JoinedMix { mix: MixId::from_bits(9), epoch: Epoch(1) });
    cluster.roles.until("in the lobby", |script| script.ups.contains(&in_lobby).then_some(())).await;
    cluster.roles.tell(&placed(1));
    cluster.roles.until("moved", |script| script.ups.contains(&AttendUp::Joined(JOINED)).then_some(())).await;
    let leave = cluster.roles.until("leave", |script| script.leaves.first().copied()).await;
    assert_eq!(leave.mix, MixId::from_bits(9));
    let names = cluster.roles.change(|script| (script.joins[0].leg_name, script.joins[1].leg_name));
    assert_eq!(leave.leg_name, names.0);
    assert_ne!(names.0, names.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removed_caller_is_hung_up_with_the_reason() {
    let cluster = Cluster::start().await;
    let mut phone = placed_caller(&cluster).await;
    cluster.roles.tell(&AttendDown::Removed(LeaveReason::Deleted));
    assert_eq!(phone.hung_up().await, "SIP;cause=200;text=\"removed by host\"");
    assert_eq!(cluster.roles.change(|script| script.hellos.len()), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_vru_says_goodbye_and_its_callers_have_left() {
    let cluster = Cluster::start().await;
    let mut phone = placed_caller(&cluster).await;
    let address = cluster.sip();
    let (reason, ()) = tokio::join!(phone.hung_up(), cluster.vru.stop());
    assert_eq!(reason, "SIP;cause=503;text=\"service is stopping\"");
    assert!(cluster.roles.change(|script| script.ups.contains(&AttendUp::Left(LeaveReason::Shutdown))));
    assert_eq!(cluster.engine.legs(), 0);
    assert!(std::net::UdpSocket::bind(address).is_ok(), "the port is free again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vru_that_is_full_takes_no_calls_at_all() {
    let cluster = Cluster::start_with(|config| config.calls_max = 1).await;
    let _phone = placed_caller(&cluster).await;
    assert_eq!(Phone::new(cluster.sip()).await.invite(CODE).await, 503);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn line_test_runs_to_its_end() {
    let cluster = Cluster::start_with(|config| {
        let number = DialledNumber { application: Application::Linetest, ..DialledNumber::default() };
        config.numbers.insert("600".to_owned(), number);
    })
    .await;
    let mut phone = Phone::new(cluster.sip()).await;
    assert_eq!(phone.invite("600").await, 200);
    assert_eq!(phone.hung_up().await, "SIP;cause=200;text=\"line test done\"");
    let done = cluster
        .roles
        .until("all steps", |script| script.steps_done.get(2).map(|_| script.steps_done.clone()));
    let numbers: Vec<u32> = done.await.iter().map(|done| done.step).collect();
    assert_eq!(numbers, [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_in_pieces_over_tcp_are_answered() {
    let cluster = Cluster::start().await;
    let mut stream = TcpStream::connect(cluster.sip()).await.unwrap();
    let local: SocketAddr = stream.local_addr().unwrap();
    let request = format!(
        "OPTIONS sip:x@{} SIP/2.0\r\nVia: SIP/2.0/TCP {local};branch=z9hG4bKo\r\nMax-Forwards: 70\r\n\
         From: <sip:a@{local}>;tag=1\r\nTo: <sip:x@b>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
        cluster.sip(),
    );
    for piece in request.as_bytes().chunks(50) {
        stream.write_all(piece).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = vec![0; 2048];
    let read = tokio::time::timeout(CEILING, stream.read(&mut answer)).await.unwrap().unwrap();
    assert!(answer[..read].starts_with(b"SIP/2.0 200"), "{}", String::from_utf8_lossy(&answer[..read]));
}

/// Shows RFC 3261 §11.2: OPTIONS tells what may be sent, and what is not told is refused by its name.
/// Shows RFC 6665 §4.2.1.1: without any package a SUBSCRIBE is 489.
/// Shows RFC 3515 §2.4.2: where nobody may refer a REFER is 403.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_says_what_it_does_and_does_no_more() {
    let cluster = Cluster::start().await;
    let mut stream = TcpStream::connect(cluster.sip()).await.unwrap();
    let local: SocketAddr = stream.local_addr().unwrap();
    let mut answers = Vec::new();
    for (method, more) in [
        ("OPTIONS", ""),
        ("SUBSCRIBE", "Event: conference\r\n"),
        ("REFER", "Refer-To: <sip:1234@b>\r\n"),
        ("NOTIFY", "Event: refer\r\nSubscription-State: active\r\n"),
    ] {
        let request = format!(
            "{method} sip:x@{} SIP/2.0\r\nVia: SIP/2.0/TCP {local};branch=z9hG4bK{method}\r\nMax-Forwards: 70\r\n\
             From: <sip:a@{local}>;tag=1\r\nTo: <sip:x@b>\r\nCall-ID: {method}\r\nCSeq: 1 {method}\r\n\
             Contact: <sip:a@{local};transport=tcp>\r\n{more}Content-Length: 0\r\n\r\n",
            cluster.sip(),
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        while !answer.ends_with("\r\n\r\n") {
            let mut piece = vec![0; 2048];
            let read = tokio::time::timeout(CEILING, stream.read(&mut piece)).await.unwrap().unwrap();
            assert!(read > 0, "{answer}");
            answer.push_str(std::str::from_utf8(&piece[..read]).unwrap());
        }
        answers.push(answer);
    }
    let statuses: Vec<_> = answers.iter().map(|answer| answer.get(8..11).unwrap()).collect();
    assert_eq!(statuses, ["200", "489", "403", "481"]);
    let told = |answer: usize, header: &str| {
        answers[answer]
            .lines()
            .find_map(|line| line.strip_prefix(header)?.strip_prefix(": ").map(str::to_owned))
    };
    let methods = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK";
    for answer in 0..answers.len() {
        assert_eq!(told(answer, "Allow").as_deref(), Some(methods));
        assert_eq!(told(answer, "Allow-Events"), None, "there is no event to list");
    }
    assert_eq!(told(0, "Supported").as_deref(), Some("100rel, timer"));
    let accept = "application/sdp, multipart/mixed, application/dtmf-relay, application/dtmf";
    assert_eq!(told(0, "Accept").as_deref(), Some(accept));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lease_is_renewed_and_says_that_the_vru_is_ready() {
    let cluster = Cluster::start().await;
    cluster.roles.until("two renewals", |script| (script.renewals >= 2).then_some(())).await;
    assert!(cluster.vru.is_ready());
}

#[tokio::test]
async fn vru_without_an_address_does_not_start() {
    let cluster = Cluster::start().await;
    let started = |listen: Vec<SocketAddr>| {
        let config = partyline_vru::Config { sip_listen: listen, ..partyline_vru::Config::default() };
        let library = partyline_vru::PromptLibrary::new();
        let store = std::sync::Arc::new(crate::store::Codes::default());
        Vru::start(config, partyline_rpc::Network::new(), cluster.engine.clone(), store, library, vec![])
    };
    assert!(matches!(started(vec![]), Err(StartError::NoAddress)));
    assert!(matches!(started(vec![cluster.sip()]), Err(StartError::Bind { .. })));
    assert_eq!(cluster.vru.counters().await.tasks, 0);
    assert!(tokio::time::timeout(Duration::from_secs(5), cluster.vru.stop()).await.is_ok());
}
