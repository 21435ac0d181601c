//! Lines that make noise of their own: music on hold, howling, hum.
//!
//! It takes the frames of one talker. A line that is told wrongly is worse than one that is missed, so each kind has to last
//! and to be unlike any voice: music has no pauses and holds its tones, a howl is one loud tone, a hum is steady to the
//! decibel through all that is said. **Invariant:** what is told is [`SPACED`] frames apart at least, and nothing here
//! allocates.

mod howl;
mod hum;
mod music;

use howl::Howl;
use hum::Hum;
use music::Music;

/// Frames after which the same line may be told again: two minutes.
const SPACED: u32 = 6_000;

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

/// Listens to one line.
#[derive(Debug, Clone)]
pub struct LineWatch {
    howl: Howl,
    hum: Hum,
    music: Music,
    spaced: u32,
}

impl LineWatch {
    /// For samples of this rate, a whole number of kilohertz and 4 at least.
    #[must_use]
    pub fn new(rate_hz: u32) -> Self {
        let per_millisecond = (rate_hz / 1_000).max(4) as usize;
        Self {
            howl: Howl::new(rate_hz),
            hum: Hum::new(per_millisecond),
            music: Music::new(per_millisecond / 4),
            spaced: 0,
        }
    }

    /// After a time without listening: all begins anew.
    pub const fn resume(&mut self) {
        self.howl.restart();
        self.hum.restart();
        self.music.restart();
    }

    /// Takes a frame of 20 ms as it came; what is to be told of the line now.
    pub fn hear(&mut self, frame: &[i16]) -> Option<LineNoise> {
        self.spaced = self.spaced.saturating_sub(1);
        let mean_square = crate::level::mean_square(frame);
        let noise = if self.howl.hear(frame, mean_square) {
            Some(LineNoise::Howl)
        } else if self.hum.hear(frame, mean_square) {
            Some(LineNoise::Hum)
        } else if self.music.hear(frame, mean_square) {
            Some(LineNoise::Music)
        } else {
            None
        };
        let told = noise.filter(|_| self.spaced == 0);
        if told.is_some() {
            self.spaced = SPACED;
        }
        told
    }

    /// Takes notice of a frame that was made up, as its packets are missing: it is neither noise nor its end.
    pub const fn miss(&mut self) {
        self.spaced = self.spaced.saturating_sub(1);
        self.hum.miss();
    }
}
