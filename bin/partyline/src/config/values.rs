//! Values as people write them: each parses once, says what was expected, and prints as it reads.

use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use partyline_conference::{ConferenceCode, MixerClass, MixerId, RoomName, VruId};
use partyline_engine::IoChoice;
use partyline_vru::{Codec, DIGESTS_LIKED, DigestHash, MediaSecurity};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A text that is a value: what stands for it is told to whoever wrote something else.
pub(crate) trait Spelled: FromStr + fmt::Display {
    /// What was expected, to follow the word "expected".
    const EXPECTED: &'static str;
}

/// A value that is written as text in the file, the environment and flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<T>(pub(crate) T);

impl<T: Spelled> Text<T> {
    /// Reads a value as a flag gives it.
    pub(crate) fn from_flag(text: &str) -> Result<Self, String> {
        T::from_str(text).map(Self).map_err(|_| format!("expected {}", T::EXPECTED))
    }
}

impl<T: Spelled> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: Spelled> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor<T>(PhantomData<T>);

        impl<T: Spelled> Visitor<'_> for TextVisitor<T> {
            type Value = Text<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::from_str(text).map(Text).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(TextVisitor(PhantomData))
    }
}

/// A whole number between two bounds, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Count<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Count<MIN, MAX> {
    /// A number that is known to fit; the compiler refuses any other.
    pub(crate) const fn of<const N: u32>() -> Self {
        const { assert!(MIN <= N && N <= MAX, "the number is out of bounds") };
        Self(N)
    }

    /// The number.
    pub(crate) const fn number(self) -> u32 {
        self.0
    }
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Count<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountVisitor<const MIN: u32, const MAX: u32>;

        impl<const MIN: u32, const MAX: u32> Visitor<'_> for CountVisitor<MIN, MAX> {
            type Value = Count<MIN, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from {MIN} to {MAX}")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                let fits = u32::try_from(number).ok().filter(|fits| (MIN..=MAX).contains(fits));
                fits.map(Count).ok_or_else(|| E::invalid_value(de::Unexpected::Signed(number), &self))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                let fits = u32::try_from(number).ok().filter(|fits| (MIN..=MAX).contains(fits));
                fits.map(Count).ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }
        }

        deserializer.deserialize_u32(CountVisitor::<MIN, MAX>)
    }
}

/// Why a text is not the value: what was expected stands in [`Spelled::EXPECTED`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not what was expected")]
pub(crate) struct Misspelled;

/// A length of time: a whole number and a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// Units from the longest; the empty rest is an error, so that `30` is never taken for seconds or minutes.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("ms", 1), ("m", 60_000), ("s", 1000)];
/// Ten years: longer is a slip of the finger, and everything in milliseconds still fits.
const SPAN_MAX: Duration = Duration::from_secs(3650 * 86_400);

impl FromStr for Span {
    type Err = Misspelled;

    fn from_str(text: &str) -> Result<Self, Misspelled> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| Misspelled)?;
        let (_, unit_ms) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or(Misspelled)?;
        let span = Duration::from_millis(number.checked_mul(unit_ms).ok_or(Misspelled)?);
        if span <= SPAN_MAX { Ok(Self(span)) } else { Err(Misspelled) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        let (name, unit_ms) = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)]
            .into_iter()
            .find(|(_, unit_ms)| ms >= *unit_ms && ms.is_multiple_of(*unit_ms))
            .unwrap_or(("ms", 1));
        write!(f, "{}{name}", ms / unit_ms)
    }
}

impl Spelled for Span {
    const EXPECTED: &'static str =
        "a time with a unit, such as \"500ms\", \"60s\", \"30m\", \"12h\" or \"365d\"";
}

/// A length of time, or no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit(pub(crate) Option<Duration>);

impl FromStr for Limit {
    type Err = Misspelled;

    fn from_str(text: &str) -> Result<Self, Misspelled> {
        match text {
            "none" | "forever" => Ok(Self(None)),
            _ => Ok(Self(Some(text.parse::<Span>()?.0))),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(limit) => Span(limit).fmt(f),
            None => f.write_str("none"),
        }
    }
}

impl Spelled for Limit {
    const EXPECTED: &'static str =
        "a time with a unit, such as \"90s\", \"30m\" or \"365d\", or \"none\" for no limit";
}

/// UDP ports for RTP and RTCP, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PortRange {
    pub(crate) first: u16,
    pub(crate) last: u16,
}

impl PortRange {
    /// Pairs of an even port and the one that follows.
    pub(crate) const fn pairs(self) -> u32 {
        let first_even = self.first as u32 + (self.first as u32 & 1);
        (self.last as u32 + 1).saturating_sub(first_even) / 2
    }

