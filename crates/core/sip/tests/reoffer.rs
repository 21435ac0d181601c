//! Changes of a call's media by one of its sides, and what happens when both change it at once.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::time::Duration;

use harness::phone::{OFFER, Phone, body, header};
use harness::{FAIR, World, capabilities, start_line};
use partyline_sip::endpoint::{Because, CallEnd, CallError, CallEvent, CallKey, TransportKind};
use partyline_sip::sdp::{Agreement, Direction};

/// Agent 0 has called agent 1, and is answered.
fn call_up() -> (World, CallKey, CallKey) {
    let mut world = World::new(2, 1, FAIR);
    let ours = world.call(0, 1, TransportKind::Udp);
    world.run(Duration::from_millis(10));
    let theirs = world.incoming(1);
    world.answer(1, theirs);
    world.run(Duration::from_millis(10));
    (world, ours, theirs)
}

fn reoffer(world: &mut World, at: usize, call: CallKey, direction: Direction) -> Result<(), CallError> {
    let now = world.now;
    let wanted = capabilities(if at == 0 { 6_000 } else { 4_000 });
    let outcome = world.agents[at].endpoint.reoffer(now, call, &wanted, direction);
    world.drain();
    outcome
}

fn changes(world: &World, at: usize, call: CallKey) -> Vec<Agreement> {
    let changed = |event| match event {
        CallEvent::Changed(agreement) => Some(agreement),
        CallEvent::Incoming(_)
        | CallEvent::Ringing
        | CallEvent::Early(_)
        | CallEvent::Answered(_)
        | CallEvent::Confirmed(_)
        | CallEvent::Key(_)
        | CallEvent::Ended(_) => None,
    };
    world.events(at, call).into_iter().filter_map(changed).collect()
}

fn directions(world: &World, at: usize, call: CallKey) -> Vec<Direction> {
    changes(world, at, call).iter().map(|agreement| agreement.direction).collect()
}

/// Shows RFC 3264 §8.4: a stream is put on hold by its direction, and taken off again.
/// Shows RFC 3261 §14.1: either side changes the session by re-INVITE.
#[test]
fn either_side_holds_and_resumes_and_both_know() {
    for holder in [0, 1] {
        let (mut world, ours, theirs) = call_up();
        let calls = [ours, theirs];
        let other = 1 - holder;
        for direction in [Direction::SendOnly, Direction::SendRecv] {
            reoffer(&mut world, holder, calls[holder], direction).unwrap();
            world.run(Duration::from_millis(10));
        }
        assert_eq!(directions(&world, holder, calls[holder]), [Direction::SendOnly, Direction::SendRecv]);
        assert_eq!(directions(&world, other, calls[other]), [Direction::RecvOnly, Direction::SendRecv]);
        world.run(Duration::from_secs(60));
        assert_eq!((world.counters(0).calls, world.counters(0).transactions), (1, 0));
        assert_eq!(world.counters(0).retransmitted + world.counters(1).retransmitted, 0);
    }
}

#[test]
fn who_is_held_and_holds_too_leaves_the_line_silent() {
    let (mut world, ours, theirs) = call_up();
    reoffer(&mut world, 0, ours, Direction::SendOnly).unwrap();
    world.run(Duration::from_millis(10));
    reoffer(&mut world, 1, theirs, Direction::SendOnly).unwrap();
    world.run(Duration::from_millis(10));
    assert_eq!(directions(&world, 0, ours).last(), Some(&Direction::Inactive));
    assert_eq!(directions(&world, 1, theirs).last(), Some(&Direction::Inactive));
}

/// Shows RFC 3261 §14.2: a re-INVITE that crosses one of ours is refused with 491.
/// Shows RFC 3261 §14.1: after 491 each side tries again after a time of its own range.
#[test]
fn changes_that_cross_are_both_refused_and_both_made_later() {
    let (mut world, ours, theirs) = call_up();
    reoffer(&mut world, 0, ours, Direction::SendOnly).unwrap();
    reoffer(&mut world, 1, theirs, Direction::SendRecv).unwrap();
    let before = world.sent.len();
    world.run(Duration::from_millis(10));
    let glares = world.sent[before..].iter().filter(|(_, bytes)| start_line(bytes).contains(" 491 ")).count();
    assert_eq!(glares, 2);
    assert_eq!((changes(&world, 0, ours).len(), changes(&world, 1, theirs).len()), (0, 0));
    world.run(Duration::from_secs(10));
    assert_eq!(directions(&world, 0, ours).last(), Some(&Direction::SendOnly));
    assert_eq!(directions(&world, 1, theirs).last(), Some(&Direction::RecvOnly));
    world.run(Duration::from_secs(60));
    assert_eq!((world.counters(0).calls, world.counters(0).transactions), (1, 0));
}

