//! A length of time as settings write it: a whole number and a unit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time from a second to a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(Duration);

/// A text is no such length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a time from \"1s\" to \"1d\" with its unit (s, m, h, d)")]
pub struct NotSpan;

const DAY_SECONDS: u64 = 86_400;
const UNITS: [(&str, u64); 4] = [("d", DAY_SECONDS), ("h", 3600), ("m", 60), ("s", 1)];

impl Span {
    /// So many seconds; more than a day is a day, none is one.
    #[must_use]
    pub fn of_seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds.clamp(1, DAY_SECONDS)))
    }

    /// The length of time.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = NotSpan;

    fn from_str(text: &str) -> Result<Self, NotSpan> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| NotSpan)?;
        let (_, unit_seconds) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or(NotSpan)?;
        let seconds = number.checked_mul(unit_seconds).ok_or(NotSpan)?;
        if (1..=DAY_SECONDS).contains(&seconds) { Ok(Self::of_seconds(seconds)) } else { Err(NotSpan) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (name, unit_seconds) =
            UNITS.into_iter().find(|(_, unit)| seconds.is_multiple_of(*unit)).unwrap_or(("s", 1));
        write!(f, "{}{name}", seconds / unit_seconds)
    }
}

impl TryFrom<String> for Span {
    type Error = NotSpan;

    fn try_from(text: String) -> Result<Self, NotSpan> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_needs_its_unit_and_prints_as_the_largest_that_fits() {
        for (text, seconds, shown) in [("90s", 90, "90s"), ("60m", 3600, "1h"), ("24h", 86_400, "1d")] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.duration().as_secs(), span.to_string().as_str()), (seconds, shown));
        }
        for wrong in
            ["", "30", "s", "0s", "2d", "500ms", "-1s", "99999999999999999999d", "18446744073709551615h"]
        {
            assert_eq!(wrong.parse::<Span>(), Err(NotSpan), "{wrong}");
        }
    }
}
