//! What a phone meets that calls an endpoint: the server's side of transactions, dialogs and refusals.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::time::Duration;

use harness::phone::{OFFER, Phone, body, header};
use harness::{FAIR, World, capabilities, codec, start_line, status};
use partyline_sip::endpoint::{Because, CallEnd, CallError, CallEvent};
use partyline_sip::sdp::{Capabilities, Direction};

const NOTHING: [u16; 0] = [];

fn world_and_phone() -> (World, Phone) {
    (World::new(1, 1, FAIR), Phone::new("call"))
}

fn last_event(world: &World) -> &CallEvent {
    &world.agents[0].events.last().expect("something happened").1
}

fn assert_empty(world: &mut World) {
    world.run(Duration::from_secs(300));
    let counters = world.counters(0);
    assert_eq!((counters.calls, counters.half_open, counters.transactions), (0, 0, 0));
}

/// Shows RFC 3261 §17.2.1: an INVITE that is sent again gets the last response again.
#[test]
fn an_invite_that_is_sent_again_makes_no_second_call() {
    let (mut world, mut phone) = world_and_phone();
    let invite = phone.with_sdp("INVITE", 1, "a", OFFER);
    assert_eq!(phone.say(&mut world, &invite), [100]);
    assert_eq!(phone.say(&mut world, &invite), [100]);
    assert_eq!(world.counters(0).calls, 1);
    let call = world.incoming(0);
    world.answer(0, call);
    phone.heard(&world);
    assert_eq!(phone.say(&mut world, &invite), NOTHING, "the 2xx is the call's to repeat");
    assert_eq!(world.agents[0].events.len(), 1);
}

/// Shows RFC 3261 §8.2.2.2: a request that arrives by a second way is refused with 482.
#[test]
fn the_same_request_by_another_way_is_merged() {
    let (mut world, mut phone) = world_and_phone();
    let first = phone.with_sdp("INVITE", 1, "a", OFFER);
    let second = phone.with_sdp("INVITE", 1, "b", OFFER);
    phone.say(&mut world, &first);
    assert_eq!(phone.say(&mut world, &second), [482]);
    assert_eq!(world.counters(0).calls, 1);
}

/// Shows RFC 3261 §13.3.1.4: a 2xx is sent again until its ACK.
#[test]
fn a_2xx_is_repeated_until_ack_and_then_no_more() {
    let (mut world, mut phone) = world_and_phone();
    let invite = phone.with_sdp("INVITE", 1, "a", OFFER);
    phone.say(&mut world, &invite);
    let call = world.incoming(0);
    world.answer(0, call);
    phone.heard(&world);
    world.run(Duration::from_millis(7_600));
    assert_eq!(phone.heard(&world).len(), 4, "after 0.5, 1.5, 3.5 and 7.5 s");
    let ack = phone.request("ACK", 1, "ack", "", "");
    assert_eq!(phone.say(&mut world, &ack), NOTHING);
    assert_eq!(*last_event(&world), CallEvent::Confirmed(None));
    world.run(Duration::from_secs(60));
    assert!(phone.heard(&world).is_empty());
    assert_eq!(world.counters(0).half_open, 0);
}

/// Shows RFC 3261 §13.3.1.4: after 64*T1 without ACK the call ends with BYE.
#[test]
fn a_call_that_is_never_acked_ends_with_bye() {
    let (mut world, mut phone) = world_and_phone();
    let invite = phone.with_sdp("INVITE", 1, "a", OFFER);
    phone.say(&mut world, &invite);
    let call = world.incoming(0);
    world.answer(0, call);
    phone.heard(&world);
    world.run(Duration::from_millis(32_100));
    let heard = phone.heard(&world);
    assert!(start_line(heard.last().unwrap()).starts_with("BYE sip:bob@127.0.0.1:7000 "));
    assert_eq!(*last_event(&world), CallEvent::Ended(CallEnd::TimedOut));
    assert_empty(&mut world);
}

