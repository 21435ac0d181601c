//! G.711 as arithmetic on the bits of floats: no tables, no branches, so that loops vectorise.
//!
//! A float's exponent is the segment of a companded octet and the top four bits of its mantissa are the
//! step in it; every number here is an integer below 2²⁴, which an `f32` holds exactly.
//! **Invariant:** slices of both arguments have the same length; what is longer is left alone.

/// The µ-law octet of +0.
pub(crate) const MULAW_SILENCE: u8 = 0xFF;
/// The A-law octet of the smallest positive step (A-law has no zero).
pub(crate) const ALAW_SILENCE: u8 = 0xD5;

/// µ-law adds this to a magnitude of 16 bits, so that segments begin at powers of two.
const BIAS: i32 = 132;
/// The largest magnitude that µ-law carries.
const CLIP: i16 = 32_635;
/// Up to this magnitude A-law is a straight line.
const STRAIGHT: i16 = 256;
/// The float exponent (biased) of the first segment, above four bits of step: 2⁷.
const FIRST_SEGMENT: i32 = (127 + 7) << 4;
/// 2²³: a float of this size holds whole numbers in its low bits.
const WHOLE: f32 = 8_388_608.0;
/// The bits below that, which hold the number.
const WHOLE_MASK: u32 = 0x007F_FFFF;
/// 32768⁻².
const FULL_SCALE_SQUARED_INVERSE: f32 = 1.0 / (32_768.0 * 32_768.0);
/// Partial sums, so that adding up vectorises.
const LANES: usize = 16;

/// Encodes by µ-law. Like ITU-T G.191, a negative sample's magnitude is its one's complement.
pub(crate) fn mulaw_encode(samples: &[i16], payload: &mut [u8]) {
    for (octet, &sample) in payload.iter_mut().zip(samples) {
        let sign = sample >> 15;
        // In 16 bits as far as can be: twice as many at a time, and every machine has a minimum of these.
        let magnitude = i32::from((sample ^ sign).min(CLIP)) + BIAS;
        let step = ((magnitude as f32).to_bits() >> 19) as i32 - FIRST_SEGMENT;
        *octet = !(step as u8 | (sign & 0x80) as u8);
    }
}

/// Decodes µ-law.
pub(crate) fn mulaw_decode(payload: &[u8], samples: &mut [i16]) {
    for (sample, &octet) in samples.iter_mut().zip(payload) {
        let magnitude = (mulaw_magnitude(octet) + WHOLE).to_bits() & WHOLE_MASK;
        let sign = i32::from(octet >> 7) - 1;
        *sample = ((magnitude as i32 ^ sign) - sign) as i16;
    }
}

/// The sum of squares of a µ-law payload, full scale being 1.0 a sample.
pub(crate) fn mulaw_energy(payload: &[u8]) -> f32 {
    energy(payload, mulaw_magnitude)
}

/// Encodes by A-law: the first segment's straight line and the curve meet at [`STRAIGHT`], so their sum needs no branch.
pub(crate) fn alaw_encode(samples: &[i16], payload: &mut [u8]) {
    for (octet, &sample) in payload.iter_mut().zip(samples) {
        let sign = sample >> 15;
        let magnitude = sample ^ sign;
        let curved = i32::from(magnitude.max(STRAIGHT)) as f32;
        let curved = (curved.to_bits() >> 19) as i32 - FIRST_SEGMENT - i32::from(STRAIGHT >> 4);
        let straight = magnitude.min(STRAIGHT) >> 4;
        let step = (curved as u8).wrapping_add(straight as u8);
        *octet = step ^ 0xD5 ^ (sign & 0x80) as u8;
    }
}

/// Decodes A-law.
pub(crate) fn alaw_decode(payload: &[u8], samples: &mut [i16]) {
    for (sample, &octet) in samples.iter_mut().zip(payload) {
        let magnitude = (alaw_magnitude(octet) + WHOLE).to_bits() & WHOLE_MASK;
        let sign = i32::from(octet >> 7) - 1;
        *sample = ((magnitude as i32 ^ sign) - sign) as i16;
    }
}

/// The sum of squares of an A-law payload, full scale being 1.0 a sample.
pub(crate) fn alaw_energy(payload: &[u8]) -> f32 {
    energy(payload, alaw_magnitude)
}

/// The magnitude of a µ-law octet: segment into the exponent, step into the mantissa, half a step on top.
#[inline(always)]
fn mulaw_magnitude(octet: u8) -> f32 {
    let step = u32::from(!octet & 0x7F);
    f32::from_bits(((step + FIRST_SEGMENT as u32) << 19) | (1 << 18)) - BIAS as f32
}

/// The magnitude of an A-law octet; the first segment is a straight line.
#[inline(always)]
fn alaw_magnitude(octet: u8) -> f32 {
    let step = u32::from((octet ^ 0x55) & 0x7F);
    let curved = f32::from_bits(((step + FIRST_SEGMENT as u32) << 19) | (1 << 18));
    let straight = (step * 16 + 8) as i32 as f32;
    if step < 16 { straight } else { curved }
}

#[inline(always)]
fn energy(payload: &[u8], magnitude: impl Fn(u8) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (chunks, rest) = payload.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &octet) in lanes.iter_mut().zip(chunk) {
            let m = magnitude(octet);
            *lane += m * m;
        }
    }
    for (lane, &octet) in lanes.iter_mut().zip(rest) {
        let m = magnitude(octet);
        *lane += m * m;
    }
    lanes.iter().sum::<f32>() * FULL_SCALE_SQUARED_INVERSE
}
