//! REFER, from both sides, and what is reported of it.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::time::Duration;

use harness::callee::Callee;
use harness::phone::{OFFER, Phone, body, header};
use harness::{FAIR, UDP, World, start_line, status};
use partyline_sip::endpoint::{
    CallError, CallKey, EventBody, Notice, Refer, Referral, Replaces, Subscribe, SubscriptionEnd,
    SubscriptionEvent, SubscriptionKey, Termination,
};
use partyline_sip::rules::{DialogRules, EventPackage, Referrals, SubscriptionRules};

const SECOND: Duration = Duration::from_secs(1);
const TO: &str = "Refer-To: <sip:+1234@example.com>\r\n";

fn rules() -> DialogRules {
    let name = "weather".to_owned();
    let package = EventPackage { name, content_type: "text/plain".to_owned(), expires: 600 * SECOND };
    let subscriptions = SubscriptionRules { packages: vec![package], ..SubscriptionRules::default() };
    DialogRules { referrals: Referrals::Asked, subscriptions, ..DialogRules::default() }
}

/// A phone in a call with an endpoint that asks its user about referrals; the endpoint's call and tag.
fn in_call() -> (World, Phone, CallKey, String) {
    let mut world = World::with_rules(1, 1, FAIR, &rules());
    let mut phone = Phone::new("refer");
    phone.call_up(&mut world);
    let (call, tag) = (world.incoming(0), phone.to_tag.clone());
    (world, phone, call, tag)
}

fn newest(world: &World) -> (SubscriptionKey, Referral) {
    let asked = world.agents[0].subscriptions.iter().rev().find_map(|(key, event)| {
        let SubscriptionEvent::Referred(referral) = event else { return None };
        Some((*key, (**referral).clone()))
    });
    asked.expect("somebody refers")
}

fn end_of(world: &World, at: usize, key: SubscriptionKey) -> Option<SubscriptionEnd> {
    match world.watched(at, key).last() {
        Some(SubscriptionEvent::Ended(end)) => Some(end.clone()),
        _ => None,
    }
}

fn report(world: &mut World, phone: &mut Phone, key: SubscriptionKey, status: u16) -> Vec<Vec<u8>> {
    let now = world.now;
    world.agents[0].endpoint.report(now, key, status).unwrap();
    world.drain();
    phone.heard(world)
}

fn accept(world: &mut World, phone: &mut Phone, key: SubscriptionKey) -> Vec<Vec<u8>> {
    let now = world.now;
    world.agents[0].endpoint.accept_referral(now, key).unwrap();
    world.drain();
    phone.heard(world)
}

/// What a NOTIFY says: Event, Subscription-State, body.
fn said(notify: &[u8]) -> [String; 3] {
    assert!(start_line(notify).starts_with("NOTIFY "), "{}", start_line(notify));
    let of = |name| header(notify, name).unwrap();
    [of("Event"), of("Subscription-State"), body(notify)]
}

fn assert_empty(world: &mut World) {
    world.run(3_600 * SECOND);
    for at in 0..world.agents.len() {
        let left = world.counters(at);
        assert_eq!((left.subscriptions, left.lone_dialogs, left.transactions), (0, 0, 0), "{left:?}");
    }
}