/// Shows RFC 3261 §15: the callee sends no BYE before the ACK of its 2xx.
#[test]
fn hanging_up_before_ack_waits_for_it_before_bye() {
    let (mut world, mut phone) = world_and_phone();
    let invite = phone.with_sdp("INVITE", 1, "a", OFFER);
    phone.say(&mut world, &invite);
    let (call, now) = (world.incoming(0), world.now);
    world.answer(0, call);
    phone.heard(&world);
    world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
    world.drain();
    assert!(phone.heard(&world).is_empty());
    assert_eq!(*last_event(&world), CallEvent::Ended(CallEnd::WeHungUp));
    assert_eq!(world.agents[0].endpoint.hang_up(now, call, &Because::default()), Err(CallError::NoCall));
    let ack = phone.request("ACK", 1, "ack", "", "");
    world.inject(phone.address, 0, ack.as_bytes());
    assert!(start_line(&phone.heard(&world)[0]).starts_with("BYE "));
    assert_empty(&mut world);
}

/// Shows RFC 3261 §9.2: CANCEL ends an INVITE with 487, and changes nothing after the answer.
#[test]
fn cancel_before_the_answer_ends_the_call_and_after_it_does_nothing() {
    let (mut world, mut phone) = world_and_phone();
    let cancel = phone.request("CANCEL", 1, "a", "", "");
    assert_eq!(phone.say(&mut world, &cancel), [481], "before the INVITE");
    let mut phone = Phone::new("second");
    phone.heard(&world);
    phone.to_tag.clear();
    let second = phone.with_sdp("INVITE", 1, "b", OFFER);
    let cancel = phone.request("CANCEL", 1, "b", "", "");
    phone.say(&mut world, &second);
    assert_eq!(phone.say(&mut world, &cancel), [200, 487]);
    assert_eq!(*last_event(&world), CallEvent::Ended(CallEnd::Cancelled(Vec::new())));
    let ack = phone.request("ACK", 1, "b", "", "");
    assert_eq!(phone.say(&mut world, &ack), NOTHING);

    let mut phone = Phone::new("third");
    phone.heard(&world);
    phone.to_tag.clear();
    let third = phone.with_sdp("INVITE", 1, "c", OFFER);
    let cancel = phone.request("CANCEL", 1, "c", "", "");
    phone.say(&mut world, &third);
    let call = world.incoming(0);
    world.answer(0, call);
    phone.heard(&world);
    assert_eq!(phone.say(&mut world, &cancel), [200]);
    assert_eq!(world.counters(0).calls, 1);
}

/// Shows RFC 3261 §17.2.1: a refusal of INVITE is sent again until ACK (timer G).
#[test]
fn a_refusal_is_repeated_until_ack() {
    let (mut world, mut phone) = world_and_phone();
    let invite = phone.with_sdp("INVITE", 1, "a", OFFER);
    phone.say(&mut world, &invite);
    let (call, now) = (world.incoming(0), world.now);
    let because =
        Because { text: "locked".to_owned(), cause: 403, retry_after: Some(Duration::from_secs(30)) };
    world.agents[0].endpoint.reject(now, call, 486, &because).unwrap();
    world.drain();
    let refusal = phone.heard(&world).remove(0);
    assert_eq!(start_line(&refusal), "SIP/2.0 486 Busy Here");
    assert_eq!(header(&refusal, "Retry-After").as_deref(), Some("30"));
    assert_eq!(header(&refusal, "Reason").as_deref(), Some("SIP;cause=403;text=\"locked\""));
    world.run(Duration::from_millis(1_600));
    assert_eq!(phone.heard(&world).len(), 2);
    let ack = phone.request("ACK", 1, "a", "", "");
    phone.say(&mut world, &ack);
    world.run(Duration::from_secs(4));
    assert!(phone.heard(&world).is_empty());
    assert_empty(&mut world);
}

/// Shows RFC 3261 §15.1.2: BYE ends the session, and one of no dialog gets 481.
#[test]
fn bye_ends_the_call_once_and_an_unknown_one_is_told_so() {
    let (mut world, mut phone) = world_and_phone();
    phone.call_up(&mut world);
    let bye = phone.request("BYE", 2, "bye", "", "");
    assert_eq!(phone.say(&mut world, &bye), [200]);
    assert_eq!(phone.say(&mut world, &bye), [200], "the same one again");
    assert_eq!(*last_event(&world), CallEvent::Ended(CallEnd::TheyHungUp(Vec::new())));
    let other = phone.request("BYE", 3, "bye2", "", "");
    assert_eq!(phone.say(&mut world, &other), [481]);
    assert_empty(&mut world);
}

