//! UPDATE before and after the answer, by both sides, and offers that cross.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::time::Duration;

use harness::callee::{Callee, methods};
use harness::phone::{OFFER, Phone, body, header};
use harness::{FAIR, World, capabilities, start_line, status};
use partyline_sip::endpoint::{CallEnd, CallError, CallEvent, CallKey};
use partyline_sip::rules::DialogRules;
use partyline_sip::sdp::Direction;

const ALLOWED: &str = "Allow: INVITE, UPDATE\r\n";
const RELIABLE: &str = "Allow: INVITE, UPDATE\r\nRequire: 100rel\r\nRSeq: 1\r\n";

fn reoffer(world: &mut World, call: CallKey, port: u16) -> Result<(), CallError> {
    let now = world.now;
    let outcome = world.agents[0].endpoint.reoffer(now, call, &capabilities(port), Direction::SendRecv);
    world.drain();
    outcome
}

/// A caller whose early media is agreed on, and whose call is not answered.
fn early_caller(more: &str) -> (World, Phone, CallKey) {
    let mut world = World::new(1, 1, FAIR);
    let mut phone = Phone::new("call");
    let more = format!("Require: 100rel\r\nContent-Type: application/sdp\r\n{more}");
    let invite = phone.request("INVITE", 1, "a", &more, OFFER);
    phone.say(&mut world, &invite);
    let call = world.incoming(0);
    let now = world.now;
    world.agents[0].endpoint.progress(now, call, &capabilities(4_000)).unwrap();
    world.drain();
    let early = phone.heard(&world).remove(0);
    let rack = format!("RAck: {} 1 INVITE\r\n", header(&early, "RSeq").unwrap());
    let prack = phone.request("PRACK", 2, "p", &rack, "");
    assert_eq!(phone.say(&mut world, &prack), [200]);
    (world, phone, call)
}

fn early_ports(events: &[CallEvent]) -> Vec<u16> {
    let port = |event: &CallEvent| {
        if let CallEvent::Early(agreement) | CallEvent::Changed(agreement) = event {
            Some(agreement.remote.port())
        } else {
            None
        }
    };
    events.iter().filter_map(port).collect()
}

/// Shows RFC 3311 §5.2: a caller changes its media before the answer.
#[test]
fn a_caller_moves_its_media_before_the_answer() {
    let (mut world, mut phone, call) = early_caller("");
    let update = phone.with_sdp("UPDATE", 3, "u", &OFFER.replace("9000", "9300"));
    world.inject(phone.address, 0, update.as_bytes());
    let answered = phone.heard(&world).remove(0);
    assert_eq!(start_line(&answered), "SIP/2.0 200 OK");
    assert!(body(&answered).contains("m=audio 4000"));
    assert_eq!(early_ports(&world.events(0, call)), [9_300]);
    world.answer(0, call);
    assert_eq!(phone.heard(&world).iter().map(|bytes| status(bytes)).collect::<Vec<_>>(), [200]);
}

/// Shows RFC 3311 §5.2: an offer before the INVITE's is answered gets 500 with a Retry-After of up to 10 s.
#[test]
fn an_update_before_the_first_answer_has_to_wait() {
    let mut world = World::new(1, 1, FAIR);
    let mut phone = Phone::new("call");
    let invite = phone.with_sdp("INVITE", 1, "a", OFFER);
    phone.say(&mut world, &invite);
    let (call, now) = (world.incoming(0), world.now);
    world.agents[0].endpoint.ring(now, call).unwrap();
    world.drain();
    phone.heard(&world);
    let update = phone.with_sdp("UPDATE", 2, "u", OFFER);
    assert_eq!(phone.say(&mut world, &update), [500]);
    let wait: u32 = header(&world.sent.last().unwrap().1, "Retry-After").unwrap().parse().unwrap();
    assert!(wait <= 10);
    let without_offer = phone.request("UPDATE", 3, "v", "", "");
    assert_eq!(phone.say(&mut world, &without_offer), [200]);
}

/// Shows RFC 3261 §14.2: an INVITE before the first one is answered gets 500 with Retry-After.
#[test]
fn a_second_invite_before_the_answer_has_to_wait() {
    let (mut world, mut phone, _) = early_caller("");
    let invite = phone.with_sdp("INVITE", 3, "b", OFFER);
    assert_eq!(phone.say(&mut world, &invite), [500]);
    assert!(header(&world.sent.last().unwrap().1, "Retry-After").is_some());
}

