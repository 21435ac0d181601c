//! One leg.

use std::time::{Duration, Instant};

use partyline_audio::level::{level_dbov, tone_level_dbov};
use partyline_audio::{Player, Program, Step};
use partyline_codec::Codec;
use partyline_media::{
    ControlPacket, FRAME_SAMPLES, Leg, LegMedia, LegOutput, PACKET_OCTETS, PlayId, RATE_HZ, StreamStart,
};
use partyline_rtp::{Compound, KeyPress, NtpTime, Packet, RtcpPacket, RtcpWriter, SenderInfo, Ssrc};
use proptest::prelude::*;

use crate::caller::{Caller, EVENT_PAYLOAD_TYPE, address, decode, media};

fn caller() -> Caller {
    Caller::new(Codec::Pcmu, Instant::now())
}

fn sine(from: usize, count: usize) -> Vec<i16> {
    (from..from + count).map(|n| (6_000.0 * (n as f32 * std::f32::consts::TAU / 16.0).sin()) as i16).collect()
}

fn silence(milliseconds: u64) -> Player {
    let steps = vec![Step::Silence(Duration::from_millis(milliseconds))];
    Player::new(&Program { steps, repeats: false }, RATE_HZ)
}

#[test]
fn before_it_is_connected_a_leg_sends_nothing_and_takes_nothing() {
    let mut leg = Leg::new(StreamStart { ssrc: 1, sequence: 2, timestamp: 3 });
    let now = Instant::now();
    leg.receive(now, address(1), &[0x80; 172]);
    assert_eq!(leg.tick_alone(now, &mut [0; PACKET_OCTETS]), None);
    assert_eq!((leg.poll_output(), leg.destination()), (None, None));
}

#[test]
fn numbers_and_times_go_on_over_a_hold_and_a_change_of_codec() {
    let mut caller = caller();
    let first = caller.tick().unwrap();
    caller.leg.connect(caller.now, LegMedia { sends: false, ..media(Codec::Pcmu) });
    assert!((0..5).all(|_| caller.tick().is_none()));
    caller.leg.connect(caller.now, media(Codec::Pcma));
    let second = caller.tick().unwrap();
    let third = caller.tick().unwrap();
    let [first, second, third] = [&first, &second, &third].map(|packet| Packet::parse(packet).unwrap());
    assert_eq!((first.payload_type, second.payload_type), (0, 8));
    assert_eq!((first.marker, second.marker, third.marker), (true, true, false));
    assert_eq!((second.sequence, third.sequence), (first.sequence.next(), first.sequence.plus(2)));
    assert_eq!(
        (second.timestamp.minus(first.timestamp), third.timestamp.minus(second.timestamp)),
        (960, 160)
    );
    assert!(second.payload.iter().all(|&octet| octet == 0xD5));
}

#[test]
fn the_first_packet_binds_its_source_and_strangers_are_dropped() {
    let mut caller = caller();
    let packet = caller.packet(0, &[0xFF; 160], 160);
    caller.leg.receive(caller.now, address(9_000), &packet);
    assert_eq!(caller.outputs(), [LegOutput::Bind(address(9_000)), LegOutput::FirstPacket]);
    assert_eq!(caller.leg.destination(), Some(address(9_000)));
    let packet = caller.packet(0, &[0xFF; 160], 160);
    caller.leg.receive(caller.now, address(9_001), &packet);
    assert_eq!(caller.outputs(), []);
    assert_eq!(caller.leg.report().datagrams_dropped, 1);
    caller.leg.receive(caller.now, address(9_000), &packet);
    assert_eq!(caller.leg.report().packets_received, 2);
}

#[test]
fn a_hold_without_an_address_keeps_the_source_and_sends_nothing() {
    let mut caller = caller();
    caller.say(&[0; 160]);
    caller.tick();
    caller.outputs();
    let held = LegMedia { remote: "0.0.0.0:4000".parse().unwrap(), ..media(Codec::Pcmu) };
    for sends in [false, true] {
        caller.leg.connect(caller.now, LegMedia { sends, ..held.clone() });
        assert_eq!(caller.tick(), None);
        assert_eq!(caller.leg.compose_control(caller.now, NtpTime(0), &mut [0; 128]), None);
    }
    let strangers = caller.packet(0, &[0xFF; 160], 160);
    caller.leg.receive(caller.now, address(9_000), &strangers);
    assert_eq!(caller.leg.report().datagrams_dropped, 1);
    caller.leg.connect(caller.now, media(Codec::Pcmu));
    caller.say(&[0; 160]);
    assert!(caller.tick().is_some());
    assert_eq!(caller.leg.report().packets_received, 2, "the caller's first packet after the hold counts");
    assert_eq!(caller.outputs(), [], "nothing was bound or opened in the meantime");
}

