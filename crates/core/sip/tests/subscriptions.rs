//! Others subscribe to what we know: SUBSCRIBE and NOTIFY, outside of calls and within.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::sync::Arc;
use std::time::Duration;

use harness::phone::{Phone, body, header};
use harness::{FAIR, World, start_line, status};
use partyline_sip::auth::{Challenge, ChallengeKind, DigestHash, Verifier, VerifierConfig};
use partyline_sip::endpoint::{
    Because, CallError, EventBody, Notice, SubscriptionEnd, SubscriptionEvent, SubscriptionKey,
    SubscriptionRequest, Termination,
};
use partyline_sip::rules::{DialogRules, EventPackage, SubscriptionRules};

const SECOND: Duration = Duration::from_secs(1);
const EVENT: &str = "Event: weather\r\n";

fn rules() -> DialogRules {
    let package = |name: &str, content_type: &str| EventPackage {
        name: name.to_owned(),
        content_type: content_type.to_owned(),
        expires: 600 * SECOND,
    };
    let packages = vec![package("weather", "text/plain"), package("tide", "application/tide+xml")];
    let subscriptions =
        SubscriptionRules { packages, max: 6, per_source_max: 4, ..SubscriptionRules::default() };
    DialogRules { subscriptions, ..DialogRules::default() }
}

fn world_and_phone() -> (World, Phone) {
    (World::with_rules(1, 1, FAIR, &rules()), Phone::new("watch"))
}

fn text(words: &str) -> Notice {
    let body = EventBody { content_type: "text/plain".to_owned(), bytes: Arc::from(words.as_bytes()) };
    Notice { is_pending: false, body: Some(body) }
}

/// The newest request that the user is to decide on.
fn requested(world: &World) -> (SubscriptionKey, SubscriptionRequest) {
    let asked = world.agents[0].subscriptions.iter().rev().find_map(|(key, event)| {
        let SubscriptionEvent::Requested(request) = event else { return None };
        Some((*key, (**request).clone()))
    });
    asked.expect("somebody subscribes")
}

fn end_of(world: &World, key: SubscriptionKey) -> Option<SubscriptionEnd> {
    let events = world.watched(0, key);
    let ends = events.iter().filter(|event| matches!(event, SubscriptionEvent::Ended(_))).count();
    assert!(ends <= 1, "{events:?}");
    match events.last() {
        Some(SubscriptionEvent::Ended(end)) => Some(end.clone()),
        _ => None,
    }
}

/// A subscription that is granted, its NOTIFY answered.
fn subscribed(world: &mut World, phone: &mut Phone, more: &str) -> (SubscriptionKey, Vec<Vec<u8>>) {
    let subscribe = phone.request("SUBSCRIBE", 1, "s1", more, "");
    assert!(phone.say(world, &subscribe).is_empty());
    let (key, now) = (requested(world).0, world.now);
    world.agents[0].endpoint.accept_subscription(now, key, text("sun")).unwrap();
    world.drain();
    let sent = phone.heard(world);
    phone.to_tag = tag_of(&sent[0], "To");
    phone.respond(world, &sent[1], "200 OK", "");
    (key, sent)
}

fn tag_of(message: &[u8], name: &str) -> String {
    header(message, name).unwrap().split_once(";tag=").unwrap().1.to_owned()
}

fn state_of(notify: &[u8]) -> String {
    assert!(start_line(notify).starts_with("NOTIFY "), "{}", start_line(notify));
    header(notify, "Subscription-State").unwrap()
}

fn assert_empty(world: &mut World) {
    world.run(Duration::from_secs(7_200));
    let left = world.counters(0);
    assert_eq!((left.subscriptions, left.lone_dialogs, left.transactions, left.calls), (0, 0, 0, 0));
    assert!(world.agents[0].endpoint.poll_timeout().is_none(), "a timer outlives all");
}

