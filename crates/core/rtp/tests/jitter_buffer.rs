//! The jitter buffer against what networks do.

#![expect(clippy::disallowed_methods, reason = "a test needs some instant to begin with")]
#![expect(clippy::unwrap_used, reason = "a test that fails here should")]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use partyline_rtp::{
    Arrival, CAPACITY_TICKS, Header, JitterBuffer, Packet, Pull, Reception, RtpTime, SeqNo, Ssrc,
};
use proptest::prelude::*;

const SILENCE: u64 = u64::MAX;
const FRAME: usize = 160;

/// A sender whose every sample is a number of its own, a link, and a receiver that pulls 20 ms frames.
struct Rig {
    reception: Reception,
    buffer: JitterBuffer<u64>,
    epoch: Instant,
    given: Vec<u64>,
    pulls: Vec<Pull>,
}

#[derive(Clone)]
struct Sent {
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    samples: Vec<u64>,
}

impl Rig {
    fn new() -> Self {
        Self {
            reception: Reception::new(8000),
            buffer: JitterBuffer::new(SILENCE),
            epoch: Instant::now(),
            given: Vec::new(),
            pulls: Vec::new(),
        }
    }

    fn arrive(&mut self, sent: &Sent) {
        let header = Header {
            marker: false,
            payload_type: 0,
            sequence: SeqNo(sent.sequence),
            timestamp: RtpTime(sent.timestamp),
            ssrc: Ssrc(sent.ssrc),
        }
        .to_bytes();
        let packet = Packet::parse(&header).unwrap();
        let arrival = self.reception.accept(self.epoch, &packet);
        self.buffer.insert(arrival, RtpTime(sent.timestamp), &sent.samples);
    }

    fn pull(&mut self, is_quiet: bool) -> Pull {
        let mut frame = [0; FRAME];
        let pull = self.buffer.pull(&mut frame, is_quiet);
        self.given.extend(frame.iter().filter(|&&sample| sample != SILENCE));
        let missing = frame.iter().filter(|&&sample| sample == SILENCE).count();
        match pull {
            Pull::Whole => assert_eq!(missing, 0),
            Pull::Patched { missing: told } => assert_eq!(missing, usize::from(told)),
            Pull::Missing | Pull::Idle => assert_eq!(missing, FRAME),
        }
        self.pulls.push(pull);
        pull
    }
}

/// Packets of one length, numbered from 0, all samples different.
fn stream(count: usize, ticks: usize, first_sequence: u16, first_timestamp: u32) -> Vec<Sent> {
    (0..count)
        .map(|n| Sent {
            sequence: first_sequence.wrapping_add(n as u16),
            timestamp: first_timestamp.wrapping_add((n * ticks) as u32),
            ssrc: 1,
            samples: (n * ticks..(n + 1) * ticks).map(|s| s as u64).collect(),
        })
        .collect()
}

#[test]
fn a_clean_path_adds_no_delay() {
    let mut rig = Rig::new();
    for sent in &stream(500, FRAME, 65_400, u32::MAX - 9_000) {
        rig.arrive(sent);
        assert_eq!(rig.pull(false), Pull::Whole);
        assert_eq!(rig.buffer.depth_ticks(), 0);
    }
    assert_eq!(rig.given, (0..500 * FRAME as u64).collect::<Vec<_>>());
}

#[test]
fn any_packet_time_is_played_without_a_hole_once_it_flows() {
    for ms in [10usize, 20, 30, 40, 50, 60] {
        let mut rig = Rig::new();
        let ticks = ms * 8;
        let mut packets: VecDeque<_> = stream(6_000 / ms, ticks, 0, 0).into();
        for tick in 0..300 {
            while packets.front().is_some_and(|p| u64::from(p.timestamp) + ticks as u64 <= tick * 160 + 5) {
                rig.arrive(&packets.pop_front().unwrap());
            }
            rig.pull(true);
        }
        let settled = &rig.pulls[30..290];
        assert!(settled.iter().all(|&pull| pull == Pull::Whole), "{ms} ms: {settled:?}");
        assert!(rig.buffer.depth_ticks() as usize <= ticks, "{ms} ms");
    }
}

