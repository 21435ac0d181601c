//! Callers of one room who press keys at random, each with a real journey, against the real rules on a store in memory.
//!
//! What is looked for is a key that does what it may not, or a state that no key leaves. Answers get lost; in half of the
//! runs streams break, and interface servers, mixers and VRUs die and come back. Who has gone calls again. Once all is
//! calm they leave every menu by keys, unmute each other by keys, and go by keys.
//!
//! **Invariant:** a run is a function of its seed.

mod callers;
mod desk;
mod fingers;
mod troubles;

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
use troubles::Trouble;

/// Keys are pressed at random for so long in a short run, and in a long one.
const SHORT: Duration = Duration::from_secs(90);
const HOUR: Duration = Duration::from_secs(3_600);
/// What was begun when the random keys end is over: answers, delays after wrong codes.
const BACK_AFTER: Duration = Duration::from_secs(10);
/// All menus have been left by keys.
const UNMUTE_AFTER: Duration = Duration::from_secs(28);
/// For keys of one who unmutes to have had their effect.
const UNMUTE_EVERY: Duration = Duration::from_secs(7);
/// More tries to unmute one after the other than there can be conferees, each of whom may take two.
const UNMUTES_MAX: u32 = 45;
/// From the keys that leave to the last call's end.
const GONE_AFTER: Duration = Duration::from_secs(40);
/// Most callers at once in a short run, and how many there are in a long one.
const SHORT_CALLERS: usize = 10;
const HOUR_CALLERS: usize = 20;
/// Where mixers are.
const MIXERS: [&str; 2] = ["m", "n"];
/// Where callers call.
const VRUS: [&str; 2] = ["vru", "vru-b"];

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
    /// Calls that were made.
    pub calls: u64,
    /// Streams that broke, and servers, mixers and VRUs that died.
    pub troubles: u64,
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
        self.calls += other.calls;
        self.troubles += other.troubles;
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
    Trouble(Trouble),
    /// All leave their menus.
    Back,
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
    /// When keys are no longer pressed at random.
    random_until: Duration,
    /// When each of [`MIXERS`] died.
    mixers_died: [Option<Duration>; MIXERS.len()],
    /// No interface server decides until then.
    desk_back_at: Option<Duration>,
    callers: Vec<Caller>,
    /// Whether participants know the host's code.
    is_code_known: bool,
    /// Who may be a host: by the code at entry, or by the code since.
    hosts: BTreeSet<AttendanceId>,
    report: KeysReport,
    failure: Option<String>,
}

/// The identifier of one of [`MIXERS`].
fn mixer_id(mixer: usize) -> MixerId {
    MixerId::new(MIXERS[mixer]).expect("a plain name")
}

/// Runs the callers of a seed to their end.
///
/// # Errors
/// What should not be, at the first time that it is.
pub fn run_keys(seed: u64) -> Result<KeysReport, String> {
    let mut chance = Chance::new(seed);
    let (callers, has_troubles) = (2 + chance.index(SHORT_CALLERS - 1), chance.percent(50));
    run_callers(Keypads::draw(chance, SHORT, callers, has_troubles))
}

/// Runs an hour of twenty callers, who call again when they have gone, through troubles of every kind.
///
/// # Errors
/// What should not be, at the first time that it is.
pub fn run_keys_for_an_hour(seed: u64) -> Result<KeysReport, String> {
    run_callers(Keypads::draw(Chance::new(seed), HOUR, HOUR_CALLERS, true))
}

fn run_callers(mut world: Keypads) -> Result<KeysReport, String> {
    let gone_at = world.leave_at() + GONE_AFTER;
    while let Some(((at, _), step)) = world.steps.pop_first() {
        if at >= gone_at {
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
    fn draw(mut chance: Chance, random_until: Duration, callers: usize, has_troubles: bool) -> Self {
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
        for mixer in 0..MIXERS.len() {
            store.put_mixer(MixerLoad { id: mixer_id(mixer), class: class(), seats_max: 500, reserved: 0 });
        }
        store.put_room(room);
        let mut world = Self {
            chance,
            steps: BTreeMap::new(),
            scheduled: 0,
            origin: Instant::now(),
            now: Duration::ZERO,
            store,
            room: room_id(0),
            random_until,
            mixers_died: [None; MIXERS.len()],
            desk_back_at: None,
            is_code_known: false,
            hosts: BTreeSet::new(),
            callers: Vec::new(),
            report: KeysReport::default(),
            failure: None,
        };
        world.is_code_known = world.chance.percent(40);
        for nth in 0..callers {
            let role = if nth == 0 || world.chance.percent(15) { Role::Host } else { Role::Participant };
            let at = world.chance.between_ms(0, 20_000);
            world.expect(role, at);
        }
        world.at(Duration::ZERO, Step::Sweep);
        if has_troubles {
            world.schedule_troubles();
        }
        world.at(random_until + BACK_AFTER, Step::Back);
        world.at(random_until + UNMUTE_AFTER, Step::Unmute(0));
        world.at(world.leave_at(), Step::Leave);
        world
    }

    /// Nobody is muted any more.
    fn leave_at(&self) -> Duration {
        self.random_until + UNMUTE_AFTER + UNMUTE_EVERY * (UNMUTES_MAX + 1)
    }

    /// Somebody will call at a time, as whom they dial the code for.
    fn expect(&mut self, role: Role, at: Duration) {
        let attendance = AttendanceId::from_bits(self.chance.bits());
        let vru = self.chance.index(VRUS.len());
        if role == Role::Host {
            self.hosts.insert(attendance);
        }
        self.callers.push(Caller::new(attendance, role, vru));
        let caller = self.callers.len() - 1;
        self.at(at, Step::Dial(caller));
        self.at(at + Duration::from_secs(2), Step::Fidget(caller));
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
        let Some(step) = self.unless_out(step) else { return };
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
            Step::Trouble(trouble) => self.trouble(trouble),
            Step::Back => self.leave_menus(),
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
