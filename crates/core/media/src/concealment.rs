//! What is heard in place of a frame that did not come.

use partyline_codec::Decoder;

use crate::frame::{FRAME_SAMPLES, Frame, Payload};

/// The gain at the end of each frame missing in a row; then silence. Longer hums, shorter stutters.
const GAINS: [f32; 3] = [0.6, 0.25, 0.0];
/// How much quieter each missing frame is taken to be, in dB, so that a lost talker gives the place up.
const LEVEL_STEP_DB: f32 = 8.0;

/// The last good frame and how many were missing since.
#[derive(Debug, Clone)]
pub(crate) struct Concealment {
    last: Payload,
    last_level_dbov: f32,
    missing: usize,
}

impl Concealment {
    pub(crate) const fn new(silence: u8) -> Self {
        Self {
            last: [silence; FRAME_SAMPLES],
            last_level_dbov: partyline_codec::SILENCE_DBOV,
            missing: GAINS.len(),
        }
    }

    /// Forgets the last frame: the stream paused.
    pub(crate) const fn forget(&mut self) {
        self.missing = GAINS.len();
    }

    /// Takes note of a frame that came.
    pub(crate) const fn good(&mut self, payload: &Payload, level_dbov: f32) {
        self.last = *payload;
        self.last_level_dbov = level_dbov;
        self.missing = 0;
    }

    /// Takes note of a frame that is missing; the level of what stands in for it.
    pub(crate) fn missing(&mut self) -> f32 {
        self.missing = (self.missing + 1).min(GAINS.len() + 1);
        if self.missing > GAINS.len() {
            return partyline_codec::SILENCE_DBOV;
        }
        (self.last_level_dbov - LEVEL_STEP_DB * self.missing as f32).max(partyline_codec::SILENCE_DBOV)
    }

    /// Writes what stands in: the last frame again, fading.
    pub(crate) fn fill(&self, decoder: &mut Decoder, frame: &mut Frame) {
        let Some(&end) = self.missing.checked_sub(1).and_then(|index| GAINS.get(index)) else {
            frame.fill(0);
            return;
        };
        let start = if self.missing == 1 { 1.0 } else { GAINS[self.missing - 2] };
        decoder.decode(&self.last, frame);
        let slope = (end - start) / FRAME_SAMPLES as f32;
        for (index, sample) in frame.iter_mut().enumerate() {
            *sample = (f32::from(*sample) * (start + slope * index as f32)) as i16;
        }
    }
}

#[cfg(test)]
mod tests {
    use partyline_audio::level::level_dbov;
    use partyline_codec::{Codec, Encoder};

    use super::*;

    #[test]
    fn a_missing_frame_is_the_last_one_fading_out_within_three() {
        let mut payload = [0; FRAME_SAMPLES];
        Encoder::new(Codec::Pcmu).encode(&[8_000; FRAME_SAMPLES], &mut payload);
        let mut concealment = Concealment::new(0xFF);
        concealment.good(&payload, -12.0);
        let mut levels = vec![-12.0];
        for _ in 0..5 {
            concealment.missing();
            let mut frame = [0; FRAME_SAMPLES];
            concealment.fill(&mut Decoder::new(Codec::Pcmu), &mut frame);
            levels.push(level_dbov(&frame));
        }
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0]));
        assert!(levels[1] > -17.0 && levels[3] > -60.0);
        assert!(levels[4] < -120.0 && levels[5] < -120.0);
    }

    #[test]
    fn before_the_first_frame_there_is_silence() {
        let mut frame = [9; FRAME_SAMPLES];
        let mut concealment = Concealment::new(0xFF);
        assert!(concealment.missing() < -120.0);
        concealment.fill(&mut Decoder::new(Codec::Pcmu), &mut frame);
        assert_eq!(frame, [0; FRAME_SAMPLES]);
    }
}