#[test]
fn a_lost_packet_is_missing_and_the_delay_stays() {
    let mut rig = Rig::new();
    for (n, sent) in stream(20, FRAME, 0, 0).iter().enumerate() {
        if n != 10 {
            rig.arrive(sent);
        }
        assert_eq!(rig.pull(false), if n == 10 { Pull::Missing } else { Pull::Whole }, "{n}");
    }
    assert_eq!(rig.buffer.depth_ticks(), 0);
    assert_eq!(rig.buffer.counters().grown_ticks, 0);
}

#[test]
fn a_late_packet_is_played_and_the_delay_comes_back_in_a_quiet_moment() {
    let mut rig = Rig::new();
    let packets = stream(400, FRAME, 0, 0);
    for (n, sent) in packets.iter().enumerate() {
        match n {
            10 => {}
            11 => {
                rig.arrive(&packets[10]);
                rig.arrive(sent);
            }
            _ => rig.arrive(sent),
        }
        let pull = rig.pull(n > 250);
        assert_eq!(pull, if n == 10 { Pull::Missing } else { Pull::Whole }, "{n}");
        if n == 240 {
            assert_eq!(rig.buffer.depth_ticks(), 160, "not cut while it is loud");
        }
    }
    assert_eq!(rig.buffer.depth_ticks(), 0);
    assert_eq!(rig.buffer.counters().grown_ticks, 160);
    assert_eq!(rig.buffer.counters().trimmed_ticks, 160);
}

#[test]
fn delay_that_is_needed_again_and_again_is_kept_for_longer() {
    let mut rig = Rig::new();
    let packets = stream(9_000, FRAME, 0, 0);
    let mut held: Option<&Sent> = None;
    for (n, sent) in packets.iter().enumerate() {
        // One packet in a hundred comes a whole packet late.
        if n % 100 == 50 {
            held = Some(sent);
        } else {
            if let Some(late) = held.take() {
                rig.arrive(late);
            }
            rig.arrive(sent);
        }
        rig.pull(true);
    }
    let gaps = rig.pulls.iter().filter(|&&pull| pull != Pull::Whole).count();
    assert!(gaps <= 2, "{gaps} of 90 late packets were heard");
}

/// Loud speech that stops for so many pulls and then comes all at once; the depth, second by second after that.
fn depths_after_a_stall(rig: &mut Rig, packets: &[Sent], stalled: usize) -> Vec<u32> {
    let (late, on_time) = packets.split_at(stalled);
    for _ in 0..stalled {
        rig.pull(false);
    }
    late.iter().for_each(|sent| rig.arrive(sent));
    let mut depths = Vec::new();
    for second in on_time.chunks(50) {
        for sent in second {
            rig.arrive(sent);
            rig.pull(false);
        }
        depths.push(rig.buffer.depth_ticks());
    }
    depths
}

#[test]
fn the_delay_of_a_burst_after_a_stall_is_gone_in_three_seconds() {
    let mut rig = Rig::new();
    let packets = stream(400, FRAME, 0, 0);
    for sent in &packets[..100] {
        rig.arrive(sent);
        rig.pull(false);
    }
    let depths = depths_after_a_stall(&mut rig, &packets[100..], 9);
    assert!(depths[2] < 160, "{depths:?}");
    assert_eq!(rig.buffer.counters().grown_ticks, 9 * 160);
}

#[test]
fn a_burst_on_a_network_that_often_is_late_delays_no_longer_than_it_must() {
    let mut rig = Rig::new();
    let packets = stream(20_400, FRAME, 0, 0);
    let (before, after) = packets.split_at(20_000);
    for (n, sent) in before.iter().enumerate() {
        // Packets that come late just after each trim: the buffer learns to trim seldom.
        if n % 400 == 399 {
            rig.pull(true);
            rig.arrive(&before[n]);
        } else {
            rig.arrive(sent);
            rig.pull(true);
        }
    }
    let depths = depths_after_a_stall(&mut rig, after, 9);
    assert!(depths[2] <= 800 && depths[6] <= 800, "{depths:?}");
}

