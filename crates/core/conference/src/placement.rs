//! Mixers as placement sees them.

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
