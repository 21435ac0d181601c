//! Presence: *placed* → *joined* → *absent*.

use std::time::Duration;

use crate::attendance::AttendanceState;
use crate::conference::ConfereeState;
use crate::ids::{AttendanceId, Epoch, Generation, MixId};

use super::in_hand::RoomInHand;
use super::{failover, outdial};

/// Placed and not joined within this leaves as "never joined". Long enough for a VRU that had to attend again,
/// short enough that a dead call does not keep the last seat.
pub const JOIN_MAX: Duration = Duration::from_secs(5);

/// A conferee (or a waiting caller) whose VRU is lost leaves after this. Long enough for a VRU's network to heal.
pub const ABSENCE_MAX: Duration = Duration::from_secs(30);

/// A VRU says that the caller's audio is up. In a lobby nothing follows; in an older placement it does not count.
pub(super) fn joined(
    hand: &mut RoomInHand<'_>,
    attendance: AttendanceId,
    generation: Generation,
    joined: (MixId, Epoch),
) {
    let is_newest = hand.known(attendance).is_some_and(|known| known.generation == generation);
    let is_in_place =
        hand.facts.conference.as_ref().is_some_and(|live| (live.mix.mix, live.mix.epoch) == joined);
    let is_aside = hand.facts.outdials.iter().any(|outdial| {
        outdial.asker == attendance && outdial.mix.as_ref().is_some_and(|mix| (mix.mix, mix.epoch) == joined)
    });
    if !is_newest || !(is_in_place || is_aside) {
        return;
    }
    if is_in_place {
        failover::is_carried(hand);
    }
    match hand.seat_of(attendance) {
        // Who was thought lost and says this is there.
        Some(ConfereeState::Placed | ConfereeState::Absent) => hand.join(attendance),
        Some(ConfereeState::Joined) | None => {}
    }
}

/// The caller's VRU has lost its lease. A conferee is absent: order and role are kept, and the host-leaves policy
/// waits until they leave. Who waits has nothing to keep but their place: their wait is cut short.
pub(super) fn vru_lost(hand: &mut RoomInHand<'_>, attendance: AttendanceId) {
    outdial::vru_lost(hand, attendance);
    let Some(known) = hand.known(attendance) else {
        return;
    };
    let (state, deadline) = (known.state, known.deadline);
    let gone_by = hand.facts.now.after(ABSENCE_MAX);
    match state {
        AttendanceState::Waiting(kind) => {
            if deadline.is_none_or(|deadline| deadline > gone_by) {
                hand.wait(attendance, kind, Some(gone_by));
            }
        }
        AttendanceState::Seated { .. } => match hand.seat_of(attendance) {
            Some(ConfereeState::Placed | ConfereeState::Joined) => hand.absent(attendance, gone_by),
            Some(ConfereeState::Absent) | None => {}
        },
        AttendanceState::Refused(_) | AttendanceState::Left(_) => {}
    }
}
