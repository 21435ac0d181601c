//! Legs whose packets are protected, whose RTCP shares their port, and what goes to addresses that never answer.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use partyline_codec::Codec;
use partyline_media::{
    ControlPacket, Leg, LegMedia, LegOutput, MediaTransport, PACKET_OCTETS, PROTECTED_OCTETS, RtcpRoute,
    SrtpKeys, StreamStart,
};
use partyline_rtp::{
    Compound, MasterKey, NtpTime, Packet, ReportBlock, RtcpPacket, RtcpWriter, SRTP_OVERHEAD_OCTETS,
    SrtpReceiver, SrtpSender, SrtpSuite, Ssrc,
};

use crate::caller::{Caller, address, media};

const SUITES: [SrtpSuite; 4] = [
    SrtpSuite::AesCm128HmacSha1_80,
    SrtpSuite::AesCm128HmacSha1_32,
    SrtpSuite::AeadAes128Gcm,
    SrtpSuite::AeadAes256Gcm,
];

fn key(suite: SrtpSuite, seed: u8) -> MasterKey {
    MasterKey::new(suite, &vec![seed; suite.key_octets() + suite.salt_octets()]).unwrap()
}

fn secret(suite: SrtpSuite, theirs: u8) -> LegMedia {
    let keys = SrtpKeys { send: key(suite, 1), receive: key(suite, theirs), receive_mki: None };
    let transport = MediaTransport { rtcp: RtcpRoute::Muxed, keys: Some(Box::new(keys)) };
    LegMedia { transport, ..media(Codec::Pcmu) }
}

fn caller(media: LegMedia) -> Caller {
    let mut caller = Caller::new(Codec::Pcmu, Instant::now());
    caller.leg = Leg::new(StreamStart { ssrc: 0xABCD, sequence: 40_000, timestamp: 9 });
    caller.leg.connect(caller.now, media);
    caller
}

fn protected(sender: &mut SrtpSender, packet: &[u8]) -> Vec<u8> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + SRTP_OVERHEAD_OCTETS, 0);
    let octets = sender.protect(&mut buffer, packet.len()).unwrap();
    buffer.truncate(octets);
    buffer
}

/// The packet of the next tick, as it goes out.
fn sent(caller: &mut Caller) -> Option<Vec<u8>> {
    let packet = caller.tick()?;
    assert!(packet.len() <= PACKET_OCTETS);
    let mut buffer = [0; PROTECTED_OCTETS];
    let octets = caller.leg.protect(&packet, &mut buffer)?;
    Some(buffer[..octets].to_vec())
}

fn says(caller: &mut Caller, sender: &mut SrtpSender, from: SocketAddr) {
    let packet = caller.packet(0, &[0x55; 160], 160);
    caller.leg.receive(caller.now, from, &protected(sender, &packet));
}

/// Shows RFC 3711 §3.3: a leg with keys is heard and hears by them, both ways.
#[test]
fn a_secret_leg_is_heard_and_hears() {
    for suite in SUITES {
        let mut caller = caller(secret(suite, 2));
        assert!(caller.leg.is_secret());
        let mut sender = SrtpSender::new(key(suite, 2));
        says(&mut caller, &mut sender, address(9_000));
        assert_eq!(caller.outputs(), [LegOutput::Bind(address(9_000)), LegOutput::FirstPacket]);
        let mut receiver = SrtpReceiver::new(key(suite, 1), None);
        for _ in 0..3 {
            let mut packet = sent(&mut caller).unwrap();
            assert!(packet[12..].iter().any(|octet| *octet != 0xFF), "silence is not sent in the clear");
            let octets = receiver.unprotect(&mut packet).unwrap();
            assert_eq!(Packet::parse(&packet[..octets]).unwrap().ssrc, Ssrc(0xABCD));
        }
        let report = caller.leg.report();
        assert_eq!((report.packets_received, report.not_authentic, report.is_secret), (1, 0, true));
    }
}

/// Shows RFC 4961 §3: only an authentic packet latches its source.
#[test]
fn a_secret_leg_neither_takes_nor_latches_what_is_not_authentic() {
    let suite = SrtpSuite::AesCm128HmacSha1_80;
    let mut caller = caller(secret(suite, 2));
    let plain = caller.packet(0, &[0x55; 160], 160);
    caller.leg.receive(caller.now, address(6_666), &plain);
    let mut other = SrtpSender::new(key(suite, 9));
    says(&mut caller, &mut other, address(6_666));
    let mut sender = SrtpSender::new(key(suite, 2));
    let packet = caller.packet(0, &[0x55; 160], 160);
    let captured = protected(&mut sender, &packet);
    caller.leg.receive(caller.now, address(4_000), &captured);
    assert_eq!(caller.outputs(), [LegOutput::Bind(address(4_000)), LegOutput::FirstPacket]);
    // Whoever sends a caller's own packet again from elsewhere gets nothing for it.
    caller.now += Duration::from_secs(3);
    caller.leg.receive(caller.now, address(6_666), &captured);
    assert_eq!(caller.leg.destination(), Some(address(4_000)));
    let report = caller.leg.report();
    assert_eq!((report.packets_received, report.not_authentic, report.datagrams_dropped), (1, 3, 3));
}

