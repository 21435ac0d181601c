//! Calls that go on elsewhere: dead targets, busy ones, redirections, requests too large for a datagram.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::net::SocketAddr;
use std::time::Duration;

use harness::peers::{answer, assert_empty, begin, newest, sent_to};
use harness::phone::{OFFER, header, response_to};
use harness::{FAIR, World, codec, outgoing, start_line};
use partyline_sip::endpoint::{Because, CallEnd, CallEvent, OutgoingCall, Output, Target, TransportKind};
use partyline_sip::locate::Located;
use partyline_sip::timer::STREAM_INSTEAD_MAX;

const FIRST: &str = "127.0.0.1:7000";
const SECOND: &str = "127.0.0.1:7001";
const THIRD: &str = "127.0.0.1:7002";

fn target(address: &str) -> Target {
    Target { transport: TransportKind::Udp, remote: address.parse().unwrap() }
}

fn wanted() -> OutgoingCall {
    let alternatives = vec![target(SECOND), target(THIRD)];
    OutgoingCall { alternatives, ..outgoing(FIRST.parse().unwrap(), TransportKind::Udp) }
}

/// Shows RFC 3263 §4.3: a target that does not answer is followed by the next, with the same request in a new branch.
#[test]
fn a_silent_target_is_followed_by_the_next() {
    let mut world = World::new(1, 1, FAIR);
    let call = begin(&mut world, &wanted());
    world.run(Duration::from_secs(33));
    let (first, second) = (newest(&world, FIRST), newest(&world, SECOND));
    for same in ["Call-ID", "From", "To", "CSeq"] {
        assert_eq!(header(&first, same), header(&second, same));
    }
    assert_eq!(start_line(&first), start_line(&second));
    assert_ne!(header(&first, "Via"), header(&second, "Via"));
    answer(&mut world, SECOND, "200 OK", "", OFFER);
    assert!(matches!(world.events(0, call)[..], [CallEvent::Answered(_)]));
    assert!(newest(&world, SECOND).starts_with(b"ACK"));
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
    world.run(Duration::from_millis(1));
    assert!(newest(&world, SECOND).starts_with(b"BYE"));
    assert_empty(&mut world);
}

/// Shows RFC 3263 §4.3: 503 sends the call to the next target, and Retry-After keeps later calls away for that long.
#[test]
fn a_busy_target_is_left_alone_for_as_long_as_it_asks() {
    let mut world = World::new(1, 1, FAIR);
    let first = begin(&mut world, &wanted());
    answer(&mut world, FIRST, "503 Service Unavailable", "Retry-After: 100\r\n", "");
    assert!(newest(&world, FIRST).starts_with(b"ACK"));
    answer(&mut world, SECOND, "486 Busy Here", "", "");
    assert_eq!(world.events(0, first), [CallEvent::Ended(CallEnd::Refused { status: 486 })]);
    assert!(sent_to(&world, THIRD).is_empty(), "who answers at all answers for all");

    let before = sent_to(&world, FIRST).len();
    world.run(Duration::from_secs(50));
    begin(&mut world, &wanted());
    assert_eq!(sent_to(&world, FIRST).len(), before, "it is tried last");
    answer(&mut world, SECOND, "486 Busy Here", "", "");
    world.run(Duration::from_secs(60));
    begin(&mut world, &wanted());
    assert_eq!(sent_to(&world, FIRST).len(), before + 1, "its time is over");
    answer(&mut world, FIRST, "486 Busy Here", "", "");
    assert_empty(&mut world);
}

#[test]
fn a_call_fails_when_all_its_targets_have() {
    let mut world = World::new(1, 1, FAIR);
    let call = begin(&mut world, &wanted());
    for address in [FIRST, SECOND, THIRD] {
        answer(&mut world, address, "503 Service Unavailable", "", "");
    }
    assert_eq!(world.events(0, call), [CallEvent::Ended(CallEnd::Refused { status: 503 })]);
    let call = begin(&mut world, &wanted());
    world.run(Duration::from_secs(100));
    assert_eq!(
        world.events(0, call),
        [CallEvent::Ended(CallEnd::TimedOut)],
        "all are tried, however bad they were"
    );
    assert_empty(&mut world);
}

#[test]
fn a_connection_that_is_refused_sends_the_call_on_at_once() {
    let mut world = World::new(2, 1, FAIR);
    let there = world.agents[1].address;
    let tcp = |remote| Target { transport: TransportKind::Tcp, remote };
    let alternatives = vec![tcp(there)];
    let call = begin(
        &mut world,
        &OutgoingCall { alternatives, ..outgoing(FIRST.parse().unwrap(), TransportKind::Tcp) },
    );
    world.run(Duration::from_millis(10));
    let incoming = world.incoming(1);
    world.answer(1, incoming);
    world.run(Duration::from_millis(10));
    assert!(matches!(world.events(0, call)[..], [CallEvent::Answered(_)]));
}