/// Shows RFC 3515 §2.4.2: a REFER that is agreed to is answered with 202.
/// Shows RFC 3515 §2.4.4: a NOTIFY follows at once, and one for each step; the last one ends the subscription.
/// Shows RFC 3515 §2.4.5: the body is the first line of the response that was had, as `message/sipfrag`.
#[test]
fn who_refers_hears_how_far_we_came() {
    let (mut world, mut phone, call, _) = in_call();
    let refer = phone.request("REFER", 7, "r", &format!("{TO}Referred-By: <sip:bob@phone>\r\n"), "");
    assert!(phone.say(&mut world, &refer).is_empty());
    let (key, referral) = newest(&world);
    assert_eq!((referral.call, referral.is_reported), (Some(call), true));
    assert_eq!(
        (referral.target.uri.as_str(), referral.target.user.as_str()),
        ("sip:+1234@example.com", "+1234")
    );
    assert_eq!(referral.referred_by.as_deref(), Some("sip:bob@phone"));
    let sent = accept(&mut world, &mut phone, key);
    assert_eq!(status(&sent[0]), 202);
    assert!(header(&sent[0], "Contact").is_some() && header(&sent[0], "Refer-Sub").is_none());
    assert_eq!(said(&sent[1]), ["refer;id=7", "active;expires=240", "SIP/2.0 100 Trying\r\n"]);
    assert_eq!(header(&sent[1], "Content-Type").as_deref(), Some("message/sipfrag;version=2.0"));
    phone.respond(&mut world, &sent[1], "200 OK", "");
    let sent = report(&mut world, &mut phone, key, 180);
    assert_eq!(said(&sent[0]), ["refer;id=7", "active;expires=240", "SIP/2.0 180 Ringing\r\n"]);
    phone.respond(&mut world, &sent[0], "200 OK", "");
    let sent = report(&mut world, &mut phone, key, 200);
    assert_eq!(said(&sent[0]), ["refer;id=7", "terminated;reason=noresource", "SIP/2.0 200 OK\r\n"]);
    assert_eq!(end_of(&world, 0, key), Some(SubscriptionEnd::Complete));
    phone.respond(&mut world, &sent[0], "200 OK", "");
    assert_eq!(world.counters(0).subscriptions, 0);
    let now = world.now;
    assert_eq!(world.agents[0].endpoint.report(now, key, 200), Err(CallError::NoCall));
}

/// Shows RFC 3515 §2.4.2: without exactly one Refer-To a REFER is 400.
/// Shows RFC 3515 §2.4.3: who may not refer is refused, with 403 or 603.
#[test]
fn what_can_not_be_followed_is_refused() {
    let (mut world, mut phone, _, tag) = in_call();
    for (cseq, more) in ["", "Refer-To: <sip:a@b>, <sip:c@d>\r\n", "Refer-To: nobody\r\n"].iter().enumerate()
    {
        phone.to_tag.clone_from(&tag);
        let refer = phone.request("REFER", 2 + u32::try_from(cseq).unwrap(), &format!("r{cseq}"), more, "");
        assert_eq!(phone.say(&mut world, &refer), [400], "{more}");
    }
    assert!(world.agents[0].subscriptions.is_empty());
    for (cseq, refusal) in [(6, 403), (7, 603)] {
        phone.to_tag.clone_from(&tag);
        let refer = phone.request("REFER", cseq, &format!("r{cseq}"), TO, "");
        phone.say(&mut world, &refer);
        let (key, now) = (newest(&world).0, world.now);
        assert_eq!(world.agents[0].endpoint.report(now, key, 180), Err(CallError::WrongState));
        world.agents[0].endpoint.refuse_subscription(now, key, refusal, &Default::default()).unwrap();
        world.drain();
        assert_eq!(status(&phone.heard(&world)[0]), refusal);
        assert_eq!(end_of(&world, 0, key), Some(SubscriptionEnd::WeEnded));
    }
}

/// Shows RFC 3515 §2.4.3: where nobody may refer each REFER is 403, and Allow does not list it.
/// Shows RFC 3261 §20.5: Allow lists REFER where it is worked on.
#[test]
fn where_nobody_may_refer_nobody_is_asked_to() {
    for (referrals, is_listed) in [(Referrals::Refused, false), (Referrals::Asked, true)] {
        let mut world = World::with_rules(1, 1, FAIR, &DialogRules { referrals, ..DialogRules::default() });
        let mut phone = Phone::new("refer");
        let options = phone.request("OPTIONS", 1, "o", "", "");
        world.inject(phone.address, 0, options.as_bytes());
        let answer = phone.heard(&world).remove(0);
        assert_eq!(header(&answer, "Allow").unwrap().contains("REFER"), is_listed);
        assert_eq!(header(&answer, "Supported").unwrap().contains("norefersub"), is_listed);
        assert_eq!(header(&answer, "Allow-Events").as_deref(), is_listed.then_some("refer"));
        phone.to_tag.clear();
        phone.call_up(&mut world);
        let refer = phone.request("REFER", 2, "r", TO, "");
        let expected: &[u16] = if is_listed { &[] } else { &[403] };
        assert_eq!(phone.say(&mut world, &refer), expected);
    }
}

