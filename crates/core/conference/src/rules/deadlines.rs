//! Deadlines: when a wait and a conference have lasted too long.

use crate::conference::{ConferenceEnd, Deadline, LiveConference};
use crate::room::Room;
use crate::time::Timestamp;

/// When a caller who came then has waited too long.
pub(super) fn wait_end(room: &Room, arrived_at: Timestamp) -> Timestamp {
    arrived_at.after(room.wait_max)
}

/// When a conference that starts now will have lasted too long.
pub(super) fn new_conference_end(room: &Room, now: Timestamp) -> Option<Deadline> {
    let longest = room.conference_max?;
    Some(Deadline { at: now.after(longest), why: ConferenceEnd::TooLong })
}

/// When a conference has lasted too long: the room's longest, or what a host asked for beyond it.
pub(super) fn conference_end(room: &Room, live: &LiveConference) -> Option<Deadline> {
    let end = new_conference_end(room, live.started_at)?;
    Some(Deadline { at: live.extended_to.map_or(end.at, |until| until.max(end.at)), ..end })
}
