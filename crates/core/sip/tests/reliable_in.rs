//! Reliable provisional responses to callers, and what media they bring.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::time::Duration;

use harness::phone::{OFFER, Phone, body, header};
use harness::{FAIR, World, capabilities, start_line, status};
use partyline_sip::endpoint::{CallEnd, CallError, CallEvent, CallKey};
use partyline_sip::rules::{DialogRules, Reliability};

const NOTHING: [u16; 0] = [];

/// A phone whose INVITE has come in; `more` is header lines of it.
fn invited(reliability: Reliability, more: &str, offer: &str) -> (World, Phone, CallKey) {
    let rules = DialogRules { reliability, ..DialogRules::default() };
    let mut world = World::with_rules(1, 1, FAIR, &rules);
    let mut phone = Phone::new("call");
    let content_type = if offer.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let invite = phone.request("INVITE", 1, "a", &format!("{more}{content_type}"), offer);
    assert_eq!(phone.say(&mut world, &invite), [100]);
    let call = world.incoming(0);
    (world, phone, call)
}

const REQUIRED: &str = "Require: 100rel\r\n";
const SUPPORTED: &str = "Supported: timer, 100rel\r\n";

fn ring(world: &mut World, phone: &mut Phone, call: CallKey) -> Vec<Vec<u8>> {
    let now = world.now;
    world.agents[0].endpoint.ring(now, call).unwrap();
    world.drain();
    phone.heard(world)
}

fn progress(world: &mut World, phone: &mut Phone, call: CallKey) -> Vec<Vec<u8>> {
    let now = world.now;
    world.agents[0].endpoint.progress(now, call, &capabilities(4_000)).unwrap();
    world.drain();
    phone.heard(world)
}

fn answer(world: &mut World, phone: &mut Phone, call: CallKey) -> Vec<u16> {
    world.answer(0, call);
    phone.heard(world).iter().map(|bytes| status(bytes)).collect()
}

/// The PRACK of a response.
fn prack_of(phone: &Phone, response: &[u8], cseq: u32, sdp: &str) -> String {
    let rack = format!("RAck: {} 1 INVITE\r\n", header(response, "RSeq").unwrap());
    let content_type = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    phone.request("PRACK", cseq, &format!("p{cseq}"), &format!("{rack}{content_type}"), sdp)
}

fn last_event(world: &World) -> &CallEvent {
    &world.agents[0].events.last().unwrap().1
}

fn assert_empty(world: &mut World) {
    world.run(Duration::from_secs(300));
    let counters = world.counters(0);
    assert_eq!((counters.calls, counters.half_open, counters.transactions), (0, 0, 0));
}

/// Shows RFC 3262 §3: who requires reliable provisional responses gets them, who supports them by our rules.
#[test]
fn the_rules_say_who_rings_reliably() {
    for (reliability, more, is_reliable) in [
        (Reliability::WhenRequired, REQUIRED, true),
        (Reliability::WhenRequired, SUPPORTED, false),
        (Reliability::WhenSupported, SUPPORTED, true),
        (Reliability::WhenSupported, "", false),
        (Reliability::Never, SUPPORTED, false),
    ] {
        let (mut world, mut phone, call) = invited(reliability, more, OFFER);
        let ringing = ring(&mut world, &mut phone, call).remove(0);
        assert_eq!(status(&ringing), 180);
        let required = header(&ringing, "Require");
        assert_eq!(required.as_deref(), is_reliable.then_some("100rel"), "{reliability:?} {more}");
        assert_eq!(header(&ringing, "RSeq").is_some(), is_reliable);
    }
}

/// Shows RFC 3262 §3: who requires what is switched off is refused with 420.
#[test]
fn who_requires_what_the_rules_forbid_is_refused() {
    let rules = DialogRules { reliability: Reliability::Never, ..DialogRules::default() };
    let mut world = World::with_rules(1, 1, FAIR, &rules);
    let mut phone = Phone::new("call");
    let invite = phone.request("INVITE", 1, "a", "Require: 100rel, dancing\r\n", "");
    assert_eq!(phone.say(&mut world, &invite), [420]);
    assert_eq!(header(&world.sent[0].1, "Unsupported").as_deref(), Some("100rel, dancing"));
}

