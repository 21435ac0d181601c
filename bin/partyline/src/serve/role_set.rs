//! The roles of this process: each can be stopped and started by its name.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use partyline_engine::Engine;
use partyline_rpc::{Network, RpcLog, TicketSigner};
use partyline_store::SqlStore;
use partyline_vru::{Dialler, PromptLibrary, SourceCounts, TurnedAway};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::error::StartError;
use super::running::{Recipe, Running};
use super::trunk_calls::status_json;
use crate::admin::rpc_log_json;
use crate::config::Config;

/// How long one role may take to stop while the rest goes on: goodbyes and what is under way.
const ROLE_STOP_MAX: Duration = Duration::from_secs(6);
/// How long callers' goodbyes may take when the whole server stops, of the 5 s that it has.
const GOODBYES_MAX: Duration = Duration::from_millis(3400);
/// How long each of the other kinds may take then: nobody is served any more.
const REST_MAX: Duration = Duration::from_millis(400);

/// What roles are started with.
pub(crate) struct Parts {
    pub(crate) network: Network,
    pub(crate) store: Arc<SqlStore>,
    pub(crate) engine: Engine,
    pub(crate) signer: TicketSigner,
    pub(crate) prompts: PromptLibrary,
}

/// Where a role stands.
#[derive(Default)]
struct Slot {
    running: Option<Running>,
    /// Of the last run, so that a stopped role can still be asked what it answered.
    log: Option<RpcLog>,
}

/// Why a role was not stopped or started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoleError {
    /// No such name.
    #[error("there is no role \"{name}\"; there are {known}")]
    Unknown { name: String, known: String },
    /// It runs already.
    #[error("the role \"{0}\" runs already")]
    Running(String),
    /// It is stopped already.
    #[error("the role \"{0}\" is stopped already")]
    Stopped(String),
    /// The whole server stops.
    #[error("the server is stopping")]
    Stopping,
    /// It does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It did not end in time; it was let go of.
    #[error("the role \"{0}\" did not stop in time")]
    Slow(String),
}

/// All roles of the process.
pub(crate) struct RoleSet {
    config: Arc<Config>,
    parts: Parts,
    /// In the order in which they start.
    order: Vec<(String, Recipe)>,
    slots: BTreeMap<String, Mutex<Slot>>,
    is_stopping: AtomicBool,
}

impl RoleSet {
    /// The roles that the settings ask for; none runs yet.
    pub(crate) fn new(config: Arc<Config>, parts: Parts) -> Self {
        let order = Recipe::all(&config);
        let slots = order.iter().map(|(name, _)| (name.clone(), Mutex::default())).collect();
        Self { config, parts, order, slots, is_stopping: AtomicBool::new(false) }
    }

    /// What the roles were started with.
    pub(crate) const fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Starts them all: those that answer before those that ask.
    pub(crate) async fn start_all(&self) -> Result<(), StartError> {
        for (name, recipe) in &self.order {
            let mut slot = self.slots[name].lock().await;
            self.fill(&mut slot, name, recipe).await?;
        }
        Ok(())
    }

    async fn fill(&self, slot: &mut Slot, name: &str, recipe: &Recipe) -> Result<(), StartError> {
        let running = recipe.start(name, &self.config, &self.parts).await?;
        slot.log = running.rpc_log();
        slot.running = Some(running);
        Ok(())
    }

    /// Stops them all: those with callers first, and each kind at once.
    pub(crate) async fn stop_all(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        for is_now in [Recipe::is_vru, Recipe::is_mixer, Recipe::is_interface_server, Recipe::is_proxy] {
            let roles = self.order.iter().filter(|(_, recipe)| is_now(recipe));
            join_all(roles.map(async |(name, recipe)| {
                let stop_max = if recipe.is_vru() { GOODBYES_MAX } else { REST_MAX };
                // An operator may be stopping it at this moment; that must not hold up the others.
                let Ok(mut slot) = tokio::time::timeout(stop_max, self.slots[name].lock()).await else {
                    tracing::warn!(role = %name, "a role is still being stopped by command");
                    return;
                };
                if let Err(error) = empty(&mut slot, name, stop_max).await {
                    tracing::warn!(%error, "a role was not stopped cleanly");
                }
            }))
            .await;
        }
    }

    fn find(&self, name: &str) -> Result<(&Recipe, &Mutex<Slot>), RoleError> {
        let known = || self.order.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let unknown = || RoleError::Unknown { name: name.to_owned(), known: known() };
        let (_, recipe) = self.order.iter().find(|(known, _)| known == name).ok_or_else(unknown)?;
        Ok((recipe, &self.slots[name]))
    }

    /// Stops one.
    pub(crate) async fn stop(&self, name: &str) -> Result<Value, RoleError> {
        let (_, slot) = self.find(name)?;
        let mut slot = slot.lock().await;
        if slot.running.is_none() {
            return Err(RoleError::Stopped(name.to_owned()));
        }
        empty(&mut slot, name, ROLE_STOP_MAX).await?;
        tracing::info!(role = name, "a role is stopped");
        Ok(json!({ "role": name, "state": "stopped" }))
    }

