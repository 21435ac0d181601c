//! Callers who press keys at random, in every way and over bad ways, hang up, leave by keys, are deleted and call again.
//!
//! What they press is drawn from a seed; what comes of it is the server's affair, and afterwards it is looked at what
//! the server has left. **Invariant:** every wait ends, and every call that was made is over when the run is.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;
use tokio::task::JoinSet;

use super::{KeypadError, uri};
use crate::bench::{Bench, BenchConfig};
use crate::caller::Caller;
use crate::keys::{Damage, KeyWay};
use crate::load::Room;
use crate::plan::CallPlan;
use crate::progress::Progress;

/// What somebody might press on purpose: every key of the usual map, whole menus, and slips.
const PHRASES: &[&str] = &[
    "*0",
    "*1",
    "*15550199#",
    "*2",
    "*3",
    "*31",
    "*32",
    "*33",
    "*364*",
    "*366#",
    "*37",
    "*38",
    "*4",
    "*41",
    "*42",
    "*44",
    "*46",
    "*402#1",
    "*403#1",
    "*404#99",
    "*49",
    "*46699",
    "*4*",
    "*5",
    "#5",
    "*6",
    "#6",
    "*7",
    "#7",
    "*8",
    "*81234#",
    "*9",
    "*91",
    "*99",
    "*96",
    "*#",
    "**",
    "#99*",
    "#991",
    "*",
    "#",
    "6",
    "1",
    "9",
    "***",
    "##",
];
/// Pressed seldom: it ends the conference for all.
const END: &str = "#992";
/// An answer has come by then, or the caller gives up.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// After the keys that leave the call is over by then.
const LEAVE_MAX: Duration = Duration::from_secs(10);
/// A key that nothing follows for so long is given up by the server: 4 s, and what it takes to get there.
const ALONE: Duration = Duration::from_millis(4_800);
/// So much of what was pressed is told of a caller who is not let go.
const LATEST: usize = 8;
/// How often a caller looks whether they are still connected.
const LOOK: Duration = Duration::from_millis(100);

/// What to run.
#[derive(Debug, Clone)]
pub struct FumblePlan {
    /// The address to call, `sip:HOST:PORT`.
    pub target: String,
    /// The rooms that are called, in turn by chance.
    pub rooms: Vec<Room>,
    /// Callers at once.
    pub callers: usize,
    /// How long new calls are made.
    pub lasting: Duration,
    /// What is drawn follows from it.
    pub seed: u64,
}

/// What a run came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FumbleReport {
    /// Calls made.
    pub calls: u64,
    /// Answered ones.
    pub answered: u64,
    /// Refused ones, by status.
    pub refused: BTreeMap<u16, u64>,
    /// Keys pressed.
    pub keys: u64,
    /// Calls that were left by the keys for it.
    pub left_by_keys: u64,
    /// Calls that were hung up by the caller.
    pub hung_up: u64,
    /// Calls that the server ended: the conference was over, the caller deleted, the code wrong.
    pub ended_by_server: u64,
    /// Calls to which neither an answer nor a refusal came.
    pub unanswered: u64,
    /// Callers whom `*`, `*`, `*`, `#9#` did not let go, time and again.
    pub not_let_go: u64,
    /// Calls that ended in any other way, in words.
    pub strange: Vec<String>,
}

impl FumbleReport {
    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.answered += other.answered;
        for (status, times) in other.refused {
            *self.refused.entry(status).or_default() += times;
        }
        self.keys += other.keys;
        self.left_by_keys += other.left_by_keys;
        self.hung_up += other.hung_up;
        self.ended_by_server += other.ended_by_server;
        self.unanswered += other.unanswered;
        self.not_let_go += other.not_let_go;
        self.strange.extend(other.strange);
    }

    /// Whether no caller met with what should not be.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.unanswered == 0 && self.not_let_go == 0 && self.strange.is_empty() && self.answered > 0
    }
}

