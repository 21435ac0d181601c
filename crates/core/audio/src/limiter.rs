//! A limiter: sums become samples without clipping.
//!
//! It sees a whole frame before it answers, adds no delay, leaves quiet frames exactly as they are and lets
//! go slowly, so that speech does not pump. **Invariant:** no output is beyond ±32,767, and the order of
//! any two samples under the same gain is kept (soft, never a flat top).

/// Peaks up to here pass unchanged: −0.5 dB. Higher leaves less room for the soft bend above it.
const CEILING: f32 = 30_900.0;
/// The largest sample.
const FULL: f32 = 32_767.0;
/// The gain comes down within this part of a frame. Shorter is harsher; longer bends more peaks.
const ATTACK_PART: usize = 8;
/// The gain goes up by this much a frame: 0.5 dB in 20 ms. Faster pumps.
const RELEASE: f32 = 1.06;

/// The state of one limited output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limiter {
    gain: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { gain: 1.0 }
    }
}

impl Limiter {
    /// Turns a frame of sums into samples.
    pub fn limit(&mut self, sums: &[i32], out: &mut [i16]) {
        let peak = peak(sums);
        if self.gain >= 1.0 && peak <= CEILING as i32 {
            for (sample, &sum) in out.iter_mut().zip(sums) {
                *sample = sum as i16;
            }
            return;
        }
        let wanted = if peak as f32 > CEILING { CEILING / peak as f32 } else { 1.0 };
        let start = self.gain;
        let (end, length) = if wanted < start {
            (wanted, (sums.len() / ATTACK_PART).max(1))
        } else {
            (wanted.min(start * RELEASE), sums.len().max(1))
        };
        scale(sums, out, start, end, length);
        self.gain = end;
    }

    /// The gain now; 1 where nothing is limited.
    #[must_use]
    pub const fn gain(&self) -> f32 {
        self.gain
    }
}

/// The largest magnitude in a frame.
#[must_use]
pub fn peak(sums: &[i32]) -> i32 {
    sums.iter().fold(0, |peak, &sum| peak.max(sum.saturating_abs()))
}

/// Scales a frame by a gain that goes from `start` to `end` within `length` samples, and bends what is still too high.
fn scale(sums: &[i32], out: &mut [i16], start: f32, end: f32, length: usize) {
    let slope = (end - start) / length as f32;
    let (lower, upper) = if slope < 0.0 { (end, start) } else { (start, end) };
    for (index, (sample, &sum)) in out.iter_mut().zip(sums).enumerate() {
        let gain = (start + slope * (index + 1) as f32).clamp(lower, upper);
        *sample = bend(sum as f32 * gain) as i16;
    }
}

/// Leaves values below the ceiling alone and bends all above it into what is left up to full scale.
fn bend(value: f32) -> f32 {
    let over = (value.abs() - CEILING).max(0.0) / (FULL - CEILING);
    let bent = CEILING + (FULL - CEILING) * (over / (1.0 + over));
    if over > 0.0 { bent.copysign(value) } else { value }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sine(peak: f32, frames: usize) -> Vec<i32> {
        (0..frames * 160).map(|n| (peak * (n as f32 * 0.3).sin()) as i32).collect()
    }

    proptest! {
        #[test]
        fn a_frame_below_the_ceiling_is_left_alone(sums in proptest::collection::vec(-30_900_i32..=30_900, 160)) {
            let mut out = [0; 160];
            Limiter::default().limit(&sums, &mut out);
            prop_assert!(out.iter().zip(&sums).all(|(&sample, &sum)| i32::from(sample) == sum));
        }

        #[test]
        fn no_sum_clips_and_signs_are_kept(
            frames in proptest::collection::vec(proptest::collection::vec(-400_000_i32..=400_000, 160), 1..8)
        ) {
            let mut limiter = Limiter::default();
            for sums in &frames {
                let mut out = [0_i16; 160];
                limiter.limit(sums, &mut out);
                for (&sample, &sum) in out.iter().zip(sums) {
                    prop_assert!((-32_767..=32_767).contains(&i32::from(sample)));
                    prop_assert!(i32::from(sample) * sum.signum() >= 0);
                    prop_assert!(i32::from(sample).abs() <= sum.abs());
                }
            }
        }
    }

    #[test]
    fn loud_sums_keep_their_shape_once_the_gain_has_settled() {
        let sums = sine(90_000.0, 10);
        let mut limiter = Limiter::default();
        let mut out = vec![0_i16; 160];
        for frame in sums.chunks(160) {
            limiter.limit(frame, &mut out);
        }
        let gain = limiter.gain();
        for (&sample, &sum) in out[80..].iter().zip(&sums[sums.len() - 80..]) {
            assert!((f32::from(sample) - sum as f32 * gain).abs() < 400.0);
        }
    }

    #[test]
    fn it_lets_go_slowly_and_entirely() {
        let mut limiter = Limiter::default();
        let mut out = [0_i16; 160];
        limiter.limit(&sine(120_000.0, 1), &mut out);
        let mut last = limiter.gain();
        for _ in 0..60 {
            limiter.limit(&[1_000; 160], &mut out);
            assert!(limiter.gain() <= last * 1.061 && limiter.gain() >= last);
            last = limiter.gain();
        }
        assert_eq!(out, [1_000; 160]);
    }
}
