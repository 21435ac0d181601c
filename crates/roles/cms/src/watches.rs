//! Watching leases: who is dead, judged on this interface server's own clock, and what follows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use partyline_conference::{
    AttendanceId, Intent, InterfaceServerId, LeaseWatch, MixerId, RoomId, ServiceName, VruId,
};
use partyline_rpc::services;
use partyline_store::{InterfaceServerLease, StoreError};

use crate::office::Office;

/// What follows from a death is asked for again this often while it lasts: the first time may have met a store error.
const REPEAT: Duration = Duration::from_secs(10);

/// The watches of one interface server.
pub(crate) struct Watches {
    mixers: LeaseWatch<MixerId>,
    vrus: LeaseWatch<VruId>,
    servers: BTreeMap<ServiceName, LeaseWatch<InterfaceServerId>>,
    /// Mixers that could be given something at the last look.
    given: Vec<MixerId>,
    acted: BTreeMap<Lost, Instant>,
}

/// Who was acted upon last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Lost {
    Mixer(MixerId),
    Vru(VruId),
}

impl Watches {
    pub(crate) fn new() -> Self {
        Self {
            mixers: LeaseWatch::new(LeaseWatch::<MixerId>::TERM),
            vrus: LeaseWatch::new(LeaseWatch::<VruId>::TERM),
            servers: BTreeMap::new(),
            given: Vec::new(),
            acted: BTreeMap::new(),
        }
    }

    /// One look at all leases. A store error starts every watch anew, and so does a store that takes no writes: every
    /// lease stands still there.
    pub(crate) async fn look(&mut self, office: &Arc<Office>, now: Instant) {
        if !office.health.takes_writes(now) {
            tracing::warn!("leases can't be judged: the data store takes no writes");
            self.start_anew();
        }
        if let Err(error) = self.look_or_fail(office, now).await {
            tracing::warn!(%error, "leases can't be judged");
            office.health.failed(now, &error);
            self.start_anew();
        }
    }

    fn start_anew(&mut self) {
        self.mixers.store_failed();
        self.vrus.store_failed();
        for watch in self.servers.values_mut() {
            watch.store_failed();
        }
    }

    async fn look_or_fail(&mut self, office: &Arc<Office>, now: Instant) -> Result<(), StoreError> {
        self.look_at_mixers(office, now).await?;
        self.look_at_vrus(office, now).await?;
        for service in services::ALL {
            self.look_at_servers(office, services::name(service), now).await?;
        }
        Ok(())
    }

    async fn look_at_mixers(&mut self, office: &Arc<Office>, now: Instant) -> Result<(), StoreError> {
        let leases = office.store.mixers().await?;
        let counters: Vec<_> = leases.iter().map(|lease| (lease.id.clone(), lease.counter)).collect();
        let dead = self.mixers.observe(now, counters);
        let (anew, mut lost, given) = {
            let mut live = office.live_mixers.lock();
            let anew = live.list(leases);
            live.judge(&dead);
            (anew, live.draining(), live.ids(now))
        };
        let has_come = |mixer: &&MixerId| anew.contains(mixer) || !self.given.contains(mixer);
        let come: Vec<_> = given.iter().filter(has_come).cloned().collect();
        self.given = given;
        if !come.is_empty() {
            // What found no other mixer before may find one now.
            self.acted.retain(|lost, _| !matches!(lost, Lost::Mixer(_)));
        }
        for mixer in come {
            office.mixer_came(&mixer).await?;
        }
        lost.extend(dead);
        lost.sort_unstable();
        lost.dedup();
        for mixer in lost {
            if self.is_due(now, Lost::Mixer(mixer.clone())) {
                office.mixer_lost(mixer).await?;
            }
        }
        Ok(())
    }

    async fn look_at_vrus(&mut self, office: &Arc<Office>, now: Instant) -> Result<(), StoreError> {
        let leases = office.store.vrus().await?;
        let dead = self.vrus.observe(now, leases.into_iter().map(|lease| (lease.id, lease.counter)));
        for vru in dead {
            if self.is_due(now, Lost::Vru(vru.clone())) {
                let calls = office.store.attendances_of_vru(&vru).await?;
                // A VRU that has a stream open here lives, whatever became of its renewals.
                let gone: Vec<_> =
                    calls.into_iter().filter(|(room, caller)| !office.streams.has(*room, *caller)).collect();
                if !gone.is_empty() {
                    tracing::warn!(%vru, calls = gone.len(), "the VRU's lease is lost");
                }
                office.vru_lost(gone).await;
            }
        }
        Ok(())
    }

