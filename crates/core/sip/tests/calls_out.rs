//! What an endpoint does that calls somebody: the client's side, against a callee written byte by byte.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::net::SocketAddr;
use std::time::Duration;

use harness::phone::{OFFER, body, header};
use harness::{FAIR, World, outgoing, start_line};
use partyline_sip::endpoint::{Because, CallEnd, CallError, CallEvent, CallKey, TransportKind};

const CALLEE: &str = "127.0.0.1:7000";

struct Callee {
    address: SocketAddr,
    invite: Vec<u8>,
}

fn calling(delays_offer: bool) -> (World, Callee, CallKey) {
    let mut world = World::new(1, 1, FAIR);
    let address = CALLEE.parse().unwrap();
    let mut wanted = outgoing(address, TransportKind::Udp);
    wanted.delays_offer = delays_offer;
    let now = world.now;
    let call = world.agents[0].endpoint.call(now, &wanted).unwrap();
    world.drain();
    let invite = world.sent[0].1.clone();
    (world, Callee { address, invite }, call)
}

impl Callee {
    /// A response to a request, by default the INVITE.
    fn response_to(&self, request: &[u8], status: &str, tag: &str, sdp: &str) -> String {
        let echo = |name| format!("{name}: {}\r\n", header(request, name).unwrap());
        let content_type = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let to = header(request, "To").unwrap();
        let to = if tag.is_empty() || to.contains(";tag=") { to } else { format!("{to};tag={tag}") };
        format!(
            "SIP/2.0 {status}\r\n{}{}To: {to}\r\n{}{}Contact: <sip:{tag}@127.0.0.1:7000>\r\n{content_type}Content-Length: {}\r\n\r\n{sdp}",
            echo("Via"),
            echo("From"),
            echo("Call-ID"),
            echo("CSeq"),
            sdp.len(),
        )
    }

    fn respond(&self, world: &mut World, status: &str, tag: &str, sdp: &str) -> Vec<Vec<u8>> {
        let before = world.sent.len();
        let response = self.response_to(&self.invite, status, tag, sdp);
        world.inject(self.address, 0, response.as_bytes());
        world.sent[before..].iter().map(|(_, bytes)| bytes.clone()).collect()
    }
}

fn methods(sent: &[Vec<u8>]) -> Vec<String> {
    sent.iter().map(|bytes| start_line(bytes).split(' ').next().unwrap().to_owned()).collect()
}

fn assert_empty(world: &mut World) {
    world.run(Duration::from_secs(300));
    let counters = world.counters(0);
    assert_eq!((counters.calls, counters.transactions), (0, 0));
}

/// Shows RFC 3261 §13.2.2.4: each 2xx that comes is acknowledged.
#[test]
fn a_call_that_is_answered_is_acked_each_time_the_answer_comes() {
    let (mut world, callee, call) = calling(false);
    assert_eq!(
        header(&callee.invite, "From").unwrap().split(";tag").next(),
        Some("\"Alice \\\"A\\\"\" <sip:alice@127.0.0.1:5060>")
    );
    callee.respond(&mut world, "180 Ringing", "x", "");
    callee.respond(&mut world, "183 Progress", "x", "");
    let sent = callee.respond(&mut world, "200 OK", "x", OFFER);
    assert_eq!(start_line(&sent[0]), "ACK sip:x@127.0.0.1:7000 SIP/2.0");
    assert_eq!(methods(&callee.respond(&mut world, "200 OK", "x", OFFER)), ["ACK"]);
    assert!(matches!(world.events(0, call)[..], [CallEvent::Ringing, CallEvent::Answered(_)]));
    world.run(Duration::from_secs(40));
    assert_eq!(
        methods(&callee.respond(&mut world, "200 OK", "x", OFFER)),
        ["ACK"],
        "after the transaction's end too"
    );
}

