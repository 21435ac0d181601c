//! Starting and stopping a mixer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use partyline_engine::Engine;
use partyline_rpc::generated::mixing::mixing_server::MixingServer;
use partyline_rpc::leases::MixerRenewal;
use partyline_rpc::limits::MESSAGE_BYTES_MAX;
use partyline_rpc::{Address, ListenError, Network, RpcLog, Serving, TicketVerifier, serve};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::announcing::Crier;
use crate::config::Config;
use crate::lease::Lease;
use crate::mixes::Mixes;
use crate::phrases::Phrases;
use crate::service::{Desk, MixingService};
use crate::sounds::Sounds;

/// How long the last word to the conference management system may take at a stop.
const LAST_RENEWAL_MAX: Duration = Duration::from_secs(1);

/// A mixer did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It can't listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// A running mixer.
pub struct Mixer {
    desk: Arc<Desk>,
    serving: Serving,
    log: RpcLog,
    lease: JoinHandle<()>,
    stopping: CancellationToken,
    has_lease: Arc<AtomicBool>,
}

impl Mixer {
    /// Starts it: it answers at once, and is given conferences from the first renewal of its lease on (see
    /// [`has_lease`](Self::has_lease)). `phrases` are the words of its announcements.
    ///
    /// # Errors
    /// [`StartError`] where its address is taken.
    #[expect(clippy::unused_async, reason = "every role starts in the same way")]
    pub async fn start(
        config: Config,
        network: Network,
        engine: Engine,
        verifier: TicketVerifier,
        phrases: Phrases,
        proxies: Vec<Address>,
    ) -> Result<Self, StartError> {
        let incoming = network.listen(&config.address)?;
        let log = RpcLog::new(config.id.as_str());
        let stopping = CancellationToken::new();
        let mixes = Arc::new(Mutex::new(Mixes::new(config.seats_max)));
        let crier = Arc::new(Crier {
            engine: engine.clone(),
            mixes: Arc::clone(&mixes),
            sounds: Sounds::new(phrases),
            stopping: stopping.clone(),
        });
        let desk = Arc::new(Desk { config: config.clone(), engine, verifier, mixes, crier });
        let service = MixingServer::new(MixingService(Arc::clone(&desk)))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let serving = serve(incoming, log.clone(), tonic::service::Routes::new(service).prepare());
        let renewal = MixerRenewal {
            id: config.id,
            class: config.class,
            address: serving.address().clone(),
            seats_max: config.seats_max,
            counter: 0,
            instance: format!("{:032x}", rand::random::<u128>()),
            is_draining: false,
        };
        tracing::info!(mixer = %renewal.id, class = %renewal.class, address = %renewal.address, "a mixer answers");
        let has_lease = Arc::new(AtomicBool::new(false));
        let lease = Lease::new(renewal, &network, &proxies, Arc::clone(&has_lease));
        let lease = tokio::spawn(lease.keep(Arc::clone(&desk), stopping.clone()));
        Ok(Self { desk, serving, log, lease, stopping, has_lease })
    }

    /// Whether its lease was renewed: conferences may be given to it.
    #[must_use]
    pub fn has_lease(&self) -> bool {
        self.has_lease.load(Ordering::Relaxed)
    }

    /// What it answered.
    #[must_use]
    pub fn rpc_log(&self) -> RpcLog {
        self.log.clone()
    }

    /// Stops it: it says that it takes nothing more, closes its mixes and cuts its connections.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        if tokio::time::timeout(LAST_RENEWAL_MAX, &mut self.lease).await.is_err() {
            self.lease.abort();
        }
        self.serving.stop().await;
        self.desk.close_all();
        tracing::info!("a mixer has stopped");
    }
}
