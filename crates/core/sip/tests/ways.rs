//! Which way messages take, and which addresses of ours others are told.

mod harness;

use std::net::SocketAddr;
use std::time::Instant;

use harness::phone::{OFFER, Phone, header};
use harness::{capabilities, config, outgoing};
use partyline_sip::endpoint::{
    Arrival, Because, CallError, CallEvent, CallKey, ConnectionId, Endpoint, EndpointConfig, Listen, Output,
    TransportKind,
};
use proptest::prelude::*;

const TLS: &str = "192.0.2.1:5061";
const REMOTE: &str = "203.0.113.9:40000";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

#[expect(clippy::disallowed_methods, reason = "a beginning of virtual time; no other clock is read")]
fn start() -> Instant {
    Instant::now()
}

/// An endpoint that takes calls over TLS, with one connection, and over UDP on the address below.
fn secured() -> (Endpoint, Instant) {
    let now = start();
    let listen = |transport, local| Listen { transport, local, advertised: local };
    let mut endpoint = Endpoint::new(EndpointConfig {
        listens: vec![
            listen(TransportKind::Tls, address(TLS)),
            listen(TransportKind::Udp, address("192.0.2.1:5060")),
            listen(TransportKind::Tcp, address("192.0.2.1:5060")),
        ],
        ..config(address("192.0.2.1:5060"))
    });
    endpoint.handle_accepted(now, ConnectionId(1), address(TLS), address(REMOTE));
    (endpoint, now)
}

fn outputs(endpoint: &mut Endpoint) -> Vec<Output> {
    std::iter::from_fn(|| endpoint.poll_output()).collect()
}

/// What was sent, on whatever.
fn sent(outputs: &[Output]) -> Vec<String> {
    let bytes = outputs.iter().filter_map(|output| match output {
        Output::SendDatagram { bytes, .. } | Output::SendStream { bytes, .. } => Some(bytes),
        Output::Connect { .. }
        | Output::Disconnect { .. }
        | Output::Locate { .. }
        | Output::Subscription(..)
        | Output::Registration(..)
        | Output::Call(..) => None,
    });
    bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
}

fn incoming(outputs: &[Output]) -> Option<CallKey> {
    outputs.iter().find_map(|output| match output {
        Output::Call(key, CallEvent::Incoming(_)) => Some(*key),
        Output::Call(..)
        | Output::SendDatagram { .. }
        | Output::SendStream { .. }
        | Output::Connect { .. }
        | Output::Locate { .. }
        | Output::Subscription(..)
        | Output::Registration(..)
        | Output::Disconnect { .. } => None,
    })
}

/// An INVITE as a phone behind TLS sends it, and the answer to it.
fn answered_over_tls(invite: &str) -> Option<String> {
    let (mut endpoint, now) = secured();
    endpoint.handle_stream(now, ConnectionId(1), invite.as_bytes());
    let call = incoming(&outputs(&mut endpoint))?;
    endpoint.answer(now, call, &capabilities(4000)).expect("a codec in common");
    sent(&outputs(&mut endpoint)).pop()
}

/// Shows RFC 3261 §12.1.1: a dialog that is asked for by sips has a sips Contact.
/// Shows RFC 3261 §26.2.2: a sips URI is taken over TLS and refused in the clear.
#[test]
fn a_secure_dialog_has_a_secure_contact_and_needs_a_secure_way() {
    let invite = Phone::new("tls").with_sdp("INVITE", 1, "a", OFFER);
    let plain = answered_over_tls(&invite).expect("an answer");
    assert_eq!(header(plain.as_bytes(), "Contact").as_deref(), Some("<sip:192.0.2.1:5061;transport=tls>"));
    let secured_invite = invite.replace("INVITE sip:", "INVITE sips:");
    let answer = answered_over_tls(&secured_invite).expect("an answer");
    assert_eq!(header(answer.as_bytes(), "Contact").as_deref(), Some("<sips:192.0.2.1:5061>"));
    let of_contact = invite.replace("Contact: <sip:", "Contact: <sips:");
    let answer = answered_over_tls(&of_contact).expect("an answer");
    assert_eq!(header(answer.as_bytes(), "Contact").as_deref(), Some("<sips:192.0.2.1:5061>"));

    let (mut endpoint, now) = secured();
    endpoint.handle_datagram(now, address("192.0.2.1:5060"), address(REMOTE), secured_invite.as_bytes());
    assert!(sent(&outputs(&mut endpoint))[0].starts_with("SIP/2.0 416 "));
}

