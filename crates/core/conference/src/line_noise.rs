//! Noise that lines make of themselves, what a room does about it, and what its hosts are told.

use crate::ids::{AttendanceId, ConfereeId, Order};
use crate::time::Timestamp;

/// What a line sends that is no voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineNoise {
    /// Music, as a telephone plays it to who is on hold.
    Music,
    /// A loud tone that feeds itself.
    Howl,
    /// The mains.
    Hum,
}

impl LineNoise {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Music, Self::Howl, Self::Hum];

    /// The word used in the store, the protocol and the console.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Music => "music",
            Self::Howl => "howl",
            Self::Hum => "hum",
        }
    }

    /// Reads the word back; `None` for a word that is none of ours.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|noise| noise.as_str() == word)
    }
}

/// What a room does about noisy lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NoisyLines {
    /// Nothing.
    Ignore,
    /// Its hosts are told who it is.
    #[default]
    Tell,
    /// They are told, and a participant is muted as by a host.
    Mute,
}

impl NoisyLines {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Ignore, Self::Tell, Self::Mute];

    /// The word used in the store, the protocol and the console.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Tell => "tell",
            Self::Mute => "mute",
        }
    }

    /// Reads the word back; `None` for a word that is none of ours.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == word)
    }
}

/// Whose line made noise last, as hosts are told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoisyLine {
    /// The conferee.
    pub conferee: ConfereeId,
    /// Their attendance.
    pub attendance: AttendanceId,
    /// The order of entry.
    pub order: Order,
    /// Whether they recorded a name.
    pub has_name: bool,
    /// What it was.
    pub noise: LineNoise,
    /// When.
    pub at: Timestamp,
    /// Whether they are silent now.
    pub is_muted: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_as_what_they_were() {
        for noise in LineNoise::ALL {
            assert_eq!(LineNoise::from_word(noise.as_str()), Some(noise));
        }
        for way in NoisyLines::ALL {
            assert_eq!(NoisyLines::from_word(way.as_str()), Some(way));
        }
        assert_eq!((LineNoise::from_word("hiss"), NoisyLines::from_word("")), (None, None));
    }
}
