//! How much later than it was said something is heard: where the two sounds fit each other best.

use partyline_audio::level::level_dbov;

/// Samples that are compared at once: 400 ms at 8 kHz.
const WINDOW: usize = 3_200;
/// The most that is looked for: 400 ms at 8 kHz.
const LAG_MAX: usize = 3_200;
/// What is more silent is passed over: silence fits everywhere.
const SPOKEN_DBOV: f32 = -40.0;
/// Sounds that fit each other less are not the same: what was said got lost. 1 is the same sound.
const FITS_MIN: f64 = 0.6;

/// By how many samples each spoken window of `said` is late in `heard`.
#[must_use]
pub fn lags(said: &[i16], heard: &[i16]) -> Vec<usize> {
    let windows = said.chunks_exact(WINDOW).enumerate();
    let spoken = windows.filter(|(_, window)| level_dbov(window) > SPOKEN_DBOV);
    spoken.filter_map(|(nth, window)| lag(window, heard.get(nth * WINDOW..)?)).collect()
}

fn lag(window: &[i16], heard: &[i16]) -> Option<usize> {
    let fits = |at: usize| Some((at, fit(window, heard.get(at..at + window.len())?)));
    let (at, best) = (0..=LAG_MAX).filter_map(fits).max_by(|one, other| one.1.total_cmp(&other.1))?;
    (best > FITS_MIN).then_some(at)
}

/// How well two sounds fit each other: 1 for the same, whatever their loudness.
fn fit(one: &[i16], other: &[i16]) -> f64 {
    let (mut product, mut squares, mut other_squares) = (0_i64, 0_i64, 0_i64);
    for (&a, &b) in one.iter().zip(other) {
        let (a, b) = (i64::from(a), i64::from(b));
        product += a * b;
        squares += a * a;
        other_squares += b * b;
    }
    let scale = (squares as f64 * other_squares as f64).sqrt();
    if scale > 0.0 { product as f64 / scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_heard_later_and_softer_is_found() {
        let mut seed = 1_u32;
        let said: Vec<i16> = (0..40_000)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((seed >> 16) as i16) / 8
            })
            .collect();
        let mut heard = vec![0; 700];
        heard.extend(said.iter().map(|sample| sample / 2));
        let lags = lags(&said, &heard);
        assert!(!lags.is_empty() && lags.iter().all(|&lag| lag == 700), "{lags:?}");
    }

    #[test]
    fn other_sound_is_not_found() {
        let said: Vec<i16> = (0..8_000).map(|n| if n % 50 < 25 { 4_000 } else { -4_000 }).collect();
        assert!(lags(&said, &vec![0; 16_000]).is_empty());
    }
}
