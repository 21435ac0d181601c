//! What an endpoint does with TCP connections.

mod harness;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use harness::phone::{OFFER, Phone};
use harness::{config, status};
use partyline_sip::endpoint::{ConnectionId, Endpoint, Output};

const LOCAL: &str = "127.0.0.1:5060";
const REMOTE: &str = "127.0.0.1:7000";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

#[expect(clippy::disallowed_methods, reason = "a beginning of virtual time; no other clock is read")]
fn connected() -> (Endpoint, Instant) {
    let now = Instant::now();
    let mut endpoint = Endpoint::new(config(address(LOCAL)));
    endpoint.handle_accepted(now, ConnectionId(1), address(LOCAL), address(REMOTE));
    (endpoint, now)
}

/// What was sent on streams, and whether one was closed.
fn outputs(endpoint: &mut Endpoint) -> (Vec<Vec<u8>>, usize) {
    let (mut sent, mut closed) = (Vec::new(), 0);
    while let Some(output) = endpoint.poll_output() {
        match output {
            Output::SendStream { bytes, .. } => sent.push(bytes),
            Output::Disconnect { .. } => closed += 1,
            Output::SendDatagram { .. }
            | Output::Connect { .. }
            | Output::Locate { .. }
            | Output::Registration(..)
            | Output::Subscription(..)
            | Output::Call(..) => {}
        }
    }
    (sent, closed)
}

/// Shows RFC 5626 §4.4.1: two line ends on a stream are answered by one.
#[test]
fn a_keep_alive_is_answered() {
    let (mut endpoint, now) = connected();
    endpoint.handle_stream(now, ConnectionId(1), b"\r\n\r\n");
    assert_eq!(outputs(&mut endpoint), (vec![b"\r\n".to_vec()], 0));
}

/// Shows RFC 3261 §18.3: a stream may bring several messages in one piece.
#[test]
fn two_requests_in_one_piece_are_both_answered() {
    let (mut endpoint, now) = connected();
    let phone = Phone::new("stream");
    let both = phone.request("OPTIONS", 1, "a", "", "") + &phone.request("OPTIONS", 2, "b", "", "");
    endpoint.handle_stream(now, ConnectionId(1), both.as_bytes());
    let (sent, closed) = outputs(&mut endpoint);
    assert_eq!((sent.iter().map(|bytes| status(bytes)).collect::<Vec<_>>(), closed), (vec![200, 200], 0));
}

/// Shows RFC 3261 §18.3: a request without Content-Length on a stream is refused with 400.
#[test]
fn a_request_whose_end_is_unknown_is_refused_and_the_connection_closed() {
    let (mut endpoint, now) = connected();
    let endless =
        Phone::new("stream").request("OPTIONS", 1, "a", "", "").replace("Content-Length: 0\r\n", "");
    endpoint.handle_stream(now, ConnectionId(1), endless.as_bytes());
    let (sent, closed) = outputs(&mut endpoint);
    assert_eq!((status(&sent[0]), closed, endpoint.counters().connections), (400, 1, 0));
}

#[test]
fn connections_are_bounded() {
    let (mut endpoint, now) = connected();
    for number in 2..=5_000_u64 {
        let port = u16::try_from(number).expect("below 65536");
        endpoint.handle_accepted(
            now,
            ConnectionId(number),
            address(LOCAL),
            SocketAddr::from(([127, 0, (port / 60).to_be_bytes()[1], 2], port)),
        );
    }
    assert_eq!(endpoint.counters().connections, 4_096);
    assert_eq!(endpoint.counters().connections_refused, 904);
    assert_eq!(outputs(&mut endpoint).1, 904);
}

#[test]
fn one_source_has_its_share_of_connections_and_what_it_closes_it_may_open_again() {
    let (mut endpoint, now) = connected();
    let open = |endpoint: &mut Endpoint, number: u64| {
        let port = u16::try_from(10_000 + number).expect("below 65536");
        let remote = SocketAddr::from(([127, 0, 0, 9], port));
        endpoint.handle_accepted(now, ConnectionId(number), address(LOCAL), remote);
    };
    (2..72).for_each(|number| open(&mut endpoint, number));
    assert_eq!((endpoint.counters().connections, endpoint.counters().connections_refused), (65, 6));
    endpoint.handle_disconnected(now, ConnectionId(2));
    open(&mut endpoint, 100);
    assert_eq!((endpoint.counters().connections, endpoint.counters().connections_refused), (65, 6));
}

#[test]
fn a_connection_that_drips_bytes_and_never_a_message_is_closed() {
    let (mut endpoint, now) = connected();
    endpoint.handle_stream(now, ConnectionId(1), b"INVITE sip:a@b SIP/2.0\r\n");
    for second in 1..=13 {
        let time = now + Duration::from_secs(second * 10);
        endpoint.handle_timeout(time);
        endpoint.handle_stream(time, ConnectionId(1), b"X: 1\r\n");
    }
    assert_eq!(endpoint.counters().connections, 0);
}

#[test]
fn an_idle_connection_is_closed_but_not_under_a_call() {
    let (mut endpoint, now) = connected();
    let invite = Phone::new("stream").with_sdp("INVITE", 1, "a", OFFER).replace("/UDP", "/TCP");
    endpoint.handle_stream(now, ConnectionId(1), invite.as_bytes());
    let mut time = now;
    while let Some(next) = endpoint.poll_timeout().filter(|next| *next < now + Duration::from_secs(180)) {
        time = next;
        endpoint.handle_timeout(time);
    }
    assert_eq!(
        (endpoint.counters().connections, endpoint.counters().calls),
        (1, 1),
        "after {:?}",
        time - now
    );
    while let Some(next) = endpoint.poll_timeout() {
        endpoint.handle_timeout(next);
    }
    assert_eq!((endpoint.counters().connections, endpoint.counters().calls), (0, 0));
}