#[test]
fn packets_of_another_payload_type_bind_nothing() {
    let mut caller = caller();
    let packet = caller.packet(96, &[0; 160], 160);
    caller.leg.receive(caller.now, address(9_000), &packet);
    assert_eq!(caller.outputs(), []);
    assert_eq!(caller.leg.report().datagrams_dropped, 1);
}

#[test]
fn quiet_is_told_every_second_and_opens_the_source_once() {
    let mut caller = caller();
    caller.say(&[0; 160]);
    caller.outputs();
    caller.ticks(Duration::from_millis(3_100));
    let outputs = caller.outputs();
    assert_eq!(outputs[0], LegOutput::Unbind);
    assert_eq!(outputs[1..], [1, 2, 3].map(|seconds| LegOutput::Quiet(Duration::from_secs(seconds))));
    caller.say(&[0; 160]);
    assert_eq!(caller.outputs(), [LegOutput::Bind(address(4_000))]);
}

#[test]
fn quiet_is_not_told_while_nothing_is_expected() {
    let mut caller = caller();
    caller.leg.connect(caller.now, LegMedia { receives: false, ..media(Codec::Pcmu) });
    caller.ticks(Duration::from_secs(5));
    assert_eq!(caller.outputs(), []);
}

#[test]
fn a_key_is_told_once_and_its_packets_are_no_sound() {
    let mut caller = caller();
    caller.say(&[0; 160]);
    let press = KeyPress::new('7', caller.timestamp, 800, 160).unwrap();
    for event in press {
        let timestamp = caller.timestamp;
        caller.timestamp = event.timestamp;
        let packet = caller.packet(EVENT_PAYLOAD_TYPE, &event.payload.to_bytes(), 0);
        caller.timestamp = timestamp;
        caller.leg.receive(caller.now, address(4_000), &packet);
        caller.tick();
    }
    let keys: Vec<_> =
        caller.outputs().into_iter().filter(|output| matches!(output, LegOutput::Key(_))).collect();
    assert_eq!(keys, [LegOutput::Key('7')]);
}

#[test]
fn an_echo_is_what_was_said_whatever_the_packet_time() {
    for packet_samples in [80, 160, 240, 480] {
        let mut caller = caller();
        caller.leg.set_echo(true);
        let (mut said, mut heard) = (0, Vec::new());
        for tick in 1..=100 {
            while said < tick * FRAME_SAMPLES {
                caller.say(&sine(said, packet_samples));
                said += packet_samples;
            }
            heard.extend(decode(Codec::Pcmu, &caller.tick().unwrap()));
        }
        let settled = &heard[4_000..];
        let expected = level_dbov(&sine(0, 1_600));
        assert!((tone_level_dbov(settled, RATE_HZ, 500.0) - expected).abs() < 0.2, "{packet_samples}");
        assert!((level_dbov(settled) - expected).abs() < 0.2, "{packet_samples}: nothing else is heard");
    }
}

#[test]
fn a_lost_packet_is_concealed_by_what_came_before() {
    let mut caller = caller();
    let mut levels = Vec::new();
    for tick in 0..40 {
        if tick == 20 {
            caller.lose(160);
        } else {
            caller.say(&sine(tick * 160, 160));
        }
        caller.leg.pull(caller.now);
        let mut frame = [0; FRAME_SAMPLES];
        caller.leg.decode(&mut frame);
        levels.push(level_dbov(&frame));
    }
    let loud = level_dbov(&sine(0, 160));
    assert!(levels[..40].iter().all(|&level| level > loud - 6.0), "{levels:?}");
    assert_eq!(caller.leg.report().packets_lost, 1);
}

#[test]
fn a_program_ends_once_and_a_stopped_one_is_not_told() {
    let mut caller = caller();
    caller.leg.play(PlayId(1), silence(60));
    caller.ticks(Duration::from_millis(200));
    caller.leg.play(PlayId(2), silence(60));
    caller.tick();
    caller.leg.stop();
    caller.ticks(Duration::from_millis(200));
    assert_eq!(caller.outputs(), [LegOutput::PlayEnded(PlayId(1))]);
}

