//! Random callers at several interface servers, each with a view that may be old by the time it commits.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use partyline_conference::reference::{ReferenceError, ReferenceStore};
use partyline_conference::room::{EntryPolicy, HostLeaves, LockScope};
use partyline_conference::{
    Announce, AttendanceId, AttendanceState, Change, Command, CommandId, CommandWord, ConfereeId,
    ConferenceId, Decision, DialOutRules, DialTarget, EventKind, Floor, Generation, Intent, LeaveReason,
    MixerId, OutdialEnd, Role, Room, RoomSnapshot, RoomVersion, Timestamp, Voice, rules,
};
use proptest::prelude::*;

use crate::world::{Draw, ROOM, answered, attend, attend_from, class, mixer, mixer_id, room};

const SERVERS: usize = 3;
const MIXERS: [&str; 3] = ["m1", "m2", "m3"];

/// One step of a random day.
#[derive(Debug, Clone)]
enum Step {
    Attends {
        server: usize,
        role: Role,
    },
    AttendsAgain {
        server: usize,
        caller: usize,
    },
    Joins {
        server: usize,
        caller: usize,
    },
    Leaves {
        server: usize,
        caller: usize,
        stale: bool,
    },
    VruLost {
        server: usize,
        caller: usize,
    },
    MixerLost {
        server: usize,
        mixer: usize,
    },
    MixerBack {
        mixer: usize,
    },
    Commands {
        server: usize,
        by: Option<usize>,
        what: usize,
        about: usize,
    },
    /// Somebody who is called answers, joins their mix, is lost or hangs up.
    Callee {
        server: usize,
        does: CalleeDoes,
    },
    KeysCode {
        server: usize,
        by: usize,
        is_right: bool,
    },
    Passes {
        server: usize,
        time: Duration,
    },
    Policy {
        entry: EntryPolicy,
        waiting_room: bool,
    },
    /// The server takes a snapshot of the room and decides what is queued.
    Decides {
        server: usize,
    },
    /// The server commits what it decided; in a conflict it decides again.
    Commits {
        server: usize,
    },
}

/// What becomes of who is called.
#[derive(Debug, Clone, Copy)]
enum CalleeDoes {
    Answers,
    AnswersAndLeaves,
    Leaves,
    VruLost,
}

impl Step {
    /// Whether a batch may hold it: the clock and the settings stand still within one, and who comes in it stays.
    const fn is_at_one_instant(&self, known: usize) -> bool {
        match self {
            Self::Attends { .. } | Self::AttendsAgain { .. } | Self::VruLost { .. } => true,
            Self::Leaves { caller, .. } => *caller < known,
            _ => false,
        }
    }

    /// The same at another server.
    fn at(&self, there: usize) -> Self {
        let mut step = self.clone();
        match &mut step {
            Self::Attends { server, .. }
            | Self::AttendsAgain { server, .. }
            | Self::Leaves { server, .. }
            | Self::VruLost { server, .. } => *server = there,
            _ => {}
        }
        step
    }
}

fn policy() -> impl Strategy<Value = EntryPolicy> {
    prop_oneof![Just(EntryPolicy::Start), Just(EntryPolicy::Hold), Just(EntryPolicy::Converse)]
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![1 => Just(Role::Host), 3 => Just(Role::Participant)]
}

/// Every command, about a conferee, somebody who waits, and a time.
fn commands(
    conferee: ConfereeId,
    attendance: AttendanceId,
    until: Timestamp,
    callee: AttendanceId,
) -> [Command; COMMANDS] {
    [
        Command::SetLock { locked: true },
        Command::SetLock { locked: false },
        Command::SetLock { locked: false },
        Command::End,
        Command::SetMuted { conferee, muted: true },
        Command::SetMuted { conferee, muted: false },
        Command::SetFloor { floor: Floor::Open },
        Command::SetFloor { floor: Floor::Muted },
        Command::SetFloor { floor: Floor::Lecture },
        Command::SetHand { raised: true },
        Command::SetHand { raised: false },
        Command::LowerHand { conferee },
        Command::Delete { conferee },
        Command::DropOthers { stays: None },
        Command::SetAnnounce { announce: Announce::Silence },
        Command::SetMusic { on: true },
        Command::SetMusic { on: false },
        Command::SetContinue { on: true },
        Command::SetContinue { on: false },
        Command::ExtendTo { until },
        Command::Admit { attendance },
        Command::Admit { attendance },
        Command::Admit { attendance },
        Command::TurnAway { attendance },
        Command::DialOut { to: DialTarget::number("5551234").unwrap() },
        Command::DialOut { to: DialTarget::number("5551234").unwrap() },
        Command::CallOperator,
        Command::JoinCallee { callee },
        Command::JoinCallee { callee },
        Command::DropCallee { callee, why: OutdialEnd::Busy },
    ]
}

