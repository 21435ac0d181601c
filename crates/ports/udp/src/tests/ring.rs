//! A ring with many sockets, a ring on another thread than its own, and a pair that goes from one thread to the next.

use std::os::fd::AsRawFd as _;

use super::*;
use crate::ring::{BATCH_MAX, Ring};

#[test]
fn many_more_sockets_than_a_batch_each_hear_their_own_caller() {
    if !has_ring() {
        return;
    }
    let ports = PortPairs::new(20_000, 59_999).unwrap();
    let mut io = RingIo::fresh();
    let (mut keys, mut callers) = (Vec::new(), Vec::new());
    for _ in 0..BATCH_MAX * 2 + 7 {
        let pair = ports.open(LOCAL).unwrap();
        let caller = caller(pair.port());
        let key = io.add(pair);
        io.connect(key, caller.local_addr().unwrap()).unwrap();
        keys.push(key);
        callers.push(caller);
    }
    // The first round finds all of them empty, so that the second goes by the ring.
    io.receive(&keys, false, &mut |_, _, _| panic!("nobody has called yet"));
    for (place, caller) in callers.iter().enumerate() {
        let place = u16::try_from(place).unwrap();
        (0..=place % 3).for_each(|_| assert_eq!(caller.send(&place.to_be_bytes()).unwrap(), 2));
    }
    let (mut taken, start) = (vec![0; keys.len()], Instant::now());
    let wanted: Vec<usize> = (0..keys.len()).map(|place| place % 3 + 1).collect();
    while taken != wanted && start.elapsed() < Duration::from_secs(10) {
        io.receive(&keys, true, &mut |place, source, bytes| {
            assert_eq!(source, callers[place].local_addr().unwrap());
            assert_eq!(usize::from(u16::from_be_bytes(bytes.try_into().unwrap())), place);
            taken[place] += 1;
        });
    }
    assert_eq!(taken, wanted);
    for (place, &key) in keys.iter().enumerate() {
        io.send(key, None, &place.to_be_bytes());
    }
    io.flush();
    let mut buffer = [0; 64];
    for (place, caller) in callers.iter().enumerate() {
        caller.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let octets = caller.recv(&mut buffer).unwrap();
        assert_eq!(buffer[..octets], place.to_be_bytes());
    }
    assert_eq!(io.counts(), crate::IoCounts::default());
}

#[test]
fn a_datagram_longer_than_the_buffer_is_cut_and_harms_no_neighbour() {
    if !has_ring() {
        return;
    }
    let mut ring = Ring::new().unwrap();
    let sockets: Vec<UdpSocket> = (0..2).map(|_| UdpSocket::bind((LOCAL, 0)).unwrap()).collect();
    let sender = UdpSocket::bind((LOCAL, 0)).unwrap();
    let descriptors: Vec<_> = sockets.iter().map(|socket| socket.as_raw_fd()).collect();
    for (socket, packet) in sockets.iter().zip([vec![9; 9_000], vec![1; 3]]) {
        sender.send_to(&packet, socket.local_addr().unwrap()).unwrap();
    }
    let (mut lengths, start) = ([None; 2], Instant::now());
    while lengths.contains(&None) && start.elapsed() < Duration::from_secs(10) {
        ring.receive(&descriptors).unwrap();
        for (place, length) in lengths.iter_mut().enumerate() {
            if let Some(datagram) = ring.received(place).unwrap() {
                assert!(datagram.iter().all(|octet| *octet == [9, 1][place]));
                *length = Some(datagram.len());
            }
        }
    }
    assert_eq!(lengths, [Some(2_048), Some(3)]);
}

/// The kernel refuses a ring to every thread but the one that made it.
#[test]
fn a_ring_that_is_lost_leaves_plain_sockets_and_is_counted() {
    if !has_ring() {
        return;
    }
    let world = World::<RingIo>::new();
    let caller = caller(world.port);
    let source = caller.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut world = world;
        world.io.connect(world.key, source).unwrap();
        // Empty once, so that the next round goes by the ring, which is lost in it.
        assert!(world.round().is_empty() && world.round().is_empty());
        assert_eq!(world.io.counts().rings_lost, 1);
        caller.send(b"hello").unwrap();
        assert_eq!(world.receive(1), [(source, b"hello".to_vec())]);
        world.io.send(world.key, None, b"answer");
        world.io.flush();
        let mut buffer = [0; 64];
        caller.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        assert_eq!(caller.recv(&mut buffer).unwrap(), 6);
        assert_eq!(world.io.counts(), crate::IoCounts { rings_lost: 1, ..crate::IoCounts::default() });
        // Its port is free though the ring is gone for good.
        drop(world.io.remove(world.key));
        assert!(UdpSocket::bind((LOCAL, world.port)).is_ok());
    })
    .join()
    .unwrap();
}

#[test]
fn packets_that_a_lost_ring_held_are_counted_as_not_sent() {
    if !has_ring() {
        return;
    }
    let mut world = World::<RingIo>::new();
    let caller = caller(world.port);
    world.io.connect(world.key, caller.local_addr().unwrap()).unwrap();
    world.io.send(world.key, None, b"one");
    world.io.send(world.key, None, b"two");
    let counts = std::thread::spawn(move || {
        world.io.flush();
        world.io.counts()
    });
    assert_eq!(
        counts.join().unwrap(),
        crate::IoCounts { rings_lost: 1, sends_failed: 2, receives_failed: 0 }
    );
}

#[test]
fn a_pair_that_goes_to_another_thread_loses_and_doubles_nothing() {
    if !has_ring() {
        return;
    }
    let mut world = World::<RingIo>::new();
    let caller = caller(world.port);
    let source = caller.local_addr().unwrap();
    world.io.connect(world.key, source).unwrap();
    assert!(world.round().is_empty());
    let send = |mut packets: std::ops::Range<u8>| assert!(packets.all(|n| caller.send(&[n]).unwrap() == 1));
    send(0..40);
    // A round of the ring takes a part of what waits, and the rest travels in the sockets.
    let mut heard = world.receive(1);
    let pair = world.io.remove(world.key).unwrap();
    send(40..80);
    let port = world.port;
    let heard = std::thread::spawn(move || {
        let mut io = RingIo::fresh();
        let key = io.add(pair);
        let mut there = World { io, key, port };
        heard.extend(there.receive(80 - heard.len()));
        heard.extend(there.round_that(true));
        heard
    });
    let heard = heard.join().unwrap();
    assert_eq!(heard, (0..80).map(|n| (source, vec![n])).collect::<Vec<_>>());
}