impl FumblePlan {
    /// Runs all callers, on a bench of its own, until the time is over and the last call has ended.
    ///
    /// # Errors
    /// [`KeypadError`].
    pub async fn run(&self, config: BenchConfig) -> Result<FumbleReport, KeypadError> {
        if self.rooms.is_empty() {
            return Err(KeypadError::NoRooms);
        }
        let bench = Arc::new(Bench::start(config).await?);
        let until = Instant::now() + self.lasting;
        let mut callers = JoinSet::new();
        for nth in 0..self.callers {
            let (plan, bench) = (self.clone(), Arc::clone(&bench));
            let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(nth as u64);
            let mut fumbler = Fumbler {
                plan,
                bench,
                nth,
                random: StdRng::seed_from_u64(seed),
                has_right_code: true,
                keys_by: (KeyWay::Events, Damage::None),
                pressed: Vec::new(),
                report: FumbleReport::default(),
            };
            callers.spawn(async move { fumbler.run(until).await.map(|()| fumbler.report) });
        }
        let mut report = FumbleReport::default();
        while let Some(done) = callers.join_next().await {
            match done {
                Ok(outcome) => report.add(outcome?),
                Err(error) => report.strange.push(format!("a caller's task: {error}")),
            }
        }
        if let Some(bench) = Arc::into_inner(bench) {
            bench.stop().await;
        }
        Ok(report)
    }
}

/// One caller.
struct Fumbler {
    plan: FumblePlan,
    bench: Arc<Bench>,
    nth: usize,
    random: StdRng,
    /// Whether the call at hand gets further than the code prompt.
    has_right_code: bool,
    /// How the call at hand tells keys, and what happens to them on the way.
    keys_by: (KeyWay, Damage),
    /// What was pressed in it, the latest last.
    pressed: Vec<String>,
    report: FumbleReport,
}

impl Fumbler {
    async fn run(&mut self, until: Instant) -> Result<(), KeypadError> {
        self.pause(0, 3_000).await;
        while Instant::now() < until {
            self.one_call(until).await?;
            self.pause(100, 2_000).await;
        }
        Ok(())
    }