/// Shows RFC 6665 §4.2.1.1: a subscription is answered with 200, its time, and a Contact for its dialog.
/// Shows RFC 6665 §4.2.1.2: NOTIFY with the state follows at once.
/// Shows RFC 6665 §4.2.2: each further NOTIFY has a higher number, and says how long the subscription lasts.
#[test]
fn who_subscribes_is_told_what_holds_at_once_and_each_time_it_changes() {
    let (mut world, mut phone) = world_and_phone();
    let (key, sent) = subscribed(&mut world, &mut phone, EVENT);
    let request = requested(&world).1;
    assert_eq!(
        (request.package.as_str(), request.dialled.as_str(), request.from.as_str()),
        ("weather", "100", "bob")
    );
    assert_eq!((request.expires, request.call), (600 * SECOND, None));
    assert_eq!((status(&sent[0]), header(&sent[0], "Expires").as_deref()), (200, Some("600")));
    assert_eq!(header(&sent[0], "Contact").as_deref(), Some("<sip:127.0.0.1:5060>"));
    assert_eq!(start_line(&sent[1]), "NOTIFY sip:bob@127.0.0.1:7000 SIP/2.0");
    assert_eq!((state_of(&sent[1]).as_str(), body(&sent[1]).as_str()), ("active;expires=600", "sun"));
    assert_eq!(header(&sent[1], "Event").as_deref(), Some("weather"));
    assert_eq!(tag_of(&sent[1], "From"), phone.to_tag);
    world.run(10 * SECOND);
    let now = world.now;
    world.agents[0].endpoint.notify(now, key, text("rain")).unwrap();
    world.drain();
    let sent = phone.heard(&world);
    assert_eq!((state_of(&sent[0]).as_str(), body(&sent[0]).as_str()), ("active;expires=590", "rain"));
    assert_eq!(header(&sent[0], "CSeq").as_deref(), Some("2 NOTIFY"));
}

/// Shows RFC 6665 §4.2.2: while a NOTIFY is not answered no other overtakes it; then only the newest state is told.
#[test]
fn states_that_nobody_could_be_told_of_are_overtaken_by_the_newest() {
    let (mut world, mut phone) = world_and_phone();
    let (key, _) = subscribed(&mut world, &mut phone, EVENT);
    let now = world.now;
    for weather in ["rain", "snow", "hail"] {
        world.agents[0].endpoint.notify(now, key, text(weather)).unwrap();
    }
    world.drain();
    let sent = phone.heard(&world);
    assert_eq!((sent.len(), body(&sent[0]).as_str()), (1, "rain"));
    let sent = phone.respond(&mut world, &sent[0], "200 OK", "");
    assert_eq!((sent.len(), body(&sent[0]).as_str()), (1, "hail"));
    assert!(phone.respond(&mut world, &sent[0], "200 OK", "").is_empty());
}

/// Shows RFC 6665 §4.2.1.3: a refresh is granted, and brings the state anew.
/// Shows RFC 6665 §4.4.1: who refreshes under another Contact is told there.
#[test]
fn a_refresh_lengthens_a_subscription_and_tells_what_holds() {
    let (mut world, mut phone) = world_and_phone();
    let (key, _) = subscribed(&mut world, &mut phone, EVENT);
    world.run(500 * SECOND);
    let refresh = phone.request("SUBSCRIBE", 2, "s2", &format!("{EVENT}Expires: 300\r\n"), "");
    let refresh = refresh.replace("Contact: <sip:bob@127.0.0.1:7000>", "Contact: <sip:bob2@127.0.0.1:7000>");
    world.inject(phone.address, 0, refresh.as_bytes());
    let sent = phone.heard(&world);
    assert_eq!((status(&sent[0]), header(&sent[0], "Expires").as_deref()), (200, Some("300")));
    assert_eq!(start_line(&sent[1]), "NOTIFY sip:bob2@127.0.0.1:7000 SIP/2.0");
    assert_eq!((state_of(&sent[1]).as_str(), body(&sent[1]).as_str()), ("active;expires=300", "sun"));
    phone.respond(&mut world, &sent[1], "200 OK", "");
    world.run(299 * SECOND);
    assert_eq!(end_of(&world, key), None);
    world.run(2 * SECOND);
    assert_eq!(end_of(&world, key), Some(SubscriptionEnd::Expired));
    assert_eq!(world.watched(0, key).len(), 2, "a refresh is nothing that the user has to know");
}

