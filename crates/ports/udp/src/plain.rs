//! The backend of plain sockets: non-blocking calls on the due sockets, without epoll.
//!
//! At 50 packets a second on each socket the answer of epoll is known before it is asked: 253 instead of
//! 277–319 CPU-µs per participant-second.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use slab::Slab;

use crate::backend::{IoCounts, MediaIo, SocketKey};
use crate::ports::SocketPair;

/// The longest datagram that is taken whole: more than any Ethernet frame.
const DATAGRAM_MAX: usize = 2_048;
/// Most datagrams taken from a socket at once, so that a flood at one leg does not starve the others.
const DRAIN_MAX: usize = 32;
/// Every so many rounds a socket is emptied though nothing was missing: it finds callers whose clock is fast,
/// and packets that queued up. Less often leaves a packet waiting longer; more often costs a call.
const DRAIN_EVERY: u8 = 16;

/// Plain sockets, always there.
#[derive(Debug, Default)]
pub struct PlainIo {
    sockets: Slab<PlainSocket>,
    counts: IoCounts,
}

#[derive(Debug)]
struct PlainSocket {
    pair: SocketPair,
    hears: Hears,
    /// The last round found just one datagram, so that the next is expected to find just one too.
    is_steady: bool,
    rounds: u8,
}

/// Whose datagrams a socket gives.
#[derive(Debug, Clone, Copy)]
enum Hears {
    Anybody,
    /// Connected, but others' datagrams may have queued up before that: each is asked for its source.
    SoonOnly(SocketAddr),
    /// Connected and empty since: asking costs 0.1 µs a datagram and tells nothing new.
    Only(SocketAddr),
}

impl PlainSocket {
    const fn is_connected(&self) -> bool {
        match self.hears {
            Hears::Anybody => false,
            Hears::SoonOnly(_) | Hears::Only(_) => true,
        }
    }

