//! Who calls whom, why, and by which detours, as an endpoint tells it; and what it tells of itself.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::time::Duration;

use harness::phone::{OFFER, Phone, header};
use harness::{FAIR, World, start_line};
use partyline_sip::endpoint::{CallEnd, CallEvent, IncomingCall, Reason};
use partyline_sip::rules::DialogRules;

fn world_and_phone() -> (World, Phone) {
    (World::new(1, 1, FAIR), Phone::new("call"))
}

/// What the user is told of a call with these headers, from a source that is trusted or not.
fn told(more: &str, is_trusted: bool) -> IncomingCall {
    let trusted = if is_trusted { vec!["127.0.0.0/24".parse().unwrap()] } else { Vec::new() };
    let mut world = World::with_rules(1, 1, FAIR, &DialogRules { trusted, ..DialogRules::default() });
    let mut phone = Phone::new("call");
    let invite = phone.request("INVITE", 1, "a", more, "").replace("INVITE sip:100@", "INVITE sip:1%32%33@");
    phone.say(&mut world, &invite);
    let Some((_, CallEvent::Incoming(call))) = world.agents[0].events.pop() else { panic!("no call") };
    *call
}

/// Shows RFC 3325 §5: an asserted identity counts where its sender is trusted, and from nobody else.
/// Shows RFC 3325 §9.2: a preferred identity is of no account to a user agent.
#[test]
fn a_caller_is_named_by_who_vouches_for_it() {
    let more =
        "P-Asserted-Identity: \"Eve\" <sip:%2B15551234@net>\r\nP-Preferred-Identity: <sip:boss@net>\r\n";
    let call = told(more, true);
    assert_eq!(
        (call.dialled.as_str(), call.to_user.as_str(), call.caller.as_str(), call.caller_display.as_str()),
        ("123", "100", "+15551234", "Eve")
    );
    assert!(call.is_asserted && !call.has_offer && !call.is_private);
    let call = told(more, false);
    assert_eq!((call.caller.as_str(), call.caller_display.as_str(), call.is_asserted), ("bob", "", false));
}

/// Shows RFC 3325 §9.1: of a sip and a tel identity either names the caller.
#[test]
fn a_number_may_be_asserted_by_tel() {
    let call = told("P-Asserted-Identity: <tel:+15550000>, <sip:x@net>\r\n", true);
    assert_eq!(call.caller, "+15550000");
    let call = told("P-Asserted-Identity: what? <<>>\r\n", true);
    assert_eq!((call.caller.as_str(), call.is_asserted), ("bob", false));
}

/// Shows RFC 3323 §4.2: who asks for privacy is not shown.
/// Shows RFC 3325 §9.3: nor is who asks for privacy of the asserted identity.
#[test]
fn who_wants_to_be_anonymous_is_shown_to_nobody() {
    for privacy in ["id", "user;id;critical", "header", "none, USER"] {
        let call = told(&format!("P-Asserted-Identity: <sip:5@net>\r\nPrivacy: {privacy}\r\n"), true);
        assert_eq!(
            (call.caller.as_str(), call.is_private, call.shown_caller()),
            ("5", true, None),
            "{privacy}"
        );
    }
    for privacy in ["none", "session", "ideal"] {
        assert_eq!(told(&format!("Privacy: {privacy}\r\n"), true).shown_caller(), Some("bob"), "{privacy}");
    }
    let (mut world, mut phone) = world_and_phone();
    let invite = phone.request("INVITE", 1, "a", "", "").replace("bob@phone", "anonymous@anonymous.invalid");
    phone.say(&mut world, &invite);
    let Some((_, CallEvent::Incoming(call))) = world.agents[0].events.pop() else { panic!("no call") };
    assert!(call.is_private, "RFC 3323 §4.1.1.3");
}

