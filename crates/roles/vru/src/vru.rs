//! A VRU: sockets, calls, lease and reports, from start to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use partyline_engine::Engine;
use partyline_rpc::{Address, Network};
use partyline_sip::endpoint::EndpointCounters;
use partyline_sip::rules::SessionRules;
use partyline_store::StoreReader;
use partyline_tls::CertificateError;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::attempts::Attempts;
use crate::call;
use crate::config::Config;
use crate::guard::Guard;
use crate::lease;
use crate::library::PromptLibrary;
use crate::locator::Locator;
use crate::names::Names;
use crate::outgoing::{Dialler, keep_registered};
use crate::proxies::{Mixers, Proxies};
use crate::shared::Shared;
use crate::sip::{
    Addressing, BoundSip, Door, Gate, Lag, NewCall, SipAddress, SipCommands, SipRuntime, SipSettings,
    SipTask, SipThread, TakeCall, TlsSide,
};
use crate::sources::{SourceCounts, Sources};
use crate::trunks::{Peers, TrunkStatus};

/// For calls to end, and for the CMS to hear of it, when the VRU is stopped.
const GOODBYE_MAX: Duration = Duration::from_secs(3);
/// For BYEs to be answered.
const BYE_MAX: Duration = Duration::from_millis(700);
const POLL: Duration = Duration::from_millis(20);

/// A VRU could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A SIP address could not be bound.
    #[error("can't take calls at {address}: {error}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The thread of the SIP endpoint could not be made.
    #[error("no thread for calls: {0}")]
    Thread(std::io::Error),
    /// A certificate that is needed for TLS can't be used.
    #[error("no calls over TLS: {0}")]
    Certificate(#[from] CertificateError),
    /// There is no address to take calls on.
    #[error("a VRU needs at least one address to take calls on")]
    NoAddress,
}

/// What a VRU holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Calls and attendances that are not at their end.
    pub tasks: usize,
    /// Sources of wrong codes that were forgotten early, because too many others guessed.
    pub guessers_forgotten: u64,
    /// What the SIP endpoint holds and has dropped.
    pub sip: EndpointCounters,
}

/// A running VRU. Dropping it cuts calls off; `stop` says goodbye.
pub struct Vru {
    shared: Arc<Shared>,
    addresses: Vec<SipAddress>,
    sip: SipCommands,
    sip_thread: SipThread,
    closer: CancellationToken,
    errands: JoinSet<()>,
    lease: watch::Receiver<bool>,
}

impl std::fmt::Debug for Vru {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vru").field("id", &self.shared.config.id).field("addresses", &self.addresses).finish()
    }
}

