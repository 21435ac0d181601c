//! What all calls of a VRU share, whoever made them.

use std::sync::Arc;

use parking_lot::Mutex;
use partyline_engine::Engine;
use partyline_store::StoreReader;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::attempts::Attempts;
use crate::config::Config;
use crate::guard::Guard;
use crate::library::PromptLibrary;
use crate::locator::Locator;
use crate::names::Names;
use crate::proxies::{Mixers, Proxies};
use crate::sip::{Addressing, SipAddress};
use crate::sources::Sources;
use crate::trunks::Peers;

/// What all calls of a VRU share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) addresses: Vec<SipAddress>,
    pub(crate) addressing: Arc<Addressing>,
    pub(crate) locator: Locator,
    pub(crate) engine: Engine,
    pub(crate) store: Arc<dyn StoreReader>,
    pub(crate) library: PromptLibrary,
    pub(crate) names: Names,
    pub(crate) proxies: Proxies,
    pub(crate) mixers: Mixers,
    pub(crate) guard: Mutex<Guard>,
    pub(crate) peers: Peers,
    pub(crate) sources: Sources,
    pub(crate) attempts: Attempts,
    /// Told to every call when the VRU is stopped.
    pub(crate) goodbye: CancellationToken,
    /// Ends whatever is left of the VRU.
    pub(crate) closer: CancellationToken,
    /// Calls, and attendances that outlive them.
    pub(crate) tasks: TaskTracker,
    /// For as many calls as there may be.
    pub(crate) places: Arc<Semaphore>,
}
