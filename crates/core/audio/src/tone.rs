//! Sine tones without drift, and with soft edges so that nothing clicks.

use crate::level::sine_peak;

/// How long a tone takes to come up and to go. Shorter clicks; longer blurs short tones.
const EDGE_MS: u32 = 5;

/// A sine of a whole number of samples.
#[derive(Debug, Clone)]
pub struct Tone {
    peak: f32,
    /// A whole turn is 2³², so that the phase wraps exactly and never drifts.
    phase: u32,
    turn_per_sample: u32,
    at: u32,
    samples: u32,
    edge_samples: u32,
}

impl Tone {
    /// A tone of so many samples at a rate. Frequencies above half the rate fold down, as ever.
    #[must_use]
    pub fn new(rate_hz: u32, frequency_hz: f32, level_dbov: f32, samples: u32) -> Self {
        let turns = f64::from(frequency_hz) / f64::from(rate_hz.max(1));
        let edge_samples = (rate_hz * EDGE_MS / 1_000).clamp(1, (samples / 2).max(1));
        Self {
            peak: sine_peak(level_dbov),
            phase: 0,
            turn_per_sample: (turns.rem_euclid(1.0) * 4_294_967_296.0) as u32,
            at: 0,
            samples,
            edge_samples,
        }
    }

    /// Writes as much of the tone as fits and is left; says how many samples that were (0 at its end).
    pub fn fill(&mut self, out: &mut [i16]) -> usize {
        let count = out.len().min((self.samples - self.at) as usize);
        for sample in &mut out[..count] {
            let angle = self.phase as f32 * (std::f32::consts::TAU / 4_294_967_296.0);
            *sample = (self.peak * self.edge_gain() * angle.sin()) as i16;
            self.phase = self.phase.wrapping_add(self.turn_per_sample);
            self.at += 1;
        }
        count
    }

    /// The gain at this sample: a raised cosine at either end, 1 between.
    fn edge_gain(&self) -> f32 {
        let from_edge = self.at.min(self.samples - 1 - self.at);
        if from_edge >= self.edge_samples {
            return 1.0;
        }
        let part = (from_edge as f32 + 0.5) / self.edge_samples as f32;
        0.5 - 0.5 * (std::f32::consts::PI * part).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::{level_dbov, tone_level_dbov};

    fn whole(mut tone: Tone, piece: usize) -> Vec<i16> {
        let mut all = Vec::new();
        let mut buffer = vec![0; piece];
        loop {
            let count = tone.fill(&mut buffer);
            if count == 0 {
                return all;
            }
            all.extend_from_slice(&buffer[..count]);
        }
    }

    #[test]
    fn a_tone_has_its_length_level_and_frequency() {
        let samples = whole(Tone::new(8_000, 440.0, -20.0, 8_000), 160);
        assert_eq!(samples.len(), 8_000);
        assert!((level_dbov(&samples[80..7_920]) + 20.0).abs() < 0.1);
        assert!((tone_level_dbov(&samples[80..7_920], 8_000, 440.0) + 20.0).abs() < 0.1);
    }

    #[test]
    fn the_pieces_in_which_it_is_taken_do_not_change_it() {
        let tone = Tone::new(8_000, 1_004.0, -15.0, 4_001);
        assert_eq!(whole(tone.clone(), 7), whole(tone, 160));
    }

    #[test]
    fn a_tone_does_not_drift_within_an_hour() {
        let mut tone = Tone::new(8_000, 1_000.0, -15.0, 8_000 * 3_600);
        tone.phase = tone.turn_per_sample.wrapping_mul(8_000 * 3_599);
        assert_eq!(tone.phase, 0, "whole turns lead back to the start");
    }

    #[test]
    fn it_starts_and_ends_softly() {
        let samples = whole(Tone::new(8_000, 1_000.0, -6.0, 1_600), 160);
        let largest_step =
            |part: &[i16]| part.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max();
        assert!(samples[0].abs() < 200 && samples[1_599].abs() < 200);
        assert!(largest_step(&samples[..8]) < largest_step(&samples[400..800]));
    }
}