/// Shows RFC 3261 §15.1.2: BYE in an early dialog gives the INVITE its 487.
#[test]
fn bye_before_the_answer_refuses_the_invite_too() {
    let (mut world, mut phone) = world_and_phone();
    let invite = phone.with_sdp("INVITE", 1, "a", OFFER);
    phone.say(&mut world, &invite);
    let (call, now) = (world.incoming(0), world.now);
    world.agents[0].endpoint.ring(now, call).unwrap();
    world.drain();
    phone.heard(&world);
    let bye = phone.request("BYE", 2, "b", "", "");
    assert_eq!(phone.say(&mut world, &bye), [200, 487]);
    assert_eq!(*last_event(&world), CallEvent::Ended(CallEnd::TheyHungUp(Vec::new())));
    assert_empty(&mut world);
}

/// Shows RFC 3264 §8.4: a stream is held by its direction and resumed.
/// Shows RFC 3261 §14.2: a re-INVITE that changes nothing is answered and told to nobody.
#[test]
fn hold_and_resume_change_the_direction_and_a_refresh_changes_nothing() {
    let (mut world, mut phone) = world_and_phone();
    phone.call_up(&mut world);
    let mut negotiate = |world: &mut World, cseq: u32, sdp: &str| {
        let invite = phone.with_sdp("INVITE", cseq, &format!("re{cseq}"), sdp);
        world.inject(phone.address, 0, invite.as_bytes());
        let answer = body(&phone.heard(world)[0]);
        let ack = phone.request("ACK", cseq, &format!("ack{cseq}"), "", "");
        assert_eq!(phone.say(world, &ack), NOTHING);
        answer
    };
    let direction = |world: &World| {
        if let CallEvent::Changed(agreement) = last_event(world) { Some(agreement.direction) } else { None }
    };
    assert!(negotiate(&mut world, 2, OFFER).contains("a=sendrecv"));
    assert_eq!(direction(&world), None);
    assert!(negotiate(&mut world, 3, &format!("{OFFER}a=sendonly\r\n")).contains("a=recvonly"));
    assert_eq!(direction(&world), Some(Direction::RecvOnly));
    let answer = negotiate(&mut world, 4, OFFER);
    assert_eq!(direction(&world), Some(Direction::SendRecv));
    assert!(answer.lines().nth(1).unwrap().contains(" 3 IN IP4 "), "third version: {answer}");
    let held = OFFER.replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0");
    negotiate(&mut world, 5, &held);
    assert_eq!(direction(&world), Some(Direction::RecvOnly));
    negotiate(&mut world, 6, &format!("{OFFER}a=inactive\r\n"));
    assert_eq!(direction(&world), Some(Direction::Inactive));
}

/// Shows RFC 3261 §14.2: a re-INVITE that comes before the ACK of the INVITE is answered.
#[test]
fn a_reinvite_that_overtakes_the_ack_stands_in_for_it() {
    let (mut world, mut phone) = world_and_phone();
    let invite = phone.with_sdp("INVITE", 1, "invite", OFFER);
    phone.say(&mut world, &invite);
    let call = world.incoming(0);
    world.answer(0, call);
    phone.heard(&world);
    let hold = phone.with_sdp("INVITE", 2, "hold", &format!("{OFFER}a=sendonly\r\n"));
    assert_eq!(phone.say(&mut world, &hold), [200]);
    assert_eq!(world.counters(0).half_open, 0);
    let events = world.events(0, call);
    assert!(matches!(events[1..], [CallEvent::Confirmed(None), CallEvent::Changed(_)]), "{events:?}");
    let late = phone.request("ACK", 1, "ack", "", "");
    phone.say(&mut world, &late);
    let ack = phone.request("ACK", 2, "ack2", "", "");
    phone.say(&mut world, &ack);
    world.run(Duration::from_secs(60));
    assert_eq!(phone.heard(&world).len(), 0, "nothing is sent again");
    assert_eq!(world.counters(0).calls, 1);
    assert_eq!(world.events(0, call).len(), 3);
}

