//! The lock: whom it keeps out.

use crate::code::Role;
use crate::room::LockScope;
use crate::snapshot::RoomSnapshot;

/// Whether the lock keeps a newcomer of this role out. Who resumes is not asked.
pub(super) fn keeps_out(facts: &RoomSnapshot, role: Role) -> bool {
    facts.conference.as_ref().is_some_and(|live| live.is_locked) && is_shut_to(role, facts.room.lock)
}

const fn is_shut_to(role: Role, scope: LockScope) -> bool {
    match (scope, role) {
        (LockScope::All, _) | (LockScope::AllButHosts, Role::Participant) => true,
        (LockScope::AllButHosts, Role::Host) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_shuts_out_participants_and_hosts_only_where_it_is_for_all() {
        assert!(is_shut_to(Role::Participant, LockScope::All));
        assert!(is_shut_to(Role::Participant, LockScope::AllButHosts));
        assert!(is_shut_to(Role::Host, LockScope::All));
        assert!(!is_shut_to(Role::Host, LockScope::AllButHosts));
    }
}