/// Shows RFC 4488 §4: who asks for no subscription is told by `Refer-Sub: false` that there is none.
#[test]
fn who_wants_no_reports_gets_none() {
    let (mut world, mut phone, _, tag) = in_call();
    let refer =
        phone.request("REFER", 2, "r", &format!("{TO}Refer-Sub: false\r\nRequire: norefersub\r\n"), "");
    assert!(phone.say(&mut world, &refer).is_empty());
    let (key, referral) = newest(&world);
    assert!(!referral.is_reported);
    let sent = accept(&mut world, &mut phone, key);
    assert_eq!((sent.len(), status(&sent[0])), (1, 202));
    assert_eq!(header(&sent[0], "Refer-Sub").as_deref(), Some("false"));
    assert_eq!(end_of(&world, 0, key), Some(SubscriptionEnd::Unreported));
    assert_eq!(world.counters(0).subscriptions, 0);
    phone.to_tag = tag;
    let bye = phone.request("BYE", 3, "b", "", "");
    assert_eq!(phone.say(&mut world, &bye), [200]);
}

/// Shows RFC 3515 §2.4.6: several REFERs in one dialog are told apart by the number of each.
/// Shows RFC 3515 §2.4.4: who refers may leave, and the referral goes on.
#[test]
fn several_referrals_in_one_call_are_told_apart() {
    let (mut world, mut phone, _, tag) = in_call();
    let mut keys = Vec::new();
    for cseq in [2, 3] {
        phone.to_tag.clone_from(&tag);
        let refer = phone.request("REFER", cseq, &format!("r{cseq}"), TO, "");
        phone.say(&mut world, &refer);
        let key = newest(&world).0;
        keys.push(key);
        let sent = accept(&mut world, &mut phone, key);
        assert_eq!(said(&sent[1])[0], format!("refer;id={cseq}"));
        phone.respond(&mut world, &sent[1], "200 OK", "");
    }
    phone.to_tag.clone_from(&tag);
    let leave = phone.request("SUBSCRIBE", 4, "l", "Event: refer;id=3\r\nExpires: 0\r\n", "");
    world.inject(phone.address, 0, leave.as_bytes());
    let sent = phone.heard(&world);
    assert_eq!(status(&sent[0]), 200);
    assert_eq!(said(&sent[1])[..2], ["refer;id=3", "terminated;reason=timeout"]);
    assert_eq!(
        (end_of(&world, 0, keys[1]), end_of(&world, 0, keys[0])),
        (Some(SubscriptionEnd::TheyLeft), None)
    );
    phone.to_tag.clone_from(&tag);
    let keep = phone.request("SUBSCRIBE", 5, "k", "Event: refer\r\nExpires: 60\r\n", "");
    world.inject(phone.address, 0, keep.as_bytes());
    let sent = phone.heard(&world);
    assert_eq!(said(&sent[1]), ["refer;id=2", "active;expires=60", "SIP/2.0 100 Trying\r\n"]);
    phone.to_tag.clone_from(&tag);
    let unknown = phone.request("SUBSCRIBE", 6, "u", "Event: refer;id=9\r\n", "");
    assert_eq!(phone.say(&mut world, &unknown), [489], "only a REFER begins one");
    assert_empty(&mut world);
}

/// Shows RFC 3515 §2.4.4: who refers may hang up at once, and hears of it all the same.
#[test]
fn who_refers_and_hangs_up_hears_of_it_all_the_same() {
    let (mut world, mut phone, _, tag) = in_call();
    let refer = phone.request("REFER", 2, "r", TO, "");
    phone.say(&mut world, &refer);
    let key = newest(&world).0;
    let sent = accept(&mut world, &mut phone, key);
    phone.to_tag.clone_from(&tag);
    let bye = phone.request("BYE", 3, "b", "", "");
    assert_eq!(phone.say(&mut world, &bye), [200]);
    phone.respond(&mut world, &sent[1], "200 OK", "");
    let sent = report(&mut world, &mut phone, key, 486);
    assert_eq!(said(&sent[0])[1..], ["terminated;reason=noresource", "SIP/2.0 486 Busy Here\r\n"]);
    assert!(header(&sent[0], "From").unwrap().ends_with(&tag));
    assert_empty(&mut world);
}

