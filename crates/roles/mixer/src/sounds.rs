//! What a conference hears when somebody comes or leaves: two soft notes, up or down, and the words behind names.

use std::f32::consts::TAU;

use partyline_audio::{Clip, Program, Step};

use crate::phrases::{Phrases, Way};

const RATE_HZ: u32 = 16_000;
/// E5 and B5: a fifth, plain on any telephone.
const LOW_HZ: f32 = 659.26;
const HIGH_HZ: f32 = 987.77;
/// Peak of a note. With its decay this is about −18 dBov over the note: heard beneath talk, never over it.
const PEAK: f32 = 0.22;
const NOTE_SECONDS: f32 = 0.16;
/// A note begins softly within this, so that it doesn't click.
const ATTACK_SECONDS: f32 = 0.008;
/// A note has faded to a third after this.
const DECAY_SECONDS: f32 = 0.07;
/// The last part of a note fades to nothing.
const RELEASE_SECONDS: f32 = 0.02;

/// All sounds, made once.
#[derive(Debug, Clone)]
pub(crate) struct Sounds {
    entry: Program,
    exit: Program,
    phrases: Phrases,
}

impl Sounds {
    pub(crate) fn new(phrases: Phrases) -> Self {
        Self { entry: program([LOW_HZ, HIGH_HZ]), exit: program([HIGH_HZ, LOW_HZ]), phrases }
    }

    pub(crate) fn tone(&self, way: Way) -> Program {
        match way {
            Way::In => self.entry.clone(),
            Way::Out => self.exit.clone(),
        }
    }

    pub(crate) const fn phrases(&self) -> &Phrases {
        &self.phrases
    }
}

fn program(notes: [f32; 2]) -> Program {
    let samples: Vec<i16> = notes.into_iter().flat_map(note).collect();
    Program { steps: vec![Step::Clip(Clip::new(RATE_HZ, samples))], repeats: false }
}

/// A note like a struck bar: quick attack, falling away, with a little of its octave.
fn note(frequency_hz: f32) -> impl Iterator<Item = i16> {
    let count = (NOTE_SECONDS * RATE_HZ as f32) as u32;
    (0..count).map(move |nth| {
        let at = nth as f32 / RATE_HZ as f32;
        let attack = (at / ATTACK_SECONDS).min(1.0);
        let release = ((NOTE_SECONDS - at) / RELEASE_SECONDS).clamp(0.0, 1.0);
        let envelope = attack * release * (-at / DECAY_SECONDS).exp();
        let wave = 0.85 * (TAU * frequency_hz * at).sin() + 0.15 * (TAU * 2.0 * frequency_hz * at).sin();
        (PEAK * envelope * wave * f32::from(i16::MAX)) as i16
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_short_begins_and_ends_in_silence_and_is_not_loud() {
        for way in [Way::In, Way::Out] {
            let program = Sounds::new(Phrases::default()).tone(way);
            let [Step::Clip(clip)] = program.steps.as_slice() else { panic!("one clip") };
            let samples = clip.samples();
            assert!(clip.duration().as_millis() < 500);
            assert!(samples[0].abs() < 50 && samples[samples.len() - 1].abs() < 50);
            let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
            assert!((1_000..10_000).contains(&peak), "{peak}");
        }
    }

    #[test]
    fn entry_rises_and_exit_falls() {
        let crossings =
            |samples: &[i16]| samples.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
        let halves = |way| {
            let program = Sounds::new(Phrases::default()).tone(way);
            let [Step::Clip(clip)] = program.steps.as_slice() else { panic!("one clip") };
            let samples = clip.samples();
            let middle = samples.len() / 2;
            (crossings(&samples[..middle]), crossings(&samples[middle..]))
        };
        let (first, second) = halves(Way::In);
        assert!(first < second);
        let (first, second) = halves(Way::Out);
        assert!(first > second);
    }
}
