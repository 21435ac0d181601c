//! Each status by which a request is refused, and what provokes it.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::time::Duration;

use harness::phone::{OFFER, Phone, header};
use harness::{FAIR, World, capabilities, config, status};
use partyline_sip::endpoint::{Because, CallEvent, Endpoint, EndpointConfig, TransportKind};
use partyline_sip::message::limits::{BODY_MAX, HEAD_MAX, URI_MAX, VIAS_MAX};
use partyline_sip::rules::{DialogRules, Reliability, SessionRules};
use partyline_sip::sdp::Direction;

fn world_and_phone() -> (World, Phone) {
    (World::new(1, 1, FAIR), Phone::new("refused"))
}

/// What is answered to one request outside of calls, whole; and nothing is left of it.
fn answer_to(change: impl Fn(String) -> String, method: &str, more: &str, body: &str) -> Vec<u8> {
    let (mut world, mut phone) = world_and_phone();
    let request = change(phone.request(method, 1, "r", more, body));
    world.inject(phone.address, 0, request.as_bytes());
    let answer = phone.heard(&world).remove(0);
    assert!(!world.agents[0].events.iter().any(|(_, event)| matches!(event, CallEvent::Incoming(_))));
    world.run(Duration::from_secs(600));
    let counters = world.counters(0);
    assert_eq!((counters.calls, counters.transactions), (0, 0));
    answer
}

fn as_it_is(request: String) -> String {
    request
}

fn refused(method: &str, more: &str, body: &str) -> u16 {
    status(&answer_to(as_it_is, method, more, body))
}

const TYPED: &str = "Content-Type: application/sdp\r\n";

/// Shows RFC 3261 §21.4.1: a request that is not by the grammar is refused with 400, and the reason says what is wrong.
#[test]
fn what_is_malformed_is_400() {
    for (wrong, right) in [
        ("Call-ID: \r\n", "Call-ID: refused@phone\r\n"),
        ("CSeq: one OPTIONS\r\n", "CSeq: 1 OPTIONS\r\n"),
        ("CSeq: 2147483648 OPTIONS\r\n", "CSeq: 1 OPTIONS\r\n"),
        ("From: <sip:bob@phone;tag=f1\r\n", "From: <sip:bob@phone>;tag=f1\r\n"),
        ("From <sip:bob@phone>;tag=f1\r\n", "From: <sip:bob@phone>;tag=f1\r\n"),
        ("Max-Forwards: 256\r\n", "Max-Forwards: 70\r\n"),
        ("Max-Forwards: -1\r\n", "Max-Forwards: 70\r\n"),
        ("Content-Length: 0\r\nContent-Length: 0\r\n", "Content-Length: 0\r\n"),
        ("OPTIONS sip:100@127.0.0.1:port SIP/2.0", "OPTIONS sip:100@127.0.0.1 SIP/2.0"),
    ] {
        let answer = answer_to(|request| request.replacen(right, wrong, 1), "OPTIONS", "", "");
        assert_eq!(status(&answer), 400, "{wrong}");
    }
}

/// Shows RFC 3261 §21.4.6: a method that is known and not served is 405, with those that are.
#[test]
fn a_method_that_is_not_served_is_405() {
    for method in ["REGISTER", "MESSAGE", "PUBLISH"] {
        let answer = answer_to(as_it_is, method, "", "");
        assert_eq!(status(&answer), 405, "{method}");
        let allowed = header(&answer, "Allow").unwrap();
        assert!(allowed.contains("INVITE") && !allowed.contains(method), "{allowed}");
    }
}

/// Shows RFC 3261 §21.4.7: who takes back nothing that could be given is told 406.
#[test]
fn an_answer_that_would_not_be_taken_is_406() {
    assert_eq!(refused("INVITE", &format!("{TYPED}Accept: text/plain, image/*\r\n"), OFFER), 406);
    assert_eq!(refused("INVITE", &format!("{TYPED}Accept: \r\n"), OFFER), 406, "an empty list takes nothing");
}

/// Shows RFC 3261 §21.4.11: a body longer than is taken is 413.
#[test]
fn a_body_that_is_too_long_is_413() {
    assert_eq!(refused("INVITE", TYPED, &"x".repeat(BODY_MAX + 1)), 413);
}