/// Shows RFC 3515 §2.4.1: REFER may come outside of calls, and has a dialog of its own then.
/// Shows RFC 4579 §5.6: it names who is to be called, hung up or replaced.
#[test]
fn a_referral_outside_of_calls_has_a_dialog_of_its_own() {
    let mut world = World::with_rules(1, 1, FAIR, &rules());
    let mut phone = Phone::new("refer");
    let to = "Refer-To: <sip:b@h;method=INVITE?Replaces=c%40h%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\n";
    let refer = phone.request("REFER", 1, "r", to, "");
    phone.say(&mut world, &refer);
    let (key, referral) = newest(&world);
    let (call_id, to_tag, from_tag) = ("c@h".to_owned(), "1".to_owned(), "2".to_owned());
    assert_eq!(referral.target.replaces, Some(Replaces { call_id, to_tag, from_tag, is_early_only: false }));
    assert_eq!((referral.target.method.as_deref(), referral.call), (Some("INVITE"), None));
    let sent = accept(&mut world, &mut phone, key);
    assert_eq!(header(&sent[0], "To"), header(&sent[1], "From"));
    assert_eq!((world.counters(0).lone_dialogs, world.counters(0).calls), (1, 0));
    phone.respond(&mut world, &sent[1], "200 OK", "");
    world.run(240 * SECOND);
    assert_eq!(said(&phone.heard(&world)[0])[1], "terminated;reason=timeout", "the user says no more");
    assert_eq!(end_of(&world, 0, key), Some(SubscriptionEnd::Expired));
    assert_empty(&mut world);
}

/// Our side: a call of ours that is up.
fn calling() -> (World, Callee, u32) {
    let (mut world, mut callee) = Callee::called(false, &rules());
    callee.says(&mut world, "200 OK", "x", "", OFFER);
    (world, callee, 10)
}

fn refer(is_reported: bool) -> Refer {
    let target = "sip:c@192.0.2.9?Replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3".to_owned();
    Refer { target, referred_by: Some("sip:us@192.0.2.1".to_owned()), is_reported }
}

fn notify_lines(id: &str, state: &str) -> String {
    format!(
        "Event: refer{id}\r\nSubscription-State: {state}\r\nContent-Type: message/sipfrag;version=2.0\r\n"
    )
}

/// Shows RFC 3515 §2.4.1: REFER of ours names its target and goes within the call.
/// Shows RFC 3892 §3: and says who wants it.
/// Shows RFC 3515 §2.4.5: each NOTIFY says how far they came; the last one ends it.
#[test]
fn whom_we_refer_tells_how_far_they_came() {
    let (mut world, mut callee, mut cseq) = calling();
    let (now, call) = (world.now, callee.call);
    let key = world.agents[0].endpoint.refer(now, call, &refer(true)).unwrap();
    world.drain();
    let sent = callee.heard(&world).remove(0);
    assert_eq!(start_line(&sent), "REFER sip:x@127.0.0.1:7000 SIP/2.0");
    assert_eq!(
        header(&sent, "Refer-To").as_deref(),
        Some("<sip:c@192.0.2.9?Replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3>")
    );
    assert_eq!(header(&sent, "Referred-By").as_deref(), Some("<sip:us@192.0.2.1>"));
    assert!(header(&sent, "Allow").unwrap().contains("NOTIFY"));
    let number = header(&sent, "CSeq").unwrap().split(' ').next().unwrap().to_owned();
    let mut notify = |world: &mut World, callee: &mut Callee, id: &str, state: &str, line: &str| {
        cseq += 1;
        let lines = notify_lines(id, state);
        let sent = callee.asks(
            world,
            "NOTIFY",
            cseq,
            "x",
            &format!("{lines}Content-Length: {}\r\n\r\n{line}", line.len()),
            "",
        );
        status(&sent[0])
    };
    let id = format!(";id={number}");
    assert_eq!(
        notify(&mut world, &mut callee, &id, "active;expires=60", "SIP/2.0 100 Trying\r\n"),
        200,
        "ahead of the 202"
    );
    callee.responds(&mut world, &sent, "202 Accepted", "x", "", "");
    assert_eq!(notify(&mut world, &mut callee, ";id=99", "active", "SIP/2.0 100 Trying\r\n"), 481);
    assert_eq!(
        notify(&mut world, &mut callee, "", "active", "SIP/2.0 180 Ringing\r\n"),
        200,
        "the first one needs no id"
    );
    assert_eq!(
        notify(&mut world, &mut callee, &id, "terminated;reason=noresource", "SIP/2.0 200 OK\r\n"),
        200
    );
    assert_eq!(notify(&mut world, &mut callee, &id, "active", "SIP/2.0 200 OK\r\n"), 481, "it is over");
    let progress = |status| SubscriptionEvent::Progress { status };
    let reason = "noresource".to_owned();
    let ended = SubscriptionEvent::Ended(SubscriptionEnd::TheyEnded { reason });
    let told = [progress(100), SubscriptionEvent::Granted, progress(180), progress(200), ended];
    assert_eq!(world.watched(0, key), told);
}

