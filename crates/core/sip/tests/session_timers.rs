//! Session timers: who asks for which, who refreshes and how, and what ends that nobody refreshes.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::time::Duration;

use harness::callee::{Callee, methods};
use harness::phone::{OFFER, Phone, body, header};
use harness::{FAIR, World, start_line, status};
use partyline_sip::endpoint::{CallEnd, CallEvent, CallKey, TransportKind};
use partyline_sip::rules::{DialogRules, SessionRules};

/// Timers short enough to see.
fn short() -> DialogRules {
    let session = SessionRules {
        expires: Duration::from_secs(60),
        min: Duration::from_secs(20),
        ..SessionRules::default()
    };
    DialogRules { session: Some(session), ..DialogRules::default() }
}

/// A phone whose call is up, and the 200 that it got.
fn phone_up(more: &str) -> (World, Phone, CallKey, Vec<u8>) {
    let mut world = World::with_rules(1, 1, FAIR, &short());
    let mut phone = Phone::new("call");
    let invite = phone.request("INVITE", 1, "a", &format!("{more}Content-Type: application/sdp\r\n"), OFFER);
    assert_eq!(phone.say(&mut world, &invite), [100]);
    let call = world.incoming(0);
    world.answer(0, call);
    let answered = phone.heard(&world).remove(0);
    let ack = phone.request("ACK", 1, "ack", "", "");
    phone.say(&mut world, &ack);
    (world, phone, call, answered)
}

fn called_up(more: &str) -> (World, Callee) {
    let (mut world, mut callee) = Callee::called(false, &short());
    callee.says(&mut world, "200 OK", "x", more, OFFER);
    (world, callee)
}

fn ended(events: &[CallEvent]) -> Option<&CallEnd> {
    events.last().and_then(|event| if let CallEvent::Ended(end) = event { Some(end) } else { None })
}

/// Shows RFC 4028 §9: what they ask for is granted or shortened, never below their Min-SE, and they refresh if they can.
#[test]
fn a_caller_is_told_how_long_and_who_refreshes() {
    for (more, granted, required) in [
        ("Supported: timer\r\nSession-Expires: 40\r\n", Some("40;refresher=uac"), Some("timer")),
        ("Supported: timer\r\nSession-Expires: 40;refresher=uas\r\n", Some("40;refresher=uas"), None),
        ("Supported: timer\r\nx: 400\r\n", Some("60;refresher=uac"), Some("timer")),
        ("k: timer\r\nSession-Expires: 400\r\nMin-SE: 300\r\n", Some("300;refresher=uac"), Some("timer")),
        ("Supported: timer\r\n", Some("60;refresher=uac"), Some("timer")),
        ("Session-Expires: 40\r\n", Some("40;refresher=uas"), None),
        ("Session-Expires: 5\r\n", None, None),
        ("", None, None),
    ] {
        let (_, _, _, answered) = phone_up(more);
        assert_eq!(header(&answered, "Session-Expires").as_deref(), granted, "{more}");
        assert_eq!(header(&answered, "Require").as_deref(), required, "{more}");
    }
}

/// Shows RFC 4028 §6: an interval that is too short gets 422 and our least.
#[test]
fn too_short_an_interval_is_refused_with_our_least() {
    let mut world = World::with_rules(1, 1, FAIR, &short());
    let mut phone = Phone::new("call");
    let invite = phone.request("INVITE", 1, "a", "Supported: timer\r\nSession-Expires: 19\r\n", "");
    assert_eq!(phone.say(&mut world, &invite), [422]);
    assert_eq!(header(&world.sent[0].1, "Min-SE").as_deref(), Some("20"));
    let (mut world, mut phone, _, _) = phone_up("");
    let update = phone.request("UPDATE", 2, "u", "Supported: timer\r\nSession-Expires: 1\r\n", "");
    assert_eq!(phone.say(&mut world, &update), [422]);
}

