//! Calls that may be taken by several hosts: each is called, trusted and shown credentials as itself.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use harness::peers::{answer, assert_empty, begin, newest, sent_to};
use harness::phone::{OFFER, header, response_to};
use harness::{FAIR, UDP, World, config, outgoing, start_line};
use partyline_sip::auth::Credentials;
use partyline_sip::endpoint::{
    Because, CallEnd, CallError, CallEvent, ConnectionId, Endpoint, EndpointConfig, FurtherHost, Listen,
    OutgoingCall, Output, Target, TransportKind,
};

/// The places of the first host, and that of the second.
const ONE: &str = "127.0.0.1:7000";
const ONE_MORE: &str = "127.0.0.1:7001";
const TWO: &str = "127.0.0.1:7002";

const BUSY: &str = "503 Service Unavailable";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn place(address: &str) -> Target {
    Target { transport: UDP, remote: address.parse().unwrap() }
}

fn host(name: &str, places: Vec<Target>) -> FurtherHost {
    FurtherHost { target: format!("sip:100@{name}"), places, server_name: None, advertised: None }
}

/// A call to one.example with two places, and two.example behind it.
fn wanted() -> OutgoingCall {
    OutgoingCall {
        target: "sip:100@one.example".to_owned(),
        alternatives: vec![place(ONE_MORE)],
        further_hosts: vec![host("two.example", vec![place(TWO)])],
        ..outgoing(ONE.parse().unwrap(), UDP)
    }
}

const TO_ONE: &str = "INVITE sip:100@one.example SIP/2.0";
const TO_TWO: &str = "INVITE sip:100@two.example SIP/2.0";

/// Shows RFC 3263 §4.3: all places of a host are tried before the next host, which is asked for by its own name.
#[test]
fn a_host_is_followed_by_the_next_under_its_own_name_when_all_its_places_fail() {
    let mut world = World::new(1, 1, FAIR);
    let call = begin(&mut world, &wanted());
    answer(&mut world, ONE, BUSY, "", "");
    let (first, more) = (sent_to(&world, ONE).remove(0), newest(&world, ONE_MORE));
    assert_eq!([start_line(&first), start_line(&more)], [TO_ONE, TO_ONE]);
    assert_eq!(header(&first, "CSeq"), header(&more, "CSeq"), "the same request by another way");
    assert!(sent_to(&world, TWO).is_empty());
    world.run(Duration::from_secs(33));
    let second = newest(&world, TWO);
    assert_eq!(start_line(&second), TO_TWO);
    assert_eq!(header(&second, "To").as_deref(), Some("<sip:100@one.example>"), "it is the same call");
    for same in ["Call-ID", "From", "To"] {
        assert_eq!(header(&first, same), header(&second, same));
    }
    assert_eq!(header(&second, "CSeq").as_deref(), Some("2 INVITE"), "and another request");
    answer(&mut world, TWO, "200 OK", "", OFFER);
    assert!(matches!(world.events(0, call)[..], [CallEvent::Answered(_)]));
    assert_eq!(header(&newest(&world, TWO), "CSeq").as_deref(), Some("2 ACK"));
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
    world.run(Duration::from_millis(1));
    assert_eq!(header(&newest(&world, TWO), "CSeq").as_deref(), Some("3 BYE"));
    assert_empty(&mut world);
}

#[test]
fn who_answers_for_the_callee_answers_for_all_hosts() {
    for status in ["404 Not Found", "486 Busy Here", "603 Decline"] {
        let mut world = World::new(1, 1, FAIR);
        let call = begin(&mut world, &wanted());
        answer(&mut world, ONE, status, "", "");
        assert!(matches!(world.events(0, call)[..], [CallEvent::Ended(CallEnd::Refused { .. })]));
        assert!(sent_to(&world, ONE_MORE).is_empty() && sent_to(&world, TWO).is_empty());
        assert_empty(&mut world);
    }
}

#[test]
fn a_call_that_was_hung_up_goes_to_no_further_host() {
    let mut world = World::new(1, 1, FAIR);
    let wanted = OutgoingCall { alternatives: Vec::new(), ..wanted() };
    let call = begin(&mut world, &wanted);
    answer(&mut world, ONE, BUSY, "", "");
    answer(&mut world, TWO, "180 Ringing", "", "");
    let now = world.now;
    world.agents[0].endpoint.hang_up(now, call, &Because::default()).unwrap();
    world.run(Duration::from_millis(1));
    let cancel = newest(&world, TWO);
    assert_eq!(start_line(&cancel), "CANCEL sip:100@two.example SIP/2.0");
    let invite = sent_to(&world, TWO).remove(0);
    for same in ["Via", "Call-ID", "To"] {
        assert_eq!(header(&cancel, same), header(&invite, same), "it finds the INVITE of that host");
    }
    answer(&mut world, TWO, "487 Request Terminated", "", "");
    assert_empty(&mut world);
}

