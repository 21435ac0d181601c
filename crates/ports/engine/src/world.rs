//! The legs and mixes of one thread, and their tick.

use std::collections::HashMap;
use std::sync::mpsc::TrySendError;
use std::time::Instant;

use partyline_media::{Attachment, Mix, Treatment};
use partyline_udp::{MediaIo, SocketKey};
use slab::Slab;

use crate::counts::{ThreadCounts, take_one};
use crate::desk::{Desk, seat_of, wall};
use crate::home::MixHome;
use crate::inbox::{LegCommand, Reply};
use crate::link::{Command, MixCommand, ThreadLink};
use crate::reaper::Reaper;
use crate::slots::{ControlClock, Destination, LegSlot, MixSlot, Traveller};
use crate::types::{EngineError, LegEvent, MixKey};

mod moving;

/// Phases in a frame.
pub(crate) const PHASES: usize = 4;
/// Most threads that a leg is sent to in search of a mix, which may be on its way too.
const HOPS_MAX: u8 = 4;

/// Everything on one thread.
pub(crate) struct World<'a, Io> {
    thread: usize,
    links: &'a [ThreadLink],
    counts: &'a ThreadCounts,
    reaper: &'a Reaper,
    desk: Desk<Io>,
    mixes: Slab<MixSlot>,
    mix_places: HashMap<MixKey, usize>,
    phases: [Phase; PHASES],
    /// When which phase was ticked last.
    last_tick: Option<(Instant, usize)>,
}

/// What is due in one phase.
#[derive(Debug, Default)]
struct Phase {
    /// Places of legs, and beside each its socket.
    legs: Vec<usize>,
    sockets: Vec<SocketKey>,
    mixes: Vec<usize>,
}

impl<'a, Io: MediaIo> World<'a, Io> {
    pub(crate) fn new(
        thread: usize,
        links: &'a [ThreadLink],
        counts: &'a ThreadCounts,
        reaper: &'a Reaper,
        io: Io,
    ) -> Self {
        Self {
            thread,
            links,
            counts,
            reaper,
            desk: Desk { legs: Slab::new(), io },
            mixes: Slab::new(),
            mix_places: HashMap::new(),
            phases: Default::default(),
            last_tick: None,
        }
    }

    /// Whether there is nothing to tick.
    pub(crate) fn is_empty(&self) -> bool {
        self.desk.legs.is_empty()
    }

    /// Carries out a command to the thread.
    pub(crate) fn command(&mut self, command: Command) {
        match command {
            Command::Adopt(traveller) => self.adopt(*traveller),
            Command::OpenMix(key, legs_max, treatment, home) => self.open_mix(key, legs_max, treatment, home),
            Command::CloseMix(key) => self.close_mix(key),
            Command::MoveMix(key, thread) => self.plan_move(key, thread),
            Command::AdoptMix(caravan) => self.adopt_mix(*caravan),
            Command::ToMix(key, home, command) => self.mix_command(key, home, command),
            Command::Stop => {}
            #[cfg(test)]
            Command::Panic => panic!("as the test wants"),
        }
    }

    /// Ticks a phase, after passing over so many frames.
    pub(crate) fn tick(&mut self, now: Instant, phase: usize, frames_missed: u32) {
        self.read_inboxes(now, phase);
        self.end_mixes(phase);
        // What came while nobody looked is taken before its frames are passed over, or it would be late for good.
        self.receive(now, phase, frames_missed > 0);
        let due = &self.phases[phase];
        if frames_missed > 0 {
            due.legs.iter().for_each(|&place| self.desk.legs[place].leg.skip(frames_missed));
        }
        for &place in &due.mixes {
            self.mixes[place].mix.tick(now, &mut self.desk);
        }
        for &place in &due.legs {
            if self.desk.legs[place].mix.is_none() {
                self.desk.tick_alone(place, now);
            }
        }
        for &place in &due.legs {
            self.desk.settle(place, self.counts);
            self.desk.control(place, now, self.counts);
        }
        self.desk.io.flush();
        self.counts.io(self.desk.io.counts());
        self.last_tick = Some((now, phase));
        self.send_mixes(now, phase);
    }

