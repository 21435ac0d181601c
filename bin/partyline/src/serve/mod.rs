//! `serve`: every role in this process, from the lock on the data directory to the last goodbye.
//!
//! **Invariant:** nothing takes a call before what a killed run left is ended, and nothing is left running
//! [`STOP_MAX`] after the first signal.

mod administration;
mod engine_metrics;
mod error;
mod housekeeping;
mod orders;
mod readiness;
mod role_set;
mod running;
mod trunk_calls;
mod welcome;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use partyline_console::Console;
use partyline_engine::{Engine, EngineConfig};
use partyline_rpc::Network;
use partyline_store::{SqlStore, Store as _};
use partyline_telemetry::{Health, Metrics, init_logs};
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(crate) use error::StartError;

use crate::admin::AdminSocket;
use crate::config::Config;
use crate::data_dir::{DataDir, DirLock};
use crate::doctor::machine;
use crate::{database, moment, prompts};
use administration::Administration;
use housekeeping::Housekeeping;
use readiness::Readiness;
use role_set::{Parts, RoleSet};
use welcome::Welcome;

/// From the first signal to the end of the process, whatever hangs. Service managers kill after longer times.
const STOP_MAX: Duration = Duration::from_millis(4800);
/// Threads of the signalling runtime; media has its own.
const WORKERS_MIN: usize = 2;

/// Runs until told to stop.
pub(crate) fn run(config: Config, as_json: bool) -> anyhow::Result<ExitCode> {
    init_logs(&config.log)?;
    machine::refuse_huge_pages();
    let descriptors = machine::raise_file_descriptors();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), descriptors, "starting");
    let workers =
        std::thread::available_parallelism().map_or(WORKERS_MIN, |cores| cores.get().max(WORKERS_MIN));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
    let code = runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let server = tokio::select! {
            server = Server::start(config, as_json) => server?,
            () = signals.next() => return Ok(ExitCode::SUCCESS),
        };
        signals.next().await;
        tracing::info!("stopping");
        limit_stop();
        tokio::select! {
            () = server.stop() => {}
            () = signals.next() => tracing::warn!("told to stop a second time: ending at once"),
        }
        Ok(ExitCode::SUCCESS)
    });
    // Tasks that still wait for something must not keep the process.
    runtime.shutdown_background();
    code
}

/// Ends the process when the clean stop takes too long, even where the runtime itself hangs.
fn limit_stop() {
    std::thread::spawn(|| {
        std::thread::sleep(STOP_MAX);
        tracing::error!("the clean stop took too long: ending now");
        std::process::exit(i32::from(crate::FAILED));
    });
}

/// The two ways in which a server is told to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals can't be listened to");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Everything that runs, in the order in which it started.
struct Server {
    _lock: DirLock,
    store: Arc<SqlStore>,
    console: Console,
    roles: Arc<RoleSet>,
    _admin: AdminSocket,
    readiness: Readiness,
    housekeeping: Housekeeping,
    engine_metrics: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start(config: Config, as_json: bool) -> anyhow::Result<Self> {
        let data_dir = DataDir::existing_or_new(&config.data_dir)?;
        let lock = data_dir.lock()?;
        let is_first = data_dir.is_first_start(config.store.is_some());
        if is_first {
            data_dir.begin_first_start()?;
        }
        let (store, secrets) = database::open_alone(&config, &data_dir).await?;
        let ended =
            store.end_leftovers(moment::now()).await.context("what the last run left can't be ended")?;
        if ended > 0 {
            tracing::warn!(conferences = ended, "the last run was cut short; its conferences are ended");
        }

        let (health, metrics) = (Health::new(), Metrics::install()?);
        let readiness = Readiness::new(&health);
        let listen = partyline_console::Config { listen: config.http_listen };
        let console =
            Console::start(&listen, health.clone(), metrics.clone()).await.map_err(StartError::http)?;
        let engine = engine(&config)?;
        let engine_metrics = engine_metrics::keep(engine.clone());
        let parts = Parts {
            network: Network::new(),
            store: Arc::clone(&store),
            engine,
            signer: secrets.ticket_signer(),
            prompts: prompts::library(&config.prompts)?,
        };
        let config = Arc::new(config);
        let roles = Arc::new(RoleSet::new(Arc::clone(&config), parts));
        roles.start_all().await?;
        let codes = if is_first { Some(welcome::make_demo_room(&*store).await?) } else { None };

        let http = console.local_addr();
        let administration = Administration { roles: Arc::clone(&roles), http };
        let admin = AdminSocket::open(&data_dir, Arc::new(administration))
            .context("the admin socket can't be opened")?;
        let welcome = Welcome {
            config: Arc::clone(&config),
            data_dir,
            sip: roles.sip_addresses().await,
            http,
            codes,
            as_json,
        };
        let readiness = readiness.watch(Arc::clone(&config), Arc::clone(&roles), Arc::clone(&store), welcome);
        let housekeeping = Housekeeping::start(Arc::clone(&store), config.retention, metrics);
        Ok(Self {
            _lock: lock,
            store,
            console,
            roles,
            _admin: admin,
            readiness,
            housekeeping,
            engine_metrics,
        })
    }

    /// Says goodbye to callers, then stops what served them, then what told of it.
    async fn stop(self) {
        self.readiness.stop();
        self.roles.stop_all().await;
        self.housekeeping.stop();
        self.engine_metrics.abort();
        self.console.stop().await;
        self.store.close().await;
        tracing::info!("stopped");
    }
}

fn engine(config: &Config) -> Result<Engine, StartError> {
    let engine = EngineConfig {
        threads: config.media_threads.map(std::num::NonZeroUsize::get),
        rtp_ports: (config.rtp_ports.first, config.rtp_ports.last),
        legs_max: config.rtp_ports.pairs() as usize,
        io: config.media_io,
    };
    let engine = Engine::start(&engine).map_err(StartError::media)?;
    let decision = engine.io();
    match &decision.fallback {
        None => tracing::info!(io = %decision.kind, "the media engine has started"),
        Some(reason) => {
            tracing::warn!(io = %decision.kind, %reason, "the media engine has started without io_uring");
        }
    }
    Ok(engine)
}
