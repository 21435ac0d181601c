//! The torture messages cut short, flipped and dripped: nothing breaks, and nothing stays.

use std::time::Duration;

use partyline_sip::endpoint::ConnectionId;

use crate::harness::{FAIR, World};
use crate::rfc4475::NAMES;
use crate::rig::message;

#[test]
fn every_message_may_be_cut_anywhere_and_flipped_anywhere() {
    let mut world = World::new(1, 1, FAIR);
    let source = "127.0.0.1:7000".parse().unwrap();
    for name in NAMES {
        let message = message("rfc4475", name);
        for place in (0..message.len()).step_by(7) {
            world.inject(source, 0, &message[..place]);
            let mut flipped = message.clone();
            flipped[place] ^= 0x15;
            world.inject(source, 0, &flipped);
        }
    }
    world.sent.clear();
    world.run(Duration::from_secs(600));
    let counters = world.counters(0);
    assert_eq!((counters.calls, counters.transactions, counters.half_open), (0, 0, 0));
    assert!(counters.dropped > 0);
}

#[test]
fn torture_over_a_stream_closes_it_or_leaves_it_usable() {
    for name in NAMES {
        let mut world = World::new(1, 1, FAIR);
        let (now, local, connection) = (world.now, world.agents[0].address, ConnectionId(1));
        let endpoint = &mut world.agents[0].endpoint;
        endpoint.handle_accepted(now, connection, local, "127.0.0.1:7000".parse().unwrap());
        for piece in message("rfc4475", name).chunks(13) {
            endpoint.handle_stream(now, connection, piece);
        }
        world.run(Duration::from_secs(900));
        let counters = world.counters(0);
        assert_eq!((counters.calls, counters.transactions, counters.connections), (0, 0, 0), "{name}");
    }
}
