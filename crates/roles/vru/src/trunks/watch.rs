//! Trunks made by command: read from the store when their version moves on.

use std::sync::Arc;
use std::time::Duration;

use partyline_conference::TrunkName;
use partyline_sip::rules::Network;
use partyline_store::{StoreError, StoreReader, StoredTrunk};
use partyline_trunk::{SourceNetwork, Trunks};
use tracing::{info, warn};

use super::{Known, Peers, RegistrationState};
use crate::sip::SipCommands;

/// How soon a change is known. The question is one small row.
const EVERY: Duration = Duration::from_secs(1);

/// Where a trunk was written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrunkOrigin {
    /// In the settings.
    Settings,
    /// In the store, by command.
    Command,
}

/// How a trunk stands at a running VRU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkStatus {
    /// Its name.
    pub name: TrunkName,
    /// Where it was written down.
    pub origin: TrunkOrigin,
    /// Why it is left out; `None` where it is in use.
    pub left_out: Option<String>,
    /// Its calls, both ways together.
    pub calls: usize,
    /// How its registration stands, where it has one.
    pub registration: Option<RegistrationState>,
}

impl Peers {
    /// Reads trunks for as long as it runs.
    pub(crate) async fn watch(
        &self,
        store: Arc<dyn StoreReader>,
        answer_max: Duration,
        sip: SipCommands,
        trusted: Vec<SourceNetwork>,
    ) {
        self.tell_trusted(&sip, &trusted).await;
        loop {
            match tokio::time::timeout(answer_max, self.look(&*store)).await {
                Ok(Ok(true)) => self.tell_trusted(&sip, &trusted).await,
                Ok(Ok(false)) => {}
                Ok(Err(error)) => warn!(%error, "trunks can't be read; those that are known stay"),
                Err(_) => warn!("the store did not tell of trunks in time; those that are known stay"),
            }
            self.current.send_if_modified(|known| !std::mem::replace(&mut known.is_settled, true));
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Reads the trunks where their version has moved on; whether it has.
    async fn look(&self, store: &dyn StoreReader) -> Result<bool, StoreError> {
        // The version first: a change between the two is read again, never missed.
        let version = store.trunks_version().await?;
        if self.current.borrow().version == Some(version) {
            return Ok(false);
        }
        let known = self.composed(store.trunks().await?, version);
        info!(trunks = known.trunks.len(), left_out = known.left_out.len(), "trunks are read");
        self.loads.forget_gone(&known.trunks);
        self.current.send_replace(known);
        Ok(true)
    }

    fn composed(&self, stored: Vec<StoredTrunk>, version: u64) -> Known {
        let mut trunks = Trunks::default();
        // A clash among those of the settings was told at the start.
        self.fixed.iter().for_each(|trunk| drop(trunks.add(trunk.clone())));
        let mut left_out = Vec::new();
        for stored in stored {
            let added = stored.settings.map_err(|error| error.to_string()).and_then(|settings| {
                let trunk = settings.check().map_err(|faults| {
                    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
                })?;
                trunks.add(trunk).map_err(|clash| clash.to_string())
            });
            if let Err(why) = added {
                warn!(trunk = %stored.name, why, "a trunk is left out");
                let origin = TrunkOrigin::Command;
                left_out.push(TrunkStatus {
                    name: stored.name,
                    origin,
                    left_out: Some(why),
                    calls: 0,
                    registration: None,
                });
            }
        }
        Known {
            trunks: Arc::new(trunks),
            left_out: Arc::new(left_out),
            version: Some(version),
            is_settled: true,
        }
    }

    /// The endpoint counts the half-open calls of trunks in total only, and reads who they say calls.
    async fn tell_trusted(&self, sip: &SipCommands, trusted: &[SourceNetwork]) {
        let trunks = self.trunks();
        let of_trunks = trunks.iter().flat_map(|trunk| trunk.sources.iter());
        // Spelled alike on both sides.
        let networks: Vec<Network> =
            of_trunks.chain(trusted).filter_map(|network| network.to_string().parse().ok()).collect();
        sip.trust(networks).await;
    }

    /// How every trunk stands.
    pub(crate) fn statuses(&self) -> Vec<TrunkStatus> {
        let known = self.current.borrow().clone();
        let status = |name: &TrunkName| TrunkStatus {
            name: name.clone(),
            origin: if self.fixed.iter().any(|fixed| fixed.name == *name) {
                TrunkOrigin::Settings
            } else {
                TrunkOrigin::Command
            },
            left_out: None,
            calls: self.loads.calls(name),
            registration: self.registrations.of(name),
        };
        let mut statuses: Vec<TrunkStatus> = known.trunks.iter().map(|trunk| status(&trunk.name)).collect();
        statuses.extend(known.left_out.iter().cloned());
        statuses
    }

    /// Waits until the store has told of its trunks once, but not for ever: a call that comes in before is not taken for
    /// a stranger's.
    pub(super) async fn read_once(&self, longest: Duration) {
        let mut known = self.current.subscribe();
        let reading = known.wait_for(|known| known.is_settled);
        if tokio::time::timeout(longest, reading).await.is_err() {
            warn!("a call is judged by the trunks of the settings alone");
        }
    }
}
