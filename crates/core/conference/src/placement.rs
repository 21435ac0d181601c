//! Mixers as placement sees them.

use std::cmp::Ordering;

use crate::ids::{MixerClass, MixerId};

/// A live mixer of the room's class, with its load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MixerLoad {
    /// The mixer.
    pub id: MixerId,
    /// Its class.
    pub class: MixerClass,
    /// Seats that it declared.
    pub seats_max: u32,
    /// Seats reserved on it by conferences and lobbies.
    pub reserved: u32,
}

impl MixerLoad {
    /// Seats that nobody has reserved.
    #[must_use]
    pub const fn left(&self) -> u32 {
        self.seats_max.saturating_sub(self.reserved)
    }

    /// Orders by the share of seats reserved, the bigger mixer first where it is the same, then by name.
    #[must_use]
    pub fn cmp_by_load(&self, other: &Self) -> Ordering {
        let share = |a: &Self, b: &Self| u64::from(a.reserved) * u64::from(b.seats_max);
        share(self, other)
            .cmp(&share(other, self))
            .then_with(|| other.seats_max.cmp(&self.seats_max))
            .then_with(|| self.id.cmp(&other.id))
    }
}