/// Shows RFC 3263 §4.3: who failed lately is passed over, and so is its name; it is called by it when the others fail.
#[test]
fn a_host_that_failed_lately_comes_behind_the_next_and_is_called_by_its_name_then() {
    let mut world = World::new(1, 1, FAIR);
    let wanted = OutgoingCall { alternatives: Vec::new(), ..wanted() };
    begin(&mut world, &wanted);
    answer(&mut world, ONE, BUSY, "", "");
    answer(&mut world, TWO, "486 Busy Here", "", "");
    let (to_one, to_two) = (sent_to(&world, ONE).len(), sent_to(&world, TWO).len());

    let call = begin(&mut world, &wanted);
    assert_eq!(sent_to(&world, ONE).len(), to_one);
    assert_eq!(sent_to(&world, TWO).len(), to_two + 1);
    let invite = newest(&world, TWO);
    assert_eq!(start_line(&invite), TO_TWO);
    assert_eq!(header(&invite, "To").as_deref(), Some("<sip:100@one.example>"));
    answer(&mut world, TWO, BUSY, "", "");
    assert_eq!(start_line(&newest(&world, ONE)), TO_ONE);
    answer(&mut world, ONE, "486 Busy Here", "", "");
    assert_eq!(world.events(0, call), [CallEvent::Ended(CallEnd::Refused { status: 486 })]);
    assert_empty(&mut world);
}

/// Shows RFC 3261 §8.1.3.4: a host that redirects has answered; where its contacts are dead the next host is called.
#[test]
fn a_redirection_to_nowhere_leads_to_the_next_host() {
    let elsewhere = "127.0.0.1:7003";
    let mut world = World::new(1, 1, FAIR);
    let call = begin(&mut world, &OutgoingCall { follows_redirects: true, ..wanted() });
    answer(&mut world, ONE, "302 Moved Temporarily", &format!("Contact: <sip:a@{elsewhere}>\r\n"), "");
    assert_eq!(start_line(&newest(&world, elsewhere)), format!("INVITE sip:a@{elsewhere} SIP/2.0"));
    answer(&mut world, elsewhere, BUSY, "", "");
    assert!(sent_to(&world, ONE_MORE).is_empty(), "its host has sent the call away");
    assert_eq!(start_line(&newest(&world, TWO)), TO_TWO);
    answer(&mut world, TWO, "200 OK", "", OFFER);
    assert!(matches!(world.events(0, call)[..], [CallEvent::Answered(_)]));
}

/// A host of many places leaves others theirs.
#[test]
fn a_host_of_many_places_keeps_no_call_from_the_next() {
    let mut world = World::new(1, 1, FAIR);
    let many = (0..60).map(|number| place(&format!("127.0.0.1:{}", 8_000 + number))).collect();
    begin(&mut world, &OutgoingCall { alternatives: many, ..wanted() });
    let mut tried = 0;
    while sent_to(&world, TWO).is_empty() {
        let (to, _) = world.astray.iter().rfind(|(_, bytes)| bytes.starts_with(b"INVITE")).unwrap();
        let to = to.to_string();
        answer(&mut world, &to, BUSY, "", "");
        tried += 1;
        assert!(tried <= 32, "there is an end");
    }
    assert_eq!(start_line(&newest(&world, TWO)), TO_TWO);
}

const CARRIER: &str = "WWW-Authenticate: Digest realm=\"carrier\", algorithm=SHA-256, qop=\"auth\", ";

fn with_password() -> OutgoingCall {
    let known = Credentials { username: "us".to_owned(), password: "secret".to_owned(), realm: None };
    OutgoingCall { credentials: vec![known], ..wanted() }
}

fn asks(world: &mut World, from: &str, nonce: &str) {
    answer(world, from, "401 Unauthorized", &format!("{CARRIER}nonce=\"{nonce}\"\r\n"), "");
}

