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

/// The most by which the receiver makes a frame of sound shorter or longer, as one period of a voice.
const PERIOD: i32 = 60;

/// A sender whose every sample is a number of its own, a link, and a receiver that pulls 20 ms frames, and more or less
/// as the buffer wishes.
struct Rig {
    reception: Reception,
    buffer: JitterBuffer<u64>,
    /// The time of the next pull.
    now: Instant,
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
            now: Instant::now(),
            given: Vec::new(),
            pulls: Vec::new(),
        }
    }

    /// A packet that is found at the next pull.
    fn arrive(&mut self, sent: &Sent) {
        self.arrive_at(self.now, sent);
    }

    fn arrive_at(&mut self, now: Instant, sent: &Sent) {
        let header = Header {
            marker: false,
            payload_type: 0,
            sequence: SeqNo(sent.sequence),
            timestamp: RtpTime(sent.timestamp),
            ssrc: Ssrc(sent.ssrc),
        }
        .to_bytes();
        let packet = Packet::parse(&header).unwrap();
        let arrival = self.reception.accept(now, &packet);
        self.buffer.insert(now, arrival, RtpTime(sent.timestamp), &sent.samples);
    }

    fn pull(&mut self) -> Pull {
        let wish = self.buffer.wish().ticks.clamp(-PERIOD, PERIOD);
        let shorter =
            if wish < 0 && self.buffer.has(FRAME + wish.unsigned_abs() as usize) { -wish } else { 0 };
        let longer = if wish > 0 && self.buffer.has(FRAME - wish as usize) { wish } else { 0 };
        let mut frame = vec![0; FRAME + shorter as usize - longer as usize];
        let pull = self.buffer.pull(self.now, &mut frame);
        self.buffer.sounded(longer - shorter, 0);
        self.now += Duration::from_millis(20);
        self.given.extend(frame.iter().filter(|&&sample| sample != SILENCE));
        let missing = frame.iter().filter(|&&sample| sample == SILENCE).count();
        match pull {
            Pull::Whole => assert_eq!(missing, 0),
            Pull::Patched { missing: told } => assert_eq!(missing, usize::from(told)),
            Pull::Missing | Pull::Idle => assert_eq!(missing, frame.len()),
        }
        self.pulls.push(pull);
        pull
    }

    /// Pulls that were not whole, from one on.
    fn gaps_from(&self, pull: usize) -> usize {
        self.pulls[pull..].iter().filter(|&&pull| pull != Pull::Whole).count()
    }

    /// Lets packets come when they do and pulls every 20 ms, for so many pulls; the depth after each.
    fn play(&mut self, arriving: &[(Duration, Sent)], pulls: usize) -> Vec<u32> {
        let start = self.now;
        let mut arriving = arriving.iter().peekable();
        let mut depths = Vec::new();
        for _ in 0..pulls {
            while let Some((at, sent)) = arriving.next_if(|(at, _)| start + *at <= self.now) {
                self.arrive_at(start + *at, sent);
            }
            self.pull();
            depths.push(self.buffer.depth_ticks());
        }
        depths
    }
}

/// Packets that are sent every 20 ms of the sender's clock, which is so many millionths too fast, and come so much later.
fn arriving(
    packets: Vec<Sent>,
    phase: Duration,
    drift_ppm: i32,
    mut delay: impl FnMut(usize) -> Duration,
) -> Vec<(Duration, Sent)> {
    let between = 0.02 / (1.0 + f64::from(drift_ppm) / 1e6);
    let mut all: Vec<_> = (packets.into_iter().enumerate())
        .map(|(n, sent)| (phase + Duration::from_secs_f64(n as f64 * between) + delay(n), sent))
        .collect();
    all.sort_by_key(|(at, _)| *at);
    all
}

/// Numbers from 0 to 1 by chance.
fn chance() -> impl FnMut() -> f64 {
    let mut seed = 12_345_u32;
    move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(seed >> 8) / f64::from(1_u32 << 24)
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
        assert_eq!(rig.pull(), Pull::Whole);
        assert_eq!(rig.buffer.depth_ticks(), 0);
    }
    assert_eq!(rig.buffer.counters().stretches, 0);
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
            rig.pull();
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
        assert_eq!(rig.pull(), if n == 10 { Pull::Missing } else { Pull::Whole }, "{n}");
    }
    assert_eq!(rig.buffer.depth_ticks(), 0);
    assert_eq!(rig.buffer.counters().grown_ticks, 0);
}