/// Shows RFC 6665 §4.2.1.4: a subscription that nobody refreshes ends with `timeout`, by a last NOTIFY.
#[test]
fn what_nobody_refreshes_ends() {
    let (mut world, mut phone) = world_and_phone();
    let (key, _) = subscribed(&mut world, &mut phone, EVENT);
    world.run(600 * SECOND);
    let sent = phone.heard(&world);
    assert_eq!(state_of(&sent[0]), "terminated;reason=timeout");
    assert_eq!(end_of(&world, key), Some(SubscriptionEnd::Expired));
    phone.respond(&mut world, &sent[0], "200 OK", "");
    assert_eq!(world.counters(0).subscriptions, 0);
    let late = phone.request("SUBSCRIBE", 2, "s2", EVENT, "");
    assert_eq!(phone.say(&mut world, &late), [481]);
    assert_empty(&mut world);
}

/// Shows RFC 6665 §4.1.2.3: Expires of zero ends a subscription; a last NOTIFY says so.
#[test]
fn who_leaves_is_told_once_more() {
    let (mut world, mut phone) = world_and_phone();
    let (key, _) = subscribed(&mut world, &mut phone, EVENT);
    let leave = phone.request("SUBSCRIBE", 2, "s2", &format!("{EVENT}Expires: 0\r\n"), "");
    world.inject(phone.address, 0, leave.as_bytes());
    let sent = phone.heard(&world);
    assert_eq!((status(&sent[0]), header(&sent[0], "Expires").as_deref()), (200, Some("0")));
    assert_eq!((state_of(&sent[1]).as_str(), body(&sent[1]).as_str()), ("terminated;reason=timeout", "sun"));
    assert_eq!(end_of(&world, key), Some(SubscriptionEnd::TheyLeft));
    let now = world.now;
    assert_eq!(world.agents[0].endpoint.notify(now, key, text("rain")), Err(CallError::NoCall));
    assert_empty(&mut world);
}

/// Shows RFC 6665 §4.4.3: who asks with Expires of zero at first gets a single NOTIFY.
#[test]
fn a_single_question_gets_a_single_notice() {
    let (mut world, mut phone) = world_and_phone();
    let (key, sent) = subscribed(&mut world, &mut phone, &format!("{EVENT}Expires: 0\r\n"));
    assert_eq!(requested(&world).1.expires, Duration::ZERO);
    assert_eq!((sent.len(), header(&sent[0], "Expires").as_deref()), (2, Some("0")));
    assert_eq!((state_of(&sent[1]).as_str(), body(&sent[1]).as_str()), ("terminated;reason=timeout", "sun"));
    assert_eq!(end_of(&world, key), Some(SubscriptionEnd::Complete));
    assert_eq!(world.counters(0).subscriptions, 0);
}

/// Shows RFC 6665 §4.2.1.1: a package that is not there is 489, and Allow-Events lists those that are.
/// Shows RFC 6665 §8.3.2: 489 is for packages.
/// Shows RFC 6665 §4.4.4: OPTIONS tells the packages too.
#[test]
fn what_can_not_be_subscribed_to_is_489() {
    let (mut world, mut phone) = world_and_phone();
    for (place, event) in ["Event: news\r\n", "Event: Weather\r\n", ""].iter().enumerate() {
        phone.to_tag.clear();
        let subscribe =
            phone.request("SUBSCRIBE", 1 + u32::try_from(place).unwrap(), &format!("s{place}"), event, "");
        world.inject(phone.address, 0, subscribe.as_bytes());
        let refusal = phone.heard(&world).remove(0);
        assert_eq!(
            (status(&refusal), header(&refusal, "Allow-Events").as_deref()),
            (489, Some("weather, tide"))
        );
    }
    phone.to_tag.clear();
    let options = phone.request("OPTIONS", 9, "o", "", "");
    world.inject(phone.address, 0, options.as_bytes());
    let answer = phone.heard(&world).remove(0);
    assert_eq!(header(&answer, "Allow-Events").as_deref(), Some("weather, tide"));
    assert!(header(&answer, "Allow").unwrap().ends_with(", SUBSCRIBE"));
    assert_empty(&mut world);
}

