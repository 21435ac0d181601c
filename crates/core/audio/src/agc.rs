//! Automatic gain control: every talker as loud as the others, while they talk.
//!
//! It goes by the level of speech alone: a gain moves a little in each frame of speech, stands still in pauses, and is
//! never moved by tones, hum or noise. **Invariant:** a gain is between [`GAIN_MIN_DB`] and [`GAIN_MAX_DB`], has no step,
//! and what it makes louder may be beyond 16 bits: a limiter comes after it.

use crate::level::factor_of_db;
use crate::speech_level::SpeechLevel;

/// How loud all are to be while they speak: what ITU-T P.830 has for tests, and telephones for the nominal level.
pub const SPEECH_DBOV: f32 = -26.0;
/// The most that a loud talker is taken back.
pub const GAIN_MIN_DB: f32 = -12.0;
/// The most that a soft one is raised. More raises the room about them.
pub const GAIN_MAX_DB: f32 = 18.0;
/// How far it goes up in a frame of speech: 3 dB a second where half of a talk is speech. Faster is heard as breathing.
const UP_DB: f32 = 0.12;
/// How far it goes down in a frame of speech: 5 dB a second, as too loud is worse than too soft.
const DOWN_DB: f32 = 0.2;
/// Noise is not raised above this: who speaks softly in a loud place stays so.
const NOISE_MAX_DBOV: f32 = -48.0;
/// What is nearer is right.
const NEAR_DB: f32 = 0.5;
/// Who speaks nearly as loud as they should is left as they come, octet for octet: no ear hears the difference, but every
/// other gain codes their G.711 a second time.
const LEFT_ALONE_DB: f32 = 1.5;

/// The gain of one talker.
#[derive(Debug, Clone)]
pub struct Agc {
    speech: SpeechLevel,
    gain_db: f32,
    factor: f32,
}

impl Agc {
    /// A gain of 1, for somebody who was not heard yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { speech: SpeechLevel::new(), gain_db: 0.0, factor: 1.0 }
    }

    /// After a time without listening: the gain is what it was.
    pub const fn resume(&mut self) {
        self.speech.resume();
    }

    /// The gain now, in dB.
    #[must_use]
    pub const fn gain_db(&self) -> f32 {
        self.gain_db
    }

    /// Takes a frame of 20 ms and changes it. One that is broken (made up, as its packets are missing) moves nothing.
    pub fn adjust(&mut self, frame: &mut [f32], is_broken: bool) {
        let start = self.factor;
        if !is_broken && self.speech.hear(mean_square(frame)) {
            self.move_gain();
        }
        ramp(frame, start, self.factor);
    }

    fn move_gain(&mut self) {
        let Some(level_dbov) = self.speech.level_dbov() else {
            return;
        };
        let room_db = (NOISE_MAX_DBOV - self.speech.noise_dbov()).max(0.0);
        let wanted_db = (SPEECH_DBOV - level_dbov).min(room_db).clamp(GAIN_MIN_DB, GAIN_MAX_DB);
        let is_left_alone = wanted_db.abs() < LEFT_ALONE_DB;
        let wanted_db = if is_left_alone { 0.0 } else { wanted_db };
        let off_db = (wanted_db - self.gain_db).abs();
        if off_db > NEAR_DB || (is_left_alone && off_db > 0.0) {
            self.gain_db = wanted_db.clamp(self.gain_db - DOWN_DB, self.gain_db + UP_DB);
            self.factor = factor_of_db(self.gain_db);
        }
    }
}

impl Default for Agc {
    fn default() -> Self {
        Self::new()
    }
}

/// The mean of the squares of samples.
fn mean_square(samples: &[f32]) -> f32 {
    /// Partial sums, so that adding up vectorises.
    const LANES: usize = 16;
    let mut lanes = [0.0_f32; LANES];
    let (pieces, rest) = samples.as_chunks::<LANES>();
    for piece in pieces {
        lanes.iter_mut().zip(piece).for_each(|(lane, sample)| *lane += sample * sample);
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, sample)| *lane += sample * sample);
    lanes.iter().sum::<f32>() / samples.len().max(1) as f32
}