#[test]
fn a_sender_whose_clock_is_fast_does_not_fill_the_buffer() {
    let mut rig = Rig::new();
    let mut due = 0.0;
    let mut packets: VecDeque<_> = stream(7_000, FRAME, 0, 0).into();
    for _ in 0..6_000 {
        due += 1.001;
        while due >= 1.0 {
            due -= 1.0;
            rig.arrive(&packets.pop_front().unwrap());
        }
        rig.pull(true);
    }
    assert!(rig.buffer.depth_ticks() <= 320, "{}", rig.buffer.depth_ticks());
    assert_eq!(rig.buffer.counters().starved, 0);
}

#[test]
fn a_clock_that_jumps_starts_anew_and_plays_on() {
    for jump in [1_000_000u32, 3_000_000_000, 0u32.wrapping_sub(500), 0u32.wrapping_sub(100_000)] {
        let mut rig = Rig::new();
        for (n, sent) in stream(40, FRAME, 0, 0).iter_mut().enumerate() {
            if n >= 20 {
                sent.timestamp = sent.timestamp.wrapping_add(jump);
            }
            rig.arrive(sent);
            assert_eq!(rig.pull(false), Pull::Whole, "{n} after a jump of {jump}");
        }
    }
}

#[test]
fn another_source_takes_over_with_its_second_packet() {
    let mut rig = Rig::new();
    let mut packets = stream(40, FRAME, 0, 0);
    for sent in &mut packets[20..] {
        sent.ssrc = 2;
        sent.sequence = sent.sequence.wrapping_add(30_000);
        sent.timestamp = sent.timestamp.wrapping_add(123_456_789);
    }
    for sent in &packets {
        rig.arrive(sent);
        rig.pull(false);
    }
    assert_eq!(rig.pulls.iter().filter(|&&pull| pull == Pull::Whole).count(), 39);
}

#[test]
fn a_pause_is_idle_and_ends_with_the_next_packet() {
    let mut rig = Rig::new();
    let packets = stream(200, FRAME, 0, 0);
    rig.arrive(&packets[0]);
    assert_eq!(rig.pull(false), Pull::Whole);
    let quiet: Vec<_> = (0..50).map(|_| rig.pull(false)).collect();
    assert_eq!(quiet[0], Pull::Missing);
    assert_eq!(quiet[49], Pull::Idle);
    let mut next = packets[51].clone();
    next.sequence = 1;
    rig.arrive(&next);
    assert_eq!(rig.pull(false), Pull::Whole);
    assert_eq!(rig.buffer.depth_ticks(), 0);
}

#[test]
fn a_leg_that_nobody_pulls_holds_no_more_than_the_ring_and_then_the_newest() {
    let mut rig = Rig::new();
    for sent in &stream(1_000, FRAME, 0, 0) {
        rig.arrive(sent);
        assert!(rig.buffer.depth_ticks() as usize <= CAPACITY_TICKS);
    }
    assert_eq!(rig.pull(false), Pull::Whole);
    assert_eq!(rig.given[0], 999 * FRAME as u64);
}

#[test]
fn empty_and_giant_payloads_are_refused_and_counted() {
    let mut buffer = JitterBuffer::new(0u8);
    buffer.insert(Arrival::Started, RtpTime(0), &[]);
    buffer.insert(Arrival::Newest, RtpTime(0), &[1; CAPACITY_TICKS]);
    assert_eq!(buffer.counters().refused, 2);
    assert_eq!(buffer.pull(&mut [9; 160], false), Pull::Idle);
}

/// What a link does to a packet.
#[derive(Debug, Clone)]
enum Fate {
    Through,
    Lost,
    Twice,
    Late(u8),
    ClockJump(u32),
    Numbering(u16),
    Source(u32),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        20 => Just(Fate::Through),
        3 => Just(Fate::Lost),
        2 => Just(Fate::Twice),
        4 => (1u8..40).prop_map(Fate::Late),
        1 => any::<u32>().prop_map(Fate::ClockJump),
        1 => any::<u16>().prop_map(Fate::Numbering),
        1 => any::<u32>().prop_map(Fate::Source),
    ]
}

