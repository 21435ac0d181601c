//! Being registered with a provider, in virtual time, against a registrar written byte by byte.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod harness;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use harness::phone::{header, response_to};
use harness::{FAIR, World, config, start_line};
use partyline_sip::auth::{Credentials, DigestCredentials, Secret, Verdict, Verifier, VerifierConfig};
use partyline_sip::endpoint::{
    CallError, ConnectionId, Endpoint, Output, Registration, RegistrationEvent, RegistrationKey, Target,
    TransportKind,
};

const FIRST: &str = "127.0.0.1:7000";
const SECOND: &str = "127.0.0.1:7001";
const HOUR: Duration = Duration::from_secs(3_600);

fn target(address: &str) -> Target {
    Target { transport: TransportKind::Udp, remote: address.parse().unwrap() }
}

fn wanted() -> Registration {
    Registration {
        registrar: "sip:provider.example".to_owned(),
        address: "sip:4930123@provider.example".to_owned(),
        contact_user: "4930123".to_owned(),
        targets: vec![target(FIRST), target(SECOND)],
        advertised: None,
        server_name: None,
        credentials: vec![Credentials {
            username: "alice".to_owned(),
            password: "secret".to_owned(),
            realm: None,
        }],
        expires: HOUR,
        keeps_alive: false,
    }
}

struct Registrar {
    world: World,
    key: RegistrationKey,
    seen: usize,
}

impl Registrar {
    fn of(wanted: &Registration) -> Self {
        let mut world = World::new(1, 1, FAIR);
        let now = world.now;
        let key = world.agents[0].endpoint.register(now, wanted).unwrap();
        world.run(Duration::from_millis(1));
        Self { world, key, seen: 0 }
    }

    /// What came since the last look, each message once: where to, and what.
    fn heard(&mut self) -> Vec<(String, Vec<u8>)> {
        let mut new: Vec<(String, Vec<u8>)> = Vec::new();
        for (to, bytes) in &self.world.astray[self.seen..] {
            let message = (to.to_string(), bytes.clone());
            if !new.contains(&message) {
                new.push(message);
            }
        }
        self.seen = self.world.astray.len();
        new
    }

    /// The only request that came.
    fn asked(&mut self) -> Vec<u8> {
        let heard = self.heard();
        assert_eq!(
            heard.len(),
            1,
            "{:?}",
            heard.iter().map(|(_, bytes)| start_line(bytes)).collect::<Vec<_>>()
        );
        assert_eq!(start_line(&heard[0].1), "REGISTER sip:provider.example SIP/2.0");
        heard[0].1.clone()
    }

    fn respond(&mut self, request: &[u8], status: &str, more: &str) {
        let response = response_to(request, status, "x", more, "");
        self.world.inject(FIRST.parse().unwrap(), 0, response.as_bytes());
        self.world.run(Duration::from_millis(1));
    }

    fn events(&self) -> Vec<RegistrationEvent> {
        self.world.agents[0].registrations.iter().map(|(_, event)| event.clone()).collect()
    }

    fn last(&self) -> RegistrationEvent {
        self.events().pop().expect("something happened")
    }

    fn run(&mut self, time: Duration) {
        self.world.run(time);
    }

    fn unregister(&mut self) {
        let now = self.world.now;
        self.world.agents[0].endpoint.unregister(now, self.key).unwrap();
        self.world.run(Duration::from_millis(1));
    }

    fn assert_gone(&mut self) {
        assert_eq!(self.last(), RegistrationEvent::Unregistered);
        let events = self.events().len();
        self.run(HOUR);
        assert_eq!(self.events().len(), events, "nothing follows");
        let counters = self.world.counters(0);
        assert_eq!((counters.registrations, counters.transactions, counters.connections), (0, 0, 0));
        let now = self.world.now;
        assert_eq!(self.world.agents[0].endpoint.unregister(now, self.key), Err(CallError::NoCall));
    }
}