#[test]
fn a_late_packet_is_played_and_the_delay_is_given_back_within_three_seconds() {
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
        let pull = rig.pull();
        assert_eq!(pull, if n == 10 { Pull::Missing } else { Pull::Whole }, "{n}");
        match n {
            11..60 => assert_eq!(rig.buffer.depth_ticks(), 160, "{n}: it may be wanted again"),
            160.. => assert_eq!(rig.buffer.depth_ticks(), 0, "{n}"),
            _ => {}
        }
    }
    let counters = rig.buffer.counters();
    assert_eq!((counters.grown_ticks, counters.compressed_ticks), (160, 160));
    assert_eq!((counters.compressions, counters.trimmed_ticks), (3, 0));
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
        rig.pull();
    }
    let gaps = rig.pulls.iter().filter(|&&pull| pull != Pull::Whole).count();
    assert!(gaps <= 2, "{gaps} of 90 late packets were heard");
}

/// Loud speech that stops for so many pulls and then comes all at once; the depth, second by second after that.
fn depths_after_a_stall(rig: &mut Rig, packets: &[Sent], stalled: usize) -> Vec<u32> {
    let (late, on_time) = packets.split_at(stalled);
    for _ in 0..stalled {
        rig.pull();
    }
    late.iter().for_each(|sent| rig.arrive(sent));
    let mut depths = Vec::new();
    for second in on_time.chunks(50) {
        for sent in second {
            rig.arrive(sent);
            rig.pull();
        }
        depths.push(rig.buffer.depth_ticks());
    }
    depths
}

#[test]
fn after_a_stall_of_up_to_half_a_second_all_is_heard_and_the_delay_is_gone_in_three_seconds() {
    for stalled in [2, 5, 9, 15, 24] {
        let mut rig = Rig::new();
        let packets = stream(800, FRAME, 0, 0);
        for sent in &packets[..100] {
            rig.arrive(sent);
            rig.pull();
        }
        let depths = depths_after_a_stall(&mut rig, &packets[100..], stalled);
        assert!(depths[2] < 80, "{stalled}: {depths:?}");
        assert_eq!(rig.buffer.counters().grown_ticks, stalled as u64 * 160);
        // Nothing is lost: what is not given is left out of the sound by who pulls, a period at a time.
        assert_eq!(rig.given.len() as u64, 800 * 160);
        assert_eq!(rig.buffer.counters().trimmed_ticks, 0);
    }
}

#[test]
fn stalls_that_come_again_and_again_are_no_reason_to_stay_deep() {
    let mut rig = Rig::new();
    for round in 0..5 {
        let packets = stream(500, FRAME, round * 500, u32::from(round) * 500 * 160);
        let depths = depths_after_a_stall(&mut rig, &packets, 25);
        assert!(depths[2] < 80, "{round}: {depths:?}");
    }
}

#[test]
fn a_burst_on_a_network_that_often_is_late_delays_no_longer_than_it_must() {
    let mut rig = Rig::new();
    let packets = stream(20_400, FRAME, 0, 0);
    let (before, after) = packets.split_at(20_000);
    for (n, sent) in before.iter().enumerate() {
        // Packets that come late just after each trim: the buffer learns to trim seldom.
        if n % 400 == 399 {
            rig.pull();
            rig.arrive(&before[n]);
        } else {
            rig.arrive(sent);
            rig.pull();
        }
    }
    let depths = depths_after_a_stall(&mut rig, after, 9);
    assert!(depths[2] <= 800 && depths[6] <= 800, "{depths:?}");
}

#[test]
fn depth_grows_before_jitter_hurts() {
    for jitter_ms in [20.0, 40.0, 80.0, 120.0] {
        let (mut rig, mut chance) = (Rig::new(), chance());
        let packets = stream(3_000, FRAME, 0, 0);
        let sent = arriving(packets, Duration::from_millis(7), 0, |_| {
            Duration::from_secs_f64(chance() * jitter_ms / 1_000.0)
        });
        let depths = rig.play(&sent, 2_900);
        // It begins with the first packet that comes, and learns from a second of them.
        assert!(rig.gaps_from(50) <= 3, "{jitter_ms} ms: {} gaps", rig.gaps_from(50));
        assert!(rig.buffer.counters().stretches > 0, "{jitter_ms} ms");
        let deepest = f64::from(*depths.iter().max().unwrap()) / 8.0;
        assert!(deepest < jitter_ms + 45.0, "{jitter_ms} ms: {deepest}");
    }
}