/// Shows RFC 4028 §10: a session that they do not refresh ends with BYE before it expires.
#[test]
fn a_caller_that_does_not_refresh_is_hung_up() {
    let (mut world, mut phone, call, _) =
        phone_up("Supported: timer\r\nSession-Expires: 60;refresher=uac\r\n");
    world.run(Duration::from_secs(35));
    let update =
        phone.request("UPDATE", 2, "u", "Supported: timer\r\nSession-Expires: 60;refresher=uac\r\n", "");
    assert_eq!(phone.say(&mut world, &update), [200]);
    assert_eq!(header(&world.sent.last().unwrap().1, "Session-Expires").as_deref(), Some("60;refresher=uac"));
    world.run(Duration::from_secs(39));
    assert!(phone.heard(&world).is_empty(), "refreshed in time");
    world.run(Duration::from_secs(2));
    assert!(start_line(&phone.heard(&world)[0]).starts_with("BYE "));
    assert_eq!(ended(&world.events(0, call)), Some(&CallEnd::TimedOut));
    world.run(Duration::from_secs(100));
    assert_eq!((world.counters(0).calls, world.counters(0).transactions), (0, 0));
}

/// Shows RFC 4028 §7.4: we refresh by UPDATE where they allow it, at half the time.
#[test]
fn we_refresh_by_update_where_it_is_allowed() {
    let (mut world, mut callee) = called_up("Allow: UPDATE\r\nSession-Expires: 60;refresher=uac\r\n");
    let asked = header(&callee.invite, "Session-Expires");
    assert_eq!((asked.as_deref(), header(&callee.invite, "Min-SE").as_deref()), (Some("60"), Some("20")));
    callee.heard(&world);
    for _ in 0..3 {
        world.run(Duration::from_secs(29));
        assert!(callee.heard(&world).is_empty());
        world.run(Duration::from_secs(1));
        let update = callee.heard(&world).remove(0);
        assert!(start_line(&update).starts_with("UPDATE "));
        assert_eq!(header(&update, "Session-Expires").as_deref(), Some("60;refresher=uac"));
        assert_eq!(body(&update), "");
        let more = "Session-Expires: 60;refresher=uac\r\n";
        assert!(callee.responds(&mut world, &update, "200 OK", "x", more, "").is_empty());
    }
    assert!(ended(&callee.events(&world)).is_none());
}

/// Shows RFC 4028 §7.4: where UPDATE is not allowed a re-INVITE with the same description refreshes.
#[test]
fn we_refresh_by_a_reinvite_that_changes_nothing() {
    let (mut world, mut callee) = called_up("Session-Expires: 60;refresher=uac\r\n");
    callee.heard(&world);
    world.run(Duration::from_secs(30));
    let invite = callee.heard(&world).remove(0);
    assert!(start_line(&invite).starts_with("INVITE "));
    assert_eq!(body(&invite), body(&callee.invite));
    let more = "Session-Expires: 60;refresher=uas\r\n";
    for _ in 0..2 {
        assert_eq!(methods(&callee.responds(&mut world, &invite, "200 OK", "x", more, OFFER)), ["ACK"]);
    }
    assert!(matches!(callee.events(&world)[..], [CallEvent::Answered(_)]), "nothing has changed");
    world.run(Duration::from_secs(41));
    assert_eq!(methods(&callee.heard(&world)[..1]), ["BYE"], "they were to refresh from then on");
}

#[test]
fn a_callee_that_knows_no_update_after_all_gets_a_reinvite() {
    let (mut world, mut callee) = called_up("Allow: UPDATE\r\nSession-Expires: 60;refresher=uac\r\n");
    callee.heard(&world);
    world.run(Duration::from_secs(30));
    let update = callee.heard(&world).remove(0);
    let sent = callee.responds(&mut world, &update, "405 Method Not Allowed", "x", "", "");
    assert_eq!(methods(&sent), ["INVITE"]);
}

/// Shows RFC 4028 §10: a refresh that is refused for now is made again for as long as the session lasts.
#[test]
fn a_refresh_that_gets_491_is_tried_again_until_the_session_ends() {
    let (mut world, mut callee) = called_up("Allow: UPDATE\r\nSession-Expires: 60;refresher=uac\r\n");
    callee.heard(&world);
    let mut tries = 0;
    for _ in 0..59 {
        world.run(Duration::from_secs(1));
        for update in callee.heard(&world) {
            assert!(start_line(&update).starts_with("UPDATE "));
            callee.responds(&mut world, &update, "491 Request Pending", "x", "", "");
            tries += 1;
        }
    }
    assert!(tries > 5 && ended(&callee.events(&world)).is_none(), "{tries} tries");
    world.run(Duration::from_secs(2));
    let said = callee.heard(&world);
    assert!(said.iter().any(|said| start_line(said).starts_with("BYE ")));
}

