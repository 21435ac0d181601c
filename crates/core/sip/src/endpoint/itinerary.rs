//! The hosts that may take a call of ours, and the order in which their places are tried ([RFC 3263 §4.3]).
//!
//! It sends nothing, and knows nothing of redirections but that a host which redirects has answered.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use super::{OutgoingCall, Target, TransportKind};
use crate::message::Uri;
use crate::shunned::Shunned;

/// Most hosts of one call.
const HOSTS_MAX: usize = 16;
/// Most places of one call; several hosts share them evenly, so that one of many addresses leaves the others theirs.
pub(super) const PLACES_MAX: usize = 32;

/// The address that a host is told as ours, and for which transport.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) transport: TransportKind,
    pub(super) address: SocketAddr,
}

/// A host, as requests to it name it.
#[derive(Debug, Clone)]
pub(super) struct Host {
    /// The Request-URI.
    pub(super) uri: String,
    /// The name that its certificate has to bear: what was asked for, not what it was resolved to ([RFC 5922 §4]).
    pub(super) server_name: String,
    pub(super) told: Option<Told>,
}

/// A place to go to.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    pub(super) target: Target,
    pub(super) host: Host,
    number: usize,
}

/// The places that a call has not been at.
#[derive(Debug, Default)]
pub(super) struct Itinerary {
    hosts: Vec<Host>,
    places: VecDeque<(usize, Target)>,
    /// The host that the call is at; `None` before the first, and where a host has sent it elsewhere.
    at: Option<usize>,
}

impl Host {
    fn new(
        uri: &str,
        first: Option<Target>,
        server_name: Option<&String>,
        advertised: Option<SocketAddr>,
    ) -> Self {
        let named = || Uri::parse(uri.as_bytes()).map(|uri| uri.host_text()).unwrap_or_default();
        let told = first.zip(advertised).map(|(first, address)| Told { transport: first.transport, address });
        Self { uri: uri.to_owned(), server_name: server_name.cloned().unwrap_or_else(named), told }
    }

    /// Whether it may be reached there: secured all the way means TLS.
    fn allows(&self, target: Target) -> bool {
        target.transport == TransportKind::Tls || !self.is_secured()
    }

    /// Whether it is to be reached securely all the way.
    pub(super) fn is_secured(&self) -> bool {
        Uri::parse(self.uri.as_bytes()).is_ok_and(|uri| uri.is_scheme(b"sips"))
    }
}

impl Itinerary {
    /// All places of all hosts of a call in their order, those that failed lately behind the others.
    pub(super) fn of(now: Instant, wanted: &OutgoingCall, shunned: &Shunned) -> Self {
        let first = Target { transport: wanted.transport, remote: wanted.remote };
        let mut hosts =
            vec![Host::new(&wanted.target, Some(first), wanted.server_name.as_ref(), wanted.advertised)];
        let own: Vec<Target> = std::iter::once(first).chain(wanted.alternatives.iter().copied()).collect();
        let mut places = vec![own];
        for further in wanted.further_hosts.iter().take(HOSTS_MAX - 1) {
            let (first, name) = (further.places.first().copied(), further.server_name.as_ref());
            hosts.push(Host::new(&further.target, first, name, further.advertised));
            places.push(further.places.clone());
        }
        let share = PLACES_MAX / hosts.len();
        let of_host = |(number, places): (usize, Vec<Target>)| {
            let host = &hosts[number];
            let allowed: Vec<_> = places.into_iter().filter(|target| host.allows(*target)).collect();
            allowed.into_iter().take(share).map(move |target| (number, target))
        };
        let all: Vec<(usize, Target)> = places.into_iter().enumerate().flat_map(of_host).collect();
        let (bad, good): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(_, target)| shunned.holds(now, *target));
        let places = good.into_iter().chain(bad).collect();
        Self { hosts, places, at: None }
    }

    /// The next place; it is not tried again.
    pub(super) fn next_stop(&mut self) -> Option<Stop> {
        let (number, target) = self.places.pop_front()?;
        Some(Stop { target, host: self.hosts[number].clone(), number })
    }

    /// The call goes to a place; whether that is with another host than the one where it is.
    pub(super) fn arrives(&mut self, stop: &Stop) -> bool {
        self.at.replace(stop.number) != Some(stop.number)
    }

    /// The host where the call is has sent it elsewhere: that is its answer, wherever it is asked.
    pub(super) fn is_sent_away(&mut self) {
        if let Some(at) = self.at.take() {
            self.places.retain(|(number, _)| *number != at);
        }
    }
}
