//! What legs and mixes cost without any I/O: `cargo run --release -p partyline-media --example tick_cost`.
//!
//! CPU time of a participant-second of PCMU, or of Opus at 48 kHz, from a datagram in a buffer to a packet in a buffer: as it is while caches
//! hold what they can of all legs, and where each tick finds them emptied, as the kernel's own work on sockets empties
//! them. The median of five runs. With the number of a case (`-- 2`) that one alone, while caches are warm: for a profile.
#![expect(clippy::disallowed_methods, reason = "it measures time")]
#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use partyline_codec::{Codec, Encoder, OpusSettings};
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
    packets: usize,
}

impl Legs for Desk {
    fn leg(&mut self, seat: SeatKey) -> Option<&mut Leg> {
        self.legs.get_mut(seat.0 as usize)
    }

    fn send(&mut self, _seat: SeatKey, packet: &[u8]) {
        std::hint::black_box(packet);
        self.packets += 1;
    }
}

struct Case {
    codec: Codec,
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
fn sound(codec: Codec, amplitude: f32) -> Vec<Vec<u8>> {
    let rate_hz = codec.sample_rate_hz();
    let samples_max = rate_hz as usize / 50;
    let wishes = OpusSettings { has_fec: true, ..OpusSettings::default() };
    let mut encoder = Encoder::at_rate(codec, rate_hz, &wishes);
    let mut noise = 1_u32;
    let frame = |frame: usize| {
        let samples: Vec<i16> = (0..samples_max)
            .map(|n| {
                let t = (frame * samples_max + n) as f32 / rate_hz as f32;
                let voice: f32 = (1..12).map(|k| (t * 754.0 * k as f32).sin() / k as f32).sum();
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let hiss = f32::from((noise >> 16) as i16) / 4_000.0;
                // Three syllables a second, with stops between them.
                (voice * amplitude * (t * std::f32::consts::TAU * 3.0).sin().max(0.0) + hiss) as i16
            })
            .collect();
        let mut payload = vec![0; codec.frame_octets_max()];
        let octets = encoder.encode(&samples, &mut payload);
        payload.truncate(octets);
        payload
    };
    (0..50).map(frame).collect()
}

fn run(case: &Case, is_cold: bool) -> Cost {
    let start = Instant::now();
    let (loud, quiet) = (sound(case.codec, 3_000.0), sound(case.codec, 8.0));
    let mut desk = Desk { legs: Vec::new(), packets: 0 };
    let mut mixes: Vec<Mix> = Vec::new();
    let seats = case.legs / case.rooms;
    for leg in 0..case.legs {
        if leg % seats == 0 {
            mixes.push(Mix::new(seats, Treatment::FULL));
        }
        let mut new = Leg::new(StreamStart { ssrc: leg as u32, sequence: 0, timestamp: 0 });
        new.connect(start, media(case.codec, far(leg)));
        new.confirm();
        desk.legs.push(new);
        let attachment = Attachment { uplink: true, downlink: true };
        mixes[leg / seats].attach(SeatKey(leg as u32), attachment).expect("there is room for all");
    }
    let mut eviction = vec![1_u8; if is_cold { EVICTION_OCTETS } else { 0 }];
    let mut cost = Cost { receive: Duration::ZERO, tick: Duration::ZERO };
    let mut datagrams = vec![(0, [0; 512]); case.legs];
    for tick in 0..WARM_UP + FRAMES {
        let now = start + FRAME * tick;
        for (leg, (octets, datagram)) in datagrams.iter_mut().enumerate() {
            let sound = if leg % seats < case.talkers { &loud } else { &quiet };
            let header = Header {
                marker: false,
                payload_type: case.codec.usual_payload_type(),
                sequence: SeqNo(tick as u16),
                timestamp: RtpTime(tick * case.codec.frame_ticks()),
                ssrc: Ssrc(1_000_000 + leg as u32),
            };
            let payload = &sound[(tick as usize + leg) % sound.len()];
            *octets = header.write(payload, datagram).expect("the buffer is longer than the packet");
        }
        eviction.iter_mut().step_by(64).for_each(|octet| *octet = octet.wrapping_add(1));
        let begun = cpu_time();
        for (leg, ((octets, datagram), of)) in datagrams.iter().zip(&mut desk.legs).enumerate() {
            of.receive(now, far(leg), &datagram[..*octets]);
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
    assert!(desk.packets >= FRAMES as usize * case.legs, "packets are missing");
    cost
}

fn media(codec: Codec, remote: SocketAddr) -> LegMedia {
    LegMedia {
        remote,
        codec,
        payload_type: codec.usual_payload_type(),
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
        "codec  participants  rooms  talkers  caches   receive    tick     all  (CPU-us per participant-second)"
    );
    let only: Option<usize> = std::env::args().nth(1).and_then(|number| number.parse().ok());
    let cases = [
        (Codec::Pcmu, 200, 20, 3),
        (Codec::Pcmu, 2_000, 200, 2),
        (Codec::Pcmu, 2_000, 1, 3),
        (Codec::Opus, 200, 20, 2),
        (Codec::Opus, 200, 2, 3),
    ];
    for (number, (codec, legs, rooms, talkers)) in (1..).zip(cases) {
        if only.is_some_and(|only| only != number) {
            continue;
        }
        let case = Case { codec, legs, rooms, talkers };
        for &is_cold in if only.is_some() { &[false][..] } else { &[false, true] } {
            let mut costs: Vec<Cost> = (0..5).map(|_| run(&case, is_cold)).collect();
            costs.sort_by_key(|cost| cost.receive + cost.tick);
            let per_second =
                |time: Duration| time.as_secs_f64() * 1e6 / (f64::from(FRAMES) / 50.0) / case.legs as f64;
            let (receive, tick) = (per_second(costs[2].receive), per_second(costs[2].tick));
            let caches = if is_cold { "emptied" } else { "warm" };
            println!(
                "{:5}  {legs:12}  {rooms:5}  {talkers:7}  {caches:7}  {receive:7.1}  {tick:6.1}  {:6.1}",
                codec.name(),
                receive + tick
            );
        }
    }
}