#[test]
fn a_reinvite_that_overtakes_the_ack_lets_a_waiting_bye_go() {
    let (mut world, mut phone) = world_and_phone();
    let invite = phone.with_sdp("INVITE", 1, "invite", OFFER);
    phone.say(&mut world, &invite);
    let call = world.incoming(0);
    world.answer(0, call);
    phone.heard(&world);
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
    let hold = phone.with_sdp("INVITE", 2, "hold", OFFER);
    world.inject(phone.address, 0, hold.as_bytes());
    let sent: Vec<String> = phone.heard(&world).iter().map(|bytes| start_line(bytes)).collect();
    assert!(sent[0].starts_with("BYE "), "{sent:?}");
    assert_eq!(sent[1], "SIP/2.0 481 Call/Transaction Does Not Exist");
    assert_empty(&mut world);
}

/// Shows RFC 3261 §13.2.1: an INVITE without offer is offered one in the 200, and ACK brings the answer.
#[test]
fn an_invite_without_offer_gets_ours_and_ack_brings_the_answer() {
    let (mut world, mut phone) = world_and_phone();
    let invite = phone.request("INVITE", 1, "a", "", "");
    phone.say(&mut world, &invite);
    let (call, now) = (world.incoming(0), world.now);
    let agreed = world.agents[0].endpoint.answer(now, call, &capabilities(4_000)).unwrap();
    assert_eq!(agreed, None);
    world.drain();
    assert!(body(&phone.heard(&world)[0]).contains("m=audio 4000 RTP/AVP 0 8 101\r\n"));
    let ack = phone.with_sdp("ACK", 1, "ack", OFFER);
    phone.say(&mut world, &ack);
    let CallEvent::Confirmed(Some(agreement)) = last_event(&world) else {
        panic!("{:?}", last_event(&world))
    };
    assert_eq!((agreement.codec.encoding.as_str(), agreement.remote.port()), ("PCMA", 9_000));

    let reinvite = phone.request("INVITE", 2, "b", "", "");
    assert_eq!(phone.say(&mut world, &reinvite), [200]);
    let glare = phone.with_sdp("INVITE", 3, "c", OFFER);
    assert_eq!(phone.say(&mut world, &glare), [491], "our offer is open");
    let ack = phone.with_sdp("ACK", 2, "d", &format!("{OFFER}a=sendonly\r\n"));
    phone.say(&mut world, &ack);
    assert!(
        matches!(last_event(&world), CallEvent::Changed(agreement) if agreement.direction == Direction::RecvOnly)
    );
}

/// Shows RFC 3261 §13.2.2.4: an ACK without the answer that is due ends the call by BYE.
#[test]
fn an_ack_without_the_answer_we_wait_for_ends_the_call() {
    let (mut world, mut phone) = world_and_phone();
    let invite = phone.request("INVITE", 1, "a", "", "");
    phone.say(&mut world, &invite);
    let call = world.incoming(0);
    world.answer(0, call);
    phone.heard(&world);
    let ack = phone.request("ACK", 1, "ack", "", "");
    phone.say(&mut world, &ack);
    assert_eq!(*last_event(&world), CallEvent::Ended(CallEnd::NoAgreement));
    assert_empty(&mut world);
}

/// Shows RFC 3261 §21.4.26: an offer without common ground is refused with 488.
/// Shows RFC 3261 §20.43: the Warning says why.
#[test]
fn no_common_codec_is_refused_with_a_warning() {
    let (mut world, mut phone) = world_and_phone();
    let invite = phone.with_sdp("INVITE", 1, "a", &OFFER.replace("8 0 101", "18 101"));
    phone.say(&mut world, &invite);
    let (call, now) = (world.incoming(0), world.now);
    assert_eq!(world.agents[0].endpoint.answer(now, call, &capabilities(4_000)), Err(CallError::NoAgreement));
    world.drain();
    let refusal = phone.heard(&world).remove(0);
    assert_eq!(start_line(&refusal), "SIP/2.0 488 Not Acceptable Here");
    assert_eq!(
        header(&refusal, "Warning").as_deref(),
        Some("305 127.0.0.1:5060 \"Incompatible media format\"")
    );
    assert_eq!(*last_event(&world), CallEvent::Ended(CallEnd::NoAgreement));
}

