//! The world of one run: everything in it, and the loop that moves it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use partyline_conference::reference::ReferenceStore;
use partyline_conference::room::{Announce, EntryPolicy, HostLeaves, LockScope, Room, RoomName};
use partyline_conference::{
    AccountId, AttendanceId, Epoch, MixId, MixerClass, MixerId, MixerLoad, RoomId, RoomVersion, Timestamp,
    VruId,
};

use crate::calls::{CALM_AT, CHECK_AT, Call, END_AT, GONE_AT, Plan, room_id};
use crate::chance::Chance;
use crate::event::{CallIndex, Event, Queue};
use crate::model::ModelRoom;
use crate::parts::{Leg, Mixer, Server, Stream, Vru};

/// What a run came to. The same for the same seed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Callers who dialled.
    pub calls: usize,
    /// Decisions that were committed.
    pub commits: u64,
    /// Decisions that came too late and were made anew.
    pub conflicts: u64,
    /// Attend streams opened.
    pub streams: usize,
    /// Callers who waited or conferred once all had calmed down.
    pub together: usize,
    /// Events that happened.
    pub events: u64,
}

/// Everything.
pub(crate) struct World {
    pub(crate) chance: Chance,
    pub(crate) queue: Queue,
    pub(crate) origin: Instant,
    pub(crate) now: Duration,
    pub(crate) store: ReferenceStore,
    pub(crate) rooms: Vec<RoomId>,
    pub(crate) models: BTreeMap<RoomId, ModelRoom>,
    pub(crate) servers: Vec<Server>,
    pub(crate) mixers: Vec<Mixer>,
    /// The newest epoch of each mix that is over.
    pub(crate) ended_mixes: BTreeMap<MixId, Epoch>,
    pub(crate) legs: BTreeMap<CallIndex, Leg>,
    pub(crate) vrus: Vec<Vru>,
    pub(crate) calls: Vec<Call>,
    pub(crate) streams: Vec<Stream>,
    /// When something last happened to the callers of a room.
    pub(crate) stirred_at: BTreeMap<RoomId, Duration>,
    pub(crate) report: Report,
    failure: Option<String>,
}

/// Runs the world of a seed to its end.
///
/// # Errors
/// What should not be, at the first time that it is.
pub fn run(seed: u64) -> Result<Report, String> {
    let mut world = World::draw(seed);
    let mut is_checked = false;
    while let Some((at, event)) = world.queue.next() {
        if at >= CHECK_AT && !is_checked {
            is_checked = true;
            world.now = CHECK_AT;
            world.check_company();
        }
        if at >= END_AT {
            break;
        }
        world.now = at;
        world.report.events += 1;
        world.happen(event);
        if let Some(failure) = world.failure {
            return Err(format!("at {at:?}: {failure}"));
        }
    }
    world.check_nothing_is_left();
    world.report.streams = world.streams.len();
    match world.failure {
        Some(failure) => Err(failure),
        None => Ok(world.report),
    }
}

impl World {
    fn draw(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut store = ReferenceStore::new(None);
        let mut mixers = Vec::new();
        for nth in 0..1 + chance.index(3) {
            let id = MixerId::new(&format!("m{nth}")).expect("a plain name");
            let class = class();
            store.put_mixer(MixerLoad { id: id.clone(), class, seats_max: 500, reserved: 0 });
            mixers.push(Mixer { id, died_at: None });
        }
        let mut models = BTreeMap::new();
        for nth in 0..1 + chance.index(3) {
            let room = draw_room(&mut chance, nth);
            models.insert(room.id, ModelRoom::new(&room));
            store.put_room(room);
        }
        let vrus: Vec<_> = (0..2)
            .map(|nth| VruId::new(&format!("vru{nth}")).expect("a plain name"))
            .map(|id| Vru { id, is_up: true, died_at: None })
            .collect();
        let callers_max = if chance.percent(20) { 120 } else { 25 };
        let callers = 2 + chance.index(callers_max);
        let calls: Vec<_> = (0..callers)
            .map(|_| {
                Call::new(
                    Plan::draw(&mut chance, models.len(), vrus.len()),
                    AttendanceId::from_bits(chance.bits()),
                )
            })
            .collect();
        let servers = (0..2 + chance.index(2)).map(|_| Server::default()).collect();
        let mut world = Self {
            chance,
            queue: Queue::default(),
            origin: Instant::now(),
            now: Duration::ZERO,
            store,
            rooms: models.keys().copied().collect(),
            models,
            servers,
            mixers,
            ended_mixes: BTreeMap::new(),
            legs: BTreeMap::new(),
            vrus,
            stirred_at: BTreeMap::new(),
            report: Report { calls: calls.len(), ..Report::default() },
            calls,
            streams: Vec::new(),
            failure: None,
        };
        world.schedule();
        world
    }