/// Shows RFC 3261 §18.1.1: requests over TLS say so in Via, and their Contact leads back over TLS.
/// Shows RFC 5922 §4: the certificate has to bear the host that was asked for, or the name that is set for it.
#[test]
fn a_call_over_tls_asks_for_a_certificate_of_whom_it_calls() {
    let (mut endpoint, now) = secured();
    let mut wanted = outgoing(address("198.51.100.7:5061"), TransportKind::Tls);
    wanted.target = "sips:100@example.org".to_owned();
    endpoint.call(now, &wanted).expect("a way");
    let out = outputs(&mut endpoint);
    assert!(matches!(
        &out[0],
        Output::Connect { transport: TransportKind::Tls, remote, server_name, .. }
            if *remote == wanted.remote && server_name == "example.org"
    ));
    let invite = sent(&out).pop().expect("an INVITE");
    assert!(
        invite.starts_with("INVITE sips:100@example.org SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.1:5061;"),
        "{invite}"
    );
    assert!(invite.contains("\r\nContact: <sips:192.0.2.1:5061>\r\n"), "{invite}");

    // The same name takes the same connection; another one asks for another certificate.
    endpoint.call(now, &wanted).expect("a way");
    assert!(!outputs(&mut endpoint).iter().any(|output| matches!(output, Output::Connect { .. })));
    wanted.server_name = Some("sbc.example.net".to_owned());
    endpoint.call(now, &wanted).expect("a way");
    assert!(outputs(&mut endpoint).iter().any(
        |output| matches!(output, Output::Connect { server_name, .. } if server_name == "sbc.example.net")
    ));

    wanted.transport = TransportKind::Tcp;
    assert_eq!(endpoint.call(now, &wanted), Err(CallError::WrongState), "sips in the clear");
}

#[test]
fn a_caller_over_tls_is_never_called_back_on_its_connection_as_somebody_else() {
    let (mut endpoint, now) = secured();
    let mut wanted = outgoing(address(REMOTE), TransportKind::Tls);
    wanted.target = "sip:100@example.org;transport=tls".to_owned();
    endpoint.call(now, &wanted).expect("a way");
    assert!(outputs(&mut endpoint).iter().any(|output| matches!(output, Output::Connect { .. })));
}

/// Where the BYE of an answered call goes whose caller names this Contact.
fn bye_goes_to(contact: &str, trusts_contacts: bool) -> SocketAddr {
    let now = start();
    let local = address("192.0.2.1:5060");
    let mut endpoint = Endpoint::new(EndpointConfig { trusts_contacts, ..config(local) });
    let phone = Phone::new("nat");
    let by_nat = |message: String| {
        message.replace("UDP 127.0.0.1:7000", "UDP 203.0.113.9:40000").replace("bob@127.0.0.1:7000", contact)
    };
    let invite = by_nat(phone.with_sdp("INVITE", 1, "a", OFFER));
    endpoint.handle_datagram(now, local, address(REMOTE), invite.as_bytes());
    let call = incoming(&outputs(&mut endpoint)).expect("a call");
    endpoint.answer(now, call, &capabilities(4000)).expect("a codec in common");
    let answer = sent(&outputs(&mut endpoint)).pop().expect("an answer");
    let to = header(answer.as_bytes(), "To").expect("a To");
    let ack =
        by_nat(phone.request("ACK", 1, "b", "", "")).replace("To: <sip:100@127.0.0.1>", &format!("To: {to}"));
    endpoint.handle_datagram(now, local, address(REMOTE), ack.as_bytes());
    endpoint.hang_up(now, call, &Because::default()).expect("a call");
    let out = outputs(&mut endpoint);
    let mut byes = out.iter().filter_map(|output| match output {
        Output::SendDatagram { remote, bytes, .. } if bytes.starts_with(b"BYE ") => Some(*remote),
        Output::SendDatagram { .. }
        | Output::SendStream { .. }
        | Output::Connect { .. }
        | Output::Disconnect { .. }
        | Output::Locate { .. }
        | Output::Subscription(..)
        | Output::Registration(..)
        | Output::Call(..) => None,
    });
    byes.next_back().expect("a BYE")
}

#[test]
fn requests_within_a_call_find_a_caller_behind_a_nat() {
    assert_eq!(bye_goes_to("bob@10.0.0.5:5060", false), address(REMOTE));
    assert_eq!(bye_goes_to("bob@0.0.0.0:5060", false), address(REMOTE));
    assert_eq!(bye_goes_to("bob@10.0.0.5:5060", true), address("10.0.0.5:5060"));
    assert_eq!(bye_goes_to("bob@198.51.100.4:5090", false), address("198.51.100.4:5090"));
}

#[test]
fn each_side_is_told_the_address_that_it_reaches() {
    let now = start();
    let local = address("0.0.0.0:5060");
    let mut endpoint = Endpoint::new(config(local));
    for (remote, told) in [("10.0.0.9:5060", "10.0.0.1:5060"), ("203.0.113.9:5060", "198.51.100.1:5060")] {
        let arrival = Arrival { advertised: Some(address(told)), ..Arrival::new(local, address(remote)) };
        let invite = Phone::new(remote).with_sdp("INVITE", 1, remote, OFFER);
        endpoint.handle_datagram_from(now, &arrival, invite.as_bytes());
        let out = outputs(&mut endpoint);
        let call = incoming(&out).expect("a call");
        endpoint.answer(now, call, &capabilities(4000)).expect("a codec in common");
        let answer = sent(&outputs(&mut endpoint)).pop().expect("an answer");
        assert_eq!(header(answer.as_bytes(), "Contact"), Some(format!("<sip:{told}>")));
    }
}

