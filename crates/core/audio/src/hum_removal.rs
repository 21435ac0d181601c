//! The hum filter where there is hum, and nothing where there is none: what needs no filter stays as it came, octet for octet.
//!
//! Hum and an offset are there in every frame; a voice has nothing so low in its pauses. So what counts is the softest
//! frame of a second, below where voices begin. **Invariant:** the change between the two is faded over a frame.

use crate::hum_filter::HumFilter;

/// Where voices begin: what is below it counts.
const LOW_HZ: f32 = 60.0;
/// Frames of a window: a second, in which every talker draws breath or comes to a consonant.
const WINDOW_FRAMES: u32 = 50;
/// A window whose softest frame has more than this below voices has hum (mean square, full scale 32768²: −60 dBov),
const HUM_MIN: f32 = 1e-6 * 32_768.0 * 32_768.0;
/// and one with less than this has none (−66 dBov). Between the two all stays as it is.
const NO_HUM_MAX: f32 = HUM_MIN / 4.0;
/// The longest frame that is faded within: 20 ms at 48 kHz.
const FRAME_MAX: usize = 960;

/// Takes hum and offset from one stream, where there are any.
#[derive(Debug, Clone)]
pub struct HumRemoval {
    filter: HumFilter,
    is_on: bool,
    /// The part below voices, as two poles at [`LOW_HZ`] let it pass.
    low: [f32; 2],
    pole: f32,
    softest: f32,
    frames: u32,
}

impl HumRemoval {
    /// For samples of this rate. It filters until a window has shown no hum: nobody is greeted by it.
    #[must_use]
    pub fn new(rate_hz: u32) -> Self {
        let pole = (-std::f32::consts::TAU * LOW_HZ / rate_hz.max(1_000) as f32).exp();
        Self {
            filter: HumFilter::new(rate_hz),
            is_on: true,
            low: [0.0; 2],
            pole,
            softest: f32::MAX,
            frames: 0,
        }
    }

    /// Begins anew at a sample, as if the line had had its offset for ever.
    pub fn begin(&mut self, offset: f32) {
        self.filter.begin(offset);
        self.low = [offset; 2];
        (self.softest, self.frames) = (f32::MAX, 0);
    }

    /// Takes from a frame of 20 ms what is no voice.
    pub fn remove(&mut self, frame: &mut [f32]) {
        let was_on = self.is_on;
        self.watch(frame);
        if !was_on && !self.is_on {
            return;
        }
        let mut raw = [0.0; FRAME_MAX];
        let count = frame.len().min(FRAME_MAX);
        raw[..count].copy_from_slice(&frame[..count]);
        if !was_on {
            self.filter.begin(raw[..count].iter().sum::<f32>() / count.max(1) as f32);
        }
        self.filter.filter(frame);
        if was_on != self.is_on {
            for (nth, (sample, &raw)) in frame.iter_mut().zip(&raw).enumerate() {
                let part = nth as f32 / count as f32;
                let filtered = if self.is_on { part } else { 1.0 - part };
                *sample = raw + (*sample - raw) * filtered;
            }
        }
    }

    fn watch(&mut self, frame: &[f32]) {
        let mut energy = 0.0;
        for &sample in frame {
            self.low[0] = sample + (self.low[0] - sample) * self.pole;
            self.low[1] = self.low[0] + (self.low[1] - self.low[0]) * self.pole;
            energy += self.low[1] * self.low[1];
        }
        if !energy.is_finite() {
            self.low = [0.0; 2];
            return;
        }
        self.softest = self.softest.min(energy / frame.len().max(1) as f32);
        self.frames += 1;
        if self.frames == WINDOW_FRAMES {
            self.is_on = self.softest > if self.is_on { NO_HUM_MAX } else { HUM_MIN };
            (self.softest, self.frames) = (f32::MAX, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;
    use crate::level::factor_of_db;

    const FRAME: usize = 160;

    fn sine(hz: f32, level_dbov: f32, n: usize) -> f32 {
        32_768.0 * 2_f32.sqrt() * factor_of_db(level_dbov) * (TAU * hz * n as f32 / 8_000.0).sin()
    }

    /// Syllables of a low voice.
    fn voice(n: usize) -> f32 {
        sine(110.0, -26.0, n) * (TAU * 3.0 * n as f32 / 8_000.0).sin().max(0.0)
    }

    fn heard(removal: &mut HumRemoval, samples: impl Iterator<Item = f32>) -> Vec<f32> {
        let mut all: Vec<f32> = samples.collect();
        all.chunks_mut(FRAME).for_each(|frame| removal.remove(frame));
        all
    }

    #[test]
    fn a_voice_without_hum_stays_as_it_came() {
        let mut removal = HumRemoval::new(8_000);
        let out = heard(&mut removal, (0..32_000).map(voice));
        assert!((16_000..32_000).all(|n| out[n].to_bits() == voice(n).to_bits()));
    }

    #[test]
    fn hum_and_an_offset_go_from_the_first_frame_on() {
        for low in [|n| sine(50.0, -40.0, n), |n| sine(60.0, -40.0, n), |_| 400.0] {
            let mut removal = HumRemoval::new(8_000);
            removal.begin(low(0));
            let out = heard(&mut removal, (0..32_000).map(low));
            let power: f32 = out[4_000..].iter().map(|sample| sample * sample).sum::<f32>() / 28_000.0;
            assert!(power.sqrt() < 12.0, "{}", power.sqrt());
        }
    }

    #[test]
    fn hum_that_begins_later_goes_within_two_seconds_and_without_a_step() {
        let mut removal = HumRemoval::new(8_000);
        let hum = |n: usize| if n < 24_000 { 0.0 } else { sine(50.0, -35.0, n) };
        let out = heard(&mut removal, (0..64_000).map(|n| voice(n) + hum(n)));
        let left: Vec<f32> = (48_000..64_000).map(|n| out[n]).collect();
        // Where the voice pauses there is nothing.
        let pause = left.chunks(FRAME).map(|frame| frame.iter().map(|s| s * s).sum::<f32>() / FRAME as f32);
        let softest = pause.fold(f32::MAX, f32::min);
        assert!(softest.sqrt() < 20.0, "{}", softest.sqrt());
        let step = out.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(step < 400.0, "{step}");
    }

    #[test]
    fn what_is_no_number_does_not_stay() {
        let mut removal = HumRemoval::new(8_000);
        removal.remove(&mut [f32::NAN; FRAME]);
        let out = heard(&mut removal, (0..32_000).map(voice));
        assert!(out[31_000..].iter().all(|sample| sample.is_finite()));
    }
}
