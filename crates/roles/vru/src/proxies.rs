//! The proxies that a VRU knows: the one in use, and the next when it fails.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use partyline_rpc::{Address, Network};
use tonic::transport::Channel;

use crate::config::ProxyAddresses;

/// Channels to all proxies. Cheap to clone; all callers share what was found out.
#[derive(Debug, Clone)]
pub(crate) struct Proxies {
    channels: Arc<[Channel]>,
    preferred: Arc<AtomicUsize>,
}

/// Which proxy a request went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProxyPlace(usize);

impl Proxies {
    pub(crate) fn new(network: &Network, addresses: &ProxyAddresses) -> Self {
        let channels = addresses.iter().map(|address| network.channel(address)).collect();
        Self { channels, preferred: Arc::default() }
    }

    /// The proxy to ask; `None` where there are none.
    pub(crate) fn current(&self) -> Option<(ProxyPlace, Channel)> {
        let place = self.preferred.load(Ordering::Relaxed).checked_rem(self.channels.len())?;
        Some((ProxyPlace(place), self.channels[place].clone()))
    }

    /// This one did not answer: the next is asked from now on, unless another caller has moved on already.
    pub(crate) fn failed(&self, place: ProxyPlace) {
        let next = (place.0 + 1) % self.channels.len().max(1);
        let _ = self.preferred.compare_exchange(place.0, next, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Mixers are few; more addresses than this are a mistake, and the channels are opened anew.
const MIXERS_MAX: usize = 256;

/// Channels to mixers, by address. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Mixers {
    network: Network,
    channels: Arc<Mutex<HashMap<Address, Channel>>>,
}

impl Mixers {
    pub(crate) fn new(network: Network) -> Self {
        Self { network, channels: Arc::default() }
    }

    pub(crate) fn channel(&self, address: &Address) -> Channel {
        let mut channels = self.channels.lock();
        if channels.len() >= MIXERS_MAX && !channels.contains_key(address) {
            channels.clear();
        }
        channels.entry(address.clone()).or_insert_with(|| self.network.channel(address)).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_fails_makes_room_for_the_next_once() {
        let addresses = vec![Address::memory("a"), Address::memory("b")];
        let proxies = Proxies::new(&Network::new(), &addresses);
        let (first, _) = proxies.current().unwrap();
        proxies.failed(first);
        proxies.failed(first);
        let (second, _) = proxies.current().unwrap();
        assert_ne!(first, second);
        proxies.failed(second);
        assert_eq!(proxies.current().unwrap().0, first);
    }

    #[tokio::test]
    async fn a_vru_without_proxies_has_none_to_ask() {
        assert!(Proxies::new(&Network::new(), &vec![]).current().is_none());
    }
}
