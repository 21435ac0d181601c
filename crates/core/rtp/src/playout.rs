//! How deep the jitter buffer is to be: deeper before packets come too late, less deep when depth was of no use.
//!
//! Each packet that comes says how many ticks would have been left over, had it been waited for: its slack. Where that is
//! less than nothing, or nearly, depth is lacking; where no packet of the last seconds had less than `n` ticks,
//! `n` ticks are of no use. Slack is counted against what sounds now, so it changes when the depth does. After depth was
//! given up too soon, the next try waits longer, as each costs somebody a word; but nobody converses with a delay
//! that is too long, so that one is not watched for long. It changes nothing itself.
//! **Invariant:** it never offers more to give up than every packet of the time that it watched had to spare.

use std::time::{Duration, Instant};

/// Ticks of a frame, and how long it takes: pulls come so far from each other.
pub(crate) const FRAME_TICKS: i32 = 160;
const FRAME: Duration = Duration::from_millis(20);
/// Nanoseconds of a tick.
const TICK_NANOS: u32 = 125_000;
const TICKS_A_SECOND: i64 = 8_000;

/// Pulls in a window: half a second.
const WINDOW_PULLS: u32 = 25;
/// Windows watched before depth is given up: 1.5 s, so that a burst is forgotten within 3 s. Fewer give delay back
/// sooner, more risk fewer gaps.
const WATCH_MIN: u32 = 3;
/// The longest watch, after many relapses: ten minutes.
const WATCH_MAX: u32 = 1_200;
/// How much longer the watch gets when giving up depth was followed by a late packet.
const RELAPSE_FACTOR: u32 = 4;
/// A late packet this soon after depth was given up is laid to that: 30 s.
const RELAPSE_PULLS: u32 = 1_500;
/// Less than this is left as it is: a millisecond.
const LEAST_TICKS: i32 = 8;
/// More than this to spare is given up after one window: 100 ms. A higher one lets a burst after a stall delay what
/// follows; a lower one takes away what a bad network needs. What is later is no fault of having given up depth.
const EXCESS_TICKS: i32 = 800;
/// A packet that comes this much before its pull, or less, is as good as late: half a millisecond, in which the clocks of
/// two sides that differ by 200 millionths come to differ in 2.5 s.
const NEAR_TICKS: i32 = 4;
/// The most that counts as near, where packets come unevenly: 5 ms.
const NEAR_MAX_TICKS: i32 = 40;
/// How much nearer a packet must not come for depth to be given up: what is given up is not wanted back at once.
const APART_TICKS: i32 = 8;
/// The most by which one late packet deepens the buffer: 60 ms.
const LACK_MAX_TICKS: i32 = 480;
/// A packet later than this (300 ms) is waited for by nobody.
const STRAGGLER_TICKS: i32 = 2_400;
/// A late packet is none by chance if it is no later than so many times the jitter, or the second in so many pulls.
const USUAL_JITTERS: f32 = 3.0;
const AGAIN_PULLS: u32 = 100;
/// For so many pulls silence is waited for: 1.5 s where packets come nearly too late, half a second where depth is of no
/// use, not at all where packets come too late. After so many more a change is made even if it is heard.
const NEAR_PATIENCE_PULLS: u32 = 75;
const SURPLUS_PATIENCE_PULLS: u32 = 25;
const LATE_PATIENCE_PULLS: u32 = 0;
const HEARD_AFTER_PULLS: u32 = 25;
/// Less than this (10 ms) to spare is given up in silence only.
const SMALL_TICKS: i32 = 80;

/// A change of depth that is wished for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DepthWish {
    /// Ticks by which the sound should get longer, and the buffer deeper; shorter where negative.
    pub ticks: i32,
    /// How soon.
    pub haste: Haste,
}

/// How soon a change of depth is wished for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Haste {
    /// When there is silence.
    #[default]
    InSilence,
    /// As soon as it can be done without being heard.
    Unheard,
    /// Now.
    AtOnce,
}

impl Haste {
    /// Of a wish that has waited for so long, and may wait for silence up to some time.
    const fn after(waited_pulls: u32, patience_pulls: u32) -> Self {
        if waited_pulls < patience_pulls {
            Self::InSilence
        } else if waited_pulls < patience_pulls + HEARD_AFTER_PULLS {
            Self::Unheard
        } else {
            Self::AtOnce
        }
    }
}

/// Watches slack and says what depth is wished for.
#[derive(Debug, Clone)]
pub(crate) struct Playout {
    window_pulls: u32,
    windows: u32,
    /// The least slack of this window, and of those before it.
    window_least: Option<i32>,
    watch_least: Option<i32>,
    watch_windows: u32,
    /// Ticks that are to be given up, or that are lacking: never both.
    surplus: i32,
    lacking: i32,
    /// Whether a packet was too late, not nearly.
    is_late: bool,
    waited_pulls: u32,
    since_given_up: Option<u32>,
    since_late: u32,
    arrivals: Arrivals,
}