/// Shows RFC 3261 §14.2: a re-INVITE refused with 488 leaves the session as it was.
#[test]
fn a_reinvite_that_does_not_fit_leaves_the_call_as_it_was() {
    let (mut world, mut phone) = world_and_phone();
    phone.call_up(&mut world);
    let before = world.agents[0].events.len();
    let reinvite = phone.with_sdp("INVITE", 2, "b", &OFFER.replace("8 0 101", "18"));
    assert_eq!(phone.say(&mut world, &reinvite), [488]);
    let old = phone.with_sdp("INVITE", 1, "c", OFFER);
    assert_eq!(phone.say(&mut world, &old), [500], "an older CSeq");
    assert_eq!((world.agents[0].events.len(), world.counters(0).calls), (before, 1));
}

/// Shows RFC 3311 §5.2: UPDATE changes the session without ACK.
#[test]
fn update_changes_the_media_at_once() {
    let (mut world, mut phone) = world_and_phone();
    phone.call_up(&mut world);
    let update = phone.with_sdp("UPDATE", 2, "u", &format!("{OFFER}a=sendonly\r\n"));
    assert_eq!(phone.say(&mut world, &update), [200]);
    assert!(
        matches!(last_event(&world), CallEvent::Changed(agreement) if agreement.direction == Direction::RecvOnly)
    );
    let refresh = phone.request("UPDATE", 3, "v", "", "");
    assert_eq!(phone.say(&mut world, &refresh), [200]);
}

/// Shows RFC 6086 §4.2.2: an INFO with a body that is not understood gets 415.
#[test]
fn keys_come_by_info_in_both_ways() {
    let (mut world, mut phone) = world_and_phone();
    phone.call_up(&mut world);
    let mut info = |world: &mut World, cseq: u32, content_type: &str, body: &str| {
        let more = format!("Content-Type: {content_type}\r\n");
        let request = phone.request("INFO", cseq, &format!("i{cseq}"), &more, body);
        (phone.say(world, &request), last_event(world).clone())
    };
    assert_eq!(
        info(&mut world, 2, "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"),
        (vec![200], CallEvent::Key('5'))
    );
    assert_eq!(
        info(&mut world, 3, "application/dtmf-relay", "Duration=160\r\nSignal= #\r\n"),
        (vec![200], CallEvent::Key('#'))
    );
    assert_eq!(info(&mut world, 4, "application/dtmf", "*"), (vec![200], CallEvent::Key('*')));
    assert_eq!(info(&mut world, 5, "application/dtmf", "11").1, CallEvent::Key('#'));
    assert_eq!(info(&mut world, 6, "application/dtmf", "x").0, [400]);
    assert_eq!(info(&mut world, 7, "application/media_control+xml", "<x/>").0, [415]);
    assert_eq!(info(&mut world, 8, "application/dtmf", "").0, [200]);
}

/// Shows RFC 3261 §8.2.1: a method that is not served gets 405, one that is not known 501.
/// Shows RFC 3261 §8.2.2.3: a required extension that is not there gets 420.
/// Shows RFC 6665 §4.1.3: NOTIFY of no subscription gets 481.
#[test]
fn what_is_not_there_yet_is_refused_right() {
    let (mut world, mut phone) = world_and_phone();
    let mut refused = |method: &str, branch: &str, more: &str| {
        phone.to_tag.clear();
        let request = phone.request(method, 1, branch, more, "");
        phone.say(&mut world, &request)
    };
    assert_eq!(refused("REGISTER", "1", ""), [405]);
    assert_eq!(refused("MESSAGE", "2", ""), [405]);
    assert_eq!(refused("REFER", "3", ""), [403]);
    assert_eq!(refused("SUBSCRIBE", "4", "Event: conference\r\n"), [489]);
    assert_eq!(refused("NOTIFY", "5", ""), [481]);
    assert_eq!(refused("DANCE", "6", ""), [501]);
    assert_eq!(refused("BYE", "7", ""), [481]);
    assert_eq!(refused("INFO", "8", ""), [481]);
    assert_eq!(refused("INVITE", "9", "Require: 100rel, dancing\r\n"), [420]);
    assert_eq!(
        refused("INVITE", "10", "Replaces: x@y;to-tag=1;from-tag=2\r\n"),
        [482],
        "the same request but for its branch"
    );
    assert_eq!(world.counters(0).calls, 0);
}

