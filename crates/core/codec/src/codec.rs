//! The codecs by name, clock and payload.

use crate::level::dbov_of_mean_square;
use crate::{g711, opus};

/// Samples of one 20 ms frame at 8 kHz: the frame that every G.711 leg is driven by.
pub const FRAME_SAMPLES_8K: usize = 160;

/// Octets of an Opus packet of 20 ms that we make, at most: enough for 128 kbit/s.
const OPUS_OCTETS_MAX: usize = 320;
/// The payload type that Opus is offered with: what most equipment uses.
const OPUS_PAYLOAD_TYPE: u8 = 111;

/// A codec that can be agreed on with a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law, 8 kHz.
    Pcmu,
    /// G.711 A-law, 8 kHz.
    Pcma,
    /// G.722 at 64 kbit/s: 16 kHz, though its RTP clock counts 8,000.
    G722,
    /// Opus, whatever its bandwidth; its RTP clock counts 48,000 [RFC 7587 §4.1].
    Opus,
}

impl Codec {
    /// All codecs there are, the best sound first.
    pub const ALL: [Self; 4] = [Self::Opus, Self::G722, Self::Pcmu, Self::Pcma];

    /// The codec of an RTP encoding name (any case) and clock rate, if it is one of ours.
    #[must_use]
    pub fn by_name(encoding: &str, clock_rate_hz: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| {
            codec.name().eq_ignore_ascii_case(encoding) && codec.clock_rate_hz() == clock_rate_hz
        })
    }

    /// The encoding name in SDP as its registration writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::Opus => "opus",
        }
    }

    /// The payload type that we offer it with: the static one of RFC 3551 where there is one.
    #[must_use]
    pub const fn usual_payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
            Self::G722 => 9,
            Self::Opus => OPUS_PAYLOAD_TYPE,
        }
    }

    /// Channels as SDP counts them: Opus is always said to have two [RFC 7587 §7]; what we send is mono.
    #[must_use]
    pub const fn channels(self) -> u8 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 1,
            Self::Opus => 2,
        }
    }

    /// Ticks of the RTP timestamp in a second.
    #[must_use]
    pub const fn clock_rate_hz(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Opus => 48_000,
        }
    }

    /// Audio samples in a second, at most (not always the RTP clock: G.722 counts 8,000 and plays 16,000).
    #[must_use]
    pub const fn sample_rate_hz(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 8_000,
            Self::G722 => 16_000,
            Self::Opus => 48_000,
        }
    }

    /// The rate at which frames of `rate_hz` are best coded: Opus takes any of its rates as it is, the others know
    /// their own alone.
    #[must_use]
    pub const fn rate_for_hz(self, rate_hz: u32) -> u32 {
        match (self, rate_hz) {
            (Self::Opus, 8_000 | 12_000 | 16_000 | 24_000 | 48_000) => rate_hz,
            (Self::Opus | Self::Pcmu | Self::Pcma | Self::G722, _) => self.sample_rate_hz(),
        }
    }

    /// Ticks of the RTP timestamp in a 20 ms frame.
    #[must_use]
    pub const fn frame_ticks(self) -> u32 {
        self.clock_rate_hz() / 50
    }

    /// Octets of payload in a 20 ms frame, at most.
    #[must_use]
    pub const fn frame_octets_max(self) -> usize {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => FRAME_SAMPLES_8K,
            Self::Opus => OPUS_OCTETS_MAX,
        }
    }

    /// Whether a payload is one octet a tick, so that it can be cut and joined anywhere.
    #[must_use]
    pub const fn is_octet_a_tick(self) -> bool {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => true,
            Self::Opus => false,
        }
    }

    /// How long a payload plays, in 8,000ths of a second; `None` where it is none of this codec.
    #[must_use]
    pub fn eight_thousandths(self, payload: &[u8]) -> Option<u32> {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => u32::try_from(payload.len()).ok(),
            Self::Opus => opus::eight_thousandths(payload),
        }
    }

    /// How much of what is before it a payload can fill in at most ([`Decoder::recover`](crate::Decoder::recover)), in
    /// 8,000ths of a second; `None` where it can't.
    #[must_use]
    pub fn spare(self, payload: &[u8]) -> Option<u32> {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => None,
            Self::Opus => opus::spare(payload),
        }
    }

    /// The payload octet that decodes to silence, where a codec has one: a run of it is a silent payload.
    #[must_use]
    pub const fn silence_octet(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(g711::MULAW_SILENCE),
            Self::Pcma => Some(g711::ALAW_SILENCE),
            Self::G722 | Self::Opus => None,
        }
    }

    /// The mean square of the samples in a payload, 1.0 being full scale (32768²), without decoding it: `None`
    /// where a payload means nothing without those before it. Zero for an empty payload.
    #[must_use]
    pub fn mean_square(self, payload: &[u8]) -> Option<f32> {
        let energy = match self {
            Self::Pcmu => g711::mulaw_energy(payload),
            Self::Pcma => g711::alaw_energy(payload),
            Self::G722 | Self::Opus => return None,
        };
        Some(energy / payload.len().max(1) as f32)
    }

    /// The loudness of a payload in dBov (RMS against full scale, so that the loudest sine is −3.01), never under
    /// [`SILENCE_DBOV`](crate::SILENCE_DBOV), without decoding it; `None` as with [`Self::mean_square`].
    #[must_use]
    pub fn level_dbov(self, payload: &[u8]) -> Option<f32> {
        self.mean_square(payload).map(dbov_of_mean_square)
    }
}
