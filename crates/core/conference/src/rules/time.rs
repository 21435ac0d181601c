//! Time: what ends by itself.

use crate::attendance::{Attendance, AttendanceState, LeaveReason};
use crate::conference::{ConfereeState, ConferenceEnd};
use crate::ids::AttendanceId;
use crate::room::Room;
use crate::time::Timestamp;

use super::deadlines::wait_end;
use super::in_hand::RoomInHand;
use super::{failover, leaving, outdial};

/// Time has passed: the conference that is due ends, and whoever is overdue leaves.
pub(super) fn tick(hand: &mut RoomInHand<'_>) {
    let now = hand.facts.now;
    failover::look_again(hand);
    if let Some(deadline) = hand.facts.conference.as_ref().and_then(|live| live.deadline)
        && deadline.at <= now
    {
        let is_for_want = deadline.why == ConferenceEnd::NoMixer;
        let reason = if is_for_want { LeaveReason::NoMixer } else { LeaveReason::ConferenceEnded };
        hand.end_conference(deadline.why, reason);
    }
    outdial::tick(hand);
    let overdue: Vec<AttendanceId> = std::mem::take(&mut hand.facts.overdue);
    for attendance in overdue {
        // An intent before this one may have put the deadline off.
        let due = hand.known(attendance).filter(|known| known.deadline.is_some_and(|at| at <= now));
        if let Some(reason) = due.and_then(|known| overdue_reason(known, &hand.facts.room, now)) {
            leaving::leave(hand, attendance, reason);
        }
    }
}

/// Why an attendance whose deadline is past leaves.
fn overdue_reason(known: &Attendance, room: &Room, now: Timestamp) -> Option<LeaveReason> {
    match known.state {
        // A wait that is over before its time was cut short by the loss of the VRU.
        AttendanceState::Waiting(_) if now < wait_end(room, known.arrived_at) => Some(LeaveReason::VruLost),
        AttendanceState::Waiting(_) => Some(LeaveReason::WaitedTooLong),
        AttendanceState::Seated { state: ConfereeState::Placed, .. } => Some(LeaveReason::NeverJoined),
        AttendanceState::Seated { state: ConfereeState::Absent, .. } => Some(LeaveReason::VruLost),
        AttendanceState::Seated { state: ConfereeState::Joined, .. }
        | AttendanceState::Refused(_)
        | AttendanceState::Left(_) => None,
    }
}
