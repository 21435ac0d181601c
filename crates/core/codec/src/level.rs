//! Levels in dBov: the RMS against full scale, so that the loudest sine is −3.01.

/// The lowest level that is told apart from silence, in dBov (the floor of RFC 6464).
pub const SILENCE_DBOV: f32 = -127.0;

/// Turns a mean square (1.0 is full scale) into dBov, never under [`SILENCE_DBOV`].
#[must_use]
pub fn dbov_of_mean_square(mean_square: f32) -> f32 {
    if mean_square > 0.0 { (10.0 * mean_square.log10()).max(SILENCE_DBOV) } else { SILENCE_DBOV }
}

/// The loudness of samples in dBov (RMS against full scale), never under [`SILENCE_DBOV`].
#[must_use]
pub fn level_dbov_of_samples(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return SILENCE_DBOV;
    }
    let energy: f64 = samples.iter().map(|&s| (f64::from(s) / 32768.0).powi(2)).sum();
    dbov_of_mean_square((energy / samples.len() as f64) as f32)
}
