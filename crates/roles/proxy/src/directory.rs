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
/// While no server of a service was seen to renew for this long, it is the store that takes no writes, and none of them
/// is judged. Two renewals; it must stay far under a lease's term.
const STILL_MAX: Duration = Duration::from_secs(2);
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
    pub(crate) async fn read(&self, watches: &mut Watches, now: Instant) {
        for service in services::ALL {
            let watch = watches
                .entry(service)
                .or_insert_with(|| LeaseWatch::new(LeaseWatch::<InterfaceServerId>::TERM));
            if let Err(error) = self.read_service(service, watch, now).await {
                tracing::warn!(service, %error, "interface servers' leases can't be read");
                watch.store_failed();
            }
        }
    }

    async fn read_service(
        &self,
        service: &'static str,
        watch: &mut LeaseWatch<InterfaceServerId>,
        now: Instant,
    ) -> Result<(), StoreError> {
        let leases = self.store.interface_servers(&services::name(service)).await?;
        let mut dead = watch.observe(now, leases.iter().map(|lease| (lease.id.clone(), lease.counter)));
        if !watch.has_moved_within(now, STILL_MAX) {
            dead.clear();
        }
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
                () = tokio::time::sleep(POLL) => self.read(&mut watches, Instant::now()).await,
                () = stopping.cancelled() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use partyline_store::{LookupKey, LookupKeys, SqlStore, Store};

    use super::*;

    const LONG: Duration = Duration::from_secs(6);

    async fn renew(store: &SqlStore, name: &str, counter: u64) {
        let lease = InterfaceServerLease {
            id: InterfaceServerId::new(name).unwrap(),
            service: services::name(services::CONFERENCING),
            address: format!("mem:{name}"),
            counter,
        };
        store.renew_interface_server(&lease).await.unwrap();
    }

    #[tokio::test]
    async fn a_server_that_stands_still_is_left_out_only_while_another_moves() {
        let directory = tempfile::tempdir().unwrap();
        let keys = LookupKeys::new(vec![LookupKey::new("k1", [1; 32])]).unwrap();
        let store = SqlStore::open(&directory.path().join("store.db"), keys).await.unwrap();
        let reader: Arc<dyn StoreReader> = Arc::clone(&store) as Arc<dyn StoreReader>;
        let directory = Directory::new(Network::new(), reader);
        let (mut watches, start) = (Watches::new(), Instant::now());
        let count = || directory.servers(services::CONFERENCING).unwrap().len();
        renew(&store, "a", 1).await;
        renew(&store, "b", 1).await;

        directory.read(&mut watches, start).await;
        directory.read(&mut watches, start + LONG).await;
        assert_eq!(count(), 2, "the store stands still");
        renew(&store, "b", 2).await;
        directory.read(&mut watches, start + 2 * LONG).await;
        assert_eq!(count(), 1, "a is dead");
    }
}
