//! Callees of ours that ring reliably and send early media.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::time::Duration;

use harness::callee::{Callee, methods};
use harness::phone::{OFFER, body, header};
use harness::{FAIR, World, start_line};
use partyline_sip::endpoint::{CallEnd, CallEvent, TransportKind};
use partyline_sip::rules::{DialogRules, Reliability};

fn called(delays_offer: bool) -> (World, Callee) {
    Callee::called(delays_offer, &DialogRules::default())
}

fn reliable(rseq: u32) -> String {
    format!("Require: 100rel\r\nRSeq: {rseq}\r\n")
}

fn assert_empty(world: &mut World) {
    world.run(Duration::from_secs(300));
    assert_eq!((world.counters(0).calls, world.counters(0).transactions), (0, 0));
}

/// Shows RFC 3262 §4: we say that we support reliable provisional responses, and acknowledge each in its order.
#[test]
fn each_reliable_response_gets_its_prack_once_and_in_order() {
    let (mut world, mut callee) = called(false);
    assert!(header(&callee.invite, "Supported").unwrap().contains("100rel"));
    let prack = callee.says(&mut world, "180 Ringing", "x", &reliable(7), "").remove(0);
    assert_eq!(start_line(&prack), "PRACK sip:x@127.0.0.1:7000 SIP/2.0");
    assert_eq!(header(&prack, "RAck").as_deref(), Some("7 1 INVITE"));
    assert_eq!(header(&prack, "CSeq").as_deref(), Some("2 PRACK"));
    assert!(callee.says(&mut world, "180 Ringing", "x", &reliable(7), "").is_empty(), "a copy");
    assert!(callee.says(&mut world, "183 Progress", "x", &reliable(9), OFFER).is_empty(), "8 is missing");
    assert_eq!(callee.events(&world), [CallEvent::Ringing], "nor is it looked at");
    let prack = callee.says(&mut world, "183 Progress", "x", &reliable(8), OFFER).remove(0);
    assert_eq!(header(&prack, "RAck").as_deref(), Some("8 1 INVITE"));
    assert_eq!(header(&prack, "CSeq").as_deref(), Some("3 PRACK"));
    assert!(matches!(callee.events(&world)[..], [CallEvent::Ringing, CallEvent::Early(_)]));
}

/// Shows RFC 3262 §4: a PRACK that gets lost is sent again like any request.
#[test]
fn a_lost_prack_is_sent_again_until_it_is_answered() {
    let (mut world, mut callee) = called(false);
    let prack = callee.says(&mut world, "180 Ringing", "x", &reliable(1), "").remove(0);
    world.run(Duration::from_millis(1_600));
    assert_eq!(callee.heard(&world), [prack.clone(), prack.clone()]);
    callee.responds(&mut world, &prack, "200 OK", "x", "", "");
    world.run(Duration::from_secs(60));
    assert!(callee.heard(&world).is_empty());
}

/// Shows RFC 3262 §4: without Require a provisional response is an ordinary one.
#[test]
fn a_response_that_is_not_reliable_gets_no_prack() {
    let (mut world, mut callee) = called(false);
    for more in ["", "RSeq: 5\r\n", "Require: 100rel\r\n", "Require: 100rel\r\nRSeq: x\r\n"] {
        assert!(callee.says(&mut world, "180 Ringing", "x", more, "").is_empty(), "{more}");
    }
    assert!(callee.says(&mut world, "100 Trying", "", &reliable(1), "").is_empty());
}

