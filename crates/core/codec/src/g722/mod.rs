//! G.722 at 64 kbit/s (mode 1): two bands of 4 kHz, each coded by how it differs from what was predicted.
//!
//! An octet is two samples at 16 kHz: six bits of the lower band and two of the upper one. Both sides predict from
//! what was sent alone, so that they stay alike. Block names are those of [ITU-T G.722 §6.2]; the filters run over
//! whole pieces at a time, so that they vectorise, and the bands step by step, as they must.
//! **Invariant:** any octets decode; every number is kept within 16 bits as the recommendation says.

mod band;
mod quantizer;
mod split;

use band::Band;
use split::{Join, Split};

/// Octets that are worked on at a time; what is longer goes piece by piece.
const PIECE: usize = 160;

/// The two bands of one side.
#[derive(Debug, Clone)]
struct Bands {
    low: Band,
    high: Band,
}

impl Bands {
    const fn new() -> Self {
        Self { low: Band::low(), high: Band::high() }
    }

    /// Codes one sample of each band.
    fn encode(&mut self, low: i32, high: i32) -> u8 {
        let low_code = quantizer::low_code(band::saturate(low - self.low.predicted()), self.low.scale());
        let high_code = quantizer::high_code(band::saturate(high - self.high.predicted()), self.high.scale());
        self.step(low_code, high_code);
        (high_code << 6) | low_code
    }

    /// Decodes one sample of each band.
    fn decode(&mut self, octet: u8) -> (i32, i32) {
        let (low_code, high_code) = (octet & 0x3F, octet >> 6);
        let low = self.low.predicted() + quantizer::low_difference(low_code, self.low.scale());
        let high = self.high.predicted() + quantizer::high_difference(high_code, self.high.scale());
        self.step(low_code, high_code);
        (low.clamp(-16_384, 16_383), high.clamp(-16_384, 16_383))
    }

    /// What both sides do once a code is known. The lower band predicts from its upper four bits alone.
    fn step(&mut self, low_code: u8, high_code: u8) {
        let low = quantizer::low_coarse_difference(low_code, self.low.scale());
        self.low.adapt(low, quantizer::low_speed(low_code));
        let high = quantizer::high_difference(high_code, self.high.scale());
        self.high.adapt(high, quantizer::high_speed(high_code));
    }
}

/// Turns samples at 16 kHz into octets.
#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    split: Split,
    bands: Bands,
}

impl Encoder {
    pub(crate) const fn new() -> Self {
        Self { split: Split::new(), bands: Bands::new() }
    }

    /// Goes on as a far decoder does that remembers what we do, and is sent what `other` made of its last samples; whether
    /// the two are near enough by then to go on alike.
    pub(crate) fn track(&mut self, other: &Self, payload: &[u8]) -> bool {
        for &octet in payload {
            self.bands.step(octet & 0x3F, octet >> 6);
        }
        self.split.clone_from(&other.split);
        self.bands.low.is_near(&other.bands.low) && self.bands.high.is_near(&other.bands.high)
    }

    /// Encodes pairs of samples into octets, as many as there are of both; how many octets.
    pub(crate) fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> usize {
        let count = (samples.len() / 2).min(payload.len());
        for (samples, octets) in samples.chunks(2 * PIECE).zip(payload[..count].chunks_mut(PIECE)) {
            let (mut low, mut high) = ([0; PIECE], [0; PIECE]);
            let pairs = octets.len();
            self.split.split(&samples[..2 * pairs], &mut low[..pairs], &mut high[..pairs]);
            for ((octet, &low), &high) in octets.iter_mut().zip(&low).zip(&high) {
                *octet = self.bands.encode(low, high);
            }
        }
        count
    }
}

/// Turns octets into samples at 16 kHz.
///
/// Over a loss it stands still: of voices with losses of 10 to 100 ms, what followed was no worse than with predictors
/// moved by what stood in for the loss, and far better than with step sizes moved by it, which fade away with it.
#[derive(Debug, Clone)]
pub(crate) struct Decoder {
    bands: Bands,
    join: Join,
}

impl Decoder {
    pub(crate) const fn new() -> Self {
        Self { bands: Bands::new(), join: Join::new() }
    }

    /// Decodes octets into pairs of samples, as many as there is room for; how many samples.
    pub(crate) fn decode(&mut self, payload: &[u8], samples: &mut [i16]) -> usize {
        let count = (samples.len() / 2).min(payload.len());
        for (octets, samples) in payload[..count].chunks(PIECE).zip(samples.chunks_mut(2 * PIECE)) {
            let (mut low, mut high) = ([0; PIECE], [0; PIECE]);
            let pairs = octets.len();
            for ((&octet, low), high) in octets.iter().zip(&mut low).zip(&mut high) {
                (*low, *high) = self.bands.decode(octet);
            }
            self.join.join(&low[..pairs], &high[..pairs], &mut samples[..2 * pairs]);
        }
        2 * count
    }
}
