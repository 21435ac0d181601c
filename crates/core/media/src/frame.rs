//! The frame that everything is ticked by.

use std::time::Duration;

use partyline_codec::{Codec, OpusSettings};
use partyline_rtp::HEADER_OCTETS;

/// Samples in a second of all that is not heard by wideband telephones alone: prompts, recordings, what telephones say and
/// hear, the ticks of jitter buffers.
pub const RATE_HZ: u32 = 8_000;

/// How long a frame is: what every SIP telephone sends without being asked.
pub const FRAME: Duration = Duration::from_millis(20);

/// Samples in a frame at [`RATE_HZ`].
pub const FRAME_SAMPLES: usize = (RATE_HZ / 50) as usize;

/// A frame of linear samples at [`RATE_HZ`].
pub type Frame = [i16; FRAME_SAMPLES];

/// Samples in a frame at the highest rate.
pub(crate) const SAMPLES_MAX: usize = Rate::Full.samples();

/// Silence at any rate.
pub(crate) const SILENCE: &[i16; SAMPLES_MAX] = &[0; SAMPLES_MAX];

/// A rate at which a mix adds up voices, and a telephone hears and speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rate {
    /// 8 kHz.
    Narrow,
    /// 16 kHz.
    Wide,
    /// 48 kHz.
    Full,
}

impl Rate {
    /// How many there are.
    pub(crate) const COUNT: usize = 3;

    /// The lowest at which a telephone of this codec, which wishes this of Opus, hears all that it can.
    pub(crate) const fn of(codec: Codec, wishes: &OpusSettings) -> Self {
        match (codec, wishes.playback_max_hz) {
            (Codec::Pcmu | Codec::Pcma, _) | (Codec::Opus, 0..=8_000) => Self::Narrow,
            (Codec::G722, _) | (Codec::Opus, 8_001..=16_000) => Self::Wide,
            (Codec::Opus, 16_001..) => Self::Full,
        }
    }

    pub(crate) const fn hz(self) -> u32 {
        match self {
            Self::Narrow => RATE_HZ,
            Self::Wide => 16_000,
            Self::Full => 48_000,
        }
    }

    /// Samples in a frame.
    pub(crate) const fn samples(self) -> usize {
        (self.hz() / 50) as usize
    }
}

/// Ticks that are taken out of a jitter buffer at once, at most: a frame, and as much again where the sound gets shorter.
pub(crate) const PULL_TICKS_MAX: usize = 2 * FRAME_SAMPLES;

/// A frame of G.711.
pub(crate) type Payload = [u8; FRAME_SAMPLES];

/// Octets of the payloads that legs send, at most: Opus at its best.
pub(crate) const PAYLOAD_OCTETS: usize = Codec::Opus.frame_octets_max();

/// Octets of the packets that legs send, at most.
pub const PACKET_OCTETS: usize = HEADER_OCTETS + PAYLOAD_OCTETS;