    /// Receives once; `None` where nothing waits.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        let received = match self.hears {
            Hears::Only(far) => self.pair.rtp.recv(buffer).map(|length| (length, far)),
            Hears::Anybody | Hears::SoonOnly(_) => self.pair.rtp.recv_from(buffer),
        };
        match received {
            Ok(received) => Ok(Some(received)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if let Hears::SoonOnly(far) = self.hears {
                    self.hears = Hears::Only(far);
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Notes whom the system hears for it.
    fn look_at_peer(&mut self) {
        self.hears = self.pair.rtp.peer_addr().map_or(Hears::Anybody, Hears::SoonOnly);
        self.is_steady = false;
    }
}

impl PlainIo {
    /// A backend without sockets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn socket(&self, key: SocketKey) -> Option<&PlainSocket> {
        self.sockets.get(key.0 as usize)
    }

    fn socket_mut(&mut self, key: SocketKey) -> Option<&mut PlainSocket> {
        self.sockets.get_mut(key.0 as usize)
    }
}

impl MediaIo for PlainIo {
    fn add(&mut self, pair: SocketPair) -> SocketKey {
        let mut socket = PlainSocket { pair, hears: Hears::Anybody, is_steady: false, rounds: 0 };
        socket.look_at_peer();
        let index = self.sockets.insert(socket);
        SocketKey(u32::try_from(index).expect("no process has so many sockets"))
    }

    fn remove(&mut self, key: SocketKey) -> Option<SocketPair> {
        self.sockets.try_remove(key.0 as usize).map(|socket| socket.pair)
    }

    fn connect(&mut self, key: SocketKey, far: SocketAddr) -> io::Result<()> {
        if let Some(socket) = self.socket_mut(key) {
            socket.pair.rtp.connect(far)?;
            socket.look_at_peer();
        }
        Ok(())
    }

    fn disconnect(&mut self, key: SocketKey) {
        if let Some(socket) = self.socket_mut(key) {
            // Some systems tell an error though they have disconnected; an unconnected socket is no harm either way.
            let _ = rustix::net::connect_unspec(&socket.pair.rtp);
            socket.look_at_peer();
        }
    }

    fn receive(&mut self, due: &[SocketKey], drains: bool, take: &mut impl FnMut(usize, SocketAddr, &[u8])) {
        let mut buffer = [0; DATAGRAM_MAX];
        for (place, key) in due.iter().enumerate() {
            let Some(socket) = self.sockets.get_mut(key.0 as usize) else {
                continue;
            };
            socket.rounds = (socket.rounds + 1) % DRAIN_EVERY;
            let takes_one = socket.is_steady && !drains && socket.rounds != 0;
            let (mut taken, mut has_failed) = (0, false);
            for _ in 0..if takes_one { 1 } else { DRAIN_MAX } {
                match socket.receive(&mut buffer) {
                    Ok(Some((length, source))) => {
                        take(place, source, &buffer[..length]);
                        taken += 1;
                    }
                    Ok(None) => break,
                    Err(_) => {
                        // The far side's ICMP answer to an earlier packet: the queue behind it is as it was.
                        self.counts.receives_failed += 1;
                        has_failed = true;
                    }
                }
            }
            socket.is_steady = taken == 1 && !has_failed;
        }
    }

    fn send(&mut self, key: SocketKey, far: Option<SocketAddr>, packet: &[u8]) {
        let Some(socket) = self.socket(key) else {
            return;
        };
        let sent = match far {
            Some(far) if !socket.is_connected() => socket.pair.rtp.send_to(packet, far),
            _ => socket.pair.rtp.send(packet),
        };
        if sent.is_err() {
            self.counts.sends_failed += 1;
        }
    }

    fn flush(&mut self) {}

    fn receive_control(&mut self, key: SocketKey, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let socket: &UdpSocket = &self.socket(key)?.pair.rtcp;
        match socket.recv_from(buffer) {
            Ok(received) => Some(received),
            Err(error) => {
                if error.kind() != io::ErrorKind::WouldBlock {
                    self.counts.receives_failed += 1;
                }
                None
            }
        }
    }

    fn send_control(&mut self, key: SocketKey, far: SocketAddr, packet: &[u8]) {
        let Some(socket) = self.socket(key) else {
            return;
        };
        if socket.pair.rtcp.send_to(packet, far).is_err() {
            self.counts.sends_failed += 1;
        }
    }

    fn counts(&self) -> IoCounts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::ports::PortPairs;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    struct World {
        io: PlainIo,
        key: SocketKey,
        port: u16,
    }

    impl World {
        fn new() -> Self {
            let pair = PortPairs::new(20_000, 59_999).unwrap().open(LOCAL).unwrap();
            let port = pair.port();
            let mut io = PlainIo::new();
            let key = io.add(pair);
            Self { io, key, port }
        }

        /// One round.
        fn round(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
            self.round_that(false)
        }

        fn round_that(&mut self, drains: bool) -> Vec<(SocketAddr, Vec<u8>)> {
            let mut all = Vec::new();
            self.io.receive(&[self.key], drains, &mut |_, source, bytes| all.push((source, bytes.to_vec())));
            all
        }

        /// A world whose last round found one datagram, and its caller.
        fn steady() -> (Self, UdpSocket) {
            let mut world = Self::new();
            let caller = caller(world.port);
            caller.send(b"first").unwrap();
            assert_eq!(world.receive(1).len(), 1);
            (world, caller)
        }

        /// Rounds until so many datagrams came (loopback delivers at once, but promises nothing).
        fn receive(&mut self, count: usize) -> Vec<(SocketAddr, Vec<u8>)> {
            let start = Instant::now();
            let mut all = Vec::new();
            while all.len() < count && start.elapsed() < Duration::from_secs(10) {
                all.extend(self.round());
            }
            all
        }
    }

    /// Loopback delivers at once, but promises nothing: whether it is so in one of many attempts.
    fn in_some_attempt(mut is_so: impl FnMut() -> bool) -> bool {
        (0..100).any(|_| is_so())
    }

    fn send(caller: &UdpSocket, count: u8) {
        (0..count).for_each(|n| assert_eq!(caller.send(&[n]).unwrap(), 1));
    }

    fn caller(port: u16) -> UdpSocket {
        let socket = UdpSocket::bind((LOCAL, 0)).unwrap();
        socket.connect((LOCAL, port)).unwrap();
        socket
    }

    #[test]
    fn datagrams_come_with_their_source_connected_or_not() {
        let mut world = World::new();
        let caller = caller(world.port);
        let source = caller.local_addr().unwrap();
        caller.send(b"one").unwrap();
        assert_eq!(world.receive(1), [(source, b"one".to_vec())]);
        world.io.connect(world.key, source).unwrap();
        caller.send(b"two").unwrap();
        assert_eq!(world.receive(1), [(source, b"two".to_vec())]);
    }

    #[test]
    fn a_connected_socket_hears_no_stranger_until_disconnected() {
        let mut world = World::new();
        let (friend, stranger) = (caller(world.port), caller(world.port));
        let source = friend.local_addr().unwrap();
        world.io.connect(world.key, source).unwrap();
        // Loopback tells the sender that nobody takes this.
        let _ = stranger.send(b"let me in");
        friend.send(b"hello").unwrap();
        assert_eq!(world.receive(1), [(source, b"hello".to_vec())]);
        world.io.disconnect(world.key);
        let stranger = caller(world.port);
        stranger.send(b"now").unwrap();
        assert_eq!(world.receive(1), [(stranger.local_addr().unwrap(), b"now".to_vec())]);
    }

    #[test]
    fn what_a_stranger_sent_before_the_socket_was_connected_is_not_taken_for_the_callers() {
        let mut world = World::new();
        let (friend, stranger) = (caller(world.port), caller(world.port));
        let sources = [stranger.local_addr().unwrap(), friend.local_addr().unwrap()];
        stranger.send(b"let me in").unwrap();
        friend.send(b"hello").unwrap();
        world.io.connect(world.key, sources[1]).unwrap();
        let received = world.receive(2);
        assert_eq!(received, [(sources[0], b"let me in".to_vec()), (sources[1], b"hello".to_vec())]);
        assert!(world.round().is_empty());
        friend.send(b"again").unwrap();
        assert_eq!(world.receive(1), [(sources[1], b"again".to_vec())]);
    }

    #[test]
    fn in_the_steady_state_one_datagram_is_taken_a_round() {
        assert!(in_some_attempt(|| {
            let (mut world, caller) = World::steady();
            send(&caller, 2);
            world.round().len() == 1
        }));
    }

    #[test]
    fn after_a_dry_round_all_that_queued_up_is_taken_until_a_round_finds_just_one() {
        assert!(in_some_attempt(|| {
            let mut world = World::new();
            let caller = caller(world.port);
            assert!(world.round().is_empty());
            [3, 2, 2, 1, 2].map(|count| {
                send(&caller, count);
                world.round().len()
            }) == [3, 2, 2, 1, 1]
        }));
    }

    #[test]
    fn all_that_queued_up_while_nobody_looked_is_taken_on_demand() {
        assert!(in_some_attempt(|| {
            let (mut world, caller) = World::steady();
            send(&caller, 12);
            world.round_that(true).len() == 12
        }));
    }

    #[test]
    fn a_fast_caller_is_caught_up_with() {
        let mut world = World::new();
        let caller = caller(world.port);
        caller.send(b"first").unwrap();
        assert_eq!(world.receive(1).len(), 1);
        let mut taken = 0;
        for round in 0..64 {
            caller.send(&[round]).unwrap();
            if round % 16 == 0 {
                caller.send(&[round]).unwrap();
            }
            taken += world.round().len();
        }
        assert!(68 - taken <= 3, "{taken} of 68 taken");
    }

    #[test]
    fn sending_to_nobody_is_counted_and_harms_nothing() {
        let mut world = World::new();
        let gone = caller(world.port);
        let far = gone.local_addr().unwrap();
        drop(gone);
        world.io.connect(world.key, far).unwrap();
        for _ in 0..10 {
            world.io.send(world.key, None, b"anyone?");
            world.round();
        }
        let counts = world.io.counts();
        assert!(counts.sends_failed + counts.receives_failed > 0);
        let back = UdpSocket::bind(far).unwrap();
        back.send_to(b"back", (LOCAL, world.port)).unwrap();
        assert_eq!(world.receive(1), [(far, b"back".to_vec())]);
    }

    #[test]
    fn a_removed_pair_frees_its_port() {
        let mut world = World::new();
        drop(world.io.remove(world.key));
        assert!(UdpSocket::bind((LOCAL, world.port)).is_ok());
        assert!(world.round().is_empty());
    }

    #[test]
    fn control_packets_go_by_the_next_port() {
        let mut world = World::new();
        let caller = caller(world.port + 1);
        caller.send(b"report").unwrap();
        let mut buffer = [0; 64];
        let start = Instant::now();
        let received = loop {
            match world.io.receive_control(world.key, &mut buffer) {
                None if start.elapsed() < Duration::from_secs(10) => {}
                received => break received,
            }
        };
        assert_eq!(received, Some((6, caller.local_addr().unwrap())));
        world.io.send_control(world.key, caller.local_addr().unwrap(), b"answer");
        assert_eq!(caller.recv(&mut buffer).unwrap(), 6);
    }
}
