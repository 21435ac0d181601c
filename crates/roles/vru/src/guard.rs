//! The guess defence: wrong codes counted per source, in a bounded table.
//!
//! A check takes one of the tries that its source has left, and gives it back unless the code was wrong: so many
//! checks at once get no more tries than as many one after the other.
//!
//! **Invariant:** a right code never clears a count, so that who knows one code can't guess others for free.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::config::GuessDefence;
use crate::sources::network_of;

/// Longer numbers are cut off.
const NUMBER_CHARS_MAX: usize = 64;

/// Who guesses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// A source address; of IPv6 the network, as one line has all of its addresses.
    Address(IpAddr),
    /// A caller of a trunk, which brings everybody's calls from one address.
    Caller {
        /// The caller's number; empty where it is withheld.
        number: String,
        /// The number dialled.
        dnis: String,
    },
}

impl Source {
    pub(crate) fn caller(number: &str, dnis: &str) -> Self {
        let cut = |text: &str| text.chars().take(NUMBER_CHARS_MAX).collect();
        Self::Caller { number: cut(number), dnis: cut(dnis) }
    }
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        Self::Address(network_of(address))
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Caller { .. } => f.write_str("a caller of a trunk"),
        }
    }
}

/// What a wrong code leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The caller is told after this delay.
    Delay(Duration),
    /// With this one the source is locked out.
    LockedOut,
}

#[derive(Debug)]
struct Guesses {
    wrong: u32,
    /// Until when forgetting is reckoned.
    faded_at: Instant,
    locked_until: Option<Instant>,
    /// Those left; closed by the lockout.
    tries: Arc<Semaphore>,
}

impl Guesses {
    fn new(settings: &GuessDefence, now: Instant) -> Self {
        let tries = Arc::new(Semaphore::new(settings.lockout_after.min(TRIES_MAX) as usize));
        Self { wrong: 0, faded_at: now, locked_until: None, tries }
    }

    /// Forgets what is to be forgotten by now.
    fn fade(&mut self, settings: &GuessDefence, now: Instant) {
        if let Some(until) = self.locked_until {
            if until <= now {
                *self = Self::new(settings, now);
            }
            return;
        }
        let step = Duration::from_secs(settings.forget_secs) / settings.lockout_after.max(1);
        let since = now.saturating_duration_since(self.faded_at);
        let steps = since.as_nanos().checked_div(step.as_nanos()).unwrap_or(u128::MAX);
        let forgotten = u32::try_from(steps).unwrap_or(u32::MAX).min(self.wrong);
        self.wrong -= forgotten;
        self.tries.add_permits(forgotten as usize);
        self.faded_at = if self.wrong == 0 { now } else { self.faded_at + step * forgotten };
    }

    /// Whether nothing speaks against the source, and nobody is being checked.
    fn is_blank(&self) -> bool {
        self.wrong == 0 && self.locked_until.is_none() && Arc::strong_count(&self.tries) == 1
    }
}

/// More tries than anybody sets; a semaphore has a limit.
const TRIES_MAX: u32 = 1 << 20;

/// The table.
#[derive(Debug)]
pub(crate) struct Guard {
    settings: GuessDefence,
    sources: HashMap<Source, Guesses>,
    pushed_out: u64,
}

impl Guard {
    pub(crate) fn new(settings: GuessDefence) -> Self {
        Self { settings, sources: HashMap::new(), pushed_out: 0 }
    }

    /// The tries that a source has left: one is taken for each check. `None` where no code is taken from there now.
    pub(crate) fn tries(&mut self, now: Instant, source: &Source) -> Option<Arc<Semaphore>> {
        let guesses = self.guesses(now, source);
        guesses.locked_until.is_none().then(|| Arc::clone(&guesses.tries))
    }

    /// A wrong code, or PIN; its try is used up.
    pub(crate) fn wrong(&mut self, now: Instant, source: &Source) -> Verdict {
        let settings = self.settings;
        let guesses = self.guesses(now, source);
        guesses.wrong = guesses.wrong.saturating_add(1);
        if guesses.wrong >= settings.lockout_after {
            guesses.locked_until = Some(now + Duration::from_secs(settings.lockout_secs));
            guesses.tries.close();
            return Verdict::LockedOut;
        }
        let Some(doublings) = guesses.wrong.checked_sub(settings.free + 1) else {
            return Verdict::Delay(Duration::ZERO);
        };
        let delay_ms = settings.delay_ms.saturating_mul(1 << doublings.min(20)).min(settings.delay_max_ms);
        Verdict::Delay(Duration::from_millis(delay_ms))
    }

    /// A check ended without a wrong code, and has given its try back: a source with no count needs no place.
    pub(crate) fn settled(&mut self, source: &Source) {
        if self.sources.get(source).is_some_and(Guesses::is_blank) {
            self.sources.remove(source);
        }
    }

    /// Sources that were forgotten before their time.
    pub(crate) const fn pushed_out(&self) -> u64 {
        self.pushed_out
    }

