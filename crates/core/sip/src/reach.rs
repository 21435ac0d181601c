//! Which addresses others can mean when they name one of theirs: how far an address is known.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far an address is known, from the narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// Nobody's: unspecified, broadcast, multicast.
    Nowhere,
    /// This machine.
    Machine,
    /// One link.
    Link,
    /// One site: private addresses ([RFC 1918], [RFC 4193]) and those of carriers' NATs ([RFC 6598]).
    Site,
    /// Everywhere.
    World,
}

fn reach_of(address: IpAddr) -> Reach {
    match address.to_canonical() {
        IpAddr::V4(v4) => reach_of_v4(v4),
        IpAddr::V6(v6) => reach_of_v6(v6),
    }
}

fn reach_of_v4(v4: Ipv4Addr) -> Reach {
    let is_of_carrier = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
    // The whole of 0.0.0.0/8 is "this network" (RFC 6890).
    if v4.octets()[0] == 0 || v4.is_broadcast() || v4.is_multicast() {
        Reach::Nowhere
    } else if v4.is_loopback() {
        Reach::Machine
    } else if v4.is_link_local() {
        Reach::Link
    } else if v4.is_private() || is_of_carrier {
        Reach::Site
    } else {
        Reach::World
    }
}

fn reach_of_v6(v6: Ipv6Addr) -> Reach {
    if v6.is_unspecified() || v6.is_multicast() {
        Reach::Nowhere
    } else if v6.is_loopback() {
        Reach::Machine
    } else if v6.is_unicast_link_local() {
        Reach::Link
    } else if v6.is_unique_local() {
        Reach::Site
    } else {
        Reach::World
    }
}

/// Whether an address that somebody names leads to them from here, when they send from this source: one that is known
/// less far than the source is an address behind their NAT.
pub(crate) fn leads_back(named: IpAddr, source: IpAddr) -> bool {
    let named = reach_of(named);
    named != Reach::Nowhere && named >= reach_of(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads(named: &str, source: &str) -> bool {
        leads_back(named.parse().unwrap(), source.parse().unwrap())
    }

    #[test]
    fn a_private_address_named_from_outside_leads_nowhere() {
        for named in
            ["10.0.0.5", "192.168.1.9", "172.16.0.1", "100.64.0.3", "169.254.1.1", "127.0.0.1", "0.0.0.0"]
        {
            assert!(!leads(named, "203.0.113.9"), "{named}");
        }
        for named in ["fd00::5", "fe80::1", "::1", "::", "ff02::1", "::ffff:10.0.0.5"] {
            assert!(!leads(named, "2001:db8::9"), "{named}");
        }
    }

    #[test]
    fn an_address_known_as_far_as_the_source_is_taken_at_its_word() {
        assert!(leads("10.0.0.5", "10.0.0.7"));
        assert!(leads("192.168.1.5", "100.64.0.7"));
        assert!(leads("203.0.113.9", "198.51.100.1"));
        assert!(leads("203.0.113.9", "10.0.0.1"));
        assert!(leads("127.0.0.2", "127.0.0.1"));
        assert!(leads("2001:db8::9", "fd00::1"));
    }
}