proptest! {
    #[test]
    fn no_sample_is_ever_given_twice(
        fates in proptest::collection::vec(fate(), 1..300),
        ms in 1usize..7,
        sequence in any::<u16>(),
        timestamp in any::<u32>(),
        pulls in proptest::collection::vec(0u8..4, 300),
        quiet in any::<bool>(),
    ) {
        let mut rig = Rig::new();
        let mut late: Vec<(usize, Sent)> = Vec::new();
        let (mut jump, mut renumber, mut ssrc) = (0u32, 0u16, 1);
        for (n, mut sent) in stream(fates.len(), ms * 80, sequence, timestamp).into_iter().enumerate() {
            match fates[n] {
                Fate::ClockJump(by) => jump = jump.wrapping_add(by),
                Fate::Numbering(by) => renumber = renumber.wrapping_add(by),
                Fate::Source(other) => ssrc = other,
                Fate::Through | Fate::Lost | Fate::Twice | Fate::Late(_) => {}
            }
            sent.timestamp = sent.timestamp.wrapping_add(jump);
            sent.sequence = sent.sequence.wrapping_add(renumber);
            sent.ssrc = ssrc;
            match fates[n] {
                Fate::Lost => {}
                Fate::Late(by) => late.push((n + usize::from(by), sent.clone())),
                Fate::Twice => { rig.arrive(&sent); rig.arrive(&sent); }
                Fate::Through | Fate::ClockJump(_) | Fate::Numbering(_) | Fate::Source(_) => rig.arrive(&sent),
            }
            let due: Vec<_> = late.extract_if(.., |(at, _)| *at <= n).collect();
            for (_, sent) in due {
                rig.arrive(&sent);
            }
            for _ in 0..pulls[n] {
                rig.pull(quiet);
            }
            prop_assert!(rig.buffer.depth_ticks() as usize <= CAPACITY_TICKS);
        }
        let mut seen = rig.given.clone();
        seen.sort_unstable();
        seen.dedup();
        prop_assert_eq!(seen.len(), rig.given.len());
    }

    #[test]
    fn without_jumps_samples_come_in_order_and_loss_is_counted_right(
        lost in proptest::collection::vec(any::<bool>(), 200),
        sequence in any::<u16>(),
        timestamp in any::<u32>(),
    ) {
        let mut rig = Rig::new();
        for (n, sent) in stream(200, FRAME, sequence, timestamp).iter().enumerate() {
            if !lost[n] || n == 0 || n == 199 {
                rig.arrive(sent);
            }
            rig.pull(false);
        }
        prop_assert!(rig.given.is_sorted());
        let gone = lost[1..199].iter().filter(|&&l| l).count() as u64;
        prop_assert_eq!(rig.reception.report().lost, gone);
        prop_assert_eq!(rig.reception.report().received, 200 - gone);
    }
}

/// Shows RFC 3550 §A.8: jitter is what the formula gives.
#[test]
fn jitter_is_what_the_formula_of_the_rfc_gives() {
    let mut reception = Reception::new(8000);
    let start = Instant::now();
    let (mut expected, mut last) = (0.0f64, 0i64);
    for n in 0..200u16 {
        let delay_ms = if n % 3 == 0 { 7 } else { 2 };
        let header = Header {
            marker: false,
            payload_type: 0,
            sequence: SeqNo(n),
            timestamp: RtpTime(u32::from(n) * 160),
            ssrc: Ssrc(3),
        }
        .to_bytes();
        let now = start + Duration::from_millis(u64::from(n) * 20 + delay_ms as u64);
        reception.accept(now, &Packet::parse(&header).unwrap());
        if n > 0 {
            expected += ((delay_ms - last).unsigned_abs() as f64 * 8.0 - expected) / 16.0;
        }
        last = delay_ms;
    }
    let jitter_ms = reception.report().jitter.as_secs_f64() * 1000.0;
    assert!((jitter_ms - expected / 8.0).abs() < 0.05, "{jitter_ms} against {}", expected / 8.0);
}