/// Shows RFC 3261 §10.2: one Call-ID for all, CSeq up by one, To and From the address of record.
/// Shows RFC 3261 §10.2.4: the registrar's time counts, and is refreshed before its end.
/// Shows RFC 3261 §10.2.2: at the end the contact is taken back with a time of zero.
#[test]
fn a_registration_is_refreshed_and_taken_back() {
    let mut registrar = Registrar::of(&wanted());
    let first = registrar.asked();
    assert_eq!(header(&first, "Contact").as_deref(), Some("<sip:4930123@127.0.0.1:5060>"));
    assert_eq!(header(&first, "Expires").as_deref(), Some("3600"));
    assert_eq!(header(&first, "To").as_deref(), Some("<sip:4930123@provider.example>"));
    let granted =
        "Contact: <sip:4930123@127.0.0.1:5060>;expires=100\r\nService-Route: <sip:edge.example;lr>\r\n";
    registrar.respond(&first, "200 OK", granted);
    let RegistrationEvent::Registered { until, target: by, service_route } = registrar.last() else {
        panic!("not registered")
    };
    assert_eq!((by, service_route), (target(FIRST), vec!["<sip:edge.example;lr>".to_owned()]));
    assert!((99..=100).contains(&(until - registrar.world.now).as_secs()));

    registrar.run(Duration::from_secs(74));
    assert!(registrar.heard().is_empty());
    registrar.run(Duration::from_secs(17));
    let second = registrar.asked();
    assert_eq!(header(&first, "Call-ID"), header(&second, "Call-ID"));
    assert_eq!(header(&first, "From"), header(&second, "From"));
    assert_eq!(header(&second, "CSeq").as_deref(), Some("2 REGISTER"));
    registrar.respond(&second, "200 OK", "Expires: 100\r\n");
    assert_eq!(registrar.events().len(), 2);

    registrar.unregister();
    let last = registrar.asked();
    assert_eq!(header(&last, "Expires").as_deref(), Some("0"));
    assert_eq!(header(&last, "Contact"), header(&first, "Contact"));
    registrar.respond(&last, "200 OK", "");
    registrar.assert_gone();
}

/// Shows RFC 3261 §22.2: a registrar that asks who we are is told, and from then on without being asked.
#[test]
fn a_registrar_that_challenges_is_answered() {
    let mut registrar = Registrar::of(&wanted());
    let source = IpAddr::from([127, 0, 0, 1]);
    let mut verifier = Verifier::new(registrar.world.now, VerifierConfig::new("provider.example", [1; 32]));
    let first = registrar.asked();
    let challenge = verifier.challenge(registrar.world.now, source, false);
    let lines: String =
        challenge.values().iter().map(|value| format!("WWW-Authenticate: {value}\r\n")).collect();
    registrar.respond(&first, "401 Unauthorized", &lines);
    let mut cseqs = vec![header(&first, "CSeq").unwrap()];
    for _ in 0..2 {
        let request = registrar.asked();
        cseqs.push(header(&request, "CSeq").unwrap());
        let value = header(&request, "Authorization").unwrap();
        let given = DigestCredentials::parse(value.as_bytes(), b"REGISTER", b"").unwrap().unwrap();
        let verdict = verifier.verify(registrar.world.now, &given, source, &Secret::password("secret"));
        assert_eq!(verdict, Verdict::Right);
        registrar.respond(&request, "200 OK", "Expires: 60\r\n");
        registrar.run(Duration::from_secs(55));
    }
    assert_eq!(cseqs, ["1 REGISTER", "2 REGISTER", "3 REGISTER"]);
}

