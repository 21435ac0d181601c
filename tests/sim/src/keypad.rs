//! Callers of one room who press keys at random, each with a real journey, against the real rules on a store in memory.
//!
//! Nothing breaks here but answers that get lost: what is looked for is a key that does what it may not, or a state
//! that no key leaves. At the end all leave every menu by keys, unmute each other by keys, and go by keys.
//!
//! **Invariant:** a run is a function of its seed.

mod callers;
mod desk;
mod fingers;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use partyline_call::Fact;
use partyline_conference::reference::ReferenceStore;
use partyline_conference::room::{EntryPolicy, HostLeaves};
use partyline_conference::{
    AttendanceId, Command, CommandId, Epoch, Intent, MixId, MixerId, MixerLoad, Role, Room, RoomId, Timestamp,
};

use crate::calls::room_id;
use crate::chance::Chance;
use crate::world::{class, draw_room};
use callers::Caller;

/// Until then keys are pressed at random.
const RANDOM_UNTIL: Duration = Duration::from_secs(90);
/// What was begun by then is over: answers, delays after wrong codes.
const BACK_AT: Duration = Duration::from_secs(100);
/// All menus have been left by keys.
const UNMUTE_AT: Duration = Duration::from_secs(118);
/// Nobody is muted any more.
const LEAVE_AT: Duration = Duration::from_secs(240);
/// All have gone.
const GONE_AT: Duration = Duration::from_secs(280);

/// What a run came to. The same for the same seed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeysReport {
    /// Keys that were pressed.
    pub keys: u64,
    /// Commands that were carried out.
    pub done: u64,
    /// Commands that were refused.
    pub refused: u64,
    /// Commands of hosts that were sent for participants, by a VRU that is not to be trusted.
    pub forged: u64,
    /// Participants who became hosts by the code.
    pub promoted: u64,
    /// Conferees who were muted when the random keys were over.
    pub muted: u64,
    /// Callers who left by keys in the end.
    pub left: u64,
}

impl std::ops::AddAssign<&Self> for KeysReport {
    fn add_assign(&mut self, other: &Self) {
        self.keys += other.keys;
        self.done += other.done;
        self.refused += other.refused;
        self.forged += other.forged;
        self.promoted += other.promoted;
        self.muted += other.muted;
        self.left += other.left;
    }
}

/// Something that happens.
#[derive(Debug, Clone)]
enum Step {
    Dial(usize),
    Tell(usize, Fact),
    Wake(usize),
    /// The caller's VRU hears what holds for them now.
    See(usize),
    Ask(Intent),
    Order {
        caller: usize,
        number: partyline_call::AskNumber,
        id: CommandId,
        command: Command,
    },
    Joined(usize, MixId, Epoch),
    /// A caller presses something at random, and will again.
    Fidget(usize),
    Sweep,
    /// Somebody who is muted is helped out of it by keys; so many have been.
    Unmute(u32),
    Leave,
}

/// The room, its callers, and the store.
struct Keypads {
    chance: Chance,
    steps: BTreeMap<(Duration, u64), Step>,
    scheduled: u64,
    origin: Instant,
    now: Duration,
    store: ReferenceStore,
    room: RoomId,
    mixer: MixerId,
    callers: Vec<Caller>,
    /// Whether participants know the host's code.
    is_code_known: bool,
    /// Who may be a host: by the code at entry, or by the code since.
    hosts: BTreeSet<AttendanceId>,
    report: KeysReport,
    failure: Option<String>,
}

/// Runs the callers of a seed to their end.
///
/// # Errors
/// What should not be, at the first time that it is.
pub fn run_keys(seed: u64) -> Result<KeysReport, String> {
    let mut world = Keypads::draw(seed);
    while let Some(((at, _), step)) = world.steps.pop_first() {
        if at >= GONE_AT {
            break;
        }
        world.now = at;
        world.happen(step);
        if let Some(failure) = world.failure {
            return Err(format!("at {at:?}: {failure}"));
        }
    }
    world.check_nothing_is_left();
    match world.failure {
        Some(failure) => Err(failure),
        None => Ok(world.report),
    }
}