/// Shows RFC 3262 §3: a reliable provisional response is sent again until its PRACK, after twice the time each time.
/// Shows RFC 3262 §3: after 64·T1 without PRACK the call is refused with 5xx.
#[test]
fn a_ringing_that_nobody_acknowledges_is_sent_again_until_64_t1_and_ends_the_call() {
    let (mut world, mut phone, call) = invited(Reliability::WhenRequired, REQUIRED, OFFER);
    ring(&mut world, &mut phone, call);
    world.run(Duration::from_millis(7_600));
    let again = phone.heard(&world);
    assert_eq!(again.len(), 4, "at 0.5, 1.5, 3.5 and 7.5 s");
    assert!(again.iter().all(|bytes| *bytes == again[0]));
    world.run(Duration::from_millis(24_500));
    let rest = phone.heard(&world);
    let statuses: Vec<_> = rest.iter().map(|bytes| status(bytes)).collect();
    assert_eq!(statuses, [180, 180, 504]);
    assert_eq!(*last_event(&world), CallEvent::Ended(CallEnd::TimedOut));
    assert_empty(&mut world);
}

/// Shows RFC 3262 §3: PRACK stops the retransmissions, and is answered each time it comes.
/// Shows RFC 3262 §3: a PRACK that matches no response gets 481.
#[test]
fn a_prack_is_matched_by_its_numbers() {
    let (mut world, mut phone, call) = invited(Reliability::WhenRequired, REQUIRED, OFFER);
    let ringing = ring(&mut world, &mut phone, call).remove(0);
    let rseq: u32 = header(&ringing, "RSeq").unwrap().parse().unwrap();
    let wrong = [
        format!("{} 1 INVITE", rseq + 1),
        format!("{rseq} 2 INVITE"),
        format!("{rseq} 1 BYE"),
        String::new(),
    ];
    for (place, rack) in wrong.iter().enumerate() {
        let cseq = 2 + u32::try_from(place).unwrap();
        let prack = phone.request("PRACK", cseq, &format!("w{cseq}"), &format!("RAck: {rack}\r\n"), "");
        assert_eq!(phone.say(&mut world, &prack), [481], "{rack}");
    }
    let prack = prack_of(&phone, &ringing, 9, "");
    assert_eq!(phone.say(&mut world, &prack), [200]);
    assert_eq!(phone.say(&mut world, &prack), [200], "its answer was lost");
    world.run(Duration::from_secs(40));
    assert!(phone.heard(&world).is_empty());
    let second = prack_of(&phone, &ringing, 10, "");
    assert_eq!(phone.say(&mut world, &second), [481], "it is acknowledged already");
    assert_eq!(answer(&mut world, &mut phone, call), [200]);
}

/// Shows RFC 3262 §3: a PRACK that comes after the refusal of its call is answered with 200, once.
#[test]
fn a_prack_that_the_refusal_has_overtaken_is_answered() {
    for is_late in [false, true] {
        let (mut world, mut phone, call) = invited(Reliability::WhenRequired, REQUIRED, OFFER);
        let ringing = ring(&mut world, &mut phone, call).remove(0);
        let now = world.now;
        world.agents[0].endpoint.reject(now, call, 486, &Default::default()).unwrap();
        world.drain();
        assert_eq!(status(&phone.heard(&world)[0]), 486);
        let stranger = phone.request("PRACK", 2, "s", "RAck: 1 1 INVITE\r\n", "");
        assert_eq!(phone.say(&mut world, &stranger), [481]);
        world.run(Duration::from_secs(if is_late { 33 } else { 2 }));
        phone.heard(&world);
        let expected = if is_late { 481 } else { 200 };
        let prack = prack_of(&phone, &ringing, 3, "");
        assert_eq!(phone.say(&mut world, &prack), [expected]);
        assert_eq!(phone.say(&mut world, &prack), [expected], "a copy of it");
        let another = prack_of(&phone, &ringing, 4, "");
        assert_eq!(phone.say(&mut world, &another), [481], "it is acknowledged already");
        assert_empty(&mut world);
    }
}