    fn mix_command(&mut self, key: MixKey, home: MixHome, command: MixCommand) {
        let Some(&place) = self.mix_places.get(&key) else {
            return self.pass_on(key, home, command);
        };
        let mix = &mut self.mixes[place].mix;
        match command {
            MixCommand::Play(player, over) => {
                if !mix.play(*player, over) {
                    self.counts.command_dropped();
                }
            }
            MixCommand::SetSolo(player) => mix.set_solo(player.map(|player| *player)),
            MixCommand::Treat(treatment) => mix.treat(treatment),
            MixCommand::SuppressNoise(suppressors) => drop(mix.suppress_noise(suppressors)),
        }
    }

    fn receive(&mut self, now: Instant, phase: usize, drains: bool) {
        let (due, Desk { legs, io }) = (&self.phases[phase], &mut self.desk);
        io.receive(&due.sockets, drains, &mut |index, source, datagram| {
            let leg = &mut legs[due.legs[index]].leg;
            if leg.takes_control(datagram) {
                leg.receive_control(now, wall(), source, datagram);
            } else {
                leg.receive(now, source, datagram);
            }
        });
    }

    /// Carries out the commands of the legs of a phase. Backwards, because a leg may leave the phase.
    fn read_inboxes(&mut self, now: Instant, phase: usize) {
        for index in (0..self.phases[phase].legs.len()).rev() {
            let place = self.phases[phase].legs[index];
            if self.desk.legs[place].inbox.needs_attention() {
                self.read_inbox(place, now);
            }
        }
    }

    fn read_inbox(&mut self, place: usize, now: Instant) {
        if self.desk.legs[place].inbox.is_closed() {
            // Who waits for an answer learns by this that there will be none.
            while self.desk.legs[place].inbox.pop().is_some() {}
            self.close(place);
            return;
        }
        while let Some(command) = self.desk.legs[place].inbox.pop() {
            let leg = &mut self.desk.legs[place].leg;
            match command {
                LegCommand::Connect(media) => leg.connect(now, media),
                LegCommand::Confirm => leg.confirm(),
                LegCommand::Play(play, player) => leg.play(play, player),
                LegCommand::Stop => leg.stop(),
                LegCommand::Echo(echoes) => leg.set_echo(echoes),
                LegCommand::Record(recorder) => leg.record(recorder),
                LegCommand::TakeRecording(reply) => drop(reply.send(leg.take_recording())),
                LegCommand::Volume(db) => leg.set_volume(db),
                LegCommand::Report(reply) => drop(reply.send(leg.report())),
                LegCommand::Adjust { mix, attachment, reply } => {
                    answer(reply, self.adjust(place, mix, attachment));
                }
                LegCommand::Detach(key) => self.detach(place, key),
                LegCommand::Attach { mix, home, attachment, reply } => {
                    let destination = Destination { mix, home, attachment, reply, left: None, hops: 0 };
                    if self.is_elsewhere(&destination) {
                        self.hand_over(place, destination, now);
                        return;
                    }
                    self.arrive(place, destination, Some(now));
                }
            }
        }
    }

    /// Seats a leg where it wanted to go, and answers. Who left a mix for one that does not take them is in none, and
    /// is told.
    fn arrive(&mut self, place: usize, destination: Destination, due: Option<Instant>) {
        let result = self.seat(place, destination.mix, destination.attachment, due);
        self.answer(place, destination, result);
    }

    fn answer(&self, place: usize, destination: Destination, result: Result<(), EngineError>) {
        if result.is_err()
            && let Some(left) = destination.left
        {
            self.desk.legs[place].tell(LegEvent::MixClosed(left), self.counts);
        }
        answer(destination.reply, result);
    }