/// Shows RFC 3261 §13.2.2.4: a 2xx of another dialog is acknowledged, and its dialog ended.
#[test]
fn the_second_answer_of_a_fork_is_acked_and_hung_up() {
    let (mut world, callee, call) = calling(false);
    callee.respond(&mut world, "200 OK", "x", OFFER);
    let sent = callee.respond(&mut world, "200 OK", "y", OFFER);
    assert_eq!(methods(&sent), ["ACK", "BYE"]);
    assert!(start_line(&sent[1]).starts_with("BYE sip:y@"));
    assert_eq!(header(&sent[1], "CSeq").as_deref(), Some("2 BYE"));
    assert_eq!(world.events(0, call).len(), 1, "the call itself goes on");
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
    world.drain();
    assert_empty(&mut world);
}

/// Shows RFC 3261 §17.1.1.3: a refusal is acknowledged within its transaction.
#[test]
fn a_refusal_is_acked_in_its_transaction_and_told() {
    let (mut world, callee, call) = calling(false);
    let sent = callee.respond(&mut world, "486 Busy Here", "x", "");
    assert_eq!(start_line(&sent[0]), "ACK sip:12345678@127.0.0.1:7000 SIP/2.0");
    assert_eq!(header(&sent[0], "Via"), header(&callee.invite, "Via"));
    assert!(header(&sent[0], "To").unwrap().ends_with(";tag=x"));
    assert_eq!(methods(&callee.respond(&mut world, "486 Busy Here", "x", "")), ["ACK"]);
    assert_eq!(world.events(0, call), [CallEvent::Ended(CallEnd::Refused { status: 486 })]);
    assert_empty(&mut world);
}

/// Shows RFC 3261 §17.1.1.2: INVITE is sent seven times (timer A) and given up after 64*T1 (timer B).
#[test]
fn a_call_that_nobody_answers_ends_after_seven_tries() {
    let (mut world, _callee, call) = calling(false);
    world.run(Duration::from_secs(33));
    assert_eq!(world.sent.len(), 7);
    assert_eq!(world.events(0, call), [CallEvent::Ended(CallEnd::TimedOut)]);
    assert_empty(&mut world);
}

/// Shows RFC 3261 §9.1: CANCEL is sent once a provisional response has come.
#[test]
fn cancel_waits_until_something_is_heard() {
    let (mut world, callee, call) = calling(false);
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
    world.drain();
    assert_eq!(world.sent.len(), 1);
    let sent = callee.respond(&mut world, "100 Trying", "", "");
    assert_eq!(methods(&sent), ["CANCEL"]);
    assert_eq!(header(&sent[0], "Via"), header(&callee.invite, "Via"));
    assert_eq!(header(&sent[0], "CSeq").as_deref(), Some("1 CANCEL"));
    let accepted = callee.response_to(&sent[0], "200 OK", "x", "");
    world.inject(callee.address, 0, accepted.as_bytes());
    assert_eq!(methods(&callee.respond(&mut world, "487 Request Terminated", "x", "")), ["ACK"]);
    assert_eq!(world.events(0, call), [CallEvent::Ended(CallEnd::WeHungUp)]);
    assert_empty(&mut world);
}

/// Shows RFC 3261 §9.1: a 2xx that crosses CANCEL makes a call, which is ended by BYE.
#[test]
fn an_answer_that_crosses_our_cancel_is_acked_and_hung_up() {
    let (mut world, callee, call) = calling(false);
    callee.respond(&mut world, "180 Ringing", "x", "");
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
    world.drain();
    let sent = callee.respond(&mut world, "200 OK", "x", OFFER);
    assert_eq!(methods(&sent), ["ACK", "BYE"]);
    let done = callee.response_to(&sent[1], "200 OK", "x", "");
    world.inject(callee.address, 0, done.as_bytes());
    assert_eq!(world.events(0, call), [CallEvent::Ringing, CallEvent::Ended(CallEnd::WeHungUp)]);
    assert_empty(&mut world);
}

/// Shows RFC 3261 §9.1: an INVITE whose CANCEL brings no final response is given up after 64*T1.
#[test]
fn a_cancel_that_is_ignored_ends_all_the_same() {
    let (mut world, callee, call) = calling(false);
    callee.respond(&mut world, "180 Ringing", "x", "");
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
    assert_empty(&mut world);
    assert_eq!(world.events(0, call).len(), 2);
}

