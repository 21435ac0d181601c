//! What all clones of an engine and the controls of its legs share: where legs, mixes and threads are.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use partyline_udp::{IoDecision, PortPairs};

use crate::inbox::LegInbox;
use crate::link::{Command, ThreadLink};
use crate::slots::MixEnd;
use crate::types::{EngineId, LegId, MixKey, OpenLegError};

/// What all clones share. The media threads see nothing of it but their own counters.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) id: EngineId,
    pub(crate) ports: PortPairs,
    pub(crate) io: IoDecision,
    pub(crate) legs_max: usize,
    pub(crate) threads: Vec<ThreadLink>,
    pub(crate) legs: Mutex<HashMap<LegId, Arc<LegInbox>>>,
    pub(crate) mixes: Mutex<HashMap<MixKey, MixPlace>>,
    pub(crate) next_leg: AtomicU64,
    pub(crate) legs_open: AtomicUsize,
    pub(crate) commands_dropped: AtomicU64,
}

/// Where a mix is.
#[derive(Debug, Clone)]
pub(crate) struct MixPlace {
    pub(crate) thread: usize,
    /// The thread's panics when the mix was opened: after another one it is gone.
    pub(crate) panics: u64,
    pub(crate) end: MixEnd,
}

impl Shared {
    pub(crate) fn reserve_leg(&self) -> Result<LegId, OpenLegError> {
        self.legs_open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
                (open < self.legs_max).then_some(open + 1)
            })
            .map_err(|_| OpenLegError::Full(self.legs_max))?;
        Ok(LegId(self.next_leg.fetch_add(1, Ordering::Relaxed)))
    }

    pub(crate) fn forget_leg(&self, leg: LegId) {
        if self.legs.lock().remove(&leg).is_some() {
            crate::counts::take_one(&self.legs_open);
        }
    }

    pub(crate) fn command_dropped(&self) {
        self.commands_dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn inbox(&self, leg: LegId) -> Option<Arc<LegInbox>> {
        self.legs.lock().get(&leg).cloned()
    }

    pub(crate) fn is_there(&self, place: &MixPlace) -> bool {
        self.threads[place.thread].counts.panics() == place.panics
    }

    pub(crate) fn thread_of(&self, mix: MixKey) -> Option<usize> {
        let mixes = self.mixes.lock();
        let place = mixes.get(&mix)?;
        self.is_there(place).then_some(place.thread)
    }

    pub(crate) fn idlest(&self) -> &ThreadLink {
        let legs = |link: &&ThreadLink| link.counts.legs.load(Ordering::Relaxed);
        self.threads.iter().min_by_key(legs).expect("an engine has a thread")
    }

    pub(crate) fn idlest_for_mix(&self) -> usize {
        let load = |&thread: &usize| {
            let counts = &self.threads[thread].counts;
            (counts.mixes.load(Ordering::Relaxed), counts.legs.load(Ordering::Relaxed))
        };
        (0..self.threads.len()).min_by_key(load).unwrap_or(0)
    }

    pub(crate) fn send_to_mix(&self, mix: MixKey, command: Command) {
        if let Some(thread) = self.thread_of(mix) {
            self.send(thread, command);
        }
    }

    pub(crate) fn send(&self, thread: usize, command: Command) {
        if self.threads[thread].mailbox.try_send(command).is_err() {
            self.command_dropped();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for link in &self.threads {
            link.counts.stop();
            // A full mailbox belongs to a thread that is awake and sees the flag.
            let _ = link.mailbox.try_send(Command::Stop);
        }
    }
}
