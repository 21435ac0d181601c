//! What becomes of datagrams: lost, doubled, late, or cut off with the machine that they come from.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::chance::Chance;

/// The network is bad until then.
pub(super) const STORM: Duration = Duration::from_secs(40);
/// The slowest datagram of a network that is well.
const CALM_MS: u64 = 20;

/// An address of the run.
pub(crate) const fn at(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// How bad the network is while it is.
#[derive(Debug, Clone, Copy)]
struct Weather {
    lost_percent: u64,
    doubled_percent: u64,
    slowest_ms: u64,
}

/// All ways between all addresses.
#[derive(Debug)]
pub(super) struct Network {
    weather: Weather,
    /// From then on nothing comes from there any more, nor gets there.
    cut: Option<(Duration, SocketAddr)>,
    /// How many datagrams were lost.
    pub(super) lost: u64,
    /// How often each method and status was sent.
    pub(super) said: BTreeMap<String, usize>,
}

impl Network {
    /// One run in eight has good weather, and in one of eight a machine dies.
    pub(super) fn draw(chance: &mut Chance, machines: &[SocketAddr]) -> Self {
        let mut weather = Weather {
            lost_percent: chance.below(31),
            doubled_percent: chance.below(31),
            slowest_ms: 2 + chance.below(1_500),
        };
        if chance.percent(12) {
            weather = Weather { lost_percent: 0, doubled_percent: 0, slowest_ms: CALM_MS };
        }
        let cut = chance.percent(12).then(|| (chance.between_ms(2_000, 60_000), *chance.pick(machines)));
        Self { weather, cut, lost: 0, said: BTreeMap::new() }
    }

    /// Whether nothing ever gets lost or late.
    pub(super) fn is_fair(&self) -> bool {
        self.cut.is_none() && self.weather.lost_percent == 0 && self.weather.slowest_ms <= CALM_MS
    }

    /// Whether a machine dies in this run.
    pub(super) fn has_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// Whether it is this machine.
    pub(super) fn is_cut(&self, machine: SocketAddr) -> bool {
        self.cut.is_some_and(|(_, dead)| dead == machine)
    }

    /// How late each copy of a datagram arrives; none where it is lost. What is `sure` goes by a way that loses nothing.
    pub(super) fn fate(
        &mut self,
        chance: &mut Chance,
        now: Duration,
        [from, to]: [SocketAddr; 2],
        bytes: &[u8],
        sure: bool,
    ) -> Vec<Duration> {
        *self.said.entry(what(bytes)).or_default() += 1;
        if self.cut.is_some_and(|(since, machine)| now >= since && (machine == from || machine == to)) {
            self.lost += 1;
            return Vec::new();
        }
        let Weather { lost_percent, doubled_percent, slowest_ms } = self.weather;
        let is_stormy = now < STORM;
        if is_stormy && !sure && chance.percent(lost_percent) {
            self.lost += 1;
            return Vec::new();
        }
        let copies = if is_stormy && chance.percent(doubled_percent) { 2 } else { 1 };
        let slowest = if is_stormy { slowest_ms } else { CALM_MS };
        (0..copies).map(|_| chance.between_ms(1, slowest)).collect()
    }
}

/// The method or the status of a message.
fn what(bytes: &[u8]) -> String {
    let mut words = bytes.split(|byte| *byte == b' ');
    let first = words.next().unwrap_or_default();
    let word = if first == b"SIP/2.0" { words.next().unwrap_or_default() } else { first };
    String::from_utf8_lossy(word).into_owned()
}
