//! Windowed sincs (Kaiser): one filter for each phase of an output at another rate.

/// How a filter is cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Zero crossings of the sinc on either side. More is steeper, slower and later.
    pub(crate) crossings: f64,
    /// The Kaiser window's shape: 7.9 rejects by about 80 dB, 5.7 by 60.
    pub(crate) beta: f64,
    /// The passband's end as a part of the lower Nyquist frequency, so that the slope lies below it.
    pub(crate) passband: f64,
}

/// The filter of each phase, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Filters {
    pub(crate) up: usize,
    pub(crate) down: usize,
    pub(crate) taps: usize,
    /// By how many samples of the input the sound is late.
    pub(crate) delay: usize,
    coefficients: Vec<f32>,
}

impl Filters {
    pub(crate) fn new(from_hz: u32, to_hz: u32, shape: Shape) -> Self {
        let divisor = greatest_common_divisor(from_hz, to_hz).max(1);
        let (up, down) = ((to_hz / divisor).max(1) as usize, (from_hz / divisor).max(1) as usize);
        // Cutoff as a part of the input's Nyquist frequency.
        let cutoff = shape.passband * (up as f64 / down as f64).min(1.0);
        let reach = shape.crossings / cutoff;
        let taps = 2 * reach.ceil() as usize;
        let mut coefficients = Vec::with_capacity(up * taps);
        for phase in 0..up {
            let fraction = phase as f64 / up as f64;
            let filter: Vec<f64> = (0..taps)
                .map(|tap| {
                    let distance = tap as f64 - (taps / 2 - 1) as f64 - fraction;
                    sinc(distance * cutoff) * kaiser(distance / reach, shape.beta)
                })
                .collect();
            // Each phase passes a constant unchanged, so that no phase hums.
            let sum: f64 = filter.iter().sum();
            coefficients.extend(filter.iter().map(|value| (value / sum) as f32));
        }
        Self { up, down, taps, delay: taps / 2, coefficients }
    }

    /// Makes every filter a multiple of so many taps long, by taps of nothing before it.
    pub(crate) fn pad(&mut self, multiple: usize) {
        let taps = self.taps.next_multiple_of(multiple);
        let mut padded = Vec::with_capacity(taps * self.up);
        for phase in 0..self.up {
            padded.resize(padded.len() + taps - self.taps, 0.0);
            padded.extend_from_slice(self.of(phase));
        }
        (self.taps, self.coefficients) = (taps, padded);
    }

    /// The filter of a phase.
    pub(crate) fn of(&self, phase: usize) -> &[f32] {
        &self.coefficients[phase * self.taps..(phase + 1) * self.taps]
    }
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) }
}

/// The Kaiser window at `x` of −1 to 1; nothing outside.
fn kaiser(x: f64, beta: f64) -> f64 {
    if x.abs() >= 1.0 { 0.0 } else { bessel_i0(beta * (1.0 - x * x).sqrt()) / bessel_i0(beta) }
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
