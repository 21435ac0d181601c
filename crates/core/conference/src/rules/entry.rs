//! Entry: who goes where.

use crate::attendance::{AttendanceState, LeaveReason, WaitingKind};
use crate::code::Role;
use crate::conference::{ConfereeState, MixKind};
use crate::refusal::Refusal;
use crate::room::EntryPolicy;
use crate::snapshot::RoomSnapshot;

use super::in_hand::{Hello, RoomInHand};
use super::{capacity, deadlines, failover, leaving, lobby, lock, placement, presence, waiting_room};

/// Where a newcomer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Into the live conference.
    Enter,
    /// Into a new conference, together with all who wait.
    Create,
    /// On hold until a host comes.
    Hold,
    /// To the other early callers until a host comes.
    Converse,
    /// Into the waiting room.
    Knock,
}

/// The table of who goes where, once nothing speaks against letting them in.
const fn way(role: Role, has_conference: bool, policy: EntryPolicy, has_waiting_room: bool) -> Way {
    match (role, has_conference, policy) {
        (Role::Participant, _, _) if has_waiting_room => Way::Knock,
        (_, true, _) => Way::Enter,
        (Role::Host, false, _) | (Role::Participant, false, EntryPolicy::Start) => Way::Create,
        (Role::Participant, false, EntryPolicy::Hold) => Way::Hold,
        (Role::Participant, false, EntryPolicy::Converse) => Way::Converse,
    }
}

/// What speaks against letting a newcomer in, before a mixer is looked for.
fn refusal_at_the_door(facts: &RoomSnapshot, hello: &Hello<'_>) -> Option<Refusal> {
    if was_deleted(facts, hello) {
        return Some(Refusal::Deleted);
    }
    if lock::keeps_out(facts, hello.role) {
        return Some(Refusal::Locked);
    }
    if capacity::is_full_for(hello.role, facts) {
        return Some(Refusal::Full);
    }
    capacity::is_account_full(facts.account).then_some(Refusal::AccountLimit)
}

/// Whether a host has deleted somebody of the caller's number from the live conference, and the room keeps those out.
/// Who has a host's code comes in: a host is never kept out by somebody of the same switchboard.
fn was_deleted(facts: &RoomSnapshot, hello: &Hello<'_>) -> bool {
    facts.room.deleted_stay_out
        && hello.role == Role::Participant
        && facts.past.get(&hello.caller.number).is_some_and(|past| past.was_deleted)
}

/// A caller attends: a newcomer is let in, held or refused; who is known resumes.
pub(super) fn attend(hand: &mut RoomInHand<'_>, hello: &Hello<'_>) {
    if hand.facts.attendances.contains_key(&hello.attendance) {
        return resume(hand, hello);
    }
    let room = &hand.facts.room;
    let let_in = match refusal_at_the_door(&hand.facts, hello) {
        Some(refusal) => Err(refusal),
        None => match way(hello.role, hand.facts.conference.is_some(), room.entry, room.waiting_room) {
            Way::Enter => enter(hand, hello),
            Way::Create => create(hand, hello),
            Way::Hold => {
                let deadline = deadlines::wait_end(&hand.facts.room, hand.facts.now);
                hand.arrive_waiting(hello, WaitingKind::Held, deadline);
                Ok(())
            }
            Way::Converse => lobby::connect(hand, hello),
            Way::Knock => {
                waiting_room::knock(hand, hello);
                Ok(())
            }
        },
    };
    if let Err(refusal) = let_in {
        hand.arrive_refused(hello, refusal);
    }
}

/// A caller attends who is gone by now: a newcomer takes no seat and spends no order.
pub(super) fn attend_and_leave(hand: &mut RoomInHand<'_>, hello: &Hello<'_>, reason: LeaveReason) {
    if hand.facts.attendances.contains_key(&hello.attendance) {
        resume(hand, hello);
    } else {
        hand.arrive_gone(hello, reason);
    }
}