/// Shows RFC 3261 §21.4.12: a Request-URI longer than is taken is 414.
#[test]
fn a_request_uri_that_is_too_long_is_414() {
    let long = |length: usize| {
        move |request: String| {
            let uri = format!("sip:{}@127.0.0.1", "1".repeat(length - "sip:@127.0.0.1".len()));
            request.replacen("sip:100@127.0.0.1", &uri, 1)
        }
    };
    assert_eq!(status(&answer_to(long(URI_MAX + 1), "OPTIONS", "", "")), 414);
    assert_eq!(status(&answer_to(long(URI_MAX), "OPTIONS", "", "")), 200);
}

/// Shows RFC 3261 §21.4.13: a body of another type or encoding is 415, with those that would be understood.
#[test]
fn a_body_of_another_type_is_415() {
    let strange = answer_to(as_it_is, "INVITE", "Content-Type: text/html\r\n", "<p>hello</p>");
    assert_eq!(status(&strange), 415);
    assert!(header(&strange, "Accept").unwrap().contains("application/sdp"));
    let packed = answer_to(as_it_is, "INVITE", &format!("{TYPED}Content-Encoding: gzip\r\n"), OFFER);
    assert_eq!((status(&packed), header(&packed, "Accept-Encoding").as_deref()), (415, Some("identity")));
    assert_eq!(refused("INVITE", "", "a body without a type"), 415);
}

/// Shows RFC 3261 §21.4.14: a Request-URI of another scheme is 416.
#[test]
fn a_uri_of_another_scheme_is_416() {
    for uri in ["mailto:a@b", "http://a", "urn:service:sos"] {
        let answer = answer_to(|request| request.replacen("sip:100@127.0.0.1", uri, 1), "INVITE", "", "");
        assert_eq!(status(&answer), 416, "{uri}");
    }
}

/// Shows RFC 3261 §21.4.15: a required extension that is not there is 420, and named.
#[test]
fn a_required_extension_that_is_not_there_is_420() {
    let more = "Require: dancing\r\nRequire: singing, dancing-2\r\n";
    let answer = answer_to(as_it_is, "INVITE", more, "");
    assert_eq!(status(&answer), 420);
    assert_eq!(header(&answer, "Unsupported").as_deref(), Some("dancing, singing, dancing-2"));
}

/// Shows RFC 3261 §21.4.16: who does not support what the rules require is told so by 421, and what it is.
/// Shows RFC 3262 §3: a caller who knows no reliable provisional responses may be refused with 421.
#[test]
fn an_extension_that_the_rules_require_and_the_caller_lacks_is_421() {
    let session = SessionRules { is_required: true, ..SessionRules::default() };
    let rules =
        DialogRules { reliability: Reliability::Always, session: Some(session), ..DialogRules::default() };
    for (more, lacking) in [
        ("", Some("100rel, timer")),
        ("Supported: 100rel\r\n", Some("timer")),
        ("k: timer\r\n", Some("100rel")),
        ("Supported: timer\r\nRequire: 100rel\r\n", None),
    ] {
        let mut world = World::with_rules(1, 1, FAIR, &rules);
        let mut phone = Phone::new("refused");
        let invite = phone.request("INVITE", 1, "r", &format!("{more}{TYPED}"), OFFER);
        world.inject(phone.address, 0, invite.as_bytes());
        let answer = phone.heard(&world).remove(0);
        assert_eq!(status(&answer), if lacking.is_some() { 421 } else { 100 }, "{more}");
        assert_eq!(header(&answer, "Require").as_deref(), lacking, "{more}");
        phone.to_tag.clear();
        let question = phone.request("OPTIONS", 2, "o", "", "");
        assert_eq!(phone.say(&mut world, &question), [200], "it concerns calls only");
    }
}

