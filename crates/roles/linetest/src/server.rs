//! Starting and stopping an interface server of the line test.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use partyline_rpc::generated::linetest::line_test_server::LineTestServer as GrpcServer;
use partyline_rpc::limits::MESSAGE_BYTES_MAX;
use partyline_rpc::{ListenError, Network, RpcLog, Serving, serve, services};
use partyline_store::{InterfaceServerLease, Store, StoreError};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::script::Measures;
use crate::service::LineTestService;

/// How often the lease is renewed.
const RENEWAL: Duration = Duration::from_secs(1);
/// How long the tasks of a server that stops may take to end.
const TASKS_END_MAX: Duration = Duration::from_secs(1);

/// A line test server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It can't listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The data store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A running interface server of the line test.
pub struct LineTestServer {
    serving: Serving,
    log: RpcLog,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

impl LineTestServer {
    /// Starts it: from here on it answers, and the proxies find it by its lease.
    ///
    /// # Errors
    /// [`StartError`] where its address is taken or the data store does not answer.
    pub async fn start(config: Config, network: Network, store: Arc<dyn Store>) -> Result<Self, StartError> {
        let incoming = network.listen(&config.address)?;
        let (stopping, tasks) = (CancellationToken::new(), TaskTracker::new());
        let log = RpcLog::new(config.id.as_str());
        let Config { tone_hz, tone_ms, echo_ms, streams_max, .. } = config;
        let service = LineTestService {
            measures: Measures { tone_hz, tone_ms, echo_ms },
            streams_max,
            open: Arc::default(),
            stopping: stopping.clone(),
            tasks: tasks.clone(),
        };
        let service = GrpcServer::new(service)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let serving = serve(incoming, log.clone(), tonic::service::Routes::new(service).prepare());
        let lease = InterfaceServerLease {
            id: config.id,
            service: services::name(services::LINETEST),
            address: serving.address().to_string(),
            counter: first_counter(),
        };
        store.renew_interface_server(&lease).await?;
        tracing::info!(server = %lease.id, address = lease.address, "a line test server answers");
        tasks.spawn(renew(store, lease, stopping.clone()));
        Ok(Self { serving, log, stopping, tasks })
    }

    /// What it answered.
    #[must_use]
    pub fn rpc_log(&self) -> RpcLog {
        self.log.clone()
    }

    /// Stops it: running tests end, its lease ends, its connections are cut.
    pub async fn stop(self) {
        self.stopping.cancel();
        self.tasks.close();
        self.serving.stop().await;
        if tokio::time::timeout(TASKS_END_MAX, self.tasks.wait()).await.is_err() {
            tracing::warn!("line tests are still running after the stop");
        }
    }
}

/// Grows from one start to the next, so that a row of an earlier start can't be taken for this one's.
fn first_counter() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

async fn renew(store: Arc<dyn Store>, mut lease: InterfaceServerLease, stopping: CancellationToken) {
    let mut beat = tokio::time::interval(RENEWAL);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            () = stopping.cancelled() => break,
        }
        lease.counter += 1;
        if let Err(error) = store.renew_interface_server(&lease).await {
            tracing::warn!(server = %lease.id, %error, "the lease was not renewed");
        }
    }
    lease.counter += 1;
    if let Err(error) = store.retire_interface_server(&lease).await {
        tracing::warn!(server = %lease.id, %error, "the lease was not ended");
    }
}
