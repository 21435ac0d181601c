//! The private player of a leg, over what it hears otherwise, at the volume that its caller likes.

use partyline_audio::level::factor_of_db;
use partyline_audio::mixing::{GainRamp, add};
use partyline_audio::{Limiter, Player, Playing, Resampler};

use crate::frame::{FRAME_SAMPLES, RATE_HZ, Rate, SAMPLES_MAX, SILENCE};
use crate::play_id::PlayId;

/// How far the conference goes down under a prompt, in dB. Less hides the prompt; more hides the conference.
const DUCKING_DB: f32 = -14.0;
/// How far the gain moves within a frame: all the way in about 80 ms.
const DUCKING_STEP: f32 = 0.2;
/// Frames after the last of what is played in which the end of it still comes out of the resampler.
const TAIL_FRAMES: u8 = 2;

/// What plays to one leg.
#[derive(Debug, Clone)]
pub(crate) struct Overlay {
    playing: Option<(PlayId, Player)>,
    /// What was stopped: it fades out within one frame.
    fading: Option<Player>,
    ducking: GainRamp,
    ducked_factor: f32,
    /// How loud the caller wants the conference.
    volume_factor: f32,
    limiter: Limiter,
    /// What takes programs, which are at [`RATE_HZ`], to the rate that is heard, where that is another.
    resampler: Option<Box<Resampler>>,
    tail_frames: u8,
}

impl Overlay {
    pub(crate) fn new() -> Self {
        Self {
            playing: None,
            fading: None,
            ducking: GainRamp::at(1.0),
            ducked_factor: factor_of_db(DUCKING_DB),
            volume_factor: 1.0,
            limiter: Limiter::default(),
            resampler: None,
            tail_frames: 0,
        }
    }

    /// Goes over to frames of another rate.
    pub(crate) fn set_rate(&mut self, rate: Rate) {
        if rate == Rate::Narrow {
            self.resampler = None;
        } else if self.resampler.as_ref().is_none_or(|resampler| resampler.to_hz() != rate.hz()) {
            self.resampler = Some(Box::new(Resampler::new(RATE_HZ, rate.hz(), FRAME_SAMPLES)));
        }
    }

    /// Plays instead of what plays now.
    pub(crate) fn play(&mut self, play: PlayId, player: Player) {
        self.stop();
        self.playing = Some((play, player));
    }

    pub(crate) fn stop(&mut self) {
        if let Some((_, player)) = self.playing.take() {
            self.fading = Some(player);
        }
    }

    /// How loud everything but what is played privately is, from what comes.
    pub(crate) fn set_volume(&mut self, db: f32) {
        self.volume_factor = factor_of_db(db);
    }

    /// Whether what is heard passes unchanged.
    pub(crate) fn is_idle(&self) -> bool {
        self.playing.is_none()
            && self.fading.is_none()
            && (self.ducking.factor() - 1.0).abs() < f32::EPSILON
            && (self.volume_factor - 1.0).abs() < f32::EPSILON
            && self.limiter.gain() >= 1.0
    }

    /// Puts the player over a frame of the rate that was set; tells what came to its end.
    pub(crate) fn apply(&mut self, frame: &mut [i16]) -> Option<PlayId> {
        let ducked = if self.playing.is_some() { self.ducked_factor } else { 1.0 };
        let target = self.volume_factor * ducked;
        let mut room = [0; SAMPLES_MAX];
        let sum = &mut room[..frame.len().min(SAMPLES_MAX)];
        add(sum, frame);
        // In the sum, so that who likes it louder hears the limiter and no clipping.
        self.ducking.apply_to_sum(sum, target, DUCKING_STEP);
        let ended = self.add_played(sum);
        self.limiter.limit(sum, frame);
        ended
    }

    fn add_played(&mut self, sum: &mut [i32]) -> Option<PlayId> {
        if self.playing.is_some() || self.fading.is_some() {
            self.tail_frames = TAIL_FRAMES;
        } else if self.tail_frames == 0 {
            return None;
        }
        self.tail_frames -= 1;
        let (mut all, mut played) = ([0; FRAME_SAMPLES], [0; FRAME_SAMPLES]);
        let mut ended = None;
        if let Some((play, player)) = &mut self.playing {
            if player.fill(&mut played) == Playing::Ended {
                ended = Some(*play);
            }
            add(&mut all, &played);
        }
        if ended.is_some() {
            self.playing = None;
        }
        if let Some(mut player) = self.fading.take() {
            player.fill(&mut played);
            GainRamp::at(1.0).apply(&mut played, 0.0, 1.0);
            add(&mut all, &played);
        }
        if let Some(resampler) = &mut self.resampler {
            let mut room = [0; SAMPLES_MAX];
            let count = resampler.process_sums(&all, &mut room[..sum.len()]);
            add(sum, &room[..count]);
        } else {
            add(sum, &all);
        }
        ended
    }

    /// Passes over one frame: it was not sent in time.
    pub(crate) fn skip(&mut self) -> Option<PlayId> {
        if self.is_idle() {
            return None;
        }
        let samples =
            self.resampler.as_ref().map_or(FRAME_SAMPLES, |resampler| (resampler.to_hz() / 50) as usize);
        let mut room = *SILENCE;
        self.apply(&mut room[..samples])
    }
}

#[cfg(test)]
mod tests {
    use partyline_audio::level::tone_level_dbov;
    use partyline_audio::{Clip, Program, Step};

    use super::*;
    use crate::frame::Frame;