    async fn look_at_servers(
        &mut self,
        office: &Arc<Office>,
        service: ServiceName,
        now: Instant,
    ) -> Result<(), StoreError> {
        let leases = office.store.interface_servers(&service).await?;
        let watch = self
            .servers
            .entry(service)
            .or_insert_with(|| LeaseWatch::new(LeaseWatch::<InterfaceServerId>::TERM));
        let dead = watch.observe(now, leases.iter().map(|lease| (lease.id.clone(), lease.counter)));
        for lease in leases.iter().filter(|lease: &&InterfaceServerLease| dead.contains(&lease.id)) {
            tracing::warn!(server = %lease.id, service = %lease.service, "the interface server's lease is lost");
            office.store.retire_interface_server(lease).await?;
        }
        Ok(())
    }

    /// Whether it is time to act upon a loss (again).
    fn is_due(&mut self, now: Instant, lost: Lost) -> bool {
        self.acted.retain(|_, at| now.duration_since(*at) < REPEAT);
        if self.acted.contains_key(&lost) {
            return false;
        }
        self.acted.insert(lost, now);
        true
    }
}

impl Office {
    /// Reads the mixers anew, outside of the watch's beat.
    pub(crate) async fn refresh_mixers(self: &Arc<Self>) -> Result<(), StoreError> {
        let leases = self.store.mixers().await?;
        let anew = self.live_mixers.lock().list(leases);
        for mixer in anew {
            self.mixer_came(&mixer).await?;
        }
        Ok(())
    }

    /// A mixer is there that was not, or has started anew and knows nothing: what is placed on it is opened there
    /// again before anybody is told, and conferences that wait for a mixer look again.
    async fn mixer_came(self: &Arc<Self>, mixer: &MixerId) -> Result<(), StoreError> {
        self.mixers.forget(mixer);
        self.streams.wake_all();
        self.ask_rooms_on(mixer, &Intent::MixerCame).await.map(drop)
    }

    /// Has every room leave a mixer.
    async fn mixer_lost(self: &Arc<Self>, mixer: MixerId) -> Result<(), StoreError> {
        let rooms = self.ask_rooms_on(&mixer, &Intent::MixerLost { mixer: mixer.clone() }).await?;
        if rooms > 0 {
            tracing::warn!(%mixer, rooms, "rooms leave the mixer");
        }
        Ok(())
    }

    /// Asks the same of every room with a mix on a mixer, and does not wait for it.
    async fn ask_rooms_on(self: &Arc<Self>, mixer: &MixerId, intent: &Intent) -> Result<usize, StoreError> {
        let rooms = self.store.rooms_on_mixer(mixer).await?;
        for room in &rooms {
            let (office, room, intent) = (Arc::clone(self), *room, intent.clone());
            self.tasks.spawn(async move { office.ask(room, vec![intent]).await });
        }
        Ok(rooms.len())
    }

    /// The calls of a VRU that is gone: each is absent for a while.
    pub(crate) async fn vru_lost(self: &Arc<Self>, calls: Vec<(RoomId, AttendanceId)>) {
        let mut by_room: BTreeMap<RoomId, Vec<Intent>> = BTreeMap::new();
        for (room, attendance) in calls {
            by_room.entry(room).or_default().push(Intent::VruLost { attendance });
        }
        for (room, intents) in by_room {
            // Where this fails, the lost lease brings us back here.
            let _ = self.ask(room, intents).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use partyline_conference::MixerClass;
    use partyline_rpc::{Network, TicketSigner};
    use partyline_store::{LookupKey, LookupKeys, MixerLease, SqlStore, Store};

    use crate::config::Config;

    use super::*;

    const LONG: Duration = Duration::from_secs(6);

    async fn office() -> (Arc<Office>, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let keys = LookupKeys::new(vec![LookupKey::new("k1", [1; 32])]).unwrap();
        let store = SqlStore::open(&directory.path().join("store.db"), keys).await.unwrap();
        let lease = MixerLease {
            id: mixer(),
            class: MixerClass::new("standard").unwrap(),
            address: "mem:mixer-1".to_owned(),
            seats_max: 10,
            reserved: 0,
            counter: 1,
            instance: "first".to_owned(),
            is_draining: false,
        };
        store.renew_mixer(&lease).await.unwrap();
        let signer = TicketSigner::from_seed(&[5; 32]);
        (Office::new(Config::default(), Network::new(), store, signer), directory)
    }

    fn mixer() -> MixerId {
        MixerId::new("mixer-1").unwrap()
    }

    #[tokio::test]
    async fn nobody_is_held_for_dead_while_the_store_takes_no_writes() {
        let (office, _directory) = office().await;
        let (mut watches, start) = (Watches::new(), Instant::now());
        let is_lost = |now| office.live_mixers.lock().is_lost(now, &mixer());
        watches.look(&office, start).await;
        watches.look(&office, start + LONG).await;
        assert!(!is_lost(start + LONG), "all stood still, our own renewal too");

        office.health.renewed(start + LONG);
        watches.look(&office, start + LONG).await;
        assert!(!is_lost(start + LONG));
        office.health.renewed(start + 2 * LONG);
        watches.look(&office, start + 2 * LONG).await;
        assert!(is_lost(start + 2 * LONG), "we renewed ours for a whole term and it did not");
    }
}
