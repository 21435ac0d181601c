//! Whether calls are taken: looked at again and again, told on `/readyz`.

use std::sync::Arc;
use std::time::Duration;

use partyline_conference::ServiceName;
use partyline_store::{SqlStore, StoreReader as _};
use partyline_telemetry::{Check, Health};
use tokio::task::JoinHandle;

use super::role_set::RoleSet;
use super::welcome::Welcome;
use crate::config::Config;
use crate::doctor::machine;

/// Between two looks while starting: a call must not wait for us to notice that it could be taken.
const STARTING_PERIOD: Duration = Duration::from_millis(10);
/// Between two looks later.
const PERIOD: Duration = Duration::from_secs(1);
/// A longer start is told in the log.
const SLOW_START: Duration = Duration::from_secs(5);
/// What every call takes of file descriptors.
const DESCRIPTORS_PER_CALL: u64 = 2;

/// The checks of a server.
pub(crate) struct Readiness {
    health: Health,
    checks: Option<Checks>,
    task: Option<JoinHandle<()>>,
}

struct Checks {
    clock: Check,
    database: Check,
    descriptors: Check,
    ports: Check,
    roles: Check,
}

impl Readiness {
    /// Everything fails until it has been looked at.
    pub(crate) fn new(health: &Health) -> Self {
        let check = |name| health.check(name, "the server is starting");
        let checks = Checks {
            clock: check("clock"),
            database: check("database"),
            descriptors: check("file descriptors"),
            ports: check("ports"),
            roles: check("roles"),
        };
        Self { health: health.clone(), checks: Some(checks), task: None }
    }

    /// Looks from now on; says welcome the first time that all is well.
    pub(crate) fn watch(
        mut self,
        config: Arc<Config>,
        roles: Arc<RoleSet>,
        store: Arc<SqlStore>,
        welcome: Welcome,
    ) -> Self {
        let Some(checks) = self.checks.take() else { return self };
        let health = self.health.clone();
        self.task = Some(tokio::spawn(async move {
            let started = tokio::time::Instant::now();
            let (mut welcome, mut is_slow) = (Some(welcome), false);
            loop {
                checks.look(&config, &roles, &store).await;
                let report = health.report();
                if report.is_ready()
                    && let Some(welcome) = welcome.take()
                {
                    tracing::info!(after = ?started.elapsed(), "calls are taken");
                    welcome.say(&*store).await;
                }
                if !is_slow && welcome.is_some() && started.elapsed() > SLOW_START {
                    is_slow = true;
                    tracing::warn!(missing = ?report.failing, "calls are not taken yet");
                }
                tokio::time::sleep(if welcome.is_some() { STARTING_PERIOD } else { PERIOD }).await;
            }
        }));
        self
    }

    /// From now on no new calls: `/readyz` says so until the listener ends.
    pub(crate) fn stop(self) {
        if let Some(task) = self.task {
            task.abort();
        }
        // Kept for the rest of the process, as the aborted task takes its own checks along.
        std::mem::forget(self.health.check("stop", "the server is stopping"));
    }
}

impl Checks {
    async fn look(&self, config: &Config, roles: &RoleSet, store: &SqlStore) {
        self.clock.set(machine::clock().outcome());
        self.database.set(store.health().await);
        let engine = &roles.parts().engine;
        let legs = engine.legs() as u64;
        self.descriptors.set(machine::file_descriptors(config).outcome().and_then(|()| {
            let limit = machine::descriptors_allowed();
            let used = legs * DESCRIPTORS_PER_CALL + machine::OWN_DESCRIPTORS;
            if used < limit { Ok(()) } else { Err(format!("nearly all of {limit} are in use")) }
        }));
        self.ports.set(if legs < u64::from(config.rtp_ports.pairs()) {
            Ok(())
        } else {
            Err(format!("all RTP ports of {} are in use", config.rtp_ports))
        });
        self.roles.set(look_at_roles(roles, store).await);
    }
}

/// Whether one role of each kind runs and is known to the others.
async fn look_at_roles(roles: &RoleSet, store: &SqlStore) -> Result<(), String> {
    let missing = roles.missing_kinds();
    if !missing.is_empty() {
        return Err(format!("not there, or not known to the others: {}", missing.join(", ")));
    }
    let conferencing = ServiceName::new("conferencing").expect("the word is a name");
    match store.interface_servers(&conferencing).await {
        Ok(servers) if servers.is_empty() => Err("no interface server has its lease".to_owned()),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
