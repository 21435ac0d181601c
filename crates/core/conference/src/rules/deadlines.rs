//! Deadlines: when a wait and a conference have lasted too long.

use crate::conference::{ConferenceEnd, Deadline};
use crate::room::Room;
use crate::time::Timestamp;

/// When a caller who came then has waited too long.
pub(super) fn wait_end(room: &Room, arrived_at: Timestamp) -> Timestamp {
    arrived_at.after(room.wait_max)
}

/// When a conference that started then has lasted too long.
pub(super) fn conference_end(room: &Room, started_at: Timestamp) -> Option<Deadline> {
    let longest = room.conference_max?;
    Some(Deadline { at: started_at.after(longest), why: ConferenceEnd::TooLong })
}
