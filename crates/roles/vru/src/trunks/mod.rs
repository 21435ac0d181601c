//! Trunks at work: which of them a call belongs to, and how they stand.
//!
//! The rules are those of `partyline-trunk`; here they meet the store, which tells of trunks made by command, the
//! clock, and the SIP endpoint.
//!
//! **Invariant:** a call is let in by the trunks as they were read last; a store that can't be read changes nothing.

mod gate;
mod load;
mod offer;
mod states;
mod watch;

use std::sync::Arc;

use parking_lot::Mutex;
use partyline_sip::auth::{Verifier, VerifierConfig};
use partyline_trunk::{REALM, Trunk, Trunks, UnknownSources};
use tokio::sync::watch as channel;

use crate::clock::now;
use crate::config::Config;
use crate::guard::Guard;
use crate::sources::Sources;
use load::Loads;

pub(crate) use gate::{Admitted, admit};
pub(crate) use load::LoadPlace;
pub(crate) use offer::preferred;
pub(crate) use states::States;

pub use states::RegistrationState;
pub use watch::{TrunkOrigin, TrunkStatus};

/// What the calls of a VRU share of trunks.
pub(crate) struct Peers {
    unknown_sources: UnknownSources,
    /// Those of the settings.
    fixed: Vec<Trunk>,
    /// Those of the settings and of the store, once the store was read or its time was up.
    pub(crate) current: channel::Sender<Known>,
    pub(crate) loads: Loads,
    pub(crate) registrations: States,
    verifier: Mutex<Verifier>,
    /// Counts wrong passwords; apart from wrong codes, as datagrams can come from forged addresses.
    guard: Mutex<Guard>,
    sources: Sources,
}

/// The trunks as they were read last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) trunks: Arc<Trunks>,
    /// Those of the store that were left out, and why.
    left_out: Arc<Vec<TrunkStatus>>,
    /// The store's version; `None` until it was read.
    version: Option<u64>,
    /// Whether the store was asked once, with or without an answer: calls wait for that, and no longer.
    is_settled: bool,
}

impl Peers {
    pub(crate) fn new(config: &Config, sources: Sources) -> Self {
        let mut trunks = Trunks::default();
        for trunk in &config.trunks {
            if let Err(clash) = trunks.add(trunk.clone()) {
                tracing::warn!(%clash, "a trunk of the settings is left out");
            }
        }
        let known = Known { trunks: Arc::new(trunks), ..Known::default() };
        let verifier =
            VerifierConfig { hashes: config.digests.clone(), ..VerifierConfig::new(REALM, rand::random()) };
        Self {
            unknown_sources: config.unknown_sources,
            fixed: config.trunks.clone(),
            current: channel::Sender::new(known),
            loads: Loads::default(),
            registrations: States::default(),
            verifier: Mutex::new(Verifier::new(now(), verifier)),
            guard: Mutex::new(Guard::new(config.guess_defence)),
            sources,
        }
    }

    /// The trunks as they were read last.
    pub(crate) fn trunks(&self) -> Arc<Trunks> {
        Arc::clone(&self.current.borrow().trunks)
    }
}