/// When packets come, against the pulls and against each other.
#[derive(Debug, Clone, Default)]
struct Arrivals {
    started: Option<Instant>,
    last: Option<Instant>,
    last_pull: Option<Instant>,
    /// Whether packets are told of when they come, not when somebody looks for them just before the pull.
    is_timed: bool,
    /// From the time that a packet should be heard to when it came, from some beginning, in ticks.
    last_transit: Option<i64>,
    /// The mean change of that from packet to packet, as [RFC 3550 A.8] has it, in ticks.
    jitter_ticks: f32,
}

impl Playout {
    pub(crate) fn new() -> Self {
        Self {
            window_pulls: 0,
            windows: 0,
            window_least: None,
            watch_least: None,
            watch_windows: WATCH_MIN,
            surplus: 0,
            lacking: 0,
            is_late: false,
            waited_pulls: 0,
            since_given_up: None,
            since_late: AGAIN_PULLS,
            arrivals: Arrivals::default(),
        }
    }

    /// Another stream begins: what was learnt of the network stays, what was left over does not.
    pub(crate) const fn restart(&mut self) {
        self.window_pulls = 0;
        self.windows = 0;
        self.window_least = None;
        self.watch_least = None;
        self.surplus = 0;
        self.lacking = 0;
        self.is_late = false;
        self.waited_pulls = 0;
        self.arrivals.last_transit = None;
    }

    /// A packet for this position of the stream came, with so many ticks to spare, after the stream ran dry for so many.
    pub(crate) fn arrived(&mut self, now: Instant, position: u64, slack: i32, dry_ticks: u64) {
        if dry_ticks > EXCESS_TICKS as u64 {
            // What was held up and comes at once says nothing of what comes after it.
            self.arrivals.note_burst(now);
        } else {
            self.arrivals.note(now, position);
        }
        let (near, apart) = (self.arrivals.near_ticks(), 2 * self.arrivals.near_ticks() + APART_TICKS);
        let margin = self.arrivals.margin_ticks(now);
        let lost = |ticks: i32| if margin.is_some_and(|margin| margin < ticks) { FRAME_TICKS } else { 0 };
        let strict = slack - lost(apart);
        self.window_least = Some(self.window_least.map_or(strict, |least| least.min(strict)));
        self.surplus = self.surplus.min(strict).max(0);
        let needed = slack - lost(near);
        // After running dry the delay grows by itself.
        if dry_ticks == 0 && needed < 0 {
            self.lack(-needed, slack < 0);
        }
    }

    fn lack(&mut self, ticks: i32, is_late: bool) {
        let is_usual = ticks as f32 <= USUAL_JITTERS * self.arrivals.jitter_ticks + NEAR_MAX_TICKS as f32;
        let is_again = self.since_late < AGAIN_PULLS;
        if is_late {
            self.since_late = 0;
        }
        if ticks > STRAGGLER_TICKS || (is_late && !is_usual && !is_again) || ticks <= self.lacking {
            return;
        }
        self.relapse(ticks);
        let (transit, lacking) = (self.arrivals.last_transit, self.lacking);
        let (was_late, waited_pulls) = (self.is_late, self.waited_pulls);
        self.restart();
        self.arrivals.last_transit = transit;
        self.lacking = ticks.min(LACK_MAX_TICKS).max(lacking);
        self.is_late = is_late || was_late;
        self.waited_pulls = if lacking > 0 { waited_pulls } else { 0 };
    }

    /// The delay has grown by so much, in a gap.
    pub(crate) fn grew(&mut self, ticks: u64) {
        self.relapse(i32::try_from(ticks).unwrap_or(i32::MAX));
        self.restart();
    }

    /// Depth was lacking by so much: soon after some was given up, that was too soon.
    fn relapse(&mut self, ticks: i32) {
        let is_relapse = self.since_given_up.is_some_and(|pulls| pulls < RELAPSE_PULLS);
        if is_relapse && ticks <= EXCESS_TICKS {
            self.watch_windows = (self.watch_windows * RELAPSE_FACTOR).min(WATCH_MAX);
        }
        self.since_given_up = None;
    }