    /// Starts one that is stopped.
    pub(crate) async fn start(&self, name: &str) -> Result<Value, RoleError> {
        let (recipe, slot) = self.find(name)?;
        let mut slot = slot.lock().await;
        if self.is_stopping.load(Ordering::SeqCst) {
            return Err(RoleError::Stopping);
        }
        if slot.running.is_some() {
            return Err(RoleError::Running(name.to_owned()));
        }
        self.fill(&mut slot, name, recipe).await?;
        if let Some(running) = &slot.running {
            running.known().await;
        }
        tracing::info!(role = name, "a role is started");
        Ok(json!({ "role": name, "state": "running" }))
    }

    /// The roles as lists show them.
    pub(crate) async fn list(&self) -> Value {
        let mut roles = Vec::new();
        for (name, recipe) in &self.order {
            let slot = self.slots[name].lock().await;
            let answered = slot.log.as_ref().map(|log| log.counters().values().sum::<u64>());
            roles.push(json!({
                "name": name,
                "kind": recipe.kind(),
                "state": if slot.running.is_some() { "running" } else { "stopped" },
                "address": slot.running.as_ref().map_or(Value::Null, Running::address),
                "answered": answered,
            }));
        }
        Value::Array(roles)
    }

    /// What a role answered.
    pub(crate) async fn log(&self, name: &str, limit: usize) -> Result<Value, RoleError> {
        let slot = self.find(name)?.1.lock().await;
        let log = slot.log.clone().unwrap_or_else(|| RpcLog::new(name));
        Ok(rpc_log_json(name, &log, limit))
    }

    /// Where calls come in, with real ports.
    pub(crate) async fn sip_addresses(&self) -> Vec<SocketAddr> {
        let mut addresses = Vec::new();
        for slot in self.slots.values() {
            addresses
                .extend(slot.lock().await.running.as_ref().map(Running::sip_addresses).unwrap_or_default());
        }
        addresses
    }

    /// How trunks stand at each VRU.
    pub(crate) async fn trunks(&self) -> Value {
        let mut trunks = Vec::new();
        for (name, slot) in &self.slots {
            let slot = slot.lock().await;
            let statuses = slot.running.as_ref().map(Running::trunks).unwrap_or_default();
            trunks.extend(statuses.iter().map(|status| status_json(name, status)));
        }
        Value::Array(trunks)
    }

    /// Who was turned away at each VRU: the worst so many.
    pub(crate) async fn sources(&self, limit: usize) -> Value {
        let mut sources = Vec::new();
        for (name, slot) in &self.slots {
            let slot = slot.lock().await;
            let counts = slot.running.as_ref().map(Running::sources).unwrap_or_default();
            sources.extend(counts.iter().take(limit).map(|counts| source_json(name, counts)));
        }
        Value::Array(sources)
    }

    /// Whoever makes calls out, of the first VRU that runs.
    pub(crate) async fn dialler(&self) -> Option<Dialler> {
        for (name, _) in self.order.iter().filter(|(_, recipe)| recipe.is_vru()) {
            let slot = self.slots[name].lock().await;
            if let Some(dialler) = slot.running.as_ref().and_then(Running::dialler) {
                return Some(dialler);
            }
        }
        None
    }

    /// Where calls come in over TLS, with real ports.
    pub(crate) async fn tls_addresses(&self) -> Vec<SocketAddr> {
        let mut addresses = Vec::new();
        for slot in self.slots.values() {
            addresses
                .extend(slot.lock().await.running.as_ref().map(Running::tls_addresses).unwrap_or_default());
        }
        addresses
    }

    /// The kinds of role without which no call is taken, and of which none runs and is known to the others.
    pub(crate) fn missing_kinds(&self) -> Vec<&'static str> {
        let mut missing = vec!["vru", "mixer", "interface server", "proxy"];
        for (name, recipe) in &self.order {
            // A role that is being started or stopped is not there.
            let is_there = self.slots[name]
                .try_lock()
                .is_ok_and(|slot| slot.running.as_ref().is_some_and(Running::is_known));
            if is_there {
                missing.retain(|kind| *kind != recipe.kind());
            }
        }
        missing
    }
}

async fn empty(slot: &mut Slot, name: &str, stop_max: Duration) -> Result<(), RoleError> {
    let Some(running) = slot.running.take() else { return Ok(()) };
    let stopped = tokio::time::timeout(stop_max, running.stop()).await;
    stopped.map_err(|_| RoleError::Slow(name.to_owned()))
}

/// Who was turned away at a VRU, as lists have it.
fn source_json(vru: &str, counts: &SourceCounts) -> Value {
    let mut json = json!({
        "vru": vru,
        "source": counts.source.to_string(),
        "all": counts.all(),
        "last_seconds_ago": counts.last_before.as_secs(),
    });
    for what in TurnedAway::ALL {
        json[what.as_str()] = json!(counts.of(what));
    }
    json
}