/// Shows RFC 3261 §14.1: no re-INVITE is sent while another is open.
#[test]
fn one_change_at_a_time_and_none_of_a_call_that_is_not_up() {
    let (mut world, ours, _) = call_up();
    reoffer(&mut world, 0, ours, Direction::SendOnly).unwrap();
    assert_eq!(reoffer(&mut world, 0, ours, Direction::SendRecv), Err(CallError::WrongState));
    let ringing = world.call(0, 1, TransportKind::Udp);
    assert_eq!(reoffer(&mut world, 0, ringing, Direction::SendRecv), Err(CallError::WrongState));
    assert_eq!(reoffer(&mut world, 0, CallKey(99), Direction::SendRecv), Err(CallError::NoCall));
}

/// A phone has called agent 0, which has put it on hold; its re-INVITE.
fn held_phone() -> (World, Phone, CallKey, Vec<u8>) {
    let mut world = World::new(1, 1, FAIR);
    let mut phone = Phone::new("held");
    phone.call_up(&mut world);
    let call = world.incoming(0);
    reoffer(&mut world, 0, call, Direction::SendOnly).unwrap();
    let invite = world.sent.last().unwrap().1.clone();
    assert!(body(&invite).contains("a=sendonly"));
    (world, phone, call, invite)
}

fn respond(world: &mut World, phone: &Phone, request: &[u8], status: &str, sdp: &str) {
    let echo = |name| format!("{name}: {}\r\n", header(request, name).unwrap());
    let content_type = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let lines = ["Via", "From", "To", "Call-ID", "CSeq"].map(echo).concat();
    let length = sdp.len();
    let response = format!(
        "SIP/2.0 {status}\r\n{lines}Contact: <sip:moved@127.0.0.1:7009>\r\n{content_type}Content-Length: {length}\r\n\r\n{sdp}"
    );
    world.inject(phone.address, 0, response.as_bytes());
}

#[test]
fn an_answer_may_name_another_address_and_is_acked_each_time() {
    let (mut world, phone, call, invite) = held_phone();
    let answer = OFFER.replace("9000", "9100") + "a=recvonly\r\n";
    for _ in 0..2 {
        respond(&mut world, &phone, &invite, "200 OK", &answer);
        let (_, ack) = world.sent.last().unwrap();
        assert_eq!(start_line(ack), "ACK sip:moved@127.0.0.1:7009 SIP/2.0");
        assert_eq!(header(ack, "CSeq").unwrap(), header(&invite, "CSeq").unwrap().replace("INVITE", "ACK"));
    }
    let changed = changes(&world, 0, call);
    assert_eq!((changed.len(), changed[0].remote.port()), (1, 9100));
}

/// Shows RFC 3261 §14.1: a re-INVITE that is refused leaves the session as it was.
#[test]
fn a_refused_change_leaves_the_call_as_it_was() {
    let (mut world, phone, call, invite) = held_phone();
    respond(&mut world, &phone, &invite, "488 Not Acceptable Here", "");
    assert_eq!(start_line(&world.sent.last().unwrap().1).split(' ').next(), Some("ACK"));
    assert_eq!(directions(&world, 0, call), [Direction::SendRecv]);
    reoffer(&mut world, 0, call, Direction::SendOnly).unwrap();
    assert_eq!(world.counters(0).calls, 1);
}

/// Shows RFC 3261 §12.2.1.2: 481 or no answer within a dialog ends it.
#[test]
fn a_call_that_the_other_side_does_not_know_or_that_nobody_answers_ends() {
    for (status, end) in [
        ("481 Call/Transaction Does Not Exist", CallEnd::Refused { status: 481 }),
        ("408 Request Timeout", CallEnd::Refused { status: 408 }),
        ("", CallEnd::TimedOut),
    ] {
        let (mut world, phone, call, invite) = held_phone();
        if !status.is_empty() {
            respond(&mut world, &phone, &invite, status, "");
        }
        world.run(Duration::from_secs(100));
        assert_eq!(world.events(0, call).last(), Some(&CallEvent::Ended(end)));
        assert_eq!((world.counters(0).calls, world.counters(0).transactions), (0, 0));
    }
}

#[test]
fn hanging_up_during_a_change_leaves_nothing() {
    let (mut world, phone, call, invite) = held_phone();
    respond(&mut world, &phone, &invite, "100 Trying", "");
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, call, &Default::default()).unwrap();
    world.run(Duration::from_secs(100));
    assert_eq!((world.counters(0).calls, world.counters(0).transactions), (0, 0));
}

/// Shows RFC 3261 §17.1.1.2: a provisional response to an INVITE that was given up keeps nothing alive.
#[test]
fn a_change_that_is_given_up_and_then_rings_leaves_nothing() {
    let (mut world, phone, call, invite) = held_phone();
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
    respond(&mut world, &phone, &invite, "180 Ringing", "");
    world.run(Duration::from_secs(600));
    let counters = world.counters(0);
    assert_eq!((counters.calls, counters.transactions, counters.transaction_bytes), (0, 0, 0));
}
