//! Which address of ours each caller is told, for signalling and media.
//!
//! **Invariant:** nobody is told an unspecified address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::clock::now;
use crate::config::{Config, ExternalAddress};

/// Sources whose way is remembered; with one more all are forgotten, which costs a few microseconds for each.
const ROUTES_MAX: usize = 4096;
/// Ways change when a line comes or goes.
const ROUTE_AGE_MAX: Duration = Duration::from_secs(5);

/// The rules, and the ways that were looked up.
#[derive(Debug)]
pub(crate) struct Addressing {
    rules: Vec<ExternalAddress>,
    external: Option<IpAddr>,
    routes: Mutex<HashMap<IpAddr, (IpAddr, Instant)>>,
}

impl Addressing {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            rules: config.external_addresses.clone(),
            external: config.external_address,
            routes: Mutex::new(HashMap::new()),
        }
    }

    /// What a caller is told of a socket: the address that a router in between translates, else the socket's own; of a
    /// socket on every address the one by which this machine reaches the caller.
    pub(crate) fn told(&self, bound: IpAddr, caller: IpAddr) -> IpAddr {
        let caller = caller.to_canonical();
        if let Some(external) = self.translated(bound, caller) {
            return external;
        }
        if bound.is_unspecified() { self.towards(bound, caller) } else { bound }
    }

    /// What those are told of whom nothing is known.
    pub(crate) fn told_to_all(&self, bound: IpAddr) -> IpAddr {
        // Addresses for documentation: routed like any other, and nobody's.
        let far: IpAddr = match bound {
            IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
            IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        };
        self.told(bound, far)
    }

    fn translated(&self, bound: IpAddr, caller: IpAddr) -> Option<IpAddr> {
        // Nobody on this machine comes by the address that a router translates.
        if caller.is_loopback() {
            return None;
        }
        let of_rule = self.rules.iter().find(|rule| rule.covers(caller)).map(|rule| rule.address);
        of_rule.or(self.external).filter(|external| external.is_ipv4() == bound.is_ipv4())
    }

    fn towards(&self, bound: IpAddr, caller: IpAddr) -> IpAddr {
        let loopback: IpAddr = match bound {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let now = now();
        let mut routes = self.routes.lock();
        if let Some((own, at)) = routes.get(&caller)
            && now.saturating_duration_since(*at) < ROUTE_AGE_MAX
        {
            return *own;
        }
        let found =
            address_towards(caller).filter(|own| !own.is_unspecified() && own.is_ipv4() == bound.is_ipv4());
        let own = found.unwrap_or(loopback);
        if routes.len() >= ROUTES_MAX {
            routes.clear();
        }
        routes.insert(caller, (own, now));
        own
    }
}

/// The address by which this machine would reach another; no packet is sent to find out.
fn address_towards(far: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match far {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
    // Port 9 discards; a connected socket only knows its way.
    socket.connect((far, 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn behind_routers() -> Addressing {
        let rule = |networks: &[&str], except: &[&str], told: &str| ExternalAddress {
            networks: networks.iter().map(|text| text.parse().unwrap()).collect(),
            except: except.iter().map(|text| text.parse().unwrap()).collect(),
            address: address(told),
        };
        Addressing::new(&Config {
            external_addresses: vec![
                rule(&["198.51.100.0/24"], &[], "198.51.100.1"),
                rule(&["0.0.0.0/0"], &["10.0.0.0/8", "192.168.0.0/16"], "203.0.113.9"),
                rule(&["::/0"], &["fd00::/8"], "2001:db8::9"),
            ],
            ..Config::default()
        })
    }

    #[test]
    fn each_network_is_told_the_address_that_it_reaches() {
        let addressing = behind_routers();
        let told = |bound: &str, caller: &str| addressing.told(address(bound), address(caller)).to_string();
        assert_eq!(told("10.0.0.1", "8.8.8.8"), "203.0.113.9");
        assert_eq!(told("0.0.0.0", "8.8.8.8"), "203.0.113.9");
        assert_eq!(told("10.0.0.1", "198.51.100.77"), "198.51.100.1", "the first rule that covers it");
        assert_eq!(told("10.0.0.1", "10.9.9.9"), "10.0.0.1", "an exception");
        assert_eq!(told("10.0.0.1", "127.0.0.1"), "10.0.0.1", "who is on this machine");
        assert_eq!(told("fd00::1", "2001:db8:1::1"), "2001:db8::9");
        assert_eq!(told("fd00::1", "fd00::2"), "fd00::1");
        assert_eq!(
            told("2001:db8::1", "::ffff:8.8.8.8"),
            "2001:db8::1",
            "the other family's address is of no use"
        );
    }

    #[test]
    fn a_single_external_address_is_for_all_but_this_machine() {
        let config = Config { external_address: Some(address("203.0.113.9")), ..Config::default() };
        let addressing = Addressing::new(&config);
        assert_eq!(addressing.told(address("0.0.0.0"), address("10.1.1.1")), address("203.0.113.9"));
        assert!(addressing.told(address("0.0.0.0"), address("127.0.0.1")).is_loopback());
        assert_eq!(addressing.told_to_all(address("10.0.0.1")), address("203.0.113.9"));
    }

    #[test]
    fn nobody_is_told_an_unspecified_address() {
        // Numbers of a generator, so that every kind of address comes up.
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        let mut draw = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        for addressing in [Addressing::new(&Config::default()), behind_routers()] {
            for _ in 0..500 {
                let v4 = IpAddr::from((draw() as u32).to_be_bytes());
                let v6 = IpAddr::from((u128::from(draw()) << 64 | u128::from(draw())).to_be_bytes());
                for (bound, caller) in
                    [("0.0.0.0", v4), ("::", v6), ("0.0.0.0", address("0.0.0.0")), ("::", address("::"))]
                {
                    let told = addressing.told(address(bound), caller);
                    assert!(!told.is_unspecified(), "{bound} {caller}");
                    assert_eq!(told.is_ipv4(), address(bound).is_ipv4(), "{bound} {caller}");
                }
            }
            assert!(addressing.routes.lock().len() <= ROUTES_MAX);
        }
    }
}