/// Shows RFC 6665 §4.1.3: a NOTIFY of no subscription is 481; one without its headers is 400.
#[test]
fn a_notify_that_says_nothing_is_refused() {
    let (mut world, mut callee, _) = calling();
    let (now, call) = (world.now, callee.call);
    let mut tell =
        |world: &mut World, cseq, more: &str| status(&callee.asks(world, "NOTIFY", cseq, "x", more, "")[0]);
    assert_eq!(tell(&mut world, 11, "Event: refer\r\nSubscription-State: active\r\n"), 481);
    assert_eq!(tell(&mut world, 12, "Subscription-State: active\r\n"), 400);
    assert_eq!(tell(&mut world, 13, "Event: refer\r\n"), 400);
    let key = world.agents[0].endpoint.refer(now, call, &refer(true)).unwrap();
    world.drain();
    callee.heard(&world);
    let lines = "Event: refer\r\nSubscription-State: active\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx";
    let refusal = callee.asks(&mut world, "NOTIFY", 14, "x", lines, "").remove(0);
    assert_eq!((status(&refusal), header(&refusal, "Accept").as_deref()), (415, Some("message/sipfrag")));
    assert_eq!(end_of(&world, 0, key), None);
}

/// Shows RFC 6665 §4.1.2.4: where no NOTIFY comes within 64·T1 there is no subscription.
/// Shows RFC 4488 §4: where they agree to report nothing none is waited for.
#[test]
fn who_says_nothing_more_is_not_waited_for() {
    for (status, more, end) in [
        ("202 Accepted", "", SubscriptionEnd::Unreachable),
        ("202 Accepted", "Refer-Sub: false\r\n", SubscriptionEnd::Unreported),
        ("603 Decline", "", SubscriptionEnd::Refused { status: 603 }),
    ] {
        let (mut world, mut callee, _) = calling();
        let (now, call) = (world.now, callee.call);
        let key = world.agents[0].endpoint.refer(now, call, &refer(false)).unwrap();
        world.drain();
        let sent = callee.heard(&world).remove(0);
        assert_eq!(header(&sent, "Refer-Sub").as_deref(), Some("false"));
        callee.responds(&mut world, &sent, status, "x", more, "");
        world.run(33 * SECOND);
        assert_eq!(end_of(&world, 0, key), Some(end));
        assert_eq!(world.counters(0).subscriptions, 0);
    }
}

#[test]
fn what_can_not_be_asked_is_not_sent() {
    let (mut world, callee, _) = calling();
    let (now, call) = (world.now, callee.call);
    let endpoint = &mut world.agents[0].endpoint;
    for target in ["", "nobody", "sip:a@b>\r\nX: y", "sip:a b"] {
        let wanted = Refer { target: target.to_owned(), ..refer(true) };
        assert_eq!(endpoint.refer(now, call, &wanted), Err(CallError::WrongState), "{target}");
    }
    let subscribe = |package: &str, seconds| Subscribe {
        package: package.to_owned(),
        accept: "text/plain".to_owned(),
        expires: seconds * SECOND,
    };
    for wanted in [subscribe("", 60), subscribe("a b", 60), subscribe("refer", 60), subscribe("weather", 0)] {
        assert_eq!(endpoint.subscribe(now, call, &wanted), Err(CallError::WrongState));
    }
    assert_eq!(endpoint.refer(now, CallKey(99), &refer(true)), Err(CallError::NoCall));
    for _ in 0..16 {
        endpoint.refer(now, call, &refer(true)).unwrap();
    }
    assert_eq!(endpoint.refer(now, call, &refer(true)), Err(CallError::Full));
}

/// Two endpoints in a call; the caller's and the callee's key of it.
fn two_in_call() -> (World, CallKey, CallKey) {
    let mut world = World::with_rules(2, 1, FAIR, &rules());
    let ours = world.call(0, 1, UDP);
    world.run(SECOND);
    let theirs = world.incoming(1);
    world.answer(1, theirs);
    world.run(SECOND);
    (world, ours, theirs)
}