    /// Seats a leg in a mix of this thread. `due` says that the leg is due now: where its phase changes it is
    /// ticked once more first, so that the next packet comes early rather than late.
    fn seat(
        &mut self,
        place: usize,
        key: MixKey,
        attachment: Attachment,
        due: Option<Instant>,
    ) -> Result<(), EngineError> {
        let mix_place = *self.mix_places.get(&key).ok_or(EngineError::NoMix)?;
        self.mixes[mix_place].mix.attach(seat_of(place), attachment).map_err(|_| EngineError::MixFull)?;
        if self.desk.legs[place].mix == Some(mix_place) {
            return Ok(());
        }
        if let Some(old) = self.desk.legs[place].mix.replace(mix_place) {
            self.mixes[old].detach(seat_of(place), &mut self.desk.legs[place].leg);
        }
        self.mixes[mix_place].note_legs();
        let phase = self.mixes[mix_place].phase;
        if self.desk.legs[place].phase != phase {
            if let Some(now) = due {
                self.desk.tick_alone(place, now);
            }
            self.leave_phase(place);
            self.enter_phase(place, phase);
        }
        Ok(())
    }

    /// Whether a leg has to go to another thread to be in its mix, or to come here once more: a mix that is said to be here
    /// and is not waits in the mailbox.
    fn is_elsewhere(&self, destination: &Destination) -> bool {
        let Destination { mix, home, hops, .. } = destination;
        let place = home.place();
        let is_to_come = place.thread != self.thread || place.panics == self.counts.panics();
        !self.mix_places.contains_key(mix) && is_to_come && !home.is_ending() && *hops < HOPS_MAX
    }

    /// Gives a leg to the thread of a mix, with its sockets and what is left in its inbox.
    fn hand_over(&mut self, place: usize, mut destination: Destination, now: Instant) {
        let Some(link) = self.links.get(destination.home.place().thread) else {
            return answer(destination.reply, Err(EngineError::NoMix));
        };
        destination.hops += 1;
        destination.left = self.leave_mix(place).or(destination.left);
        self.desk.tick_alone(place, now);
        self.desk.settle(place, self.counts);
        let Some(traveller) = self.uproot(place, Some(destination)) else {
            return;
        };
        link.counts.legs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if let Err(error) = link.mailbox.try_send(Command::Adopt(Box::new(traveller))) {
            take_one(&link.counts.legs);
            let (TrySendError::Full(command) | TrySendError::Disconnected(command)) = error;
            if let Command::Adopt(mut traveller) = command {
                let destination = traveller.destination.take();
                let place = self.keep(*traveller);
                if let Some(destination) = destination {
                    self.answer(place, destination, Err(EngineError::Unresponsive));
                }
            }
        }
    }

    /// Takes back a leg that was uprooted.
    fn keep(&mut self, traveller: Traveller) -> usize {
        self.counts.legs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.root(traveller)
    }

    fn adopt(&mut self, mut traveller: Traveller) {
        let destination = traveller.destination.take();
        let place = self.root(traveller);
        match destination {
            // The mix has gone on meanwhile.
            Some(destination) if self.is_elsewhere(&destination) => {
                self.hand_over(place, destination, Instant::now());
            }
            Some(destination) => self.arrive(place, destination, None),
            None => {}
        }
    }

    /// Takes a leg onto this thread, out of any mix.
    fn root(&mut self, traveller: Traveller) -> usize {
        self.root_in(traveller, self.emptiest_phase())
    }

    fn root_in(&mut self, traveller: Traveller, phase: usize) -> usize {
        let Traveller { id, leg, sockets, inbox, events, destination: _ } = traveller;
        let socket = self.desk.io.add(sockets);
        let control = ControlClock::new(leg.ssrc().0);
        let place =
            self.desk.legs.insert(LegSlot { id, leg, socket, inbox, events, mix: None, phase, control });
        self.enter_phase(place, phase);
        place
    }

    /// Takes a leg off this thread.
    fn uproot(&mut self, place: usize, destination: Option<Destination>) -> Option<Traveller> {
        self.leave_mix(place);
        self.leave_phase(place);
        take_one(&self.counts.legs);
        let LegSlot { id, leg, socket, inbox, events, .. } = self.desk.legs.remove(place);
        let sockets = self.desk.io.remove(socket)?;
        Some(Traveller { id, leg, sockets, inbox, events, destination })
    }