/// Shows RFC 3261 §20.32: what the rules require is required of callees too.
#[test]
fn what_the_rules_require_is_asked_of_callees() {
    let rules = DialogRules { reliability: Reliability::Always, ..DialogRules::default() };
    let mut world = World::with_rules(2, 1, FAIR, &rules);
    world.call(0, 1, TransportKind::Udp);
    world.run(Duration::from_millis(10));
    let invite = world.sent[0].1.clone();
    assert_eq!(header(&invite, "Require").as_deref(), Some("100rel"));
    let (call, now) = (world.incoming(1), world.now);
    world.agents[1].endpoint.ring(now, call).unwrap();
    world.run(Duration::from_millis(10));
    assert!(world.ladder().iter().any(|line| line.contains("PRACK")), "{:?}", world.ladder());
}

/// Shows RFC 3261 §21.4.19: a request within no dialog that is here is 481, and so is CANCEL of nothing.
#[test]
fn a_request_within_no_dialog_is_481() {
    for method in ["BYE", "INFO", "INVITE", "OPTIONS"] {
        let in_dialog =
            |request: String| request.replacen("To: <sip:100@127.0.0.1>", "To: <sip:100@127.0.0.1>;tag=x", 1);
        assert_eq!(status(&answer_to(in_dialog, method, "", "")), 481, "{method}");
    }
    assert_eq!(refused("CANCEL", "", ""), 481);
}

/// Shows RFC 3261 §21.4.20: the same request by a second way is 482.
#[test]
fn the_same_request_by_another_way_is_482() {
    let (mut world, mut phone) = world_and_phone();
    let first = phone.with_sdp("INVITE", 1, "a", OFFER);
    let second = phone.with_sdp("INVITE", 1, "b", OFFER);
    assert_eq!(phone.say(&mut world, &first), [100]);
    assert_eq!(phone.say(&mut world, &second), [482]);
}

/// Shows RFC 3261 §21.4.21: a request that went through more hops than there may be is 483.
/// Shows RFC 3261 §16.7: each Via of a request comes back in its answer.
#[test]
fn a_request_that_went_in_circles_is_483() {
    let through = |hops: usize| {
        let vias: String =
            (0..hops).map(|hop| format!("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{hop}\r\n")).collect();
        answer_to(as_it_is, "OPTIONS", &vias, "")
    };
    assert_eq!(status(&through(VIAS_MAX)), 483);
    let answer = through(VIAS_MAX - 1);
    assert_eq!(status(&answer), 200);
    let vias = String::from_utf8(answer).unwrap().lines().filter(|line| line.starts_with("Via: ")).count();
    assert_eq!(vias, VIAS_MAX);
}

/// Shows RFC 3261 §8.2.2.1: Max-Forwards of zero ends nothing where the request has arrived.
#[test]
fn a_request_that_may_go_no_further_has_arrived() {
    let (mut world, mut phone) = world_and_phone();
    let last = phone.with_sdp("INVITE", 1, "a", OFFER).replace("Max-Forwards: 70", "Max-Forwards: 0");
    assert_eq!(phone.say(&mut world, &last), [100]);
}

/// Shows RFC 3261 §21.4.26: a description without common ground is 488, and a Warning says why.
#[test]
fn a_description_without_common_ground_is_488() {
    let (mut world, mut phone) = world_and_phone();
    let foreign = OFFER.replace("RTP/AVP 8 0 101", "RTP/AVP 18");
    let invite = phone.with_sdp("INVITE", 1, "a", &foreign);
    phone.say(&mut world, &invite);
    let (call, now) = (world.incoming(0), world.now);
    world.agents[0].endpoint.answer(now, call, &capabilities(4_000)).unwrap_err();
    world.drain();
    let answer = phone.heard(&world).remove(0);
    assert_eq!(status(&answer), 488);
    assert!(header(&answer, "Warning").unwrap().starts_with("305 "));
}

/// Shows RFC 3261 §21.4.27: a re-INVITE that crosses one of ours is 491.
#[test]
fn a_change_that_crosses_ours_is_491() {
    let (mut world, mut phone) = world_and_phone();
    phone.call_up(&mut world);
    let (call, now, tag) = (world.incoming(0), world.now, phone.to_tag.clone());
    world.agents[0].endpoint.reoffer(now, call, &capabilities(4_000), Direction::SendOnly).unwrap();
    world.drain();
    phone.heard(&world);
    phone.to_tag = tag;
    let theirs = phone.with_sdp("INVITE", 2, "b", OFFER);
    assert_eq!(phone.say(&mut world, &theirs), [491]);
}

