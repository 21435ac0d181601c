//! A recorder of what one caller says while in no mix, for a few seconds: their name.
//!
//! It stops by itself: after so much silence behind speech, where nobody speaks at all, and when it is full. It does not
//! know what is said. **Invariant:** it never holds more than it was built for, and nothing allocates after that.

use crate::frame::{FRAME_SAMPLES, Frame};

/// Louder than this is speech: names are said close to the telephone, and rooms are quieter.
const SPEECH_DBOV: f32 = -42.0;
/// Less than this is a click or a cough: 100 ms.
const SPEECH_FRAMES_MIN: usize = 5;
/// Behind speech, this much silence ends it: 1 s. Between a first and a second name there is less.
const PAUSE_FRAMES: usize = 50;
/// Where nobody begins to speak: 3 s.
const SILENCE_FRAMES_MAX: usize = 150;
/// What is kept before the first and behind the last sound of speech, for soft consonants: 60 ms and 120 ms.
const LEAD_FRAMES: usize = 3;
const TRAIL_FRAMES: usize = 6;
/// The onset of a key is heard before it is known for one: 40 ms.
const KEY_ONSET_FRAMES: usize = 2;

/// Names a recording, so that the end of one is not taken for that of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordingId(pub u64);

/// Records one caller.
#[derive(Debug)]
pub struct Recorder {
    id: RecordingId,
    samples: Vec<i16>,
    frames_max: usize,
    /// Of each frame, whether it is speech.
    speech: Vec<bool>,
    was_key: bool,
    is_over: bool,
}

impl Recorder {
    /// A recorder for so many samples.
    #[must_use]
    pub fn new(id: RecordingId, samples_max: usize) -> Self {
        let frames_max = samples_max / FRAME_SAMPLES;
        Self {
            id,
            samples: Vec::with_capacity(frames_max * FRAME_SAMPLES),
            frames_max,
            speech: Vec::with_capacity(frames_max),
            was_key: false,
            is_over: false,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> RecordingId {
        self.id
    }

    /// Whether it takes nothing more.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Takes a frame, how loud it is, and whether a key is down in it; whether that was the last.
    pub(crate) fn hear(&mut self, frame: &Frame, level_dbov: f32, is_key: bool) -> bool {
        if self.is_over {
            return false;
        }
        if is_key && !std::mem::replace(&mut self.was_key, is_key) {
            self.forget_onset();
        }
        self.was_key = is_key;
        if self.speech.len() < self.frames_max {
            self.samples.extend_from_slice(frame);
            self.speech.push(level_dbov > SPEECH_DBOV && !is_key);
        }
        let heard = self.speech.len();
        let is_silent = match self.speech.iter().rposition(|is_speech| *is_speech) {
            Some(last) => heard - last > PAUSE_FRAMES,
            None => heard >= SILENCE_FRAMES_MAX,
        };
        self.is_over = is_silent || heard >= self.frames_max;
        self.is_over
    }

    /// A key began in the last frames.
    fn forget_onset(&mut self) {
        let kept = self.speech.len().saturating_sub(KEY_ONSET_FRAMES);
        self.speech.truncate(kept);
        self.samples.truncate(kept * FRAME_SAMPLES);
    }

    /// What was said, without the silence around it; `None` where nothing was.
    #[must_use]
    pub fn finish(mut self) -> Option<Vec<i16>> {
        if self.speech.iter().filter(|is_speech| **is_speech).count() < SPEECH_FRAMES_MIN {
            return None;
        }
        let first = self.speech.iter().position(|is_speech| *is_speech)?;
        let end = self.speech.iter().rposition(|is_speech| *is_speech)? + 1;
        let from = first.saturating_sub(LEAD_FRAMES) * FRAME_SAMPLES;
        let to = ((end + TRAIL_FRAMES) * FRAME_SAMPLES).min(self.samples.len());
        self.samples.truncate(to);
        self.samples.drain(..from);
        Some(self.samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 40_000;

    /// Hears so many frames of a level, numbered so that they can be told apart; how many it took to end.
    fn hear(recorder: &mut Recorder, frames: usize, level_dbov: f32) -> Option<usize> {
        (0..frames).find(|_| {
            let number = i16::try_from(recorder.speech.len()).unwrap();
            recorder.hear(&[number; FRAME_SAMPLES], level_dbov, false)
        })
    }

    fn recorder() -> Recorder {
        Recorder::new(RecordingId(1), MAX)
    }

    #[test]
    fn speech_is_cut_out_of_the_silence_around_it() {
        let mut recorder = recorder();
        assert_eq!(hear(&mut recorder, 20, -60.0), None);
        assert_eq!(hear(&mut recorder, 30, -20.0), None);
        assert_eq!(hear(&mut recorder, 100, -60.0), Some(49), "a second of silence ends it");
        let said = recorder.finish().unwrap();
        assert_eq!((said[0], *said.last().unwrap()), (17, 55), "with a little of both ends");
    }

    #[test]
    fn who_says_nothing_has_no_name_after_three_seconds() {
        let mut recorder = recorder();
        assert_eq!(hear(&mut recorder, 500, -50.0), Some(149));
        assert_eq!(recorder.finish(), None);
    }

    #[test]
    fn a_click_is_no_name() {
        let mut recorder = recorder();
        hear(&mut recorder, 4, -10.0);
        hear(&mut recorder, 100, -80.0);
        assert_eq!(recorder.finish(), None);
    }

    #[test]
    fn who_goes_on_speaking_is_cut_after_five_seconds() {
        let mut recorder = recorder();
        assert_eq!(hear(&mut recorder, 500, -20.0), Some(249));
        assert!(!recorder.hear(&[0; FRAME_SAMPLES], -20.0, false), "it takes nothing more");
        assert_eq!(recorder.finish().map(|said| said.len()), Some(MAX));
    }

    #[test]
    fn what_was_said_is_taken_in_the_midst_of_it() {
        let mut recorder = recorder();
        hear(&mut recorder, 25, -20.0);
        assert_eq!(recorder.finish().map(|said| said.len()), Some(25 * FRAME_SAMPLES));
    }

    #[test]
    fn the_key_that_ends_it_is_not_heard_in_it() {
        let mut recorder = recorder();
        hear(&mut recorder, 25, -20.0);
        hear(&mut recorder, 20, -60.0);
        // The onset of the tone, and then it is known for a key.
        hear(&mut recorder, 2, -10.0);
        for _ in 0..5 {
            recorder.hear(&[99; FRAME_SAMPLES], -127.0, true);
        }
        let said = recorder.finish().unwrap();
        assert_eq!(said.len(), (25 + TRAIL_FRAMES) * FRAME_SAMPLES);
        assert!(!said.contains(&99) && !said.contains(&45));
    }
}