impl Keypads {
    fn draw(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let room = Room {
            unmute_oneself: chance.percent(30),
            deleted_stay_out: chance.percent(50),
            waiting_room: chance.percent(30),
            roll_call: chance.percent(30),
            host_leaves: *chance.pick(&[HostLeaves::Continue, HostLeaves::Grace(Duration::from_secs(60))]),
            entry: *chance.pick(&[EntryPolicy::Start, EntryPolicy::Hold]),
            conference_max: chance.percent(30).then_some(Duration::from_secs(1_200)),
            call_max: None,
            ..draw_room(&mut chance, 0)
        };
        let mut store = ReferenceStore::new(None);
        let mixer = MixerId::new("m").expect("a plain name");
        store.put_mixer(MixerLoad { id: mixer.clone(), class: class(), seats_max: 500, reserved: 0 });
        store.put_room(room);
        let callers: Vec<_> = (0..2 + chance.index(9))
            .map(|nth| {
                let role = if nth == 0 || chance.percent(15) { Role::Host } else { Role::Participant };
                Caller::new(AttendanceId::from_bits(chance.bits()), role)
            })
            .collect();
        let mut world = Self {
            chance,
            steps: BTreeMap::new(),
            scheduled: 0,
            origin: Instant::now(),
            now: Duration::ZERO,
            store,
            room: room_id(0),
            mixer,
            is_code_known: false,
            hosts: callers
                .iter()
                .filter(|caller| caller.role == Role::Host)
                .map(|caller| caller.attendance)
                .collect(),
            callers,
            report: KeysReport::default(),
            failure: None,
        };
        world.is_code_known = world.chance.percent(40);
        for caller in 0..world.callers.len() {
            let at = world.chance.between_ms(0, 20_000);
            world.at(at, Step::Dial(caller));
            world.at(at + Duration::from_secs(2), Step::Fidget(caller));
        }
        world.at(Duration::ZERO, Step::Sweep);
        world.schedule_end();
        world
    }

    fn at(&mut self, at: Duration, step: Step) {
        self.scheduled += 1;
        self.steps.insert((at, self.scheduled), step);
    }

    fn soon(&mut self, from_ms: u64, to_ms: u64, step: Step) {
        let at = self.now + self.chance.between_ms(from_ms, to_ms);
        self.at(at, step);
    }

    fn happen(&mut self, step: Step) {
        match step {
            Step::Dial(caller) => self.dial(caller),
            Step::Tell(caller, fact) => self.tell(caller, fact),
            Step::Wake(caller) => self.wake(caller),
            Step::See(caller) => self.see(caller),
            Step::Ask(intent) => self.decide(intent),
            Step::Order { caller, number, id, command } => self.order(caller, number, id, command),
            Step::Joined(caller, mix, epoch) => self.joined(caller, mix, epoch),
            Step::Fidget(caller) => self.fidget(caller),
            Step::Sweep => self.sweep(),
            Step::Unmute(times) => self.unmute(times),
            Step::Leave => self.leave(),
        }
    }

    fn instant(&self) -> Instant {
        self.origin + self.now
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp(0).after(self.now)
    }

    /// Something is not as it should be; the first such thing is told.
    fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
    }

    fn check_nothing_is_left(&mut self) {
        let there = self.callers.iter().filter(|caller| !caller.is_over).map(|caller| &caller.journey);
        let there: Vec<_> = there.collect();
        let reserved: u32 = self.store.mixers().map(|mixer| mixer.reserved).sum();
        let left = (there.len(), self.store.callers(), reserved);
        if left != (0, 0, 0) {
            let what = "calls, callers, seats";
            let why = format!("left at the end ({what}): {left:?}; {there:?}");
            self.fail(why);
        }
    }
}
