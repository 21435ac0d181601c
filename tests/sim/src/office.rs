//! Interface servers: a queue per room, a snapshot, a decision, a commit that may come too late, and telling.

use std::time::Duration;

use partyline_conference::reference::ReferenceError;
use partyline_conference::{
    AttendanceId, AttendanceState, CallerIdentity, Change, ConfereeId, ConfereeState, ConferenceEnd,
    ConferenceId, Decision, FreshIds, Intent, MixId, MixerId, RoomId, Standing, Timestamp, rules,
};

use crate::event::{Down, Event, ServerIndex, StreamIndex, Up};
use crate::world::World;

/// How long a lease must stand still before its holder is held for dead.
pub(crate) const LEASE: Duration = Duration::from_secs(5);
const SWEEP: Duration = Duration::from_millis(500);

impl World {
    pub(crate) fn arrived(&mut self, stream: StreamIndex, up: Up) {
        let (server, call) = (self.streams[stream].server, self.streams[stream].call);
        let life = self.servers[server].life;
        let is_known = matches!(up, Up::Hello { .. }) || self.streams[stream].life == Some(life);
        if self.servers[server].is_down || !is_known {
            self.cut(stream);
            return;
        }
        self.streams[stream].life = Some(life);
        let (attendance, room, role) = {
            let call = &self.calls[call];
            (call.attendance, call.plan.room, call.plan.role)
        };
        let generation = self.streams[stream].generation;
        let vru = self.vrus[self.calls[call].plan.vru].id.clone();
        let caller = CallerIdentity { call: format!("call-{call}"), ..CallerIdentity::default() };
        match up {
            Up::Hello { generation, joined, left } => {
                self.attach(server, attendance, stream);
                self.ask(server, room, Intent::Attend { attendance, generation, vru, role, caller });
                if let Some((mix, epoch)) = joined {
                    self.ask(server, room, Intent::Joined { attendance, generation, mix, epoch });
                }
                if let Some(reason) = left {
                    self.ask(server, room, Intent::Left { attendance, generation, reason });
                }
            }
            Up::Joined(mix, epoch) => {
                self.ask(server, room, Intent::Joined { attendance, generation, mix, epoch })
            }
            Up::Left(reason) => self.ask(server, room, Intent::Left { attendance, generation, reason }),
        }
    }

    /// From now on the caller is told by this stream, unless a newer one (or as new a one that lives) is here.
    fn attach(&mut self, server: ServerIndex, attendance: AttendanceId, stream: StreamIndex) {
        let age = |stream: StreamIndex| (self.streams[stream].generation, !self.streams[stream].is_cut);
        let newest = self.servers[server].attached.get(&attendance);
        if newest.is_none_or(|newest| age(*newest) <= age(stream)) {
            self.servers[server].attached.insert(attendance, stream);
        }
    }

    fn ask(&mut self, server: ServerIndex, room: RoomId, intent: Intent) {
        self.servers[server].queues.entry(room).or_default().push_back(intent);
        self.decide_soon(server, room, (0, 3));
    }

    fn decide_soon(&mut self, server: ServerIndex, room: RoomId, (from_ms, to_ms): (u64, u64)) {
        if self.servers[server].busy.insert(room) {
            let at = self.now + self.chance.between_ms(from_ms, to_ms);
            let life = self.servers[server].life;
            self.queue.at(at, Event::Decide(server, life, room));
        }
    }

    pub(crate) fn decide(&mut self, server: ServerIndex, life: u32, room: RoomId) {
        if self.servers[server].life != life || self.servers[server].is_down {
            return;
        }
        let queued = self.servers[server].queues.remove(&room).unwrap_or_default();
        self.decide_batch(server, room, queued.into());
    }

