//! Starting and stopping a proxy server.

use std::sync::Arc;
use std::time::Instant;

use partyline_rpc::{ListenError, Network, RpcLog, Serving, serve};
use partyline_store::StoreReader;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::directory::{Directory, Watches};
use crate::forward::Forwarding;

/// A proxy server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It can't listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// A running proxy server.
pub struct ProxyServer {
    id: String,
    serving: Serving,
    log: RpcLog,
    following: JoinHandle<()>,
    stopping: CancellationToken,
}

impl ProxyServer {
    /// Starts it: it reads the leases of interface servers once, then answers.
    ///
    /// # Errors
    /// [`StartError`] where its address is taken.
    pub async fn start(
        config: Config,
        network: Network,
        store: Arc<dyn StoreReader>,
    ) -> Result<Self, StartError> {
        let incoming = network.listen(&config.address)?;
        let directory = Arc::new(Directory::new(network, store));
        let mut watches = Watches::new();
        directory.read(&mut watches, Instant::now()).await;
        let log = RpcLog::new(&config.id);
        let forwarding = Forwarding::new(Arc::clone(&directory), &config);
        let serving = serve(incoming, log.clone(), forwarding);
        let stopping = CancellationToken::new();
        let following = tokio::spawn(directory.follow(watches, stopping.clone()));
        tracing::info!(proxy = config.id, address = %serving.address(), "a proxy server answers");
        Ok(Self { id: config.id, serving, log, following, stopping })
    }

    /// What it answered, by the status of the headers that it passed back.
    #[must_use]
    pub fn rpc_log(&self) -> RpcLog {
        self.log.clone()
    }

    /// Stops it: its connections are cut, and VRUs take the next proxy of their list.
    pub async fn stop(self) {
        self.stopping.cancel();
        self.serving.stop().await;
        self.following.abort();
        tracing::info!(proxy = self.id, "a proxy server has stopped");
    }
}