/// Shows RFC 3261 §22.2: credentials are for whom they were demanded by; another host demands its own, for its own URI.
#[test]
fn each_host_is_shown_what_it_demands_itself() {
    let mut world = World::new(1, 1, FAIR);
    let call = begin(&mut world, &OutgoingCall { alternatives: Vec::new(), ..with_password() });
    asks(&mut world, ONE, "n1");
    let shown = header(&newest(&world, ONE), "Authorization").unwrap();
    assert!(shown.contains("nonce=\"n1\", uri=\"sip:100@one.example\""), "{shown}");
    world.run(Duration::from_secs(33));
    let invite = newest(&world, TWO);
    assert_eq!(start_line(&invite), TO_TWO);
    assert_eq!(header(&invite, "Authorization"), None, "what the first demanded is none of its business");
    asks(&mut world, TWO, "n2");
    let shown = header(&newest(&world, TWO), "Authorization").unwrap();
    assert!(shown.contains("nonce=\"n2\", uri=\"sip:100@two.example\""), "{shown}");
    assert!(shown.contains("nc=00000001"), "{shown}");
    answer(&mut world, TWO, "200 OK", "", OFFER);
    assert!(matches!(world.events(0, call)[..], [CallEvent::Answered(_)]));
    let shown = header(&newest(&world, TWO), "Authorization").unwrap();
    assert!(shown.contains("nonce=\"n2\"") && !shown.contains("n1"), "the ACK shows the same: {shown}");
}

#[test]
fn an_ack_shows_nothing_to_a_host_that_asked_for_nothing() {
    let mut world = World::new(1, 1, FAIR);
    begin(&mut world, &OutgoingCall { alternatives: Vec::new(), ..with_password() });
    asks(&mut world, ONE, "n1");
    answer(&mut world, ONE, BUSY, "", "");
    answer(&mut world, TWO, "200 OK", "", OFFER);
    let ack = newest(&world, TWO);
    assert!(ack.starts_with(b"ACK"));
    assert_eq!(header(&ack, "Authorization"), None);
}

/// Shows RFC 3261 §22.1: another server of the same host may demand the same realm's credentials anew, and only once.
#[test]
fn another_place_may_ask_for_the_same_password_again_once() {
    let mut world = World::new(1, 1, FAIR);
    let call = begin(&mut world, &with_password());
    asks(&mut world, ONE, "n1");
    world.run(Duration::from_secs(33));
    asks(&mut world, ONE_MORE, "n2");
    let invite = newest(&world, ONE_MORE);
    assert_eq!(start_line(&invite), TO_ONE);
    assert!(header(&invite, "Authorization").unwrap().contains("nonce=\"n2\""));
    asks(&mut world, ONE_MORE, "n3");
    assert_eq!(
        world.events(0, call),
        [CallEvent::Ended(CallEnd::Refused { status: 401 })],
        "the password is wrong"
    );
    assert_empty(&mut world);
}

#[expect(clippy::disallowed_methods, reason = "a beginning of virtual time; no other clock is read")]
fn secured() -> (Endpoint, Instant) {
    let listen = |transport, local| Listen { transport, local, advertised: local };
    let [plain, tls] = ["192.0.2.1:5060", "192.0.2.1:5061"].map(address);
    let listens = vec![listen(TransportKind::Tls, tls), listen(UDP, plain)];
    (Endpoint::new(EndpointConfig { listens, ..config(plain) }), Instant::now())
}

fn over_tls() -> OutgoingCall {
    let tls = |remote: &str| Target { transport: TransportKind::Tls, remote: address(remote) };
    OutgoingCall {
        target: "sips:100@one.example".to_owned(),
        alternatives: vec![tls("198.51.100.2:5061")],
        further_hosts: vec![FurtherHost {
            target: "sips:100@two.example".to_owned(),
            ..host("", vec![tls("198.51.100.3:5061")])
        }],
        ..outgoing(address("198.51.100.1:5061"), TransportKind::Tls)
    }
}

/// The connection that is asked for, with its name and address; and what was written on it.
fn connects(endpoint: &mut Endpoint) -> Option<(ConnectionId, String, SocketAddr, String)> {
    let (mut asked, mut written) = (None, String::new());
    while let Some(output) = endpoint.poll_output() {
        match output {
            Output::Connect { connection, remote, server_name, .. } => {
                asked = Some((connection, server_name, remote));
            }
            Output::SendStream { bytes, .. } => written = String::from_utf8(bytes).unwrap(),
            Output::SendDatagram { .. }
            | Output::Disconnect { .. }
            | Output::Locate { .. }
            | Output::Subscription(..)
            | Output::Registration(..)
            | Output::Call(..) => {}
        }
    }
    asked.map(|(connection, name, remote)| (connection, name, remote, written))
}

