//! Commands: by a host in the conference, or by the console.

use crate::attendance::LeaveReason;
use crate::code::Role;
use crate::command::{Command, CommandAnswer, CommandRefusal};
use crate::conference::ConferenceEnd;
use crate::ids::{AttendanceId, CommandId};

use super::in_hand::RoomInHand;

/// Carries a command out, or refuses it. Its target is absolute: what is so already is a success that changes nothing.
pub(super) fn command(hand: &mut RoomInHand<'_>, id: CommandId, by: Option<AttendanceId>, command: Command) {
    if hand.has_answered(id) {
        return;
    }
    let answer = right_to_command(hand, by);
    if answer.is_ok() {
        carry_out(hand, command);
    }
    hand.answer(id, by, command, answer);
}

fn right_to_command(hand: &RoomInHand<'_>, by: Option<AttendanceId>) -> CommandAnswer {
    if hand.facts.conference.is_none() {
        return Err(CommandRefusal::NoConference);
    }
    let Some(by) = by else {
        return Ok(());
    };
    if hand.seat_of(by).is_none() {
        return Err(CommandRefusal::NoConference);
    }
    match hand.known(by).map(|known| known.role) {
        Some(Role::Host) => Ok(()),
        Some(Role::Participant) | None => Err(CommandRefusal::NotAllowed),
    }
}

fn carry_out(hand: &mut RoomInHand<'_>, command: Command) {
    match command {
        Command::SetLock { locked } => {
            if hand.facts.conference.as_ref().is_some_and(|live| live.is_locked != locked) {
                hand.set_lock(locked);
            }
        }
        Command::End => hand.end_conference(ConferenceEnd::Ended, LeaveReason::ConferenceEnded),
    }
}