    fn schedule(&mut self) {
        for call in 0..self.calls.len() {
            let at = self.calls[call].plan.dials_at;
            self.queue.at(at, Event::Dial(call));
            debug_assert!(self.calls[call].plan.goes_at < GONE_AT);
        }
        for server in 0..self.servers.len() {
            let at = self.chance.between_ms(0, 500);
            self.queue.at(at, Event::Sweep(server));
        }
        self.schedule_faults();
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Dial(call) => self.dial(call),
            Event::Tell(call, fact) => self.tell_call(call, fact),
            Event::Wake(call) => self.wake(call),
            Event::Reattend(call, generation) => self.reattend(call, generation),
            Event::Up(stream, up) => self.arrived(stream, up),
            Event::Down(stream, down) => self.heard(stream, down),
            Event::Broken(stream) => self.broken(stream),
            Event::Decide(server, life, room) => self.decide(server, life, room),
            Event::Commit(server, life, room) => self.commit(server, life, room),
            Event::Signal(server, room) => self.signal(server, room),
            Event::Sweep(server) => self.sweep(server),
            Event::Join(call, mixer, mix, epoch) => self.join(call, mixer, mix, epoch),
            Event::EndMix(mixer, mix, epoch) => self.end_mix(&mixer, mix, epoch),
            Event::Fault(fault) => self.fault(&fault),
        }
    }

    /// Whether things go wrong now.
    pub(crate) fn is_stormy(&self) -> bool {
        self.now < CALM_AT
    }

    pub(crate) fn instant(&self) -> Instant {
        self.origin + self.now
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        Timestamp(0).after(self.now)
    }

    /// Something is not as it should be; the first such thing is told.
    pub(crate) fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
    }
}

pub(crate) fn class() -> MixerClass {
    MixerClass::new("standard").expect("a plain name")
}

pub(crate) fn draw_room(chance: &mut Chance, nth: usize) -> Room {
    let host_leaves = [HostLeaves::End, HostLeaves::Continue, HostLeaves::Grace(Duration::from_secs(20))];
    Room {
        id: room_id(nth),
        account: AccountId::from_bits(1),
        name: RoomName::new(&format!("room{nth}")).expect("a plain name"),
        version: RoomVersion(1),
        entry: *chance.pick(&[EntryPolicy::Start, EntryPolicy::Hold, EntryPolicy::Converse]),
        class: class(),
        announce: Announce::Tone,
        conferees_max: if chance.percent(40) {
            2 + u32::try_from(chance.below(12)).unwrap_or(0)
        } else {
            200
        },
        host_leaves: *chance.pick(&host_leaves),
        lock: LockScope::AllButHosts,
        music: true,
        wait_max: Duration::from_secs(20 + chance.below(400)),
        conference_max: chance.percent(20).then(|| Duration::from_secs(15 + chance.below(120))),
        call_max: chance.percent(10).then(|| Duration::from_secs(20 + chance.below(100))),
        no_rtp_max: Room::NO_RTP_MAX_DEFAULT,
        has_host_pin: false,
        unmute_oneself: false,
        deleted_stay_out: false,
        waiting_room: false,
        roll_call: false,
        dial_out: false,
        dial_out_prefixes: Vec::new(),
        operator: None,
        noisy_lines: partyline_conference::NoisyLines::Tell,
        voices: partyline_conference::VoiceCare::default(),
    }
}
