//! Whether something that was read every minute drifts.
//!
//! The slope is the median of those between all pairs of readings (Theil and Sen), so that one minute in which the machine did
//! something else moves nothing.

use std::fmt;

/// What is read, and how much it may move.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    /// What it is, with its unit.
    pub(super) what: &'static str,
    /// How much it may rise over the whole time that is judged. To fall is no drift: something was given back.
    pub(super) rise_max: f64,
}

/// It rises by more than it may.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Drift {
    what: &'static str,
    rise: f64,
    rise_max: f64,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, rise, rise_max } = self;
        write!(f, "{what} has risen by {rise:.2}, and may by {rise_max:.2}")
    }
}

impl Bound {
    /// By how much the readings rise from the first to the last, for all that is steady in them.
    pub(super) fn judge(&self, readings: &[f64]) -> Result<f64, Drift> {
        let rise = slope(readings) * readings.len().saturating_sub(1) as f64;
        // What is no number is no proof either.
        if rise <= self.rise_max {
            Ok(rise)
        } else {
            Err(Drift { what: self.what, rise, rise_max: self.rise_max })
        }
    }
}

/// By how much a reading is above the one before; 0 for less than two.
fn slope(readings: &[f64]) -> f64 {
    let numbered = || readings.iter().enumerate();
    let mut slopes: Vec<f64> = numbered()
        .flat_map(|(n, one)| numbered().skip(n + 1).map(move |(m, other)| (other - one) / (m - n) as f64))
        .collect();
    slopes.sort_by(f64::total_cmp);
    match (slopes.len() / 2, slopes.len() % 2) {
        (0, 0) => 0.0,
        (middle, 0) => f64::midpoint(slopes[middle - 1], slopes[middle]),
        (middle, _) => slopes[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: Bound = Bound { what: "memory, MB", rise_max: 8.0 };

    /// Readings around a value that goes up by so much a minute, noisy by up to so much either way.
    fn readings(minutes: usize, start: f64, rise: f64, noise: f64) -> Vec<f64> {
        let mut state = 7_u32;
        (0..minutes)
            .map(|minute| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let chance = f64::from(state >> 8) / f64::from(1 << 23) - 1.0;
                start + rise * minute as f64 + noise * chance
            })
            .collect()
    }

    #[test]
    fn what_stays_or_falls_passes_however_noisy() {
        assert!(MEMORY.judge(&readings(60, 90.0, 0.0, 10.0)).is_ok());
        assert!(MEMORY.judge(&readings(60, 90.0, -1.0, 3.0)).is_ok());
        assert!(MEMORY.judge(&[]).is_ok() && MEMORY.judge(&[90.0]).is_ok());
    }

    #[test]
    fn what_grows_a_little_every_minute_is_told_with_how_much() {
        let drift = MEMORY.judge(&readings(60, 90.0, 0.25, 5.0)).unwrap_err();
        assert!((12.0..18.0).contains(&drift.rise), "{drift:?}");
        assert!(drift.to_string().starts_with("memory, MB has risen by 1"), "{drift}");
        assert!(MEMORY.judge(&readings(60, 90.0, 0.1, 0.0)).is_ok(), "5.9 is within what it may");
    }

    #[test]
    fn a_minute_in_which_everything_was_otherwise_is_no_drift_and_hides_none() {
        let mut steady = readings(60, 90.0, 0.0, 1.0);
        steady[58] = 400.0;
        assert!(MEMORY.judge(&steady).is_ok());
        let mut grows = readings(60, 90.0, 0.25, 1.0);
        grows[0] = 400.0;
        assert!(MEMORY.judge(&grows).is_err());
    }

    #[test]
    fn what_can_not_be_read_is_no_pass() {
        assert!(MEMORY.judge(&[90.0, f64::NAN, f64::NAN, f64::NAN]).is_err());
    }
}