#[test]
fn when_jitter_is_over_the_delay_is_back_within_ten_milliseconds_within_three_seconds() {
    for jitter_ms in [40.0, 80.0, 120.0] {
        let (mut rig, mut chance) = (Rig::new(), chance());
        let packets = stream(2_000, FRAME, 0, 0);
        let sent = arriving(packets, Duration::from_millis(7), 0, |n| {
            let is_bad = (500..1_000).contains(&n);
            Duration::from_secs_f64(if is_bad { chance() * jitter_ms / 1_000.0 } else { 0.0 })
        });
        let depths = rig.play(&sent, 1_900);
        assert_eq!(depths[490], 0);
        assert!(depths[1_160] <= 80, "{jitter_ms} ms: {:?}", &depths[990..1_200]);
    }
}

#[test]
fn a_single_straggler_changes_nothing() {
    let mut rig = Rig::new();
    let packets = stream(500, FRAME, 0, 0);
    let sent = arriving(packets, Duration::from_millis(7), 0, |n| {
        Duration::from_millis(if n == 100 { 130 } else { 0 })
    });
    let depths = rig.play(&sent, 450);
    assert_eq!(rig.buffer.counters().late, 1);
    assert!(depths.iter().skip(2).all(|&depth| depth == 0), "{depths:?}");
}

#[test]
fn a_clock_that_is_off_is_followed_for_an_hour_without_a_gap() {
    for drift_ppm in [-200, 200] {
        for phase_us in [100, 7_000, 19_900] {
            let mut rig = Rig::new();
            let hour = 3_600 * 50;
            let mut packets = stream(1, FRAME, 0, 0);
            let between = 0.02 / (1.0 + f64::from(drift_ppm) / 1e6);
            let (start, phase) = (rig.now, Duration::from_micros(phase_us));
            let mut n = 0_u32;
            for _ in 0..hour {
                loop {
                    let at = start + phase + Duration::from_secs_f64(f64::from(n) * between);
                    if at > rig.now {
                        break;
                    }
                    let sent = &mut packets[0];
                    (sent.sequence, sent.timestamp) = (n as u16, n * FRAME as u32);
                    sent.samples.fill(u64::from(n));
                    rig.arrive_at(at, &packets[0]);
                    n += 1;
                }
                rig.pull();
                rig.given.clear();
                assert!(
                    rig.buffer.depth_ticks() <= 340,
                    "{drift_ppm} {phase_us}: {}",
                    rig.buffer.depth_ticks()
                );
            }
            assert_eq!(rig.gaps_from(2), 0, "{drift_ppm} {phase_us}");
            let counters = rig.buffer.counters();
            let changed = if drift_ppm < 0 { counters.stretched_ticks } else { counters.compressed_ticks };
            // 0.72 s in an hour.
            assert!((5_400..6_400).contains(&changed), "{drift_ppm} {phase_us}: {counters:?}");
        }
    }
}

#[test]
fn who_only_looks_at_each_pull_is_not_told_that_all_is_nearly_late() {
    let (mut rig, mut quiet) = (Rig::new(), Rig::new());
    for sent in &stream(500, FRAME, 0, 0) {
        rig.arrive(sent);
        rig.pull();
        // The same, told of a moment before: that is nearly late.
        quiet.arrive_at(quiet.now - Duration::from_micros(100), sent);
        quiet.pull();
    }
    assert_eq!(rig.buffer.counters().stretches, 0);
    assert_eq!(quiet.buffer.counters().stretched_ticks, 160);
    assert_eq!((rig.gaps_from(0), quiet.gaps_from(0)), (0, 0));
}