#[test]
fn a_wrong_password_waits_longer_and_longer() {
    let mut registrar = Registrar::of(&wanted());
    let challenge = "WWW-Authenticate: Digest realm=\"p\", nonce=\"n\", qop=\"auth\"\r\n";
    let mut waits = Vec::new();
    for _ in 0..3 {
        for _ in 0..2 {
            let request = registrar.asked();
            registrar.respond(&request, "401 Unauthorized", challenge);
        }
        let RegistrationEvent::Failed { status, retry_at } = registrar.last() else { panic!("no failure") };
        assert_eq!(status, Some(401));
        waits.push((retry_at - registrar.world.now).as_secs());
        let wait = retry_at - registrar.world.now;
        registrar.run(wait);
    }
    assert!(waits[0] >= 14 && waits[0] <= 30 && waits[2] >= 59 && waits[2] <= 120, "{waits:?}");
    assert_eq!(registrar.events().len(), 3);
}

/// Shows RFC 3261 §10.2.8: a time that is too brief for the registrar is raised to its least.
#[test]
fn too_brief_a_time_is_raised() {
    let mut registrar = Registrar::of(&Registration { expires: Duration::from_secs(60), ..wanted() });
    let first = registrar.asked();
    registrar.respond(&first, "423 Interval Too Brief", "Min-Expires: 1800\r\n");
    let second = registrar.asked();
    assert_eq!(header(&second, "Expires").as_deref(), Some("1800"));
    registrar.respond(&second, "200 OK", "");
    let RegistrationEvent::Registered { until, .. } = registrar.last() else { panic!("not registered") };
    assert!((1_799..=1_800).contains(&(until - registrar.world.now).as_secs()));
}

/// Shows RFC 3263 §4.3: a registrar that is silent or busy is followed by the next.
#[test]
fn silent_and_busy_registrars_are_followed_by_the_next() {
    let mut registrar = Registrar::of(&wanted());
    registrar.run(Duration::from_secs(33));
    let heard = registrar.heard();
    let places: Vec<_> = heard.iter().map(|(to, _)| to.as_str()).collect();
    assert_eq!(places, [FIRST, SECOND]);
    registrar.respond(&heard[1].1, "503 Service Unavailable", "Retry-After: 300\r\n");
    let RegistrationEvent::Failed { status: Some(503), retry_at } = registrar.last() else {
        panic!("no failure")
    };
    assert!((299..=300).contains(&(retry_at - registrar.world.now).as_secs()), "as long as it asked for");
    registrar.run(Duration::from_secs(301));
    assert_eq!(registrar.heard()[0].0, FIRST);
}

#[test]
fn what_is_taken_back_during_a_request_is_taken_back_after_its_answer() {
    let mut registrar = Registrar::of(&wanted());
    registrar.unregister();
    let first = registrar.asked();
    registrar.respond(&first, "200 OK", "");
    let last = registrar.asked();
    assert_eq!(header(&last, "Expires").as_deref(), Some("0"));
    registrar.run(Duration::from_secs(33));
    registrar.assert_gone();
}

#[test]
fn what_was_never_registered_is_not_taken_back() {
    let mut registrar = Registrar::of(&wanted());
    let first = registrar.asked();
    registrar.respond(&first, "403 Forbidden", "");
    assert!(matches!(registrar.last(), RegistrationEvent::Failed { status: Some(403), .. }));
    registrar.unregister();
    assert!(registrar.heard().is_empty());
    registrar.assert_gone();
}

/// Shows RFC 5626 §4.4: the way stays open by empty lines, each some time before a router forgets it.
#[test]
fn the_way_is_kept_open() {
    let mut registrar = Registrar::of(&Registration { keeps_alive: true, ..wanted() });
    let first = registrar.asked();
    registrar.respond(&first, "200 OK", "");
    registrar.run(Duration::from_secs(290));
    let pings = registrar.world.astray.iter().filter(|(_, bytes)| bytes == b"\r\n\r\n").count();
    assert!((10..=12).contains(&pings), "{pings}");
}

/// What an endpoint had to say: the connection it opened, what it sent by it, what became of the registration.
#[derive(Debug, Default)]
struct Said {
    opened: Option<ConnectionId>,
    sent: Vec<Vec<u8>>,
    events: Vec<RegistrationEvent>,
}

