//! The guess defence: wrong codes counted per source, in a bounded table.
//!
//! **Invariant:** a right code never clears a count, so that who knows one code can't guess others for free.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::config::GuessDefence;

/// Who guesses: a source address; of IPv6 the network, as one line has all of its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => Self(IpAddr::from((u128::from(v6) & !u128::from(u64::MAX)).to_be_bytes())),
            v4 @ IpAddr::V4(_) => Self(v4),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
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

#[derive(Debug, Clone, Copy)]
struct Guesses {
    wrong: u32,
    last_at: Instant,
    locked_until: Option<Instant>,
}

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

    /// Whether no code is taken from there now.
    pub(crate) fn is_locked_out(&mut self, now: Instant, source: Source) -> bool {
        self.sources.get(&source).is_some_and(|guesses| guesses.locked_until.is_some_and(|until| now < until))
    }

    /// A wrong code, or PIN.
    pub(crate) fn wrong(&mut self, now: Instant, source: Source) -> Verdict {
        self.make_room(now, source);
        let settings = self.settings;
        let fresh = Guesses { wrong: 0, last_at: now, locked_until: None };
        let guesses = self.sources.entry(source).or_insert(fresh);
        if is_forgotten(&settings, guesses, now) {
            *guesses = fresh;
        }
        guesses.wrong = guesses.wrong.saturating_add(1);
        guesses.last_at = now;
        if guesses.wrong >= settings.lockout_after {
            guesses.locked_until = Some(now + Duration::from_secs(settings.lockout_secs));
            return Verdict::LockedOut;
        }
        let Some(doublings) = guesses.wrong.checked_sub(settings.free + 1) else {
            return Verdict::Delay(Duration::ZERO);
        };
        let delay_ms = settings.delay_ms.saturating_mul(1 << doublings.min(20)).min(settings.delay_max_ms);
        Verdict::Delay(Duration::from_millis(delay_ms))
    }

    /// Sources that were forgotten before their time.
    pub(crate) const fn pushed_out(&self) -> u64 {
        self.pushed_out
    }

    fn make_room(&mut self, now: Instant, source: Source) {
        if self.sources.len() < self.settings.sources_max || self.sources.contains_key(&source) {
            return;
        }
        let settings = self.settings;
        self.sources.retain(|_, guesses| !is_forgotten(&settings, guesses, now));
        if self.sources.len() < settings.sources_max {
            return;
        }
        let oldest =
            self.sources.iter().min_by_key(|(_, guesses)| guesses.last_at).map(|(source, _)| *source);
        if let Some(oldest) = oldest {
            self.sources.remove(&oldest);
            self.pushed_out += 1;
        }
    }
}

fn is_forgotten(settings: &GuessDefence, guesses: &Guesses, now: Instant) -> bool {
    match guesses.locked_until {
        Some(until) => until <= now,
        None => now.duration_since(guesses.last_at) >= Duration::from_secs(settings.forget_secs),
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
        let verdicts: Vec<Verdict> = (0..6).map(|_| guard.wrong(now, source(1))).collect();
        let delays = [0, 0, 1, 2, 3].map(|secs| Verdict::Delay(Duration::from_secs(secs)));
        assert_eq!(verdicts[..5], delays);
        assert_eq!(verdicts[5], Verdict::LockedOut);
        assert!(guard.is_locked_out(now, source(1)));
        assert!(!guard.is_locked_out(now, source(2)));
    }

    #[test]
    fn lockout_ends_and_counting_begins_anew() {
        let (mut guard, now) = (Guard::new(settings()), Instant::now());
        for _ in 0..6 {
            guard.wrong(now, source(1));
        }
        let later = now + Duration::from_secs(settings().lockout_secs);
        assert!(!guard.is_locked_out(later, source(1)));
        assert_eq!(guard.wrong(later, source(1)), Verdict::Delay(Duration::ZERO));
    }

    #[test]
    fn old_mistakes_are_forgotten() {
        let (mut guard, mut now) = (Guard::new(settings()), Instant::now());
        for _ in 0..50 {
            now += Duration::from_secs(settings().forget_secs);
            assert_eq!(guard.wrong(now, source(1)), Verdict::Delay(Duration::ZERO));
        }
    }

    #[test]
    fn table_stays_bounded_and_counts_whom_it_pushed_out() {
        let (mut guard, now) = (Guard::new(settings()), Instant::now());
        for last in 0..100 {
            guard.wrong(now + Duration::from_millis(u64::from(last)), source(last));
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
}
