//! The jitter buffer for packets that can't be cut.

#![expect(clippy::disallowed_methods, reason = "a test needs some instant to begin with")]

use std::time::Instant;

use partyline_rtp::{Arrival, PacketBuffer, Piece, Pull, RtpTime};
use proptest::prelude::*;

const CLOCK_HZ: u32 = 48_000;
const FRAME: usize = 160;

fn buffer() -> PacketBuffer {
    PacketBuffer::new(CLOCK_HZ, FRAME)
}

/// What of which packet sounds, tick by tick: `None` for a hole.
fn ticks(buffer: &PacketBuffer) -> Vec<Option<(u8, u32)>> {
    let mut all = Vec::new();
    for piece in buffer.pieces() {
        match piece {
            Piece::Packet { payload, from, ticks, .. } => {
                all.extend((from..from + ticks).map(|tick| Some((payload[0], tick))));
            }
            Piece::Hole { ticks, .. } => all.extend((0..ticks).map(|_| None)),
        }
    }
    all
}

fn whole(name: u8) -> Vec<Option<(u8, u32)>> {
    (0..160).map(|tick| Some((name, tick))).collect()
}

#[test]
fn packets_are_given_in_order_also_where_the_clock_wraps() {
    let mut buffer = buffer();
    let start = RtpTime(u32::MAX - 2_000);
    for n in 0..8_u8 {
        let arrival = if n == 0 { Arrival::Started } else { Arrival::Newest };
        buffer.insert(Instant::now(), arrival, start.plus(960 * u32::from(n)), 160, &[n; 40]);
        assert_eq!(buffer.pull(Instant::now(), FRAME), Pull::Whole);
        assert_eq!(ticks(&buffer), whole(n));
    }
    assert_eq!(buffer.depth_ticks(), 0);
}

#[test]
fn a_packet_of_sixty_milliseconds_is_three_frames() {
    let mut buffer = buffer();
    buffer.insert(Instant::now(), Arrival::Started, RtpTime(0), 480, &[7]);
    for frame in 0..3 {
        buffer.pull(Instant::now(), FRAME);
        let expected: Vec<_> = (0..160).map(|tick| Some((7, frame * 160 + tick))).collect();
        assert_eq!(ticks(&buffer), expected);
    }
}

#[test]
fn a_hole_tells_the_packet_after_it() {
    let mut buffer = buffer();
    buffer.insert(Instant::now(), Arrival::Started, RtpTime(0), 160, &[0]);
    buffer.insert(Instant::now(), Arrival::Newest, RtpTime(2_880), 160, &[3]);
    // A pause in the pulling would trim: so deep is the buffer from the start.
    let mut frames = Vec::new();
    for _ in 0..4 {
        buffer.pull(Instant::now(), FRAME);
        frames.push(buffer.pieces().map(|piece| format!("{piece:?}")).collect::<Vec<_>>());
        if let Some(Piece::Hole { ticks: 160, next, .. }) = buffer.pieces().next() {
            assert!(next.is_none_or(|(ahead, payload)| payload == [3] && ahead % 160 == 0), "{next:?}");
        }
    }
    let mut buffer = self::buffer();
    for n in [0_u8, 1, 2, 4] {
        let arrival = if n == 0 { Arrival::Started } else { Arrival::Newest };
        buffer.insert(Instant::now(), arrival, RtpTime(u32::from(n) * 960), 160, &[n]);
        if n < 2 {
            buffer.pull(Instant::now(), FRAME);
        }
    }
    assert_eq!((buffer.pull(Instant::now(), FRAME), ticks(&buffer)), (Pull::Whole, whole(2)));
    assert_eq!(buffer.pull(Instant::now(), FRAME), Pull::Missing);
    let pieces: Vec<_> = buffer.pieces().collect();
    assert!(
        matches!(pieces[..], [Piece::Hole { ticks: 160, next: Some((160, [4])), .. }]),
        "{pieces:?} of {frames:?}"
    );
    assert_eq!((buffer.pull(Instant::now(), FRAME), ticks(&buffer)), (Pull::Whole, whole(4)));
}

#[test]
fn what_is_no_packet_or_too_long_is_refused_and_counted() {
    let mut buffer = buffer();
    buffer.insert(Instant::now(), Arrival::Started, RtpTime(0), 961, &[0; 10]);
    buffer.insert(Instant::now(), Arrival::Newest, RtpTime(960), 160, &[0; 5_000]);
    buffer.insert(Instant::now(), Arrival::Newest, RtpTime(960), 0, &[0; 5]);
    assert_eq!(buffer.counters().refused, 3);
    assert_eq!(buffer.pull(Instant::now(), FRAME), Pull::Idle);
}

#[test]
fn a_packet_that_was_overwritten_is_a_hole() {
    let mut buffer = buffer();
    for n in 0..20_u8 {
        let arrival = if n == 0 { Arrival::Started } else { Arrival::Newest };
        buffer.insert(Instant::now(), arrival, RtpTime(u32::from(n) * 120), 20, &[n; 1_400]);
    }
    buffer.pull(Instant::now(), FRAME);
    let heard: Vec<_> = ticks(&buffer);
    assert!(heard.iter().flatten().all(|&(name, _)| name >= 8), "{heard:?}");
}

proptest! {
    #[test]
    fn any_packets_give_frames_whose_pieces_fill_them(
        steps in proptest::collection::vec((any::<u32>(), 0_u32..1_200, 0_usize..2_000, 0_u8..7), 0..60)
    ) {
        let mut buffer = buffer();
        for (timestamp, length, octets, kind) in steps {
            let arrival = match kind {
                0 => Arrival::Started,
                1 => Arrival::Reordered,
                2 => Arrival::Duplicate,
                3 => Arrival::Suspect,
                _ => Arrival::Newest,
            };
            let timestamp = if kind == 4 { timestamp } else { timestamp % 100_000 };
            buffer.insert(Instant::now(), arrival, RtpTime(timestamp), length, &vec![1; octets]);
            buffer.pull(Instant::now(), FRAME);
            let mut all = 0;
            for piece in buffer.pieces() {
                match piece {
                    Piece::Packet { from, ticks, .. } => {
                        prop_assert!(from + ticks <= 960);
                        all += ticks;
                    }
                    Piece::Hole { ticks, .. } => all += ticks,
                }
            }
            prop_assert_eq!(all, 160);
        }
    }
}