    fn decide_batch(&mut self, server: ServerIndex, room: RoomId, intents: Vec<Intent>) {
        let named = self.store.named(&intents);
        let live = self.live_mixers();
        let now = self.timestamp();
        let snapshot = self.store.snapshot(room, now, &named, &live).expect("only known rooms are asked");
        let fresh = FreshIds {
            conference: ConferenceId::from_bits(self.chance.bits()),
            conference_mix: MixId::from_bits(self.chance.bits()),
            lobby_mix: MixId::from_bits(self.chance.bits()),
            conferees: (0..intents.len() + snapshot.waiting.len())
                .map(|_| ConfereeId::from_bits(self.chance.bits()))
                .collect(),
        };
        let decision = rules::decide(&snapshot, &intents, &fresh);
        self.servers[server].decided.insert(room, (intents, now, snapshot.room.version, decision));
        let slow = self.is_stormy() && self.chance.percent(10);
        let at =
            self.now + if slow { self.chance.between_ms(20, 900) } else { self.chance.between_ms(1, 12) };
        let life = self.servers[server].life;
        self.queue.at(at, Event::Commit(server, life, room));
    }

    /// The commit reaches the store, or finds that the room has moved on.
    pub(crate) fn commit(&mut self, server: ServerIndex, life: u32, room: RoomId) {
        if self.servers[server].life != life {
            return;
        }
        let Some((intents, at, version, decision)) = self.servers[server].decided.remove(&room) else {
            return;
        };
        if !decision.is_empty() {
            let before = self.store.clone();
            match self.store.commit(room, version, at, &decision) {
                Ok(_) => self.committed(&before, server, room, at, &decision),
                Err(
                    ReferenceError::Conflict | ReferenceError::MixerFull(_) | ReferenceError::AccountFull,
                ) => {
                    self.report.conflicts += 1;
                    self.decide_batch(server, room, intents);
                    return;
                }
                Err(ReferenceError::Nonsense(what)) => {
                    self.fail(format!("{what}, by {intents:?}: {decision:?}"));
                }
            }
        }
        self.tell_room(server, room);
        self.servers[server].busy.remove(&room);
        if self.servers[server].queues.contains_key(&room) {
            self.decide_soon(server, room, (0, 0));
        }
    }

    fn committed(
        &mut self,
        before: &partyline_conference::reference::ReferenceStore,
        server: ServerIndex,
        room: RoomId,
        at: Timestamp,
        decision: &Decision,
    ) {
        self.report.commits += 1;
        self.follow(room, at, decision);
        // Placements that are over are told to their mixers.
        let was = before.room(room).expect("known before");
        let mixes = was.conference().map(|live| (&live.mix, Some(live.id))).into_iter();
        for (mix, conference) in mixes.chain(was.lobby().map(|lobby| (lobby, None))) {
            let is_over = decision.changes.iter().any(|change| match change {
                Change::EndConference { conference: ended, .. } => conference == Some(*ended),
                Change::CloseLobby { mix: closed } | Change::Move { mix: closed, .. } => *closed == mix.mix,
                _ => false,
            });
            if is_over {
                let when = self.now + self.delay();
                self.queue.at(when, Event::EndMix(mix.mixer.clone(), mix.mix, mix.epoch));
            }
        }
        for other in (0..self.servers.len()).filter(|other| *other != server) {
            // A lost signal only delays.
            if !self.chance.percent(20) {
                let when = self.now + self.chance.between_ms(1, 40);
                self.queue.at(when, Event::Signal(other, room));
            }
        }
    }

    /// Tells every caller of the room whose stream is here what should hold, where it differs from what was told.
    pub(crate) fn tell_room(&mut self, server: ServerIndex, room: RoomId) {
        if self.servers[server].is_down {
            return;
        }
        let version = self.store.room(room).map(|known| known.room.version).unwrap_or_default();
        self.servers[server].seen.insert(room, version);
        let here: Vec<_> = self.servers[server].attached.iter().map(|(id, stream)| (*id, *stream)).collect();
        for (attendance, stream) in here {
            if self.calls[self.streams[stream].call].plan.room == room {
                self.tell_stream(server, attendance, stream);
            }
        }
    }

