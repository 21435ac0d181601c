//! What holds for every backend, and what only a ring can do wrong.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::ports::PortPairs;
use crate::{MediaIo, PlainIo, RingIo, SocketKey};

mod forbidden;
mod ring;
mod story;

/// A backend that tests can make.
trait Backend: MediaIo {
    fn fresh() -> Self;
}

impl Backend for PlainIo {
    fn fresh() -> Self {
        Self::new()
    }
}

impl Backend for RingIo {
    fn fresh() -> Self {
        Self::new().expect("the test was left out where there is no ring")
    }
}

/// Whether a ring can be had here; where not, it is said, and tests of it are left out.
fn has_ring() -> bool {
    crate::probe_ring().inspect_err(|error| eprintln!("not tested here: {error}")).is_ok()
}

/// Has each of these hold for both backends.
macro_rules! for_both_backends {
    ($($name:ident)*) => {
        mod plain {
            $(#[test] fn $name() { super::$name::<crate::PlainIo>(); })*
        }
        mod io_uring {
            $(#[test] fn $name() { if super::has_ring() { super::$name::<crate::RingIo>(); } })*
        }
    };
}

for_both_backends! {
    datagrams_come_with_their_source_connected_or_not
    a_connected_socket_hears_no_stranger_until_disconnected
    what_a_stranger_sent_before_the_socket_was_connected_is_not_taken_for_the_callers
    in_the_steady_state_one_datagram_is_taken_a_round
    after_a_dry_round_all_that_queued_up_is_taken_until_a_round_finds_just_one
    all_that_queued_up_while_nobody_looked_is_taken_on_demand
    a_fast_caller_is_caught_up_with
    sending_to_nobody_is_counted_and_harms_nothing
    a_removed_pair_frees_its_port
    control_packets_go_by_the_next_port
    a_long_packet_is_sent_whole_and_in_its_turn
    nothing_that_was_held_back_is_lost_where_the_pair_is_given_away
}

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct World<Io> {
    io: Io,
    key: SocketKey,
    port: u16,
}

impl<Io: Backend> World<Io> {
    fn new() -> Self {
        let pair = PortPairs::new(20_000, 59_999).unwrap().open(LOCAL).unwrap();
        let port = pair.port();
        let mut io = Io::fresh();
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

    /// A world that hears one caller and nobody else any more.
    fn connected() -> (Self, UdpSocket) {
        let mut world = Self::new();
        let caller = caller(world.port);
        world.io.connect(world.key, caller.local_addr().unwrap()).unwrap();
        assert!(world.round().is_empty());
        (world, caller)
    }

    /// A world whose last round found one datagram, and its caller.
    fn steady() -> (Self, UdpSocket) {
        let (mut world, caller) = Self::connected();
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

fn datagrams_come_with_their_source_connected_or_not<Io: Backend>() {
    let mut world = World::<Io>::new();
    let caller = caller(world.port);
    let source = caller.local_addr().unwrap();
    caller.send(b"one").unwrap();
    assert_eq!(world.receive(1), [(source, b"one".to_vec())]);
    world.io.connect(world.key, source).unwrap();
    caller.send(b"two").unwrap();
    assert_eq!(world.receive(1), [(source, b"two".to_vec())]);
}

fn a_connected_socket_hears_no_stranger_until_disconnected<Io: Backend>() {
    let mut world = World::<Io>::new();
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

fn what_a_stranger_sent_before_the_socket_was_connected_is_not_taken_for_the_callers<Io: Backend>() {
    let mut world = World::<Io>::new();
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

fn in_the_steady_state_one_datagram_is_taken_a_round<Io: Backend>() {
    assert!(in_some_attempt(|| {
        let (mut world, caller) = World::<Io>::steady();
        send(&caller, 2);
        world.round().len() == 1
    }));
}

fn after_a_dry_round_all_that_queued_up_is_taken_until_a_round_finds_just_one<Io: Backend>() {
    assert!(in_some_attempt(|| {
        let (mut world, caller) = World::<Io>::connected();
        [3, 2, 2, 1, 2].map(|count| {
            send(&caller, count);
            world.round().len()
        }) == [3, 2, 2, 1, 1]
    }));
}

fn all_that_queued_up_while_nobody_looked_is_taken_on_demand<Io: Backend>() {
    assert!(in_some_attempt(|| {
        let (mut world, caller) = World::<Io>::steady();
        send(&caller, 12);
        world.round_that(true).len() == 12
    }));
}

fn a_fast_caller_is_caught_up_with<Io: Backend>() {
    let (mut world, caller) = World::<Io>::steady();
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

fn sending_to_nobody_is_counted_and_harms_nothing<Io: Backend>() {
    let mut world = World::<Io>::new();
    let gone = caller(world.port);
    let far = gone.local_addr().unwrap();
    drop(gone);
    world.io.connect(world.key, far).unwrap();
    for _ in 0..10 {
        world.io.send(world.key, None, b"anyone?");
        world.io.flush();
        world.round();
    }
    let counts = world.io.counts();
    assert!(counts.sends_failed + counts.receives_failed > 0);
    let back = UdpSocket::bind(far).unwrap();
    back.send_to(b"back", (LOCAL, world.port)).unwrap();
    assert_eq!(world.receive(1), [(far, b"back".to_vec())]);
}

fn a_removed_pair_frees_its_port<Io: Backend>() {
    let mut world = World::<Io>::new();
    drop(world.io.remove(world.key));
    assert!(UdpSocket::bind((LOCAL, world.port)).is_ok());
    assert!(world.round().is_empty());
}

fn control_packets_go_by_the_next_port<Io: Backend>() {
    let mut world = World::<Io>::new();
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

fn a_long_packet_is_sent_whole_and_in_its_turn<Io: Backend>() {
    let mut world = World::<Io>::new();
    let caller = caller(world.port);
    world.io.connect(world.key, caller.local_addr().unwrap()).unwrap();
    let long = vec![7; 40_000];
    let packets = [vec![1; 172], long, vec![2; 1_400], vec![3; 172]];
    for packet in &packets {
        world.io.send(world.key, None, packet);
    }
    world.io.flush();
    let mut buffer = vec![0; 65_536];
    caller.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    for packet in packets {
        let octets = caller.recv(&mut buffer).unwrap();
        assert_eq!(buffer[..octets], packet);
    }
    assert_eq!(world.io.counts(), crate::IoCounts::default());
}

fn nothing_that_was_held_back_is_lost_where_the_pair_is_given_away<Io: Backend>() {
    let mut world = World::<Io>::new();
    let caller = caller(world.port);
    caller.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut buffer = [0; 64];
    world.io.connect(world.key, caller.local_addr().unwrap()).unwrap();
    world.io.send(world.key, None, b"before");
    world.io.disconnect(world.key);
    assert_eq!(caller.recv(&mut buffer).unwrap(), 6);
    world.io.connect(world.key, caller.local_addr().unwrap()).unwrap();
    world.io.send(world.key, None, b"goodbye");
    drop(world.io.remove(world.key));
    assert_eq!(caller.recv(&mut buffer).unwrap(), 7);
}
