//! The frame that everything is ticked by.

use std::time::Duration;

use partyline_codec::Codec;
use partyline_rtp::HEADER_OCTETS;

/// Samples in a second, of legs and mixes alike.
pub const RATE_HZ: u32 = 8_000;

/// How long a frame is: what every SIP telephone sends without being asked.
pub const FRAME: Duration = Duration::from_millis(20);

/// Samples in a frame.
pub const FRAME_SAMPLES: usize = (RATE_HZ / 50) as usize;

/// A frame of linear samples.
pub type Frame = [i16; FRAME_SAMPLES];

/// A frame of sums: what is added up, and voices that were made louder.
pub(crate) type Sums = [i32; FRAME_SAMPLES];

/// Ticks that are taken out of a jitter buffer at once, at most: a frame, and as much again where the sound gets shorter.
pub(crate) const PULL_TICKS_MAX: usize = 2 * FRAME_SAMPLES;

/// A frame of G.711.
pub(crate) type Payload = [u8; FRAME_SAMPLES];

/// Octets of the payloads that legs send, at most: Opus at its best.
pub(crate) const PAYLOAD_OCTETS: usize = Codec::Opus.frame_octets_max();

/// Octets of the packets that legs send, at most.
pub const PACKET_OCTETS: usize = HEADER_OCTETS + PAYLOAD_OCTETS;