    fn tell_stream(&mut self, server: ServerIndex, attendance: AttendanceId, stream: StreamIndex) {
        let view = match self.store.view(attendance) {
            Some(view) => view,
            // Its hello waits to be decided.
            None => return,
        };
        if view.generation > self.streams[stream].generation {
            self.servers[server].attached.remove(&attendance);
            self.cut(stream);
            return;
        }
        if self.streams[stream].told.as_ref() == Some(&view.standing) {
            return;
        }
        let is_last = matches!(view.standing, Standing::Refused(_) | Standing::Removed(_));
        self.streams[stream].told = Some(view.standing.clone());
        self.send_down(stream, Down::Standing(Box::new(view.standing)));
        if is_last {
            self.send_down(stream, Down::End);
            self.servers[server].attached.remove(&attendance);
        }
    }

    pub(crate) fn signal(&mut self, server: ServerIndex, room: RoomId) {
        self.tell_room(server, room);
    }

    /// Leases, deadlines, and what a lost signal would have told.
    pub(crate) fn sweep(&mut self, server: ServerIndex) {
        let at = self.now + SWEEP;
        self.queue.at(at, Event::Sweep(server));
        if self.servers[server].is_down {
            return;
        }
        self.servers[server].swept += 1;
        let (now, compares) = (self.timestamp(), self.servers[server].swept.is_multiple_of(4));
        let dead_mixers = self.dead_mixers();
        for room in self.rooms.clone() {
            let known = self.store.room(room).expect("rooms stay");
            let mut due: Vec<Intent> = self.lost_callers(known);
            let carriers = known.conference().map(|live| &live.mix).into_iter().chain(known.lobby());
            due.extend(
                carriers
                    .filter(|mix| dead_mixers.contains(&mix.mixer))
                    .map(|mix| Intent::MixerLost { mixer: mix.mixer.clone() }),
            );
            let ends = known.conference().and_then(|live| live.deadline);
            if ends.is_some_and(|ends| ends.why == ConferenceEnd::NoMixer) {
                due.push(Intent::MixerCame);
            }
            if known.is_due(now) {
                due.push(Intent::Tick);
            }
            let is_news = self.servers[server].seen.get(&room) != Some(&known.room.version);
            for intent in due {
                self.ask(server, room, intent);
            }
            if compares && is_news {
                self.tell_room(server, room);
            }
        }
    }

    /// Live attendances of VRUs whose lease is dead, as far as nothing was done about them.
    fn lost_callers(&self, room: &partyline_conference::reference::ReferenceRoom) -> Vec<Intent> {
        let is_lost = |row: &&partyline_conference::Attendance| {
            let vru = self.vrus.iter().find(|vru| vru.id == row.vru);
            vru.is_some_and(|vru| vru.died_at.is_some_and(|died| died + LEASE <= self.now))
        };
        let is_absent = |state| matches!(state, AttendanceState::Seated { state: ConfereeState::Absent, .. });
        let rows = room.attendances().values().filter(|row| !row.state.is_over() && !is_absent(row.state));
        rows.filter(is_lost).map(|row| Intent::VruLost { attendance: row.id }).collect()
    }

    fn dead_mixers(&self) -> Vec<MixerId> {
        let is_dead = |died: Option<Duration>| died.is_some_and(|died| died + LEASE <= self.now);
        self.mixers.iter().filter(|mixer| is_dead(mixer.died_at)).map(|mixer| mixer.id.clone()).collect()
    }

    /// Mixers whose lease is alive, as far as anybody can see.
    fn live_mixers(&self) -> Vec<MixerId> {
        let dead = self.dead_mixers();
        self.mixers.iter().map(|mixer| mixer.id.clone()).filter(|id| !dead.contains(id)).collect()
    }
}
