//! What takes noise from the voices of a mix: one for each who talks, and for those who talked last.
//!
//! A suppressor knows the noise of its caller's line, so a caller who talks again is given the same. There are as many as can
//! be heard at once: who has not been heard for longest loses theirs to a newcomer, who is heard at once and whole, as it learns
//! another line's noise within a second. Callers who never talk cost nothing.

use partyline_audio::NoiseSuppressor;

use crate::frame::RATE_HZ;
use crate::talkers::{SeatKey, VOICES_MAX};

/// Suppressors of one mix.
#[derive(Debug)]
pub struct Suppressors {
    held: Vec<Held>,
    tick: u64,
}

#[derive(Debug)]
struct Held {
    seat: Option<SeatKey>,
    /// Its name once all have new ones: it may be another's until then.
    new_name: Option<SeatKey>,
    heard_tick: u64,
    suppressor: NoiseSuppressor,
}

impl Suppressors {
    /// Makes them, which takes 10 ms or more and a quarter of a megabyte: not for a media thread.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "what takes so long is made on purpose")]
    pub fn new() -> Self {
        let held =
            || Held { seat: None, new_name: None, heard_tick: 0, suppressor: NoiseSuppressor::new(RATE_HZ) };
        Self { held: std::iter::repeat_with(held).take(VOICES_MAX).collect(), tick: 0 }
    }

    /// A tick begins.
    pub(crate) const fn begin(&mut self) {
        self.tick += 1;
    }

    /// The suppressor of a seat that is heard in this tick.
    pub(crate) fn of(&mut self, seat: SeatKey) -> Option<&mut NoiseSuppressor> {
        let is_theirs = |held: &Held| held.seat == Some(seat);
        let place = self.held.iter().position(is_theirs);
        let is_given = place.is_none();
        let idlest = || (0..self.held.len()).min_by_key(|&place| self.held[place].heard_tick);
        let place = place.or_else(idlest)?;
        let held = &mut self.held[place];
        if is_given {
            held.suppressor.resume();
        }
        (held.seat, held.heard_tick) = (Some(seat), self.tick);
        Some(&mut held.suppressor)
    }

    /// A seat gets another name, with [`take_new_names`](Self::take_new_names).
    pub(crate) fn rename(&mut self, seat: SeatKey, name: SeatKey) {
        for held in self.held.iter_mut().filter(|held| held.seat == Some(seat)) {
            held.new_name = Some(name);
        }
    }

    /// All seats have their new names.
    pub(crate) fn take_new_names(&mut self) {
        for held in &mut self.held {
            held.seat = held.new_name.take().or(held.seat);
        }
    }

    /// Nobody sits there any more; somebody else may.
    pub(crate) fn forget(&mut self, seat: SeatKey) {
        for held in self.held.iter_mut().filter(|held| held.seat == Some(seat)) {
            (held.seat, held.heard_tick) = (None, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place_of(suppressors: &mut Suppressors, seat: u32) -> usize {
        suppressors.begin();
        let given: *const NoiseSuppressor = suppressors.of(SeatKey(seat)).unwrap();
        suppressors.held.iter().position(|held| std::ptr::eq(&held.suppressor, given)).unwrap()
    }

    #[test]
    fn who_talks_again_has_the_same_and_a_newcomer_that_of_who_was_silent_for_longest() {
        let mut suppressors = Suppressors::new();
        let places: Vec<usize> =
            (0..VOICES_MAX as u32).map(|seat| place_of(&mut suppressors, seat)).collect();
        let mut sorted = places.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..VOICES_MAX).collect::<Vec<_>>(), "each has one of their own");
        assert_eq!(place_of(&mut suppressors, 0), places[0]);
        assert_eq!(place_of(&mut suppressors, 100), places[1]);
        assert_eq!(place_of(&mut suppressors, 1), places[2], "theirs was given away");
    }

    #[test]
    fn seats_that_swap_their_names_keep_their_suppressors() {
        let mut suppressors = Suppressors::new();
        let (one, other) = (place_of(&mut suppressors, 1), place_of(&mut suppressors, 2));
        for (seat, name) in [(1, 2), (2, 1)] {
            suppressors.rename(SeatKey(seat), SeatKey(name));
        }
        suppressors.take_new_names();
        assert_eq!((place_of(&mut suppressors, 1), place_of(&mut suppressors, 2)), (other, one));
    }

    #[test]
    fn the_seat_of_who_left_is_somebody_elses() {
        let mut suppressors = Suppressors::new();
        place_of(&mut suppressors, 1);
        let place = place_of(&mut suppressors, 2);
        suppressors.forget(SeatKey(2));
        assert!(suppressors.held[place].seat.is_none());
        place_of(&mut suppressors, 3);
        assert_ne!(place_of(&mut suppressors, 1), place_of(&mut suppressors, 3));
    }
}
