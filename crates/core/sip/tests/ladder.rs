//! Whole calls between two endpoints, as ladders.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::time::Duration;

use harness::{FAIR, World};
use partyline_sip::endpoint::{Because, CallEnd, CallEvent, TransportKind};

fn one_call(transport: TransportKind) -> World {
    let mut world = World::new(2, 1, FAIR);
    let ours = world.call(0, 1, transport);
    world.run(Duration::from_millis(20));
    let theirs = world.incoming(1);
    let now = world.now;
    world.agents[1].endpoint.ring(now, theirs).unwrap();
    world.run(Duration::from_millis(20));
    world.answer(1, theirs);
    world.run(Duration::from_millis(20));
    assert!(matches!(world.events(0, ours)[..], [CallEvent::Ringing, CallEvent::Answered(_)]));
    assert!(matches!(world.events(1, theirs)[..], [CallEvent::Incoming(_), CallEvent::Confirmed(None)]));
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, ours, &Because::default()).unwrap();
    world.run(Duration::from_secs(60));
    assert_eq!(world.events(0, ours).last(), Some(&CallEvent::Ended(CallEnd::WeHungUp)));
    assert_eq!(world.events(1, theirs).last(), Some(&CallEvent::Ended(CallEnd::TheyHungUp(Vec::new()))));
    world
}

/// Shows RFC 3261 §13: a call is made, answered, acknowledged and ended by BYE.
#[test]
fn a_call_rings_is_answered_and_hung_up() {
    let world = one_call(TransportKind::Udp);
    assert_eq!(
        world.ladder(),
        [
            "0: INVITE sip:12345678@127.0.0.1:5061 SIP/2.0",
            "1: SIP/2.0 100 Trying",
            "1: SIP/2.0 180 Ringing",
            "1: SIP/2.0 200 OK",
            "0: ACK sip:127.0.0.1:5061 SIP/2.0",
            "0: BYE sip:127.0.0.1:5061 SIP/2.0",
            "1: SIP/2.0 200 OK",
        ]
    );
    for agent in 0..2 {
        let counters = world.counters(agent);
        assert_eq!((counters.calls, counters.transactions, counters.half_open), (0, 0, 0));
        assert_eq!((counters.dropped, counters.retransmitted), (0, 0));
    }
}

/// Shows RFC 3261 §18.1.1: requests and responses of a call go over one connection.
#[test]
fn a_call_over_tcp_goes_the_same_way_on_one_connection() {
    let mut world = one_call(TransportKind::Tcp);
    assert_eq!(world.ladder().len(), 7, "{:?}", world.ladder());
    assert_eq!((world.counters(0).connections, world.counters(1).connections), (1, 1));
    world.run(Duration::from_secs(300));
    assert_eq!((world.counters(0).connections, world.counters(1).connections), (0, 0), "closed when idle");
    assert_eq!((world.counters(0).transactions, world.counters(1).transactions), (0, 0));
}

#[test]
fn the_whole_ladder_reads_as_it_should() {
    let world = one_call(TransportKind::Udp);
    let texts = world
        .sent
        .iter()
        .map(|(from, bytes)| format!("--- {from}\n{}", String::from_utf8_lossy(bytes).replace("\r\n", "\n")));
    insta::assert_snapshot!(texts.collect::<String>());
}