#[test]
fn who_hangs_up_is_not_sent_on() {
    let mut world = World::new(1, 1, FAIR);
    let call = begin(&mut world, &wanted());
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
    answer(&mut world, FIRST, "503 Service Unavailable", "", "");
    world.run(Duration::from_secs(40));
    assert!(sent_to(&world, SECOND).is_empty());
    assert_eq!(world.events(0, call), [CallEvent::Ended(CallEnd::WeHungUp)]);
    assert_empty(&mut world);
}

fn redirectable() -> OutgoingCall {
    OutgoingCall { follows_redirects: true, ..outgoing(FIRST.parse().unwrap(), TransportKind::Udp) }
}

/// Shows RFC 3261 §8.1.3.4: the contacts of a 3xx are tried by their q, under the same Call-ID, To and From.
#[test]
fn a_redirected_call_tries_the_contacts_in_their_order() {
    let mut world = World::new(1, 1, FAIR);
    let call = begin(&mut world, &redirectable());
    let contacts =
        format!("Contact: <sip:b@{THIRD}>;q=0.2\r\nContact: <sip:a@{SECOND}>;q=0.9, <mailto:x@y>\r\n");
    answer(&mut world, FIRST, "302 Moved Temporarily", &contacts, "");
    let (first, second) = (sent_to(&world, FIRST)[0].clone(), newest(&world, SECOND));
    assert_eq!(start_line(&second), format!("INVITE sip:a@{SECOND} SIP/2.0"));
    for same in ["Call-ID", "From", "To"] {
        assert_eq!(header(&first, same), header(&second, same));
    }
    assert_eq!(header(&second, "CSeq").as_deref(), Some("2 INVITE"));
    answer(&mut world, SECOND, "404 Not Found", "", "");
    assert_eq!(start_line(&newest(&world, THIRD)), format!("INVITE sip:b@{THIRD} SIP/2.0"));
    answer(&mut world, THIRD, "200 OK", "", OFFER);
    assert!(matches!(world.events(0, call)[..], [CallEvent::Answered(_)]));
    let ack = newest(&world, THIRD);
    assert_eq!(header(&ack, "CSeq").as_deref(), Some("3 ACK"));
}

#[test]
fn a_call_is_redirected_only_where_that_is_allowed_and_not_in_circles() {
    let mut world = World::new(1, 1, FAIR);
    let contact = format!("Contact: <sip:a@{SECOND}>\r\n");
    let call = begin(&mut world, &OutgoingCall { follows_redirects: false, ..redirectable() });
    answer(&mut world, FIRST, "302 Moved Temporarily", &contact, "");
    assert_eq!(world.events(0, call), [CallEvent::Ended(CallEnd::Refused { status: 302 })]);

    let call = begin(&mut world, &redirectable());
    answer(&mut world, FIRST, "302 Moved Temporarily", &contact, "");
    answer(&mut world, SECOND, "302 Moved Temporarily", &contact, "");
    assert_eq!(world.events(0, call), [CallEvent::Ended(CallEnd::Refused { status: 302 })]);

    let call = begin(&mut world, &redirectable());
    for number in 0..6 {
        let contact = format!("Contact: <sip:a{number}@{FIRST}>\r\n");
        assert!(world.events(0, call).is_empty(), "{number}");
        answer(&mut world, FIRST, "302 Moved Temporarily", &contact, "");
    }
    assert_eq!(world.events(0, call), [CallEvent::Ended(CallEnd::Refused { status: 302 })]);
    assert_empty(&mut world);
}

#[test]
fn a_contact_by_name_is_looked_up_first() {
    let mut world = World::new(1, 1, FAIR);
    let call = begin(&mut world, &redirectable());
    let invite = sent_to(&world, FIRST).pop().unwrap();
    let contact = "Contact: <sip:a@else.example>, <sip:b@gone.example>;q=0.5\r\n";
    let moved = response_to(&invite, "302 Moved Temporarily", "x", contact, "");
    let (now, local) = (world.now, world.agents[0].address);
    let endpoint = &mut world.agents[0].endpoint;
    endpoint.handle_datagram(now, local, FIRST.parse().unwrap(), moved.as_bytes());
    let locate = |endpoint: &mut partyline_sip::endpoint::Endpoint| {
        std::iter::from_fn(|| endpoint.poll_output()).find(|output| matches!(output, Output::Locate { .. }))
    };
    assert_eq!(locate(endpoint), Some(Output::Locate { call, uri: "sip:a@else.example".to_owned() }));
    endpoint.handle_located(now, call, &[]);
    assert_eq!(locate(endpoint), Some(Output::Locate { call, uri: "sip:b@gone.example".to_owned() }));
    let located = Located { target: target(SECOND), server_name: "gone.example".to_owned() };
    endpoint.handle_located(now, call, &[located]);
    world.run(Duration::from_millis(1));
    assert_eq!(start_line(&newest(&world, SECOND)), "INVITE sip:b@gone.example SIP/2.0");
    answer(&mut world, SECOND, "486 Busy Here", "", "");
    assert_eq!(world.events(0, call), [CallEvent::Ended(CallEnd::Refused { status: 486 })]);
    assert_empty(&mut world);
}

