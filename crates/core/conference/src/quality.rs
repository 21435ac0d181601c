//! How a caller's stay sounded: measured by their VRU, kept with the conferee's record, read by no rule.
//!
//! Whole numbers in small units, so that a record is the same wherever it is written and read.

use std::fmt;

/// What was measured from a call's answer to the moment that this was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallQuality {
    /// The codec.
    pub codec: CodecLabel,
    /// Whether media was encrypted.
    pub is_secret: bool,
    /// RTP packets of the caller that came.
    pub packets_received: u64,
    /// RTP packets sent to the caller.
    pub packets_sent: u64,
    /// Packets of the caller that the network lost.
    pub packets_lost: u64,
    /// Packets of the caller that came too late to be heard.
    pub packets_late: u64,
    /// Packets lost in a row, in the mean, in tenths; 0 where none was.
    pub burst_tenths: u32,
    /// Share of the time that was made up, because nothing was there, in hundredths of a per cent.
    pub concealed_permyriad: u32,
    /// Interarrival jitter, in µs.
    pub jitter_us: u32,
    /// Round trip, in µs, where the caller's equipment tells.
    pub round_trip_us: Option<u32>,
    /// How good the caller sounded: a mean opinion score by G.107, in hundredths; `None` where nothing came.
    pub mos_hundredths: Option<u32>,
    /// What the caller's equipment says of what it heard, where it does.
    pub theirs: Option<TheirQuality>,
}

/// What a caller's equipment says of what it heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TheirQuality {
    /// Packets that it misses.
    pub packets_lost: u64,
    /// Its jitter, in µs.
    pub jitter_us: u32,
    /// How good we must have sounded: a mean opinion score by G.107, in hundredths.
    pub mos_hundredths: u32,
}

/// A codec's name: eight letters and digits at most, perhaps none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CodecLabel([u8; 8]);

impl CodecLabel {
    /// A name; `None` for one that is too long, or holds anything else.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let mut octets = [0; 8];
        octets.get_mut(..name.len()).filter(|_| is_plain)?.copy_from_slice(name.as_bytes());
        Some(Self(octets))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let octets = self.0.split(|octet| *octet == 0).next().unwrap_or_default();
        std::str::from_utf8(octets).unwrap_or_default()
    }
}

impl fmt::Debug for CodecLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for CodecLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_is_named_by_a_few_letters_and_digits() {
        for name in ["PCMU", "G722", "opus", "", "ABCDEFG8"] {
            assert_eq!(CodecLabel::new(name).map(|label| label.to_string()).as_deref(), Some(name));
        }
        for name in ["ABCDEFGH9", "G.711", "p\u{e4}", "a b", "a\0b"] {
            assert_eq!(CodecLabel::new(name), None);
        }
    }
}