    /// The depth has changed by so much since packets were last noted.
    pub(crate) fn deepened(&mut self, ticks: i32) {
        let deepen = |least: &mut Option<i32>| *least = least.map(|least| least.saturating_add(ticks));
        deepen(&mut self.window_least);
        deepen(&mut self.watch_least);
        if self.surplus > 0 {
            self.surplus = self.surplus.saturating_add(ticks).max(0);
        }
        if self.lacking > 0 {
            self.lacking = self.lacking.saturating_sub(ticks).clamp(0, LACK_MAX_TICKS);
        }
    }

    /// Depth was given up as wished.
    pub(crate) const fn gave_up(&mut self) {
        self.since_given_up = Some(0);
    }

    /// A frame was pulled.
    pub(crate) fn pulled(&mut self, now: Instant) {
        self.arrivals.pulled(now);
        self.since_late = self.since_late.saturating_add(1);
        if let Some(pulls) = &mut self.since_given_up {
            *pulls = pulls.saturating_add(1);
            if *pulls == RELAPSE_PULLS {
                self.watch_windows = (self.watch_windows / 2).max(WATCH_MIN);
            }
        }
        self.waited_pulls = if self.surplus >= LEAST_TICKS || self.lacking > 0 {
            self.waited_pulls.saturating_add(1)
        } else {
            0
        };
        self.window_pulls += 1;
        if self.window_pulls == WINDOW_PULLS {
            self.end_window();
        }
    }

    fn end_window(&mut self) {
        self.window_pulls = 0;
        // Where nothing came, nothing was learnt.
        let Some(least) = self.window_least.take() else {
            return;
        };
        self.watch_least = Some(self.watch_least.map_or(least, |watched| watched.min(least)));
        self.windows += 1;
        if self.windows >= self.watch_windows {
            self.surplus = self.watch_least.take().filter(|&least| least >= LEAST_TICKS).unwrap_or(0);
            self.windows = 0;
        }
        // Where giving up depth has cost gaps before, as much is left as may stay.
        let stays = if self.watch_windows > WATCH_MIN { EXCESS_TICKS } else { 0 };
        if least > EXCESS_TICKS && least - stays >= LEAST_TICKS {
            self.surplus = self.surplus.max(least - stays);
        }
        if self.lacking > 0 {
            self.surplus = 0;
        }
    }

    /// What is wished for.
    pub(crate) const fn wish(&self) -> DepthWish {
        if self.lacking > 0 {
            let patience = if self.is_late { LATE_PATIENCE_PULLS } else { NEAR_PATIENCE_PULLS };
            return DepthWish { ticks: self.lacking, haste: Haste::after(self.waited_pulls, patience) };
        }
        let haste = match self.surplus {
            ..LEAST_TICKS => return DepthWish { ticks: 0, haste: Haste::InSilence },
            LEAST_TICKS..SMALL_TICKS => Haste::InSilence,
            SMALL_TICKS..=EXCESS_TICKS => Haste::after(self.waited_pulls, SURPLUS_PATIENCE_PULLS),
            _ => Haste::AtOnce,
        };
        DepthWish { ticks: -self.surplus, haste }
    }
}

impl Arrivals {
    fn note(&mut self, now: Instant, position: u64) {
        self.last = Some(now);
        let started = *self.started.get_or_insert(now);
        let clock = ticks(now.saturating_duration_since(started));
        let transit = clock - position as i64;
        if let Some(last) = self.last_transit.replace(transit) {
            let change = (transit - last).unsigned_abs().min(STRAGGLER_TICKS as u64) as f32;
            self.jitter_ticks += (change - self.jitter_ticks) / 16.0;
        }
    }

    const fn note_burst(&mut self, now: Instant) {
        self.last = Some(now);
        self.last_transit = None;
    }

    fn pulled(&mut self, now: Instant) {
        if let Some(last) = self.last.take() {
            self.is_timed = last != now;
        }
        self.last_pull = Some(now);
    }

    /// How long before the next pull it is; `None` where that is not to be known.
    fn margin_ticks(&self, now: Instant) -> Option<i32> {
        let pull = self.last_pull.filter(|_| self.is_timed)? + FRAME;
        Some(ticks(pull.saturating_duration_since(now)) as i32)
    }

    /// What counts as near: three eighths of the jitter are an eighth of the whole spread of delays that are spread evenly.
    const fn near_ticks(&self) -> i32 {
        let near = (self.jitter_ticks * 0.375) as i32;
        if near < NEAR_TICKS {
            NEAR_TICKS
        } else if near > NEAR_MAX_TICKS {
            NEAR_MAX_TICKS
        } else {
            near
        }
    }
}

fn ticks(time: Duration) -> i64 {
    let whole = i64::try_from(time.as_secs()).unwrap_or(i64::MAX).saturating_mul(TICKS_A_SECOND);
    whole.saturating_add(i64::from(time.subsec_nanos() / TICK_NANOS))
}
