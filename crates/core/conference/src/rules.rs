//! The rules themselves: one pure function over a snapshot and a batch.
//!
//! The intents of a batch are decided one after another on a working copy of the snapshot, so that three hundred
//! callers on the hour are one decision. Each file below is one concern; its leaves are functions of facts.
//!
//! **Invariant:** nobody waits while a conference is live but in the waiting room, and no participant ever takes a room's last seat.

mod capacity;
mod command;
mod deadlines;
mod entry;
mod failover;
mod floor;
mod fresh;
mod guessing;
mod in_hand;
mod leaving;
mod lobby;
mod lock;
mod manner;
mod noise;
mod outdial;
mod placement;
mod presence;
mod time;
mod waiting_room;

pub use failover::NO_MIXER_MAX;
pub use guessing::{LOCKED_OUT_FOR, WRONG_MAX};
pub use outdial::DIALLING_MAX;
pub use placement::CHUNK;
pub use presence::{ABSENCE_MAX, JOIN_MAX};

use std::collections::BTreeMap;

use crate::attendance::LeaveReason;
use crate::code::Role;
use crate::decision::Decision;
use crate::ids::{AttendanceId, Generation};
use crate::intent::{FreshIds, Intent};
use crate::snapshot::RoomSnapshot;

use in_hand::{Hello, RoomInHand};

/// Decides a batch of intents for one room.
///
/// The attendances that the batch names must be in the snapshot as far as the store knows them. An intent that
/// is late, repeated or about a stranger changes nothing; if that goes for the whole batch, the decision is empty
/// and needs no commit. The same facts and identifiers always give the same decision.
#[must_use]
pub fn decide(snapshot: &RoomSnapshot, intents: &[Intent], fresh: &FreshIds) -> Decision {
    let mut hand = RoomInHand::take(snapshot, fresh);
    let gone = Gone::within(intents);
    for intent in intents {
        decide_one(&mut hand, intent, &gone);
    }
    hand.put_down()
}

/// Who leaves within the batch. Who has left before they were let in is not let in, but known to have left: a hello
/// that comes late, by a slower way, changes nothing then.
struct Gone(BTreeMap<AttendanceId, (Generation, LeaveReason)>);

impl Gone {
    fn within(intents: &[Intent]) -> Self {
        let mut gone = BTreeMap::new();
        for intent in intents {
            if let Intent::Left { attendance, generation, reason } = intent {
                let last = gone.entry(*attendance).or_insert((*generation, *reason));
                if *generation > last.0 {
                    *last = (*generation, *reason);
                }
            }
        }
        Self(gone)
    }

    /// Why the caller is gone, said by this generation or a newer one.
    fn reason(&self, attendance: AttendanceId, generation: Generation) -> Option<LeaveReason> {
        self.0.get(&attendance).filter(|(by, _)| *by >= generation).map(|(_, reason)| *reason)
    }
}

fn decide_one(hand: &mut RoomInHand<'_>, intent: &Intent, gone: &Gone) {
    match intent {
        Intent::Attend { attendance, generation, vru, role, caller } => {
            let hello = Hello { attendance: *attendance, generation: *generation, vru, role: *role, caller };
            match gone.reason(*attendance, *generation) {
                Some(reason) => entry::attend_and_leave(hand, &hello, reason),
                None => entry::attend(hand, &hello),
            }
        }
        Intent::Answered { attendance, generation, vru, caller } => {
            let role = Role::Participant;
            let hello = Hello { attendance: *attendance, generation: *generation, vru, role, caller };
            outdial::answered(hand, &hello, gone.reason(*attendance, *generation));
        }
        Intent::Joined { attendance, generation, mix, epoch } => {
            presence::joined(hand, *attendance, *generation, (*mix, *epoch));
        }
        Intent::Left { attendance, generation, reason } => {
            leaving::left(hand, *attendance, *generation, *reason);
        }
        Intent::Noisy { attendance, generation, noise } => {
            noise::noisy(hand, *attendance, *generation, *noise);
        }
        Intent::VruLost { attendance } => presence::vru_lost(hand, *attendance),
        Intent::MixerLost { mixer } => failover::mixer_lost(hand, mixer),
        Intent::NoSeat { mixer } => failover::no_seat(hand, mixer),
        Intent::MixerCame => failover::look_again(hand),
        Intent::Command { id, by, command } => command::command(hand, *id, *by, command),
        Intent::BecomeHost { id, by, is_right } => command::become_host(hand, *id, *by, *is_right),
        Intent::Tick => time::tick(hand),
    }
}
