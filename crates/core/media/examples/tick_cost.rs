//! What legs and mixes cost without any I/O: `cargo run --release -p partyline-media --example tick_cost`.
//!
//! CPU time of a participant-second of PCMU, from a datagram in a buffer to a packet in a buffer: as it is while caches
//! hold what they can of all legs, and where each tick finds them emptied, as the kernel's own work on sockets empties
//! them. The median of five runs. With the number of a case (`-- 2`) that one alone, while caches are warm: for a profile.
#![expect(clippy::disallowed_methods, reason = "it measures time")]
#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use partyline_codec::{Codec, Encoder};
use partyline_media::{
    Attachment, FRAME, FormatDetails, Leg, LegMedia, Legs, MediaTransport, Mix, SeatKey, StreamStart,
    Treatment,
};
use partyline_rtp::{Header, RtpTime, SeqNo, Ssrc};

const FRAMES: u32 = 250;
/// Frames before anything is counted.
const WARM_UP: u32 = 50;
/// More than any cache.
const EVICTION_OCTETS: usize = 64 << 20;

/// Legs in one slab, as a thread keeps them.
struct Desk {
    legs: Vec<Leg>,
    octets: usize,
}

impl Legs for Desk {
    fn leg(&mut self, seat: SeatKey) -> Option<&mut Leg> {
        self.legs.get_mut(seat.0 as usize)
    }

    fn send(&mut self, _seat: SeatKey, packet: &[u8]) {
        self.octets += std::hint::black_box(packet).len();
    }
}

struct Case {
    legs: usize,
    rooms: usize,
    talkers: usize,
}

struct Cost {
    receive: Duration,
    tick: Duration,
}

fn far(leg: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 10_000 + leg as u16))
}

/// A second of sound, loud enough to be heard, or as quiet as a room.
fn sound(amplitude: f32) -> Vec<[u8; 160]> {
    let mut encoder = Encoder::new(Codec::Pcmu);
    let frame = |frame: usize| {
        let samples: Vec<i16> = (0..160)
            .map(|n| {
                let t = (frame * 160 + n) as f32 / 8_000.0;
                let voice: f32 = (1..12).map(|k| (t * 754.0 * k as f32).sin() / k as f32).sum();
                // Three syllables a second, with stops between them.
                (voice * amplitude * (t * std::f32::consts::TAU * 3.0).sin().max(0.0)) as i16
            })
            .collect();
        let mut payload = [0; 160];
        encoder.encode(&samples, &mut payload);
        payload
    };
    (0..50).map(frame).collect()
}

fn run(case: &Case, is_cold: bool) -> Cost {
    let start = Instant::now();
    let (loud, quiet) = (sound(3_000.0), sound(8.0));
    let mut desk = Desk { legs: Vec::new(), octets: 0 };
    let mut mixes: Vec<Mix> = Vec::new();
    let seats = case.legs / case.rooms;
    for leg in 0..case.legs {
        if leg % seats == 0 {
            mixes.push(Mix::new(seats, Treatment::FULL));
        }
        let mut new = Leg::new(StreamStart { ssrc: leg as u32, sequence: 0, timestamp: 0 });
        new.connect(start, media(far(leg)));
        new.confirm();
        desk.legs.push(new);
        let attachment = Attachment { uplink: true, downlink: true };
        mixes[leg / seats].attach(SeatKey(leg as u32), attachment).expect("there is room for all");
    }
    let mut eviction = vec![1_u8; if is_cold { EVICTION_OCTETS } else { 0 }];
    let mut cost = Cost { receive: Duration::ZERO, tick: Duration::ZERO };
    let mut datagrams = vec![[0; 172]; case.legs];
    for tick in 0..WARM_UP + FRAMES {
        let now = start + FRAME * tick;
        for (leg, datagram) in datagrams.iter_mut().enumerate() {
            let sound = if leg % seats < case.talkers { &loud } else { &quiet };
            let header = Header {
                marker: false,
                payload_type: 0,
                sequence: SeqNo(tick as u16),
                timestamp: RtpTime(tick * 160),
                ssrc: Ssrc(1_000_000 + leg as u32),
            };
            let payload = &sound[(tick as usize + leg) % sound.len()];
            header.write(payload, datagram).expect("the buffer is as long as the packet");
        }
        eviction.iter_mut().step_by(64).for_each(|octet| *octet = octet.wrapping_add(1));
        let begun = cpu_time();
        for (leg, (datagram, of)) in datagrams.iter().zip(&mut desk.legs).enumerate() {
            of.receive(now, far(leg), datagram);
        }
        let received = cpu_time();
        mixes.iter_mut().for_each(|mix| mix.tick(now, &mut desk));
        for leg in &mut desk.legs {
            while leg.poll_output().is_some() {}
        }
        if tick >= WARM_UP {
            cost.receive += received.saturating_sub(begun);
            cost.tick += cpu_time().saturating_sub(received);
        }
    }
    assert!(desk.octets >= FRAMES as usize * case.legs * 172, "packets are missing");
    cost
}

fn media(remote: SocketAddr) -> LegMedia {
    LegMedia {
        remote,
        codec: Codec::Pcmu,
        payload_type: 0,
        event_payload_type: Some(101),
        sends: true,
        receives: true,
        transport: MediaTransport::default(),
        details: FormatDetails::default(),
    }
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

fn main() {
    println!(
        "participants  rooms  talkers  caches   receive    tick     all  (CPU-us per participant-second)"
    );
    let only: Option<usize> = std::env::args().nth(1).and_then(|number| number.parse().ok());
    for (number, (legs, rooms, talkers)) in (1..).zip([(200, 20, 3), (2_000, 200, 2), (2_000, 1, 3)]) {
        if only.is_some_and(|only| only != number) {
            continue;
        }
        let case = Case { legs, rooms, talkers };
        for &is_cold in if only.is_some() { &[false][..] } else { &[false, true] } {
            let mut costs: Vec<Cost> = (0..5).map(|_| run(&case, is_cold)).collect();
            costs.sort_by_key(|cost| cost.receive + cost.tick);
            let per_second =
                |time: Duration| time.as_secs_f64() * 1e6 / (f64::from(FRAMES) / 50.0) / case.legs as f64;
            let (receive, tick) = (per_second(costs[2].receive), per_second(costs[2].tick));
            let caches = if is_cold { "emptied" } else { "warm" };
            println!(
                "{legs:12}  {rooms:5}  {talkers:7}  {caches:7}  {receive:7.1}  {tick:6.1}  {:6.1}",
                receive + tick
            );
        }
    }
}
