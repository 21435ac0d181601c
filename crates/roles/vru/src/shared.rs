//! What all calls of a VRU share, whoever made them.

use std::sync::Arc;

use parking_lot::Mutex;
use partyline_engine::Engine;
use partyline_store::StoreReader;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
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

impl Shared {
    /// Runs a task until it ends or the VRU closes.
    pub(crate) fn spawn<F>(&self, task: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.spawn_on(task, &Handle::current())
    }

    /// The same, on the threads of another runtime.
    pub(crate) fn spawn_on<F>(&self, task: F, threads: &Handle) -> JoinHandle<Option<F::Output>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        // In a box, because what ends it early would hold the room of a task three times.
        self.tasks.spawn_on(self.closer.clone().run_until_cancelled_owned(Box::pin(task)), threads)
    }
}