    /// The even port of a pair, counted from 0.
    pub(crate) const fn pair(self, place: u32) -> u16 {
        let first_even = self.first as u32 + (self.first as u32 & 1);
        (first_even + 2 * place) as u16
    }
}

impl FromStr for PortRange {
    type Err = Misspelled;

    fn from_str(text: &str) -> Result<Self, Misspelled> {
        let (first, last) = text.split_once('-').ok_or(Misspelled)?;
        let port = |text: &str| text.trim().parse::<u16>().map_err(|_| Misspelled);
        let range = Self { first: port(first)?, last: port(last)? };
        if range.first < 1024 || range.last < range.first || range.pairs() == 0 {
            return Err(Misspelled);
        }
        Ok(range)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl Spelled for PortRange {
    const EXPECTED: &'static str = "two ports from 1024 to 65535, the lower first, that hold an even port and its next, such as \"16384-32767\"";
}

/// What answers a dialled number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Application {
    /// Asks for a code and lets into a conference.
    Conferencing,
    /// Says the number back, echoes and measures the line.
    Linetest,
}

impl FromStr for Application {
    type Err = Misspelled;

    fn from_str(text: &str) -> Result<Self, Misspelled> {
        match text {
            "conferencing" => Ok(Self::Conferencing),
            "linetest" => Ok(Self::Linetest),
            _ => Err(Misspelled),
        }
    }
}

impl fmt::Display for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conferencing => "conferencing",
            Self::Linetest => "linetest",
        })
    }
}

impl Spelled for Application {
    const EXPECTED: &'static str = "an application, \"conferencing\" or \"linetest\"";
}

/// What callers over TLS have to show of themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientRule {
    /// Nothing.
    NotAsked,
    /// A certificate, if they have one.
    Requested,
    /// A certificate.
    Required,
}

impl FromStr for ClientRule {
    type Err = Misspelled;

    fn from_str(text: &str) -> Result<Self, Misspelled> {
        match text {
            "none" => Ok(Self::NotAsked),
            "request" => Ok(Self::Requested),
            "require" => Ok(Self::Required),
            _ => Err(Misspelled),
        }
    }
}

impl fmt::Display for ClientRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAsked => "none",
            Self::Requested => "request",
            Self::Required => "require",
        })
    }
}

impl Spelled for ClientRule {
    const EXPECTED: &'static str = "a rule for callers' certificates, \"none\", \"request\" or \"require\"";
}

/// The language of prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Language(pub(crate) partyline_call::Language);

impl FromStr for Language {
    type Err = Misspelled;

    fn from_str(text: &str) -> Result<Self, Misspelled> {
        partyline_call::Language::from_tag(text).map(Self).ok_or(Misspelled)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.tag())
    }
}

impl Spelled for Language {
    const EXPECTED: &'static str = "a language that prompts are there in: \"en\"";
}

/// Whether callers' media is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Srtp(pub(crate) MediaSecurity);

impl FromStr for Srtp {
    type Err = Misspelled;

    fn from_str(text: &str) -> Result<Self, Misspelled> {
        MediaSecurity::from_word(text).map(Self).ok_or(Misspelled)
    }
}

impl fmt::Display for Srtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl Spelled for Srtp {
    const EXPECTED: &'static str = "\"refuse\", \"prefer\" or \"require\"";
}

/// A codec by its name in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CodecWord(pub(crate) Codec);

impl FromStr for CodecWord {
    type Err = Misspelled;

    fn from_str(text: &str) -> Result<Self, Misspelled> {
        let codecs = Codec::ALL.into_iter().map(Self);
        codecs.into_iter().find(|codec| codec.to_string() == text).ok_or(Misspelled)
    }
}

impl fmt::Display for CodecWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name().to_ascii_lowercase())
    }
}

impl Spelled for CodecWord {
    const EXPECTED: &'static str = "a codec: \"opus\", \"g722\", \"pcmu\" or \"pcma\"";
}

/// A hash of digest authentication by its token in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DigestWord(pub(crate) DigestHash);

impl FromStr for DigestWord {
    type Err = Misspelled;

    fn from_str(text: &str) -> Result<Self, Misspelled> {
        let known = DIGESTS_LIKED.into_iter().map(Self);
        known.into_iter().find(|digest| digest.to_string() == text).ok_or(Misspelled)
    }
}

impl fmt::Display for DigestWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.token().to_ascii_lowercase())
    }
}

impl Spelled for DigestWord {
    const EXPECTED: &'static str = "a digest algorithm: \"sha-256\" or \"md5\"";
}