/// Shows RFC 5922 §4: each host has to bear its own name in its certificate, at each of its places.
#[test]
fn each_host_is_to_show_a_certificate_for_its_own_name() {
    let (mut endpoint, now) = secured();
    let call = endpoint.call(now, &over_tls()).unwrap();
    let (connection, name, ..) = connects(&mut endpoint).unwrap();
    assert_eq!(name, "one.example");
    // Whether nobody is there or the certificate is wrong, there is no connection.
    endpoint.handle_disconnected(now, connection);
    let (connection, name, remote, _) = connects(&mut endpoint).unwrap();
    assert_eq!((name.as_str(), remote), ("one.example", address("198.51.100.2:5061")));
    endpoint.handle_disconnected(now, connection);
    let (connection, name, remote, invite) = connects(&mut endpoint).unwrap();
    assert_eq!((name.as_str(), remote), ("two.example", address("198.51.100.3:5061")));
    assert_eq!(start_line(invite.as_bytes()), "INVITE sips:100@two.example SIP/2.0");

    // The call is up there; when its connection breaks the next one is opened to the same name.
    endpoint.handle_connected(now, connection, address("192.0.2.1:40000"));
    let contact = "Contact: <sips:callee@two.example>\r\n";
    let answer = response_to(invite.as_bytes(), "200 OK", "x", contact, OFFER);
    endpoint.handle_stream(now, connection, answer.as_bytes());
    endpoint.handle_disconnected(now, connection);
    while endpoint.poll_output().is_some() {}
    endpoint.hang_up(now, call, &Because::default()).unwrap();
    let (_, name, remote, bye) = connects(&mut endpoint).unwrap();
    assert_eq!((name.as_str(), remote), ("two.example", address("198.51.100.3:5061")));
    assert!(bye.starts_with("BYE "), "{bye}");
}

#[test]
fn a_secure_host_is_never_called_in_the_clear() {
    let (mut endpoint, now) = secured();
    let mut wanted = over_tls();
    wanted.further_hosts[0].places = vec![place("198.51.100.3:5060")];
    assert_eq!(endpoint.call(now, &wanted), Err(CallError::WrongState));
    let mut wanted = over_tls();
    wanted.alternatives = vec![place("198.51.100.2:5060")];
    wanted.further_hosts.clear();
    endpoint.call(now, &wanted).unwrap();
    let (connection, ..) = connects(&mut endpoint).unwrap();
    endpoint.handle_disconnected(now, connection);
    let outputs: Vec<Output> = std::iter::from_fn(|| endpoint.poll_output()).collect();
    assert!(matches!(outputs[..], [Output::Call(_, CallEvent::Ended(_))]), "{outputs:?}");
}

/// Shows RFC 3261 §8.1.1.8: the Contact leads back by the transport that the host is called by.
#[test]
fn a_host_by_another_transport_is_told_the_port_of_that_transport() {
    let (mut endpoint, now) = secured();
    let by_tls = Target { transport: TransportKind::Tls, remote: address("198.51.100.3:5061") };
    let wanted = OutgoingCall {
        target: "sip:100@one.example".to_owned(),
        alternatives: vec![by_tls],
        advertised: Some(address("203.0.113.1:5060")),
        ..outgoing(address("198.51.100.1:5060"), UDP)
    };
    endpoint.call(now, &wanted).unwrap();
    let sent = std::iter::from_fn(|| endpoint.poll_output()).find_map(|output| match output {
        Output::SendDatagram { bytes, .. } => Some(bytes),
        Output::SendStream { .. }
        | Output::Connect { .. }
        | Output::Disconnect { .. }
        | Output::Locate { .. }
        | Output::Subscription(..)
        | Output::Registration(..)
        | Output::Call(..) => None,
    });
    let invite = sent.unwrap();
    assert_eq!(header(&invite, "Contact").as_deref(), Some("<sip:203.0.113.1:5060>"));
    let busy = response_to(&invite, BUSY, "x", "", "");
    endpoint.handle_datagram(now, address("192.0.2.1:5060"), wanted.remote, busy.as_bytes());
    let (_, _, _, invite) = connects(&mut endpoint).unwrap();
    let contact = header(invite.as_bytes(), "Contact");
    assert_eq!(contact.as_deref(), Some("<sip:203.0.113.1:5061;transport=tls>"));
}
