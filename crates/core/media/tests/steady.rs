//! Nothing allocates per packet or tick.
#![expect(unsafe_code, reason = "an allocator that counts has to be one")]
#![expect(clippy::disallowed_methods, reason = "an `Instant` has no other beginning")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use partyline_audio::{Player, Program, Step};
use partyline_codec::Codec;
use partyline_media::{
    Attachment, FRAME, Leg, LegMedia, Legs, MediaTransport, Mix, PACKET_OCTETS, PlayId, RATE_HZ, SeatKey,
    StreamStart,
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

#[test]
fn a_conference_runs_for_a_minute_without_an_allocation() {
    let start = Instant::now();
    let far = SocketAddr::from(([192, 0, 2, 1], 4_000));
    let mut desk = Desk { legs: Vec::new(), octets: 0 };
    let mut mix = Mix::new(20);
    for seat in 0..20 {
        let mut leg = Leg::new(StreamStart { ssrc: seat, sequence: 0, timestamp: 0 });
        let codec = if seat % 3 == 0 { Codec::Pcma } else { Codec::Pcmu };
        leg.connect(
            start,
            LegMedia {
                remote: far,
                codec,
                payload_type: codec.static_payload_type(),
                event_payload_type: Some(101),
                sends: true,
                receives: true,
                transport: MediaTransport::default(),
            },
        );
        desk.legs.push(leg);
        mix.attach(SeatKey(seat), Attachment { uplink: true, downlink: true }).unwrap();
    }
    desk.legs[7].play(PlayId(1), program(20));
    assert!(mix.play(program(10)));
    let before = ALLOCATIONS.get();
    for tick in 0..3_000_u32 {
        let now = start + FRAME * tick;
        for (seat, leg) in desk.legs.iter_mut().enumerate() {
            let payload = if seat < 6 { [(tick % 90) as u8; 160] } else { [0xD5; 160] };
            let header = Header {
                marker: false,
                payload_type: if seat % 3 == 0 { 8 } else { 0 },
                sequence: SeqNo(tick as u16),
                timestamp: RtpTime(tick * 160),
                ssrc: Ssrc(seat as u32),
            };
            let mut packet = [0; PACKET_OCTETS];
            header.write(&payload, &mut packet).unwrap();
            leg.receive(now, far, &packet);
            while leg.poll_output().is_some() {}
        }
        mix.tick(now, &mut desk);
    }
    assert_eq!(ALLOCATIONS.get(), before);
    assert_eq!(desk.octets, 3_000 * 20 * PACKET_OCTETS);
}
