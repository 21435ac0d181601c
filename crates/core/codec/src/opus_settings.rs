//! The parameters of Opus in SDP: wishes of who wants to receive [RFC 7587 §6.1].

use std::fmt;

/// The lowest and highest bitrate that may be wished for.
const BITRATE_RANGE: std::ops::RangeInclusive<u32> = 6_000..=510_000;

/// What a receiver of Opus wishes. The default is what holds where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpusSettings {
    /// The highest rate that is of use to it.
    pub playback_max_hz: u32,
    /// The highest bitrate, averaged, where it is bounded.
    pub bitrate_max: Option<u32>,
    /// Whether it makes use of spare copies for lost packets.
    pub has_fec: bool,
    /// Whether pauses may go unsent.
    pub has_dtx: bool,
    /// Whether every packet should be as long.
    pub is_cbr: bool,
    /// Whether it would rather have stereo. We send mono all the same: nobody has two mouths.
    pub is_stereo: bool,
}

impl Default for OpusSettings {
    fn default() -> Self {
        Self {
            playback_max_hz: 48_000,
            bitrate_max: None,
            has_fec: false,
            has_dtx: false,
            is_cbr: false,
            is_stereo: false,
        }
    }
}

impl OpusSettings {
    /// What we wish ourselves: all that can be heard, and spare copies for what is lost.
    #[must_use]
    pub fn ours() -> Self {
        Self { has_fec: true, ..Self::default() }
    }

    /// Reads the parameters of an `fmtp` line. What is unknown or nonsense is passed over.
    #[must_use]
    pub fn parse(parameters: &str) -> Self {
        let mut settings = Self::default();
        for parameter in parameters.split(';') {
            let Some((name, value)) = parameter.split_once('=') else {
                continue;
            };
            let Ok(value) = value.trim().parse::<u32>() else {
                continue;
            };
            match name.trim().to_ascii_lowercase().as_str() {
                "maxplaybackrate" if value > 0 => settings.playback_max_hz = value.clamp(8_000, 48_000),
                "maxaveragebitrate" if value > 0 => {
                    settings.bitrate_max = Some(value.clamp(*BITRATE_RANGE.start(), *BITRATE_RANGE.end()));
                }
                "useinbandfec" => settings.has_fec = value == 1,
                "usedtx" => settings.has_dtx = value == 1,
                "cbr" => settings.is_cbr = value == 1,
                "stereo" => settings.is_stereo = value == 1,
                _ => {}
            }
        }
        settings
    }

    /// The bitrate to send at: what speech of this rate needs, at most what is wished.
    pub(crate) fn bitrate_for(&self, sample_rate_hz: u32) -> u32 {
        let audible_hz = sample_rate_hz.min(self.playback_max_hz);
        let wanted = match audible_hz {
            0..=8_000 => 20_000,
            8_001..=16_000 => 28_000,
            16_001.. => 40_000,
        };
        wanted.min(self.bitrate_max.unwrap_or(u32::MAX))
    }
}

impl fmt::Display for OpusSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = u8::from;
        let rate = self.playback_max_hz;
        write!(f, "maxplaybackrate={rate};sprop-maxcapturerate={rate};stereo={}", flag(self.is_stereo))?;
        write!(f, ";useinbandfec={};usedtx={}", flag(self.has_fec), flag(self.has_dtx))?;
        if self.is_cbr {
            f.write_str(";cbr=1")?;
        }
        self.bitrate_max.map_or(Ok(()), |bits| write!(f, ";maxaveragebitrate={bits}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Shows RFC 7587 §6.1: what is not said has its default, and unknown parameters are passed over.
    #[test]
    fn parameters_are_read_in_any_order_and_nonsense_is_passed_over() {
        let said =
            "stereo=0; useinbandfec=1;MAXPLAYBACKRATE=16000;x-new=3;usedtx=yes;maxaveragebitrate=24000;cbr";
        let expected = OpusSettings {
            playback_max_hz: 16_000,
            bitrate_max: Some(24_000),
            has_fec: true,
            ..OpusSettings::default()
        };
        assert_eq!(OpusSettings::parse(said), expected);
        assert_eq!(OpusSettings::parse(""), OpusSettings::default());
    }

    #[test]
    fn a_wish_for_few_bits_is_heeded_and_one_for_many_not_followed() {
        let wish = |text| OpusSettings::parse(text).bitrate_for(48_000);
        assert_eq!(wish("maxaveragebitrate=12000"), 12_000);
        assert_eq!(wish("maxaveragebitrate=1"), 6_000);
        assert_eq!(wish("maxaveragebitrate=4294967295"), 40_000);
        assert_eq!(wish("maxplaybackrate=8000"), 20_000);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            rate in 8_000_u32..=48_000, bits in proptest::option::of(6_000_u32..=510_000), flags in 0_u8..16,
        ) {
            let flag = |bit: u8| flags & (1 << bit) != 0;
            let settings = OpusSettings {
                playback_max_hz: rate, bitrate_max: bits, has_fec: flag(0), has_dtx: flag(1), is_cbr: flag(2),
                is_stereo: flag(3),
            };
            prop_assert_eq!(OpusSettings::parse(&settings.to_string()), settings);
        }

        #[test]
        fn any_text_is_read(text in ".*") {
            let _ = OpusSettings::parse(&text);
        }
    }
}
