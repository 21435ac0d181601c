//! Levels of sound, and of one frequency within it.
//!
//! Made apart from the server's own meters, so that one mistake can't hide in both.

use std::f32::consts::TAU;

/// The rate of all sound here.
pub(crate) const RATE_HZ: u32 = 8_000;
/// The level told for silence.
pub const SILENCE_DBOV: f32 = -127.0;

const FULL_SCALE: f32 = 32_768.0;

/// The level of samples in dBov: RMS against full scale, so that the loudest sine is −3.01.
#[must_use]
pub fn level_dbov(samples: &[i16]) -> f32 {
    dbov(mean_square(samples))
}

/// The level of one frequency in dBov: that of a sine of this frequency, seen through a Hann window, which tells
/// frequencies apart that are two periods of the whole length away.
#[must_use]
pub fn tone_level_dbov(samples: &[i16], rate_hz: u32, hz: f32) -> f32 {
    tone_levels_dbov(samples, rate_hz, &[hz])[0]
}

/// The levels of several frequencies: see [`tone_level_dbov`].
#[must_use]
pub fn tone_levels_dbov(samples: &[i16], rate_hz: u32, tones: &[f32]) -> Vec<f32> {
    let step = TAU / (samples.len().max(1) as f32);
    let windowed: Vec<f32> = samples
        .iter()
        .enumerate()
        .map(|(n, &sample)| f32::from(sample) * (1.0 - (step * n as f32).cos()))
        .collect();
    let level = |&hz: &f32| dbov(power(windowed.iter().copied(), windowed.len(), rate_hz, hz));
    tones.iter().map(level).collect()
}

/// The share of a short piece's energy that lies at these frequencies: near 1 for tones, small for speech.
#[must_use]
pub(crate) fn tonal_share(samples: &[i16], rate_hz: u32, tones: &[f32]) -> f32 {
    let all = mean_square(samples);
    if all == 0.0 {
        return 0.0;
    }
    let tonal: f32 = tones
        .iter()
        .map(|&hz| power(samples.iter().map(|&sample| f32::from(sample)), samples.len(), rate_hz, hz))
        .sum();
    (tonal / all).min(1.0)
}

/// The level of one frequency in a short piece, in dBov, coarsely: neighbours are not told apart.
#[must_use]
pub(crate) fn frame_tone_dbov(samples: &[i16], rate_hz: u32, hz: f32) -> f32 {
    dbov(power(samples.iter().map(|&sample| f32::from(sample)), samples.len(), rate_hz, hz))
}

/// The mean square of the sine at this frequency, full scale being 1 (Goertzel's recursion, in double precision
/// because it runs over tens of thousands of samples).
fn power(samples: impl Iterator<Item = f32>, count: usize, rate_hz: u32, hz: f32) -> f32 {
    let turn = std::f64::consts::TAU * f64::from(hz) / f64::from(rate_hz.max(1));
    let coefficient = 2.0 * turn.cos();
    let (mut last, mut before) = (0.0f64, 0.0f64);
    for sample in samples {
        let next = f64::from(sample) + coefficient * last - before;
        before = last;
        last = next;
    }
    let squared = last * last + before * before - coefficient * last * before;
    let peak_squared = squared * (2.0 / count.max(1) as f64).powi(2);
    (peak_squared / 2.0) as f32 / (FULL_SCALE * FULL_SCALE)
}

fn mean_square(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    let energy: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    (energy / samples.len() as f64) as f32 / (FULL_SCALE * FULL_SCALE)
}

fn dbov(mean_square: f32) -> f32 {
    if mean_square > 0.0 { (10.0 * mean_square.log10()).max(SILENCE_DBOV) } else { SILENCE_DBOV }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f32, level_dbov: f32, count: usize) -> Vec<i16> {
        let peak = FULL_SCALE * 2.0f32.sqrt() * 10.0f32.powf(level_dbov / 20.0);
        (0..count).map(|n| (peak * (TAU * hz * n as f32 / 8000.0).sin()) as i16).collect()
    }

    fn sum(a: &[i16], b: &[i16]) -> Vec<i16> {
        a.iter().zip(b).map(|(a, b)| a + b).collect()
    }

    #[test]
    fn a_tone_is_measured_at_its_level_and_nowhere_else() {
        let tone = sine(1000.0, -15.0, 8000);
        assert!((tone_level_dbov(&tone, 8000, 1000.0) + 15.0).abs() < 0.1);
        assert!((level_dbov(&tone) + 15.0).abs() < 0.1);
        for other in [300.0, 900.0, 980.0, 1010.0, 1100.0, 3000.0] {
            let level = tone_level_dbov(&tone, 8000, other);
            assert!(level < -80.0, "{other} Hz at {level}");
        }
    }

    #[test]
    fn two_tones_are_told_apart_and_a_missing_one_is_missed() {
        let both = sum(&sine(600.0, -20.0, 4000), &sine(620.0, -26.0, 4000));
        assert!((tone_level_dbov(&both, 8000, 600.0) + 20.0).abs() < 0.2);
        assert!((tone_level_dbov(&both, 8000, 620.0) + 26.0).abs() < 0.2);
        assert!(tone_level_dbov(&both, 8000, 640.0) < -60.0);
    }

    #[test]
    fn a_tone_that_stops_half_way_loses_six_decibels() {
        let mut tone = sine(1000.0, -15.0, 8000);
        tone[4000..].fill(0);
        assert!((tone_level_dbov(&tone, 8000, 1000.0) + 21.0).abs() < 0.2);
    }

    #[test]
    fn silence_and_nothing_are_silent() {
        assert_eq!(tone_level_dbov(&[0; 800], 8000, 500.0), SILENCE_DBOV);
        assert_eq!(tone_level_dbov(&[], 8000, 500.0), SILENCE_DBOV);
        assert_eq!(level_dbov(&[]), SILENCE_DBOV);
    }

    #[test]
    fn a_frame_of_tones_is_tonal_and_one_of_noise_is_not() {
        let tones = sum(&sine(700.0, -15.0, 160), &sine(1300.0, -15.0, 160));
        assert!(tonal_share(&tones, 8000, &[700.0, 1300.0]) > 0.9);
        let mut state = 1u32;
        let noise: Vec<i16> = (0..160)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 18) as i16 - 8192
            })
            .collect();
        assert!(tonal_share(&noise, 8000, &[700.0, 1300.0]) < 0.3);
        assert_eq!(tonal_share(&[0; 160], 8000, &[700.0]), 0.0);
    }
}