impl Vru {
    /// Binds the sockets and takes calls from now on.
    ///
    /// # Errors
    /// [`StartError`] where there is no address, or one is in use or not this machine's.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(
        config: Config,
        network: Network,
        engine: Engine,
        store: Arc<dyn StoreReader>,
        library: PromptLibrary,
        proxies: Vec<Address>,
    ) -> Result<Self, StartError> {
        if config.sip_listen.is_empty() {
            return Err(StartError::NoAddress);
        }
        let addressing = Arc::new(Addressing::new(&config));
        let tls = config.tls.as_ref().map(TlsSide::open).transpose()?;
        let tls_listen = config.tls.as_ref().map_or(&[][..], |tls| &tls.listen);
        let sip_runtime = SipRuntime::new().map_err(StartError::Thread)?;
        let sockets = {
            let _entered = sip_runtime.enter();
            BoundSip::bind(&config.sip_listen, tls_listen, &addressing)
                .map_err(|(address, error)| StartError::Bind { address, error })?
        };
        let addresses = sockets.addresses().to_vec();
        library.warn_of_missing(config.language);
        warn_of_brief_sessions(&config);
        let closer = CancellationToken::new();
        let sources = Sources::default();
        let shared = Arc::new(Shared {
            addresses: addresses.clone(),
            addressing: Arc::clone(&addressing),
            locator: Locator::new(&config.nameservers),
            engine,
            store,
            library,
            names: Names::default(),
            proxies: Proxies::new(&network, &proxies),
            mixers: Mixers::new(network),
            guard: Mutex::new(Guard::new(config.guess_defence)),
            peers: Peers::new(&config, sources.clone()),
            sources,
            attempts: Attempts::default(),
            goodbye: CancellationToken::new(),
            tasks: TaskTracker::new(),
            places: Arc::new(Semaphore::new(config.calls_max + config.calls_max / 2)),
            closer: closer.clone(),
            config,
        });
        let (held, lease) = watch::channel(false);
        let lag = Lag::new();
        let mut errands = start_errands(&shared, held);
        errands.spawn(lag.clone().measure(shared.engine.clone()));
        if let (Some(tls), Some(config)) = (&tls, &shared.config.tls) {
            errands.spawn(tls.clone().keep(config.looks_every));
        }
        let door = Door { sockets, tls, addressing, gate: Gate::new(lease.clone(), lag) };
        let (task, sip) = SipTask::new(door, settings(&shared), take_calls(&shared));
        let sip_thread = sip_runtime.run(task.run(closer.clone())).map_err(StartError::Thread)?;
        errands.spawn(watch_trunks(Arc::clone(&shared), sip.clone()));
        errands.spawn(keep_registered(Arc::clone(&shared), sip.clone()));
        for address in &addresses {
            info!(vru = %shared.config.id, transport = ?address.transport, local = %address.local, "takes calls");
        }
        Ok(Self { shared, addresses, sip, sip_thread, closer, errands, lease })
    }

    /// The addresses that take calls, with the ports that were really taken.
    #[must_use]
    pub fn sip_addresses(&self) -> &[SipAddress] {
        &self.addresses
    }

    /// Whether calls are taken and the CMS knows that this VRU lives.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.sip_thread.is_finished() && *self.lease.borrow()
    }

    /// Waits until the CMS knows that this VRU lives: before that no call is taken.
    pub async fn ready(&self) {
        // An error says that the VRU has ended; then there is nothing to wait for.
        let _ = self.lease.clone().wait_for(|is_held| *is_held).await;
    }

    /// Makes calls out, for as long as this VRU runs.
    #[must_use]
    pub fn dialler(&self) -> Dialler {
        Dialler::new(Arc::clone(&self.shared), self.sip.clone())
    }

    /// How every trunk stands.
    #[must_use]
    pub fn trunks(&self) -> Vec<TrunkStatus> {
        self.shared.peers.statuses()
    }

    /// Who was turned away, and how often; who was so most comes first.
    #[must_use]
    pub fn sources(&self) -> Vec<SourceCounts> {
        self.shared.sources.all()
    }

    /// What it holds now.
    pub async fn counters(&self) -> Counters {
        let sip = self.sip.counters().await.unwrap_or_default();
        Counters {
            tasks: self.shared.tasks.len(),
            guessers_forgotten: self.shared.guard.lock().pushed_out(),
            sip,
        }
    }

    /// Takes no more calls, says goodbye to those there are, and ends everything within about 4 s.
    pub async fn stop(mut self) {
        self.sip.take_no_more().await;
        self.shared.goodbye.cancel();
        self.shared.tasks.close();
        if tokio::time::timeout(GOODBYE_MAX, self.shared.tasks.wait()).await.is_err() {
            warn!(vru = %self.shared.config.id, left = self.shared.tasks.len(), "not every caller's leaving was heard of");
        }
        let answered = async {
            while self.sip.counters().await.is_some_and(|counters| counters.calls > 0) {
                tokio::time::sleep(POLL).await;
            }
        };
        let _ = tokio::time::timeout(BYE_MAX, answered).await;
        let waits = self.shared.config.waits;
        let flush = self.shared.attempts.flush(&self.shared.config.id, &self.shared.proxies, waits.report());
        let _ = tokio::time::timeout(BYE_MAX, flush).await;
        self.closer.cancel();
        self.errands.shutdown().await;
        self.sip_thread.ended().await;
        info!(vru = %self.shared.config.id, "has stopped");
    }
}

impl Drop for Vru {
    fn drop(&mut self) {
        self.shared.goodbye.cancel();
        self.closer.cancel();
    }
}

/// RFC 4028 §5 forbids so small a minimum: every call would be refreshed all the time.
fn warn_of_brief_sessions(config: &Config) {
    if let Some(session) = config.session.filter(|session| session.min < SessionRules::default().min) {
        warn!(min = ?session.min, "calls may ask for session timers of less than 90 s: for trials only");
    }
}

fn settings(shared: &Shared) -> SipSettings {
    let config = &shared.config;
    SipSettings {
        elsewhere: Handle::current(),
        locator: shared.locator.clone(),
        sources: shared.sources.clone(),
        user_agent: concat!("Partyline/", env!("CARGO_PKG_VERSION")).to_owned(),
        calls_max: config.calls_max,
        half_open_max: config.half_open_max,
        session: config.session,
        // Spelled alike on both sides.
        trusted: config
            .trusted_sources
            .iter()
            .filter_map(|network| network.to_string().parse().ok())
            .collect(),
    }
}

/// Calls get a task each, as long as there are places. Callers whose leaving nobody has heard of yet take half as many
/// again, before they cost new callers theirs.
fn take_calls(shared: &Arc<Shared>) -> TakeCall {
    let (shared, elsewhere) = (Arc::clone(shared), Handle::current());
    Box::new(move |new: NewCall| {
        let Ok(place) = Arc::clone(&shared.places).try_acquire_owned() else {
            return Err(new);
        };
        let running = call::run(Arc::clone(&shared), new, Arc::new(place));
        shared.spawn_on(running, &elsewhere);
        Ok(())
    })
}

/// Reads trunks for as long as it runs.
async fn watch_trunks(shared: Arc<Shared>, sip: SipCommands) {
    let config = &shared.config;
    let (store, trusted) = (Arc::clone(&shared.store), config.trusted_sources.clone());
    shared.peers.watch(store, config.waits.store(), sip, trusted).await;
}

fn start_errands(shared: &Arc<Shared>, is_lease_held: watch::Sender<bool>) -> JoinSet<()> {
    let mut errands = JoinSet::new();
    let (config, proxies) = (&shared.config, &shared.proxies);
    let report_max = config.waits.report();
    errands.spawn(lease::renew(config.id.clone(), proxies.clone(), report_max, is_lease_held));
    errands.spawn(shared.attempts.clone().run(config.id.clone(), proxies.clone(), report_max));
    errands
}
