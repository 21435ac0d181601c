//! Resampling of whole clips: once, when a clip is loaded, never per packet.
//!
//! A windowed sinc (Kaiser, about 80 dB), laid out as one filter per phase of the output.

use crate::clip::Clip;

/// Zero crossings of the sinc on either side. More is steeper and slower.
const CROSSINGS: f64 = 24.0;
/// The Kaiser window's shape: about 80 dB of rejection.
const BETA: f64 = 7.9;
/// The passband's end as a part of the lower Nyquist frequency, so that the slope lies below it.
const PASSBAND: f64 = 0.94;

/// The clip at another rate; the same samples where it has that rate already.
#[must_use]
pub fn resample(clip: &Clip, rate_hz: u32) -> Clip {
    if clip.rate_hz() == rate_hz || clip.rate_hz() == 0 || rate_hz == 0 {
        return clip.clone();
    }
    let divisor = greatest_common_divisor(clip.rate_hz(), rate_hz);
    let (up, down) = ((rate_hz / divisor) as usize, (clip.rate_hz() / divisor) as usize);
    let filters = Filters::new(up, down);
    let input = clip.samples();
    let count = (input.len() * up).div_ceil(down);
    let output: Vec<i16> = (0..count).map(|index| filters.sample(input, index)).collect();
    Clip::new(rate_hz, output)
}

/// The filter of each phase, one after the other.
struct Filters {
    up: usize,
    down: usize,
    taps: usize,
    coefficients: Vec<f32>,
}

impl Filters {
    fn new(up: usize, down: usize) -> Self {
        // Cutoff as a part of the input's Nyquist frequency.
        let cutoff = PASSBAND * (up as f64 / down as f64).min(1.0);
        let reach = CROSSINGS / cutoff;
        let taps = 2 * reach.ceil() as usize;
        let mut coefficients = Vec::with_capacity(up * taps);
        for phase in 0..up {
            let fraction = phase as f64 / up as f64;
            let filter: Vec<f64> = (0..taps)
                .map(|tap| {
                    let distance = tap as f64 - (taps / 2 - 1) as f64 - fraction;
                    sinc(distance * cutoff) * kaiser(distance / reach)
                })
                .collect();
            // Each phase passes a constant unchanged, so that no phase hums.
            let sum: f64 = filter.iter().sum();
            coefficients.extend(filter.iter().map(|value| (value / sum) as f32));
        }
        Self { up, down, taps, coefficients }
    }

    /// One sample of the output; the input is silent before its start and after its end.
    fn sample(&self, input: &[i16], index: usize) -> i16 {
        let position = index * self.down;
        let (whole, phase) = (position / self.up, position % self.up);
        let filter = &self.coefficients[phase * self.taps..(phase + 1) * self.taps];
        let before = self.taps / 2 - 1;
        let skipped = before.saturating_sub(whole);
        let start = (whole + skipped) - before;
        let sum: f32 = filter[skipped..]
            .iter()
            .zip(input.get(start..).unwrap_or_default())
            .map(|(coefficient, &sample)| coefficient * f32::from(sample))
            .sum();
        sum.round().clamp(-32_768.0, 32_767.0) as i16
    }
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) }
}

/// The Kaiser window at `x` of −1 to 1; nothing outside.
fn kaiser(x: f64) -> f64 {
    if x.abs() >= 1.0 { 0.0 } else { bessel_i0(BETA * (1.0 - x * x).sqrt()) / bessel_i0(BETA) }
}

/// The modified Bessel function of order 0 by its series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..40 {
        term *= quarter / f64::from(k * k);
        sum += term;
    }
    sum
}

const fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::{level_dbov, tone_level_dbov};
    use crate::tone::Tone;

    fn second_of(rate_hz: u32, frequency_hz: f32) -> Clip {
        let mut samples = vec![0; rate_hz as usize];
        Tone::new(rate_hz, frequency_hz, -20.0, rate_hz).fill(&mut samples);
        Clip::new(rate_hz, samples)
    }

    fn inner(clip: &Clip) -> &[i16] {
        let edge = clip.samples().len() / 10;
        &clip.samples()[edge..clip.samples().len() - edge]
    }

    #[test]
    fn a_tone_keeps_its_level_between_all_rates() {
        for from in [8_000, 16_000, 32_000, 44_100, 48_000] {
            for to in [8_000, 16_000, 32_000, 48_000] {
                let there = resample(&second_of(from, 1_000.0), to);
                assert_eq!(there.samples().len(), to as usize, "{from} to {to}");
                assert!((tone_level_dbov(inner(&there), to, 1_000.0) + 20.0).abs() < 0.1, "{from} to {to}");
            }
        }
    }

    #[test]
    fn what_is_above_the_new_band_is_gone_and_does_not_fold_down() {
        let there = resample(&second_of(48_000, 5_000.0), 8_000);
        assert!(level_dbov(inner(&there)) < -80.0);
    }

    #[test]
    fn what_is_added_going_up_is_no_mirror_image() {
        let there = resample(&second_of(8_000, 3_000.0), 16_000);
        assert!(tone_level_dbov(inner(&there), 16_000, 5_000.0) < -75.0);
    }

    #[test]
    fn the_same_rate_shares_the_samples() {
        let clip = second_of(8_000, 440.0);
        assert!(std::ptr::eq(resample(&clip, 8_000).samples(), clip.samples()));
    }

    #[test]
    fn nothing_becomes_nothing() {
        assert!(resample(&Clip::new(16_000, Vec::new()), 8_000).samples().is_empty());
    }
}
