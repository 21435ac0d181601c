//! The directory: which interface servers each service has, from their leases in the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use partyline_conference::{InterfaceServerId, LeaseWatch};
use partyline_rpc::{Address, Network, services};
use partyline_store::{InterfaceServerLease, StoreError, StoreReader};
use tokio_util::sync::CancellationToken;

use crate::backend::Backend;

/// How often leases are read. It bounds how long a new server waits for its first request.
const POLL: Duration = Duration::from_millis(500);
/// Servers of one service; more leases than this are not servers of ours.
const SERVERS_MAX: usize = 256;

/// The live interface servers of each service.
pub(crate) struct Directory {
    network: Network,
    store: Arc<dyn StoreReader>,
    live: Mutex<BTreeMap<&'static str, Vec<Arc<Backend>>>>,
}

/// The watches over the leases of each service.
pub(crate) type Watches = BTreeMap<&'static str, LeaseWatch<InterfaceServerId>>;

impl Directory {
    pub(crate) fn new(network: Network, store: Arc<dyn StoreReader>) -> Self {
        Self { network, store, live: Mutex::default() }
    }

    /// The live servers of a service; `None` for a service that does not exist.
    pub(crate) fn servers(&self, service: &str) -> Option<Vec<Arc<Backend>>> {
        let known = services::ALL.into_iter().find(|known| *known == service)?;
        Some(self.live.lock().get(known).cloned().unwrap_or_default())
    }

    /// Reads the leases once. Where the store fails the servers stay as they were known, and nobody is judged.
    pub(crate) async fn read(&self, watches: &mut Watches) {
        for service in services::ALL {
            let watch = watches
                .entry(service)
                .or_insert_with(|| LeaseWatch::new(LeaseWatch::<InterfaceServerId>::TERM));
            if let Err(error) = self.read_service(service, watch).await {
                tracing::warn!(service, %error, "interface servers' leases can't be read");
                watch.store_failed();
            }
        }
    }

    async fn read_service(
        &self,
        service: &'static str,
        watch: &mut LeaseWatch<InterfaceServerId>,
    ) -> Result<(), StoreError> {
        let leases = self.store.interface_servers(&services::name(service)).await?;
        let dead =
            watch.observe(Instant::now(), leases.iter().map(|lease| (lease.id.clone(), lease.counter)));
        let mut live = self.live.lock();
        let known = live.remove(service).unwrap_or_default();
        let servers: Vec<_> = leases
            .into_iter()
            .filter(|lease| !dead.contains(&lease.id))
            .take(SERVERS_MAX)
            .filter_map(|lease| self.backend(&known, lease))
            .collect();
        metrics::gauge!("partyline_proxy_servers", "service" => service).set(servers.len() as f64);
        live.insert(service, servers);
        Ok(())
    }

    /// The server of a lease, with the connection and the counts that it has already.
    fn backend(&self, known: &[Arc<Backend>], lease: InterfaceServerLease) -> Option<Arc<Backend>> {
        let address: Address = match lease.address.parse() {
            Ok(address) => address,
            Err(error) => {
                tracing::warn!(server = %lease.id, %error, "a lease has no address that can be used");
                return None;
            }
        };
        let same = known.iter().find(|backend| backend.id == lease.id && backend.address == address);
        Some(same.cloned().unwrap_or_else(|| {
            tracing::info!(server = %lease.id, service = %lease.service, "an interface server is found");
            Arc::new(Backend::new(lease.id, address, self.network.clone()))
        }))
    }

    /// Reads the leases again and again.
    pub(crate) async fn follow(self: Arc<Self>, mut watches: Watches, stopping: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(POLL) => self.read(&mut watches).await,
                () = stopping.cancelled() => return,
            }
        }
    }
}
