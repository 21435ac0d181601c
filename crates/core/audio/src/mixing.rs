//! The arithmetic of mixing: 32-bit sums of 16-bit frames, so that nothing overflows before the limiter.
//!
//! Free functions on arrays of equal length (the shorter one counts), which the compiler vectorises.

/// Adds a frame to the sum: samples, or what was made louder than samples can be.
pub fn add<Sample: Copy + Into<i32>>(sum: &mut [i32], frame: &[Sample]) {
    for (total, &sample) in sum.iter_mut().zip(frame) {
        *total += sample.into();
    }
}

/// What is left of the sum without one's own frame.
pub fn minus_own<Sample: Copy + Into<i32>>(sum: &[i32], own: &[Sample], out: &mut [i32]) {
    for ((left, &total), &sample) in out.iter_mut().zip(sum).zip(own) {
        *left = total - sample.into();
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

    /// Applies the gain to a frame on its way to `target`, moving by `step_max` at most within the frame. A gain above 1
    /// can clip here; sums are for that.
    pub fn apply(&mut self, frame: &mut [i16], target: f32, step_max: f32) {
        let end = self.end(target, step_max);
        self.scale(frame.len(), end, |index, gain| frame[index] = (f32::from(frame[index]) * gain) as i16);
    }

    /// The same for sums, which have room for what is made louder: a limiter comes after it.
    pub fn apply_to_sum(&mut self, sum: &mut [i32], target: f32, step_max: f32) {
        let end = self.end(target, step_max);
        self.scale(sum.len(), end, |index, gain| sum[index] = (sum[index] as f32 * gain) as i32);
    }

    /// Where the gain is at the end of the next frame. It arrives exactly, so that a gain of 1 is found again.
    fn end(&self, target: f32, step_max: f32) -> f32 {
        let way = target - self.now;
        if way.abs() <= step_max { target } else { self.now + step_max.copysign(way) }
    }

    fn scale(&mut self, length: usize, end: f32, mut scale: impl FnMut(usize, f32)) {
        let start = std::mem::replace(&mut self.now, end);
        if (end - start).abs() >= f32::EPSILON {
            let slope = (end - start) / length.max(1) as f32;
            (0..length).for_each(|index| scale(index, start + slope * index as f32));
        } else if (end - 1.0).abs() >= f32::EPSILON {
            (0..length).for_each(|index| scale(index, end));
        }
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
    fn a_sum_that_is_made_louder_does_not_clip() {
        let mut sum = [30_000; 160];
        GainRamp::at(2.0).apply_to_sum(&mut sum, 2.0, 0.2);
        assert_eq!(sum, [60_000; 160]);
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