/// Shows RFC 6665 §4.2.1.1: less than the least time is 423, with Min-Expires; more than the most is shortened.
#[test]
fn too_brief_a_time_is_423_and_too_long_a_one_is_shortened() {
    let (mut world, mut phone) = world_and_phone();
    let subscribe = phone.request("SUBSCRIBE", 1, "s1", &format!("{EVENT}Expires: 59\r\n"), "");
    world.inject(phone.address, 0, subscribe.as_bytes());
    let refusal = phone.heard(&world).remove(0);
    assert_eq!((status(&refusal), header(&refusal, "Min-Expires").as_deref()), (423, Some("60")));
    phone.to_tag.clear();
    phone.call_id = "patient@phone".to_owned();
    phone.from_tag = "f2".to_owned();
    let subscribe = phone.request("SUBSCRIBE", 1, "s2", &format!("{EVENT}Expires: 999999\r\n"), "");
    phone.say(&mut world, &subscribe);
    let (key, now) = (requested(&world).0, world.now);
    world.agents[0].endpoint.accept_subscription(now, key, text("sun")).unwrap();
    world.drain();
    let sent = phone.heard(&world);
    phone.to_tag = tag_of(&sent[0], "To");
    assert_eq!(header(&sent[0], "Expires").as_deref(), Some("3600"));
    let refresh = phone.request("SUBSCRIBE", 2, "s3", &format!("{EVENT}Expires: 1\r\n"), "");
    assert_eq!(phone.say(&mut world, &refresh), [423]);
}

/// Shows RFC 6665 §4.1.2.1: one Event and one Contact, or 400; who takes no body of the package is told 406.
#[test]
fn what_makes_no_subscription_is_refused() {
    let (mut world, mut phone) = world_and_phone();
    let mut refused = |number: u32, more: &str, cut: &str| {
        phone.to_tag.clear();
        let subscribe = phone.request("SUBSCRIBE", number, &format!("s{number}"), more, "").replace(cut, "");
        phone.say(&mut world, &subscribe)[0]
    };
    assert_eq!(refused(1, "Event: weather\r\nEvent: weather\r\n", "nothing"), 400);
    assert_eq!(refused(2, "Event: weather;id\r\n", "nothing"), 400);
    assert_eq!(refused(3, EVENT, "Contact: <sip:bob@127.0.0.1:7000>\r\n"), 400);
    assert_eq!(refused(4, &format!("{EVENT}Accept: application/tide+xml\r\n"), "nothing"), 406);
    assert_eq!(refused(5, &format!("{EVENT}Require: eventlist\r\n"), "nothing"), 420);
    assert!(world.agents[0].subscriptions.is_empty());
    assert_empty(&mut world);
}

/// Shows RFC 6665 §4.2.1.2: the notifier decides who may subscribe, and may ask for a password first.
#[test]
fn the_user_decides_who_may_know() {
    let (mut world, mut phone) = world_and_phone();
    let subscribe = phone.request("SUBSCRIBE", 1, "s1", EVENT, "");
    phone.say(&mut world, &subscribe);
    let (key, now) = (requested(&world).0, world.now);
    let endpoint = &mut world.agents[0].endpoint;
    assert_eq!(endpoint.notify(now, key, text("sun")), Err(CallError::WrongState), "it is not granted yet");
    assert_eq!(endpoint.accept_referral(now, key), Err(CallError::WrongState));
    assert_eq!(endpoint.unsubscribe(now, key), Err(CallError::WrongState));
    let because = Because { text: "no".to_owned(), cause: 403, retry_after: None };
    endpoint.refuse_subscription(now, key, 403, &because).unwrap();
    assert_eq!(endpoint.refuse_subscription(now, key, 403, &because), Err(CallError::NoCall));
    world.drain();
    let refusal = phone.heard(&world).remove(0);
    assert_eq!(
        (status(&refusal), header(&refusal, "Reason").as_deref()),
        (403, Some("SIP;cause=403;text=\"no\""))
    );
    assert_eq!(end_of(&world, key), Some(SubscriptionEnd::WeEnded));

    phone.to_tag.clear();
    let subscribe = phone.request("SUBSCRIBE", 2, "s2", EVENT, "");
    phone.say(&mut world, &subscribe);
    let key = requested(&world).0;
    let config = VerifierConfig { kind: ChallengeKind::Server, ..VerifierConfig::new("here", [3; 32]) };
    let challenge: Challenge = Verifier::new(
        now,
        VerifierConfig { hashes: vec![DigestHash::Sha256], ..config },
    )
    .challenge(now, phone.address.ip(), false);
    world.agents[0].endpoint.challenge_subscription(now, key, &challenge).unwrap();
    world.drain();
    let refusal = phone.heard(&world).remove(0);
    assert_eq!(status(&refusal), 401);
    assert!(header(&refusal, "WWW-Authenticate").unwrap().contains("realm=\"here\""));
    let shown = format!(
        "{EVENT}Authorization: Digest username=\"u\", realm=\"here\", nonce=\"n\", uri=\"sip:100@127.0.0.1\", response=\"{}\"\r\n",
        "0".repeat(64)
    );
    phone.to_tag.clear();
    let subscribe = phone.request("SUBSCRIBE", 3, "s3", &shown, "");
    phone.say(&mut world, &subscribe);
    assert_eq!(requested(&world).1.credentials.len(), 1);
}