    fn percent(&mut self, share: u32) -> bool {
        self.random.random_range(0..100) < share
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.random.random_range(0..items.len())]
    }

    async fn pause(&mut self, from_ms: u64, to_ms: u64) {
        tokio::time::sleep(Duration::from_millis(self.random.random_range(from_ms..to_ms))).await;
    }

    async fn one_call(&mut self, until: Instant) -> Result<(), KeypadError> {
        self.report.calls += 1;
        let plan = self.draw_call();
        let caller = self.bench.call(plan).await?;
        match tokio::time::timeout(ANSWER_MAX, caller.wait_answered()).await {
            Ok(Ok(_)) => self.report.answered += 1,
            Ok(Err(_)) | Err(_) => {
                self.never_up(&caller);
                return Ok(());
            }
        }
        let stay = Duration::from_millis(self.random.random_range(2_000..60_000));
        let leave_at = (Instant::now() + stay).min(until);
        while Instant::now() < leave_at && caller.ended().is_none() {
            let keys = self.draw_keys();
            self.report.keys += keys.len() as u64;
            caller.send_digits(&keys);
            self.pressed.push(keys);
            self.pause(200, 4_000).await;
        }
        self.leave(&caller).await;
        Ok(())
    }

    fn draw_call(&mut self) -> CallPlan {
        let rooms = self.plan.rooms.len();
        let room = self.plan.rooms[self.random.random_range(0..rooms)].clone();
        let code = if self.percent(25) { room.first } else { room.others };
        let way = self.pick(&[
            KeyWay::Events,
            KeyWay::Events,
            KeyWay::Events,
            KeyWay::InfoRelay,
            KeyWay::Info,
            KeyWay::Tones,
        ]);
        let damage = match self.random.random_range(0..10) {
            0 => Damage::Doubled,
            1 => Damage::FirstLost(2),
            2 => Damage::Reordered,
            3 => Damage::OnlyLastEnd,
            4 => Damage::Random { seed: self.random.random() },
            _ => Damage::None,
        };
        // Wrong codes count against a number.
        let from = format!("555{:07}", self.random.random_range(0..10_000_000));
        let dialled = self.percent(40);
        let wrong = self.percent(5);
        self.has_right_code = !wrong;
        self.keys_by = (way, damage);
        self.pressed.clear();
        let user = if dialled && !wrong { code.clone() } else { "conference".to_owned() };
        let mut plan =
            CallPlan::new(uri(&self.plan.target, &user)).from_user(from).key_way(way).damage(damage);
        plan = plan.memory(Duration::from_secs(1));
        if way == KeyWay::Tones {
            plan = plan.without_events();
        }
        if self.percent(50) {
            let hz = 400.0 + 100.0 * (self.nth % 25) as f32;
            plan = plan.tone(hz).level_dbov(-25.0);
        }
        if wrong {
            plan = plan.digits("00#");
        } else if !dialled {
            plan = plan.digits(format!("{code}#"));
        }
        plan
    }

    fn draw_keys(&mut self) -> String {
        if self.random.random_range(0..2_000) == 0 {
            return END.to_owned();
        }
        if self.percent(70) {
            return self.pick(PHRASES).to_owned();
        }
        let count = self.random.random_range(1..6);
        (0..count).map(|_| self.pick(&['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#'])).collect()
    }

    /// No answer: refused, or nothing at all.
    fn never_up(&mut self, caller: &Caller) {
        match caller.ended() {
            Some(crate::CallEnd::Refused { status }) => *self.report.refused.entry(status).or_default() += 1,
            Some(end) => self.report.strange.push(format!("no answer: {end:?}")),
            None => self.report.unanswered += 1,
        }
        caller.hang_up();
    }

    async fn leave(&mut self, caller: &Caller) {
        if self.is_over(caller) {
            return;
        }
        if !self.has_right_code || self.percent(50) {
            self.report.hung_up += 1;
            caller.hang_up();
            return;
        }
        // Who is still asked for their name says with the first `#` that this was it, and is in the conference for the next time.
        // A tone in the sound is lost with the packets that are late, and pressed again.
        let tries = if self.keys_by.0 == KeyWay::Tones { 4 } else { 2 };
        for _ in 0..tries {
            if self.is_let_go(caller).await {
                self.report.left_by_keys += 1;
                return;
            }
        }
        let (way, damage) = self.keys_by;
        let latest = self.pressed.iter().rev().take(LATEST).rev().cloned().collect::<Vec<_>>().join(" ");
        self.report.strange.push(format!("not let go: {way:?}, {damage:?}, after {latest}"));
        self.report.not_let_go += 1;
        caller.hang_up();
    }

    /// Presses the way out of every menu and entry, each key by itself, and out of the conference.
    async fn is_let_go(&self, caller: &Caller) -> bool {
        for keys in ["", "*", "*", "*", "#9#"] {
            caller.send_digits(keys);
            tokio::time::sleep(ALONE).await;
        }
        let until = Instant::now() + LEAVE_MAX;
        while Instant::now() < until {
            if matches!(caller.progress(), Progress::Ended(_)) {
                return true;
            }
            tokio::time::sleep(LOOK).await;
        }
        false
    }

    fn is_over(&mut self, caller: &Caller) -> bool {
        match caller.ended() {
            None => return false,
            Some(crate::CallEnd::TheyHungUp(_)) => self.report.ended_by_server += 1,
            Some(end) => self.report.strange.push(format!("a call that was up: {end:?}")),
        }
        true
    }
}

impl fmt::Display for FumbleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} calls, {} answered, {} keys; {} left by keys, {} hung up, {} ended by the server; refused {:?}",
            self.calls,
            self.answered,
            self.keys,
            self.left_by_keys,
            self.hung_up,
            self.ended_by_server,
            self.refused
        )?;
        writeln!(f, "{} unanswered, {} not let go by keys", self.unanswered, self.not_let_go)?;
        for strange in &self.strange {
            writeln!(f, "  {strange}")?;
        }
        Ok(())
    }
}