    /// Ends a leg: the reaper closes it. Where that has no room, the leg is looked at again with its next frame.
    fn close(&mut self, place: usize) {
        self.desk.say_goodbye(place, Instant::now());
        if let Some(traveller) = self.uproot(place, None)
            && let Err(TrySendError::Full(traveller)) = self.reaper.try_send(Box::new(traveller))
        {
            self.keep(*traveller);
        }
    }

    fn adjust(&mut self, place: usize, key: MixKey, attachment: Attachment) -> Result<(), EngineError> {
        let mix = self.desk.legs[place].mix.filter(|mix| self.mixes[*mix].key == key);
        let mix = &mut self.mixes[mix.ok_or(EngineError::NoMix)?].mix;
        mix.attach(seat_of(place), attachment).map_err(|_| EngineError::MixFull)
    }

    fn detach(&mut self, place: usize, key: MixKey) {
        let is_in = self.desk.legs[place].mix.is_some_and(|mix| self.mixes[mix].key == key);
        if is_in {
            self.leave_mix(place);
        }
    }

    /// Takes a leg out of its mix; out of which.
    fn leave_mix(&mut self, place: usize) -> Option<MixKey> {
        let slot = &mut self.mixes[self.desk.legs[place].mix.take()?];
        slot.detach(seat_of(place), &mut self.desk.legs[place].leg);
        Some(slot.key)
    }

    fn open_mix(&mut self, key: MixKey, legs_max: usize, treatment: Treatment, home: MixHome) {
        // One of that name has been asked to end, or it would not be opened again.
        self.close_mix(key);
        let phase = (0..PHASES).min_by_key(|&phase| self.phases[phase].mixes.len()).unwrap_or(0);
        self.insert_mix(MixSlot { key, mix: Mix::new(legs_max, treatment), phase, home, moves_to: None });
    }

    fn insert_mix(&mut self, slot: MixSlot) -> usize {
        let (key, phase) = (slot.key, slot.phase);
        let place = self.mixes.insert(slot);
        self.mix_places.insert(key, place);
        self.phases[phase].mixes.push(place);
        place
    }

    fn remove_mix(&mut self, key: MixKey) -> Option<MixSlot> {
        let place = self.mix_places.remove(&key)?;
        let slot = self.mixes.remove(place);
        self.phases[slot.phase].mixes.retain(|&other| other != place);
        Some(slot)
    }

    /// Closes the mixes of a phase that were asked to end. Backwards, because they leave the phase.
    fn end_mixes(&mut self, phase: usize) {
        for index in (0..self.phases[phase].mixes.len()).rev() {
            let slot = &self.mixes[self.phases[phase].mixes[index]];
            if slot.home.is_ending() {
                self.close_mix(slot.key);
            }
        }
    }

    fn close_mix(&mut self, key: MixKey) {
        let Some(slot) = self.remove_mix(key) else {
            return;
        };
        for seat in slot.mix.seats() {
            let leg = &mut self.desk.legs[seat.0 as usize];
            leg.mix = None;
            slot.mix.release(&mut leg.leg);
            leg.tell(LegEvent::MixClosed(key), self.counts);
        }
    }

    fn emptiest_phase(&self) -> usize {
        (0..PHASES).min_by_key(|&phase| self.phases[phase].legs.len()).unwrap_or(0)
    }

    fn enter_phase(&mut self, place: usize, phase: usize) {
        let slot = &mut self.desk.legs[place];
        slot.phase = phase;
        self.phases[phase].legs.push(place);
        self.phases[phase].sockets.push(slot.socket);
    }

    fn leave_phase(&mut self, place: usize) {
        let phase = &mut self.phases[self.desk.legs[place].phase];
        if let Some(index) = phase.legs.iter().position(|&other| other == place) {
            phase.legs.swap_remove(index);
            phase.sockets.swap_remove(index);
        }
    }
}

fn answer(reply: Reply, result: Result<(), EngineError>) {
    // Who asked may have gone.
    let _ = reply.send(result);
}

#[cfg(test)]
pub(crate) mod tests;
