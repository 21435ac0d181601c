//! Payload to samples, and what is heard where payload is missing.

use crate::codec::Codec;
use crate::conceal::Concealer;
use crate::{g711, g722, opus};

/// Turns payload into samples, and makes up what did not come. One per stream: it remembers what was heard.
#[derive(Debug)]
pub struct Decoder {
    codec: Codec,
    sample_rate_hz: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    Pcmu(Box<Concealer>),
    Pcma(Box<Concealer>),
    G722(Box<(g722::Decoder, Concealer)>),
    Opus(opus::Decoder),
}

impl Decoder {
    /// A decoder at the start of a stream, which gives samples at the codec's own rate.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self::at_rate(codec, codec.sample_rate_hz())
    }

    /// A decoder to frames of this rate, if the codec gives them as they are (see [`Codec::rate_for_hz`]).
    #[must_use]
    pub fn at_rate(codec: Codec, rate_hz: u32) -> Self {
        let sample_rate_hz = codec.rate_for_hz(rate_hz);
        let concealer = || Concealer::new(codec.sample_rate_hz());
        let state = match codec {
            Codec::Pcmu => State::Pcmu(Box::new(concealer())),
            Codec::Pcma => State::Pcma(Box::new(concealer())),
            Codec::G722 => State::G722(Box::new((g722::Decoder::new(), concealer()))),
            Codec::Opus => State::Opus(opus::Decoder::new(sample_rate_hz)),
        };
        Self { codec, sample_rate_hz, state }
    }

    /// Its codec.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// The rate of the samples that it gives.
    #[must_use]
    pub const fn sample_rate_hz(&self) -> u32 {
        self.sample_rate_hz
    }

    /// Decodes as much payload as there is room for; returns the samples written. Opus wants room for the whole
    /// packet (up to 120 ms); one that is no packet is concealed for as long as there is room, up to a frame.
    pub fn decode(&mut self, payload: &[u8], samples: &mut [i16]) -> usize {
        match &mut self.state {
            State::Pcmu(concealer) => law(g711::mulaw_decode, concealer, payload, samples),
            State::Pcma(concealer) => law(g711::alaw_decode, concealer, payload, samples),
            State::G722(state) => {
                let (decoder, concealer) = &mut **state;
                let count = decoder.decode(payload, samples);
                concealer.good(&mut samples[..count]);
                count
            }
            State::Opus(decoder) => decoder.decode(payload, samples),
        }
    }

    /// Makes up samples in place of lost ones. Opus gives whole 2.5 ms pieces; a rest is silent.
    pub fn conceal(&mut self, samples: &mut [i16]) {
        match &mut self.state {
            State::Pcmu(concealer) | State::Pcma(concealer) => concealer.fill(samples),
            State::G722(state) => state.1.fill(samples),
            State::Opus(decoder) => decoder.conceal(samples),
        }
    }

    /// Fills in lost samples by what the packet after them says of them, and what comes before that by
    /// concealment; false where the packet says nothing, and nothing was written. Opus alone does [RFC 7587 §3.3].
    pub fn recover(&mut self, next: &[u8], samples: &mut [i16]) -> bool {
        match &mut self.state {
            State::Pcmu(_) | State::Pcma(_) | State::G722(_) => false,
            State::Opus(decoder) => decoder.recover(next, samples),
        }
    }

    /// Forgets what was heard: the stream paused, and what comes next does not go on from there.
    pub fn forget(&mut self) {
        match &mut self.state {
            State::Pcmu(concealer) | State::Pcma(concealer) => concealer.forget(),
            State::G722(state) => state.1.forget(),
            State::Opus(_) => {}
        }
    }
}

fn law(
    decode: impl Fn(&[u8], &mut [i16]),
    concealer: &mut Concealer,
    payload: &[u8],
    samples: &mut [i16],
) -> usize {
    let count = samples.len().min(payload.len());
    decode(&payload[..count], &mut samples[..count]);
    concealer.good(&mut samples[..count]);
    count
}
