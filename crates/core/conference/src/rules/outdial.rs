//! Outdials: who may have whom called, and what becomes of a callee and of who had them called.
//!
//! **Invariant:** an outdial ends with whoever of the two leaves, with the conference and with its time, and with it
//! ends the mix of the two: nobody is left in private with nobody.

use crate::attendance::{AttendanceState, LeaveReason, WaitingKind};
use crate::code::Role;
use crate::command::{CommandAnswer, CommandRefusal};
use crate::conference::{ConfereeState, MixKind};
use crate::dialling::{DialOutRules, DialTarget, DiallingHosts, NumberFault};
use crate::ids::{AttendanceId, CommandId, MixerId};
use crate::outdial::{Outdial, OutdialEnd, OutdialKind, OutdialState};
use crate::snapshot::RoomSnapshot;

use super::command::Commander;
use super::in_hand::{Hello, RoomInHand};
use super::{capacity, failover, leaving, placement, presence};

/// Longer than any trunk has a callee rung: the VRU says how it ended long before, unless it is no more.
pub const DIALLING_MAX: std::time::Duration = std::time::Duration::from_secs(5 * 60);

/// A host has somebody called in.
pub(super) fn dial_out(
    hand: &mut RoomInHand<'_>,
    id: CommandId,
    by: Commander,
    to: &DialTarget,
) -> CommandAnswer {
    let asker = by.conferee()?;
    match refusal_of_number(&hand.facts, to) {
        None => start(hand, id, asker, OutdialKind::Callee, to.clone()),
        Some(refusal) => Err(refusal),
    }
}

/// What speaks against calling this number from this room, but for the caller's own part.
fn refusal_of_number(facts: &RoomSnapshot, to: &DialTarget) -> Option<CommandRefusal> {
    let (room, rules) = (&facts.room, &facts.dial_out_rules);
    if !room.dial_out || to.is_address() {
        return Some(CommandRefusal::NotOffered);
    }
    if rules.hosts == DiallingHosts::Pin && !room.has_host_pin {
        return Some(CommandRefusal::NotVerified);
    }
    match rules.fault_of(to, &room.dial_out_prefixes) {
        Some(NumberFault::Emergency) => return Some(CommandRefusal::Emergency),
        Some(NumberFault::Denied) => return Some(CommandRefusal::NumberDenied),
        None => {}
    }
    let is_spent = rules.day_max.is_some_and(|most| facts.dial_out.spent >= most);
    if facts.dial_out.callees >= rules.account_max {
        return Some(CommandRefusal::TooManyCalled);
    }
    is_spent.then_some(CommandRefusal::TimeSpent)
}

/// The operator is called.
pub(super) fn call_operator(hand: &mut RoomInHand<'_>, id: CommandId, by: Commander) -> CommandAnswer {
    let asker = by.conferee()?;
    let operator = hand.facts.room.operator.as_ref().or(hand.facts.dial_out_rules.operator.as_ref());
    let to = operator.cloned().ok_or(CommandRefusal::NotOffered)?;
    start(hand, id, asker, OutdialKind::Operator, to)
}

fn start(
    hand: &mut RoomInHand<'_>,
    id: CommandId,
    asker: AttendanceId,
    kind: OutdialKind,
    to: DialTarget,
) -> CommandAnswer {
    let facts = &hand.facts;
    if facts.outdials.iter().any(|outdial| outdial.asker == asker && outdial.is_pending()) {
        return Err(CommandRefusal::CallsAlready);
    }
    let called = facts.outdials.iter().filter(|outdial| outdial.kind == kind).count();
    if called >= most_of(kind, &facts.dial_out_rules) as usize {
        return Err(CommandRefusal::TooManyCalled);
    }
    if capacity::is_full_for(Role::Participant, facts) || capacity::is_account_full(facts.account) {
        return Err(CommandRefusal::Full);
    }
    let until = facts.now.after(DIALLING_MAX);
    hand.start_outdial(AttendanceId::from_bits(id.bits()), asker, kind, to, until);
    Ok(())
}

const fn most_of(kind: OutdialKind, rules: &DialOutRules) -> u32 {
    match kind {
        OutdialKind::Callee => rules.conference_max,
        OutdialKind::Operator => rules.operators_max,
    }
}