/// Shows RFC 3262 §3: a PRACK that comes after the 2xx is answered with 200, even while the call ends.
#[test]
fn a_prack_that_the_answer_has_overtaken_is_answered() {
    for hangs_up in [false, true] {
        let (mut world, mut phone, call) = invited(Reliability::WhenRequired, REQUIRED, OFFER);
        let ringing = ring(&mut world, &mut phone, call).remove(0);
        assert_eq!(answer(&mut world, &mut phone, call), [200]);
        let now = world.now;
        if hangs_up {
            world.agents[0].endpoint.hang_up(now, call, &Default::default()).unwrap();
        }
        let prack = prack_of(&phone, &ringing, 2, "");
        assert_eq!(phone.say(&mut world, &prack), [200]);
        let events = world.events(0, call).len();
        let second = prack_of(&phone, &ringing, 3, "");
        assert_eq!(phone.say(&mut world, &second), [481]);
        assert_eq!(world.events(0, call).len(), events, "nobody is told of a PRACK");
    }
}

#[test]
fn a_prack_of_nobody_is_refused() {
    let mut world = World::new(1, 1, FAIR);
    let mut phone = Phone::new("call");
    phone.to_tag = "nobody".to_owned();
    let prack = phone.request("PRACK", 2, "p", "RAck: 1 1 INVITE\r\n", "");
    assert_eq!(phone.say(&mut world, &prack), [481]);
}

/// Shows RFC 3262 §3: a second reliable response waits for the PRACK of the first, and its number is one higher.
#[test]
fn one_reliable_response_waits_for_the_prack_of_the_other() {
    let (mut world, mut phone, call) = invited(Reliability::WhenRequired, REQUIRED, OFFER);
    let ringing = ring(&mut world, &mut phone, call).remove(0);
    assert!(progress(&mut world, &mut phone, call).is_empty());
    let prack = prack_of(&phone, &ringing, 2, "");
    world.inject(phone.address, 0, prack.as_bytes());
    let heard = phone.heard(&world);
    assert_eq!((status(&heard[0]), status(&heard[1])), (200, 183));
    let number = |bytes: &[u8]| header(bytes, "RSeq").unwrap().parse::<u32>().unwrap();
    assert_eq!(number(&heard[1]), number(&ringing) + 1);
    assert!(body(&heard[1]).contains("m=audio 4000"));
}

/// Shows RFC 3262 §5: the answer to the INVITE's offer may come in a reliable response, and the 2xx says no more.
/// Shows RFC 3262 §3: the 2xx waits for the PRACK of a response that held a session description.
#[test]
fn the_answer_waits_until_the_description_has_arrived() {
    let (mut world, mut phone, call) = invited(Reliability::WhenRequired, REQUIRED, OFFER);
    let early = progress(&mut world, &mut phone, call).remove(0);
    assert_eq!(answer(&mut world, &mut phone, call), NOTHING);
    let now = world.now;
    let twice = world.agents[0].endpoint.answer(now, call, &capabilities(4_000));
    assert_eq!(twice, Err(CallError::WrongState));
    world.run(Duration::from_secs(2));
    assert_eq!(phone.heard(&world).iter().filter(|bytes| status(bytes) == 200).count(), 0);
    let prack = prack_of(&phone, &early, 2, "");
    world.inject(phone.address, 0, prack.as_bytes());
    let heard = phone.heard(&world);
    assert_eq!(
        heard.iter().map(|bytes| header(bytes, "CSeq").unwrap()).collect::<Vec<_>>(),
        ["2 PRACK", "1 INVITE"]
    );
    assert_eq!((status(&heard[1]), body(&heard[1]).as_str()), (200, ""));
    let ack = phone.request("ACK", 1, "ack", "", "");
    phone.say(&mut world, &ack);
    assert_eq!(*last_event(&world), CallEvent::Confirmed(None));
    world.run(Duration::from_secs(10));
    assert_eq!((world.counters(0).calls, world.counters(0).half_open), (1, 0));
}

