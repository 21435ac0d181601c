//! The torture messages of RFC 4475: what an endpoint answers to each.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::path::Path;
use std::time::Duration;

use harness::{FAIR, World, status};
use partyline_sip::endpoint::{CallEnd, CallEvent, ConnectionId};
use partyline_sip::message::{Message, parse, unfolded};

/// What a message of the RFC meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Refused or answered at once.
    Status(u16),
    /// It becomes a call.
    Call,
    /// A response that is read, and belongs to nothing.
    Read,
    /// A response that can't be read.
    Unread,
}
use Fate::{Call, Read, Status, Unread};

/// REGISTER and MESSAGE get 405 here, once they are read; the RFC cares that they are.
const FATES: [(&str, Fate); 49] = [
    ("badaspec", Status(200)),
    ("badbranch", Status(200)),
    ("baddate", Call),
    ("baddn", Status(400)),
    ("badinv01", Status(400)),
    ("badvers", Status(505)),
    ("bcast", Read),
    ("bext01", Status(420)),
    ("bigcode", Unread),
    ("clerr", Status(400)),
    ("cparam01", Status(405)),
    ("cparam02", Status(405)),
    ("dblreq", Status(405)),
    ("esc01", Call),
    ("esc02", Status(501)),
    ("escnull", Status(405)),
    ("escruri", Status(400)),
    ("insuf", Status(400)),
    ("intmeth", Status(501)),
    ("inv2543", Call),
    ("invut", Status(415)),
    ("longreq", Call),
    ("ltgtruri", Status(400)),
    ("lwsdisp", Status(200)),
    ("lwsruri", Status(400)),
    ("lwsstart", Status(400)),
    ("mcl01", Status(400)),
    ("mismatch01", Status(400)),
    ("mismatch02", Status(400)),
    ("mpart01", Status(405)),
    ("multi01", Status(400)),
    ("ncl", Status(400)),
    ("noreason", Read),
    ("novelsc", Status(416)),
    ("quotbal", Status(400)),
    ("regaut01", Status(405)),
    ("regbadct", Status(400)),
    ("regescrt", Status(405)),
    ("scalar02", Status(400)),
    ("scalarlg", Unread),
    ("sdp01", Status(406)),
    ("semiuri", Status(200)),
    ("transports", Status(200)),
    ("trws", Status(400)),
    ("unkscm", Status(416)),
    ("unksm2", Status(405)),
    ("unreason", Read),
    ("wsinv", Status(481)),
    ("zeromf", Status(200)),
];

fn bytes(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rfc4475").join(format!("{name}.dat"));
    std::fs::read(path).unwrap()
}

fn fate(name: &str) -> Fate {
    let message = bytes(name);
    let mut world = World::new(1, 1, FAIR);
    world.inject("127.0.0.1:7000".parse().unwrap(), 0, &message);
    let called = world.agents[0].events.iter().any(|(_, event)| matches!(event, CallEvent::Incoming(_)));
    let answered = world.sent.last().map(|(_, bytes)| status(bytes));
    let is_read = matches!(parse(&unfolded(&message)), Ok(Message::Response(_)));
    world.run(Duration::from_secs(600));
    let counters = world.counters(0);
    assert_eq!((counters.calls, counters.transactions), (0, 0), "{name} leaves something behind");
    if called {
        assert_eq!(world.agents[0].events.last().unwrap().1, CallEvent::Ended(CallEnd::TimedOut), "{name}");
    }
    match answered {
        Some(100) if called => Call,
        Some(status) => Status(status),
        None if is_read => Read,
        None => Unread,
    }
}

#[test]
fn each_torture_message_meets_its_fate() {
    let wrong: Vec<_> = FATES
        .iter()
        .map(|(name, due)| (name, due, fate(name)))
        .filter(|(_, due, met)| **due != *met)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_message_may_be_cut_anywhere_and_flipped_anywhere() {
    let mut world = World::new(1, 1, FAIR);
    let source = "127.0.0.1:7000".parse().unwrap();
    for (name, _) in FATES {
        let message = bytes(name);
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
    for (name, _) in FATES {
        let mut world = World::new(1, 1, FAIR);
        let (now, local, connection) = (world.now, world.agents[0].address, ConnectionId(1));
        let endpoint = &mut world.agents[0].endpoint;
        endpoint.handle_accepted(now, connection, local, "127.0.0.1:7000".parse().unwrap());
        for piece in bytes(name).chunks(13) {
            endpoint.handle_stream(now, connection, piece);
        }
        world.run(Duration::from_secs(900));
        let counters = world.counters(0);
        assert_eq!((counters.calls, counters.transactions, counters.connections), (0, 0, 0), "{name}");
    }
}