/// Shows RFC 5806 §4: each Diversion tells who sent the call on and why, the last one first.
#[test]
fn who_sent_a_call_on_is_told() {
    let call = told(
        "Diversion: \"Desk; 2\" <sip:202@pbx>;reason=no-answer;counter=1;privacy=full, <tel:+1800555>;reason=\"unconditional\"\r\n\
         Diversion: rubbish\r\n",
        false,
    );
    let read: Vec<_> = call
        .diversions
        .iter()
        .map(|one| (one.user.as_str(), one.reason.as_str(), one.counter, one.is_private))
        .collect();
    assert_eq!(read, [("202", "no-answer", Some(1), true), ("+1800555", "unconditional", None, false)]);
    assert_eq!((call.diverted_from(), call.first_dialled()), (Some("202"), Some("+1800555")));
}

/// Shows RFC 7044 §5: the first entry of the history is what the caller dialled.
/// Shows RFC 4458 §2: the cause in a target tells why the call came there.
#[test]
fn what_was_dialled_first_is_read_from_the_history() {
    let call = told(
        "History-Info: <sip:800@a?Reason=SIP%3Bcause%3D302>;index=1, <sip:801@b;cause=486?Privacy=history>;index=1.1\r\n\
         History-Info: <sip:123@c;cause=408>;index=1.1.1;rc=1.1\r\n",
        false,
    );
    let read: Vec<_> = call
        .history
        .iter()
        .map(|one| (one.index.as_str(), one.user.as_str(), one.cause, one.is_private))
        .collect();
    let expected =
        [("1", "800", Some(302), false), ("1.1", "801", Some(486), true), ("1.1.1", "123", Some(408), false)];
    assert_eq!(read, expected);
    assert_eq!((call.diverted_from(), call.first_dialled()), (Some("801"), Some("800")));
    let plain = told("", false);
    assert_eq!((plain.diverted_from(), plain.first_dialled()), (None, None));
}

#[test]
fn a_history_without_end_is_cut() {
    let one = "<sip:1@a>;index=1,".repeat(100);
    let call = told(&format!("History-Info: {one}<sip:2@b>\r\nDiversion: {one}<sip:3@c>\r\n"), false);
    assert_eq!((call.history.len(), call.diversions.len()), (10, 10));
}

/// Shows RFC 3326 §2: BYE and CANCEL tell their reasons, several of them if need be.
#[test]
fn why_they_hung_up_is_told() {
    let more = "Reason: Q.850;cause=16;text=\"Normal call clearing\", SIP ;cause=200 ;text=\"elsewhere\"\r\n";
    let reason = |protocol: &str, cause, text: &str| Reason {
        protocol: protocol.to_owned(),
        cause: Some(cause),
        text: text.to_owned(),
    };
    let reasons = vec![reason("Q.850", 16, "Normal call clearing"), reason("SIP", 200, "elsewhere")];
    let (mut world, mut phone) = world_and_phone();
    phone.call_up(&mut world);
    let bye = phone.request("BYE", 2, "bye", more, "");
    phone.say(&mut world, &bye);
    let end = world.agents[0].events.pop().unwrap().1;
    assert_eq!(end, CallEvent::Ended(CallEnd::TheyHungUp(reasons.clone())));

    let (mut world, mut phone) = world_and_phone();
    let invite = phone.with_sdp("INVITE", 1, "a", OFFER);
    phone.say(&mut world, &invite);
    phone.to_tag.clear();
    let cancel = phone.request("CANCEL", 1, "a", more, "");
    phone.say(&mut world, &cancel);
    let end = world.agents[0].events.pop().unwrap().1;
    assert_eq!(end, CallEvent::Ended(CallEnd::Cancelled(reasons)));
}