/// Shows RFC 4568 §7.1.4: keys that stay go on with their counters, other keys take over.
#[test]
fn keys_survive_a_hold_and_another_offer_brings_others() {
    let suite = SrtpSuite::AeadAes128Gcm;
    let mut caller = caller(secret(suite, 2));
    let (mut sender, mut receiver) = (SrtpSender::new(key(suite, 2)), SrtpReceiver::new(key(suite, 1), None));
    says(&mut caller, &mut sender, address(4_000));
    assert!(receiver.unprotect(&mut sent(&mut caller).unwrap()).is_ok());
    caller.leg.connect(caller.now, LegMedia { sends: false, ..secret(suite, 2) });
    assert_eq!(sent(&mut caller), None);
    caller.leg.connect(caller.now, secret(suite, 2));
    says(&mut caller, &mut sender, address(4_000));
    assert!(receiver.unprotect(&mut sent(&mut caller).unwrap()).is_ok());
    caller.leg.connect(caller.now, secret(suite, 3));
    sender.rekey(key(suite, 3));
    says(&mut caller, &mut sender, address(4_000));
    assert_eq!(caller.leg.report().packets_received, 3);
    assert!(receiver.unprotect(&mut sent(&mut caller).unwrap()).is_ok(), "our key is the same");
    caller.leg.connect(caller.now, media(Codec::Pcmu));
    assert!(!caller.leg.is_secret());
}

#[test]
fn another_telephone_that_begins_to_listen_understands_the_stream() {
    let suite = SrtpSuite::AesCm128HmacSha1_80;
    let mut caller = caller(secret(suite, 2));
    let mut sender = SrtpSender::new(key(suite, 2));
    says(&mut caller, &mut sender, address(4_000));
    let first = Packet::parse(&caller.tick().unwrap()).unwrap().ssrc;
    caller.leg.connect(caller.now, LegMedia { remote: address(5_000), ..secret(suite, 2) });
    let mut packet = sent(&mut caller).unwrap();
    let mut receiver = SrtpReceiver::new(key(suite, 1), None);
    let octets = receiver.unprotect(&mut packet).unwrap();
    let second = Packet::parse(&packet[..octets]).unwrap();
    assert_ne!(second.ssrc, first, "no key stream is used twice");
    assert!(second.sequence.0 < 0x8000);
}

/// Shows RFC 5761 §4: RTCP on the port of RTP is told by its packet type, and goes back the same way.
/// Shows RFC 3711 §3.4: RTCP is protected too.
#[test]
fn rtcp_that_shares_the_port_is_told_apart_and_protected() {
    let suite = SrtpSuite::AeadAes256Gcm;
    let mut caller = caller(secret(suite, 2));
    let mut sender = SrtpSender::new(key(suite, 2));
    says(&mut caller, &mut sender, address(9_000));
    caller.tick();
    let mut buffer = [0; 200];
    let ControlPacket { far, octets, is_muxed } =
        caller.leg.compose_control(caller.now, NtpTime(1 << 32), &mut buffer).unwrap();
    assert_eq!((far, is_muxed), (address(9_000), true));
    assert!(caller.leg.takes_control(&buffer[..octets]));
    let mut receiver = SrtpReceiver::new(key(suite, 1), None);
    let octets = receiver.unprotect_control(&mut buffer[..octets]).unwrap();
    let first = Compound::parse(&buffer[..octets]).unwrap().next();
    assert!(matches!(first, Some(RtcpPacket::SenderReport { ssrc: Ssrc(0xABCD), .. })), "{first:?}");
    let voice = caller.packet(0, &[0; 160], 160);
    assert!(!caller.leg.takes_control(&voice));
}

fn report_about(ssrc: u32) -> Vec<u8> {
    let block = ReportBlock {
        ssrc: Ssrc(ssrc),
        fraction_lost: 0,
        lost: 7,
        highest_sequence: 1,
        jitter_ticks: 80,
        last_sender_report: 0,
        delay_since_last_sender_report: 0,
    };
    let mut buffer = [0; 200];
    let mut writer = RtcpWriter::new(&mut buffer);
    writer.report(Ssrc(77), None, &[block]).unwrap();
    let octets = writer.octets();
    buffer[..octets].to_vec()
}

