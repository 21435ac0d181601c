//! Resampling of whole clips: once, when a clip is loaded, never per packet.
//!
//! Streams are resampled by [`crate::Resampler`], whose filter is shorter because its delay is heard.

use crate::clip::Clip;
use crate::sinc::{Filters, Shape};

/// Steep and late: a clip's delay is nobody's.
const SHAPE: Shape = Shape { crossings: 24.0, beta: 7.9, passband: 0.94 };

/// The clip at another rate; the same samples where it has that rate already.
#[must_use]
pub fn resample(clip: &Clip, rate_hz: u32) -> Clip {
    if clip.rate_hz() == rate_hz || clip.rate_hz() == 0 || rate_hz == 0 {
        return clip.clone();
    }
    let filters = Filters::new(clip.rate_hz(), rate_hz, SHAPE);
    let input = clip.samples();
    let count = (input.len() * filters.up).div_ceil(filters.down);
    let output: Vec<i16> = (0..count).map(|index| sample(&filters, input, index)).collect();
    Clip::new(rate_hz, output)
}

/// One sample of the output; the input is silent before its start and after its end.
fn sample(filters: &Filters, input: &[i16], index: usize) -> i16 {
    let position = index * filters.down;
    let (whole, phase) = (position / filters.up, position % filters.up);
    let before = filters.taps / 2 - 1;
    let skipped = before.saturating_sub(whole);
    let start = (whole + skipped) - before;
    let sum: f32 = filters.of(phase)[skipped..]
        .iter()
        .zip(input.get(start..).unwrap_or_default())
        .map(|(coefficient, &sample)| coefficient * f32::from(sample))
        .sum();
    sum.round().clamp(-32_768.0, 32_767.0) as i16
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