/// Shows RFC 3261 §8.2.3: a body of a type or an encoding that is not understood gets 415.
/// Shows RFC 3261 §21.4.11: a body that is too large gets 413.
#[test]
fn bodies_that_are_no_offer_are_refused() {
    let (mut world, mut phone) = world_and_phone();
    let text = phone.request("INVITE", 1, "a", "Content-Type: text/plain\r\n", "hello");
    assert_eq!(phone.say(&mut world, &text), [415]);
    phone.to_tag.clear();
    let broken = phone.with_sdp("INVITE", 2, "b", "hello");
    assert_eq!(phone.say(&mut world, &broken), [400]);
    phone.to_tag.clear();
    let packed =
        phone.request("INVITE", 3, "c", "Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n", OFFER);
    assert_eq!(phone.say(&mut world, &packed), [415]);
    phone.to_tag.clear();
    let huge = phone.with_sdp("INVITE", 4, "d", &"x".repeat(70_000));
    assert_eq!(phone.say(&mut world, &huge), [413]);
}

/// Shows RFC 3261 §21.4.18: who is one too many just now is told with 480 and Retry-After.
#[test]
fn half_open_calls_are_bounded_and_the_rest_is_told_when_to_come_back() {
    let mut world = World::new(1, 1, FAIR);
    let mut statuses = Vec::new();
    for number in 0..25 {
        let mut phone = Phone::new(&format!("call{number}"));
        phone.heard(&world);
        phone.to_tag.clear();
        phone.address = format!("127.0.1.{number}:7000").parse().unwrap();
        let invite = phone.with_sdp("INVITE", 1, &format!("b{number}"), OFFER);
        statuses.extend(phone.say(&mut world, &invite));
    }
    assert_eq!(statuses[..20], [100; 20]);
    assert_eq!(statuses[20..], [480; 5]);
    assert_eq!(header(&world.sent.last().unwrap().1, "Retry-After").as_deref(), Some("2"));
    assert_eq!((world.counters(0).overloaded, world.counters(0).half_open), (5, 20));
    assert_empty(&mut world);
}

#[test]
fn what_is_kept_for_retransmission_is_bounded_in_bytes_and_a_call_finds_room_still() {
    let (mut world, mut phone) = world_and_phone();
    phone.call_up(&mut world);
    let mut number = 0;
    let flood = Phone::new("flood");
    while world.counters(0).overloaded == 0 {
        number += 1;
        assert!(number < 20_000, "{:?}", world.counters(0));
        let via = format!("branch=z9hG4bKf{number};x={}", "y".repeat(7_000));
        let call_id = format!("flood{number}@phone");
        let options = flood
            .request("OPTIONS", 1, &format!("f{number}"), "", "")
            .replace(&format!("branch=z9hG4bKf{number}"), &via)
            .replace("flood@phone", &call_id);
        world.inject(flood.address, 0, options.as_bytes());
    }
    assert!(world.counters(0).transaction_bytes < 65 * 1024 * 1024, "{:?}", world.counters(0));
    assert_eq!(status(&world.sent.last().unwrap().1), 503);
    let tag = phone.to_tag.clone();
    phone.heard(&world);
    phone.to_tag = tag;
    let bye = phone.request("BYE", 2, "bye", "", "");
    assert_eq!(phone.say(&mut world, &bye), [200]);
    assert_empty(&mut world);
    assert_eq!(world.counters(0).transaction_bytes, 0);
}