/// Shows RFC 4028 §10: a refresh that gets 408, 481 or no answer ends the call.
#[test]
fn a_refresh_that_nobody_knows_or_answers_ends_the_call() {
    for (refusal, end) in [
        ("481 No Call", CallEnd::Refused { status: 481 }),
        ("408 Timeout", CallEnd::Refused { status: 408 }),
        ("", CallEnd::TimedOut),
    ] {
        let (mut world, mut callee) = called_up("Allow: UPDATE\r\nSession-Expires: 200;refresher=uac\r\n");
        callee.heard(&world);
        world.run(Duration::from_secs(100));
        let update = callee.heard(&world).remove(0);
        if !refusal.is_empty() {
            callee.responds(&mut world, &update, refusal, "x", "", "");
        }
        world.run(Duration::from_secs(40));
        assert_eq!(ended(&callee.events(&world)), Some(&end));
        world.run(Duration::from_secs(100));
        assert_eq!((world.counters(0).calls, world.counters(0).transactions), (0, 0));
    }
}

/// Shows RFC 4028 §7.3: after 422 the call is made again with the interval that they want, and not for ever.
#[test]
fn a_call_is_made_again_with_a_longer_interval() {
    let (mut world, mut callee) = Callee::called(false, &short());
    let first = callee.invite.clone();
    let sent = callee.says(&mut world, "422 Session Interval Too Small", "x", "Min-SE: 90\r\n", "");
    assert_eq!(methods(&sent), ["ACK", "INVITE"]);
    assert_eq!(header(&sent[1], "Session-Expires").as_deref(), Some("90"));
    assert_eq!(header(&sent[1], "Min-SE").as_deref(), Some("90"));
    assert_eq!(header(&sent[1], "CSeq").as_deref(), Some("2 INVITE"));
    assert_eq!(header(&sent[1], "Call-ID"), header(&first, "Call-ID"));
    assert_eq!(body(&sent[1]), body(&first));
    callee.invite = sent[1].clone();
    let sent = callee.says(&mut world, "422 Session Interval Too Small", "x", "Min-SE: 90\r\n", "");
    assert_eq!(methods(&sent), ["ACK"], "we did as they asked");
    assert_eq!(ended(&callee.events(&world)), Some(&CallEnd::Refused { status: 422 }));
    let (mut world, mut callee) = Callee::called(false, &short());
    let mut tries = 0;
    while ended(&callee.events(&world)).is_none() {
        tries += 1;
        let more = format!("Min-SE: {}\r\n", tries * 100);
        let sent = callee.says(&mut world, "422 Session Interval Too Small", "x", &more, "");
        if let Some(invite) = sent.get(1) {
            callee.invite = invite.clone();
        }
    }
    assert_eq!(tries, 5);
}

#[test]
fn without_timers_on_either_side_a_session_has_no_end() {
    let (mut world, mut callee) = called_up("");
    callee.heard(&world);
    world.run(Duration::from_secs(7_200));
    assert!(callee.heard(&world).is_empty());
    let rules = DialogRules { session: None, ..DialogRules::default() };
    let (_, callee) = Callee::called(false, &rules);
    assert_eq!(header(&callee.invite, "Session-Expires"), None);
    assert_eq!(header(&callee.invite, "Supported").as_deref(), Some("100rel"));
}

/// Shows RFC 4028 §10: two of us keep a call alive for hours, and end it when the other one is gone.
#[test]
fn two_endpoints_keep_a_call_alive_until_one_is_gone() {
    let mut world = World::with_rules(2, 1, FAIR, &short());
    let ours = world.call(0, 1, TransportKind::Udp);
    world.run(Duration::from_millis(10));
    let theirs = world.incoming(1);
    world.answer(1, theirs);
    world.run(Duration::from_secs(7_200));
    assert!(ended(&world.events(0, ours)).is_none() && ended(&world.events(1, theirs)).is_none());
    assert_eq!(world.counters(0).retransmitted + world.counters(1).retransmitted, 0);
    assert_eq!(world.sent.iter().filter(|(_, bytes)| status(bytes) >= 300).count(), 0);
    world.weather.lost_percent = 100;
    world.run(Duration::from_secs(200));
    assert!(ended(&world.events(0, ours)).is_some() && ended(&world.events(1, theirs)).is_some());
    assert_eq!((world.counters(0).calls, world.counters(1).calls), (0, 0));
}
