//! Whose keys mean what: the server's map, and those of accounts that chose another.

use std::collections::BTreeMap;
use std::sync::Arc;

use partyline_conference::AccountId;

use super::map::KeyMap;
use super::presets::Preset;

/// The maps in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMaps {
    usual: Arc<KeyMap>,
    of_accounts: BTreeMap<AccountId, Arc<KeyMap>>,
}

impl KeyMaps {
    /// One map for everybody.
    #[must_use]
    pub fn new(usual: KeyMap) -> Self {
        Self { usual: Arc::new(usual), of_accounts: BTreeMap::new() }
    }

    /// Gives the rooms of an account a map of their own.
    #[must_use]
    pub fn with_account(mut self, account: AccountId, map: KeyMap) -> Self {
        self.of_accounts.insert(account, Arc::new(map));
        self
    }

    /// The map of who is in no room yet.
    #[must_use]
    pub fn usual(&self) -> Arc<KeyMap> {
        Arc::clone(&self.usual)
    }

    /// The map of the rooms of an account.
    #[must_use]
    pub fn of(&self, account: AccountId) -> Arc<KeyMap> {
        Arc::clone(self.of_accounts.get(&account).unwrap_or(&self.usual))
    }
}

impl Default for KeyMaps {
    fn default() -> Self {
        Self::new(Preset::default().map())
    }
}