const COMMANDS: usize = 30;

fn callee_does() -> impl Strategy<Value = CalleeDoes> {
    prop_oneof![
        6 => Just(CalleeDoes::Answers),
        1 => Just(CalleeDoes::AnswersAndLeaves),
        1 => Just(CalleeDoes::Leaves),
        1 => Just(CalleeDoes::VruLost),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let (server, caller, mixer) = (0..SERVERS, 0..40usize, 0..MIXERS.len());
    let seconds = prop_oneof![3 => 0..4u64, 1 => 4..40u64, 1 => 40..4000u64];
    prop_oneof![
        8 => (server.clone(), role()).prop_map(|(server, role)| Step::Attends { server, role }),
        2 => (server.clone(), caller.clone()).prop_map(|(server, caller)| Step::AttendsAgain { server, caller }),
        5 => (server.clone(), caller.clone()).prop_map(|(server, caller)| Step::Joins { server, caller }),
        4 => (server.clone(), caller.clone(), any::<bool>())
            .prop_map(|(server, caller, stale)| Step::Leaves { server, caller, stale }),
        1 => (server.clone(), caller.clone()).prop_map(|(server, caller)| Step::VruLost { server, caller }),
        1 => (server.clone(), mixer.clone()).prop_map(|(server, mixer)| Step::MixerLost { server, mixer }),
        1 => mixer.prop_map(|mixer| Step::MixerBack { mixer }),
        8 => (server.clone(), proptest::option::weighted(0.9, caller.clone()), 0..COMMANDS, caller.clone())
            .prop_map(|(server, by, what, about)| Step::Commands { server, by, what, about }),
        1 => (server.clone(), caller, any::<bool>())
            .prop_map(|(server, by, is_right)| Step::KeysCode { server, by, is_right }),
        6 => (server.clone(), callee_does()).prop_map(|(server, does)| Step::Callee { server, does }),
        2 => (server.clone(), seconds)
            .prop_map(|(server, seconds)| Step::Passes { server, time: Duration::from_secs(seconds) }),
        1 => (policy(), any::<bool>())
            .prop_map(|(entry, waiting_room)| Step::Policy { entry, waiting_room }),
        8 => server.clone().prop_map(|server| Step::Decides { server }),
        8 => server.prop_map(|server| Step::Commits { server }),
    ]
}

fn settings() -> impl Strategy<Value = Room> {
    let leaves = prop_oneof![
        Just(HostLeaves::End),
        Just(HostLeaves::Continue),
        Just(HostLeaves::Grace(Duration::from_secs(20)))
    ];
    let lock = prop_oneof![Just(LockScope::All), Just(LockScope::AllButHosts)];
    let longest = proptest::option::of((30..3000u64).prop_map(Duration::from_secs));
    let may = (any::<bool>(), any::<bool>(), proptest::bool::weighted(0.3));
    (policy(), leaves, lock, longest, 1..30u32, may).prop_map(
        |(entry, host_leaves, lock, conference_max, conferees_max, may)| Room {
            unmute_oneself: may.0,
            deleted_stay_out: may.1,
            waiting_room: may.2,
            dial_out: true,
            entry,
            host_leaves,
            lock,
            conference_max,
            conferees_max,
            wait_max: Duration::from_secs(600),
            ..room()
        },
    )
}

/// Some callers share a number, and some withhold it.
fn number(caller: AttendanceId) -> String {
    match caller.bits() % 5 {
        0 => String::new(),
        shared => shared.to_string(),
    }
}

/// One interface server: a queue, and a decision that it is about to commit.
#[derive(Default)]
struct Server {
    queue: VecDeque<Intent>,
    decided: Option<(Vec<Intent>, RoomVersion, Decision)>,
}

struct Day {
    store: ReferenceStore,
    servers: Vec<Server>,
    callers: Vec<(AttendanceId, Role, u64)>,
    live_mixers: Vec<MixerId>,
    now: Timestamp,
    draw: Draw,
    conflicts: u32,
}

impl Day {
    fn new(room: Room, seats: [u32; 3], callers_max: Option<u32>) -> Self {
        let mut store = ReferenceStore::new(callers_max);
        store.put_room(room);
        for (name, seats_max) in MIXERS.iter().zip(seats) {
            store.put_mixer(mixer(name, "standard", seats_max));
        }
        Self {
            store,
            servers: (0..SERVERS).map(|_| Server::default()).collect(),
            callers: Vec::new(),
            live_mixers: MIXERS.map(mixer_id).to_vec(),
            now: Timestamp(0),
            draw: Draw::default(),
            conflicts: 0,
        }
    }

    fn queue(&mut self, server: usize, intent: Intent) {
        self.servers[server].queue.push_back(intent);
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Attends { server, role } => {
                let caller = AttendanceId::from_bits(self.callers.len() as u128 + 1);
                self.callers.push((caller, *role, 1));
                self.queue(*server, attend_from(&number(caller), caller, 1, *role));
            }
            Step::AttendsAgain { server, caller } => {
                if let Some((id, role, generation)) = self.callers.get_mut(*caller) {
                    *generation += 1;
                    let intent = attend_from(&number(*id), *id, *generation, *role);
                    self.queue(*server, intent);
                }
            }
            Step::Joins { server, caller } => {
                let live = self.store.room(ROOM).and_then(|room| room.conference()).cloned();
                if let (Some((id, _, generation)), Some(live)) = (self.callers.get(*caller).copied(), live) {
                    let (mix, epoch) = (live.mix.mix, live.mix.epoch);
                    let generation = Generation(generation);
                    self.queue(*server, Intent::Joined { attendance: id, generation, mix, epoch });
                }
            }
            Step::Leaves { server, caller, stale } => {
                if let Some((id, _, generation)) = self.callers.get(*caller).copied() {
                    let generation = Generation(generation - u64::from(*stale));
                    self.queue(
                        *server,
                        Intent::Left { attendance: id, generation, reason: LeaveReason::HungUp },
                    );
                }
            }
            Step::VruLost { server, caller } => {
                if let Some((attendance, ..)) = self.callers.get(*caller).copied() {
                    self.queue(*server, Intent::VruLost { attendance });
                }
            }
            Step::Callee { server, does } => self.callee_does(*server, *does),
            Step::Decides { server } => self.decide(*server),
            Step::Commits { server } => self.commit(*server),
            other => self.take_from_outside(other),
        }
    }

    /// Who is called now, of several whoever was called first.
    fn somebody_called(&self) -> AttendanceId {
        let outdials = self.store.room(ROOM).unwrap().outdials();
        outdials.first().map_or(AttendanceId::from_bits(9999), |outdial| outdial.callee)
    }

    fn callee_does(&mut self, server: usize, does: CalleeDoes) {
        let attendance = self.somebody_called();
        let left = Intent::Left { attendance, generation: Generation(u64::MAX), reason: LeaveReason::HungUp };
        match does {
            CalleeDoes::Answers => self.queue(server, answered(attendance, 1)),
            CalleeDoes::AnswersAndLeaves => {
                self.queue(server, answered(attendance, 1));
                self.queue(server, left);
            }
            CalleeDoes::Leaves => self.queue(server, left),
            CalleeDoes::VruLost => self.queue(server, Intent::VruLost { attendance }),
        }
    }

    /// What happens to the room rather than to a caller.
    fn take_from_outside(&mut self, step: &Step) {
        match step {
            Step::MixerLost { server, mixer } => {
                let mixer = mixer_id(MIXERS[*mixer]);
                self.live_mixers.retain(|live| *live != mixer);
                self.queue(*server, Intent::MixerLost { mixer });
            }
            Step::MixerBack { mixer } => {
                let mixer = mixer_id(MIXERS[*mixer]);
                if !self.live_mixers.contains(&mixer) {
                    self.live_mixers.push(mixer);
                }
            }
            Step::Commands { server, by, what, about } => {
                let by = by.and_then(|caller| self.callers.get(caller)).map(|(id, ..)| *id);
                let about = self.callers.get(*about).map_or(AttendanceId::from_bits(9999), |(id, ..)| *id);
                let conferee = match self.store.attendance(about).map(|row| row.state) {
                    Some(AttendanceState::Seated { conferee, .. }) => conferee,
                    _ => ConfereeId::from_bits(9999),
                };
                let until = self.now.after(Duration::from_secs(900));
                let id = self.draw.bits();
                let command = commands(conferee, about, until, self.somebody_called())[*what].clone();
                self.queue(*server, Intent::Command { id: CommandId::from_bits(id), by, command });
            }
            Step::KeysCode { server, by, is_right } => {
                if let Some((by, ..)) = self.callers.get(*by).copied() {
                    let id = CommandId::from_bits(self.draw.bits());
                    self.queue(*server, Intent::BecomeHost { id, by, is_right: *is_right });
                }
            }
            Step::Passes { server, time } => {
                self.now = self.now.after(*time);
                self.queue(*server, Intent::Tick);
            }
            Step::Policy { entry, waiting_room } => {
                let mut room = self.store.room(ROOM).unwrap().room.clone();
                room.entry = *entry;
                room.waiting_room = *waiting_room;
                self.store.put_room(room);
            }
            _ => {}
        }
    }

    fn snapshot(&self, intents: &[Intent]) -> RoomSnapshot {
        let named = self.store.named(intents);
        let mut snapshot = self.store.snapshot(ROOM, self.now, &named, &self.live_mixers).unwrap();
        let operator = Some(DialTarget::operator("sip:desk@example.org").unwrap());
        snapshot.dial_out_rules = Arc::new(DialOutRules { operator, ..DialOutRules::default() });
        snapshot
    }

    fn decide(&mut self, server: usize) {
        if self.servers[server].decided.is_some() {
            return;
        }
        let intents: Vec<_> = self.servers[server].queue.drain(..).collect();
        self.decide_again(server, intents);
    }

    fn decide_again(&mut self, server: usize, intents: Vec<Intent>) {
        let snapshot = self.snapshot(&intents);
        let fresh = self.draw.fresh(intents.len() + snapshot.waiting.len());
        let decision = rules::decide(&snapshot, &intents, &fresh);
        assert_eq!(decision, rules::decide(&snapshot, &intents, &fresh), "the same facts, the same decision");
        self.servers[server].decided = Some((intents, snapshot.room.version, decision));
    }

    fn commit(&mut self, server: usize) {
        let Some((intents, version, decision)) = self.servers[server].decided.take() else {
            return;
        };
        if decision.is_empty() {
            return;
        }
        match self.store.commit(ROOM, version, self.now, &decision) {
            Ok(_) => self.check(),
            Err(ReferenceError::Conflict) => {
                self.conflicts += 1;
                self.decide_again(server, intents);
            }
            Err(fault) => panic!("{fault}: {decision:#?}"),
        }
    }

    /// What holds after every commit, beyond what the reference store itself insists on.
    fn check(&self) {
        let room = self.store.room(ROOM).unwrap();
        let participants =
            room.attendances().values().filter(|row| !row.state.is_over() && row.role == Role::Participant);
        assert!(participants.count() < room.room.conferees_max.max(1) as usize, "a host's seat is taken");
        if let Some(live) = room.conference() {
            assert!(live.seated <= room.room.conferees_max, "more conferees than the room takes");
        }
        self.check_voices();
    }

    /// No floor silences a host, an open one nobody; and nobody is stuck silent.
    fn check_voices(&self) {
        let room = self.store.room(ROOM).unwrap();
        let Some(live) = room.conference() else { return };
        for row in room.attendances().values() {
            let AttendanceState::Seated { conference, conferee, voice, .. } = row.state else { continue };
            assert_eq!(conference, live.id);
            let by_floor = voice.muted_by.floor;
            assert!(!by_floor || live.floor.silences(row.role), "silenced by a floor that silences nobody");
            if voice.is_muted() {
                self.check_unmuting(row.id, conferee);
            }
        }
    }

    fn check_unmuting(&self, who: AttendanceId, conferee: ConfereeId) {
        let command = Command::SetMuted { conferee, muted: false };
        let intent = Intent::Command { id: CommandId::from_bits(1), by: None, command };
        let snapshot = self.snapshot(std::slice::from_ref(&intent));
        let decision = rules::decide(&snapshot, &[intent], &Draw::default().fresh(1));
        let unmuted = Change::SetVoice { attendance: who, voice: Voice::default() };
        assert_eq!(decision.changes, [unmuted], "who is silent can be unmuted by a host");
    }

    /// Everything that is under way is decided and committed.
    fn settle(&mut self) {
        for server in 0..SERVERS {
            while self.servers[server].decided.is_some() || !self.servers[server].queue.is_empty() {
                self.decide(server);
                self.commit(server);
            }
        }
    }

    fn end(&mut self) {
        self.settle();
        for (caller, ..) in &self.callers {
            assert!(self.store.attendance(*caller).is_some(), "a caller was told nothing");
        }
        let mut hung_up: Vec<_> = self.callers.iter().map(|(id, ..)| *id).collect();
        hung_up.extend(self.store.room(ROOM).unwrap().attendances().keys());
        for attendance in hung_up {
            let left =
                Intent::Left { attendance, generation: Generation(u64::MAX), reason: LeaveReason::HungUp };
            self.queue(0, left);
        }
        self.settle();
        assert!(self.store.room(ROOM).unwrap().outdials().is_empty(), "somebody is called for nobody");
        assert_eq!(self.store.callers(), 0);
        assert!(self.store.mixers().all(|mixer| mixer.reserved == 0), "seats stay reserved for nobody");
        self.check_events();
    }

    /// All that can be told of a room without naming what was drawn.
    fn outcome(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        let room = self.store.room(ROOM).unwrap();
        let callers: Vec<_> = room
            .attendances()
            .values()
            .map(|row| {
                let seat = match row.state {
                    AttendanceState::Seated { order, state, .. } => Ok((order, state)),
                    other => Err(other),
                };
                (row.id, row.generation, row.deadline, seat)
            })
            .collect();
        let live =
            room.conference().map(|live| (live.seated, live.hosts_seated, live.deadline, live.mix.reserved));
        let lobby = room.lobby().map(|lobby| lobby.reserved);
        let ended: Vec<_> = room.ended().iter().map(|(_, why)| *why).collect();
        let mixers: Vec<_> = self.store.mixers().cloned().collect();
        (callers, live, lobby, ended, mixers, room.waiting())
    }

    /// Orders within a conference are 1, 2, 3, …; every conference that was created has ended, once.
    fn check_events(&self) {
        let room = self.store.room(ROOM).unwrap();
        let mut orders: BTreeMap<ConferenceId, u32> = BTreeMap::new();
        let mut live = BTreeSet::new();
        for event in room.events() {
            match &event.kind {
                EventKind::ConferenceCreated { conference, .. } => {
                    assert!(live.is_empty(), "two live conferences");
                    live.insert(*conference);
                }
                EventKind::ConfereePlaced { conference, order, .. } => {
                    let last = orders.entry(*conference).or_default();
                    *last += 1;
                    assert_eq!(order.0, *last);
                }
                EventKind::ConferenceEnded { conference, .. } => assert!(live.remove(conference)),
                _ => {}
            }
        }
        assert!(live.is_empty());
        self.check_commanders();
    }

    /// Who did what only a host may was one by then, or the console.
    fn check_commanders(&self) {
        let mut hosts = BTreeSet::new();
        for event in self.store.room(ROOM).unwrap().events() {
            match &event.kind {
                EventKind::ConfereePlaced { attendance, role: Role::Host, .. } => {
                    hosts.insert(*attendance);
                }
                EventKind::Commanded { command, by: Some(by), answer: Ok(()) } => match command.word {
                    CommandWord::BecomeHost => {
                        hosts.insert(*by);
                    }
                    CommandWord::RaiseHand
                    | CommandWord::LowerOwnHand
                    | CommandWord::CallOperator
                    | CommandWord::DropCallee => {}
                    CommandWord::Mute | CommandWord::Unmute => {
                        let is_own = self.was_conferee(*by, command.conferee);
                        assert!(is_own || hosts.contains(by), "a participant mutes another");
                    }
                    word => assert!(hosts.contains(by), "a participant did {word:?}"),
                },
                _ => {}
            }
        }
    }

    fn was_conferee(&self, who: AttendanceId, whom: Option<ConfereeId>) -> bool {
        self.store.room(ROOM).unwrap().events().iter().any(|event| {
            matches!(&event.kind, EventKind::ConfereePlaced { attendance, conferee, .. }
                if *attendance == who && Some(*conferee) == whom)
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_in_whatever_order_the_room_stays_sound(
        room in settings(),
        seats in [0..60u32, 0..60u32, 0..60u32],
        callers_max in proptest::option::of(1..40u32),
        steps in proptest::collection::vec(step(), 1..250),
    ) {
        let mut day = Day::new(room, seats, callers_max);
        for step in &steps {
            day.take(step);
        }
        day.end();
    }

    #[test]
    fn a_batch_ends_where_its_intents_would_one_by_one(
        room in settings(),
        seats in [0..60u32, 0..60u32, 0..60u32],
        before in proptest::collection::vec(step(), 0..60),
        batch in proptest::collection::vec(step(), 0..60),
    ) {
        let outcome = |one_by_one: bool| {
            let mut day = Day::new(room.clone(), seats, None);
            for step in &before {
                day.take(step);
            }
            day.settle();
            let known = day.callers.len();
            for step in batch.iter().filter(|step| step.is_at_one_instant(known)) {
                day.take(&step.at(0));
                if one_by_one {
                    day.settle();
                }
            }
            day.settle();
            day.outcome()
        };
        prop_assert_eq!(outcome(true), outcome(false));
    }

    #[test]
    fn two_first_callers_at_two_interface_servers_make_one_conference(
        roles in [role(), role()],
        entry in policy(),
        commits_first in 0..2usize,
    ) {
        let mut day = Day::new(Room { entry, ..room() }, [100; 3], None);
        for (server, role) in roles.iter().enumerate() {
            day.take(&Step::Attends { server, role: *role });
            day.take(&Step::Decides { server });
        }
        for server in [commits_first, 1 - commits_first] {
            day.take(&Step::Commits { server });
        }
        day.settle();
        let state = day.store.room(ROOM).unwrap();
        let is_met = roles.contains(&Role::Host) || entry == EntryPolicy::Start;
        prop_assert_eq!(state.conference().map(|live| live.seated), is_met.then_some(2));
        prop_assert_eq!(state.waiting().len(), if is_met { 0 } else { 2 });
        prop_assert_eq!(day.conflicts, 1);
        day.end();
    }

    #[test]
    fn three_hundred_callers_at_once_are_all_in_in_one_order_with_few_commits(
        servers in proptest::collection::vec(0..SERVERS, 300),
        entry in policy(),
        every in 10..60usize,
    ) {
        let settings = Room { entry, conferees_max: 400, ..room() };
        let mut day = Day::new(settings, [1000; 3], None);
        for (nth, server) in servers.iter().enumerate() {
            let role = if nth == 0 { Role::Host } else { Role::Participant };
            day.take(&Step::Attends { server: *server, role });
            if nth % every == 0 {
                day.take(&Step::Decides { server: nth % SERVERS });
                day.take(&Step::Commits { server: (nth + 1) % SERVERS });
            }
        }
        day.settle();
        let state = day.store.room(ROOM).unwrap();
        let orders: Vec<_> = state.seated().iter().map(|(order, _)| order.0).collect();
        prop_assert_eq!(orders, (1..=300).collect::<Vec<_>>());
        prop_assert!(day.store.commits() <= 60, "{} commits", day.store.commits());
        day.end();
    }
}

#[test]
fn two_rooms_that_want_a_mixers_last_seats_never_get_more_than_it_has() {
    let mut store = ReferenceStore::new(None);
    store.put_mixer(mixer("m1", "standard", 10));
    let rooms = [ROOM, partyline_conference::RoomId::from_bits(2)];
    let mut draw = Draw::default();
    let mut decided = Vec::new();
    for id in rooms {
        store.put_room(Room { id, class: class("standard"), ..room() });
    }
    for id in rooms {
        let caller = AttendanceId::from_bits(draw.bits());
        let snapshot = store.snapshot(id, Timestamp(0), &[], &[mixer_id("m1")]).unwrap();
        let decision = rules::decide(&snapshot, &[attend(caller, 1, Role::Host)], &draw.fresh(1));
        decided.push((id, caller, snapshot.room.version, decision));
    }
    let (first, second) = (decided[0].clone(), decided[1].clone());
    store.commit(first.0, first.2, Timestamp(0), &first.3).unwrap();
    let refused = store.commit(second.0, second.2, Timestamp(0), &second.3);
    assert_eq!(refused, Err(ReferenceError::MixerFull(mixer_id("m1"))));
    let snapshot = store.snapshot(second.0, Timestamp(0), &[], &[mixer_id("m1")]).unwrap();
    let again = rules::decide(&snapshot, &[attend(second.1, 1, Role::Host)], &draw.fresh(1));
    store.commit(second.0, snapshot.room.version, Timestamp(0), &again).unwrap();
    assert_eq!(store.mixers().next().unwrap().reserved, 10);
}
