//! What an interface server does by the clock, and on signals of the store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use partyline_conference::{Intent, RoomId};
use partyline_store::{ChangeSignal, InterfaceServerLease, StoreError};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::MissedTickBehavior;

use crate::clock;
use crate::office::Office;
use crate::watches::Watches;

/// Leases are renewed and deadlines looked at this often.
const SECOND: Duration = Duration::from_secs(1);
/// Room versions are compared this often: what a lost change signal can delay.
const COMPARISON: Duration = Duration::from_secs(2);

impl Office {
    /// Starts all that runs by itself.
    pub(crate) fn start_periodic(self: &Arc<Self>, lease: InterfaceServerLease, watches: Watches) {
        self.tasks.spawn(follow_changes(Arc::clone(self)));
        self.tasks.spawn(renew(Arc::clone(self), lease));
        self.tasks.spawn(watch(Arc::clone(self), watches));
        self.tasks.spawn(tick(Arc::clone(self)));
        self.tasks.spawn(compare(Arc::clone(self)));
    }

    /// Waits for the next beat; `false` once the server stops.
    async fn beat(&self, interval: &mut tokio::time::Interval) -> bool {
        tokio::select! {
            _ = interval.tick() => true,
            () = self.stopping.cancelled() => false,
        }
    }

    async fn tick_due_rooms(self: &Arc<Self>, now: Instant) -> Result<(), StoreError> {
        if !self.health.may_judge_deadlines(now) {
            return Ok(());
        }
        for room in self.store.rooms_due(clock::now()).await? {
            let office = Arc::clone(self);
            // Rooms don't wait for each other; two interface servers that do the same are harmless.
            self.tasks.spawn(async move { office.ask(room, vec![Intent::Tick]).await });
        }
        Ok(())
    }

    async fn compare_versions(&self) -> Result<(), StoreError> {
        let told = self.streams.rooms();
        if told.is_empty() {
            return Ok(());
        }
        let rooms: Vec<RoomId> = told.iter().map(|(room, _)| *room).collect();
        let versions = self.store.room_versions(&rooms).await?;
        for (room, told) in told {
            let now = versions.iter().find(|(known, _)| *known == room).map(|(_, version)| *version);
            if now.is_none() || now != told {
                self.tell(room);
            }
        }
        Ok(())
    }
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

fn note(office: &Office, what: &str, outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        office.health.failed(Instant::now(), &error);
        metrics::counter!("partyline_cms_store_errors_total").increment(1);
        tracing::warn!(%error, what, "the data store failed");
    }
}

async fn follow_changes(office: Arc<Office>) {
    let mut changes = office.store.changes();
    loop {
        let change = tokio::select! {
            change = changes.recv() => change,
            () = office.stopping.cancelled() => return,
        };
        match change {
            Ok(ChangeSignal::Room(change)) => office.streams.changed(&change),
            Ok(ChangeSignal::Anything) | Err(RecvError::Lagged(_)) => office.streams.wake_all(),
            // From here on the versions that are compared every 2 s do it alone.
            Err(RecvError::Closed) => return,
        }
    }
}

async fn renew(office: Arc<Office>, mut lease: InterfaceServerLease) {
    let mut second = every(SECOND);
    while office.beat(&mut second).await {
        lease.counter += 1;
        let renewed = office.store.renew_interface_server(&lease).await;
        if renewed.is_ok() {
            office.health.renewed(Instant::now());
        }
        note(&office, "renewing the lease", renewed);
    }
    lease.counter += 1;
    note(&office, "retiring", office.store.retire_interface_server(&lease).await);
}

async fn watch(office: Arc<Office>, mut watches: Watches) {
    let mut second = every(SECOND);
    while office.beat(&mut second).await {
        watches.look(&office, Instant::now()).await;
    }
}

async fn tick(office: Arc<Office>) {
    let mut second = every(SECOND);
    while office.beat(&mut second).await {
        note(&office, "looking for deadlines", office.tick_due_rooms(Instant::now()).await);
    }
}

async fn compare(office: Arc<Office>) {
    let mut interval = every(COMPARISON);
    while office.beat(&mut interval).await {
        note(&office, "comparing versions", office.compare_versions().await);
    }
}