/// Shows RFC 3311 §5.1: we change the media of a call before we answer it, where the caller allows it.
/// Shows RFC 3311 §5.2: an offer that crosses one of ours gets 491.
#[test]
fn we_move_our_media_before_we_answer() {
    let (mut world, mut phone, call) = early_caller(ALLOWED);
    reoffer(&mut world, call, 4_100).unwrap();
    let to_tag = phone.to_tag.clone();
    let update = phone.heard(&world).remove(0);
    phone.to_tag = to_tag;
    assert_eq!(start_line(&update).split(' ').next(), Some("UPDATE"));
    assert!(body(&update).contains("m=audio 4100"));
    assert_eq!(reoffer(&mut world, call, 4_200), Err(CallError::WrongState), "one at a time");
    let crossing = phone.with_sdp("UPDATE", 3, "u", OFFER);
    assert_eq!(phone.say(&mut world, &crossing), [491]);
    let echo = |name| format!("{name}: {}\r\n", header(&update, name).unwrap());
    let lines = ["Via", "From", "To", "Call-ID", "CSeq"].map(echo).concat();
    let sdp = OFFER.replace("9000", "9400");
    let response = format!(
        "SIP/2.0 200 OK\r\n{lines}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    );
    world.inject(phone.address, 0, response.as_bytes());
    assert_eq!(early_ports(&world.events(0, call)), [9_400]);
    assert!(phone.heard(&world).is_empty(), "there is no ACK to UPDATE");
    let refused = early_caller("");
    let (mut world, _, call) = refused;
    assert_eq!(reoffer(&mut world, call, 4_100), Err(CallError::WrongState), "UPDATE is not allowed there");
}

/// Shows RFC 3311 §5.1: we change the media of a call of ours before it is answered, and go on from there.
#[test]
fn we_move_our_media_before_they_answer() {
    let (mut world, mut callee) = Callee::called(false, &DialogRules::default());
    let call = callee.call;
    callee.says(&mut world, "180 Ringing", "x", ALLOWED, "");
    assert_eq!(reoffer(&mut world, call, 6_100), Err(CallError::WrongState), "nothing is agreed on");
    let prack = callee.says(&mut world, "183 Progress", "x", RELIABLE, OFFER).remove(0);
    callee.responds(&mut world, &prack, "200 OK", "x", "", "");
    reoffer(&mut world, call, 6_100).unwrap();
    let update = callee.heard(&world).remove(0);
    assert_eq!(start_line(&update), "UPDATE sip:x@127.0.0.1:7000 SIP/2.0");
    assert_eq!(header(&update, "CSeq").as_deref(), Some("3 UPDATE"));
    callee.responds(&mut world, &update, "200 OK", "x", "", &OFFER.replace("9000", "9400"));
    let ack = callee.says(&mut world, "200 OK", "x", "", "").remove(0);
    assert_eq!(header(&ack, "CSeq").as_deref(), Some("1 ACK"));
    assert_eq!(early_ports(&callee.events(&world)), [9_000, 9_400]);
    let Some(CallEvent::Answered(agreement)) = callee.events(&world).last().cloned() else { panic!() };
    assert_eq!(agreement.remote.port(), 9_400);
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, call, &Default::default()).unwrap();
    world.drain();
    assert_eq!(header(&callee.heard(&world)[0], "CSeq").as_deref(), Some("4 BYE"));
}

/// Shows RFC 3311 §5.2: a callee changes its media before it answers.
#[test]
fn a_callee_moves_its_media_before_it_answers() {
    let (mut world, mut callee) = Callee::called(false, &DialogRules::default());
    callee.says(&mut world, "183 Progress", "x", "", OFFER);
    let early = callee.asks(&mut world, "UPDATE", 1, "x", "", &OFFER.replace("9000", "9500"));
    assert_eq!(status(&early[0]), 491, "our offer is open: what came may have got lost");
    callee.says(&mut world, "183 Progress", "x", RELIABLE, OFFER);
    let answered = callee.asks(&mut world, "UPDATE", 2, "x", "", &OFFER.replace("9000", "9500"));
    assert_eq!(status(&answered[0]), 200);
    assert!(body(&answered[0]).contains("m=audio 6000"));
    assert_eq!(early_ports(&callee.events(&world)), [9_000, 9_500]);
    callee.says(&mut world, "200 OK", "x", "", "");
    let late = callee.asks(&mut world, "UPDATE", 3, "x", "", &OFFER.replace("9000", "9600"));
    assert_eq!(status(&late[0]), 200);
    assert_eq!(early_ports(&callee.events(&world)), [9_000, 9_500, 9_600]);
}

/// Shows RFC 3311 §5.3: after 491, and after 500 with Retry-After, the offer is made again.
#[test]
fn an_offer_that_comes_too_early_is_made_again() {
    for (refusal, more, within) in [
        ("491 Request Pending", "", Duration::from_secs(4)),
        ("500 Server Internal Error", "Retry-After: 3 (busy)\r\n", Duration::from_secs(5)),
    ] {
        let (mut world, mut callee) = Callee::called(false, &DialogRules::default());
        let prack = callee.says(&mut world, "183 Progress", "x", RELIABLE, OFFER).remove(0);
        callee.responds(&mut world, &prack, "200 OK", "x", "", "");
        let call = callee.call;
        reoffer(&mut world, call, 6_100).unwrap();
        let update = callee.heard(&world).remove(0);
        callee.responds(&mut world, &update, refusal, "x", more, "");
        world.run(Duration::from_millis(1_900));
        assert!(callee.heard(&world).is_empty(), "{refusal}");
        world.run(within);
        let again = callee.heard(&world);
        assert_eq!(methods(&again[..1]), ["UPDATE"], "{refusal}");
        assert_ne!(header(&again[0], "CSeq"), header(&update, "CSeq"));
    }
}

/// Shows RFC 3311 §5.3: another refusal leaves the media as it was.
#[test]
fn a_refused_update_changes_nothing_and_one_without_answer_ends_the_call() {
    let (mut world, mut callee) = Callee::called(false, &DialogRules::default());
    let call = callee.call;
    let prack = callee.says(&mut world, "183 Progress", "x", RELIABLE, OFFER).remove(0);
    callee.responds(&mut world, &prack, "200 OK", "x", "", "");
    for refusal in ["488 Not Acceptable Here", "500 Server Internal Error", "481 Gone"] {
        reoffer(&mut world, call, 6_100).unwrap();
        let update = callee.heard(&world).remove(0);
        callee.responds(&mut world, &update, refusal, "x", "", "");
    }
    assert_eq!(early_ports(&callee.events(&world)), [9_000, 9_000, 9_000, 9_000]);
    reoffer(&mut world, call, 6_100).unwrap();
    world.run(Duration::from_secs(33));
    assert_eq!(callee.events(&world).last(), Some(&CallEvent::Ended(CallEnd::TimedOut)));
    world.run(Duration::from_secs(300));
    assert_eq!((world.counters(0).calls, world.counters(0).transactions), (0, 0));
}