#[test]
fn an_address_that_never_answers_gets_a_few_seconds_of_media() {
    let mut caller = Caller::new(Codec::Pcmu, Instant::now());
    let packets = |caller: &mut Caller| (0..4_000).filter(|_| caller.tick().is_some()).count();
    assert_eq!(packets(&mut caller), 250);
    assert_eq!(caller.leg.compose_control(caller.now, NtpTime(0), &mut [0; 200]), None, "RTCP neither");
    assert_eq!(caller.leg.report().packets_withheld, 3_750);
    caller.leg.confirm();
    assert_eq!(packets(&mut caller), 2_750);
    // Anybody could send a report about nothing; one about our stream is from who gets it.
    caller.leg.receive_control(caller.now, NtpTime(0), address(4_001), &report_about(0x1234));
    assert_eq!(packets(&mut caller), 0);
    caller.leg.receive_control(caller.now, NtpTime(0), address(4_001), &report_about(0xABCD));
    assert_eq!(packets(&mut caller), 4_000);
    let theirs = caller.leg.report().theirs.unwrap();
    assert_eq!((theirs.packets_lost, theirs.jitter), (7, Duration::from_millis(10)));
}

/// Shows RFC 3550 §6.6: a leg that ends says goodbye, and one that says so is followed by another at once.
#[test]
fn goodbyes_are_said_and_understood() {
    let mut caller = Caller::new(Codec::Pcmu, Instant::now());
    let mut buffer = [0; 200];
    assert_eq!(caller.leg.compose_goodbye(caller.now, NtpTime(0), &mut buffer), None, "nobody has met it");
    caller.say(&[0; 160]);
    caller.tick();
    let packet = caller.leg.compose_goodbye(caller.now, NtpTime(0), &mut buffer).unwrap();
    let packets: Vec<_> = Compound::parse(&buffer[..packet.octets]).unwrap().collect();
    assert_eq!(packets.last(), Some(&RtcpPacket::Bye { ssrc: Ssrc(0xABCD) }));

    let mut bye = [0; 64];
    let mut writer = RtcpWriter::new(&mut bye);
    writer.report(Ssrc(77), None, &[]).unwrap();
    writer.bye(Ssrc(77)).unwrap();
    let octets = writer.octets();
    caller.leg.receive_control(caller.now, NtpTime(0), address(4_001), &bye[..octets]);
    let mut next = caller.packet(0, &[0x55; 160], 160);
    next[8..12].copy_from_slice(&0x99_u32.to_be_bytes());
    caller.leg.receive(caller.now, address(4_000), &next);
    assert_eq!(caller.leg.report().packets_received, 2, "the next stream is not suspect");
}

/// Shows RFC 3550 §8.2: where the other side has our name, we take another.
#[test]
fn a_name_that_the_caller_has_too_is_given_up_once() {
    let mut caller = Caller::new(Codec::Pcmu, Instant::now());
    let mut name = || {
        let ours = caller.leg.ssrc();
        let mut packet = caller.packet(0, &[0x55; 160], 160);
        packet[8..12].copy_from_slice(&ours.0.to_be_bytes());
        // Twice, as another name is believed with the second packet.
        caller.leg.receive(caller.now, address(4_000), &packet);
        let mut packet = caller.packet(0, &[0x55; 160], 160);
        packet[8..12].copy_from_slice(&ours.0.to_be_bytes());
        caller.leg.receive(caller.now, address(4_000), &packet);
        caller.leg.ssrc()
    };
    let second = name();
    assert_ne!(second, Ssrc(0xABCD));
    assert_eq!(name(), second, "who sends our packets back would take any name");
}

/// Shows RFC 3605 §2: RTCP goes to the port that was named for it, while media goes to the address named.
#[test]
fn rtcp_goes_to_the_port_named_for_it() {
    let named = MediaTransport { rtcp: RtcpRoute::Port(7_777), keys: None };
    let mut caller = caller(LegMedia { transport: named, ..media(Codec::Pcmu) });
    caller.say(&[0; 160]);
    caller.tick();
    let mut buffer = [0; 200];
    let packet = caller.leg.compose_control(caller.now, NtpTime(0), &mut buffer).unwrap();
    assert_eq!((packet.far, packet.is_muxed), (address(7_777), false));
    caller.leg.receive_control(caller.now, NtpTime(0), address(8_888), &report_about(0xABCD));
    let packet = caller.leg.compose_control(caller.now, NtpTime(0), &mut buffer).unwrap();
    assert_eq!(packet.far, address(8_888), "where theirs comes from");
}
