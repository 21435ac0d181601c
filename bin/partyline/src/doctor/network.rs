//! Facts about ports and addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use super::{Finding, RunningServer};
use crate::config::Config;

/// Pairs of RTP ports that are tried, spread over the range.
const PROBES: u32 = 8;

/// Whether SIP and HTTP can listen, or do.
pub(crate) fn listeners(config: &Config, server: Option<&RunningServer>) -> Vec<Finding> {
    let sip = config.vrus.iter().flat_map(|vru| &vru.listen);
    let sip = sip.map(|address| {
        let bound = UdpSocket::bind(address).map(drop).and_then(|()| TcpListener::bind(address).map(drop));
        listener("SIP port", *address, bound.err(), server)
    });
    let http = config.http_listen;
    let http = listener("HTTP port", http, TcpListener::bind(http).err(), server);
    let tls = config.tls.iter().flat_map(|tls| &tls.listen);
    let tls = tls.map(|address| listener("SIP TLS port", *address, TcpListener::bind(address).err(), server));
    sip.chain(tls).chain([http]).collect()
}

fn listener(
    check: &'static str,
    address: SocketAddr,
    refused: Option<io::Error>,
    server: Option<&RunningServer>,
) -> Finding {
    let Some(refused) = refused else {
        return Finding::fine(check, format!("{address} is free"));
    };
    if let Some(server) = server.filter(|server| server.addresses.contains(&address.to_string())) {
        let pid = server.pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
        return Finding::fine(check, format!("{address} is held by the running server{pid}"));
    }
    Finding::failing(check, format!("{address}: {refused}"), advice_on(address, &refused))
}

/// What to do about an address that can't be bound.
pub(crate) fn advice_on(address: SocketAddr, refused: &io::Error) -> String {
    let port = address.port();
    if refused.kind() == io::ErrorKind::AddrInUse {
        return format!(
            "`ss -lntup 'sport = :{port}'` shows which program has it; stop that one, or choose another port in the settings"
        );
    }
    if refused.kind() == io::ErrorKind::AddrNotAvailable {
        return "this machine has no such address; `ip addr` shows those that it has".to_owned();
    }
    if refused.kind() == io::ErrorKind::PermissionDenied {
        return format!("port {port} needs rights: choose one above 1023, or allow CAP_NET_BIND_SERVICE");
    }
    "choose another address in the settings".to_owned()
}

/// Whether RTP ports are free, and apart from those that the kernel gives away by itself.
pub(crate) fn rtp(config: &Config, server: Option<&RunningServer>) -> Vec<Finding> {
    let range = config.rtp_ports;
    let probes = PROBES.min(range.pairs());
    let taken = (0..probes)
        .map(|probe| range.pair(probe * (range.pairs() - 1) / PROBES.max(1)))
        .filter(|port| {
            let bound = |port| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port));
            bound(*port).and_then(|_| bound(*port + 1)).is_err()
        })
        .count() as u32;
    let ephemeral = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    vec![rtp_ports(config, taken, probes, server.is_some()), ephemeral_ports(config, &ephemeral)]
}

fn rtp_ports(config: &Config, taken: u32, probes: u32, is_served: bool) -> Finding {
    const CHECK: &str = "RTP ports";
    const ADVICE: &str = "choose another range: rtp.ports in the settings, or --rtp-ports";
    let range = config.rtp_ports;
    let seats: u64 = config.mixers.iter().map(|mixer| u64::from(mixer.seats_max)).sum();
    if taken > 0 && !is_served {
        let says =
            format!("{taken} of {probes} pairs that were tried in {range} are taken by another program");
        return if taken == probes {
            Finding::failing(CHECK, says, ADVICE)
        } else {
            Finding::warning(CHECK, says, ADVICE)
        };
    }
    let pairs = range.pairs();
    if u64::from(pairs) < seats {
        let says = format!("{range} is enough for {pairs} calls; the mixers have {seats} seats");
        return Finding::warning(CHECK, says, "make rtp.ports wider, or seats_max smaller");
    }
    Finding::fine(CHECK, format!("{range}, enough for {pairs} calls"))
}