/// Shows RFC 3262 §3: without a session description on its way the 2xx need not wait, and the PRACK is answered still.
#[test]
fn an_answer_overtakes_a_mere_ringing() {
    let (mut world, mut phone, call) = invited(Reliability::WhenRequired, REQUIRED, OFFER);
    let ringing = ring(&mut world, &mut phone, call).remove(0);
    assert_eq!(answer(&mut world, &mut phone, call), [200]);
    world.run(Duration::from_secs(1));
    let again = phone.heard(&world);
    assert!(again.iter().all(|bytes| status(bytes) == 200), "the 180 is not sent again");
    let prack = prack_of(&phone, &ringing, 2, "");
    assert_eq!(phone.say(&mut world, &prack), [200]);
}

#[test]
fn a_description_that_waits_behind_a_ringing_goes_out_before_the_answer() {
    let (mut world, mut phone, call) = invited(Reliability::WhenRequired, REQUIRED, OFFER);
    let ringing = ring(&mut world, &mut phone, call).remove(0);
    progress(&mut world, &mut phone, call);
    assert_eq!(answer(&mut world, &mut phone, call), NOTHING);
    let prack = prack_of(&phone, &ringing, 2, "");
    world.inject(phone.address, 0, prack.as_bytes());
    let heard = phone.heard(&world);
    assert_eq!(heard.iter().map(|bytes| status(bytes)).collect::<Vec<_>>(), [200, 183]);
    let prack = prack_of(&phone, &heard[1], 3, "");
    assert_eq!(phone.say(&mut world, &prack), [200, 200]);
}

/// Shows RFC 3262 §5: without an offer in the INVITE the first reliable response holds ours, and PRACK the answer.
#[test]
fn our_offer_goes_out_early_and_prack_brings_its_answer() {
    let (mut world, mut phone, call) = invited(Reliability::WhenSupported, SUPPORTED, "");
    let early = progress(&mut world, &mut phone, call).remove(0);
    assert!(body(&early).contains("m=audio 4000 RTP/AVP 0 8 101"));
    assert_eq!(answer(&mut world, &mut phone, call), NOTHING);
    let prack = prack_of(&phone, &early, 2, OFFER);
    assert_eq!(phone.say(&mut world, &prack), [200, 200]);
    let CallEvent::Early(agreement) = last_event(&world).clone() else { panic!("no media") };
    assert_eq!(agreement.remote.port(), 9_000);
    let ack = phone.request("ACK", 1, "ack", "", "");
    phone.say(&mut world, &ack);
    assert_eq!(*last_event(&world), CallEvent::Confirmed(Some(agreement)));
}

#[test]
fn a_prack_without_the_answer_that_it_owes_ends_the_call() {
    for sdp in ["", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n"] {
        let (mut world, mut phone, call) = invited(Reliability::WhenRequired, REQUIRED, "");
        let early = progress(&mut world, &mut phone, call).remove(0);
        let prack = prack_of(&phone, &early, 2, sdp);
        assert_eq!(phone.say(&mut world, &prack), [200, 488]);
        assert_eq!(*last_event(&world), CallEvent::Ended(CallEnd::NoAgreement));
        assert_empty(&mut world);
    }
}