#[test]
fn a_call_that_rings_for_ever_is_given_up() {
    let (mut world, callee, call) = calling(false);
    callee.respond(&mut world, "180 Ringing", "x", "");
    world.run(Duration::from_secs(186));
    assert_eq!(world.events(0, call).last(), Some(&CallEvent::Ended(CallEnd::TimedOut)));
    assert!(methods(&[world.sent.last().unwrap().1.clone()])[0].starts_with("CANCEL"));
    assert_empty(&mut world);
}

/// Shows RFC 3261 §13.2.1: an offer in the 2xx is answered in the ACK.
#[test]
fn a_callee_that_offers_gets_its_answer_with_the_ack() {
    let (mut world, callee, call) = calling(true);
    assert_eq!(body(&callee.invite), "");
    let sent = callee.respond(&mut world, "200 OK", "x", OFFER);
    assert!(body(&sent[0]).contains("m=audio 6000 RTP/AVP 0 101\r\n"), "{}", body(&sent[0]));
    assert!(
        matches!(&world.events(0, call)[..], [CallEvent::Answered(agreement)] if agreement.remote.port() == 9_000)
    );
}

/// Shows RFC 3261 §13.2.2.4: an answer that does not fit is acknowledged, and the call ended.
#[test]
fn an_answer_without_common_ground_is_acked_and_hung_up() {
    for answer in [
        String::new(),
        OFFER.replace("8 0 101", "18"),
        OFFER.replace("audio 9000", "audio 0"),
        "rubbish".to_owned(),
    ] {
        let (mut world, callee, call) = calling(false);
        assert_eq!(methods(&callee.respond(&mut world, "200 OK", "x", &answer)), ["ACK", "BYE"], "{answer}");
        assert_eq!(world.events(0, call), [CallEvent::Ended(CallEnd::NoAgreement)]);
        assert_empty(&mut world);
    }
}

#[test]
fn an_answer_given_early_counts_when_the_200_repeats_none() {
    let (mut world, callee, call) = calling(false);
    callee.respond(&mut world, "183 Progress", "x", OFFER);
    callee.respond(&mut world, "200 OK", "x", "");
    assert!(matches!(
        world.events(0, call)[..],
        [CallEvent::Early(_), CallEvent::Ringing, CallEvent::Answered(_)]
    ));
}

/// Shows RFC 3261 §17.1.1.3: a refusal that comes late is acknowledged.
#[test]
fn a_bye_before_the_answer_leaves_nothing_and_the_late_refusal_is_acked() {
    for refuses in [false, true] {
        let (mut world, callee, call) = calling(false);
        callee.respond(&mut world, "180 Ringing", "x", "");
        let from = header(&callee.invite, "From").unwrap();
        let bye = format!(
            "BYE sip:alice@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:7000;branch=z9hG4bKbye\r\n\
             From: <sip:x@127.0.0.1:7000>;tag=x\r\nTo: {from}\r\nCall-ID: {}\r\nCSeq: 9 BYE\r\nContent-Length: 0\r\n\r\n",
            header(&callee.invite, "Call-ID").unwrap()
        );
        let before = world.sent.len();
        world.inject(callee.address, 0, bye.as_bytes());
        assert_eq!(start_line(&world.sent[before].1), "SIP/2.0 200 OK");
        assert_eq!(
            world.events(0, call),
            [CallEvent::Ringing, CallEvent::Ended(CallEnd::TheyHungUp(Vec::new()))]
        );
        if refuses {
            let sent = callee.respond(&mut world, "487 Request Terminated", "x", "");
            assert_eq!(methods(&sent), ["ACK"]);
            assert_eq!(header(&sent[0], "Via"), header(&callee.invite, "Via"));
            assert_eq!(methods(&callee.respond(&mut world, "487 Request Terminated", "x", "")), ["ACK"]);
        }
        assert_empty(&mut world);
    }
}

