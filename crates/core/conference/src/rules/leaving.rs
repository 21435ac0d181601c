//! Leaving: one caller's end, and what it means for the conference.

use std::time::Duration;

use crate::attendance::{AttendanceState, LeaveReason};
use crate::code::Role;
use crate::conference::{ConferenceEnd, Deadline};
use crate::ids::{AttendanceId, Generation};
use crate::room::HostLeaves;
use crate::time::Timestamp;

use super::in_hand::RoomInHand;
use super::{deadlines, lobby, outdial};

/// A VRU says that the caller has left. Said by an older generation's stream, it ends nothing.
pub(super) fn left(
    hand: &mut RoomInHand<'_>,
    attendance: AttendanceId,
    generation: Generation,
    reason: LeaveReason,
) {
    if hand.known(attendance).is_some_and(|known| generation >= known.generation) {
        leave(hand, attendance, reason);
    }
}

/// A caller leaves, from wherever they stand; who is gone already stays gone.
pub(super) fn leave(hand: &mut RoomInHand<'_>, attendance: AttendanceId, reason: LeaveReason) {
    let Some(known) = hand.known(attendance) else {
        return;
    };
    match known.state {
        state if outdial::is_aside(state) => outdial::callee_leaves(hand, attendance, reason),
        AttendanceState::Waiting(_) => {
            hand.leave_waiting(attendance, reason);
            lobby::close_if_empty(hand);
        }
        AttendanceState::Seated { .. } => {
            outdial::seat_is_left(hand, attendance);
            if let Some(role) = hand.leave_seat(attendance, reason) {
                seat_is_free(hand, role);
            }
        }
        AttendanceState::Refused(_) | AttendanceState::Left(_) => {}
    }
}

/// What the freed seat means: the last conferee's is the conference's end, the last host's is the room's to say.
fn seat_is_free(hand: &mut RoomInHand<'_>, role: Role) {
    let Some(live) = hand.facts.conference.as_ref() else {
        return;
    };
    if live.seated == 0 {
        return hand.end_conference(ConferenceEnd::LastLeft, LeaveReason::ConferenceEnded);
    }
    if role == Role::Host {
        hosts_left(hand);
    }
}

/// Hosts have left, perhaps the last one.
pub(super) fn hosts_left(hand: &mut RoomInHand<'_>) {
    let Some(live) = hand.facts.conference.as_ref().filter(|live| live.hosts_seated == 0) else {
        return;
    };
    match live.manner.host_leaves(&hand.facts.room) {
        HostLeaves::End => hand.end_conference(ConferenceEnd::HostLeft, LeaveReason::ConferenceEnded),
        HostLeaves::Grace(grace) => {
            let until_now = live.deadline.filter(|until| until.why != ConferenceEnd::NoMixer);
            let longest = || deadlines::conference_end(&hand.facts.room, live);
            let deadline = grace_end(hand.facts.now, grace, until_now.or_else(longest));
            if live.deadline != Some(deadline) {
                hand.set_deadline(Some(deadline));
            }
        }
        HostLeaves::Continue => {}
    }
}

/// The conference's end once its last host has left: the grace time, unless it would end sooner anyway.
fn grace_end(now: Timestamp, grace: Duration, until_now: Option<Deadline>) -> Deadline {
    let grace = Deadline { at: now.after(grace), why: ConferenceEnd::HostLeft };
    match until_now {
        Some(sooner) if sooner.at <= grace.at => sooner,
        Some(_) | None => grace,
    }
}

/// A host has entered: a grace time that runs is over, the longest conference holds again.
pub(super) fn host_is_in(hand: &mut RoomInHand<'_>) {
    let Some(live) = hand.facts.conference.as_ref() else {
        return;
    };
    if live.deadline.is_some_and(|deadline| deadline.why == ConferenceEnd::HostLeft) {
        let longest = deadlines::conference_end(&hand.facts.room, live);
        hand.set_deadline(longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grace_never_makes_a_conference_longer() {
        let too_long = |at| Some(Deadline { at: Timestamp(at), why: ConferenceEnd::TooLong });
        let grace = Duration::from_millis(100);
        assert_eq!(grace_end(Timestamp(0), grace, too_long(50)), too_long(50).unwrap());
        assert_eq!(grace_end(Timestamp(0), grace, too_long(500)).why, ConferenceEnd::HostLeft);
        assert_eq!(grace_end(Timestamp(0), grace, None).at, Timestamp(100));
    }
}
