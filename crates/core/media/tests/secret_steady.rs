//! Nothing allocates per packet where packets are protected.
#![expect(unsafe_code, reason = "an allocator that counts has to be one")]
#![expect(clippy::disallowed_methods, reason = "an `Instant` has no other beginning")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Instant;

use partyline_codec::Codec;
use partyline_media::{
    FRAME, Leg, LegMedia, MediaTransport, PACKET_OCTETS, PROTECTED_OCTETS, RtcpRoute, SrtpKeys, StreamStart,
};
use partyline_rtp::{
    Header, MasterKey, NtpTime, RtpTime, SRTP_OVERHEAD_OCTETS, SeqNo, SrtpSender, SrtpSuite, Ssrc,
};

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

#[test]
fn a_secret_leg_runs_for_a_minute_without_an_allocation() {
    let far = SocketAddr::from(([192, 0, 2, 1], 4_000));
    for suite in [SrtpSuite::AesCm128HmacSha1_80, SrtpSuite::AeadAes128Gcm] {
        let key = MasterKey::new(suite, &vec![9; suite.key_octets() + suite.salt_octets()]).unwrap();
        let mut theirs = SrtpSender::new(key.clone());
        let keys = SrtpKeys { send: key.clone(), receive: key, receive_mki: None };
        let start = Instant::now();
        let mut leg = Leg::new(StreamStart { ssrc: 1, sequence: 0, timestamp: 0 });
        leg.connect(
            start,
            LegMedia {
                remote: far,
                codec: Codec::Pcmu,
                payload_type: 0,
                event_payload_type: None,
                sends: true,
                receives: true,
                transport: MediaTransport { rtcp: RtcpRoute::Muxed, keys: Some(Box::new(keys)) },
                details: partyline_media::FormatDetails::default(),
            },
        );
        let mut before = 0;
        for tick in 0..3_000_u32 {
            let now = start + FRAME * tick;
            if tick == 1 {
                // The first sound that somebody asks for takes its memory.
                before = ALLOCATIONS.get();
            }
            let header = Header {
                marker: false,
                payload_type: 0,
                sequence: SeqNo(tick as u16),
                timestamp: RtpTime(tick * 160),
                ssrc: Ssrc(7),
            };
            let mut packet = [0; 172 + SRTP_OVERHEAD_OCTETS];
            let plain = header.write(&[0x55; 160], &mut packet).unwrap();
            let octets = theirs.protect(&mut packet, plain).unwrap();
            leg.receive(now, far, &packet[..octets]);
            let (mut plain, mut protected) = ([0; PACKET_OCTETS], [0; PROTECTED_OCTETS]);
            let octets = leg.tick_alone(now, &mut plain).unwrap();
            assert!(leg.protect(&plain[..octets], &mut protected).is_some());
            if tick % 200 == 0 {
                assert!(leg.compose_control(now, NtpTime(u64::from(tick) << 32), &mut [0; 200]).is_some());
            }
            while leg.poll_output().is_some() {}
        }
        assert_eq!(ALLOCATIONS.get(), before, "{suite:?}");
        assert_eq!(leg.report().packets_received, 3_000);
    }
}
