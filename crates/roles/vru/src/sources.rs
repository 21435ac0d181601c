//! Who was turned away, for what and how often: so that an operator sees who scans, guesses or floods.
//!
//! It decides nothing: the guess defence, the caps and the gate do. **Invariant:** however many sources there are, so
//! many are counted at most; who was silent longest makes room.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::info;

use crate::clock::now;

/// Sources counted; half a megabyte.
const SOURCES_MAX: usize = 4096;
/// From so many on it is told in the log, at each doubling.
const TOLD_FROM: u64 = 16;

/// What somebody was turned away for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnedAway {
    /// What was no SIP, or belonged to nothing: dropped without an answer.
    Garbage,
    /// A request that was refused: broken, not served here, of a call that is not there, or of who may not call.
    Refused,
    /// A call, or a handshake of TLS, that was refused or dropped because there were too many.
    Crowded,
    /// OPTIONS: an answer, but also how servers are looked for.
    Question,
    /// A wrong code or PIN.
    WrongCode,
    /// A wrong password.
    WrongPassword,
    /// A handshake of TLS that came to nothing: no TLS at all, no certificate that is good, or nothing in time.
    BadHandshake,
}

impl TurnedAway {
    /// All.
    pub const ALL: [Self; 7] = [
        Self::Garbage,
        Self::Refused,
        Self::Crowded,
        Self::Question,
        Self::WrongCode,
        Self::WrongPassword,
        Self::BadHandshake,
    ];

    /// As metrics and lists name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Garbage => "garbage",
            Self::Refused => "refused",
            Self::Crowded => "crowded",
            Self::Question => "questions",
            Self::WrongCode => "wrong_codes",
            Self::WrongPassword => "wrong_passwords",
            Self::BadHandshake => "bad_handshakes",
        }
    }
}

/// How often a source was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceCounts {
    /// Its address; of IPv6 the network of 64 bits, as one line has all of its addresses.
    pub source: IpAddr,
    counts: [u64; TurnedAway::ALL.len()],
    /// How long ago the last time was.
    pub last_before: Duration,
}

impl SourceCounts {
    /// For this.
    #[must_use]
    pub const fn of(&self, what: TurnedAway) -> u64 {
        self.counts[what as usize]
    }

    /// For whatever.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// The counts. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    by_source: HashMap<IpAddr, Entry>,
    /// By the turn of the last time: the first was silent longest.
    by_turn: BTreeMap<u64, IpAddr>,
    turn: u64,
}

#[derive(Debug)]
struct Entry {
    counts: [u64; TurnedAway::ALL.len()],
    turn: u64,
    last: Instant,
}

impl Sources {
    /// Counts one, and tells it in the log where it is one of many.
    pub(crate) fn note(&self, what: TurnedAway, source: IpAddr) {
        if let Some(times) = self.count(what, source).filter(|times| *times >= TOLD_FROM) {
            info!(%source, what = what.as_str(), times, "somebody is turned away again and again");
        }
    }

    /// Counts one; the count at 1, 2, 4, 8, …, for who tells it in the log in words of their own.
    pub(crate) fn count(&self, what: TurnedAway, source: IpAddr) -> Option<u64> {
        metrics::counter!("partyline_vru_turned_away_total", "what" => what.as_str()).increment(1);
        let mut table = self.0.lock();
        let times = table.count(what, network_of(source), now());
        let sources = table.by_source.len();
        drop(table);
        metrics::gauge!("partyline_vru_sources").set(sources as f64);
        times.is_power_of_two().then_some(times)
    }

    /// All that are counted, who was turned away most first.
    pub(crate) fn all(&self) -> Vec<SourceCounts> {
        let now = now();
        let mut all: Vec<SourceCounts> = self
            .0
            .lock()
            .by_source
            .iter()
            .map(|(source, entry)| SourceCounts {
                source: *source,
                counts: entry.counts,
                last_before: now.saturating_duration_since(entry.last),
            })
            .collect();
        all.sort_by_key(|counts| (std::cmp::Reverse(counts.all()), counts.source));
        all
    }
}

impl Table {
    fn count(&mut self, what: TurnedAway, source: IpAddr, now: Instant) -> u64 {
        self.turn += 1;
        if !self.by_source.contains_key(&source) && self.by_source.len() >= SOURCES_MAX {
            self.make_room();
        }
        let turn = self.turn;
        let entry = self.by_source.entry(source).or_insert_with(|| Entry {
            counts: [0; TurnedAway::ALL.len()],
            turn,
            last: now,
        });
        self.by_turn.remove(&entry.turn);
        self.by_turn.insert(turn, source);
        (entry.turn, entry.last) = (turn, now);
        let count = &mut entry.counts[what as usize];
        *count += 1;
        *count
    }

    fn make_room(&mut self) {
        if let Some((_, source)) = self.by_turn.pop_first() {
            self.by_source.remove(&source);
            metrics::counter!("partyline_vru_sources_forgotten_total").increment(1);
        }
    }
}

/// One line has one address of IPv4, or a network of 64 bits of IPv6.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u32) -> IpAddr {
        IpAddr::from(last.to_be_bytes())
    }

    #[test]
    fn each_kind_is_counted_and_the_worst_comes_first() {
        let sources = Sources::default();
        sources.note(TurnedAway::WrongCode, address(1));
        for _ in 0..3 {
            sources.note(TurnedAway::Garbage, address(2));
        }
        sources.note(TurnedAway::Question, address(2));
        let all = sources.all();
        assert_eq!(all.iter().map(|counts| counts.source).collect::<Vec<_>>(), [address(2), address(1)]);
        assert_eq!(
            (all[0].of(TurnedAway::Garbage), all[0].of(TurnedAway::Question), all[0].all()),
            (3, 1, 4)
        );
        assert_eq!(all[1].of(TurnedAway::WrongCode), 1);
    }

    #[test]
    fn scan_is_told_ever_more_rarely() {
        let sources = Sources::default();
        let told: Vec<u64> =
            (0..100).filter_map(|_| sources.count(TurnedAway::Refused, address(1))).collect();
        assert_eq!(told, [1, 2, 4, 8, 16, 32, 64]);
    }

    #[test]
    fn flood_of_sources_fills_no_table_and_forgets_who_was_silent_longest() {
        let sources = Sources::default();
        let (busy, silent) = (address(u32::MAX), address(u32::MAX - 1));
        sources.note(TurnedAway::Refused, silent);
        for number in 0..50_000 {
            sources.note(TurnedAway::Garbage, address(number));
            sources.note(TurnedAway::WrongPassword, busy);
        }
        let all = sources.all();
        assert_eq!(all.len(), SOURCES_MAX);
        assert_eq!((all[0].source, all[0].of(TurnedAway::WrongPassword)), (busy, 50_000));
        assert!(all.iter().all(|counts| counts.source != silent));
        assert_eq!(sources.0.lock().by_turn.len(), SOURCES_MAX);
    }

    #[test]
    fn one_ipv6_line_is_one_source() {
        let [a, b, c] = ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"]
            .map(|text| network_of(text.parse().unwrap()));
        assert_eq!(a, b);
        assert_ne!(a, c);
        assert_eq!(network_of("::ffff:192.0.2.1".parse().unwrap()), IpAddr::from([192, 0, 2, 1]));
    }
}
