//! How deep the jitter buffer is: grows by what came late, shrinks by what was never needed.
//!
//! No clock is read. What is left after each pull says all: if at every pull of the last seconds at least
//! `n` ticks were left over, `n` ticks of delay are of no use. After a late packet the delay is as long as the
//! lateness asked for; giving it up again too soon would cost another gap, so each time it does, the next try
//! waits longer. But nobody converses with a delay that is too long, so that one is not watched for long.
//! **Invariant:** it never offers more to trim than was left over at every pull of the last second.

/// Pulls in a window: a second, at 20 ms each.
const WINDOW_PULLS: u32 = 50;
/// Windows watched before trimming: fewer gives delay back sooner, more risks fewer gaps.
const WATCH_MIN: u32 = 3;
/// The longest watch, after many relapses: ten minutes.
const WATCH_MAX: u32 = 600;
/// How much longer the watch gets when trimming was followed by a late packet.
const RELAPSE_FACTOR: u32 = 4;
/// A late packet this soon after a trim is laid to it: 30 s.
const RELAPSE_PULLS: u32 = 1_500;
/// Less than this is not worth a cut in the sound: a millisecond at 8 kHz.
const TRIM_MIN_TICKS: u32 = 8;
/// Trimming waits so long for a quiet moment, then cuts anyway: 2 s.
const PATIENCE_PULLS: u32 = 100;
/// More left over than this at every pull of one window is trimmed without further watch: 100 ms at 8 kHz. A higher
/// one lets a burst after a stall delay what follows; a lower one takes away what a bad network needs.
const EXCESS_TICKS: u32 = 800;
/// How long that waits for a quiet moment: half a second.
const EXCESS_PATIENCE_PULLS: u32 = 25;

/// Watches what is left over and says what may be trimmed.
#[derive(Debug, Clone)]
pub(crate) struct Playout {
    window_pulls: u32,
    windows: u32,
    /// The least left after a pull of this window.
    window_least: u32,
    /// The least left after a pull of the windows before it.
    watch_least: u32,
    watch_windows: u32,
    surplus: u32,
    waited_pulls: u32,
    patience_pulls: u32,
    since_trim: Option<u32>,
}

impl Playout {
    pub(crate) const fn new() -> Self {
        Self {
            window_pulls: 0,
            windows: 0,
            window_least: u32::MAX,
            watch_least: u32::MAX,
            watch_windows: WATCH_MIN,
            surplus: 0,
            waited_pulls: 0,
            patience_pulls: PATIENCE_PULLS,
            since_trim: None,
        }
    }

    /// Another stream begins: what was learnt of the network stays, what was left over does not.
    pub(crate) const fn restart(&mut self) {
        self.window_pulls = 0;
        self.windows = 0;
        self.window_least = u32::MAX;
        self.watch_least = u32::MAX;
        self.surplus = 0;
        self.waited_pulls = 0;
        self.patience_pulls = PATIENCE_PULLS;
    }

    /// A packet came late, and the delay has grown by it.
    pub(crate) fn grew(&mut self) {
        if self.since_trim.is_some_and(|pulls| pulls < RELAPSE_PULLS) {
            self.watch_windows = (self.watch_windows * RELAPSE_FACTOR).min(WATCH_MAX);
        }
        self.since_trim = None;
        self.restart();
    }

    /// After a pull this many ticks are left.
    pub(crate) fn left(&mut self, ticks: u32) {
        self.window_least = self.window_least.min(ticks);
        self.window_pulls += 1;
        if let Some(pulls) = &mut self.since_trim {
            *pulls = pulls.saturating_add(1);
            if *pulls == RELAPSE_PULLS {
                self.watch_windows = (self.watch_windows / 2).max(WATCH_MIN);
            }
        }
        if self.window_pulls == WINDOW_PULLS {
            self.end_window();
        }
    }

    fn end_window(&mut self) {
        let least = std::mem::replace(&mut self.window_least, u32::MAX);
        self.watch_least = self.watch_least.min(least);
        self.window_pulls = 0;
        self.windows += 1;
        if self.windows >= self.watch_windows {
            self.surplus = if self.watch_least < TRIM_MIN_TICKS { 0 } else { self.watch_least };
            self.windows = 0;
            self.watch_least = u32::MAX;
        }
        // Where trimming has cost gaps before, as much is left as may stay.
        let stays = if self.watch_windows > WATCH_MIN { EXCESS_TICKS } else { 0 };
        if least > EXCESS_TICKS && least - stays >= TRIM_MIN_TICKS {
            self.surplus = self.surplus.max(least - stays);
            self.patience_pulls = EXCESS_PATIENCE_PULLS;
        }
    }

    /// How many ticks to trim before the next pull; `left` says how many it leaves.
    pub(crate) fn trim(&mut self, is_quiet: bool, left: u32) -> u32 {
        if self.surplus == 0 {
            return 0;
        }
        self.waited_pulls += 1;
        if !is_quiet && self.waited_pulls < self.patience_pulls {
            return 0;
        }
        let ticks = self.surplus.min(left);
        self.restart();
        self.since_trim = Some(0);
        ticks
    }
}