fn ephemeral_ports(config: &Config, kernel: &str) -> Finding {
    const CHECK: &str = "ephemeral ports";
    let range = config.rtp_ports;
    let mut words = kernel.split_whitespace().map(str::parse::<u16>);
    let (Some(Ok(first)), Some(Ok(last))) = (words.next(), words.next()) else {
        return Finding::fine(CHECK, "the kernel does not tell its range");
    };
    if range.first <= last && first <= range.last {
        let says = format!("the kernel gives away {first}-{last}, which meets the RTP ports {range}");
        let advice = format!(
            "keep them apart: rtp.ports outside of it, or `sysctl net.ipv4.ip_local_reserved_ports={range}`"
        );
        return Finding::warning(CHECK, says, advice);
    }
    Finding::fine(CHECK, format!("{first}-{last}, apart from the RTP ports"))
}

/// Whether callers from elsewhere can reach us by the address that we tell them.
pub(crate) fn public_address(config: &Config) -> Finding {
    const CHECK: &str = "public address";
    const ADVICE: &str = "fine for callers on this network; for others set sip.external_address, and forward the SIP and RTP ports";
    if let Some(address) = config.external_address {
        return Finding::fine(CHECK, format!("callers are told {address}"));
    }
    match told_address(config) {
        Some(address) if is_public(address) => Finding::fine(CHECK, format!("{address}")),
        Some(address) => {
            Finding::warning(CHECK, format!("callers are told {address}, which is private"), ADVICE)
        }
        None => Finding::warning(CHECK, "this machine has no route to elsewhere", ADVICE),
    }
}

/// The address that people can dial: the one that is set, else the one listened on, else that of the default route.
pub(crate) fn told_address(config: &Config) -> Option<IpAddr> {
    let listen = config.vrus.iter().flat_map(|vru| &vru.listen).map(SocketAddr::ip).next();
    config.external_address.or(listen.filter(|ip| !ip.is_unspecified())).or_else(routed_address)
}

/// The local address of the default route. Connecting a UDP socket sends nothing.
fn routed_address() -> Option<IpAddr> {
    // A documentation address [RFC 5737]: only the route to it is looked up.
    const ELSEWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(ELSEWHERE).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            // Carrier-grade NAT [RFC 6598] has no predicate of its own in the standard library.
            let is_shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || is_shared)
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;
    use crate::config::{Inputs, load};

    fn config() -> Config {
        load(&Inputs::default()).expect("the defaults stand").config
    }

    #[test]
    fn rtp_ports_that_meet_the_ephemeral_ones_are_warned_of() {
        assert_eq!(ephemeral_ports(&config(), "32768\t60999\n").state, State::Fine);
        let met = ephemeral_ports(&config(), "20000\t60999\n");
        assert_eq!(met.state, State::Warning);
        assert!(met.advice.contains("ip_local_reserved_ports=16384-32767"), "{}", met.advice);
        assert_eq!(ephemeral_ports(&config(), "nonsense").state, State::Fine);
    }

    #[test]
    fn a_range_taken_whole_fails_and_one_taken_in_part_is_warned_of() {
        assert_eq!(rtp_ports(&config(), 8, 8, false).state, State::Failing);
        assert_eq!(rtp_ports(&config(), 1, 8, false).state, State::Warning);
        assert_eq!(rtp_ports(&config(), 8, 8, true).state, State::Fine);
    }

    #[test]
    fn private_shared_and_loopback_addresses_are_not_public() {
        for private in ["10.0.0.1", "192.168.1.5", "100.64.0.1", "127.0.0.1", "::1", "fd00::1"] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in ["203.0.113.7", "100.128.0.1", "2001:4860::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn a_port_of_the_running_server_is_no_fault_and_one_of_another_is() {
        let held = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = held.local_addr().unwrap();
        let refused = || UdpSocket::bind(address).err();
        let ours =
            RunningServer { pid: Some(7), addresses: vec![address.to_string()], ..RunningServer::default() };
        let finding = listener("SIP port", address, refused(), Some(&ours));
        assert_eq!(finding.says, format!("{address} is held by the running server (process 7)"));
        let finding = listener("SIP port", address, refused(), None);
        assert_eq!(finding.state, State::Failing);
        assert!(finding.advice.contains(&format!("sport = :{}", address.port())), "{}", finding.advice);
    }
}
