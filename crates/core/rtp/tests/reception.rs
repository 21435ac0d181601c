//! Order, loss and sources of a stream; the latch.

#![expect(clippy::disallowed_methods, reason = "a test needs some instant to begin with")]
#![expect(clippy::unwrap_used, reason = "a test that fails here should")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use partyline_rtp::{Arrival, Header, Packet, Reception, RtpTime, SeqNo, SourceLatch, Ssrc, Verdict};
use proptest::prelude::*;

fn header(sequence: u16, ssrc: u32) -> [u8; 12] {
    Header {
        marker: false,
        payload_type: 0,
        sequence: SeqNo(sequence),
        timestamp: RtpTime(u32::from(sequence) * 160),
        ssrc: Ssrc(ssrc),
    }
    .to_bytes()
}

fn arrivals(numbers: &[(u16, u32)]) -> (Reception, Vec<Arrival>) {
    let (mut reception, now) = (Reception::new(8000), Instant::now());
    let arrivals = numbers
        .iter()
        .map(|&(sequence, ssrc)| reception.accept(now, &Packet::parse(&header(sequence, ssrc)).unwrap()))
        .collect();
    (reception, arrivals)
}

/// Shows RFC 3550 §A.1: sequence numbers are counted on over their wrap.
#[test]
fn order_survives_the_wrap() {
    use Arrival::{Duplicate, Newest, Reordered, Started};
    let (reception, seen) = arrivals(&[(65_534, 1), (0, 1), (65_535, 1), (1, 1), (0, 1), (65_535, 1)]);
    assert_eq!(seen, [Started, Newest, Reordered, Newest, Duplicate, Duplicate]);
    let report = reception.report();
    assert_eq!((report.received, report.lost, report.duplicates, report.reordered), (4, 0, 2, 1));
}

/// Shows RFC 3550 §A.1: a large jump counts once two packets follow each other.
#[test]
fn a_stray_number_is_suspect_and_a_restart_takes_two() {
    use Arrival::{Newest, Started, Suspect};
    let (reception, seen) = arrivals(&[(10, 1), (40_000, 1), (11, 1), (50_000, 1), (50_001, 1)]);
    assert_eq!(seen, [Started, Suspect, Newest, Suspect, Started]);
    assert_eq!((reception.report().received, reception.report().lost), (3, 0));
}

#[test]
fn a_stray_source_changes_nothing() {
    use Arrival::{Newest, Started, Suspect};
    let (reception, seen) = arrivals(&[(10, 1), (500, 2), (11, 1), (900, 3), (12, 1)]);
    assert_eq!(seen, [Started, Suspect, Newest, Suspect, Newest]);
    assert_eq!(reception.ssrc(), Some(Ssrc(1)));
}