/// Shows RFC 3262 §5: an answer in a reliable response is the answer, whatever the 2xx says.
#[test]
fn early_media_is_agreed_on_once() {
    let (mut world, mut callee) = called(false);
    callee.says(&mut world, "183 Progress", "x", &reliable(1), OFFER);
    let ack = callee.says(&mut world, "200 OK", "x", "", &OFFER.replace("9000", "9100")).remove(0);
    assert_eq!(header(&ack, "CSeq").as_deref(), Some("1 ACK"));
    let events = callee.events(&world);
    let [CallEvent::Early(early), CallEvent::Ringing, CallEvent::Answered(answered)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((early, early.remote.port()), (answered, 9_000));
}

/// Shows RFC 3261 §13.2.1: a description that was merely shown gives way to that of the 2xx.
#[test]
fn media_that_was_shown_only_may_change_with_the_answer() {
    let (mut world, mut callee) = called(false);
    callee.says(&mut world, "183 Progress", "x", "", OFFER);
    callee.says(&mut world, "183 Progress", "x", "", OFFER);
    callee.says(&mut world, "200 OK", "x", "", &OFFER.replace("9000", "9100"));
    let events = callee.events(&world);
    let [CallEvent::Early(early), CallEvent::Ringing, CallEvent::Answered(answered)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((early.remote.port(), answered.remote.port()), (9_000, 9_100));
}

/// Shows RFC 3262 §5: an offer in a reliable response is answered in its PRACK.
#[test]
fn a_callee_that_offers_early_gets_its_answer_with_prack() {
    let (mut world, mut callee) = called(true);
    let prack = callee.says(&mut world, "183 Progress", "x", &reliable(1), OFFER).remove(0);
    assert!(body(&prack).contains("m=audio 6000 RTP/AVP 0"), "{}", body(&prack));
    let ack = callee.says(&mut world, "200 OK", "x", "", "").remove(0);
    assert_eq!(body(&ack), "");
    assert!(matches!(
        callee.events(&world)[..],
        [CallEvent::Early(_), CallEvent::Ringing, CallEvent::Answered(_)]
    ));
}

/// Shows RFC 3261 §13.2.2.4: an offer that can't be met is declined in due form, and the call is ended.
#[test]
fn an_offer_without_common_ground_is_declined_and_the_call_given_up() {
    let alien = OFFER.replace("8 0 101", "97");
    let (mut world, mut callee) = called(true);
    let sent = callee.says(&mut world, "183 Progress", "x", &reliable(1), &alien);
    assert_eq!(methods(&sent), ["PRACK", "CANCEL"]);
    assert!(body(&sent[0]).contains("m=audio 0 RTP/AVP 97"));
    assert_eq!(callee.events(&world), [CallEvent::Ended(CallEnd::NoAgreement)]);
    assert_empty(&mut world);
    let (mut world, mut callee) = called(true);
    let sent = callee.says(&mut world, "200 OK", "x", "", &alien);
    assert_eq!(methods(&sent), ["ACK", "BYE"]);
    assert!(body(&sent[0]).contains("m=audio 0 RTP/AVP 97"));
    assert_empty(&mut world);
}

#[test]
fn an_early_answer_that_does_not_fit_cancels_the_call_only_where_it_counts() {
    let alien = OFFER.replace("8 0 101", "97");
    let (mut world, mut callee) = called(false);
    assert!(callee.says(&mut world, "183 Progress", "x", "", &alien).is_empty());
    let sent = callee.says(&mut world, "183 Progress", "x", &reliable(1), &alien);
    assert_eq!(methods(&sent), ["PRACK", "CANCEL"]);
    assert_empty(&mut world);
}

/// Shows RFC 3262 §3: two of us ring, answer and talk over reliable responses.
#[test]
fn two_endpoints_ring_reliably_with_early_media_and_a_delayed_offer() {
    for delays_offer in [false, true] {
        let rules = DialogRules { reliability: Reliability::WhenSupported, ..DialogRules::default() };
        let mut world = World::with_rules(2, 1, FAIR, &rules);
        let mut wanted = harness::outgoing(world.agents[1].address, TransportKind::Udp);
        wanted.delays_offer = delays_offer;
        let now = world.now;
        let ours = world.agents[0].endpoint.call(now, &wanted).unwrap();
        world.run(Duration::from_millis(10));
        let theirs = world.incoming(1);
        let now = world.now;
        world.agents[1].endpoint.progress(now, theirs, &harness::capabilities(4_000)).unwrap();
        world.agents[1].endpoint.ring(now, theirs).unwrap();
        world.agents[1].endpoint.answer(now, theirs, &harness::capabilities(4_000)).unwrap();
        world.run(Duration::from_secs(60));
        assert!(
            matches!(
                world.events(0, ours)[..],
                [CallEvent::Early(_), CallEvent::Ringing, CallEvent::Answered(_)]
            ),
            "{:?}",
            world.events(0, ours)
        );
        assert!(matches!(world.events(1, theirs).last(), Some(CallEvent::Confirmed(_))));
        assert_eq!((world.counters(0).calls, world.counters(0).transactions), (1, 0));
        assert_eq!((world.counters(1).half_open, world.counters(1).transactions), (0, 0));
        assert_eq!(world.counters(0).retransmitted + world.counters(1).retransmitted, 0);
    }
}
