//! The lobby: early callers talk until a host comes. It has a mix of its own, no conference and no order.

use crate::attendance::WaitingKind;
use crate::conference::MixKind;
use crate::ids::AttendanceId;
use crate::refusal::Refusal;

use super::in_hand::{Hello, RoomInHand};
use super::{deadlines, placement};

/// Connects a newcomer with the other early callers; the first one opens the lobby.
pub(super) fn connect(hand: &mut RoomInHand<'_>, hello: &Hello<'_>) -> Result<(), Refusal> {
    if hand.facts.lobby.is_some() {
        placement::make_room_in(hand, MixKind::Lobby)?;
    } else {
        let place = placement::place_for_lobby(&hand.facts).ok_or(Refusal::NoMixer)?;
        hand.open_lobby(&place);
    }
    let deadline = deadlines::wait_end(&hand.facts.room, hand.facts.now);
    hand.arrive_waiting(hello, WaitingKind::Lobby, deadline);
    connect_held(hand);
    Ok(())
}

/// Who was held (the room's policy was another then, or their lobby's mixer died) talks with the rest, as far as
/// there are seats for them.
fn connect_held(hand: &mut RoomInHand<'_>) {
    let held: Vec<AttendanceId> = hand
        .facts
        .waiting
        .iter()
        .filter(|caller| caller.kind == WaitingKind::Held)
        .map(|caller| caller.attendance)
        .collect();
    for attendance in held {
        if placement::make_room_in(hand, MixKind::Lobby).is_err() {
            return;
        }
        change_kind(hand, attendance, WaitingKind::Lobby);
    }
}

/// The lobby has lost its mixer and gets no other: its callers are held.
pub(super) fn hold_all(hand: &mut RoomInHand<'_>) {
    hand.close_lobby();
    let talking: Vec<AttendanceId> = hand
        .facts
        .waiting
        .iter()
        .filter(|caller| caller.kind == WaitingKind::Lobby)
        .map(|caller| caller.attendance)
        .collect();
    for attendance in talking {
        change_kind(hand, attendance, WaitingKind::Held);
    }
}

/// Closes the lobby when the last early caller has left it.
pub(super) fn close_if_empty(hand: &mut RoomInHand<'_>) {
    if hand.facts.lobby.is_some() && placement::in_lobby(&hand.facts) == 0 {
        hand.close_lobby();
    }
}

/// Whoever waits does so in another way; their longest wait holds on.
pub(super) fn change_kind(hand: &mut RoomInHand<'_>, attendance: AttendanceId, kind: WaitingKind) {
    let waiting = hand.facts.waiting.iter().find(|caller| caller.attendance == attendance);
    if let Some(deadline) = waiting.map(|caller| caller.deadline) {
        hand.wait(attendance, kind, deadline);
    }
}