/// Shows RFC 3891 §3: nobody may take over a call of somebody else, and a call that is not there is no call.
#[test]
fn nobody_takes_over_a_call() {
    let (mut world, mut phone) = world_and_phone();
    phone.call_up(&mut world);
    let mut thief = Phone::new("thief");
    thief.heard(&world);
    thief.to_tag.clear();
    let unknown = thief.request("INVITE", 1, "x", "Replaces: nobody;to-tag=1;from-tag=2\r\n", "");
    assert_eq!(thief.say(&mut world, &unknown), [481]);
    thief.to_tag.clear();
    let replaces = format!("Replaces: {};to-tag={};from-tag=f1\r\n", phone.call_id, phone.to_tag);
    let known = thief.request("INVITE", 2, "y", &replaces, "");
    assert_eq!(thief.say(&mut world, &known), [403]);
    assert_eq!(world.counters(0).calls, 1);
    thief.to_tag.clear();
    let required = thief.request("INVITE", 3, "z", &format!("Require: replaces\r\n{replaces}"), "");
    assert_eq!(thief.say(&mut world, &required), [420]);
    let refusal = world.sent.last().unwrap().1.clone();
    assert_eq!(header(&refusal, "Unsupported").as_deref(), Some("replaces"));
    thief.to_tag.clear();
    let twice = thief.request("INVITE", 4, "w", &format!("{replaces}{replaces}"), "");
    assert_eq!(thief.say(&mut world, &twice), [400]);
    assert_eq!(world.counters(0).calls, 1);
}

/// Shows RFC 3261 §11.2: OPTIONS is told what we can do, in a call and outside of one.
#[test]
fn options_tells_what_is_true() {
    let (mut world, mut phone) = world_and_phone();
    phone.call_up(&mut world);
    let within = phone.request("OPTIONS", 2, "o", "", "");
    phone.to_tag.clear();
    let without = phone.request("OPTIONS", 3, "p", "", "");
    for options in [within, without] {
        world.inject(phone.address, 0, options.as_bytes());
        let answer = phone.heard(&world).remove(0);
        assert_eq!(start_line(&answer), "SIP/2.0 200 OK");
        assert_eq!(
            header(&answer, "Allow").as_deref(),
            Some("INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK")
        );
        assert!(header(&answer, "Accept").unwrap().contains("application/sdp"));
        assert_eq!(header(&answer, "Supported").as_deref(), Some("100rel, timer"));
    }
}

#[test]
fn options_within_a_call_is_answered_however_full_we_are() {
    let (mut world, mut phone) = world_and_phone();
    phone.call_up(&mut world);
    let within = phone.request("OPTIONS", 2, "o", "", "");
    let mut calls = 1;
    while world.counters(0).calls < 50 {
        world.agents[0].endpoint.call(world.now, &harness::outgoing(phone.address, harness::UDP)).unwrap();
        calls += 1;
    }
    assert_eq!(calls, 50);
    world.drain();
    phone.heard(&world);
    assert_eq!(phone.say(&mut world, &within), [200]);
    phone.to_tag.clear();
    let without = phone.request("OPTIONS", 3, "p", "", "");
    assert_eq!(phone.say(&mut world, &without), [503]);
}

#[test]
fn a_trusted_source_is_bound_by_the_room_of_all_only() {
    let trusted = vec!["127.0.0.1".parse().unwrap()];
    let mut world = World::with_rules(1, 1, FAIR, &DialogRules { trusted, ..DialogRules::default() });
    let calls = |world: &mut World, from: usize, to: usize| -> Vec<u16> {
        let call = |number: usize| {
            let mut phone = Phone::new(&format!("call{number}"));
            phone.heard(world);
            phone.to_tag.clear();
            let invite = phone.with_sdp("INVITE", 1, &format!("b{number}"), OFFER);
            phone.say(world, &invite)[0]
        };
        (from..to).map(call).collect()
    };
    let statuses = calls(&mut world, 0, 21);
    assert_eq!(statuses[..20], [100; 20], "its share would be 12");
    assert_eq!(statuses[20], 480);
    world.run(Duration::from_secs(300));
    world.agents[0].endpoint.trust(Vec::new());
    let statuses = calls(&mut world, 30, 43);
    assert_eq!((statuses[11], statuses[12]), (100, 480), "it is trusted no more");
}
