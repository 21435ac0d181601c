//! Takes what is no voice from below one: an offset of the line, and the hum of its power supply.
//!
//! An inverse Chebyshev high-pass of the fifth order: flat where voices are, with zeros at nothing, 36 and 58 Hz. From
//! 44 to 61 Hz, where mains are, 40 dB are gone, and from 120 Hz up less than 1 dB. **Invariant:** any input leaves it at
//! rest again, and nothing here allocates.

use std::f64::consts::PI;

/// Up to here it stops: above the 60 Hz of American mains.
const STOP_HZ: f64 = 61.0;
/// By how much at least.
const STOP_DB: f64 = 40.0;
/// Of the filter; an odd one has a zero at nothing.
const ORDER: f64 = 5.0;
/// What is smaller is nothing: it would only become a number that processors are slow with.
const REST: f32 = 1e-15;

/// The filter of one stream.
#[derive(Debug, Clone)]
pub struct HumFilter {
    first: FirstOrder,
    second: [SecondOrder; 2],
}

/// A section with one pole, which takes the offset.
#[derive(Debug, Clone)]
struct FirstOrder {
    gain: f32,
    pole: f32,
    state: f32,
}

/// A section with two poles and two zeros on the circle (transposed direct form II).
#[derive(Debug, Clone)]
struct SecondOrder {
    gain: f32,
    middle: f32,
    poles: [f32; 2],
    state: [f32; 2],
}

impl HumFilter {
    /// At rest, for samples of this rate.
    #[must_use]
    pub fn new(rate_hz: u32) -> Self {
        let rate_hz = f64::from(rate_hz.max(1_000));
        // The edge as the bilinear transform bends it, with the transform's factor in it.
        let edge = (PI * STOP_HZ / rate_hz).tan();
        let width = ((10.0_f64.powf(STOP_DB / 10.0) - 1.0).sqrt()).asinh() / ORDER;
        let second = |nth: f64| {
            let angle = PI * (2.0 * nth - 1.0) / (2.0 * ORDER);
            let (real, imaginary) = (width.sinh() * angle.sin(), width.cosh() * angle.cos());
            SecondOrder::new(
                edge * angle.cos(),
                2.0 * edge * real,
                edge * edge * (real * real + imaginary * imaginary),
            )
        };
        Self { first: FirstOrder::new(edge * width.sinh()), second: [second(1.0), second(2.0)] }
    }

    /// Begins anew at a sample, as if the line had had its offset for ever.
    pub fn begin(&mut self, offset: f32) {
        self.first.state = -self.first.gain * offset;
        self.second.iter_mut().for_each(|section| section.state = [0.0; 2]);
    }

    /// Filters samples in place.
    pub fn filter(&mut self, samples: &mut [f32]) {
        let Self { first, second: [low, high] } = self;
        let (mut a, mut b, mut c) = (first.state, low.state, high.state);
        for sample in samples {
            let value = first.step(&mut a, *sample);
            let value = low.step(&mut b, value);
            *sample = high.step(&mut c, value);
        }
        first.state = rest(a);
        low.state = b.map(rest);
        high.state = c.map(rest);
    }
}

fn rest(state: f32) -> f32 {
    if state.abs() < REST || !state.is_finite() { 0.0 } else { state }
}

impl FirstOrder {
    /// s ÷ (s + pole), in the bent plane.
    fn new(pole: f64) -> Self {
        let gain = 1.0 / (1.0 + pole);
        Self { gain: gain as f32, pole: ((1.0 - pole) * gain) as f32, state: 0.0 }
    }

    #[inline(always)]
    fn step(&self, state: &mut f32, input: f32) -> f32 {
        let output = self.gain * input + *state;
        *state = self.pole * output - self.gain * input;
        output
    }
}

impl SecondOrder {
    /// (s² + zero²) ÷ (s² + linear·s + constant), in the bent plane.
    fn new(zero: f64, linear: f64, constant: f64) -> Self {
        let whole = 1.0 / (1.0 + linear + constant);
        Self {
            gain: ((1.0 + zero * zero) * whole) as f32,
            middle: (2.0 * (zero * zero - 1.0) * whole) as f32,
            poles: [(2.0 * (constant - 1.0) * whole) as f32, ((1.0 - linear + constant) * whole) as f32],
            state: [0.0; 2],
        }
    }

    #[inline(always)]
    fn step(&self, state: &mut [f32; 2], input: f32) -> f32 {
        let output = self.gain * input + state[0];
        state[0] = self.middle * input - self.poles[0] * output + state[1];
        state[1] = self.gain * input - self.poles[1] * output;
        output
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By how many dB a tone is louder behind the filter than before it.
    fn gain_db(rate_hz: u32, frequency_hz: f64) -> f64 {
        let turn = 2.0 * PI * frequency_hz / f64::from(rate_hz);
        let mut samples: Vec<f32> =
            (0..rate_hz * 2).map(|n| (10_000.0 * (turn * f64::from(n)).sin()) as f32).collect();
        HumFilter::new(rate_hz).filter(&mut samples);
        let settled = &samples[rate_hz as usize..];
        let power: f64 = settled.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        10.0 * (power / settled.len() as f64 / 5e7).log10()
    }

    #[test]
    fn mains_are_gone_and_voices_stay_at_any_rate() {
        for rate_hz in [8_000, 16_000, 32_000, 48_000] {
            for hum_hz in [44.0, 50.0, 60.0] {
                let gain = gain_db(rate_hz, hum_hz);
                assert!(gain < -38.0, "{hum_hz} Hz at {rate_hz}: {gain}");
            }
            assert!(gain_db(rate_hz, 100.0) > -3.5, "a low voice at {rate_hz}: {}", gain_db(rate_hz, 100.0));
            for voice_hz in [120.0, 200.0, 300.0, 1_000.0, 3_400.0] {
                let gain = gain_db(rate_hz, voice_hz);
                assert!((-1.2..0.1).contains(&gain), "{voice_hz} Hz at {rate_hz}: {gain}");
            }
        }
    }

    #[test]
    fn an_offset_is_gone_and_makes_no_thump_where_it_was_there_before() {
        let mut samples = [3_000.0; 4_000];
        HumFilter::new(8_000).filter(&mut samples);
        assert!(samples[2_000..].iter().all(|sample| sample.abs() < 1.0));
        let mut filter = HumFilter::new(8_000);
        filter.begin(3_000.0);
        samples.fill(3_000.0);
        filter.filter(&mut samples);
        assert!(samples.iter().all(|sample| sample.abs() < 1.0), "{}", samples[0]);
    }

    proptest! {
        #[test]
        fn whatever_comes_in_it_comes_to_rest(
            loud in proptest::collection::vec(any::<i16>(), 0..2_000),
            rate_hz in 0_u32..96_000,
        ) {
            let mut filter = HumFilter::new(rate_hz);
            let mut samples: Vec<f32> = loud.iter().map(|&sample| f32::from(sample)).collect();
            filter.filter(&mut samples);
            prop_assert!(samples.iter().all(|sample| sample.abs() < 400_000.0));
            let mut silence = vec![0.0; rate_hz.max(1_000) as usize * 3];
            silence.chunks_mut(160).for_each(|frame| filter.filter(frame));
            prop_assert_eq!(silence.last(), Some(&0.0));
        }
    }
}