/// Shows RFC 6665 §4.1.3: before it is decided a subscription is pending, and nothing is told.
#[test]
fn who_has_to_wait_is_told_that_and_no_more() {
    let (mut world, mut phone) = world_and_phone();
    let subscribe = phone.request("SUBSCRIBE", 1, "s1", EVENT, "");
    phone.say(&mut world, &subscribe);
    let (key, now) = (requested(&world).0, world.now);
    let pending = Notice { is_pending: true, ..text("secret") };
    world.agents[0].endpoint.accept_subscription(now, key, pending).unwrap();
    world.drain();
    let sent = phone.heard(&world);
    assert_eq!((state_of(&sent[1]).as_str(), body(&sent[1]).as_str()), ("pending;expires=600", ""));
    phone.respond(&mut world, &sent[1], "200 OK", "");
    world.agents[0].endpoint.end_subscription(now, key, Termination::Rejected, None).unwrap();
    world.drain();
    let sent = phone.heard(&world);
    assert_eq!(state_of(&sent[0]), "terminated;reason=rejected");
    assert_eq!(end_of(&world, key), Some(SubscriptionEnd::WeEnded));
}

#[test]
fn a_user_who_never_decides_is_not_waited_for() {
    let (mut world, mut phone) = world_and_phone();
    let subscribe = phone.request("SUBSCRIBE", 1, "s1", EVENT, "");
    phone.say(&mut world, &subscribe);
    assert!(phone.say(&mut world, &subscribe).is_empty(), "a copy");
    let key = requested(&world).0;
    world.run(17 * SECOND);
    assert_eq!(status(&phone.heard(&world)[0]), 480);
    assert_eq!(end_of(&world, key), Some(SubscriptionEnd::Undecided));
    assert_empty(&mut world);
}

/// Shows RFC 6665 §4.2.2: a NOTIFY that is refused, or that nobody answers, ends the subscription without another one.
#[test]
fn who_knows_of_no_subscription_is_told_nothing_more() {
    for refusal in [Some("481 Gone"), Some("408 Late"), Some("500 Broken"), None] {
        let (mut world, mut phone) = world_and_phone();
        let (key, _) = subscribed(&mut world, &mut phone, EVENT);
        let now = world.now;
        world.agents[0].endpoint.notify(now, key, text("rain")).unwrap();
        world.drain();
        let sent = phone.heard(&world);
        if let Some(refusal) = refusal {
            assert!(phone.respond(&mut world, &sent[0], refusal, "").is_empty());
        } else {
            world.run(33 * SECOND);
        }
        assert_eq!(end_of(&world, key), Some(SubscriptionEnd::Unreachable), "{refusal:?}");
        assert_eq!(world.counters(0).subscriptions, 0);
        assert_empty(&mut world);
    }
}

/// Shows RFC 6665 §4.2.2: who asks for a NOTIFY to come later gets it then, with the state as it is then.
#[test]
fn who_wants_to_be_told_later_is_told_later() {
    let (mut world, mut phone) = world_and_phone();
    let (key, _) = subscribed(&mut world, &mut phone, EVENT);
    let now = world.now;
    world.agents[0].endpoint.notify(now, key, text("rain")).unwrap();
    world.drain();
    let sent = phone.heard(&world);
    assert!(phone.respond(&mut world, &sent[0], "503 Busy", "Retry-After: 5\r\n").is_empty());
    world.agents[0].endpoint.notify(now, key, text("snow")).unwrap();
    world.run(5 * SECOND);
    assert!(phone.heard(&world).is_empty());
    world.run(2 * SECOND);
    let sent = phone.heard(&world);
    assert_eq!((state_of(&sent[0]).as_str(), body(&sent[0]).as_str()), ("active;expires=594", "snow"));
    assert!(phone.respond(&mut world, &sent[0], "503 Busy", "Retry-After: 500\r\n").is_empty());
    let now = world.now;
    world.agents[0].endpoint.end_subscription(now, key, Termination::NoResource, None).unwrap();
    world.drain();
    assert_eq!(state_of(&phone.heard(&world)[0]), "terminated;reason=noresource", "the end waits for nobody");
    assert_empty(&mut world);
}