#[test]
fn a_call_that_waits_for_a_look_up_can_be_hung_up() {
    let mut world = World::new(1, 1, FAIR);
    let call = begin(&mut world, &redirectable());
    answer(&mut world, FIRST, "302 Moved Temporarily", "Contact: <sip:a@else.example>\r\n", "");
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
    world.drain();
    assert_eq!(world.counters(0).calls, 0);
    world.agents[0].endpoint.handle_located(now, call, &[]);
    assert_empty(&mut world);
}

/// An offer that makes an INVITE larger than a datagram should be.
fn large(remote: SocketAddr) -> OutgoingCall {
    let mut large = outgoing(remote, TransportKind::Udp);
    for number in 0..25_u8 {
        large.capabilities.codecs.push(codec(&format!("a-codec-with-a-long-name-{number}"), 96 + number));
    }
    large
}

/// Shows RFC 3261 §18.1.1: a request of more than 1300 bytes goes by a stream, and its Via says so.
#[test]
fn a_large_request_goes_by_a_stream() {
    let mut world = World::new(2, 1, FAIR);
    let wanted = large(world.agents[1].address);
    let call = begin(&mut world, &wanted);
    world.run(Duration::from_millis(10));
    assert!(world.sent[0].1.len() > 1_300);
    assert!(header(&world.sent[0].1, "Via").unwrap().starts_with("SIP/2.0/TCP "));
    let incoming = world.incoming(1);
    world.answer(1, incoming);
    world.run(Duration::from_millis(10));
    assert!(matches!(world.events(0, call)[..], [CallEvent::Answered(_)]));
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
    world.run(Duration::from_millis(10));
    assert!(matches!(world.events(1, incoming)[..], [.., CallEvent::Ended(CallEnd::TheyHungUp(_))]));
}

/// Shows RFC 3261 §18.1.1: where no stream can be had the request goes by datagram after all.
#[test]
fn a_large_request_goes_by_datagram_where_no_stream_can_be_had() {
    let mut world = World::new(1, 1, FAIR);
    let call = begin(&mut world, &large(FIRST.parse().unwrap()));
    world.run(Duration::from_millis(10));
    let invite = newest(&world, FIRST);
    assert!(invite.len() > 1_300);
    assert!(header(&invite, "Via").unwrap().starts_with("SIP/2.0/UDP "));
    answer(&mut world, FIRST, "486 Busy Here", "", "");
    assert_eq!(world.events(0, call), [CallEvent::Ended(CallEnd::Refused { status: 486 })]);
    assert_empty(&mut world);
}

/// Shows RFC 3261 §18.1.1: nobody waits long for a stream that neither comes up nor is refused; the next call tries none.
#[test]
fn a_large_request_goes_by_datagram_soon_where_the_stream_is_silent() {
    let mut world = World::new(1, 1, FAIR);
    world.silent.push(FIRST.parse().unwrap());
    let call = begin(&mut world, &large(FIRST.parse().unwrap()));
    world.run(STREAM_INSTEAD_MAX - Duration::from_millis(10));
    assert!(sent_to(&world, FIRST).is_empty(), "it may come up still");
    world.run(Duration::from_millis(20));
    let invite = newest(&world, FIRST);
    assert!(header(&invite, "Via").unwrap().starts_with("SIP/2.0/UDP "));
    assert_eq!(header(&invite, "CSeq").as_deref(), Some("1 INVITE"), "the same request");
    assert_eq!(world.counters(0).connections, 0, "the stream is given up");
    answer(&mut world, FIRST, "200 OK", "", OFFER);
    assert!(matches!(world.events(0, call)[..], [CallEvent::Answered(_)]));

    let before = sent_to(&world, FIRST).len();
    begin(&mut world, &large(FIRST.parse().unwrap()));
    assert_eq!(sent_to(&world, FIRST).len(), before + 1, "at once");
    answer(&mut world, FIRST, "486 Busy Here", "", "");
}

/// Shows RFC 3261 §18.1.1: a stream that came up stays, however long the answer takes.
#[test]
fn a_stream_that_came_up_is_not_given_up_for_its_silence() {
    let mut world = World::new(2, 1, FAIR);
    let wanted = large(world.agents[1].address);
    let call = begin(&mut world, &wanted);
    world.run(STREAM_INSTEAD_MAX * 4);
    let incoming = world.incoming(1);
    world.answer(1, incoming);
    world.run(Duration::from_millis(10));
    assert!(matches!(world.events(0, call)[..], [.., CallEvent::Answered(_)]));
    assert!(world.ladder().iter().filter(|line| line.contains("INVITE ")).count() == 1);
}