    fn clip(samples: Vec<i16>) -> Player {
        Player::new(
            &Program { steps: vec![Step::Clip(Clip::new(RATE_HZ, samples))], repeats: false },
            RATE_HZ,
        )
    }

    fn conference(index: usize) -> Frame {
        std::array::from_fn(|n| {
            (8_000.0 * ((index * 160 + n) as f32 * std::f32::consts::TAU / 16.0).sin()) as i16
        })
    }

    #[test]
    fn the_conference_goes_down_under_a_prompt_and_comes_back_exactly() {
        let mut overlay = Overlay::new();
        overlay.play(PlayId(1), clip(vec![0; 160 * 20]));
        let mut ended = Vec::new();
        let mut heard = Vec::new();
        for index in 0..40 {
            let mut frame = conference(index);
            ended.extend(overlay.apply(&mut frame));
            heard.push(frame);
        }
        let level = |index: usize| {
            tone_level_dbov(&heard[index], RATE_HZ, 500.0) - tone_level_dbov(&conference(0), RATE_HZ, 500.0)
        };
        assert!((level(15) - DUCKING_DB).abs() < 0.2, "{}", level(15));
        assert_eq!(heard[35], conference(35));
        assert_eq!(ended, [PlayId(1)]);
        assert!(overlay.is_idle());
    }

    #[test]
    fn the_volume_moves_the_conference_and_not_what_is_played() {
        let mut overlay = Overlay::new();
        let level = |overlay: &mut Overlay| {
            let mut heard = conference(0);
            for index in 0..30 {
                heard = conference(index);
                overlay.apply(&mut heard);
            }
            tone_level_dbov(&heard, RATE_HZ, 500.0) - tone_level_dbov(&conference(0), RATE_HZ, 500.0)
        };
        overlay.set_volume(-6.0);
        assert!((level(&mut overlay) + 6.0).abs() < 0.2);
        assert!(!overlay.is_idle());
        overlay.play(PlayId(1), clip(vec![8_000; 160 * 5]));
        let mut silence = [0; FRAME_SAMPLES];
        overlay.apply(&mut silence);
        assert_eq!(silence, [8_000; FRAME_SAMPLES], "what is played is as loud as it is");
        overlay.set_volume(0.0);
        assert!(level(&mut overlay).abs() < 0.01);
        assert!(overlay.is_idle(), "what comes passes unchanged again");
    }

    #[test]
    fn louder_than_there_is_room_for_is_limited_and_not_clipped() {
        let mut overlay = Overlay::new();
        overlay.set_volume(6.0);
        let mut heard = [0; FRAME_SAMPLES];
        for index in 0..30 {
            heard = std::array::from_fn(|n| {
                (30_000.0 * ((index * 160 + n) as f32 * std::f32::consts::TAU / 16.0).sin()) as i16
            });
            overlay.apply(&mut heard);
        }
        let tone = tone_level_dbov(&heard, RATE_HZ, 500.0);
        assert!(tone > -4.0, "{tone}");
        for harmonic in [3.0, 5.0, 7.0] {
            let below = tone - tone_level_dbov(&heard, RATE_HZ, 500.0 * harmonic);
            assert!(below > 40.0, "harmonic {harmonic} is only {below} dB below the tone");
        }
    }

    #[test]
    fn what_is_stopped_fades_and_is_not_told_as_ended() {
        let mut overlay = Overlay::new();
        overlay.play(PlayId(1), clip(vec![10_000; 16_000]));
        overlay.apply(&mut [0; FRAME_SAMPLES]);
        overlay.stop();
        let mut frame = [0; FRAME_SAMPLES];
        assert_eq!(overlay.apply(&mut frame), None);
        assert!(frame[0] > 9_000 && frame[159].abs() < 200);
        frame = [0; FRAME_SAMPLES];
        overlay.apply(&mut frame);
        assert_eq!(frame, [0; FRAME_SAMPLES]);
    }

    #[test]
    fn a_prompt_is_as_loud_and_as_high_for_a_wideband_telephone() {
        for rate in [Rate::Wide, Rate::Full] {
            let mut overlay = Overlay::new();
            overlay.set_rate(rate);
            let said = (0..8_000).map(|n| (8_000.0 * (n as f32 * std::f32::consts::TAU / 8.0).sin()) as i16);
            overlay.play(PlayId(1), clip(said.collect()));
            let mut heard = Vec::new();
            for _ in 0..60 {
                let mut frame = vec![0; rate.samples()];
                overlay.apply(&mut frame);
                heard.extend(frame);
            }
            let second = &heard[rate.samples() * 5..rate.samples() * 45];
            let level = tone_level_dbov(second, rate.hz(), 1_000.0);
            assert!((level - -15.26).abs() < 0.1, "{rate:?}: {level}");
            let image = tone_level_dbov(second, rate.hz(), 7_000.0);
            assert!(image < level - 60.0, "{rate:?}: {image}");
            assert!(overlay.is_idle() && heard[rate.samples() * 58..].iter().all(|&sample| sample == 0));
        }
    }

    #[test]
    fn a_new_program_takes_the_place_of_the_old_one() {
        let mut overlay = Overlay::new();
        overlay.play(PlayId(1), clip(vec![1_000; 16_000]));
        overlay.play(PlayId(2), clip(vec![2_000; 100]));
        assert_eq!(overlay.apply(&mut [0; FRAME_SAMPLES]), Some(PlayId(2)));
    }
}
