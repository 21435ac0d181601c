//! One band's predictor and step size, which both sides move by the codes alone.

/// Fractions of a power of two in 32 steps: the mantissa of a scale factor (SCALEL, SCALEH).
const MANTISSAS: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656, 2_714, 2_774,
    2_834, 2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520, 3_597, 3_676, 3_756, 3_838,
    3_922, 4_008,
];

/// What is nearer of two predictors' coefficients (of 16,384), and of the logarithms of two scale factors (2,048 to a
/// power of two), makes no difference that is heard: some fiftieths.
const NEAR: i32 = 300;
/// See [`NEAR`].
const NEAR_LOG: i32 = 48;

/// A predictor of two poles and six zeros, and the scale factor of the quantizer.
#[derive(Debug, Clone)]
pub(super) struct Band {
    /// The logarithm of the scale factor, its bound, and what shifts its mantissa.
    log_scale: i32,
    log_scale_max: i32,
    shift: i32,
    scale: i32,
    /// What is predicted, and the zeros' part of it.
    predicted: i32,
    from_zeros: i32,
    poles: [i32; 2],
    zeros: [i32; 6],
    /// The last reconstructed samples, differences, and differences with the zeros' part: the newest first.
    rebuilt: [i32; 2],
    differences: [i32; 6],
    partial: [i32; 2],
}

impl Band {
    pub(super) const fn low() -> Self {
        Self::new(32, 18_432, 8)
    }

    pub(super) const fn high() -> Self {
        Self::new(8, 22_528, 10)
    }

    const fn new(scale: i32, log_scale_max: i32, shift: i32) -> Self {
        Self {
            log_scale: 0,
            log_scale_max,
            shift,
            scale,
            predicted: 0,
            from_zeros: 0,
            poles: [0; 2],
            zeros: [0; 6],
            rebuilt: [0; 2],
            differences: [0; 6],
            partial: [0; 2],
        }
    }

    /// Whether the same codes mean the same to both, to the ear.
    pub(super) fn is_near(&self, other: &Self) -> bool {
        let near = |(one, other): (&i32, &i32)| (one - other).abs() < NEAR;
        (self.log_scale - other.log_scale).abs() < NEAR_LOG
            && self.poles.iter().zip(&other.poles).all(near)
            && self.zeros.iter().zip(&other.zeros).all(near)
    }

    pub(super) const fn predicted(&self) -> i32 {
        self.predicted
    }

    pub(super) const fn scale(&self) -> i32 {
        self.scale
    }

    /// Moves everything by one sample's difference.
    pub(super) fn adapt(&mut self, difference: i32, speed: i32) {
        self.rescale(speed);
        self.move_poles(saturate(self.from_zeros + difference));
        self.move_zeros(difference);
        self.pass(difference);
    }

    /// RECONS, PARREC, DELAYA: the newest values become the last ones.
    fn pass(&mut self, difference: i32) {
        self.rebuilt = [saturate(self.predicted + difference), self.rebuilt[0]];
        self.partial = [saturate(self.from_zeros + difference), self.partial[0]];
        self.differences.copy_within(0..5, 1);
        self.differences[0] = difference;
        self.predict();
    }

    /// LOGSCL and SCALEL (or LOGSCH and SCALEH): the scale factor leaks and follows the codes.
    fn rescale(&mut self, speed: i32) {
        self.log_scale = (((self.log_scale * 127) >> 7) + speed).clamp(0, self.log_scale_max);
        let mantissa = MANTISSAS[((self.log_scale >> 6) & 31) as usize];
        let shift = self.shift - (self.log_scale >> 11);
        self.scale = (if shift < 0 { mantissa << -shift } else { mantissa >> shift }) << 2;
    }

    /// UPPOL2 and UPPOL1: by the signs of the last three partial reconstructions, kept where the filter is stable.
    fn move_poles(&mut self, partial: i32) {
        let is_like_last = (partial < 0) == (self.partial[0] < 0);
        let is_like_before = (partial < 0) == (self.partial[1] < 0);
        let pull = saturate(self.poles[0] * 4);
        let pull = if is_like_last { saturate(-pull) } else { pull };
        let push = if is_like_before { 128 } else { -128 };
        let second = (push + (pull >> 7) + ((self.poles[1] * 32_512) >> 15)).clamp(-12_288, 12_288);
        let push = if is_like_last { 192 } else { -192 };
        let bound = 15_360 - second;
        let first = saturate(push + ((self.poles[0] * 32_640) >> 15)).clamp(-bound, bound);
        self.poles = [first, second];
    }

    /// UPZERO: each zero by whether its difference has the sign of the new one.
    fn move_zeros(&mut self, difference: i32) {
        let push = if difference == 0 { 0 } else { 128 };
        for (zero, &old) in self.zeros.iter_mut().zip(&self.differences) {
            let push = if (old < 0) == (difference < 0) { push } else { -push };
            *zero = saturate(push + ((*zero * 32_640) >> 15));
        }
    }

    /// FILTEP, FILTEZ, PREDIC.
    fn predict(&mut self) {
        let weigh = |(&weight, &value): (&i32, &i32)| (weight * saturate(value * 2)) >> 15;
        let from_poles = saturate(self.poles.iter().zip(&self.rebuilt).map(weigh).sum());
        self.from_zeros = saturate(self.zeros.iter().zip(&self.differences).map(weigh).sum());
        self.predicted = saturate(from_poles + self.from_zeros);
    }
}

/// Within 16 bits.
pub(super) const fn saturate(value: i32) -> i32 {
    if value > 32_767 {
        32_767
    } else if value < -32_768 {
        -32_768
    } else {
        value
    }
}
