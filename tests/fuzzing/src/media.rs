//! Packets of media and what is told of them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use partyline_rtp::{
    CAPACITY_TICKS, Compound, EventPayload, EventReceiver, Header, JitterBuffer, NtpTime, Packet, Reception,
    RtcpPacket, RtpTime, SeqNo, SourceLatch, Ssrc, Verdict, is_rtcp, key_of_event, round_trip,
};

use crate::bytes::Bytes;

/// What a leg at 8 kHz pulls every 20 ms.
const FRAME: usize = 160;

/// A beginning of virtual time; no other clock is read.
pub(crate) fn beginning() -> Instant {
    Instant::now()
}

/// Packets of a leg, with pulls between them. Each begins with a length, a source and a wait.
pub fn rtp(bytes: &[u8]) {
    let _ = is_rtcp(bytes);
    if let Ok(packet) = Packet::parse(bytes) {
        assert!(packet.payload.len() <= bytes.len());
        assert!(packet.contributors().count() <= 15);
    }
    let mut bytes = Bytes(bytes);
    let mut now = beginning();
    let mut latch = SourceLatch::new(address(0));
    let mut reception = Reception::new(8_000);
    let mut buffer = JitterBuffer::<u8>::new(0xFF);
    let mut frame = [0; FRAME];
    let (mut came, mut known) = (0_u64, 0_u64);
    while !bytes.is_empty() {
        let choice = bytes.byte();
        now += Duration::from_millis(u64::from(bytes.byte()));
        let length = usize::from(bytes.byte());
        let datagram = bytes.take(length);
        let short = header_of(datagram);
        let parsed = Packet::parse(datagram).or_else(|_| Packet::parse(&short));
        if choice & 0x80 != 0 {
            latch.signal(address(choice & 3));
        }
        if let Ok(packet) = parsed {
            came += 1;
            let verdict = latch.judge(now, address(choice & 3), &packet);
            if verdict != Verdict::Stranger {
                known += 1;
                let arrival = reception.accept(now, &packet);
                buffer.insert(now, arrival, packet.timestamp, packet.payload);
            }
        }
        for _ in 0..(choice >> 2) & 7 {
            // Less than a frame where the sound gets longer, as if it were.
            let ticks = if choice & 0x40 != 0 { FRAME - 40 } else { FRAME };
            let _ = buffer.pull(now, &mut frame[..ticks]);
            buffer.sounded(FRAME as i32 - ticks as i32, 0);
            assert!(buffer.depth_ticks() as usize <= CAPACITY_TICKS);
        }
    }
    let report = reception.report();
    assert!(known <= came && report.received <= known);
    assert_eq!(report.received + report.duplicates + report.suspects, known);
    let _ = reception.report_block();
}

fn address(which: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, which], 4_000))
}

/// A whole packet from a few bytes, so that streams are made without finding twelve right bytes each time.
fn header_of(few: &[u8]) -> Vec<u8> {
    let mut few = Bytes(few);
    let header = Header {
        marker: few.flag(),
        payload_type: 0,
        sequence: SeqNo(few.word()),
        timestamp: RtpTime(u32::from(few.word()) * 16),
        ssrc: Ssrc(u32::from(few.byte() & 3)),
    };
    let mut packet = vec![0; 512];
    let length = header.write(&[0x55; FRAME][..few.below(FRAME + 1)], &mut packet).expect("room for it");
    packet.truncate(length);
    let read = Packet::parse(&packet).expect("what is written is read");
    assert_eq!((read.sequence, read.timestamp, read.ssrc), (header.sequence, header.timestamp, header.ssrc));
    packet
}

/// A compound of reports.
pub fn rtcp(bytes: &[u8]) {
    let Ok(compound) = Compound::parse(bytes) else { return };
    let mut packets = 0;
    for packet in compound {
        packets += 1;
        let (RtcpPacket::SenderReport { blocks, .. } | RtcpPacket::ReceiverReport { blocks, .. }) = packet
        else {
            continue;
        };
        assert!(blocks.iter().count() <= 31);
        for block in blocks.iter() {
            if let Some(time) = round_trip(NtpTime(0x1234_5678_9ABC_DEF0), &block) {
                assert!(time < Duration::from_secs(1 << 16));
            }
        }
    }
    assert!(packets > 0 && packets <= bytes.len() / 4);
}

/// Event payloads of one sender, each with its time.
pub fn telephone_event(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let mut receiver = EventReceiver::new();
    let (mut packets, mut keys) = (0, 0);
    while !bytes.is_empty() {
        let at = RtpTime(bytes.long());
        let payload = bytes.take(4);
        packets += 1;
        if let Some(read) = EventPayload::parse(payload) {
            assert_eq!(EventPayload::parse(&read.to_bytes()), Some(read));
        }
        if let Some(key) = receiver.handle(at, payload) {
            keys += 1;
            assert_eq!(key_of_event(payload[0]), Some(key));
        }
    }
    assert!(keys <= packets);
}