/// A callee has answered. They talk in private with who had them called; an operator whom a host called is in the
/// conference at once. Whom nobody wants any more is known to have left.
pub(super) fn answered(hand: &mut RoomInHand<'_>, hello: &Hello<'_>, has_left: Option<LeaveReason>) {
    if let Some(known) = hand.known(hello.attendance) {
        if !known.state.is_over() && hello.generation > known.generation {
            resume(hand, hello, known.state);
        }
        return;
    }
    let wanted = find(&hand.facts, hello.attendance).cloned();
    let Some(outdial) = wanted.filter(|outdial| outdial.state == OutdialState::Dialling) else {
        return hand.arrive_gone(hello, has_left.unwrap_or(LeaveReason::LetGo));
    };
    let end = if has_left.is_some() {
        Some(OutdialEnd::CalleeLeft)
    } else if capacity::is_full_for(Role::Participant, &hand.facts)
        || capacity::is_account_full(hand.facts.account)
    {
        Some(OutdialEnd::Full)
    } else if is_for_all(hand, &outdial) {
        enter_at_once(hand, hello).err()
    } else {
        talk_aside(hand, hello).err()
    };
    if let Some(why) = end {
        hand.arrive_gone(hello, has_left.unwrap_or(why.leave_reason()));
        hand.end_outdial(hello.attendance, why);
    }
}

fn resume(hand: &mut RoomInHand<'_>, hello: &Hello<'_>, state: AttendanceState) {
    hand.reattend(hello);
    if matches!(state, AttendanceState::Seated { state: ConfereeState::Absent, .. }) {
        let deadline = hand.facts.now.after(presence::JOIN_MAX);
        hand.bring_back(hello.attendance, deadline);
    }
}

/// Whether the callee is wanted by all, and talks with nobody in private first.
fn is_for_all(hand: &RoomInHand<'_>, outdial: &Outdial) -> bool {
    let asker = hand.known(outdial.asker).map(|known| known.role);
    outdial.kind == OutdialKind::Operator && asker == Some(Role::Host)
}

fn talk_aside(hand: &mut RoomInHand<'_>, hello: &Hello<'_>) -> Result<(), OutdialEnd> {
    let place = placement::place_for_side(&hand.facts).ok_or(OutdialEnd::NoMixer)?;
    hand.arrive_aside(hello);
    let until = hand.facts.now.after(hand.facts.dial_out_rules.call_max);
    hand.open_side(hello.attendance, &place, until);
    Ok(())
}

fn enter_at_once(hand: &mut RoomInHand<'_>, hello: &Hello<'_>) -> Result<(), OutdialEnd> {
    failover::look_again(hand);
    if failover::is_waiting(&hand.facts) {
        return Err(OutdialEnd::NoMixer);
    }
    placement::make_room_in(hand, MixKind::Conference).map_err(|_| OutdialEnd::NoMixer)?;
    let until = hand.facts.now.after(hand.facts.dial_out_rules.call_max);
    hand.arrive_aside(hello);
    hand.give_seat(hello.attendance, Role::Participant, hand.facts.now.after(presence::JOIN_MAX));
    hand.join_outdial(hello.attendance, until);
    Ok(())
}

/// The callee is brought into the conference: no lock keeps them, the room's size and its mixer's seats do.
pub(super) fn join(hand: &mut RoomInHand<'_>, by: Commander, callee: AttendanceId) -> CommandAnswer {
    let outdial = of_commander(&hand.facts, by, callee)?;
    match outdial.state {
        OutdialState::Joined => return Ok(()),
        OutdialState::Dialling => return Err(CommandRefusal::NotAnswered),
        OutdialState::Aside => {}
    }
    let until = outdial.until;
    failover::look_again(hand);
    if failover::is_waiting(&hand.facts) || !capacity::has_seat_for_who_waits(&hand.facts) {
        return Err(CommandRefusal::Full);
    }
    placement::make_room_in(hand, MixKind::Conference).map_err(|_| CommandRefusal::Full)?;
    hand.give_seat(callee, Role::Participant, hand.facts.now.after(presence::JOIN_MAX));
    hand.join_outdial(callee, until);
    Ok(())
}

/// The callee is let go, or called no longer. Who is in the conference is a conferee like others.
pub(super) fn drop_callee(
    hand: &mut RoomInHand<'_>,
    by: Commander,
    callee: AttendanceId,
    why: OutdialEnd,
) -> CommandAnswer {
    let outdial = of_commander(&hand.facts, by, callee)?;
    if !outdial.is_pending() {
        return Err(CommandRefusal::NotThere);
    }
    end(hand, callee, if why.is_for_asker() { why } else { OutdialEnd::Dropped });
    Ok(())
}

