//! Messages as equipment writes them: folded, compact, joined, in any bytes, with lengths that lie; and their bounds.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use harness::phone::{OFFER, Phone, body, header};
use harness::{FAIR, World, start_line, status};
use partyline_sip::endpoint::CallEvent;
use partyline_sip::message::limits::{HEADER_MAX, HEADERS_MAX};

/// What is answered to a datagram; none where it is dropped.
fn answer_to(datagram: &[u8]) -> Option<Vec<u8>> {
    let mut world = World::new(1, 1, FAIR);
    world.inject("127.0.0.1:7000".parse().unwrap(), 0, datagram);
    let counters = world.counters(0);
    let answer = world.sent.first().map(|(_, bytes)| bytes.clone());
    assert_eq!(counters.dropped, u64::from(answer.is_none()), "answered or counted");
    answer
}

fn options(more: &str) -> String {
    Phone::new("bytes").request("OPTIONS", 1, "o", more, "")
}

fn status_of(datagram: &[u8]) -> Option<u16> {
    answer_to(datagram).map(|answer| status(&answer))
}

/// Shows RFC 3261 §7.3.1: a header may be folded, with blanks around its colon, in any case and any order.
/// Shows RFC 3261 §7.3.3: compact names stand for the long ones.
#[test]
fn a_message_may_be_written_in_every_way_that_the_grammar_has() {
    let datagram = "OPTIONS sip:100@127.0.0.1 SIP/2.0\r\ncSEQ:\r\n\t1\r\n OPTIONS\r\nv:SIP / 2.0 / UDP\r\n 127.0.0.1:7000\r\n ;branch=z9hG4bKo\r\n\
        I  \t: folded@phone\r\nT:<sip:100@127.0.0.1>\r\nf: \"A\r\n B\" <sip:a@b>\r\n ;\r\n tag = 1\r\nl:\r\n 0\r\n\r\n";
    let answer = answer_to(datagram.as_bytes()).unwrap();
    assert_eq!(status(&answer), 200);
    assert_eq!(header(&answer, "CSeq").unwrap().split_whitespace().collect::<Vec<_>>(), ["1", "OPTIONS"]);
    let from = header(&answer, "From").unwrap();
    assert!(from.starts_with("\"A") && from.contains("<sip:a@b>"), "{from}");
}

/// Shows RFC 3261 §7.3.1: values joined by commas are those of headers of their own.
#[test]
fn joined_values_are_values() {
    let joined = options("Require: one, two,three\r\nRequire:four\r\n");
    let answer = answer_to(joined.as_bytes()).unwrap();
    assert_eq!(header(&answer, "Unsupported").as_deref(), Some("one, two, three, four"));
    let two_vias = options("").replacen(
        "branch=z9hG4bKo\r\n",
        "branch=z9hG4bKo , SIP/2.0/TCP 10.0.0.1;branch=z9hG4bKp\r\n",
        1,
    );
    let answer = String::from_utf8(answer_to(two_vias.as_bytes()).unwrap()).unwrap();
    assert!(answer.contains(";branch=z9hG4bKo , SIP/2.0/TCP 10.0.0.1;branch=z9hG4bKp\r\n"), "{answer}");
}

/// Shows RFC 3261 §7.3.1: bytes that are no UTF-8 are kept as they are.
#[test]
fn bytes_that_are_no_text_come_back_as_they_were() {
    let strange = b"\"\xff\xfe\x80 \xc3\x28\" <sip:%FF@b>;tag=1";
    let text = options("");
    let (before, rest) = text.split_once("From: ").unwrap();
    let (_, after) = rest.split_once("\r\n").unwrap();
    let datagram =
        [before.as_bytes(), b"From: ", strange, b"\r\nX-Any: \x01\xff\r\n", after.as_bytes()].concat();
    let answer = answer_to(&datagram).unwrap();
    assert_eq!(status(&answer), 200);
    assert!(answer.windows(strange.len()).any(|window| window == strange));
}

/// Shows RFC 3261 §18.3: without a length the body is the rest of the datagram; what is behind a length is left alone.
#[test]
fn lengths_may_be_missing_or_short_but_not_long() {
    let phone = Phone::new("lengths");
    let whole = phone.with_sdp("INVITE", 1, "l", OFFER);
    let right = format!("Content-Length: {}\r\n", OFFER.len());
    for (told, expected) in [
        (String::new(), 100),
        (right.clone(), 100),
        (format!("l : {}\r\n", OFFER.len()), 100),
        (format!("Content-Length: 000{}\r\n", OFFER.len()), 100),
        ("Content-Length: 2\r\n".to_owned(), 400),
        (format!("Content-Length: {}\r\n", OFFER.len() + 1), 400),
        ("Content-Length: 65537\r\n".to_owned(), 413),
        ("Content-Length: 99999999999999999999\r\n".to_owned(), 400),
        ("Content-Length: -1\r\n".to_owned(), 400),
        ("Content-Length: 0x10\r\n".to_owned(), 400),
        ("Content-Length: 12 13\r\n".to_owned(), 400),
    ] {
        assert_eq!(status_of(whole.replacen(&right, &told, 1).as_bytes()), Some(expected), "{told}");
    }
    let longer = format!("{whole}INVITE sip:other@127.0.0.1 SIP/2.0\r\n");
    assert_eq!(status_of(longer.as_bytes()), Some(100), "what is behind the body is nobody's");
}

