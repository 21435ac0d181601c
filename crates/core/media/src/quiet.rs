//! What listeners hear while nobody talks: a soft noise, so that the line does not seem dead.
//!
//! It is made once for the process and drawn from a frame at a time.
//! **Invariant:** it is between −70 and −65 dBov in every codec, and nothing allocates per tick.

use std::sync::LazyLock;

use partyline_audio::Resampler;
use partyline_codec::ComfortNoise;

use crate::frame::{FRAME_SAMPLES, RATE_HZ, Rate};

/// The loudness in −dBov and the colour (one reflection coefficient, RFC 3389 §3) of the noise: two of the smallest steps
/// of µ-law, which lie at −72 dBov, and softer towards high frequencies, as rooms are. Louder is heard as noise; less is
/// rounded to nothing by G.711.
const NOISE: [u8; 2] = [68, 70];
/// Frames to draw from. Their order is random, so that nothing repeats.
const FRAMES: usize = 128;

static NARROW: LazyLock<Box<[i16]>> = LazyLock::new(|| {
    let mut noise = ComfortNoise::new();
    noise.describe(&NOISE);
    let mut frame = [0; FRAME_SAMPLES];
    // It comes up within the first frames.
    (0..10).for_each(|_| noise.fill(&mut frame));
    let mut samples = vec![0; FRAMES * FRAME_SAMPLES];
    noise.fill(&mut samples);
    samples.into_boxed_slice()
});
static WIDE: LazyLock<Box<[i16]>> = LazyLock::new(|| at(Rate::Wide));
static FULL: LazyLock<Box<[i16]>> = LazyLock::new(|| at(Rate::Full));

/// The same noise at a higher rate: it is no more than telephones hear, which is what rooms sound like.
fn at(rate: Rate) -> Box<[i16]> {
    let mut samples = vec![0; FRAMES * rate.samples()];
    Resampler::new(RATE_HZ, rate.hz(), NARROW.len()).process(&NARROW, &mut samples);
    samples.into_boxed_slice()
}

/// The silence of one mix.
#[derive(Debug)]
pub(crate) struct Quiet {
    random: u32,
}

impl Quiet {
    pub(crate) fn new() -> Self {
        // It is made before anybody waits for it.
        LazyLock::force(&NARROW);
        Self { random: 1 }
    }

    /// Goes on to the next tick.
    pub(crate) const fn renew(&mut self) {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    }

    /// The frame of this tick.
    pub(crate) fn frame(&self, rate: Rate) -> &'static [i16] {
        let noises: &'static [i16] = match rate {
            Rate::Narrow => &NARROW,
            Rate::Wide => &WIDE,
            Rate::Full => &FULL,
        };
        let nth = (self.random >> 16) as usize % FRAMES;
        &noises[nth * rate.samples()..(nth + 1) * rate.samples()]
    }
}

#[cfg(test)]
mod tests {
    use partyline_codec::{Codec, Decoder, Encoder, level_dbov_of_samples};

    use super::*;

    /// Ten seconds of it, as a listener by this law has it.
    fn heard(codec: Codec) -> Vec<i16> {
        let mut quiet = Quiet::new();
        let mut decoder = Decoder::new(codec);
        let mut all = Vec::new();
        for _ in 0..500 {
            let (mut payload, mut frame) = ([0; FRAME_SAMPLES], [0; FRAME_SAMPLES]);
            quiet.renew();
            Encoder::new(codec).encode(quiet.frame(Rate::Narrow), &mut payload);
            decoder.decode(&payload, &mut frame);
            all.extend(frame);
        }
        all
    }

    #[test]
    fn it_is_soft_and_there_in_both_laws_and_never_stands_out() {
        for codec in [Codec::Pcmu, Codec::Pcma] {
            let samples = heard(codec);
            let level = level_dbov_of_samples(&samples);
            assert!((-70.0..-65.0).contains(&level), "{codec:?}: {level}");
            let loudest = samples.chunks(160).map(level_dbov_of_samples).fold(-127.0, f32::max);
            assert!(loudest < -63.0, "{codec:?}: {loudest}");
            assert!(samples.iter().all(|sample| sample.abs() < 80));
        }
    }

    #[test]
    fn it_is_as_soft_at_every_rate_and_has_no_edges() {
        for rate in [Rate::Narrow, Rate::Wide, Rate::Full] {
            let mut quiet = Quiet::new();
            let mut samples = Vec::new();
            for _ in 0..500 {
                quiet.renew();
                samples.extend_from_slice(quiet.frame(rate));
            }
            let level = level_dbov_of_samples(&samples);
            assert!((-70.0..-65.0).contains(&level), "{rate:?}: {level}");
            assert!(samples.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 90), "{rate:?}");
        }
    }

    #[test]
    fn it_is_no_tone_and_does_not_repeat() {
        let samples = heard(Codec::Pcmu);
        for hz in (50..4_000).step_by(50) {
            let level = partyline_audio::level::tone_level_dbov(&samples, 8_000, hz as f32);
            assert!(level < -80.0, "{hz} Hz at {level}");
        }
        let frames: Vec<&[i16]> = samples.chunks(160).collect();
        let is_period =
            |period: usize| (0..frames.len() - period).all(|at| frames[at] == frames[at + period]);
        assert!(!(1..250).any(is_period));
    }
}
