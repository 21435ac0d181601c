//! What recurs: old records go, metrics are drained.

use std::sync::Arc;
use std::time::Duration;

use partyline_store::{Retention, SqlStore, Store as _};
use partyline_telemetry::Metrics;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::moment;

/// Records are kept for days: an hour more or less is no matter, and a large batch once a day would be felt.
const PURGE_PERIOD: Duration = Duration::from_secs(3600);
/// Histograms hold what came since; five seconds of it is small.
const UPKEEP_PERIOD: Duration = Duration::from_secs(5);

/// The recurring work of a server.
pub(crate) struct Housekeeping {
    tasks: [JoinHandle<()>; 2],
}

impl Housekeeping {
    /// Starts it; the first purge is at once.
    pub(crate) fn start(store: Arc<SqlStore>, retention: Retention, metrics: Metrics) -> Self {
        let purge = tokio::spawn(async move {
            let mut hours = every(PURGE_PERIOD);
            loop {
                hours.tick().await;
                match store.purge(moment::now(), &retention).await {
                    Ok(0) => {}
                    Ok(rows) => tracing::info!(rows, "old records are removed"),
                    Err(error) => {
                        tracing::warn!(%error, "old records can't be removed; tried again in an hour")
                    }
                }
            }
        });
        let upkeep = tokio::spawn(async move {
            let mut ticks = every(UPKEEP_PERIOD);
            loop {
                ticks.tick().await;
                metrics.upkeep();
            }
        });
        Self { tasks: [purge, upkeep] }
    }

    /// Ends it.
    pub(crate) fn stop(self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