/// Shows RFC 3261 §8.2.6.2: what of a request is repeated in an answer is bounded with the request.
#[test]
fn headers_are_bounded_in_number_and_length() {
    let present = options("").lines().count() - 2;
    let many = |count: usize| options(&"X-Much: 1\r\n".repeat(count - present));
    assert_eq!(status_of(many(HEADERS_MAX).as_bytes()), Some(200));
    assert_eq!(status_of(many(HEADERS_MAX + 1).as_bytes()), Some(400));
    assert_eq!(status_of(many(2_000).as_bytes()), Some(400));
    let long = |length: usize| options(&format!("X-Long: {}\r\n", "x".repeat(length)));
    assert_eq!(status_of(long(HEADER_MAX).as_bytes()), Some(200));
    assert_eq!(status_of(long(HEADER_MAX + 1).as_bytes()), Some(400));
}

/// Shows RFC 3261 §18.1.2: what is no message, and what nobody could be answered about, is dropped and counted.
#[test]
fn what_can_not_be_answered_is_dropped_and_counted() {
    let ack = options("").replace("OPTIONS", "ACK");
    let response = options("").replacen("OPTIONS sip:100@127.0.0.1 SIP/2.0", "SIP/2.0 200 OK", 1);
    for datagram in [
        "hello\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS sip:a SIP/2.0\r\n\r\n",
        "\0\0\0\0",
        "SIP/2.0 200\r\n\r\n",
        ack.replace("CSeq: 1 ACK", "CSeq: x ACK").as_str(),
        ack.as_str(),
        response.as_str(),
        response.replace("200 OK", "99 Low").as_str(),
        response.replace("200 OK", "700 High").as_str(),
    ] {
        assert_eq!(status_of(datagram.as_bytes()), None, "{datagram}");
    }
}

/// Shows RFC 3261 §18.2.1: received and rport are what the endpoint saw, whatever the sender wrote into them.
/// Shows RFC 3581 §4: rport is filled in, and received with it, even where the address is right.
#[test]
fn where_a_request_came_from_is_seen_and_not_believed() {
    let via = |parameters: &str| {
        let request = options("").replacen(";branch=z9hG4bKo", &format!(";branch=z9hG4bKo{parameters}"), 1);
        header(&answer_to(request.as_bytes()).unwrap(), "Via").unwrap()
    };
    let plain = "SIP/2.0/UDP 127.0.0.1:7000;branch=z9hG4bKo";
    assert_eq!(via(""), plain);
    assert_eq!(via(";received=9.9.9.9"), plain, "a received of the sender's own is taken out");
    assert_eq!(via(";rport"), format!("{plain};received=127.0.0.1;rport=7000"));
    assert_eq!(via(";rport=1;received=9.9.9.9"), format!("{plain};received=127.0.0.1;rport=7000"));
    assert_eq!(via(";maddr=9.9.9.9;ttl=1;x=\"a;b\""), format!("{plain};maddr=9.9.9.9;ttl=1;x=\"a;b\""));
}

/// Shows RFC 3261 §20.40: the user is told names and numbers, whatever they are made of.
#[test]
fn names_and_numbers_are_told_unescaped_and_whole() {
    let mut world = World::new(1, 1, FAIR);
    let phone = Phone::new("named");
    let invite = phone
        .with_sdp("INVITE", 1, "n", OFFER)
        .replacen("INVITE sip:100@127.0.0.1", "INVITE sip:%2A%23100;phone-context=x@127.0.0.1;user=phone", 1)
        .replacen(
            "From: <sip:bob@phone>",
            "From: \"B\\\"o\\\\b, \u{441}\" <sip:%C3%A9@phone:5070;x=y?h=z>",
            1,
        );
    world.inject(phone.address, 0, invite.as_bytes());
    assert_eq!(start_line(&world.sent[0].1), "SIP/2.0 100 Trying");
    assert_eq!(body(&world.sent[0].1), "");
    let Some((_, CallEvent::Incoming(call))) = world.agents[0].events.first() else { panic!("no call") };
    assert_eq!(call.dialled, "*#100;phone-context=x");
    let told = format!("{call:?}");
    assert!(told.contains("B\\\"o\\\\b, \u{441}") && told.contains('\u{e9}'), "{told}");
}
