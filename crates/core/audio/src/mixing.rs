//! The arithmetic of mixing: 32-bit sums of 16-bit frames, so that nothing overflows before the limiter.
//!
//! Free functions on arrays of equal length (the shorter one counts), which the compiler vectorises.

/// Adds a frame to the sum.
pub fn add(sum: &mut [i32], frame: &[i16]) {
    for (total, &sample) in sum.iter_mut().zip(frame) {
        *total += i32::from(sample);
    }
}

/// What is left of the sum without one's own frame.
pub fn minus_own(sum: &[i32], own: &[i16], out: &mut [i32]) {
    for ((left, &total), &sample) in out.iter_mut().zip(sum).zip(own) {
        *left = total - i32::from(sample);
    }
}

/// A gain that moves to where it is wanted without a step: linearly within one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GainRamp {
    now: f32,
}

impl GainRamp {
    /// A gain that stands at this factor.
    #[must_use]
    pub const fn at(factor: f32) -> Self {
        Self { now: factor }
    }

    /// The factor at the end of the last frame.
    #[must_use]
    pub const fn factor(&self) -> f32 {
        self.now
    }

    /// Applies the gain to a frame on its way to `target`, moving by `step_max` at most within the frame.
    pub fn apply(&mut self, frame: &mut [i16], target: f32, step_max: f32) {
        let way = target - self.now;
        // Arrives exactly, so that a gain of 1 is found again.
        let end = if way.abs() <= step_max { target } else { self.now + step_max.copysign(way) };
        if (end - self.now).abs() < f32::EPSILON {
            if (end - 1.0).abs() >= f32::EPSILON {
                frame.iter_mut().for_each(|sample| *sample = (f32::from(*sample) * end) as i16);
            }
        } else {
            let (start, slope) = (self.now, (end - self.now) / frame.len().max(1) as f32);
            for (index, sample) in frame.iter_mut().enumerate() {
                *sample = (f32::from(*sample) * (start + slope * index as f32)) as i16;
            }
        }
        self.now = end;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_sum_without_ones_own_is_the_sum_of_the_others(
            frames in proptest::collection::vec(proptest::collection::vec(any::<i16>(), 160), 1..6)
        ) {
            let mut sum = [0; 160];
            frames.iter().for_each(|frame| add(&mut sum, frame));
            for (own, frame) in frames.iter().enumerate() {
                let mut others = [0; 160];
                frames.iter().enumerate().filter(|(index, _)| *index != own).for_each(|(_, frame)| add(&mut others, frame));
                let mut left = [0; 160];
                minus_own(&sum, frame, &mut left);
                prop_assert_eq!(left, others);
            }
        }
    }

    #[test]
    fn a_gain_of_one_changes_no_sample() {
        let mut frame: Vec<i16> = (0..160).map(|n| n * 100).collect();
        let before = frame.clone();
        GainRamp::at(1.0).apply(&mut frame, 1.0, 0.2);
        assert_eq!(frame, before);
    }

    #[test]
    fn a_gain_moves_without_a_step_and_arrives() {
        let mut ramp = GainRamp::at(1.0);
        let mut all = Vec::new();
        for _ in 0..4 {
            let mut frame = [10_000_i16; 160];
            ramp.apply(&mut frame, 0.25, 0.5);
            all.extend_from_slice(&frame);
        }
        assert!((ramp.factor() - 0.25).abs() < 1e-6);
        assert_eq!(all[639], 2_500);
        assert!(all.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 60));
    }
}