/// A known caller attends again after a broken stream. Neither lock nor limits are asked; the role stays.
fn resume(hand: &mut RoomInHand<'_>, hello: &Hello<'_>) {
    let Some(known) = hand.known(hello.attendance) else {
        return;
    };
    if known.state.is_over() || hello.generation <= known.generation {
        return;
    }
    let (state, deadline, arrived_at) = (known.state, known.deadline, known.arrived_at);
    hand.reattend(hello);
    match state {
        AttendanceState::Waiting(kind) => {
            // The loss of the VRU had cut the wait short.
            let whole = deadlines::wait_end(&hand.facts.room, arrived_at);
            if deadline.is_some_and(|cut| cut < whole) {
                hand.wait(hello.attendance, kind, Some(whole));
            }
        }
        AttendanceState::Seated { state: ConfereeState::Absent, .. } => {
            let deadline = hand.facts.now.after(presence::JOIN_MAX);
            hand.bring_back(hello.attendance, deadline);
        }
        AttendanceState::Seated { .. } | AttendanceState::Refused(_) | AttendanceState::Left(_) => {}
    }
}

fn enter(hand: &mut RoomInHand<'_>, hello: &Hello<'_>) -> Result<(), Refusal> {
    failover::look_again(hand);
    if failover::is_waiting(&hand.facts) {
        return Err(Refusal::NoMixer);
    }
    placement::make_room_in(hand, MixKind::Conference)?;
    hand.arrive_seated(hello, hand.facts.now.after(presence::JOIN_MAX));
    if hello.role == Role::Host {
        leaving::host_is_in(hand);
    }
    Ok(())
}

/// Creates the conference. Its creator has the first order, who waits follows in order of arrival; who no longer
/// fits is told so. The lobby closes first, so that its seats can be had again, on the same mixer if they fit.
fn create(hand: &mut RoomInHand<'_>, hello: &Hello<'_>) -> Result<(), Refusal> {
    // With a waiting room nobody comes in with the host.
    let keeps_waiting = hand.facts.room.waiting_room;
    let waiting = if keeps_waiting { Vec::new() } else { hand.facts.waiting.clone() };
    let fitting = capacity::fitting(hello.role, &waiting, hand.facts.room.conferees_max);
    let wanted = 1 + u32::try_from(fitting).unwrap_or(u32::MAX - 1);
    let place = placement::place_for_conference(&hand.facts, wanted).ok_or(Refusal::NoMixer)?;

    hand.close_lobby();
    if keeps_waiting {
        waiting_room::hold_all(hand);
    }
    let deadline = deadlines::new_conference_end(&hand.facts.room, hand.facts.now);
    hand.create_conference(hello.role, &place, deadline);

    let join_by = hand.facts.now.after(presence::JOIN_MAX);
    hand.arrive_seated(hello, join_by);
    for (nth, caller) in waiting.iter().enumerate() {
        let has_seat = u32::try_from(nth + 1).is_ok_and(|taken| taken < place.seats);
        match (nth < fitting, has_seat) {
            (true, true) => hand.give_seat(caller.attendance, caller.role, join_by),
            (true, false) => hand.refuse_waiting(caller.attendance, Refusal::NoMixer),
            (false, _) => hand.refuse_waiting(caller.attendance, Refusal::Full),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_room_keeps_participants_and_no_host() {
        for policy in [EntryPolicy::Start, EntryPolicy::Hold, EntryPolicy::Converse] {
            for has_conference in [false, true] {
                assert_eq!(way(Role::Participant, has_conference, policy, true), Way::Knock);
            }
            assert_eq!(way(Role::Host, true, policy, true), Way::Enter);
            assert_eq!(way(Role::Host, false, policy, true), Way::Create);
        }
    }

    #[test]
    fn whoever_finds_a_conference_enters_it() {
        for role in [Role::Host, Role::Participant] {
            for policy in [EntryPolicy::Start, EntryPolicy::Hold, EntryPolicy::Converse] {
                assert_eq!(way(role, true, policy, false), Way::Enter);
            }
        }
    }

    #[test]
    fn without_a_conference_a_host_makes_one_and_a_participant_does_as_the_room_says() {
        for policy in [EntryPolicy::Start, EntryPolicy::Hold, EntryPolicy::Converse] {
            assert_eq!(way(Role::Host, false, policy, false), Way::Create);
        }
        assert_eq!(way(Role::Participant, false, EntryPolicy::Start, false), Way::Create);
        assert_eq!(way(Role::Participant, false, EntryPolicy::Hold, false), Way::Hold);
        assert_eq!(way(Role::Participant, false, EntryPolicy::Converse, false), Way::Converse);
    }
}
