//! Calls of ours that a proxy forks to several callees, and answers that come late, twice or to nobody.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::time::Duration;

use harness::callee::{Callee, methods};
use harness::phone::{OFFER, header};
use harness::{World, capabilities, start_line};
use partyline_sip::endpoint::{Because, CallEnd, CallEvent};
use partyline_sip::rules::DialogRules;
use partyline_sip::sdp::Direction;

fn called() -> (World, Callee) {
    Callee::called(false, &DialogRules::default())
}

fn assert_empty(world: &mut World) {
    world.run(Duration::from_secs(300));
    assert_eq!((world.counters(0).calls, world.counters(0).transactions), (0, 0));
}

/// Shows RFC 3261 §13.2.2.4: each tag is an early dialog, with its own reliable responses and media.
#[test]
fn each_callee_of_a_fork_has_a_dialog_of_its_own() {
    let (mut world, mut callee) = called();
    let reliable = "Require: 100rel\r\nRSeq: 1\r\n";
    for (tag, port) in [("x", "9000"), ("y", "9200")] {
        let prack =
            callee.says(&mut world, "183 Progress", tag, reliable, &OFFER.replace("9000", port)).remove(0);
        assert_eq!(start_line(&prack), format!("PRACK sip:{tag}@127.0.0.1:7000 SIP/2.0"));
        assert_eq!(header(&prack, "CSeq").as_deref(), Some("2 PRACK"));
        assert!(header(&prack, "To").unwrap().ends_with(&format!(";tag={tag}")));
    }
    let ack = callee.says(&mut world, "200 OK", "x", "", "").remove(0);
    assert_eq!(start_line(&ack), "ACK sip:x@127.0.0.1:7000 SIP/2.0");
    let ports: Vec<_> = callee
        .events(&world)
        .iter()
        .filter_map(|event| {
            if let CallEvent::Early(agreement) | CallEvent::Answered(agreement) = event {
                Some(agreement.remote.port())
            } else {
                None
            }
        })
        .collect();
    assert_eq!(ports, [9_000, 9_200, 9_000]);
}

/// Shows RFC 3261 §13.2.2.4: a second callee that answers is acknowledged and hung up, the first one stays.
#[test]
fn a_second_answer_is_acked_each_time_and_hung_up_once() {
    let (mut world, mut callee) = called();
    callee.says(&mut world, "200 OK", "x", "", OFFER);
    let sent = callee.says(&mut world, "200 OK", "y", "", OFFER);
    assert_eq!(methods(&sent), ["ACK", "BYE"]);
    for _ in 0..3 {
        assert_eq!(methods(&callee.says(&mut world, "200 OK", "y", "", OFFER)), ["ACK"]);
    }
    callee.responds(&mut world, &sent[1], "200 OK", "y", "", "");
    world.run(Duration::from_secs(60));
    assert_eq!((world.counters(0).calls, world.counters(0).transactions), (1, 0));
    assert!(matches!(callee.events(&world)[..], [CallEvent::Answered(_)]));
}

/// Shows RFC 3261 §13.2.2.4: an offer in the 2xx of a callee that is not wanted gets an answer in the ACK all the same.
#[test]
fn a_second_answer_that_offers_is_turned_down_in_its_ack() {
    let (mut world, mut callee) = Callee::called(true, &DialogRules::default());
    callee.says(&mut world, "200 OK", "x", "", OFFER);
    let sent = callee.says(&mut world, "200 OK", "y", "", OFFER);
    assert_eq!(methods(&sent), ["ACK", "BYE"]);
    let ack = String::from_utf8(sent[0].clone()).unwrap();
    assert!(ack.contains("\r\nm=audio 0 RTP/AVP "), "{ack}");
}

/// Shows RFC 3261 §12.2.1.1: the BYE of a callee that is not wanted comes after all that it was asked before.
#[test]
fn a_callee_that_was_pracked_and_is_not_wanted_gets_a_bye_of_a_higher_number() {
    let (mut world, mut callee) = called();
    for rseq in 1..=3 {
        callee.says(&mut world, "180 Ringing", "y", &format!("Require: 100rel\r\nRSeq: {rseq}\r\n"), "");
    }
    callee.says(&mut world, "200 OK", "x", "", OFFER);
    let sent = callee.says(&mut world, "200 OK", "y", "", OFFER);
    assert_eq!(methods(&sent), ["ACK", "BYE"]);
    assert_eq!(header(&sent[1], "CSeq").as_deref(), Some("5 BYE"));
}

/// Shows RFC 6228 §4: 199 tells of one callee only, and rings nobody.
#[test]
fn a_callee_that_is_out_ends_nothing() {
    let (mut world, mut callee) = called();
    assert!(callee.says(&mut world, "199 Early Dialog Terminated", "x", "", "").is_empty());
    assert!(callee.events(&world).is_empty());
    let prack =
        callee.says(&mut world, "199 Early Dialog Terminated", "y", "Require: 100rel\r\nRSeq: 1\r\n", "");
    assert_eq!(methods(&prack), ["PRACK"]);
    callee.says(&mut world, "200 OK", "z", "", OFFER);
    assert!(matches!(callee.events(&world)[..], [CallEvent::Answered(_)]));
}