/// Scales a frame by a factor that goes from `start` to `end` within it.
fn ramp(frame: &mut [f32], start: f32, end: f32) {
    let slope = (end - start) / frame.len().max(1) as f32;
    for (nth, sample) in frame.iter_mut().enumerate() {
        *sample *= start + slope * nth as f32;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::level::level_dbov;

    const RATE_HZ: usize = 8_000;
    const FRAME: usize = 160;

    /// Something like speech, so loud while it is active: a buzz of 120 Hz in syllables and breaths, over so much noise.
    fn speech(seconds: usize, level_dbov: f32, noise_dbov: f32) -> Vec<f32> {
        let (mut seed, mut buzz) = (7_u32, 0.0_f32);
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / 8_388_608.0 - 1.0
        };
        let samples = seconds * RATE_HZ;
        let mut voice: Vec<f32> = (0..samples)
            .map(|n| {
                let time = n as f32 / RATE_HZ as f32;
                buzz = if n % 67 == 0 { 1.0 } else { buzz * 0.93 };
                let syllable = (std::f32::consts::TAU * 4.3 * time).sin().max(0.0).powi(2) + 0.02;
                let is_breath = time % 3.0 > 2.5;
                if is_breath { 0.0 } else { (buzz - 0.2) * syllable }
            })
            .collect();
        let active: Vec<f32> =
            voice.chunks(FRAME).filter(|frame| mean_square(frame) > 1e-5).flatten().copied().collect();
        let factor = 32_768.0 * factor_of_db(level_dbov) / mean_square(&active).sqrt();
        let hiss = 32_768.0 * factor_of_db(noise_dbov) * 1.732;
        voice.iter_mut().for_each(|sample| *sample = *sample * factor + noise() * hiss);
        voice
    }

    /// Lets it hear samples; what came of them.
    fn heard(agc: &mut Agc, samples: &[f32]) -> Vec<f32> {
        let mut all = samples.to_vec();
        all.chunks_mut(FRAME).for_each(|frame| agc.adjust(frame, false));
        all
    }

    fn tone(seconds: usize, level_dbov: f32) -> Vec<f32> {
        let peak = crate::level::sine_peak(level_dbov);
        (0..seconds * RATE_HZ).map(|n| peak * (n as f32 * 0.4).sin()).collect()
    }

    #[test]
    fn soft_and_loud_talkers_become_as_loud_as_all_and_those_beyond_its_reach_come_nearer() {
        for (level, wanted) in
            [(-44.0, -26.0), (-38.0, -26.0), (-26.0, -26.0), (-16.0, -26.0), (-52.0, -34.0), (-8.0, -20.0)]
        {
            let mut agc = Agc::new();
            heard(&mut agc, &speech(14, level, -90.0));
            let reached = level + agc.gain_db();
            assert!((reached - wanted).abs() < 2.0, "{level} became {reached}");
        }
    }

    #[test]
    fn tones_noise_and_cadences_move_nothing() {
        let mut ringing = tone(12, -20.0);
        ringing.chunks_mut(RATE_HZ).skip(1).step_by(2).for_each(|second| second.fill(0.0));
        let hiss = speech(12, -120.0, -40.0);
        for sound in [tone(10, -20.0), tone(10, -45.0), ringing, hiss, vec![0.0; 80_000]] {
            let mut agc = Agc::new();
            assert_eq!(heard(&mut agc, &sound), sound);
            assert_eq!(agc.gain_db(), 0.0);
        }
    }

    #[test]
    fn the_gain_stands_still_in_pauses_and_is_there_again_when_speech_goes_on() {
        let mut agc = Agc::new();
        heard(&mut agc, &speech(10, -40.0, -70.0));
        let gain = agc.gain_db();
        assert!(gain > 10.0, "{gain}");
        heard(&mut agc, &speech(30, -120.0, -70.0));
        assert_eq!(agc.gain_db(), gain, "noise in a pause moved it");
        agc.resume();
        let after = heard(&mut agc, &speech(1, -40.0, -70.0));
        assert!((agc.gain_db() - gain).abs() < 1.0, "{} after {gain}", agc.gain_db());
        assert!(after.len() == RATE_HZ);
    }

    #[test]
    fn noise_about_a_soft_talker_is_not_raised_above_a_hiss() {
        let mut agc = Agc::new();
        heard(&mut agc, &speech(15, -40.0, -54.0));
        assert!(agc.gain_db() < 9.0, "{}", agc.gain_db());
    }

    #[test]
    fn who_turns_soft_is_followed() {
        let mut agc = Agc::new();
        heard(&mut agc, &speech(6, -20.0, -90.0));
        heard(&mut agc, &speech(30, -42.0, -90.0));
        assert!((agc.gain_db() - 16.0).abs() < 2.5, "{}", agc.gain_db());
    }

    #[test]
    fn it_moves_by_a_few_db_a_second_and_without_a_step() {
        let mut agc = Agc::new();
        let (mut last, mut second) = (0.0_f32, 0.0_f32);
        for (nth, frame) in speech(10, -44.0, -90.0).chunks_mut(FRAME).enumerate() {
            let mut flat = vec![1_000.0; FRAME];
            let start = agc.factor;
            agc.adjust(frame, false);
            ramp(&mut flat, start, agc.factor);
            assert!(flat.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 1.0));
            assert!((agc.gain_db() - last).abs() <= DOWN_DB + 1e-4);
            last = agc.gain_db();
            if nth % 50 == 0 {
                assert!(last - second <= 6.01, "{} dB in a second", last - second);
                second = last;
            }
        }
    }

    #[test]
    fn frames_that_were_made_up_move_nothing() {
        let mut agc = Agc::new();
        let mut all = speech(10, -44.0, -90.0);
        all.chunks_mut(FRAME).for_each(|frame| agc.adjust(frame, true));
        assert_eq!(agc.gain_db(), 0.0);
    }

    #[test]
    fn the_generator_is_as_loud_as_asked() {
        let samples: Vec<i16> = speech(6, -26.0, -120.0).iter().map(|&sample| sample as i16).collect();
        assert!((-29.5..-26.0).contains(&level_dbov(&samples)), "{}", level_dbov(&samples));
    }

    proptest! {
        #[test]
        fn whatever_is_heard_the_gain_is_bounded_and_finite(
            frames in proptest::collection::vec((any::<i16>(), any::<bool>(), any::<bool>()), 0..600),
        ) {
            let mut agc = Agc::new();
            for (peak, is_broken, resumes) in frames {
                let mut frame = [f32::from(peak); FRAME];
                if resumes && peak % 7 == 0 {
                    agc.resume();
                }
                agc.adjust(&mut frame, is_broken);
                prop_assert!((GAIN_MIN_DB..=GAIN_MAX_DB).contains(&agc.gain_db()));
                prop_assert!(frame.iter().all(|sample| sample.is_finite() && sample.abs() <= 32_768.0 * 8.0));
            }
        }
    }
}
