//! Who is talking: the loudest few above a floor, chosen without decoding anybody.

use partyline_codec::SILENCE_DBOV;

/// Most talkers in a mix at once. More than four at a time nobody can follow, and each brings its noise along.
pub const TALKERS_MAX: usize = 4;
/// Voices at once: the talkers, and those who were talkers a frame ago and fade out.
pub(crate) const VOICES_MAX: usize = 2 * TALKERS_MAX;
/// Quieter is not talking. Lower lets line noise in; higher loses soft voices.
const FLOOR_DBOV: f32 = -52.0;
/// How much longer a talker may be below the floor than a newcomer, in dB.
const STAY_DB: f32 = 6.0;
/// How much louder a newcomer must be to take a talker's place, in dB.
const DISPLACE_DB: f32 = 6.0;
/// How fast the level falls when speech pauses, in dB a frame: from −20 dBov to the floor in 0.8 s, longer than
/// the pauses between words.
const FALL_DB: f32 = 0.8;

/// Names a leg to its mix; what it means is up to whoever keeps the legs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeatKey(pub u32);

/// How loud a seat has been lately: up at once, down slowly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Activity {
    level_dbov: f32,
}

impl Activity {
    pub(crate) const fn silent() -> Self {
        Self { level_dbov: SILENCE_DBOV }
    }

    pub(crate) const fn update(&mut self, level_dbov: f32) {
        self.level_dbov = level_dbov.max(self.level_dbov - FALL_DB);
    }

    /// How strong the claim to be heard is; `None` below the floor.
    const fn claim(self, is_talker: bool) -> Option<f32> {
        let (floor, claim) = if is_talker {
            (FLOOR_DBOV - STAY_DB, self.level_dbov + DISPLACE_DB)
        } else {
            (FLOOR_DBOV, self.level_dbov)
        };
        if self.level_dbov > floor { Some(claim) } else { None }
    }
}

/// The strongest claims so far, the strongest first.
#[derive(Debug)]
pub(crate) struct Choice {
    places: [(f32, usize); TALKERS_MAX],
    count: usize,
}

impl Choice {
    pub(crate) const fn new() -> Self {
        Self { places: [(0.0, 0); TALKERS_MAX], count: 0 }
    }

    /// Considers a seat.
    pub(crate) fn consider(&mut self, seat: usize, activity: Activity, is_talker: bool) {
        let Some(claim) = activity.claim(is_talker) else {
            return;
        };
        let place = self.places[..self.count].partition_point(|&(other, _)| other >= claim);
        if place == TALKERS_MAX {
            return;
        }
        self.count = (self.count + 1).min(TALKERS_MAX);
        self.places.copy_within(place..self.count - 1, place + 1);
        self.places[place] = (claim, seat);
    }

    /// The seats chosen.
    pub(crate) fn seats(&self) -> impl Iterator<Item = usize> + '_ {
        self.places[..self.count].iter().map(|&(_, seat)| seat)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn choose(levels: &[f32], talkers: &[usize]) -> Vec<usize> {
        let mut choice = Choice::new();
        for (seat, &level_dbov) in levels.iter().enumerate() {
            choice.consider(seat, Activity { level_dbov }, talkers.contains(&seat));
        }
        let mut seats: Vec<usize> = choice.seats().collect();
        seats.sort_unstable();
        seats
    }

    #[test]
    fn a_talker_keeps_the_place_against_one_who_is_a_little_louder() {
        let levels = [-20.0, -20.0, -20.0, -22.0, -18.0];
        assert_eq!(choose(&levels, &[0, 1, 2, 3]), [0, 1, 2, 3]);
        assert_eq!(choose(&[-20.0, -20.0, -20.0, -22.0, -15.0], &[0, 1, 2, 3]), [0, 1, 2, 4]);
    }

    #[test]
    fn a_talker_who_pauses_between_words_stays() {
        let mut activity = Activity::silent();
        activity.update(-20.0);
        let mut frames = 0;
        while activity.claim(true).is_some() {
            activity.update(SILENCE_DBOV);
            frames += 1;
        }
        assert!((30..=60).contains(&frames), "{frames} frames of 20 ms");
    }

    proptest! {
        #[test]
        fn the_loudest_above_the_floor_are_chosen(levels in proptest::collection::vec(-90.0_f32..-5.0, 0..20)) {
            let mut order: Vec<usize> = (0..levels.len()).filter(|&seat| levels[seat] > FLOOR_DBOV).collect();
            order.sort_by(|&a, &b| levels[b].total_cmp(&levels[a]).then(a.cmp(&b)));
            order.truncate(TALKERS_MAX);
            order.sort_unstable();
            prop_assert_eq!(choose(&levels, &[]), order);
        }
    }
}