#[test]
fn there_are_so_many_subscriptions_and_no_more() {
    let (mut world, mut phone) = world_and_phone();
    let mut subscribe = |world: &mut World, number: u32, last: u8| {
        phone.address = format!("127.0.0.{last}:7000").parse().unwrap();
        phone.call_id = format!("w{number}@phone");
        phone.to_tag.clear();
        let subscribe = phone.request("SUBSCRIBE", 1, &format!("s{number}"), EVENT, "");
        phone.say(world, &subscribe)
    };
    for number in 0..4 {
        assert!(subscribe(&mut world, number, 1).is_empty());
    }
    assert_eq!(subscribe(&mut world, 4, 1), [480], "of one source");
    assert!(subscribe(&mut world, 5, 2).is_empty() && subscribe(&mut world, 6, 2).is_empty());
    assert_eq!(subscribe(&mut world, 7, 3), [480], "of all");
    assert_eq!((world.counters(0).subscriptions, world.counters(0).subscriptions_refused), (6, 2));
    world.run(60 * SECOND);
    assert_eq!(world.counters(0).subscriptions, 0, "nobody has decided");
    let again = subscribe(&mut world, 8, 1);
    assert_eq!(
        again.iter().filter(|status| **status == 480).count(),
        6,
        "the refusals of those before: {again:?}"
    );
    assert_eq!(world.counters(0).subscriptions, 1);
    assert_empty(&mut world);
}

/// Shows RFC 3261 §12.2.2: a BYE that a later NOTIFY has overtaken is refused for its number, and sent again with a higher.
#[test]
fn a_bye_that_a_notify_has_overtaken_is_sent_again() {
    let (mut world, mut phone) = world_and_phone();
    phone.call_up(&mut world);
    let (call, tag) = (world.incoming(0), phone.to_tag.clone());
    let subscribe = phone.request("SUBSCRIBE", 2, "s", EVENT, "");
    phone.say(&mut world, &subscribe);
    let (key, now) = (requested(&world).0, world.now);
    world.agents[0].endpoint.accept_subscription(now, key, text("sun")).unwrap();
    world.drain();
    let sent = phone.heard(&world);
    phone.to_tag.clone_from(&tag);
    phone.respond(&mut world, &sent[1], "200 OK", "");
    world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
    world.agents[0].endpoint.notify(now, key, text("rain")).unwrap();
    world.drain();
    let sent = phone.heard(&world);
    let numbers: Vec<_> = sent.iter().map(|bytes| header(bytes, "CSeq").unwrap()).collect();
    assert_eq!(numbers, ["2 BYE", "3 NOTIFY"]);
    phone.respond(&mut world, &sent[1], "200 OK", "");
    let again = phone.respond(&mut world, &sent[0], "500 CSeq Out Of Order", "");
    assert_eq!(header(&again[0], "CSeq").as_deref(), Some("4 BYE"));
    let more = phone.respond(&mut world, &again[0], "500 Whatever", "");
    assert!(more.is_empty(), "nothing has overtaken that one");
    assert_empty(&mut world);
}

