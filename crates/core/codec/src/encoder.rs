//! Samples to payload.

use crate::codec::Codec;
use crate::{OpusSettings, g711, g722, opus_encoder};

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
    Opus(opus_encoder::Encoder),
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
            Codec::Opus => State::Opus(opus_encoder::Encoder::new(sample_rate_hz, wishes)),
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

    /// Goes on as `other` would: what it remembers is copied, and nothing is allocated. False where the two differ in
    /// codec, rate or wishes; then nothing was changed.
    pub fn copy_from(&mut self, other: &Self) -> bool {
        match (&mut self.state, &other.state) {
            (State::Pcmu, State::Pcmu) | (State::Pcma, State::Pcma) => true,
            (State::G722(ours), State::G722(theirs)) => {
                ours.clone_from(theirs);
                true
            }
            (State::Opus(ours), State::Opus(theirs)) => ours.copy_from(theirs),
            (State::Pcmu | State::Pcma | State::G722(_) | State::Opus(_), _) => false,
        }
    }

    /// Goes on as a far decoder does that was sent what we made until now, and then this payload, which `other` has just
    /// made: what we make next is still understood there. Whether the two encoders are near enough by then that the
    /// far decoder can go on with what `other` makes, and nobody hears it. Of codecs with a memory G.722 alone can;
    /// nothing is changed where it can't.
    pub fn track(&mut self, other: &Self, payload: &[u8]) -> bool {
        match (&mut self.state, &other.state) {
            (State::Pcmu, State::Pcmu) | (State::Pcma, State::Pcma) => true,
            (State::G722(ours), State::G722(theirs)) => ours.track(theirs, payload),
            (State::Pcmu | State::Pcma | State::G722(_) | State::Opus(_), _) => false,
        }
    }

    /// Begins a stream anew, as if nothing had been encoded.
    pub fn restart(&mut self) {
        match &mut self.state {
            State::Pcmu | State::Pcma => {}
            State::G722(encoder) => **encoder = g722::Encoder::new(),
            State::Opus(encoder) => encoder.restart(),
        }
    }

    /// Whether what is encoded from here on is to be understood without what was before it, as far as the codec can:
    /// Opus alone is told so. It costs bits, or sound where there are no more bits.
    pub fn set_independent(&mut self, is_independent: bool) {
        match &mut self.state {
            State::Pcmu | State::Pcma | State::G722(_) => {}
            State::Opus(encoder) => encoder.set_independent(is_independent),
        }
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
