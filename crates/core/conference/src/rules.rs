//! The rules themselves: one pure function over a snapshot and a batch.
//!
//! The intents of a batch are decided one after another on a working copy of the snapshot, so that three hundred
//! callers on the hour are one decision. Each file below is one concern; its leaves are functions of facts.
//!
//! **Invariant:** nobody waits while a conference is live, and no participant ever takes a room's last seat.

mod capacity;
mod command;
mod entry;
mod failover;
mod fresh;
mod in_hand;
mod leaving;
mod lobby;
mod lock;
mod placement;
mod presence;
mod time;

pub use placement::CHUNK;
pub use presence::{ABSENCE_MAX, JOIN_MAX};

use crate::decision::Decision;
use crate::intent::{FreshIds, Intent};
use crate::snapshot::RoomSnapshot;

use entry::Hello;
use in_hand::RoomInHand;

/// Decides a batch of intents for one room.
///
/// The attendances that the batch names must be in the snapshot as far as the store knows them. An intent that
/// is late, repeated or about a stranger changes nothing; if that goes for the whole batch, the decision is empty
/// and needs no commit. The same facts and identifiers always give the same decision.
#[must_use]
pub fn decide(snapshot: &RoomSnapshot, intents: &[Intent], fresh: &FreshIds) -> Decision {
    let mut hand = RoomInHand::take(snapshot, fresh);
    for intent in intents {
        decide_one(&mut hand, intent);
    }
    hand.put_down()
}

fn decide_one(hand: &mut RoomInHand<'_>, intent: &Intent) {
    match intent {
        Intent::Attend { attendance, generation, vru, role, caller } => {
            let hello = Hello { attendance: *attendance, generation: *generation, vru, role: *role, caller };
            entry::attend(hand, &hello);
        }
        Intent::Joined { attendance, generation, mix, epoch } => {
            presence::joined(hand, *attendance, *generation, (*mix, *epoch));
        }
        Intent::Left { attendance, generation, reason } => {
            leaving::left(hand, *attendance, *generation, *reason);
        }
        Intent::VruLost { attendance } => presence::vru_lost(hand, *attendance),
        Intent::MixerLost { mixer } => failover::mixer_lost(hand, mixer),
        Intent::Command { id, by, command } => command::command(hand, *id, *by, *command),
        Intent::Tick => time::tick(hand),
    }
}
