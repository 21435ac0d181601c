//! Capacity: who still fits into a room and an account.
//!
//! One seat is always kept for a host: participants never take the last one. Who waits counts towards the limit.

use crate::account::AccountUse;
use crate::attendance::Waiting;
use crate::code::Role;
use crate::snapshot::RoomSnapshot;

/// Whether the room has no seat left for this role.
pub(super) fn is_full_for(role: Role, facts: &RoomSnapshot) -> bool {
    let max = facts.room.conferees_max;
    let (seated, hosts) = facts.conference.as_ref().map_or((0, 0), |live| (live.seated, live.hosts_seated));
    let waiting = u32::try_from(facts.waiting.len()).unwrap_or(u32::MAX);
    match role {
        // A host comes before whoever waits.
        Role::Host => seated >= max,
        Role::Participant => {
            seated.saturating_add(waiting) >= max
                || participants_left(max, seated - hosts.min(seated)) <= waiting
        }
    }
}

/// Whether there is a seat for a participant who waits, and is counted already.
pub(super) fn has_seat_for_who_waits(facts: &RoomSnapshot) -> bool {
    facts.conference.as_ref().is_some_and(|live| {
        let participants = live.seated.saturating_sub(live.hosts_seated);
        live.seated < facts.room.conferees_max
            && participants_left(facts.room.conferees_max, participants) > 0
    })
}

/// Seats that participants may still take of those that are theirs.
const fn participants_left(max: u32, participants: u32) -> u32 {
    max.saturating_sub(1).saturating_sub(participants)
}

/// How many of those who wait, by arrival, get a seat beside the conference's creator.
pub(super) fn fitting(creator: Role, waiting: &[Waiting], max: u32) -> usize {
    let taken = match creator {
        Role::Host => 0,
        Role::Participant => 1,
    };
    let seats = participants_left(max, taken) as usize;
    waiting.len().min(seats)
}

/// Whether the account takes no further caller.
pub(super) fn is_account_full(account: AccountUse) -> bool {
    account.callers_max.is_some_and(|max| account.callers >= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn participants_leave_one_seat_for_a_host() {
        assert_eq!(participants_left(3, 0), 2);
        assert_eq!(participants_left(3, 2), 0);
        assert_eq!(participants_left(1, 0), 0);
        assert_eq!(participants_left(0, 0), 0);
    }

    #[test]
    fn an_account_without_a_limit_is_never_full() {
        assert!(!is_account_full(AccountUse { callers: u32::MAX, callers_max: None }));
        assert!(!is_account_full(AccountUse { callers: 4, callers_max: Some(5) }));
        assert!(is_account_full(AccountUse { callers: 5, callers_max: Some(5) }));
    }
}
