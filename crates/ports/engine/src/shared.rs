//! What all clones of an engine and the controls of its legs share: where legs, mixes and threads are.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use partyline_udp::{IoDecision, PortPairs};

use crate::balance::{self, Balancing, Load};
use crate::home::{MixHome, MixPlace};
use crate::inbox::LegInbox;
use crate::link::{Command, MixCommand, ThreadLink};
use crate::types::{EngineError, EngineId, LegId, MixKey, OpenLegError};

/// What all clones share. The media threads see nothing of it but their own counters.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) id: EngineId,
    pub(crate) ports: PortPairs,
    pub(crate) io: IoDecision,
    pub(crate) legs_max: usize,
    pub(crate) threads: Vec<ThreadLink>,
    pub(crate) legs: Mutex<HashMap<LegId, Arc<LegInbox>>>,
    pub(crate) mixes: Mutex<HashMap<MixKey, MixHome>>,
    pub(crate) next_leg: AtomicU64,
    pub(crate) legs_open: AtomicUsize,
    pub(crate) commands_dropped: AtomicU64,
    /// Kept for as long as mixes are moved from thread to thread.
    pub(crate) balancing: Mutex<Option<Balancing>>,
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

    pub(crate) fn is_there(&self, home: &MixHome) -> bool {
        let MixPlace { thread, panics } = home.place();
        self.threads[thread].counts.panics() == panics
    }

    pub(crate) fn home_of(&self, mix: MixKey) -> Option<MixHome> {
        self.mixes.lock().get(&mix).filter(|home| self.is_there(home)).cloned()
    }

    pub(crate) fn idlest(&self) -> &ThreadLink {
        let legs = |link: &&ThreadLink| link.counts.legs.load(Ordering::Relaxed);
        self.threads.iter().min_by_key(legs).expect("an engine has a thread")
    }

    /// Where a new mix goes: to the thread with the fewest mixes, because their legs are yet to come.
    pub(crate) fn idlest_for_mix(&self, mixes: &HashMap<MixKey, MixHome>) -> usize {
        let mut counts = vec![0_usize; self.threads.len()];
        for home in mixes.values().filter(|home| self.is_there(home)) {
            counts[home.place().thread] += 1;
        }
        let load = |&thread: &usize| (counts[thread], self.legs_on(thread));
        (0..self.threads.len()).min_by_key(load).unwrap_or(0)
    }

    fn legs_on(&self, thread: usize) -> usize {
        self.threads[thread].counts.legs.load(Ordering::Relaxed)
    }

    /// Sends a mix to another thread, where that makes threads more alike; whether one is on its way.
    pub(crate) fn balance(&self) -> bool {
        let legs: Vec<usize> = (0..self.threads.len()).map(|thread| self.legs_on(thread)).collect();
        let mixes = self.mixes.lock();
        let loads = mixes.iter().filter(|(_, home)| self.is_there(home)).map(|(&mix, home)| Load {
            mix,
            thread: home.place().thread,
            legs: home.legs(),
        });
        let Some(choice) = balance::choose(&legs, loads) else {
            return false;
        };
        self.threads[choice.from].mailbox.try_send(Command::MoveMix(choice.mix, choice.to)).is_ok()
    }

    pub(crate) fn send_to_mix(&self, mix: MixKey, command: MixCommand) {
        if let Some(home) = self.home_of(mix) {
            self.send(home.place().thread, Command::ToMix(mix, home, command));
        }
    }

    /// As [`send_to_mix`](Self::send_to_mix), and says whether it went.
    pub(crate) fn tell_mix(&self, mix: MixKey, command: MixCommand) -> Result<(), EngineError> {
        let home = self.home_of(mix).ok_or(EngineError::NoMix)?;
        let mailbox = &self.threads[home.place().thread].mailbox;
        mailbox.try_send(Command::ToMix(mix, home, command)).map_err(|_| EngineError::Unresponsive)
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
