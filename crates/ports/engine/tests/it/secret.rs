//! Legs by SRTP over real sockets, with RTCP along with it.

use std::net::UdpSocket;

use partyline_codec::Codec;
use partyline_engine::{LegEvent, LegMedia, MasterKey, MediaTransport, RtcpRoute, SrtpKeys, SrtpSuite};
use partyline_rtp::{
    Compound, Header, Packet, RtcpPacket, RtpTime, SRTP_OVERHEAD_OCTETS, SeqNo, SrtpReceiver, SrtpSender,
    Ssrc, is_rtcp,
};

use crate::phone::{CEILING, LOCAL, engine};

const SUITE: SrtpSuite = SrtpSuite::AesCm128HmacSha1_80;

fn key(seed: u8) -> MasterKey {
    MasterKey::new(SUITE, &[seed; 30]).unwrap()
}

fn secret(socket: &UdpSocket) -> LegMedia {
    let keys = SrtpKeys { send: key(1), receive: key(2), receive_mki: None };
    LegMedia {
        remote: socket.local_addr().unwrap(),
        codec: Codec::Pcmu,
        payload_type: 0,
        event_payload_type: None,
        sends: true,
        receives: true,
        transport: MediaTransport { rtcp: RtcpRoute::Muxed, keys: Some(Box::new(keys)) },
        details: partyline_engine::FormatDetails::default(),
    }
}

fn voice(sequence: u16) -> Vec<u8> {
    let header = Header {
        marker: false,
        payload_type: 0,
        sequence: SeqNo(sequence),
        timestamp: RtpTime(u32::from(sequence) * 160),
        ssrc: Ssrc(5),
    };
    let mut packet = vec![0; 172];
    header.write(&[0x21; 160], &mut packet).unwrap();
    packet
}

fn protected(sender: &mut SrtpSender, plain: &[u8]) -> Vec<u8> {
    let mut packet = plain.to_vec();
    packet.resize(plain.len() + SRTP_OVERHEAD_OCTETS, 0);
    let octets = sender.protect(&mut packet, plain.len()).unwrap();
    packet.truncate(octets);
    packet
}

/// Shows RFC 3711 §3.3: over the wire, both ways; what is plain is nothing.
/// Shows RFC 3550 §6.6: a leg that is closed says goodbye.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_leg_talks_over_sockets_and_says_goodbye() {
    let engine = engine(1);
    let (leg, mut events) = engine.open_leg(LOCAL).unwrap();
    let socket = UdpSocket::bind((LOCAL, 0)).unwrap();
    socket.set_read_timeout(Some(CEILING)).unwrap();
    leg.set_echo(true);
    leg.connect(secret(&socket));
    let (mut sender, mut receiver) = (SrtpSender::new(key(2)), SrtpReceiver::new(key(1), None));
    let to = (LOCAL, leg.local_port());
    for sequence in 0..10 {
        socket.send_to(&voice(sequence), to).unwrap();
    }
    let mut sequence = 100;
    let mut say = || {
        sequence += 1;
        socket.send_to(&protected(&mut sender, &voice(sequence)), to).unwrap();
    };
    let mut buffer = [0; 1_500];
    let mut hear = |buffer: &mut [u8; 1_500]| loop {
        say();
        let octets = socket.recv(buffer).unwrap();
        if !is_rtcp(&buffer[..octets]) {
            return receiver.unprotect(&mut buffer[..octets]).unwrap();
        }
    };
    // The echo of what was said, after silence.
    loop {
        let octets = hear(&mut buffer);
        let packet = Packet::parse(&buffer[..octets]).unwrap();
        if packet.payload.iter().all(|octet| *octet == 0x21) {
            break;
        }
    }
    let first = tokio::time::timeout(CEILING, events.recv()).await.unwrap();
    assert_eq!(first, Some(LegEvent::FirstPacket));
    let report = leg.report().await.unwrap();
    assert!(report.is_secret && report.not_authentic == 10, "{report:?}");
    drop(leg);
    let mut receiver = SrtpReceiver::new(key(1), None);
    let last = loop {
        let octets = socket.recv(&mut buffer).unwrap();
        if is_rtcp(&buffer[..octets]) {
            let octets = receiver.unprotect_control(&mut buffer[..octets]).unwrap();
            let last = Compound::parse(&buffer[..octets]).unwrap().last();
            if matches!(last, Some(RtcpPacket::Bye { .. })) {
                break last;
            }
        }
    };
    assert!(matches!(last, Some(RtcpPacket::Bye { .. })));
}