#[test]
fn one_source_can_not_take_the_room_of_all_and_options_goes_on_saying_that_we_live() {
    let mut world = World::new(1, 1, FAIR);
    let invite_from = |world: &mut World, number: u32, address: &str| {
        let mut phone = Phone::new(&format!("call{number}"));
        phone.heard(world);
        phone.address = address.parse().unwrap();
        phone.to_tag.clear();
        let invite = phone.with_sdp("INVITE", 1, &format!("b{number}"), OFFER);
        phone.say(world, &invite)[0]
    };
    let flood: Vec<u16> = (0..15).map(|number| invite_from(&mut world, number, "127.0.0.1:7000")).collect();
    assert_eq!(flood[..12], [100; 12]);
    assert_eq!(flood[12..], [480; 3]);
    assert_eq!(header(&world.sent.last().unwrap().1, "Retry-After").as_deref(), Some("2"));
    let others: Vec<u16> =
        (20..30).map(|number| invite_from(&mut world, number, &format!("127.0.2.{number}:7000"))).collect();
    assert_eq!(others[..8], [100; 8]);
    assert_eq!(others[8..], [480; 2]);
    let mut phone = Phone::new("asks");
    phone.heard(&world);
    phone.to_tag.clear();
    let options = phone.request("OPTIONS", 1, "o", "", "");
    assert_eq!(phone.say(&mut world, &options), [200], "half-open calls are no sign of ill health");
    assert_empty(&mut world);
}

/// Shows RFC 3261 §12.1.1: the route set of a callee is Record-Route in its order.
/// Shows RFC 3261 §12.2.1.1: a strict router gets its own URI as Request-URI and the target as last Route.
/// Shows RFC 3581 §4: through a NAT the answer goes where the request came from.
#[test]
fn the_way_back_is_by_record_route_and_through_a_nat_by_where_it_came_from() {
    let mut world = World::new(1, 1, FAIR);
    let routed = |more: &str, via: &str| {
        let phone = Phone::new("call");
        phone
            .with_sdp("INVITE", 1, "r", OFFER)
            .replace("Max-Forwards: 70\r\n", more)
            .replace("127.0.0.1:7000;branch", via)
    };
    let hang_up = |world: &mut World, invite: &str, name: &str| {
        let invite = invite.replace("call@phone", name).replace("z9hG4bKr", &format!("z9hG4bK{name}"));
        world.inject("127.0.0.1:7000".parse().unwrap(), 0, invite.as_bytes());
        let call = world.incoming(0);
        world.answer(0, call);
        let tag = header(&world.sent.last().unwrap().1, "To").unwrap();
        let mut phone = Phone::new("call");
        phone.call_id = name.to_owned();
        phone.to_tag = tag.split_once(";tag=").unwrap().1.to_owned();
        world.inject(phone.address, 0, phone.request("ACK", 1, "ack", "", "").as_bytes());
        let now = world.now;
        world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
        world.drain();
        world.run(Duration::from_millis(1));
        (
            world.astray.last().unwrap().0.to_string(),
            String::from_utf8(world.astray.last().unwrap().1.clone()).unwrap(),
        )
    };
    let proxied =
        routed("Record-Route: <sip:127.0.0.9:5090;lr>, <sip:far.example;lr>\r\n", "127.0.0.1:7000;branch");
    let (to, bye) = hang_up(&mut world, &proxied, "proxied");
    assert_eq!(to, "127.0.0.9:5090");
    assert!(bye.starts_with("BYE sip:bob@127.0.0.1:7000 SIP/2.0\r\n"), "{bye}");
    assert!(bye.contains("Route: <sip:127.0.0.9:5090;lr>\r\nRoute: <sip:far.example;lr>\r\n"), "{bye}");

    let strict = routed("Record-Route: <sip:127.0.0.9:5091>\r\n", "127.0.0.1:7000;branch");
    let (to, bye) = hang_up(&mut world, &strict, "strict");
    assert_eq!(to, "127.0.0.9:5091");
    assert!(bye.starts_with("BYE sip:127.0.0.9:5091 SIP/2.0\r\n"), "{bye}");
    assert!(bye.contains("Route: <sip:bob@127.0.0.1:7000>\r\n"), "{bye}");

    let natted = routed("", "10.0.0.1:5060;rport;branch")
        .replace("<sip:bob@127.0.0.1:7000>", "<sip:bob@10.0.0.1:5060>");
    let (to, bye) = hang_up(&mut world, &natted, "natted");
    assert_eq!(to, "127.0.0.1:7000");
    assert!(bye.starts_with("BYE sip:bob@10.0.0.1:5060 SIP/2.0\r\n"), "{bye}");
}