#[test]
fn a_crowd_of_callees_is_bounded_and_any_of_them_may_answer() {
    let (mut world, mut callee) = called();
    for number in 0..20 {
        callee.says(&mut world, "183 Progress", &format!("t{number}"), "", OFFER);
    }
    assert_eq!(world.counters(0).overloaded, 12);
    assert_eq!(methods(&callee.says(&mut world, "200 OK", "t19", "", OFFER)), ["ACK"]);
    assert!(matches!(callee.events(&world).last(), Some(CallEvent::Answered(_))));
}

/// Shows RFC 3261 §9.1: an answer that crosses CANCEL is acknowledged, and hung up.
#[test]
fn both_callees_that_answer_a_cancelled_call_are_hung_up() {
    let (mut world, mut callee) = called();
    callee.says(&mut world, "180 Ringing", "x", "", "");
    callee.says(&mut world, "180 Ringing", "y", "", "");
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, callee.call, &Because::default()).unwrap();
    world.drain();
    let cancel = callee.heard(&world).remove(0);
    assert_eq!(start_line(&cancel).split(' ').next(), Some("CANCEL"));
    callee.responds(&mut world, &cancel, "200 OK", "", "", "");
    for tag in ["x", "y"] {
        let sent = callee.says(&mut world, "200 OK", tag, "", OFFER);
        assert_eq!(methods(&sent), ["ACK", "BYE"]);
        callee.responds(&mut world, &sent[1], "200 OK", tag, "", "");
    }
    assert_empty(&mut world);
}

#[test]
fn nothing_is_told_of_a_call_after_its_end() {
    let (mut world, mut callee) = called();
    let more = "Require: 100rel\r\nRSeq: 1\r\nAllow: UPDATE\r\n";
    let prack = callee.says(&mut world, "183 Progress", "x", more, OFFER).remove(0);
    callee.responds(&mut world, &prack, "200 OK", "x", "", "");
    let (now, ours) = (world.now, capabilities(4_000));
    world.agents[0].endpoint.reoffer(now, callee.call, &ours, Direction::SendOnly).unwrap();
    world.drain();
    let update = callee.heard(&world).remove(0);
    assert_eq!(methods(std::slice::from_ref(&update)), ["UPDATE"]);
    world.agents[0].endpoint.hang_up(now, callee.call, &Because::default()).unwrap();
    callee.responds(&mut world, &update, "488 Not Acceptable Here", "x", "", "");
    assert_eq!(callee.events(&world).last(), Some(&CallEvent::Ended(CallEnd::WeHungUp)));
}

/// Shows RFC 3261 §13.2.2.4: a 2xx is acknowledged as long as it is sent again, and what comes to nobody is dropped.
#[test]
fn an_answer_after_all_is_over_is_hung_up_or_dropped() {
    let (mut world, mut callee) = called();
    let bye = callee.says(&mut world, "200 OK", "x", "", OFFER);
    assert_eq!(methods(&bye), ["ACK"]);
    assert_eq!(methods(&callee.asks(&mut world, "BYE", 1, "x", "", "")), ["SIP/2.0"]);
    assert_eq!(callee.events(&world).last(), Some(&CallEvent::Ended(CallEnd::TheyHungUp(Vec::new()))));
    let sent = callee.says(&mut world, "200 OK", "y", "", OFFER);
    assert_eq!(methods(&sent), ["ACK", "BYE"], "the transaction remembers");
    world.run(Duration::from_secs(70));
    callee.heard(&world);
    assert!(callee.says(&mut world, "200 OK", "z", "", OFFER).is_empty(), "nobody remembers");
    assert_eq!(world.counters(0).dropped, 1);
    assert_empty(&mut world);
}

/// Shows RFC 3261 §12.2.2: a request of a callee that is not known belongs to no dialog.
#[test]
fn only_callees_that_were_heard_of_may_ask() {
    let (mut world, mut callee) = called();
    let status = |sent: &[Vec<u8>]| harness::status(&sent[0]);
    assert_eq!(status(&callee.asks(&mut world, "INFO", 1, "x", "", "")), 481);
    callee.says(&mut world, "180 Ringing", "x", "", "");
    assert_eq!(status(&callee.asks(&mut world, "INFO", 2, "x", "", "")), 200);
    assert_eq!(status(&callee.asks(&mut world, "INFO", 1, "y", "", "")), 481);
    assert_eq!(status(&callee.asks(&mut world, "INVITE", 3, "x", "", OFFER)), 491, "ours is open");
    callee.says(&mut world, "200 OK", "y", "", OFFER);
    assert_eq!(status(&callee.asks(&mut world, "INFO", 4, "x", "", "")), 481, "y has answered");
}
