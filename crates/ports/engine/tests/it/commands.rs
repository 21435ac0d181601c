//! What can be commanded, and what is refused.

use std::net::UdpSocket;
use std::time::Duration;

use partyline_audio::{Program, Step};
use partyline_codec::Codec;
use partyline_engine::{
    Attachment, Engine, EngineConfig, EngineError, FormatDetails, IoChoice, LegEvent, LegId, LegMedia,
    MediaTransport, MixKey, OpenLegError, PlayId, Scheduling, StartError, Treatment,
};

use crate::phone::{Call, LOCAL, Phone, engine, eventually};

const BOTH: Attachment = Attachment { uplink: true, downlink: true };

fn silence(milliseconds: u64) -> Program {
    Program { steps: vec![Step::Silence(Duration::from_millis(milliseconds))], repeats: false }
}

#[test]
fn a_range_without_a_pair_of_ports_starts_nothing() {
    let config =
        EngineConfig { threads: Some(1), rtp_ports: (5_001, 5_002), legs_max: 1, io: IoChoice::Auto };
    assert!(matches!(Engine::start(&config), Err(StartError::Ports { first: 5_001, last: 5_002 })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_leg_gives_its_ports_and_its_place_back() {
    let config =
        EngineConfig { threads: Some(1), rtp_ports: (20_000, 59_999), legs_max: 1, io: IoChoice::Auto };
    let engine = Engine::start_scheduled(&config, Scheduling { pins: false, priority: None }).unwrap();
    let call = Call::new(&engine, None);
    let port = call.leg.local_port();
    assert_eq!(engine.legs(), 1);
    assert!(matches!(engine.open_leg(LOCAL), Err(OpenLegError::Full(1))));
    drop(call);
    assert_eq!(engine.legs(), 0);
    eventually("the port is free", || UdpSocket::bind((LOCAL, port)).ok());
    assert!(engine.open_leg(LOCAL).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_legs_and_mixes_and_full_mixes_are_refused() {
    let engine = engine(2);
    let (first, second) = (Call::new(&engine, None), Call::new(&engine, None));
    let mix = MixKey(9);
    assert_eq!(engine.attach(first.leg.id(), mix, BOTH).await, Err(EngineError::NoMix));
    engine.open_mix(mix, 1, Treatment::FULL).unwrap();
    engine.open_mix(mix, 5, Treatment::FULL).unwrap();
    assert_eq!(engine.mixes(), 1);
    assert_eq!(engine.attach(LegId(999), mix, BOTH).await, Err(EngineError::NoLeg));
    assert_eq!(engine.attach(first.leg.id(), mix, BOTH).await, Ok(()));
    assert_eq!(engine.attach(first.leg.id(), mix, BOTH).await, Ok(()));
    assert_eq!(engine.attach(second.leg.id(), mix, BOTH).await, Err(EngineError::MixFull));
    engine.detach(first.leg.id(), mix);
    engine.detach(second.leg.id(), mix);
    let start = std::time::Instant::now();
    while engine.attach(second.leg.id(), mix, BOTH).await.is_err() {
        assert!(start.elapsed() < crate::phone::CEILING, "the seat is free again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn legs_of_a_closed_mix_are_told_and_go_on() {
    let engine = engine(2);
    let mix = MixKey(10);
    engine.open_mix(mix, 5, Treatment::FULL).unwrap();
    let mut call = Call::new(&engine, None);
    engine.attach(call.leg.id(), mix, BOTH).await.unwrap();
    engine.close_mix(mix);
    call.event("the mix is closed", |event| *event == LegEvent::MixClosed(mix)).await;
    assert_eq!(engine.mixes(), 0);
    assert!(call.phone.listen().level() < -60.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leg_that_left_its_mix_for_a_full_one_on_another_thread_is_told() {
    let engine = engine(2);
    let (old, full) = (MixKey(11), MixKey(12));
    engine.open_mix(old, 5, Treatment::FULL).unwrap();
    engine.open_mix(full, 1, Treatment::FULL).unwrap();
    let (first, mut call) = (Call::new(&engine, None), Call::new(&engine, None));
    engine.attach(first.leg.id(), full, BOTH).await.unwrap();
    engine.attach(call.leg.id(), old, BOTH).await.unwrap();
    assert_eq!(engine.attach(call.leg.id(), full, BOTH).await, Err(EngineError::MixFull));
    call.event("the old mix is left", |event| *event == LegEvent::MixClosed(old)).await;
    assert_eq!(engine.attach(call.leg.id(), old, BOTH).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_given_while_a_leg_changes_threads_are_kept_in_order() {
    let engine = engine(4);
    let mut call = Call::new(&engine, Some(440.0));
    for key in 0..8 {
        engine.open_mix(MixKey(key), 5, Treatment::FULL).unwrap();
    }
    for round in 0..40_u64 {
        let attach = engine.attach(call.leg.id(), MixKey(u128::from(round % 8)), BOTH);
        let (attached, ()) = tokio::join!(attach, async {
            // What is stopped is not told, so that only each round's last program may end.
            call.leg.play(PlayId(1_000 + round), silence(60_000));
            call.leg.play(PlayId(round), silence(40));
        });
        attached.unwrap();
        let ended = call.event("a program ended", |event| matches!(event, LegEvent::PlayEnded(_))).await;
        assert_eq!(ended, LegEvent::PlayEnded(PlayId(round)));
    }
    let packets = call.phone.packets();
    assert!(packets.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)));
    assert_eq!(engine.stats().commands_dropped, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_falls_silent_is_told_about_until_they_come_back() {
    let engine = engine(1);
    let mut call = Call::new(&engine, None);
    call.event("the first packet", |event| *event == LegEvent::FirstPacket).await;
    let media = call.phone.media();
    let port = call.leg.local_port();
    drop(std::mem::replace(&mut call.phone, Phone::new(Codec::Pcmu, port ^ 1, None)));
    let quiet = call.event("quiet", |event| matches!(event, LegEvent::Quiet(_))).await;
    assert!(matches!(quiet, LegEvent::Quiet(time) if time >= Duration::from_secs(1)));
    // The call goes on from another address, as signalling says.
    call.phone = Phone::new(Codec::Pcmu, port, None);
    call.leg.connect(LegMedia { remote: call.phone.address, ..media });
    assert!(call.phone.listen().level() < -60.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn media_goes_to_where_it_comes_from() {
    let engine = engine(1);
    let (leg, _events) = engine.open_leg(LOCAL).unwrap();
    let phone = Phone::new(Codec::Pcmu, leg.local_port(), None);
    let behind_nat = UdpSocket::bind((LOCAL, 0)).unwrap();
    leg.connect(LegMedia { remote: behind_nat.local_addr().unwrap(), ..phone.media() });
    assert!(phone.listen().level() < -60.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_on_hold_is_sent_nothing() {
    let engine = engine(1);
    let call = Call::new(&engine, None);
    call.phone.listen();
    call.leg.connect(LegMedia { sends: false, ..call.phone.media() });
    let held = call.leg.report().await.unwrap();
    let mut later = held;
    // The caller goes on sending, and so tells how time passes.
    while later.packets_received < held.packets_received + 10 {
        later = call.leg.report().await.unwrap();
    }
    assert_eq!(later.packets_sent, held.packets_sent);
    call.leg.connect(call.phone.media());
    call.phone.listen();
    let packets = call.phone.packets();
    let resumed =
        packets.windows(2).find(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp) >= 5 * 160);
    let [last, first] = resumed.expect("time went on during the pause") else { panic!("a window of two") };
    assert_eq!(first.sequence, last.sequence.wrapping_add(1));
    assert!(first.marker, "a marker after the pause");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leg_reports_what_it_has_seen() {
    let engine = engine(1);
    let call = Call::new(&engine, Some(440.0));
    call.phone.listen();
    let stranger = UdpSocket::bind((LOCAL, 0)).unwrap();
    let _ = stranger.send_to(b"not for you", (LOCAL, call.leg.local_port()));
    let report = call.leg.report().await.unwrap();
    assert!(report.packets_received > 0 && report.packets_sent > 0);
    assert_eq!(report.packets_lost, 0);
    let stats = engine.stats();
    assert_eq!((stats.threads, stats.legs, stats.panics), (1, 1, 0));
    assert!(stats.ticks > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_dropped_closes_its_legs() {
    let engine = engine(2);
    let mut call = Call::new(&engine, None);
    drop(engine);
    let closed = async { while call.events.recv().await.is_some() {} };
    tokio::time::timeout(crate::phone::CEILING, closed).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_report_comes_by_the_next_port() {
    let engine = engine(1);
    // The seventh leg of a thread reports first: half a second after it was opened.
    let _others: Vec<_> = (0..6).map(|_| engine.open_leg(LOCAL).unwrap()).collect();
    let (leg, _events) = engine.open_leg(LOCAL).unwrap();
    let (rtp, rtcp) = eventually("two free ports", || {
        let rtp = UdpSocket::bind((LOCAL, 0)).unwrap();
        let next = rtp.local_addr().unwrap().port().checked_add(1)?;
        UdpSocket::bind((LOCAL, next)).ok().map(|rtcp| (rtp, rtcp))
    });
    leg.connect(LegMedia {
        remote: rtp.local_addr().unwrap(),
        codec: Codec::Pcmu,
        payload_type: 0,
        event_payload_type: None,
        sends: true,
        receives: true,
        transport: MediaTransport::default(),
        details: FormatDetails::default(),
    });
    rtcp.set_read_timeout(Some(crate::phone::CEILING)).unwrap();
    let mut buffer = [0; 1_500];
    let (octets, source) = rtcp.recv_from(&mut buffer).unwrap();
    assert_eq!(source.port(), leg.local_port() + 1);
    let report = partyline_rtp::Compound::parse(&buffer[..octets]).unwrap().next();
    assert!(matches!(report, Some(partyline_rtp::RtcpPacket::SenderReport { .. })), "{report:?}");
}
