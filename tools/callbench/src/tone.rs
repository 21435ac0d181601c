//! Tones that are sent: sines, and keys of a telephone.

use std::f64::consts::TAU;

/// Samples of a packet before they are coded: everything is said at 8 kHz.
pub(crate) const FRAME: usize = 160;
/// Each of the two frequencies of a key.
const TONE_DBOV: f32 = -15.0;

/// A sine, step by step.
#[derive(Debug, Clone)]
pub(crate) struct Oscillator {
    turn: f64,
    step: f64,
    peak: f64,
}

impl Oscillator {
    pub(crate) fn new(hz: f32, level_dbov: f32) -> Self {
        let peak = 32_768.0 * 2f64.sqrt() * 10f64.powf(f64::from(level_dbov) / 20.0);
        Self { turn: 0.0, step: TAU * f64::from(hz) / 8000.0, peak: peak.min(32_767.0) }
    }

    pub(crate) fn fill(&mut self, samples: &mut [i16]) {
        for sample in samples {
            *sample = (self.peak * self.turn.sin()) as i16;
            self.turn += self.step;
        }
        self.turn %= TAU;
    }
}

/// A key as a tone of its two frequencies.
#[derive(Debug, Clone)]
pub(crate) struct KeyTone {
    low: Oscillator,
    high: Oscillator,
    frames_left: u16,
}

impl KeyTone {
    /// A key, for so many frames; `None` if it is no key.
    pub(crate) fn new(key: char, frames: u16) -> Option<Self> {
        let (low, high) = frequencies(key)?;
        let oscillator = |hz| Oscillator::new(hz, TONE_DBOV);
        Some(Self { low: oscillator(low), high: oscillator(high), frames_left: frames })
    }

    /// The next frame; whether there was one.
    pub(crate) fn fill(&mut self, samples: &mut [i16; FRAME]) -> bool {
        let Some(left) = self.frames_left.checked_sub(1) else { return false };
        self.frames_left = left;
        let mut high = [0; FRAME];
        self.low.fill(samples);
        self.high.fill(&mut high);
        samples.iter_mut().zip(high).for_each(|(sum, sample)| *sum = sum.saturating_add(sample));
        true
    }
}

/// The two frequencies of a key ([ITU-T Q.23]).
fn frequencies(key: char) -> Option<(f32, f32)> {
    let keys = ["123A", "456B", "789C", "*0#D"];
    let (row, column) = keys.iter().enumerate().find_map(|(row, keys)| Some((row, keys.find(key)?)))?;
    Some(([697.0, 770.0, 852.0, 941.0][row], [1209.0, 1336.0, 1477.0, 1633.0][column]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_as_long_as_was_asked_for() {
        let mut samples = [0; FRAME];
        let mut tone = KeyTone::new('5', 4).unwrap();
        assert_eq!((0..10).filter(|_| tone.fill(&mut samples)).count(), 4);
        assert!(KeyTone::new('x', 4).is_none());
    }
}
