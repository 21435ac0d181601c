//! The player: a program, frame by frame.

use std::time::Duration;

use crate::clip::{Program, Step};
use crate::resample::resample;
use crate::tone::Tone;

/// Whether a player goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Playing {
    /// There is more.
    On,
    /// That was the end; the rest of the frame is silent.
    Ended,
}

/// Plays one program at one rate. Filling frames allocates nothing.
#[derive(Debug, Clone)]
pub struct Player {
    program: Program,
    rate_hz: u32,
    step: usize,
    /// Samples of this step that were played (clips and silence).
    at: usize,
    /// The tone of this step, once it has begun.
    tone: Option<Tone>,
}

impl Player {
    /// Takes a program for this rate; clips of other rates are resampled here, once.
    #[must_use]
    pub fn new(program: &Program, rate_hz: u32) -> Self {
        Self { program: program.at_rate(rate_hz), rate_hz, step: 0, at: 0, tone: None }
    }

    /// Fills a frame with what comes next.
    pub fn fill(&mut self, frame: &mut [i16]) -> Playing {
        let mut filled = 0;
        // A program of empty steps alone ends, even if it repeats.
        let mut was_fruitless = false;
        loop {
            while self.step < self.program.steps.len() {
                let count = self.fill_from_step(&mut frame[filled..]);
                filled += count;
                was_fruitless &= count == 0;
                if self.is_step_over() {
                    self.next_step();
                } else {
                    return Playing::On;
                }
            }
            if !self.program.repeats || was_fruitless {
                frame[filled..].fill(0);
                return Playing::Ended;
            }
            self.step = 0;
            was_fruitless = true;
            if filled == frame.len() {
                return Playing::On;
            }
        }
    }

    fn fill_from_step(&mut self, out: &mut [i16]) -> usize {
        match &self.program.steps[self.step] {
            Step::Clip(clip) => {
                let left = &clip.samples()[self.at..];
                let count = left.len().min(out.len());
                out[..count].copy_from_slice(&left[..count]);
                self.at += count;
                count
            }
            Step::Silence(duration) => {
                let count = (samples_of(*duration, self.rate_hz) - self.at).min(out.len());
                out[..count].fill(0);
                self.at += count;
                count
            }
            Step::Tone { frequency_hz, duration, level_dbov } => {
                let samples = samples_of(*duration, self.rate_hz);
                let tone = self.tone.get_or_insert_with(|| {
                    Tone::new(
                        self.rate_hz,
                        *frequency_hz,
                        *level_dbov,
                        u32::try_from(samples).unwrap_or(u32::MAX),
                    )
                });
                let count = tone.fill(out);
                self.at += count;
                count
            }
        }
    }

    fn is_step_over(&self) -> bool {
        let samples = match &self.program.steps[self.step] {
            Step::Clip(clip) => clip.samples().len(),
            Step::Silence(duration) | Step::Tone { duration, .. } => samples_of(*duration, self.rate_hz),
        };
        self.at >= samples
    }

    fn next_step(&mut self) {
        self.step += 1;
        self.at = 0;
        self.tone = None;
    }
}

impl Program {
    /// The program with every clip at this rate. Cheap where they have it already.
    #[must_use]
    pub fn at_rate(&self, rate_hz: u32) -> Self {
        let steps = self.steps.iter().map(|step| match step {
            Step::Clip(clip) => Step::Clip(resample(clip, rate_hz)),
            Step::Silence(_) | Step::Tone { .. } => step.clone(),
        });
        Self { steps: steps.collect(), repeats: self.repeats }
    }

    /// How long it plays once.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let durations = self.steps.iter().map(|step| match step {
            Step::Clip(clip) => clip.duration(),
            Step::Silence(duration) | Step::Tone { duration, .. } => *duration,
        });
        durations.sum()
    }
}

/// The longest step that is counted: more than a day, so that no sum overflows.
const STEP_MAX: Duration = Duration::from_secs(100_000);