fn said(endpoint: &mut Endpoint) -> Said {
    let mut said = Said::default();
    while let Some(output) = endpoint.poll_output() {
        match output {
            Output::Connect { connection, .. } => said.opened = Some(connection),
            Output::SendStream { bytes, .. } => said.sent.push(bytes),
            Output::Registration(_, event) => said.events.push(event),
            Output::SendDatagram { .. }
            | Output::Disconnect { .. }
            | Output::Locate { .. }
            | Output::Subscription(..)
            | Output::Call(..) => {}
        }
    }
    said
}

/// Lets time pass until then.
fn run_until(endpoint: &mut Endpoint, end: std::time::Instant) {
    while let Some(next) = endpoint.poll_timeout().filter(|next| *next <= end) {
        endpoint.handle_timeout(next);
    }
}

/// Shows RFC 5626 §4.5: where the connection is lost the registration is made anew by another, soon.
#[test]
fn a_lost_connection_is_followed_by_a_registration_on_a_new_one() {
    let now = World::new(0, 1, FAIR).now;
    let mut endpoint = Endpoint::new(config("127.0.0.1:5060".parse().unwrap()));
    let targets = vec![Target { transport: TransportKind::Tcp, remote: FIRST.parse().unwrap() }];
    endpoint.register(now, &Registration { targets, keeps_alive: true, ..wanted() }).unwrap();
    let begun = said(&mut endpoint);
    let first = begun.opened.unwrap();
    let contact = header(&begun.sent[0], "Contact").unwrap();
    assert_eq!(contact, "<sip:4930123@127.0.0.1:5060;transport=tcp>");
    endpoint.handle_connected(now, first, "127.0.0.1:40000".parse().unwrap());
    endpoint.handle_stream(now, first, response_to(&begun.sent[0], "200 OK", "x", "", "").as_bytes());
    assert!(matches!(said(&mut endpoint).events[..], [RegistrationEvent::Registered { .. }]));
    let later = now + Duration::from_secs(600);
    run_until(&mut endpoint, later);
    let pings = said(&mut endpoint).sent;
    assert!((5..=6).contains(&pings.len()) && pings.iter().all(|bytes| bytes == b"\r\n\r\n"), "{pings:?}");
    assert_eq!(endpoint.counters().connections, 1, "it stays open");

    endpoint.handle_disconnected(later, first);
    let lost = said(&mut endpoint);
    let [RegistrationEvent::Failed { status: None, retry_at }] = lost.events[..] else { panic!("{lost:?}") };
    assert!(retry_at - later <= Duration::from_secs(30));
    run_until(&mut endpoint, retry_at);
    let again = said(&mut endpoint);
    assert!(again.opened.is_some_and(|second| second != first));
    assert!(again.sent[0].starts_with(b"REGISTER"));
}

#[test]
fn registrations_are_bounded_and_nonsense_is_refused() {
    let mut world = World::new(1, 1, FAIR);
    let now = world.now;
    let endpoint = &mut world.agents[0].endpoint;
    let six: SocketAddr = "[::1]:5060".parse().unwrap();
    for nonsense in [
        Registration { registrar: "tel:1".to_owned(), ..wanted() },
        Registration { address: "sip:a@b\r\nX: 1".to_owned(), ..wanted() },
        Registration { targets: Vec::new(), ..wanted() },
        Registration { targets: vec![Target { transport: TransportKind::Udp, remote: six }], ..wanted() },
        Registration { expires: Duration::ZERO, ..wanted() },
    ] {
        assert_eq!(endpoint.register(now, &nonsense), Err(CallError::WrongState), "{nonsense:?}");
    }
    for _ in 0..1_024 {
        endpoint.register(now, &wanted()).unwrap();
    }
    assert_eq!(endpoint.register(now, &wanted()), Err(CallError::Full));
}