fn of_commander(
    facts: &RoomSnapshot,
    by: Commander,
    callee: AttendanceId,
) -> Result<&Outdial, CommandRefusal> {
    let asker = by.conferee()?;
    find(facts, callee).filter(|outdial| outdial.asker == asker).ok_or(CommandRefusal::NotThere)
}

fn find(facts: &RoomSnapshot, callee: AttendanceId) -> Option<&Outdial> {
    facts.outdials.iter().find(|outdial| outdial.callee == callee)
}

/// Ends an outdial whose callee is not in the conference; who has answered leaves.
pub(super) fn end(hand: &mut RoomInHand<'_>, callee: AttendanceId, why: OutdialEnd) {
    end_by(hand, callee, why, why.leave_reason());
}

fn end_by(hand: &mut RoomInHand<'_>, callee: AttendanceId, why: OutdialEnd, reason: LeaveReason) {
    let is_aside = find(&hand.facts, callee).is_some_and(|outdial| outdial.state == OutdialState::Aside);
    if is_aside {
        hand.leave_aside(callee, reason);
    }
    hand.end_outdial(callee, why);
}

/// A callee leaves who talks in private.
pub(super) fn callee_leaves(hand: &mut RoomInHand<'_>, callee: AttendanceId, reason: LeaveReason) {
    end_by(hand, callee, OutdialEnd::CalleeLeft, reason);
}

/// Somebody is about to leave their seat in the conference: what they had begun is over, and so is what had brought
/// them in.
pub(super) fn seat_is_left(hand: &mut RoomInHand<'_>, who: AttendanceId) {
    let of = |outdial: &&Outdial| {
        (outdial.asker == who && outdial.is_pending()) || (outdial.callee == who && !outdial.is_pending())
    };
    let over: Vec<AttendanceId> =
        hand.facts.outdials.iter().filter(of).map(|outdial| outdial.callee).collect();
    for callee in over {
        end(hand, callee, if callee == who { OutdialEnd::CalleeLeft } else { OutdialEnd::AskerLeft });
    }
}

/// The VRU of somebody is lost. A talk in private does not wait for it to come back.
pub(super) fn vru_lost(hand: &mut RoomInHand<'_>, who: AttendanceId) {
    let of = |outdial: &&Outdial| outdial.is_pending() && [outdial.asker, outdial.callee].contains(&who);
    let over: Vec<AttendanceId> =
        hand.facts.outdials.iter().filter(of).map(|outdial| outdial.callee).collect();
    for callee in over {
        end(hand, callee, OutdialEnd::VruLost);
    }
}

/// A mixer can't carry what it carried: talks in private go to another one, or are over.
pub(super) fn mixer_lost(hand: &mut RoomInHand<'_>, mixer: &MixerId) {
    let mixes = hand.facts.outdials.iter().filter_map(|outdial| Some((outdial.callee, outdial.mix.clone()?)));
    let lost: Vec<_> = mixes.filter(|(_, mix)| mix.mixer == *mixer).collect();
    for (callee, mix) in lost {
        match placement::place_for_move(&hand.facts, &mix, mix.reserved) {
            Some(place) => hand.move_side(callee, place),
            None => end(hand, callee, OutdialEnd::NoMixer),
        }
    }
}

/// What has lasted too long is over.
pub(super) fn tick(hand: &mut RoomInHand<'_>) {
    let now = hand.facts.now;
    let due = hand.facts.outdials.iter().filter(|outdial| outdial.until <= now);
    let due: Vec<(AttendanceId, OutdialState)> = due.map(|outdial| (outdial.callee, outdial.state)).collect();
    for (callee, state) in due {
        match state {
            OutdialState::Dialling => end(hand, callee, OutdialEnd::NoAnswer),
            OutdialState::Aside => end(hand, callee, OutdialEnd::TooLong),
            OutdialState::Joined => {
                // Their seat says it first, so that the outdial's end says why.
                hand.end_outdial(callee, OutdialEnd::TooLong);
                leaving::leave(hand, callee, LeaveReason::CallTooLong);
            }
        }
    }
}

/// Whether somebody waits in a way that ends with an outdial.
pub(super) const fn is_aside(state: AttendanceState) -> bool {
    matches!(state, AttendanceState::Waiting(WaitingKind::Aside))
}
