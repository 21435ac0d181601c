//! Nothing allocates per packet or tick.
#![expect(unsafe_code, reason = "an allocator that counts has to be one")]
#![expect(clippy::disallowed_methods, reason = "an `Instant` has no other beginning")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use partyline_audio::{Player, Program, Step};
use partyline_codec::{Codec, Encoder, OpusSettings};
use partyline_media::{
    Attachment, FRAME, FormatDetails, Leg, LegMedia, Legs, MediaTransport, Mix, Over, PlayId, RATE_HZ,
    SeatKey, StreamStart, Suppressors, Treatment,
};
use partyline_rtp::{Header, RtpTime, SeqNo, Ssrc};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as of this function.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

struct Desk {
    legs: Vec<Leg>,
    octets: usize,
}

impl Legs for Desk {
    fn leg(&mut self, seat: SeatKey) -> Option<&mut Leg> {
        self.legs.get_mut(seat.0 as usize)
    }

    fn send(&mut self, _seat: SeatKey, packet: &[u8]) {
        self.octets += packet.len();
    }
}

fn program(seconds: u64) -> Player {
    let tone = Step::Tone { frequency_hz: 440.0, duration: Duration::from_secs(seconds), level_dbov: -20.0 };
    Player::new(&Program { steps: vec![tone], repeats: false }, RATE_HZ)
}

/// A stream of packets in a codec, made before anything is counted.
fn stream(codec: Codec) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::at_rate(codec, 16_000, &OpusSettings::parse("useinbandfec=1"));
    let samples: Vec<i16> = (0..encoder.sample_rate_hz() / 50)
        .map(|n| (6_000.0 * (n as f32 * std::f32::consts::TAU / 40.0).sin()) as i16)
        .collect();
    let mut packet = || {
        let mut payload = [0; 512];
        let octets = encoder.encode(&samples, &mut payload);
        payload[..octets].to_vec()
    };
    (0..200).map(|_| packet()).collect()
}

#[test]
fn a_conference_runs_for_a_minute_without_an_allocation() {
    let start = Instant::now();
    let far = SocketAddr::from(([192, 0, 2, 1], 4_000));
    let mut desk = Desk { legs: Vec::new(), octets: 0 };
    let mut mix = Mix::new(20, Treatment::FULL);
    mix.suppress_noise(Some(Suppressors::new()));
    let codecs = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus];
    let streams: Vec<Vec<Vec<u8>>> = codecs.iter().map(|&codec| stream(codec)).collect();
    for seat in 0..20 {
        let mut leg = Leg::new(StreamStart { ssrc: seat, sequence: 0, timestamp: 0 });
        let codec = codecs[seat as usize % 4];
        leg.connect(
            start,
            LegMedia {
                remote: far,
                codec,
                payload_type: codec.usual_payload_type(),
                event_payload_type: Some(101),
                sends: true,
                receives: true,
                transport: MediaTransport::default(),
                details: FormatDetails::default(),
            },
        );
        desk.legs.push(leg);
        mix.attach(SeatKey(seat), Attachment { uplink: true, downlink: true }).unwrap();
    }
    desk.legs[7].play(PlayId(1), program(20));
    assert!(mix.play(program(10), Over::DuckedTalk));
    let mut before = 0;
    for tick in 0..4_000_u32 {
        // By then each kind of listener has a stream to share, and everybody has talked: what that takes is made once.
        if tick == 1_000 {
            before = ALLOCATIONS.get();
        }
        let now = start + FRAME * tick;
        for (seat, leg) in desk.legs.iter_mut().enumerate() {
            let codec = codecs[seat % 4];
            let header = Header {
                marker: false,
                payload_type: codec.usual_payload_type(),
                sequence: SeqNo(tick as u16),
                timestamp: RtpTime(tick * codec.frame_ticks()),
                ssrc: Ssrc(seat as u32),
            };
            // Some packets are lost, and some pauses are said to be such.
            if (tick + seat as u32) % 37 > 1 {
                let mut packet = [0; 512];
                let octets = header.write(&streams[seat % 4][tick as usize % 200], &mut packet).unwrap();
                leg.receive(now, far, &packet[..octets]);
            } else if tick % 2 == 0 && codec != Codec::Opus {
                let mut packet = [0; 14];
                let noise = Header { payload_type: 13, ..header };
                let octets = noise.write(&[50, 120], &mut packet).unwrap();
                leg.receive(now, far, &packet[..octets]);
            }
            while leg.poll_output().is_some() {}
        }
        mix.tick(now, &mut desk);
    }
    assert_eq!(ALLOCATIONS.get(), before);
    assert!(desk.octets > 3_000 * 15 * 172);
}