fn asked_of(world: &World) -> SubscriptionKey {
    world.agents[1].subscriptions.last().expect("somebody asks").0
}

fn notice(words: &str) -> Notice {
    let body = EventBody { content_type: "text/plain".to_owned(), bytes: words.as_bytes().into() };
    Notice { is_pending: false, body: Some(body) }
}

/// Shows RFC 6665 §4.1.2.2: a subscription of ours is refreshed as long as its call is up.
/// Shows RFC 6665 §4.1.2.3: and ended by Expires of zero, and the NOTIFY to it.
#[test]
fn two_endpoints_tell_each_other_what_changes() {
    let (mut world, ours, _) = two_in_call();
    let now = world.now;
    let (package, accept) = ("weather".to_owned(), "text/plain".to_owned());
    let wanted = Subscribe { package, accept, expires: 120 * SECOND };
    let key = world.agents[0].endpoint.subscribe(now, ours, &wanted).unwrap();
    world.run(SECOND);
    let (asked, now) = (asked_of(&world), world.now);
    world.agents[1].endpoint.accept_subscription(now, asked, notice("sun")).unwrap();
    world.run(500 * SECOND);
    assert_eq!((end_of(&world, 0, key), end_of(&world, 1, asked)), (None, None), "it is refreshed");
    let now = world.now;
    world.agents[1].endpoint.notify(now, asked, notice("rain")).unwrap();
    world.run(SECOND);
    let told = world.watched(0, key);
    assert_eq!(told[0], SubscriptionEvent::Granted);
    assert_eq!(told.last(), Some(&SubscriptionEvent::Notified(notice("rain"))));
    let now = world.now;
    world.agents[0].endpoint.unsubscribe(now, key).unwrap();
    world.run(SECOND);
    assert_eq!(end_of(&world, 0, key), Some(SubscriptionEnd::WeEnded));
    assert_eq!(end_of(&world, 1, asked), Some(SubscriptionEnd::TheyLeft));
    assert_empty(&mut world);
}

#[test]
fn what_outlives_its_call_is_not_kept_alive() {
    let (mut world, ours, _) = two_in_call();
    let now = world.now;
    let key = world.agents[0].endpoint.refer(now, ours, &refer(true)).unwrap();
    world.run(SECOND);
    let (asked, now) = (asked_of(&world), world.now);
    world.agents[1].endpoint.accept_referral(now, asked).unwrap();
    world.run(SECOND);
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, ours, &Default::default()).unwrap();
    world.run(100 * SECOND);
    assert_eq!((world.counters(0).lone_dialogs, world.counters(1).lone_dialogs), (1, 1));
    let now = world.now;
    world.agents[1].endpoint.report(now, asked, 183).unwrap();
    world.run(200 * SECOND);
    let told = world.watched(0, key);
    assert!(told.contains(&SubscriptionEvent::Progress { status: 183 }), "{told:?}");
    assert_eq!(end_of(&world, 1, asked), Some(SubscriptionEnd::Expired));
    let reason = "timeout".to_owned();
    assert_eq!(end_of(&world, 0, key), Some(SubscriptionEnd::TheyEnded { reason }));
    assert_empty(&mut world);
}

/// Shows RFC 6665 §4.1.3: a notifier says why it ended a subscription.
#[test]
fn why_it_ended_is_told() {
    let (mut world, ours, _) = two_in_call();
    let now = world.now;
    let (package, accept) = ("weather".to_owned(), "text/plain".to_owned());
    let wanted = Subscribe { package, accept, expires: 120 * SECOND };
    let key = world.agents[0].endpoint.subscribe(now, ours, &wanted).unwrap();
    world.run(SECOND);
    let (asked, now) = (asked_of(&world), world.now);
    let endpoint = &mut world.agents[1].endpoint;
    endpoint.accept_subscription(now, asked, notice("sun")).unwrap();
    endpoint.end_subscription(now, asked, Termination::Deactivated, notice("night").body).unwrap();
    world.run(SECOND);
    let told = world.watched(0, key);
    let reason = "deactivated".to_owned();
    let [.., last, end] = &told[..] else { panic!("{told:?}") };
    assert_eq!(*last, SubscriptionEvent::Notified(notice("night")));
    assert_eq!(*end, SubscriptionEvent::Ended(SubscriptionEnd::TheyEnded { reason }));
}
