//! Starting and stopping an interface server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use partyline_rpc::generated::conferencing::conferencing_server::ConferencingServer;
use partyline_rpc::generated::conferencing::leases_server::LeasesServer;
use partyline_rpc::limits::MESSAGE_BYTES_MAX;
use partyline_rpc::{ListenError, Network, RpcLog, Serving, TicketSigner, serve, services};
use partyline_store::{InterfaceServerLease, Store, StoreError};

use crate::clock;
use crate::config::Config;
use crate::office::Office;
use crate::services::{ConferencingService, LeasesService};
use crate::watches::Watches;

/// How long the tasks of a server that stops may take to end.
const TASKS_END_MAX: Duration = Duration::from_secs(2);

/// An interface server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It can't listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The data store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A running interface server.
pub struct InterfaceServer {
    office: Arc<Office>,
    serving: Serving,
    log: RpcLog,
}

impl InterfaceServer {
    /// Starts it: from here on it answers, and the proxies find it by its lease.
    ///
    /// # Errors
    /// [`StartError`] where its address is taken or the data store does not answer.
    pub async fn start(
        config: Config,
        network: Network,
        store: Arc<dyn Store>,
        signer: TicketSigner,
    ) -> Result<Self, StartError> {
        let incoming = network.listen(&config.address)?;
        let lease = InterfaceServerLease {
            id: config.id.clone(),
            service: services::name(services::CONFERENCING),
            address: incoming.address().to_string(),
            // Grows from one start to the next, so that a row of an earlier one can't be taken for ours.
            counter: u64::try_from(clock::now().0).unwrap_or_default(),
        };
        let log = RpcLog::new(config.id.as_str());
        let office = Office::new(config, network, store, signer);
        let mut watches = Watches::new();
        office.refresh_mixers().await?;
        watches.look(&office, Instant::now()).await;

        let conferencing = ConferencingServer::new(ConferencingService(Arc::clone(&office)))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let leases = LeasesServer::new(LeasesService(Arc::clone(&office)))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let routes = tonic::service::Routes::new(conferencing).add_service(leases).prepare();
        let serving = serve(incoming, log.clone(), routes);
        // Only now may the proxies send something.
        office.store.renew_interface_server(&lease).await?;
        office.health.renewed(Instant::now());
        office.start_periodic(lease, watches);
        tracing::info!(server = %office.config.id, address = %serving.address(), "an interface server answers");
        Ok(Self { office, serving, log })
    }

    /// What it answered.
    #[must_use]
    pub fn rpc_log(&self) -> RpcLog {
        self.log.clone()
    }

    /// Stops it: its streams go elsewhere, its lease ends, its connections are cut.
    pub async fn stop(self) {
        self.office.stopping.cancel();
        self.office.tasks.close();
        self.serving.stop().await;
        if tokio::time::timeout(TASKS_END_MAX, self.office.tasks.wait()).await.is_err() {
            tracing::warn!(server = %self.office.config.id, "tasks are still running after the stop");
        }
        tracing::info!(server = %self.office.config.id, "an interface server has stopped");
    }
}
