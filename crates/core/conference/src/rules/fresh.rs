//! Handing out the identifiers that were drawn for a batch.

use crate::ids::{ConfereeId, ConferenceId, MixId};
use crate::intent::FreshIds;

/// 2^128 divided by the golden ratio, odd: its multiples lie as far apart as they can.
const STRIDE: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;

/// Hands out fresh identifiers, each once.
///
/// A batch hardly ever needs a second conference (the first one would have to end within it). Where it does, the
/// identifier is the drawn one moved on by a stride: as unique as the draw, and no draw can run out.
pub(super) struct Draws<'a> {
    fresh: &'a FreshIds,
    conferences: u128,
    lobbies: u128,
    conferees: usize,
}

impl<'a> Draws<'a> {
    pub(super) const fn new(fresh: &'a FreshIds) -> Self {
        Self { fresh, conferences: 0, lobbies: 0, conferees: 0 }
    }

    pub(super) fn conference(&mut self) -> (ConferenceId, MixId) {
        let nth = self.conferences;
        self.conferences += 1;
        (
            ConferenceId::from_bits(moved_on(self.fresh.conference.bits(), nth)),
            MixId::from_bits(moved_on(self.fresh.conference_mix.bits(), nth)),
        )
    }

    pub(super) fn lobby(&mut self) -> MixId {
        let nth = self.lobbies;
        self.lobbies += 1;
        MixId::from_bits(moved_on(self.fresh.lobby_mix.bits(), nth))
    }

    pub(super) fn conferee(&mut self) -> ConfereeId {
        let nth = self.conferees;
        self.conferees += 1;
        self.fresh.conferees.get(nth).copied().unwrap_or_else(|| {
            let base = self.fresh.conferees.last().map_or(self.fresh.conference.bits(), |last| last.bits());
            ConfereeId::from_bits(moved_on(base, nth as u128 + 1))
        })
    }
}

const fn moved_on(base: u128, nth: u128) -> u128 {
    base.wrapping_add(STRIDE.wrapping_mul(nth))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_needs_more_than_was_drawn_still_gets_each_identifier_once() {
        let fresh = FreshIds {
            conference: ConferenceId::from_bits(1),
            conference_mix: MixId::from_bits(2),
            lobby_mix: MixId::from_bits(3),
            conferees: vec![ConfereeId::from_bits(4)],
        };
        let mut draws = Draws::new(&fresh);
        assert_eq!(draws.conference(), (fresh.conference, fresh.conference_mix));
        let mut conferees: Vec<_> = (0..50).map(|_| draws.conferee()).collect();
        assert_eq!(conferees[0], fresh.conferees[0]);
        conferees.sort();
        conferees.dedup();
        assert_eq!(conferees.len(), 50);
        assert_ne!(draws.conference().0, fresh.conference);
        assert_ne!(draws.lobby(), draws.lobby());
    }
}