/// Shows RFC 3550 §A.3: the fraction lost is that since the last report.
#[test]
fn a_report_tells_the_share_lost_since_the_last_one() {
    let (mut reception, now) = (Reception::new(8000), Instant::now());
    assert_eq!(reception.report_block(), None);
    for n in 0..100u16 {
        if n % 4 != 1 {
            reception.accept(now, &Packet::parse(&header(n, 1)).unwrap());
        }
    }
    let block = reception.report_block().unwrap();
    assert_eq!((block.fraction_lost, block.lost, block.highest_sequence), (64, 25, 99));
    for n in 100..200u16 {
        reception.accept(now, &Packet::parse(&header(n, 1)).unwrap());
    }
    let block = reception.report_block().unwrap();
    assert_eq!((block.fraction_lost, block.lost), (0, 25));
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Shows RFC 4961 §4: media is sent back to where the caller's comes from.
#[test]
fn media_goes_to_the_sdp_address_until_the_first_packet_and_then_to_its_source() {
    let (bytes, now) = (header(1, 1), Instant::now());
    let packet = Packet::parse(&bytes).unwrap();
    let mut latch = SourceLatch::new(at(4000));
    assert_eq!(latch.destination(), at(4000));
    assert_eq!(latch.judge(now, at(5000), &packet), Verdict::Latched);
    assert_eq!(latch.destination(), at(5000));
    assert_eq!(latch.judge(now, at(5000), &packet), Verdict::Known);
    assert_eq!(latch.judge(now, at(6000), &packet), Verdict::Stranger);
    assert_eq!(latch.destination(), at(5000));
    assert_eq!(latch.counters().strangers, 1);
}

#[test]
fn the_address_that_signalling_named_is_no_stranger() {
    let (bytes, now) = (header(1, 1), Instant::now());
    let packet = Packet::parse(&bytes).unwrap();
    let mut latch = SourceLatch::new(at(4000));
    latch.judge(now, at(6666), &packet);
    assert_eq!(latch.judge(now, at(4000), &packet), Verdict::Latched);
    assert_eq!(latch.judge(now, at(6666), &packet), Verdict::Stranger);
}

#[test]
fn a_stream_goes_on_from_another_port_only_after_silence_and_with_its_own_numbers() {
    let now = Instant::now();
    let soon = now + Duration::from_millis(20);
    let later = now + Duration::from_secs(1);
    let (first, next) = (header(100, 1), header(101, 1));
    let (first, next) = (Packet::parse(&first).unwrap(), Packet::parse(&next).unwrap());
    let other_stream = header(101, 2);
    let other_stream = Packet::parse(&other_stream).unwrap();
    let mut latch = SourceLatch::new(at(4000));
    latch.judge(now, at(5000), &first);
    assert_eq!(latch.judge(soon, at(5001), &next), Verdict::Stranger);
    assert_eq!(latch.judge(later, at(5001), &other_stream), Verdict::Stranger);
    assert_eq!(latch.judge(later, at(5001), &first), Verdict::Stranger);
    assert_eq!(latch.judge(later, at(5001), &next), Verdict::Latched);
    assert_eq!(latch.destination(), at(5001));
}

#[test]
fn a_new_address_in_signalling_opens_the_latch_but_not_for_stragglers() {
    let (bytes, now) = (header(1, 1), Instant::now());
    let packet = Packet::parse(&bytes).unwrap();
    let mut latch = SourceLatch::new(at(4000));
    latch.judge(now, at(5000), &packet);
    latch.signal(at(4000));
    assert!(latch.is_latched(), "the same address again changes nothing");
    latch.signal(at(7000));
    assert_eq!(latch.destination(), at(7000));
    assert_eq!(latch.judge(now, at(5000), &packet), Verdict::Stranger);
    assert_eq!(latch.judge(now, at(7001), &packet), Verdict::Latched);
    assert_eq!(latch.destination(), at(7001));
}

#[test]
fn a_hold_by_an_unspecified_address_changes_nothing() {
    let (bytes, now) = (header(1, 1), Instant::now());
    let packet = Packet::parse(&bytes).unwrap();
    for unspecified in ["0.0.0.0:4000", "0.0.0.0:0", "[::]:4000"] {
        let mut latch = SourceLatch::new(at(4000));
        latch.judge(now, at(5000), &packet);
        latch.signal(unspecified.parse().unwrap());
        assert!(latch.is_latched(), "{unspecified}");
        assert_eq!(latch.destination(), at(5000));
        assert_eq!(latch.judge(now, at(6666), &packet), Verdict::Stranger);
        latch.signal(at(4000));
        assert_eq!(latch.judge(now, at(5000), &packet), Verdict::Known);
    }
}

#[test]
fn who_comes_back_to_the_address_before_is_no_straggler() {
    let (bytes, now) = (header(1, 1), Instant::now());
    let packet = Packet::parse(&bytes).unwrap();
    // By the address that signalling named, and by the one that a NAT made of it.
    for back in [4000, 5000] {
        let mut latch = SourceLatch::new(at(4000));
        latch.judge(now, at(5000), &packet);
        latch.signal(at(7000));
        latch.signal(at(back));
        assert_eq!(latch.judge(now, at(6666), &packet), Verdict::Stranger);
        assert_eq!(latch.judge(now, at(5000), &packet), Verdict::Known);
        assert_eq!(latch.destination(), at(5000));
    }
}

#[test]
fn a_caller_that_changes_its_sdp_but_not_its_port_is_heard_again() {
    let (bytes, now) = (header(1, 1), Instant::now());
    let packet = Packet::parse(&bytes).unwrap();
    let mut latch = SourceLatch::new(at(4000));
    latch.judge(now, at(5000), &packet);
    latch.signal(at(7000));
    let verdicts: Vec<_> = (0..30).map(|_| latch.judge(now, at(5000), &packet)).collect();
    assert_eq!(verdicts[29], Verdict::Known);
}

proptest! {
    #[test]
    fn any_numbers_are_taken_and_none_counts_twice(numbers in proptest::collection::vec((any::<u16>(), 0u32..3), 0..300)) {
        let (reception, seen) = arrivals(&numbers);
        let report = reception.report();
        let accepted = seen.iter().filter(|a| matches!(a, Arrival::Started | Arrival::Newest | Arrival::Reordered)).count();
        prop_assert_eq!(report.received, accepted as u64);
        prop_assert_eq!(report.received + report.duplicates + report.suspects, numbers.len() as u64);
    }
}