/// Shows RFC 6665 §4.4.1: a subscription may be in the dialog of a call, and outlives the call.
/// Shows RFC 5057 §5.1: BYE ends the call, and what else is in its dialog goes on.
#[test]
fn a_subscription_within_a_call_outlives_it() {
    let (mut world, mut phone) = world_and_phone();
    phone.call_up(&mut world);
    let (call, tag) = (world.incoming(0), phone.to_tag.clone());
    let subscribe = phone.request("SUBSCRIBE", 2, "s", EVENT, "");
    phone.say(&mut world, &subscribe);
    let (key, request) = requested(&world);
    assert_eq!(request.call, Some(call));
    let now = world.now;
    world.agents[0].endpoint.accept_subscription(now, key, text("sun")).unwrap();
    world.drain();
    let sent = phone.heard(&world);
    assert_eq!((status(&sent[0]), tag_of(&sent[1], "From")), (200, tag.clone()));
    phone.to_tag.clone_from(&tag);
    phone.respond(&mut world, &sent[1], "200 OK", "");
    assert_eq!(world.counters(0).lone_dialogs, 0);
    phone.to_tag.clone_from(&tag);
    let bye = phone.request("BYE", 3, "b", "", "");
    assert_eq!(phone.say(&mut world, &bye), [200]);
    assert_eq!((world.counters(0).calls, world.counters(0).lone_dialogs), (0, 1));
    world.agents[0].endpoint.notify(now, key, text("rain")).unwrap();
    world.drain();
    let sent = phone.heard(&world);
    assert_eq!((body(&sent[0]).as_str(), header(&sent[0], "CSeq").as_deref()), ("rain", Some("2 NOTIFY")));
    phone.respond(&mut world, &sent[0], "200 OK", "");
    phone.to_tag.clone_from(&tag);
    let info = phone.request("INFO", 4, "i", "", "");
    assert_eq!(phone.say(&mut world, &info), [481], "there is no call any more");
    phone.to_tag.clone_from(&tag);
    let old = phone.request("SUBSCRIBE", 2, "old", EVENT, "");
    assert_eq!(phone.say(&mut world, &old), [500], "numbers go on");
    phone.to_tag.clone_from(&tag);
    let leave = phone.request("SUBSCRIBE", 5, "l", &format!("{EVENT}Expires: 0\r\n"), "");
    world.inject(phone.address, 0, leave.as_bytes());
    let sent = phone.heard(&world);
    assert_eq!((status(&sent[0]), state_of(&sent[1]).as_str()), (200, "terminated;reason=timeout"));
    phone.respond(&mut world, &sent[1], "200 OK", "");
    assert_eq!(world.counters(0).lone_dialogs, 0);
    assert_empty(&mut world);
}

/// Shows RFC 6665 §4.2.1.2: several subscriptions in one dialog are told apart by the id of their Event.
#[test]
fn subscriptions_in_one_dialog_are_told_apart_by_their_ids() {
    let (mut world, mut phone) = world_and_phone();
    let (first, _) = subscribed(&mut world, &mut phone, "Event: weather;id=a\r\n");
    let tag = phone.to_tag.clone();
    let another = phone.request("SUBSCRIBE", 2, "s2", "Event: weather;id=b\r\n", "");
    phone.say(&mut world, &another);
    let (second, now) = (requested(&world).0, world.now);
    assert_ne!(first, second);
    world.agents[0].endpoint.accept_subscription(now, second, text("fog")).unwrap();
    world.drain();
    let sent = phone.heard(&world);
    assert_eq!(header(&sent[1], "Event").as_deref(), Some("weather;id=b"));
    phone.respond(&mut world, &sent[1], "200 OK", "");
    phone.to_tag = tag;
    let leave = phone.request("SUBSCRIBE", 3, "s3", "Event: weather;id=a\r\nExpires: 0\r\n", "");
    phone.say(&mut world, &leave);
    assert_eq!((end_of(&world, first), end_of(&world, second)), (Some(SubscriptionEnd::TheyLeft), None));
    assert_eq!(world.counters(0).lone_dialogs, 1);
    assert_empty(&mut world);
}

#[test]
fn a_body_that_would_break_a_message_is_not_sent() {
    let (mut world, mut phone) = world_and_phone();
    let (key, _) = subscribed(&mut world, &mut phone, EVENT);
    let now = world.now;
    let broken = |content_type: &str, length: usize| {
        let body = EventBody { content_type: content_type.to_owned(), bytes: Arc::from(vec![b'x'; length]) };
        Notice { is_pending: false, body: Some(body) }
    };
    for notice in [broken("text/plain\r\nX: y", 1), broken("", 1), broken("text/plain", 70_000)] {
        assert_eq!(world.agents[0].endpoint.notify(now, key, notice), Err(CallError::WrongState));
    }
    world.drain();
    assert!(phone.heard(&world).is_empty());
}
