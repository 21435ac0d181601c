//! Pairs of ports out of a range: RTP on the even one, RTCP on the next (RFC 3550 §11).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};

/// Expedited forwarding (RFC 3246): what networks give voice, if they give anything.
const TYPE_OF_SERVICE: u32 = 46 << 2;

/// The range holds no even port with its odd neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ports {first} to {last} hold no pair")]
pub struct PortRangeError {
    /// First port.
    pub first: u16,
    /// Last port.
    pub last: u16,
}

/// No pair of sockets could be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenPairError {
    /// All pairs of the range are taken, by us or by others.
    #[error("no free pair of ports")]
    NoneFree,
    /// The system gave no socket: file descriptors, memory, an address that is not ours.
    #[error("no socket: {0}")]
    Socket(#[from] io::Error),
}

/// The range and what of it is taken, for each local address. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PortPairs {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// The first even port.
    first: u16,
    pairs: usize,
    taken: Mutex<HashMap<IpAddr, Taken>>,
}

/// The pairs of one address.
#[derive(Debug)]
struct Taken {
    is_taken: Vec<bool>,
    count: usize,
    /// Where the next search begins: behind the last one, so that late packets of a call that ended find nobody.
    next: usize,
}

impl PortPairs {
    /// The pairs within a range of ports, both ends included.
    ///
    /// # Errors
    /// [`PortRangeError`] where no whole pair is in it.
    pub fn new(first: u16, last: u16) -> Result<Self, PortRangeError> {
        let error = PortRangeError { first, last };
        let even = first.checked_add(first % 2).filter(|&port| port > 0).ok_or(error)?;
        let pairs = (usize::from(last) + 1).saturating_sub(usize::from(even)) / 2;
        if pairs == 0 {
            return Err(error);
        }
        Ok(Self { shared: Arc::new(Shared { first: even, pairs, taken: Mutex::default() }) })
    }

    /// Opens both sockets of a free pair on a local address. Pairs that others have are passed over.
    ///
    /// # Errors
    /// [`OpenPairError`] where no pair is free or the system gives no socket.
    pub fn open(&self, local: IpAddr) -> Result<SocketPair, OpenPairError> {
        for _ in 0..self.shared.pairs {
            let lease = self.lease(local).ok_or(OpenPairError::NoneFree)?;
            let port = lease.port();
            let opened = bind(local, port).and_then(|rtp| Ok((rtp, bind(local, port + 1)?)));
            match opened {
                Ok((rtp, rtcp)) => return Ok(SocketPair { rtp, rtcp, lease }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(OpenPairError::NoneFree)
    }

    /// How many pairs are taken by us, on all addresses.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.shared.taken.lock().values().map(|taken| taken.count).sum()
    }

    fn lease(&self, local: IpAddr) -> Option<PortLease> {
        let pairs = self.shared.pairs;
        let mut addresses = self.shared.taken.lock();
        let taken = addresses.entry(local).or_insert_with(|| Taken {
            is_taken: vec![false; pairs],
            count: 0,
            next: rand::random_range(0..pairs),
        });
        let index =
            (0..pairs).map(|step| (taken.next + step) % pairs).find(|&index| !taken.is_taken[index])?;
        taken.is_taken[index] = true;
        taken.count += 1;
        taken.next = (index + 1) % pairs;
        Some(PortLease { shared: Arc::clone(&self.shared), local, index })
    }
}

/// Two bound sockets; the pair of ports is free again when this is dropped.
#[derive(Debug)]
pub struct SocketPair {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    // Last, so that the sockets are closed before the ports are given back.
    lease: PortLease,
}

impl SocketPair {
    /// The RTP port; RTCP has the next one.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.lease.port()
    }
}

#[derive(Debug)]
struct PortLease {
    shared: Arc<Shared>,
    local: IpAddr,
    index: usize,
}

impl PortLease {
    fn port(&self) -> u16 {
        self.shared.first + u16::try_from(self.index * 2).expect("pairs lie within the range of ports")
    }
}

impl Drop for PortLease {
    fn drop(&mut self) {
        let mut addresses = self.shared.taken.lock();
        if let Some(taken) = addresses.get_mut(&self.local) {
            taken.is_taken[self.index] = false;
            taken.count -= 1;
        }
    }
}

fn bind(local: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let address = SocketAddr::new(local, port);
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    // A network that refuses the marking still carries the packets.
    let _ = match address {
        SocketAddr::V4(_) => socket.set_tos_v4(TYPE_OF_SERVICE),
        SocketAddr::V6(_) => socket.set_tclass_v6(TYPE_OF_SERVICE),
    };
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// A range of so many pairs in which everything was free a moment ago.
    fn range(pairs: u16) -> PortPairs {
        let probe = UdpSocket::bind((LOCAL, 0)).unwrap();
        let first = probe.local_addr().unwrap().port().clamp(2_000, 60_000) & !1;
        PortPairs::new(first, first + pairs * 2 - 1).unwrap()
    }

    #[test]
    fn a_range_without_a_pair_is_refused() {
        for (first, last) in
            [(4_001, 4_002), (4_000, 4_000), (4_001, 4_001), (5_000, 4_000), (65_535, 65_535)]
        {
            assert_eq!(PortPairs::new(first, last).unwrap_err(), PortRangeError { first, last });
        }
        assert!(PortPairs::new(65_534, 65_535).is_ok());
    }

    #[test]
    fn rtp_gets_even_ports_and_rtcp_the_next() {
        let pair = range(100).open(LOCAL).unwrap();
        assert_eq!(pair.port() % 2, 0);
        assert_eq!(pair.rtp.local_addr().unwrap().port(), pair.port());
        assert_eq!(pair.rtcp.local_addr().unwrap().port(), pair.port() + 1);
    }

    #[test]
    fn the_last_pair_is_given_the_next_refused_and_a_dropped_one_given_again() {
        let ports = range(3);
        let mut pairs = Vec::new();
        while let Ok(pair) = ports.open(LOCAL) {
            pairs.push(pair);
        }
        assert_eq!(ports.taken(), pairs.len());
        assert!(matches!(ports.open(LOCAL), Err(OpenPairError::NoneFree)));
        let freed = pairs.pop().expect("some port of the range was free").port();
        assert_eq!(ports.open(LOCAL).unwrap().port(), freed);
    }

    #[test]
    fn a_port_that_another_has_is_passed_over() {
        let other = (0..).map(|_| UdpSocket::bind((LOCAL, 0)).unwrap()).find(|socket| {
            let port = socket.local_addr().unwrap().port();
            port > 2_000 && port < 60_000
        });
        let theirs = other.as_ref().unwrap().local_addr().unwrap().port();
        let first = theirs & !1;
        let ports = PortPairs::new(first, first + 21).unwrap();
        for _ in 0..20 {
            let pair = ports.open(LOCAL).unwrap();
            assert!(pair.port() != theirs && pair.port() + 1 != theirs);
        }
    }

    #[test]
    fn each_local_address_has_the_whole_range() {
        let ports = range(50);
        let here = ports.open(LOCAL).unwrap();
        let there = ports.open(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))).unwrap();
        assert_eq!(ports.taken(), 2);
        drop((here, there));
        assert_eq!(ports.taken(), 0);
    }

    #[test]
    fn an_address_that_is_not_ours_is_a_socket_error() {
        let foreign = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        assert!(matches!(range(10).open(foreign), Err(OpenPairError::Socket(_))));
    }
}
