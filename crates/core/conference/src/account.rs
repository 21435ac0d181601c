//! Accounts: the owners of rooms.

use crate::ids::AccountId;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its identifier.
    pub id: AccountId,
    /// Its name, unique in the store.
    pub name: String,
    /// Most conferees at once over all its rooms; `None` where there is no limit.
    pub conferees_max: Option<u32>,
}

/// How much of its limit an account uses now, as a snapshot shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountUse {
    /// Callers who wait or sit in any of its rooms; 0 where there is no limit, as nobody counts them then.
    pub callers: u32,
    /// The limit; `None` where there is none.
    pub callers_max: Option<u32>,
}
