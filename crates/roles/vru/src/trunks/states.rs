//! How the registrations of trunks stand.

use std::collections::HashMap;
use std::net::IpAddr;

use parking_lot::Mutex;
use partyline_conference::TrunkName;
use tracing::{info, warn};

/// How a registration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationState {
    /// It is asked for.
    Asking,
    /// The registrar knows us, and its calls come from this address.
    Registered(IpAddr),
    /// The registrar is not found.
    NotFound,
    /// It was refused by this status, or nobody answered. It is tried again.
    Failed(Option<u16>),
}

impl std::fmt::Display for RegistrationState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Asking => f.write_str("asking"),
            Self::Registered(_) => f.write_str("registered"),
            Self::NotFound => f.write_str("not found"),
            Self::Failed(Some(status)) => write!(f, "refused with {status}"),
            Self::Failed(None) => f.write_str("no answer"),
        }
    }
}

/// How all registrations stand, by trunk.
#[derive(Debug, Default)]
pub(crate) struct States(Mutex<HashMap<TrunkName, RegistrationState>>);

impl States {
    pub(crate) fn of(&self, name: &TrunkName) -> Option<RegistrationState> {
        self.0.lock().get(name).copied()
    }

    /// The trunk whose registrar has this address.
    pub(crate) fn at(&self, address: IpAddr) -> Option<TrunkName> {
        let address = address.to_canonical();
        let states = self.0.lock();
        let found = states.iter().find(|(_, state)| **state == RegistrationState::Registered(address));
        found.map(|(name, _)| name.clone())
    }

    pub(crate) fn set(&self, name: &TrunkName, state: Option<RegistrationState>) {
        let is_registered = matches!(state, Some(RegistrationState::Registered(_)));
        let before = match state {
            Some(state) => self.0.lock().insert(name.clone(), state),
            None => self.0.lock().remove(name),
        };
        if before != state {
            match state {
                Some(state @ (RegistrationState::NotFound | RegistrationState::Failed(_))) => {
                    warn!(trunk = %name, %state, "not registered");
                }
                Some(state) => info!(trunk = %name, %state, "registration"),
                None => info!(trunk = %name, "the registration is over"),
            }
        }
        metrics::gauge!("partyline_vru_trunk_registered", "trunk" => name.to_string())
            .set(f64::from(u8::from(is_registered)));
    }
}
