//! Levels: how loud samples are.
//!
//! Everything is in dBov: the RMS relative to that of the largest square wave (32,767), so that 0 is the
//! overload point and a full sine is −3.01 (ITU-T G.100.1; RFC 6464 counts the same way, without the sign).

/// The level that stands for digital silence. Lower ones are told as this.
pub const SILENCE_DBOV: f32 = -127.0;

/// The largest sample.
const FULL: f32 = 32_767.0;

/// The mean of the squared samples; 0 for none.
#[must_use]
pub fn mean_square(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    let mut sum = 0_i64;
    // In pieces, so that the inner loop stays in 64-bit sums of 32-bit products that the compiler can vectorise.
    for piece in samples.chunks(1_024) {
        sum += piece.iter().map(|&sample| i64::from(i32::from(sample) * i32::from(sample))).sum::<i64>();
    }
    (sum as f64 / samples.len() as f64) as f32
}

/// The level of a mean square, from [`SILENCE_DBOV`] up.
#[must_use]
pub fn dbov_of_mean_square(mean_square: f32) -> f32 {
    if mean_square <= 0.0 {
        return SILENCE_DBOV;
    }
    (10.0 * (mean_square / (FULL * FULL)).log10()).max(SILENCE_DBOV)
}

/// The level of samples in dBov.
#[must_use]
pub fn level_dbov(samples: &[i16]) -> f32 {
    dbov_of_mean_square(mean_square(samples))
}

/// The factor that changes a level by so many dB.
#[must_use]
pub fn factor_of_db(db: f32) -> f32 {
    10.0_f32.powf(db / 20.0)
}

/// The peak of a sine that has this level, no higher than the largest sample.
#[must_use]
pub fn sine_peak(level_dbov: f32) -> f32 {
    (FULL * std::f32::consts::SQRT_2 * factor_of_db(level_dbov)).min(FULL)
}

/// The level of one frequency within samples (Goertzel): that of a sine of this frequency alone.
///
/// For tests and meters: it looks at all samples at once, so its width is the inverse of their duration.
#[must_use]
pub fn tone_level_dbov(samples: &[i16], rate_hz: u32, frequency_hz: f32) -> f32 {
    if samples.is_empty() {
        return SILENCE_DBOV;
    }
    let turn = std::f64::consts::TAU * f64::from(frequency_hz) / f64::from(rate_hz);
    let twice_cosine = 2.0 * turn.cos();
    let (mut last, mut before) = (0.0_f64, 0.0_f64);
    for &sample in samples {
        let next = f64::from(sample) + twice_cosine * last - before;
        before = last;
        last = next;
    }
    let power = last * last + before * before - twice_cosine * last * before;
    let count = samples.len() as f64;
    // |X|² = (A·n/2)² for a sine of peak A, whose mean square is A²/2.
    dbov_of_mean_square((2.0 * power / (count * count)) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(peak: f32, frequency_hz: f32) -> Vec<i16> {
        (0..8_000)
            .map(|n| (peak * (std::f32::consts::TAU * frequency_hz * n as f32 / 8_000.0).sin()) as i16)
            .collect()
    }

    #[test]
    fn a_full_sine_is_three_db_below_overload() {
        assert!((level_dbov(&sine(32_767.0, 1_000.0)) + 3.01).abs() < 0.05);
    }

    #[test]
    fn the_largest_square_wave_is_the_overload_point() {
        assert!(level_dbov(&[32_767, -32_767, 32_767, -32_767]).abs() < 0.01);
    }

    #[test]
    fn silence_has_the_lowest_level_and_so_has_nothing() {
        assert!((level_dbov(&[0; 160]) - SILENCE_DBOV).abs() < f32::EPSILON);
        assert!((level_dbov(&[]) - SILENCE_DBOV).abs() < f32::EPSILON);
    }

    #[test]
    fn a_sine_has_the_level_that_its_peak_was_made_for() {
        for level in [-40.0, -20.0, -6.0] {
            assert!((level_dbov(&sine(sine_peak(level), 440.0)) - level).abs() < 0.1);
        }
    }

    #[test]
    fn one_frequency_is_told_from_another() {
        let tone = sine(sine_peak(-20.0), 440.0);
        assert!((tone_level_dbov(&tone, 8_000, 440.0) + 20.0).abs() < 0.1);
        assert!(tone_level_dbov(&tone, 8_000, 1_000.0) < -70.0);
    }
}
