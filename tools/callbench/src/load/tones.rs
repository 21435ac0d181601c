//! A tone for each talker, and who should hear it.

use crate::meter::RATE_HZ;
use crate::meter::tone_levels_dbov;

/// Tones lie between these, where speech codecs and limiters do little to them.
const LOWEST_HZ: f32 = 350.0;
const HIGHEST_HZ: f32 = 3_250.0;
/// A tone that should be heard is above this in dBov; they are sent at −15.
const HEARD_DBOV: f32 = -30.0;
/// One that should not be is below this: 35 dB under what was sent.
const UNHEARD_DBOV: f32 = -50.0;

/// Most tones that can be told apart in a second of sound, 8 Hz between them. Of more talkers, those of different rooms
/// share one.
pub(super) const TONES_MAX: usize = 360;

/// A tone for each of so many talkers, spread evenly, and so that talkers of one room (who follow each other) lie far apart.
pub(super) fn tones(talkers: usize) -> Vec<f32> {
    let count = talkers.min(TONES_MAX);
    let step = (HIGHEST_HZ - LOWEST_HZ) / count.max(2) as f32;
    (0..talkers).map(|talker| LOWEST_HZ + step * (talker % count) as f32).collect()
}

/// The same in whole hertz, which sound that is said over and over has no seam with. In G.711 the distortion of such tones falls
/// on other tones, where it is taken for a talker.
pub(super) fn whole_tones(talkers: usize) -> Vec<f32> {
    tones(talkers).into_iter().map(f32::round).collect()
}

/// Whether each of these talkers has a tone that no other of them has.
pub(super) fn are_apart(talkers: impl Iterator<Item = usize>) -> bool {
    let mut is_taken = [false; TONES_MAX];
    talkers.map(|talker| talker % TONES_MAX).all(|tone| !std::mem::replace(&mut is_taken[tone], true))
}

/// What one listener heard wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mishearing {
    /// Talkers of its room that it did not hear.
    pub(super) missing: u32,
    /// Talkers that it should not have heard: of other rooms, or itself.
    pub(super) ghosts: u32,
}

/// Compares what was heard with what should be: `expected` are indices into `tones`.
pub(super) fn judge(heard: &[i16], tones: &[f32], expected: &[usize]) -> Mishearing {
    let mut wrong = Mishearing::default();
    let tones = &tones[..tones.len().min(TONES_MAX)];
    for (tone, level) in tone_levels_dbov(heard, RATE_HZ, tones).into_iter().enumerate() {
        if expected.iter().any(|talker| talker % TONES_MAX == tone) {
            wrong.missing += u32::from(level < HEARD_DBOV);
        } else {
            wrong.ghosts += u32::from(level > UNHEARD_DBOV);
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::Oscillator;

    fn mix(tones: &[f32]) -> Vec<i16> {
        let mut sum = vec![0i16; 8_000];
        for &hz in tones {
            let mut one = vec![0; 8_000];
            Oscillator::new(hz, -15.0).fill(&mut one);
            sum.iter_mut().zip(one).for_each(|(sum, sample)| *sum = sum.saturating_add(sample));
        }
        sum
    }

    #[test]
    fn the_right_talkers_and_nobody_else_is_right() {
        let tones = tones(100);
        let heard = mix(&[tones[10], tones[60]]);
        assert_eq!(judge(&heard, &tones, &[10, 60]), Mishearing::default());
    }

    #[test]
    fn a_talker_who_is_not_heard_is_missing() {
        let tones = tones(100);
        let wrong = judge(&mix(&[tones[10]]), &tones, &[10, 60]);
        assert_eq!(wrong, Mishearing { missing: 1, ghosts: 0 });
        assert_eq!(judge(&[0; 8_000], &tones, &[10, 60]).missing, 2);
    }

    #[test]
    fn talkers_of_different_rooms_share_tones_where_there_are_too_few_and_those_of_one_room_do_not() {
        let tones = tones(TONES_MAX + 40);
        assert_eq!(tones[7], tones[TONES_MAX + 7]);
        let heard = mix(&[tones[10], tones[210]]);
        assert_eq!(judge(&heard, &tones, &[10, 210]), Mishearing::default());
        assert_eq!(judge(&heard, &tones, &[TONES_MAX + 10, 210]), Mishearing::default());
        assert_eq!(judge(&heard, &tones, &[11, 210]), Mishearing { missing: 1, ghosts: 1 });
        assert!(are_apart([10, 210].into_iter()) && !are_apart([10, TONES_MAX + 10].into_iter()));
    }

    #[test]
    fn a_neighbour_by_frequency_is_a_ghost_even_with_many_talkers() {
        let tones = tones(TONES_MAX);
        let wrong = judge(&mix(&[tones[10], tones[11], tones[60]]), &tones, &[10, 60]);
        assert_eq!(wrong, Mishearing { missing: 0, ghosts: 1 });
    }
}
