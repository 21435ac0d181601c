//! Samples to payload.

use crate::codec::Codec;
use crate::{OpusSettings, g711, g722, opus};

/// Turns samples into payload. One per stream: codecs that have a memory keep it here.
#[derive(Debug)]
pub struct Encoder {
    codec: Codec,
    sample_rate_hz: u32,
    state: State,
}

/// What a codec remembers between frames: G.711 nothing.
#[derive(Debug)]
enum State {
    Pcmu,
    Pcma,
    G722(Box<g722::Encoder>),
    Opus(opus::Encoder),
}

impl Encoder {
    /// An encoder at the start of a stream, which takes samples at the codec's own rate.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self::at_rate(codec, codec.sample_rate_hz(), &OpusSettings::default())
    }

    /// An encoder for frames of this rate, if the codec takes them as they are (see [`Codec::rate_for_hz`]), with
    /// what the far side wishes of Opus.
    #[must_use]
    pub fn at_rate(codec: Codec, rate_hz: u32, wishes: &OpusSettings) -> Self {
        let sample_rate_hz = codec.rate_for_hz(rate_hz);
        let state = match codec {
            Codec::Pcmu => State::Pcmu,
            Codec::Pcma => State::Pcma,
            Codec::G722 => State::G722(Box::new(g722::Encoder::new())),
            Codec::Opus => State::Opus(opus::Encoder::new(sample_rate_hz, wishes)),
        };
        Self { codec, sample_rate_hz, state }
    }

    /// Its codec.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// The rate of the samples that it takes.
    #[must_use]
    pub const fn sample_rate_hz(&self) -> u32 {
        self.sample_rate_hz
    }

    /// Encodes samples, for as many octets as there is room; returns the octets written. Opus takes whole frames:
    /// 2.5, 5, 10, 20, 40 or 60 ms, and writes nothing for others.
    pub fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> usize {
        let count = samples.len().min(payload.len());
        match &mut self.state {
            State::Pcmu => g711::mulaw_encode(&samples[..count], &mut payload[..count]),
            State::Pcma => g711::alaw_encode(&samples[..count], &mut payload[..count]),
            State::G722(encoder) => return encoder.encode(samples, payload),
            State::Opus(encoder) => return encoder.encode(samples, payload),
        }
        count
    }
}