/// Shows RFC 3261 §21.4.28: a body that only a key opens is 493.
#[test]
fn a_body_that_nobody_here_can_open_is_493() {
    let enveloped = "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\n";
    assert_eq!(refused("INVITE", enveloped, "\u{1}\u{2}\u{3}"), 493);
}

/// Shows RFC 3261 §12.2.2: a request within a dialog that is older than the one before is 500.
#[test]
fn a_request_out_of_order_is_500() {
    let (mut world, mut phone) = world_and_phone();
    phone.call_up(&mut world);
    let newer = phone.request("OPTIONS", 9, "newer", "", "");
    assert_eq!(phone.say(&mut world, &newer), [200]);
    let older = phone.request("OPTIONS", 8, "older", "", "");
    assert_eq!(phone.say(&mut world, &older), [500]);
}

/// Shows RFC 3261 §21.5.2: a method that nobody knows is 501; methods are told apart by case.
#[test]
fn a_method_that_nobody_knows_is_501() {
    assert_eq!(refused("DANCE", "", ""), 501);
    assert_eq!(refused("invite", "", ""), 501);
}

/// Shows RFC 3261 §21.5.4: who takes no calls at all says so with 503, and when to come back.
/// Shows RFC 3261 §21.4.18: who could take this call a little later says 480.
#[test]
fn who_takes_no_calls_says_503_and_who_takes_no_more_just_now_480() {
    let (mut world, mut phone) = world_and_phone();
    let mut call = |world: &mut World, number: usize| {
        phone.call_id = format!("call{number}@phone");
        phone.to_tag.clear();
        let invite = phone.with_sdp("INVITE", 1, &format!("b{number}"), OFFER);
        let answer = phone.say(world, &invite)[0];
        (answer, header(&world.sent.last().unwrap().1, "Retry-After").is_some())
    };
    let from_one_source: Vec<_> = (0..13).map(|number| call(&mut world, number)).collect();
    assert_eq!((from_one_source[11], from_one_source[12]), ((100, false), (480, true)));
    let few = EndpointConfig { calls_max: 2, ..config(world.agents[0].address) };
    world.agents[0].endpoint = Endpoint::new(few);
    let of_three: Vec<_> = (20..23).map(|number| call(&mut world, number)).collect();
    assert_eq!(of_three, [(100, false), (100, false), (503, true)]);
}

/// Shows RFC 3261 §21.5.6: another version is 505.
#[test]
fn another_version_is_505() {
    for version in ["SIP/3.0", "SIP/2.1", "sip/1.0"] {
        let answer = answer_to(|request| request.replacen("SIP/2.0", version, 1), "OPTIONS", "", "");
        assert_eq!(status(&answer), 505, "{version}");
    }
}

/// Shows RFC 3261 §21.5.7: a head longer than is taken is 513.
#[test]
fn a_head_that_is_too_long_is_513() {
    let long = format!("X-Long: {}\r\n", "x".repeat(8_000)).repeat(HEAD_MAX / 8_000 + 1);
    assert_eq!(refused("OPTIONS", &long, ""), 513);
}

/// Shows RFC 3326 §2: a refusal by the user says why.
#[test]
fn what_the_user_refuses_has_the_status_of_the_user() {
    for wanted in [403, 404, 480, 486, 600, 603] {
        let (mut world, mut phone) = world_and_phone();
        let invite = phone.with_sdp("INVITE", 1, "a", OFFER);
        phone.say(&mut world, &invite);
        let (call, now) = (world.incoming(0), world.now);
        let because = Because { text: "no".to_owned(), cause: wanted, retry_after: None };
        world.agents[0].endpoint.reject(now, call, wanted, &because).unwrap();
        world.drain();
        let answer = phone.heard(&world).remove(0);
        assert_eq!(status(&answer), wanted);
        assert_eq!(header(&answer, "Reason").unwrap(), format!("SIP;cause={wanted};text=\"no\""));
    }
}
