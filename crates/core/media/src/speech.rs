//! Whether a caller speaks, told by loudness alone: for those whom nobody hears, so that they learn it.
//!
//! It knows levels, a frame at a time, and nothing of samples or of who listens. **Invariant:** what is told is spaced
//! by [`SPACED`] frames at least, and nothing here allocates.

use partyline_codec::SILENCE_DBOV;

/// Quieter is no speech. Higher than the floor of talkers: nobody is to be reminded by the noise of a street.
const SPEECH_MIN_DBOV: f32 = -42.0;
/// How far speech stands out of what is always there, in dB. Less lets a fan count; more loses speech in noise.
const ABOVE_NOISE_DB: f32 = 9.0;
/// How fast the noise is believed to rise, in dB a frame: 3 dB a second, so that words don't pass for noise.
const RISE_DB: f32 = 0.06;
/// How fast it is believed to fall, in dB a frame: in the pauses of a sentence, not with a packet
/// or two lost.
const FALL_DB: f32 = 1.0;
/// The lowest noise that is believed in.
const NOISE_MIN_DBOV: f32 = -60.0;
/// The last second, in frames.
const WINDOW: u64 = (1 << 50) - 1;
/// Frames of speech in the window that make it speech: 400 ms, more than a cough.
const SPEECH_FRAMES: u32 = 20;
/// Frames after a key in which its sound may still come: half a second.
const KEY_FRAMES: u32 = 25;
/// Frames after which it may be told again: five seconds.
const SPACED: u32 = 250;

/// One caller's loudness, judged.
#[derive(Debug)]
pub(crate) struct Speech {
    noise_dbov: f32,
    is_speech: bool,
    /// A bit for each of the last frames that nobody heard, the newest lowest: whether it was speech.
    unheard: u64,
    key_frames: u32,
    spaced: u32,
}

impl Speech {
    pub(crate) const fn new() -> Self {
        Self { noise_dbov: NOISE_MIN_DBOV, is_speech: false, unheard: 0, key_frames: 0, spaced: 0 }
    }

    /// A key is pressed: what sounds now, and until half a second later, is no speech.
    pub(crate) const fn key(&mut self) {
        (self.is_speech, self.unheard, self.key_frames) = (false, 0, KEY_FRAMES);
    }

    /// Takes the loudness of a frame.
    pub(crate) fn hear(&mut self, level_dbov: f32) {
        self.spaced = self.spaced.saturating_sub(1);
        if self.key_frames > 0 {
            self.key_frames -= 1;
            self.is_speech = false;
            return;
        }
        self.is_speech = level_dbov > SPEECH_MIN_DBOV.max(self.noise_dbov + ABOVE_NOISE_DB);
        let level_dbov = level_dbov.max(SILENCE_DBOV);
        self.noise_dbov =
            level_dbov.clamp(self.noise_dbov - FALL_DB, self.noise_dbov + RISE_DB).max(NOISE_MIN_DBOV);
    }

    /// Somebody heard the frame: who was muted before begins anew.
    pub(crate) const fn heard(&mut self) {
        self.unheard = 0;
    }

    /// Nobody heard the frame; whether the caller is to be told so now.
    pub(crate) const fn unheard(&mut self) -> bool {
        self.unheard = ((self.unheard << 1) | self.is_speech as u64) & WINDOW;
        let is_told = self.unheard.count_ones() >= SPEECH_FRAMES && self.spaced == 0;
        if is_told {
            (self.unheard, self.spaced) = (0, SPACED);
        }
        is_told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often, and first at which frame, it is told while nobody hears these frames.
    fn told(speech: &mut Speech, levels: impl IntoIterator<Item = f32>) -> Vec<usize> {
        let mut told = Vec::new();
        for (nth, level_dbov) in levels.into_iter().enumerate() {
            speech.hear(level_dbov);
            if speech.unheard() {
                told.push(nth);
            }
        }
        told
    }

    /// Words of 300 ms with pauses of 140 ms, over this noise.
    fn words(frames: usize, noise_dbov: f32) -> impl Iterator<Item = f32> {
        (0..frames).map(move |nth| if nth % 22 < 15 { -24.0 } else { noise_dbov })
    }

    #[test]
    fn words_are_told_after_400_ms_of_them() {
        assert_eq!(told(&mut Speech::new(), words(50, SILENCE_DBOV)), [26]);
        assert_eq!(told(&mut Speech::new(), words(50, -50.0)), [26]);
    }

    #[test]
    fn a_long_speech_is_told_every_five_seconds() {
        let told = told(&mut Speech::new(), words(50 * 60, -55.0));
        assert!((10..=12).contains(&told.len()), "{told:?}");
        assert!(told.windows(2).all(|pair| pair[1] - pair[0] >= SPACED as usize), "{told:?}");
    }

    #[test]
    fn silence_a_cough_and_soft_noise_are_not_told() {
        let silence = vec![SILENCE_DBOV; 500];
        let cough = [vec![-15.0; 15], vec![SILENCE_DBOV; 60], vec![-15.0; 15]].concat();
        let noise = (0..1000).map(|nth| if nth % 3 == 0 { -43.0 } else { -48.0 });
        for levels in [silence, cough, noise.collect()] {
            assert!(told(&mut Speech::new(), levels).is_empty());
        }
    }

    #[test]
    fn loud_noise_that_was_there_before_is_not_told_and_words_over_it_are() {
        let mut speech = Speech::new();
        (0..1000).for_each(|_| speech.hear(-38.0));
        assert!(told(&mut speech, vec![-38.0; 1000]).is_empty());
        // Lost packets are no pause.
        assert!(
            told(&mut speech, (0..1000).map(|nth| if nth % 50 < 2 { SILENCE_DBOV } else { -38.0 }))
                .is_empty()
        );
        assert_eq!(told(&mut speech, words(50, -38.0)), [26]);
    }

    #[test]
    fn speech_goes_on_being_speech_however_long() {
        let mut speech = Speech::new();
        assert!(!told(&mut speech, words(50 * 120, -45.0)).is_empty());
        let last = told(&mut speech, words(SPACED as usize + 50, -45.0));
        assert!(!last.is_empty());
    }

    #[test]
    fn the_sound_of_keys_is_no_speech() {
        let mut speech = Speech::new();
        for _ in 0..20 {
            speech.key();
            assert!(told(&mut speech, vec![-10.0; 20]).is_empty());
            assert!(told(&mut speech, vec![SILENCE_DBOV; 20]).is_empty());
        }
        assert_eq!(told(&mut speech, words(50, SILENCE_DBOV)), [26]);
    }

    #[test]
    fn what_others_heard_does_not_count() {
        let mut speech = Speech::new();
        for _ in 0..100 {
            assert!(told(&mut speech, [-20.0; 15]).is_empty());
            speech.heard();
        }
    }
}