#[test]
fn an_answer_follows_our_order_of_codecs() {
    let (mut world, mut phone) = world_and_phone();
    let invite = phone.with_sdp("INVITE", 1, "a", OFFER);
    phone.say(&mut world, &invite);
    let (call, now) = (world.incoming(0), world.now);
    let ours = Capabilities { codecs: vec![codec("PCMA", 8), codec("PCMU", 0)], ..capabilities(4_000) };
    let agreement = world.agents[0].endpoint.answer(now, call, &ours).unwrap().unwrap();
    assert_eq!((agreement.codec.encoding.as_str(), agreement.event_payload_type), ("PCMA", Some(101)));
}

/// Shows RFC 3261 §12.2.2: the Contact of a target refresh is where later requests go.
#[test]
fn a_phone_that_moves_is_followed_once_it_says_so_within_the_call() {
    let (mut world, mut phone) = world_and_phone();
    phone.call_up(&mut world);
    let moved = phone
        .with_sdp("INVITE", 2, "moved", OFFER)
        .replace("127.0.0.1:7000;branch", "10.0.0.1:5060;rport;branch");
    world.inject("127.0.0.5:7005".parse().unwrap(), 0, moved.as_bytes());
    assert_eq!(harness::status(&world.sent.last().unwrap().1), 200);
    world.inject("127.0.0.5:7005".parse().unwrap(), 0, phone.request("ACK", 2, "ack2", "", "").as_bytes());
    let (call, now) = (world.incoming(0), world.now);
    world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
    world.run(Duration::from_millis(1));
    let (to, bye) = world.astray.last().unwrap();
    assert_eq!(to.to_string(), "127.0.0.5:7005");
    assert!(start_line(bye).starts_with("BYE "));
}

/// Shows RFC 3261 §17.2.1: timers G and H repeat a refusal and give it up.
#[test]
fn a_refusal_without_ack_is_repeated_ten_times_and_given_up() {
    let (mut world, mut phone) = world_and_phone();
    let invite = phone.with_sdp("INVITE", 1, "a", OFFER);
    phone.say(&mut world, &invite);
    let (call, now) = (world.incoming(0), world.now);
    world.agents[0].endpoint.reject(now, call, 603, &Because::default()).unwrap();
    world.run(Duration::from_millis(31_900));
    assert_eq!(phone.heard(&world).len(), 11, "at 0, 0.5, 1.5, 3.5 and then each 4 s");
    assert_eq!(world.counters(0).transactions, 1);
    world.run(Duration::from_millis(200));
    assert_eq!(world.counters(0).transactions, 0, "timer H");
    assert!(phone.heard(&world).is_empty());
}

/// Shows RFC 3261 §17.2.3: requests without branch are matched by the rules of RFC 2543.
#[test]
fn an_old_agent_without_branches_and_contact_is_understood() {
    let mut world = World::new(1, 1, FAIR);
    let mut phone = Phone::new("old");
    let old = |text: String| {
        text.replace(";branch=z9hG4bKx", "").replace("Contact: <sip:bob@127.0.0.1:7000>\r\n", "")
    };
    let invite = old(phone.with_sdp("INVITE", 1, "x", OFFER));
    assert_eq!(phone.say(&mut world, &invite), [100]);
    assert_eq!(phone.say(&mut world, &invite), [100], "the same one");
    let call = world.incoming(0);
    world.answer(0, call);
    phone.heard(&world);
    let ack = old(phone.request("ACK", 1, "x", "", ""));
    phone.say(&mut world, &ack);
    assert_eq!(*last_event(&world), CallEvent::Confirmed(None));
    let bye = old(phone.request("BYE", 2, "x", "", ""));
    assert_eq!(phone.say(&mut world, &bye), [200]);
}
