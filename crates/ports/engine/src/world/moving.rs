//! Mixes on their way from thread to thread, each with all its legs.
//!
//! A mix leaves right after its tick, and the other thread takes it into the phase that is due when its next frame is: each
//! leg goes on with the packet that its caller expects. Who looks for it meanwhile is sent after it: the thread that it
//! left knows where to, and mailboxes keep their order.

use std::sync::atomic::Ordering;
use std::sync::mpsc::TrySendError;
use std::time::Instant;

use partyline_media::FRAME;
use partyline_udp::MediaIo;

use super::{PHASES, World};
use crate::counts::take;
use crate::desk::seat_of;
use crate::home::{MixHome, MixPlace};
use crate::link::{Command, MixCommand};
use crate::slots::{Caravan, MixSlot, Traveller};
use crate::types::{LegEvent, MixKey};

impl<Io: MediaIo> World<'_, Io> {
    /// A mix is to go to another thread after its next tick.
    pub(super) fn plan_move(&mut self, key: MixKey, thread: usize) {
        if let Some(&place) = self.mix_places.get(&key)
            && thread != self.thread
            && thread < self.links.len()
        {
            self.mixes[place].moves_to = Some(thread);
        }
    }

    /// Sends off the mixes of a phase that are to go. Backwards, because they leave the phase.
    pub(super) fn send_mixes(&mut self, now: Instant, phase: usize) {
        for index in (0..self.phases[phase].mixes.len()).rev() {
            let slot = &mut self.mixes[self.phases[phase].mixes[index]];
            if let Some(thread) = slot.moves_to.take() {
                let key = slot.key;
                self.send_mix(key, thread, now);
            }
        }
    }

    fn send_mix(&mut self, key: MixKey, thread: usize, now: Instant) {
        let (Some(link), Some(slot)) = (self.links.get(thread), self.remove_mix(key)) else {
            return;
        };
        let MixSlot { mut mix, home, .. } = slot;
        let mut legs = Vec::with_capacity(mix.len());
        let seats: Vec<_> = mix.seats().collect();
        for seat in seats {
            let place = seat.0 as usize;
            // It stays in its mix, which is not here any more.
            self.desk.legs[place].mix = None;
            match self.uproot(place, None) {
                Some(traveller) => legs.push(traveller),
                None => drop(mix.forget(seat)),
            }
        }
        let from = MixPlace { thread: self.thread, panics: self.counts.panics() };
        let to = MixPlace { thread, panics: link.counts.panics() };
        link.counts.legs.fetch_add(legs.len(), Ordering::Relaxed);
        let count = legs.len();
        let caravan = Box::new(Caravan { key, mix, home: home.clone(), legs, ticked_at: now });
        match link.mailbox.try_send(Command::AdoptMix(caravan)) {
            // Not before it is on its way: who is sent after it must not overtake it.
            Ok(()) => {
                home.moved(from, to);
                self.counts.mix_moved();
            }
            Err(TrySendError::Full(command) | TrySendError::Disconnected(command)) => {
                take(&link.counts.legs, count);
                if let Command::AdoptMix(caravan) = command {
                    self.counts.legs.fetch_add(count, Ordering::Relaxed);
                    self.adopt_mix(*caravan);
                }
            }
        }
    }

    /// Takes a mix with its legs. One that was closed on its way is closed here.
    pub(super) fn adopt_mix(&mut self, caravan: Caravan) {
        let Caravan { key, mut mix, home, legs, ticked_at } = caravan;
        if home.is_ending() || self.mix_places.contains_key(&key) {
            for traveller in legs {
                let place = self.root(traveller);
                self.desk.legs[place].tell(LegEvent::MixClosed(key), self.counts);
            }
            return;
        }
        let phase = self.phase_due_at(ticked_at + FRAME);
        let places: Vec<usize> = legs.into_iter().map(|leg: Traveller| self.root_in(leg, phase)).collect();
        mix.rename_seats(places.iter().map(|&place| seat_of(place)));
        let slot = MixSlot { key, mix, phase, home, moves_to: None };
        slot.note_legs();
        let mix_place = self.insert_mix(slot);
        for place in places {
            self.desk.legs[place].mix = Some(mix_place);
        }
    }

    /// Sends a command after a mix that has gone on.
    pub(super) fn pass_on(&self, key: MixKey, home: MixHome, command: MixCommand) {
        let thread = home.place().thread;
        let Some(link) = self.links.get(thread).filter(|_| thread != self.thread && !home.is_ending()) else {
            return;
        };
        if link.mailbox.try_send(Command::ToMix(key, home, command)).is_err() {
            self.counts.command_dropped();
        }
    }

    /// The phase that is ticked next to a time within the frame to come.
    fn phase_due_at(&self, due: Instant) -> usize {
        let now = Instant::now();
        // A thread that has slept begins with the first phase at once.
        let fresh = self.last_tick.filter(|(at, _)| now.saturating_duration_since(*at) < FRAME);
        let phase = FRAME / PHASES as u32;
        let (next_at, next) = fresh.map_or((now, 0), |(at, last)| (at + phase, (last + 1) % PHASES));
        let wait = due.saturating_duration_since(next_at) + phase / 2;
        let steps = (wait.as_nanos() / phase.as_nanos()) as usize;
        (next + steps.min(PHASES - 1)) % PHASES
    }
}

#[cfg(test)]
mod tests;