#[test]
fn frames_passed_over_are_missing_in_time_but_not_in_number() {
    let mut caller = caller();
    let first = caller.tick().unwrap();
    caller.leg.play(PlayId(1), silence(60));
    caller.leg.skip(4);
    let second = caller.tick().unwrap();
    let (first, second) = (Packet::parse(&first).unwrap(), Packet::parse(&second).unwrap());
    assert_eq!(second.sequence, first.sequence.next());
    assert_eq!(second.timestamp.minus(first.timestamp), 5 * 160);
    assert!(second.marker);
    assert_eq!(caller.outputs(), [LegOutput::PlayEnded(PlayId(1))]);
}

#[test]
fn outputs_that_nobody_takes_are_bounded_and_counted() {
    let mut caller = caller();
    for key in 0..100_u32 {
        caller.timestamp = partyline_rtp::RtpTime(key * 2_000);
        let packet = caller.packet(EVENT_PAYLOAD_TYPE, &[5, 10, 0, 160], 0);
        caller.leg.receive(caller.now, address(4_000), &packet);
    }
    let taken = caller.outputs().len() as u64;
    assert_eq!(taken + caller.leg.take_outputs_dropped(), 102, "a hundred keys, Bind and FirstPacket");
    assert!(taken <= 16);
}

#[test]
fn reports_tell_what_came_and_the_round_trip() {
    let mut caller = caller();
    caller.say(&[0; 160]);
    caller.lose(160);
    caller.say(&[0; 160]);
    caller.tick();
    let sent = NtpTime(1_000 << 32);
    let mut buffer = [0; 128];
    let ControlPacket { far, octets, .. } =
        caller.leg.compose_control(caller.now, sent, &mut buffer).unwrap();
    assert_eq!(far, address(4_001));
    let packets: Vec<RtcpPacket<'_>> = Compound::parse(&buffer[..octets]).unwrap().collect();
    let RtcpPacket::SenderReport { ssrc, sender, blocks } = packets[0] else { panic!("{packets:?}") };
    assert_eq!((ssrc, sender.packets, sender.octets), (Ssrc(0xABCD), 1, 160));
    let block = blocks.iter().next().unwrap();
    assert_eq!((block.ssrc, block.lost), (Ssrc(77), 1));
    assert!(matches!(packets[1], RtcpPacket::SourceDescription { cname: Some(b"0000abcd"), .. }));

    let mut answer = [0; 128];
    let mut writer = RtcpWriter::new(&mut answer);
    let quoted =
        partyline_rtp::ReportBlock { ssrc: Ssrc(0xABCD), last_sender_report: sent.middle(), ..block };
    let info = SenderInfo { ntp: NtpTime(5 << 32), rtp: partyline_rtp::RtpTime(1), packets: 1, octets: 1 };
    writer.report(Ssrc(77), Some(&info), &[quoted]).unwrap();
    let octets = writer.octets();
    let later = NtpTime(sent.0 + (1 << 30));
    caller.leg.receive_control(caller.now, later, address(4_001), &answer[..octets]);
    assert_eq!(caller.leg.report().round_trip, Some(Duration::from_millis(250)));

    let after = caller.now + Duration::from_secs(2);
    let octets = caller.leg.compose_control(after, later, &mut buffer).unwrap().octets;
    let first = Compound::parse(&buffer[..octets]).unwrap().next();
    let Some(RtcpPacket::SenderReport { blocks, .. }) = first else { panic!("{first:?}") };
    let block = blocks.iter().next().unwrap();
    assert_eq!((block.last_sender_report, block.delay_since_last_sender_report), (5 << 16, 2 << 16));
}

proptest! {
    #[test]
    fn any_datagrams_are_taken_and_every_tick_still_makes_one_packet(
        datagrams in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..300), 0_u8..3, any::<bool>()), 0..60)
    ) {
        let mut caller = caller();
        caller.leg.set_echo(true);
        for (mut datagram, kind, ticks) in datagrams {
            if kind > 0 && datagram.len() > 1 {
                datagram[0] = 0x80;
                datagram[1] = [0, EVENT_PAYLOAD_TYPE][usize::from(kind - 1)];
            }
            caller.leg.receive(caller.now, address(1), &datagram);
            caller.leg.receive_control(caller.now, NtpTime(0), address(1), &datagram);
            if ticks {
                prop_assert_eq!(caller.tick().map(|packet| packet.len()), Some(172));
            }
            caller.outputs();
        }
    }
}