fn samples_of(duration: Duration, rate_hz: u32) -> usize {
    let microseconds = duration.min(STEP_MAX).as_micros() as u64;
    (microseconds * u64::from(rate_hz) / 1_000_000) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clip::Clip;
    use crate::level::{level_dbov, tone_level_dbov};

    const RATE_HZ: u32 = 8_000;

    fn clip(samples: &[i16]) -> Step {
        Step::Clip(Clip::new(RATE_HZ, samples.to_vec()))
    }

    fn program(steps: Vec<Step>) -> Program {
        Program { steps, repeats: false }
    }

    fn play(program: &Program, frame_samples: usize, frames_max: usize) -> (Vec<i16>, Playing) {
        let mut player = Player::new(program, RATE_HZ);
        let mut all = Vec::new();
        for _ in 0..frames_max {
            let mut frame = vec![77; frame_samples];
            let playing = player.fill(&mut frame);
            all.extend_from_slice(&frame);
            if playing == Playing::Ended {
                return (all, playing);
            }
        }
        (all, Playing::On)
    }

    #[test]
    fn steps_follow_each_other_within_a_frame_and_the_rest_is_silent() {
        let (all, playing) = play(
            &program(vec![clip(&[1, 2, 3]), Step::Silence(Duration::from_micros(250)), clip(&[4])]),
            8,
            9,
        );
        assert_eq!(all, [1, 2, 3, 0, 0, 4, 0, 0]);
        assert_eq!(playing, Playing::Ended);
    }

    #[test]
    fn a_repeating_program_starts_again_without_a_gap() {
        let music = Program { steps: vec![clip(&[1, 2, 3])], repeats: true };
        assert_eq!(play(&music, 4, 3), (vec![1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3], Playing::On));
    }

    #[test]
    fn a_program_of_nothing_ends_at_once_even_if_it_repeats() {
        for steps in [vec![], vec![clip(&[])], vec![Step::Silence(Duration::ZERO), clip(&[])]] {
            let (all, playing) = play(&Program { steps, repeats: true }, 4, 3);
            assert_eq!((all.as_slice(), playing), ([0; 4].as_slice(), Playing::Ended));
        }
    }

    #[test]
    fn a_clip_of_another_rate_is_heard_at_its_pitch() {
        let mut samples = vec![0; 16_000];
        Tone::new(16_000, 700.0, -15.0, 16_000).fill(&mut samples);
        let (all, _) = play(&program(vec![Step::Clip(Clip::new(16_000, samples))]), 160, 60);
        assert!((tone_level_dbov(&all[800..7_200], RATE_HZ, 700.0) + 15.0).abs() < 0.2);
    }

    #[test]
    fn a_tone_step_is_a_tone_of_its_length() {
        let tone =
            Step::Tone { frequency_hz: 440.0, duration: Duration::from_millis(500), level_dbov: -15.0 };
        let (all, _) = play(&program(vec![tone]), 160, 60);
        assert!((level_dbov(&all[80..3_900]) + 15.0).abs() < 0.2);
        assert!(all[4_000..].iter().all(|&sample| sample == 0));
    }

    proptest! {
        #[test]
        fn frames_of_any_size_give_the_same_sound(
            lengths in proptest::collection::vec(0_usize..50, 0..6),
            frame_samples in 1_usize..40,
        ) {
            let steps: Vec<Step> = lengths.iter().enumerate().map(|(index, &length)| clip(&vec![index as i16 + 1; length])).collect();
            let expected: Vec<i16> = lengths.iter().enumerate().flat_map(|(index, &length)| vec![index as i16 + 1; length]).collect();
            let (all, playing) = play(&program(steps), frame_samples, 1_000);
            prop_assert_eq!(playing, Playing::Ended);
            prop_assert_eq!(&all[..expected.len()], expected.as_slice());
            prop_assert!(all[expected.len()..].iter().all(|&sample| sample == 0));
        }
    }
}