/// A conference code. It is a secret: it is never written back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) ConferenceCode);

impl FromStr for Code {
    type Err = Misspelled;

    fn from_str(text: &str) -> Result<Self, Misspelled> {
        ConferenceCode::parse(text).map(Self).map_err(|_| Misspelled)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("********")
    }
}

impl Spelled for Code {
    const EXPECTED: &'static str = "a conference code of 4 to 16 digits, in quotes";
}

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogFormat(pub(crate) partyline_telemetry::LogFormat);

impl FromStr for LogFormat {
    type Err = Misspelled;

    fn from_str(text: &str) -> Result<Self, Misspelled> {
        match text {
            "text" => Ok(Self(partyline_telemetry::LogFormat::Text)),
            "json" => Ok(Self(partyline_telemetry::LogFormat::Json)),
            _ => Err(Misspelled),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            partyline_telemetry::LogFormat::Text => "text",
            partyline_telemetry::LogFormat::Json => "json",
        })
    }
}

impl Spelled for LogFormat {
    const EXPECTED: &'static str = "a format of log lines, \"text\" or \"json\"";
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFilter(pub(crate) String);

impl FromStr for LogFilter {
    type Err = Misspelled;

    fn from_str(text: &str) -> Result<Self, Misspelled> {
        partyline_telemetry::check_filter(text).map_err(|_| Misspelled)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Spelled for LogFilter {
    const EXPECTED: &'static str =
        "a level (error, warn, info, debug, trace), or levels by part, such as \"info,partyline_vru=debug\"";
}

impl Spelled for IoChoice {
    const EXPECTED: &'static str = "\"auto\", \"plain\" or \"io_uring\"";
}

impl Spelled for SocketAddr {
    const EXPECTED: &'static str = "an address with a port, such as \"0.0.0.0:5060\" or \"[::]:5060\"";
}

impl Spelled for IpAddr {
    const EXPECTED: &'static str = "an IP address, such as \"203.0.113.7\"";
}

impl Spelled for partyline_vru::SourceNetwork {
    const EXPECTED: &'static str =
        "an IP address or a network, such as \"203.0.113.7\" or \"203.0.113.0/24\"";
}

impl Spelled for MixerId {
    const EXPECTED: &'static str =
        "a name of 1 to 64 characters of a-z, 0-9, '.', '_' and '-', such as \"mixer-1\"";
}

impl Spelled for VruId {
    const EXPECTED: &'static str =
        "a name of 1 to 64 characters of a-z, 0-9, '.', '_' and '-', such as \"vru-1\"";
}

impl Spelled for MixerClass {
    const EXPECTED: &'static str =
        "a name of 1 to 64 characters of a-z, 0-9, '.', '_' and '-', such as \"standard\"";
}

/// A room's name, as the dialled-number table gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Room(pub(crate) RoomName);

impl FromStr for Room {
    type Err = Misspelled;

    fn from_str(text: &str) -> Result<Self, Misspelled> {
        RoomName::new(text).map(Self).map_err(|_| Misspelled)
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Spelled for Room {
    const EXPECTED: &'static str = "a room's name of 1 to 64 characters of a-z, 0-9, '.', '_' and '-'";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_needs_its_unit_and_prints_as_the_largest_that_fits() {
        for (text, ms) in [("500ms", 500), ("60s", 60_000), ("30m", 1_800_000), ("12h", 43_200_000)] {
            assert_eq!(text.parse::<Span>().map(|span| span.0.as_millis()), Ok(ms), "{text}");
        }
        assert_eq!(Span(Duration::from_secs(60)).to_string(), "1m");
        assert_eq!(Span(Duration::from_secs(90)).to_string(), "90s");
        assert_eq!(Span(Duration::ZERO).to_string(), "0ms");
        for wrong in ["", "30", "m", "-1s", "1.5h", "99999999999999999999s", "4000d", "18446744073709551615d"]
        {
            assert_eq!(wrong.parse::<Span>(), Err(Misspelled), "{wrong}");
        }
    }

    #[test]
    fn a_port_range_holds_whole_pairs() {
        let range: PortRange = "16384-32767".parse().unwrap();
        assert_eq!((range.pairs(), range.pair(0)), (8192, 16384));
        let odd: PortRange = "20001-20004".parse().unwrap();
        assert_eq!((odd.pairs(), odd.pair(0)), (1, 20002));
        for wrong in ["", "16384", "20000-10000", "80-90", "20001-20002", "1-99999", "a-b"] {
            assert_eq!(wrong.parse::<PortRange>(), Err(Misspelled), "{wrong}");
        }
    }
}
