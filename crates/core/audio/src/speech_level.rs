//! How loud somebody speaks, measured while they do: in the manner of ITU-T P.56, a frame of 20 ms at a time.
//!
//! Speech is told from tones, hum and steady noise by its syllables: its loudness goes up and down several times a
//! second. P.56 looks at a whole recording; this looks back a few seconds, and takes for activity what stands out of the
//! noise and is not too far below the loudest syllables, with the same hangover. **Invariant:** what does not go up and
//! down as speech does is never measured, however loud and however long.

use crate::level::{SILENCE_DBOV, dbov_of_mean_square};

/// Quieter is never speech.
const SPEECH_MIN_DBOV: f32 = -55.0;
/// How far speech stands out of what is always there. Less lets noise count; more loses speech in noise.
const ABOVE_NOISE_DB: f32 = 9.0;
/// How far below the loudest syllables activity ends: P.56 has 15.9 dB below the mean, which is some 8 dB below these.
const BELOW_PEAK_DB: f32 = 24.0;
/// How fast the loudest syllables are forgotten, in dB a frame: 3 dB a second, so that who turns soft is measured anew
/// within seconds.
const PEAK_FALL_DB: f32 = 0.06;
/// How fast the noise is believed to rise and to fall, in dB a frame: so that words don't pass for noise, and pauses
/// show it.
const NOISE_RISE_DB: f32 = 0.06;
const NOISE_FALL_DB: f32 = 1.0;
/// The lowest noise that is believed in.
const NOISE_MIN_DBOV: f32 = -75.0;
/// Frames for which activity lasts after what was active: 200 ms, as P.56 has it.
const HANGOVER: u32 = 10;
/// A syllable ends where the loudness has gone down by this.
const SYLLABLE_DB: f32 = 6.0;
/// Below this nothing ends a syllable: the noise of lines goes up and down too.
const SYLLABLE_MIN_DBOV: f32 = -60.0;
/// The last two seconds, in frames, and the syllables that must have ended in them: more than beeps in the rhythm of
/// seconds and half seconds.
const WINDOW: u128 = (1 << 100) - 1;
const SYLLABLES_MIN: u32 = 5;
/// Frames of activity that the level is the mean of: three seconds. More is steadier, less sooner right.
const FRAMES_MAX: u32 = 150;
/// Frames of activity before there is a level: half a second.
const FRAMES_MIN: u32 = 25;

/// The active speech level of one talker.
#[derive(Debug, Clone)]
pub struct SpeechLevel {
    noise_dbov: f32,
    peak_dbov: f32,
    /// The last turn of the loudness: a peak while it goes up, else a valley.
    turn_dbov: f32,
    is_rising: bool,
    /// A bit for each of the last frames, the newest lowest: whether a syllable ended in it.
    syllables: u128,
    hangover: u32,
    mean_square: f32,
    frames: u32,
}

impl SpeechLevel {
    /// Nothing was heard yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            noise_dbov: NOISE_MIN_DBOV,
            peak_dbov: SILENCE_DBOV,
            turn_dbov: SYLLABLE_MIN_DBOV,
            is_rising: false,
            syllables: 0,
            hangover: 0,
            mean_square: 0.0,
            frames: 0,
        }
    }

    /// After a time without listening: what is heard has to show anew that it is speech. The level stays.
    pub const fn resume(&mut self) {
        (self.turn_dbov, self.is_rising, self.syllables) = (SYLLABLE_MIN_DBOV, false, 0);
        (self.noise_dbov, self.hangover) = (NOISE_MIN_DBOV, 0);
    }

    /// Takes the mean square of a frame; whether it is speech.
    pub fn hear(&mut self, mean_square: f32) -> bool {
        let level_dbov = dbov_of_mean_square(mean_square);
        self.count_syllables(level_dbov.max(SYLLABLE_MIN_DBOV));
        self.peak_dbov = level_dbov.max(self.peak_dbov - PEAK_FALL_DB);
        let threshold =
            SPEECH_MIN_DBOV.max(self.noise_dbov + ABOVE_NOISE_DB).max(self.peak_dbov - BELOW_PEAK_DB);
        self.noise_dbov = level_dbov
            .clamp(self.noise_dbov - NOISE_FALL_DB, self.noise_dbov + NOISE_RISE_DB)
            .max(NOISE_MIN_DBOV);
        let is_active = level_dbov > threshold;
        self.hangover = if is_active { HANGOVER } else { self.hangover.saturating_sub(1) };
        let is_speech = self.syllables.count_ones() >= SYLLABLES_MIN;
        if is_speech && self.hangover > 0 {
            self.frames = (self.frames + 1).min(FRAMES_MAX);
            self.mean_square += (mean_square - self.mean_square) / self.frames as f32;
        }
        is_speech && is_active
    }

    fn count_syllables(&mut self, level_dbov: f32) {
        let mut has_ended = false;
        if self.is_rising {
            self.turn_dbov = self.turn_dbov.max(level_dbov);
            if level_dbov < self.turn_dbov - SYLLABLE_DB {
                (self.is_rising, self.turn_dbov, has_ended) = (false, level_dbov, true);
            }
        } else {
            self.turn_dbov = self.turn_dbov.min(level_dbov);
            if level_dbov > self.turn_dbov + SYLLABLE_DB {
                (self.is_rising, self.turn_dbov) = (true, level_dbov);
            }
        }
        self.syllables = ((self.syllables << 1) | u128::from(has_ended)) & WINDOW;
    }

    /// How loud the talker speaks, in dBov; `None` before there was enough of it.
    #[must_use]
    pub fn level_dbov(&self) -> Option<f32> {
        (self.frames >= FRAMES_MIN).then(|| dbov_of_mean_square(self.mean_square))
    }

    /// The noise that is always there, in dBov.
    #[must_use]
    pub const fn noise_dbov(&self) -> f32 {
        self.noise_dbov
    }
}

impl Default for SpeechLevel {
    fn default() -> Self {
        Self::new()
    }
}