    fn guesses(&mut self, now: Instant, source: &Source) -> &mut Guesses {
        self.make_room(now, source);
        let settings = self.settings;
        let fresh = || Guesses::new(&settings, now);
        let guesses = self.sources.entry(source.clone()).or_insert_with(fresh);
        guesses.fade(&settings, now);
        guesses
    }

    fn make_room(&mut self, now: Instant, source: &Source) {
        if self.sources.len() < self.settings.sources_max || self.sources.contains_key(source) {
            return;
        }
        let settings = self.settings;
        self.sources.retain(|_, guesses| {
            guesses.fade(&settings, now);
            !guesses.is_blank()
        });
        if self.sources.len() < settings.sources_max {
            return;
        }
        let oldest =
            self.sources.iter().min_by_key(|(_, guesses)| guesses.faded_at).map(|(source, _)| source.clone());
        if let Some(oldest) = oldest {
            self.sources.remove(&oldest);
            self.pushed_out += 1;
            metrics::counter!("partyline_vru_guessers_forgotten_total").increment(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(last: u8) -> Source {
        Source::from(IpAddr::from([192, 0, 2, last]))
    }

    fn settings() -> GuessDefence {
        GuessDefence {
            free: 2,
            delay_ms: 1000,
            delay_max_ms: 3000,
            lockout_after: 6,
            sources_max: 3,
            ..GuessDefence::default()
        }
    }

    #[test]
    fn wrong_codes_are_free_then_slow_then_shut_out() {
        let (mut guard, now) = (Guard::new(settings()), Instant::now());
        let verdicts: Vec<Verdict> = (0..6).map(|_| guard.wrong(now, &source(1))).collect();
        let delays = [0, 0, 1, 2, 3].map(|secs| Verdict::Delay(Duration::from_secs(secs)));
        assert_eq!(verdicts[..5], delays);
        assert_eq!(verdicts[5], Verdict::LockedOut);
        assert!(guard.tries(now, &source(1)).is_none());
        assert!(guard.tries(now, &source(2)).is_some());
    }

    #[test]
    fn lockout_ends_and_counting_begins_anew() {
        let (mut guard, now) = (Guard::new(settings()), Instant::now());
        for _ in 0..6 {
            guard.wrong(now, &source(1));
        }
        let later = now + Duration::from_secs(settings().lockout_secs);
        assert!(guard.tries(later, &source(1)).is_some());
        assert_eq!(guard.wrong(later, &source(1)), Verdict::Delay(Duration::ZERO));
    }

    #[test]
    fn old_mistakes_are_forgotten() {
        let (mut guard, mut now) = (Guard::new(settings()), Instant::now());
        for _ in 0..50 {
            now += Duration::from_secs(settings().forget_secs);
            assert_eq!(guard.wrong(now, &source(1)), Verdict::Delay(Duration::ZERO));
        }
    }

    #[test]
    fn table_stays_bounded_and_counts_whom_it_pushed_out() {
        let (mut guard, now) = (Guard::new(settings()), Instant::now());
        for last in 0..100 {
            guard.wrong(now + Duration::from_millis(u64::from(last)), &source(last));
        }
        assert_eq!(guard.sources.len(), 3);
        assert_eq!(guard.pushed_out(), 97);
    }

    #[test]
    fn one_ipv6_line_is_one_source() {
        let [a, b, c] = ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"]
            .map(|text| Source::from(text.parse::<IpAddr>().unwrap()));
        assert_eq!(a, b);
        assert_ne!(a, c);
        assert_eq!(Source::from("::ffff:192.0.2.1".parse::<IpAddr>().unwrap()), source(1));
    }

    #[test]
    fn mistakes_are_forgotten_one_by_one_even_of_who_goes_on_making_them() {
        let (mut guard, mut now) = (Guard::new(settings()), Instant::now());
        let step = Duration::from_secs(settings().forget_secs) / settings().lockout_after;
        for _ in 0..100 {
            now += step;
            assert_eq!(guard.wrong(now, &source(1)), Verdict::Delay(Duration::ZERO));
        }
    }

    #[test]
    fn checks_at_once_get_as_many_tries_as_checks_in_a_row() {
        let (mut guard, now) = (Guard::new(settings()), Instant::now());
        let tries = guard.tries(now, &source(1)).unwrap();
        let taken: Vec<_> = std::iter::from_fn(|| Arc::clone(&tries).try_acquire_owned().ok()).collect();
        assert_eq!(taken.len(), settings().lockout_after as usize);
        drop(taken);
        drop(tries);
        guard.settled(&source(1));
        assert!(guard.sources.is_empty(), "who guessed nothing wrong takes no place");
    }

    #[test]
    fn callers_of_a_trunk_are_told_apart() {
        let (mut guard, now) = (Guard::new(settings()), Instant::now());
        let (guesser, other) = (Source::caller("100", "500"), Source::caller("101", "500"));
        for _ in 0..6 {
            guard.wrong(now, &guesser);
        }
        assert!(guard.tries(now, &guesser).is_none());
        assert!(guard.tries(now, &other).is_some());
    }
}