#[test]
fn a_trusted_source_may_open_more_calls_and_connections_than_a_stranger() {
    let now = start();
    let local = address("192.0.2.1:5060");
    let knock = |is_trusted: bool| {
        let mut endpoint = Endpoint::new(config(local));
        let arrival = Arrival { is_trusted, ..Arrival::new(local, address(REMOTE)) };
        for number in 0..40 {
            let name = format!("n{number}");
            let invite = Phone::new(&name).with_sdp("INVITE", 1, &name, OFFER);
            endpoint.handle_datagram_from(now, &arrival, invite.as_bytes());
        }
        for number in 0..100 {
            endpoint.handle_accepted_from(now, ConnectionId(number), &arrival);
        }
        (endpoint.counters().half_open, endpoint.counters().connections)
    };
    assert_eq!(knock(false), (12, 64));
    assert_eq!(knock(true), (20, 100));
}

#[test]
fn one_ipv6_line_is_one_source() {
    let now = start();
    let local = address("[2001:db8::1]:5060");
    let mut endpoint = Endpoint::new(EndpointConfig { seed: [1; 32], ..config(local) });
    for number in 0..40_u16 {
        let name = format!("n{number}");
        let remote = format!("[2001:db8:9::{number:x}]:5060");
        let invite = Phone::new(&name).with_sdp("INVITE", 1, &name, OFFER);
        endpoint.handle_datagram(now, local, address(&remote), invite.as_bytes());
    }
    assert_eq!(endpoint.counters().half_open, 12);
}

/// Shows RFC 5626 §4.4.2: STUN on the port of SIP is answered from that port; what is no request of it is dropped.
#[test]
fn a_keep_alive_by_stun_is_answered_and_one_by_line_ends_swallowed() {
    let now = start();
    let local = address("192.0.2.1:5060");
    let mut endpoint = Endpoint::new(config(local));
    let mut binding = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    binding.extend([7; 12]);
    endpoint.handle_datagram(now, local, address(REMOTE), &binding);
    let out = outputs(&mut endpoint);
    let [Output::SendDatagram { local: from, remote, bytes }] = &out[..] else { panic!("{out:?}") };
    assert_eq!((*from, *remote, bytes.len(), bytes[..2].to_vec()), (local, address(REMOTE), 32, vec![1, 1]));
    binding[1] = 0x11;
    for keep_alive in [&b"\r\n\r\n"[..], b"", b"\0\0\0\0", &binding] {
        endpoint.handle_datagram(now, local, address(REMOTE), keep_alive);
    }
    assert_eq!(outputs(&mut endpoint), []);
    assert_eq!((endpoint.counters().stun_answered, endpoint.counters().dropped), (1, 2));
}

proptest! {
    /// Whatever comes in on a wildcard address and whatever is called from there, nobody is told the wildcard.
    #[test]
    fn a_wildcard_address_is_told_to_nobody(
        is_v6: bool,
        transport in prop::sample::select(vec![TransportKind::Udp, TransportKind::Tcp, TransportKind::Tls]),
        is_told: bool,
        is_answered: bool,
        what in prop::sample::select(vec!["INVITE", "OPTIONS", "BYE", "REGISTER", "NOTIFY", "FOO"]),
        port in 1024_u16..,
    ) {
        let (local, told, remote) = if is_v6 {
            ("[::]:5060", "[2001:db8::1]:5060", format!("[2001:db8::9]:{port}"))
        } else {
            ("0.0.0.0:5060", "192.0.2.1:5060", format!("192.0.2.9:{port}"))
        };
        let now = start();
        let listen = Listen { transport, local: address(local), advertised: address(told) };
        let seed = [3; 32];
        let mut endpoint = Endpoint::new(EndpointConfig { listens: vec![listen], seed, ..config(address("127.0.0.1:5060")) });
        let arrival = Arrival {
            advertised: is_told.then(|| address(told)),
            ..Arrival::new(address(local), address(&remote))
        };
        let message = Phone::new("w").with_sdp(what, 1, "w", OFFER);
        if transport == TransportKind::Udp {
            endpoint.handle_datagram_from(now, &arrival, message.as_bytes());
        } else {
            endpoint.handle_accepted_from(now, ConnectionId(1), &arrival);
            endpoint.handle_stream(now, ConnectionId(1), message.as_bytes());
        }
        let mut out = outputs(&mut endpoint);
        if let Some(call) = incoming(&out) {
            let done = if is_answered {
                endpoint.answer(now, call, &capabilities(4000)).map(drop)
            } else {
                endpoint.reject(now, call, 486, &Because::default())
            };
            prop_assert_eq!(done, Ok(()));
        }
        let called = endpoint.call(now, &outgoing(address(&remote), transport)).expect("a way out");
        let _ = endpoint.hang_up(now, called, &Because::default());
        out.extend(outputs(&mut endpoint));
        let said = sent(&out);
        prop_assert!(said.len() >= 2);
        for message in said {
            prop_assert!(!message.contains("0.0.0.0") && !message.contains("[::]") && !message.contains("IP6 ::"), "{}", message);
        }
    }
}
