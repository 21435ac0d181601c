//! Comfort noise: what is heard while the far side sends nothing because nobody speaks there [RFC 3389].
//!
//! A packet says how loud the noise is and, perhaps, its colour as reflection coefficients. The noise is white noise
//! through that all-pole lattice. **Invariant:** any payload gives a stable filter and a level of −127 to 0 dBov.

/// Most coefficients that are heeded; more are allowed and change next to nothing at 8 kHz.
const ORDER_MAX: usize = 10;
/// The largest reflection coefficient: at 1 the filter would ring for ever.
const REFLECTION_MAX: f32 = 0.95;
/// How far the level moves from one sample to the next, so that a new level does not click: all the way in 10 ms.
const GAIN_STEP: f32 = 1.0 / 80.0;

/// The noise of one stream.
#[derive(Debug, Clone)]
pub struct ComfortNoise {
    level_dbov: f32,
    reflections: [f32; ORDER_MAX],
    order: usize,
    backward: [f32; ORDER_MAX + 1],
    /// The RMS that white noise must have for the level to come out.
    wanted: f32,
    gain: f32,
    seed: u32,
}

impl ComfortNoise {
    /// Silence, until a packet says how loud it is.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            level_dbov: crate::SILENCE_DBOV,
            reflections: [0.0; ORDER_MAX],
            order: 0,
            backward: [0.0; ORDER_MAX + 1],
            wanted: 0.0,
            gain: 0.0,
            seed: 0x2545_F491,
        }
    }

    /// Reads a payload: a level, then a coefficient an octet [RFC 3389 §3]. An empty one says nothing.
    pub fn describe(&mut self, payload: &[u8]) {
        let Some((&level, colour)) = payload.split_first() else {
            return;
        };
        self.level_dbov = -f32::from(level & 0x7F);
        self.order = colour.len().min(ORDER_MAX);
        let mut passed = 1.0;
        for (reflection, &octet) in self.reflections.iter_mut().zip(colour) {
            *reflection = ((f32::from(octet) - 127.0) / 127.0).clamp(-REFLECTION_MAX, REFLECTION_MAX);
            passed *= 1.0 - *reflection * *reflection;
        }
        // The filter's gain in power is the inverse of what its reflections let pass.
        self.wanted = 32_768.0 * 10.0_f32.powf(self.level_dbov / 20.0) * f32::sqrt(passed);
    }

    /// How loud the noise is, in dBov.
    #[must_use]
    pub const fn level_dbov(&self) -> f32 {
        self.level_dbov
    }

    /// Makes noise.
    pub fn fill(&mut self, samples: &mut [i16]) {
        for sample in samples {
            self.gain += (self.wanted - self.gain) * GAIN_STEP;
            let white = self.white() * self.gain;
            *sample = self.colour(white).clamp(-32_768.0, 32_767.0) as i16;
        }
    }

    /// The noise's next beginning is soft again.
    pub const fn hush(&mut self) {
        self.gain = 0.0;
    }

    /// White noise of RMS 1, evenly spread.
    fn white(&mut self) -> f32 {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let even = (self.seed >> 8) as f32 / 8_388_608.0 - 1.0;
        even * 1.732_050_8
    }

    /// One step of the lattice.
    fn colour(&mut self, white: f32) -> f32 {
        let mut forward = white;
        for stage in (0..self.order).rev() {
            forward -= self.reflections[stage] * self.backward[stage];
            self.backward[stage + 1] = self.reflections[stage] * forward + self.backward[stage];
        }
        self.backward[0] = forward;
        forward
    }
}

impl Default for ComfortNoise {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::level_dbov_of_samples;

    fn noise(payload: &[u8]) -> Vec<i16> {
        let mut comfort = ComfortNoise::new();
        comfort.describe(payload);
        let mut samples = vec![0; 16_000];
        comfort.fill(&mut samples);
        samples.split_off(2_000)
    }

    /// Shows RFC 3389 §3.1: the first octet is the level of the noise in −dBov.
    #[test]
    fn noise_is_as_loud_as_its_packet_says_whatever_its_colour() {
        for level in [30_u8, 45, 60] {
            for colour in [&[][..], &[200], &[60, 180], &[190, 90, 140, 120, 150]] {
                let payload = [&[level], colour].concat();
                let heard = level_dbov_of_samples(&noise(&payload));
                assert!((heard + f32::from(level)).abs() < 1.5, "{payload:?}: {heard}");
            }
        }
    }

    /// Shows RFC 3389 §3.2: the octets after it are the reflection coefficients of the noise's spectrum.
    #[test]
    fn colour_moves_the_noise_to_low_or_high_frequencies() {
        let slopes = |samples: &[i16]| -> f64 {
            let steps: f64 = samples.windows(2).map(|w| f64::from(w[1] as i32 - w[0] as i32).powi(2)).sum();
            steps / samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>()
        };
        let (low, white, high) = (noise(&[40, 40]), noise(&[40]), noise(&[40, 215]));
        assert!(slopes(&low) < slopes(&white) / 2.0 && slopes(&high) > slopes(&white) * 1.3);
    }

    #[test]
    fn it_begins_softly() {
        let mut comfort = ComfortNoise::new();
        comfort.describe(&[20]);
        let mut samples = [0; 8];
        comfort.fill(&mut samples);
        assert!(samples.iter().all(|sample| sample.abs() < 1_000), "{samples:?}");
    }

    proptest! {
        #[test]
        fn any_payload_gives_noise_that_stays_at_rest(payload in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut comfort = ComfortNoise::new();
            comfort.describe(&payload);
            let mut samples = [0; 4_000];
            for _ in 0..4 {
                comfort.fill(&mut samples);
            }
            let heard = level_dbov_of_samples(&samples);
            prop_assert!(heard <= comfort.level_dbov() + 8.0 || heard < -80.0, "{heard} of {}", comfort.level_dbov());
        }
    }
}
