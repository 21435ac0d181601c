//! Bodies that are more, or something else, than a session description.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::time::Duration;

use harness::phone::{OFFER, Phone, header, response_to};
use harness::{FAIR, World, outgoing};
use partyline_sip::endpoint::{CallEvent, TransportKind};

/// An INVITE with this body, and what it is told.
fn invited(more: &str, body: &str) -> (World, Vec<Vec<u8>>) {
    let mut world = World::new(1, 1, FAIR);
    let mut phone = Phone::new("bodies");
    let invite = phone.request("INVITE", 1, "a", more, body);
    world.inject(phone.address, 0, invite.as_bytes());
    let heard = phone.heard(&world);
    (world, heard)
}

fn has_offer(world: &World) -> bool {
    let Some((_, CallEvent::Incoming(incoming))) = world.agents[0].events.last() else { panic!("no call") };
    incoming.has_offer
}

fn multipart(other: &str) -> String {
    format!("--cut\r\nContent-Type: application/sdp\r\n\r\n{OFFER}\r\n--cut\r\n{other}\r\n--cut--\r\n")
}

const MULTIPART: &str = "Content-Type: multipart/mixed;boundary=cut\r\n";

/// Shows RFC 5621 §3.2: an offer among other parts is answered like one by itself.
#[test]
fn an_offer_among_other_parts_is_answered() {
    let other =
        "Content-Type: application/pidf+xml\r\nContent-Disposition: render;handling=optional\r\n\r\n<x/>";
    let (mut world, _) = invited(MULTIPART, &multipart(other));
    assert!(has_offer(&world));
    let call = world.incoming(0);
    world.answer(0, call);
    let (_, answer) = world.sent.last().unwrap();
    assert_eq!(header(answer, "Content-Type").as_deref(), Some("application/sdp"));
}

/// Shows RFC 5621 §8.2: a part that has to be understood and is not gets 415, with what would be.
#[test]
fn a_part_that_has_to_be_understood_refuses_the_call() {
    let (_, heard) = invited(MULTIPART, &multipart("Content-Type: application/isup\r\n\r\nx"));
    assert_eq!(harness::status(&heard[0]), 415);
    assert_eq!(header(&heard[0], "Accept").as_deref(), Some("application/sdp, multipart/mixed"));
}

/// Shows RFC 3261 §20.11: a body that may be ignored is, and one that has another purpose is not taken for an offer.
#[test]
fn a_body_that_may_be_ignored_is_no_offer() {
    let optional = "Content-Type: text/plain\r\nContent-Disposition: render;handling=optional\r\n";
    let (world, _) = invited(optional, "hello");
    assert!(!has_offer(&world));
    let purpose = "Content-Type: application/sdp\r\nContent-Disposition: early-session\r\n";
    assert_eq!(harness::status(&invited(purpose, OFFER).1[0]), 415);
}

/// Shows RFC 3261 §8.2.3: an encoding that nobody here can undo gets 415, and the one that would do.
#[test]
fn an_unknown_encoding_is_refused_by_its_name() {
    let (_, heard) = invited("Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n", OFFER);
    assert_eq!(harness::status(&heard[0]), 415);
    assert_eq!(header(&heard[0], "Accept-Encoding").as_deref(), Some("identity"));
}

#[test]
fn an_answer_among_other_parts_is_found() {
    let mut world = World::new(1, 1, FAIR);
    let callee: std::net::SocketAddr = "127.0.0.1:7000".parse().unwrap();
    let now = world.now;
    let call = world.agents[0].endpoint.call(now, &outgoing(callee, TransportKind::Udp)).unwrap();
    world.run(Duration::from_millis(1));
    let invite = world.sent[0].1.clone();
    let other = "Content-Type: application/isup\r\nContent-Disposition: signal;handling=optional\r\n\r\nx";
    let more = format!("Contact: <sip:x@{callee}>\r\n");
    let response = response_to(&invite, "200 OK", "x", &more, &multipart(other))
        .replace("Content-Type: application/sdp\r\nContent-Length", &format!("{MULTIPART}Content-Length"));
    world.inject(callee, 0, response.as_bytes());
    assert!(matches!(world.events(0, call)[..], [CallEvent::Answered(_)]));
}