#[test]
fn where_nobody_listens_ticks_are_thrown_away_and_counted() {
    let mut rig = Rig::new();
    let packets = stream(300, FRAME, 0, 0);
    rig.arrive(&packets[0]);
    rig.pull();
    for _ in 0..5 {
        rig.pull();
    }
    packets[1..6].iter().for_each(|sent| rig.arrive(sent));
    for sent in &packets[6..] {
        rig.arrive(sent);
        let more = rig.buffer.wish().ticks.min(0).unsigned_abs().min(160) as usize;
        rig.buffer.pull(rig.now, &mut vec![0; FRAME + more]);
        rig.buffer.unheard(more as i32);
        rig.now += Duration::from_millis(20);
    }
    assert_eq!(rig.buffer.depth_ticks(), 0);
    assert_eq!((rig.buffer.counters().trimmed_ticks, rig.buffer.counters().compressed_ticks), (800, 0));
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
        rig.pull();
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
            assert_eq!(rig.pull(), Pull::Whole, "{n} after a jump of {jump}");
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
        rig.pull();
    }
    assert_eq!(rig.pulls.iter().filter(|&&pull| pull == Pull::Whole).count(), 39);
}

#[test]
fn a_pause_is_idle_and_ends_with_the_next_packet() {
    let mut rig = Rig::new();
    let packets = stream(200, FRAME, 0, 0);
    rig.arrive(&packets[0]);
    assert_eq!(rig.pull(), Pull::Whole);
    let quiet: Vec<_> = (0..50).map(|_| rig.pull()).collect();
    assert_eq!(quiet[0], Pull::Missing);
    assert_eq!(quiet[49], Pull::Idle);
    let mut next = packets[51].clone();
    next.sequence = 1;
    rig.arrive(&next);
    assert_eq!(rig.pull(), Pull::Whole);
    assert_eq!(rig.buffer.depth_ticks(), 0);
}

#[test]
fn a_leg_that_nobody_pulls_holds_no_more_than_the_ring_and_then_the_newest() {
    let mut rig = Rig::new();
    for sent in &stream(1_000, FRAME, 0, 0) {
        rig.arrive(sent);
        assert!(rig.buffer.depth_ticks() as usize <= CAPACITY_TICKS);
    }
    assert_eq!(rig.pull(), Pull::Whole);
    assert_eq!(rig.given[0], 999 * FRAME as u64);
}

#[test]
fn what_waits_stays_in_its_place_when_the_ring_gets_longer() {
    let packets = stream(40, FRAME, 65_530, u32::MAX - 500);
    for lost in [12, 13, 20] {
        let mut rig = Rig::new();
        packets[..10].iter().for_each(|sent| rig.arrive(sent));
        assert_eq!(rig.pull(), Pull::Whole, "play begins at the newest");
        // Half a second comes at once, the even ones first.
        let (even, odd): (Vec<_>, Vec<_>) = (10..33).filter(|&n| n != lost).partition(|n| n % 2 == 0);
        even.iter().chain(&odd).for_each(|&n| rig.arrive(&packets[n]));
        let mut frame = [0; FRAME];
        for (n, sent) in packets.iter().enumerate().take(33).skip(10) {
            let pull = rig.buffer.pull(rig.now, &mut frame);
            if n == lost {
                assert_eq!((pull, frame), (Pull::Missing, [SILENCE; FRAME]));
            } else {
                assert_eq!((pull, &frame[..]), (Pull::Whole, &sent.samples[..]));
            }
        }
    }
}

#[test]
fn empty_and_giant_payloads_are_refused_and_counted() {
    let mut buffer = JitterBuffer::new(0u8);
    let now = Instant::now();
    buffer.insert(now, Arrival::Started, RtpTime(0), &[]);
    buffer.insert(now, Arrival::Newest, RtpTime(0), &[1; CAPACITY_TICKS]);
    assert_eq!(buffer.counters().refused, 2);
    assert_eq!(buffer.pull(now, &mut [9; 160]), Pull::Idle);
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
        micros in proptest::collection::vec(0_u64..40_000, 300),
    ) {
        let mut rig = Rig::new();
        let mut late: Vec<(usize, Sent)> = Vec::new();
        let (mut jump, mut renumber, mut ssrc) = (0u32, 0u16, 1);
        for (n, mut sent) in stream(fates.len(), ms * 80, sequence, timestamp).into_iter().enumerate() {
            rig.now += Duration::from_micros(micros[n]);
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
                rig.pull();
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
            rig.pull();
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