#[test]
fn byes_that_cross_both_end_well() {
    let (mut world, callee, call) = calling(false);
    callee.respond(&mut world, "200 OK", "x", OFFER);
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
    world.drain();
    let (from, to) = (header(&callee.invite, "From").unwrap(), header(&callee.invite, "To").unwrap());
    let bye = format!(
        "BYE sip:127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:7000;branch=z9hG4bKq\r\nFrom: {to};tag=x\r\nTo: {from}\r\n\
         Call-ID: {}\r\nCSeq: 7 BYE\r\n\r\n",
        header(&callee.invite, "Call-ID").unwrap()
    );
    world.inject(callee.address, 0, bye.as_bytes());
    assert_eq!(start_line(&world.sent.last().unwrap().1), "SIP/2.0 200 OK");
    assert_eq!(world.events(0, call).last(), Some(&CallEvent::Ended(CallEnd::WeHungUp)));
    assert_empty(&mut world);
}

/// Shows RFC 3261 §8.1.3.3: a response with more than one Via is dropped.
#[test]
fn a_response_with_a_second_via_or_of_nobody_is_dropped() {
    let (mut world, callee, call) = calling(false);
    let stray = callee.response_to(&callee.invite, "200 OK", "x", OFFER);
    world.inject(
        callee.address,
        0,
        stray.replace("Via: ", "Via: SIP/2.0/UDP 127.0.0.7;branch=z9hG4bKz, ").as_bytes(),
    );
    let via = header(&callee.invite, "Via").unwrap();
    let branch = via.rsplit_once("branch=").unwrap().1;
    world.inject(callee.address, 0, stray.replace(branch, "z9hG4bKother").as_bytes());
    assert_eq!((world.counters(0).dropped, world.events(0, call).len()), (2, 0));
}

#[test]
fn calls_are_bounded_and_nonsense_is_no_target() {
    let mut world = World::new(1, 1, FAIR);
    let now = world.now;
    let endpoint = &mut world.agents[0].endpoint;
    let mut wanted = outgoing(CALLEE.parse().unwrap(), TransportKind::Udp);
    for _ in 0..50 {
        endpoint.call(now, &wanted).unwrap();
    }
    assert_eq!(endpoint.call(now, &wanted), Err(CallError::Full));
    wanted.target = "sip:x@y\r\nX: 1".to_owned();
    assert_eq!(endpoint.call(now, &wanted), Err(CallError::WrongState));
    assert_empty(&mut world);
}

/// Shows RFC 3261 §8.1.3.1: an error of the transport ends a request like a 503.
#[test]
fn a_connection_that_breaks_ends_the_call_that_waits_on_it() {
    let mut world = World::new(2, 1, FAIR);
    let call = world.call(0, 1, TransportKind::Tcp);
    world.run(Duration::from_millis(5));
    world.cut();
    assert_eq!(world.events(0, call), [CallEvent::Ended(CallEnd::TimedOut)]);
    assert_empty(&mut world);
}

/// Shows RFC 3261 §18.1.1: a request opens a connection where there is none.
#[test]
fn bye_opens_a_new_connection_where_the_old_one_is_gone() {
    let mut world = World::new(2, 1, FAIR);
    let ours = world.call(0, 1, TransportKind::Tcp);
    world.run(Duration::from_millis(5));
    let theirs = world.incoming(1);
    world.answer(1, theirs);
    world.run(Duration::from_millis(5));
    world.cut();
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, ours, &Because::default()).unwrap();
    world.run(Duration::from_millis(5));
    assert_eq!(world.events(1, theirs).last(), Some(&CallEvent::Ended(CallEnd::TheyHungUp(Vec::new()))));
}

/// Shows RFC 3261 §17.1.2.2: BYE is sent eleven times (timer E) and given up after 64*T1 (timer F).
#[test]
fn a_bye_that_nobody_answers_is_sent_eleven_times_and_given_up() {
    let (mut world, callee, call) = calling(false);
    callee.respond(&mut world, "200 OK", "x", OFFER);
    let before = world.sent.len();
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
    world.run(Duration::from_millis(31_900));
    assert_eq!(world.sent.len() - before, 11, "at 0, 0.5, 1.5, 3.5 and then each 4 s");
    assert_eq!(world.counters(0).calls, 0, "to its user it is over at once");
    world.run(Duration::from_millis(200));
    assert_eq!(world.counters(0).transactions, 0, "timers F and M");
}