/// Shows RFC 3262 §5: an INVITE without offer gets no reliable response without one.
#[test]
fn ringing_that_would_owe_an_offer_is_left_out_or_sent_plainly() {
    let (mut world, mut phone, call) = invited(Reliability::WhenRequired, REQUIRED, "");
    assert!(ring(&mut world, &mut phone, call).is_empty());
    let (mut world, mut phone, call) = invited(Reliability::WhenSupported, SUPPORTED, "");
    let ringing = ring(&mut world, &mut phone, call).remove(0);
    assert_eq!((status(&ringing), header(&ringing, "RSeq")), (180, None));
}

/// Shows RFC 3262 §5: an offer in PRACK is answered in its 2xx.
#[test]
fn an_offer_in_prack_is_answered() {
    let (mut world, mut phone, call) = invited(Reliability::WhenRequired, REQUIRED, OFFER);
    let early = progress(&mut world, &mut phone, call).remove(0);
    let held = OFFER.replace("9000", "9002") + "a=sendonly\r\n";
    let prack = prack_of(&phone, &early, 2, &held);
    world.inject(phone.address, 0, prack.as_bytes());
    let answered = phone.heard(&world).remove(0);
    assert_eq!(start_line(&answered), "SIP/2.0 200 OK");
    assert!(body(&answered).contains("a=recvonly"));
    let CallEvent::Early(agreement) = last_event(&world) else { panic!("no change") };
    assert_eq!(agreement.remote.port(), 9_002);
}

#[test]
fn an_offer_in_prack_before_the_first_is_answered_has_to_wait() {
    let (mut world, mut phone, call) = invited(Reliability::WhenRequired, REQUIRED, OFFER);
    let ringing = ring(&mut world, &mut phone, call).remove(0);
    let prack = prack_of(&phone, &ringing, 2, OFFER);
    assert_eq!(phone.say(&mut world, &prack), [500]);
    assert_eq!(answer(&mut world, &mut phone, call), [200]);
}

/// Shows RFC 3261 §13.2.1: a description that was shown unreliably is the same in the 2xx.
#[test]
fn early_media_without_reliability_is_shown_and_given_again_in_the_answer() {
    let (mut world, mut phone, call) = invited(Reliability::WhenRequired, SUPPORTED, OFFER);
    let early = progress(&mut world, &mut phone, call).remove(0);
    world.answer(0, call);
    let answered = phone.heard(&world).remove(0);
    assert_eq!((status(&early), status(&answered)), (183, 200));
    assert_eq!(body(&early), body(&answered));
    assert!(!body(&early).is_empty());
}

#[test]
fn hanging_up_or_cancelling_while_the_answer_waits_leaves_nothing() {
    for cancels in [false, true] {
        let (mut world, mut phone, call) = invited(Reliability::WhenRequired, REQUIRED, OFFER);
        progress(&mut world, &mut phone, call);
        answer(&mut world, &mut phone, call);
        let now = world.now;
        if cancels {
            phone.to_tag.clear();
            let cancel = phone.request("CANCEL", 1, "a", "", "");
            assert_eq!(phone.say(&mut world, &cancel), [200, 487]);
        } else {
            world.agents[0].endpoint.hang_up(now, call, &Default::default()).unwrap();
            world.drain();
            assert_eq!(status(&phone.heard(&world)[0]), 480);
        }
        assert_empty(&mut world);
    }
}

#[test]
fn ringing_without_end_waits_in_a_bounded_queue() {
    let (mut world, mut phone, call) = invited(Reliability::WhenRequired, REQUIRED, OFFER);
    let mut response = ring(&mut world, &mut phone, call).remove(0);
    for _ in 0..100 {
        assert!(ring(&mut world, &mut phone, call).is_empty());
    }
    let mut rung = 1;
    for cseq in 2.. {
        let prack = prack_of(&phone, &response, cseq, "");
        world.inject(phone.address, 0, prack.as_bytes());
        let mut heard = phone.heard(&world);
        if heard.len() == 1 {
            break;
        }
        response = heard.remove(1);
        rung += 1;
    }
    assert_eq!(rung, 5);
}
