//! The waiting room: participants wait until a host admits each of them, also while a conference is live.

use crate::attendance::{AttendanceState, LeaveReason, WaitingKind};
use crate::command::{CommandAnswer, CommandRefusal};
use crate::conference::MixKind;
use crate::ids::AttendanceId;

use super::in_hand::{Hello, RoomInHand};
use super::{capacity, deadlines, failover, leaving, lobby, placement, presence};

/// A newcomer waits for admission.
pub(super) fn knock(hand: &mut RoomInHand<'_>, hello: &Hello<'_>) {
    let deadline = deadlines::wait_end(&hand.facts.room, hand.facts.now);
    hand.arrive_waiting(hello, WaitingKind::WaitingRoom, deadline);
}

/// Whoever waits in another way waits for admission from now on.
pub(super) fn hold_all(hand: &mut RoomInHand<'_>) {
    let others: Vec<AttendanceId> = hand
        .facts
        .waiting
        .iter()
        .filter(|caller| caller.kind != WaitingKind::WaitingRoom)
        .map(|caller| caller.attendance)
        .collect();
    for attendance in others {
        lobby::change_kind(hand, attendance, WaitingKind::WaitingRoom);
    }
}

/// Lets somebody in. Neither lock nor waiting room keeps them; the room's size and its mixer's seats do.
pub(super) fn admit(hand: &mut RoomInHand<'_>, attendance: AttendanceId) -> CommandAnswer {
    let role = waits(hand, attendance).ok_or(CommandRefusal::NotThere)?;
    failover::look_again(hand);
    if failover::is_waiting(&hand.facts) || !capacity::has_seat_for_who_waits(&hand.facts) {
        return Err(CommandRefusal::Full);
    }
    placement::make_room_in(hand, MixKind::Conference).map_err(|_| CommandRefusal::Full)?;
    hand.give_seat(attendance, role, hand.facts.now.after(presence::JOIN_MAX));
    Ok(())
}

/// Sends somebody away.
pub(super) fn turn_away(hand: &mut RoomInHand<'_>, attendance: AttendanceId) -> CommandAnswer {
    waits(hand, attendance).ok_or(CommandRefusal::NotThere)?;
    leaving::leave(hand, attendance, LeaveReason::TurnedAway);
    Ok(())
}

/// The role of who is in the waiting room.
fn waits(hand: &RoomInHand<'_>, attendance: AttendanceId) -> Option<crate::code::Role> {
    let known = hand.known(attendance)?;
    (known.state == AttendanceState::Waiting(WaitingKind::WaitingRoom)).then_some(known.role)
}
