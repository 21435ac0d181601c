//! A whole endpoint: bytes become messages, connections, time and what its user does.
//!
//! What holds whatever comes: nothing panics, each call that was told of ends exactly once, and when all timers have
//! run out nothing is left. The user is a lazy one, who hangs up only where a deed says so.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use partyline_sip::auth::Credentials;
use partyline_sip::endpoint::{
    Because, CallEvent, CallKey, ConnectionId, Endpoint, EndpointConfig, EventBody, FurtherHost, Listen,
    Notice, OutgoingCall, Output, Refer, Subscribe, SubscriptionEvent, SubscriptionKey, Target, Termination,
    TransportKind,
};
use partyline_sip::rules::{DialogRules, EventPackage, Network, Referrals, Reliability};
use partyline_sip::sdp::Direction;

use crate::bytes::Bytes;
use crate::forge;
use crate::media::beginning;
use crate::text::capabilities;

/// Most deeds of one input.
const DEEDS_MAX: usize = 200;
/// Most messages of the endpoint's that are remembered for answers.
const HEARD_MAX: usize = 32;
/// Most outputs that one deed may have.
const OUTPUTS_MAX: usize = 2_000;
/// Most timers that run out until nothing is left; a call of a day that is refreshed now and then has some hundreds.
const TIMERS_MAX: usize = 100_000;
/// Most that an endpoint remembers of those who are gone.
const REMEMBERED_MAX: usize = 1_536;
/// Most subscriptions at once.
const SUBSCRIPTIONS_MAX: usize = 6;
/// What transactions of so few deeds may keep.
const BYTES_MAX: usize = DEEDS_MAX * 80_000;

struct Rig {
    now: Instant,
    endpoint: Endpoint,
    local: SocketAddr,
    /// What the endpoint sent, newest last.
    heard: VecDeque<String>,
    /// Calls, and whether they are over.
    calls: BTreeMap<CallKey, bool>,
    /// Subscriptions and referrals of both sides, and whether they are over.
    subscriptions: BTreeMap<SubscriptionKey, bool>,
    /// Connections that are up, with whether the endpoint wished for them.
    connections: BTreeMap<ConnectionId, bool>,
    accepted: u64,
    lived: Lived,
}

/// What an input came to: how deep it got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lived {
    /// Calls that came in.
    pub incoming: usize,
    /// Of these, answered and confirmed by ACK.
    pub confirmed: usize,
    /// Calls of ours that were answered.
    pub answered: usize,
    /// Changes of the media.
    pub changed: usize,
}

/// Runs deeds read from bytes, then lets all timers run out.
pub fn endpoint(bytes: &[u8]) {
    let _ = live(bytes);
}

/// The same, and says how deep it got.
#[must_use]
pub fn live(bytes: &[u8]) -> Lived {
    let mut bytes = Bytes(bytes);
    let mut rig = Rig::new(bytes.byte());
    for _ in 0..DEEDS_MAX {
        if bytes.is_empty() {
            break;
        }
        rig.perform(&mut bytes);
        let counters = rig.endpoint.counters();
        assert!(counters.transaction_bytes <= BYTES_MAX, "{counters:?}");
        assert!(counters.subscriptions <= SUBSCRIPTIONS_MAX, "{counters:?}");
        assert!(counters.half_open <= 8 && counters.calls <= 16, "{counters:?}");
    }
    rig.finish();
    rig.lived
}

/// What may be subscribed to, and who may refer.
fn watched(choice: u8, rules: &mut DialogRules) {
    if choice & 0x10 != 0 {
        rules.referrals = Referrals::Asked;
    }
    let (name, content_type) = ("conference".to_owned(), "application/conference-info+xml".to_owned());
    let package = EventPackage { name, content_type, expires: Duration::from_secs(600) };
    rules.subscriptions.packages.extend((choice & 0x20 != 0).then_some(package));
    rules.subscriptions.max = SUBSCRIPTIONS_MAX;
}

impl Rig {
    fn new(choice: u8) -> Self {
        let trusts_contacts = choice & 1 == 1;
        let reliability = match choice >> 2 & 3 {
            0 => Reliability::WhenSupported,
            1 => Reliability::Never,
            _ => Reliability::WhenRequired,
        };
        let mut rules = DialogRules { reliability, ..DialogRules::default() };
        let vouches = (choice & 2 != 0).then(|| Network::from(IpAddr::from([127, 0, 0, 2])));
        rules.trusted.extend(vouches);
        watched(choice, &mut rules);
        let local = SocketAddr::from(([127, 0, 0, 1], 5_060));
        let secure = SocketAddr::from(([127, 0, 0, 1], 5_061));
        let listen = |transport, local| Listen { transport, local, advertised: local };
        let config = EndpointConfig {
            user_agent: "fuzzed".to_owned(),
            listens: vec![
                listen(TransportKind::Udp, local),
                listen(TransportKind::Tcp, local),
                listen(TransportKind::Tls, secure),
            ],
            calls_max: 8,
            half_open_max: 4,
            half_open_per_source_max: 3,
            trusts_contacts,
            rules,
            seed: [7; 32],
        };
        Self {
            now: beginning(),
            endpoint: Endpoint::new(config),
            local,
            heard: VecDeque::new(),
            calls: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            connections: BTreeMap::new(),
            accepted: 0,
            lived: Lived::default(),
        }
    }

    fn perform(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.byte() % 16 {
            0 => {
                let length = usize::from(bytes.byte());
                let datagram = bytes.take(length);
                self.datagram(bytes.clone().byte(), datagram);
            }
            1..=3 => {
                let heard = self.choose_heard(bytes, |_| true);
                let message = forge::request(bytes, heard.as_deref());
                self.deliver(bytes, &message);
            }
            4 => {
                let accepted = |heard: &str| heard.starts_with("SIP/2.0 2") && heard.contains(" INVITE\r\n");
                if let Some(accepted) = self.choose_heard(bytes, accepted) {
                    self.datagram(0, &forge::ack(&accepted));
                }
            }
            5 | 6 => {
                if let Some(asked) = self.choose_heard(bytes, |heard| !heard.starts_with("SIP/2.0")) {
                    let message = forge::response(bytes, &asked);
                    self.deliver(bytes, &message);
                }
            }
            7 => self.stream(bytes),
            8 | 9 => self.wait(Duration::from_millis(1 << (bytes.byte() % 18))),
            10 => self.echo(bytes),
            11 => self.call_out(bytes),
            15 => self.watch(bytes),
            _ => self.command(bytes),
        }
        self.drain();
    }

    fn choose_heard(&self, bytes: &mut Bytes<'_>, fits: impl Fn(&str) -> bool) -> Option<String> {
        let fitting: Vec<_> = self.heard.iter().rev().filter(|heard| fits(heard)).collect();
        let choice = bytes.below(fitting.len().max(1));
        fitting.get(choice).map(|heard| (*heard).clone())
    }

    fn datagram(&mut self, source: u8, bytes: &[u8]) {
        let source = SocketAddr::from(([127, 0, 0, 1 + (source & 1)], 7_000));
        self.endpoint.handle_datagram(self.now, self.local, source, bytes);
    }

    /// By datagram, or on the newest connection.
    fn deliver(&mut self, bytes: &mut Bytes<'_>, message: &[u8]) {
        let way = bytes.byte();
        match self.connections.last_key_value() {
            Some((connection, _)) if way & 3 == 3 => {
                let connection = *connection;
                self.endpoint.handle_stream(self.now, connection, message);
            }
            Some(_) | None => self.datagram(way >> 7, message),
        }
    }

    fn stream(&mut self, bytes: &mut Bytes<'_>) {
        let choice = bytes.byte();
        let newest = self.connections.last_key_value().map(|(connection, is_ours)| (*connection, *is_ours));
        match (choice & 3, newest) {
            (0, _) | (_, None) => {
                self.accepted += 1;
                let connection = ConnectionId(self.accepted);
                self.connections.insert(connection, false);
                let remote = SocketAddr::from(([127, 0, 0, 1 + (choice >> 7)], 8_000 + u16::from(choice)));
                self.endpoint.handle_accepted(self.now, connection, self.local, remote);
            }
            (1, Some((connection, true))) => {
                self.endpoint.handle_connected(
                    self.now,
                    connection,
                    SocketAddr::from(([127, 0, 0, 1], 9_000)),
                );
            }
            (2, Some((connection, _))) => {
                self.connections.remove(&connection);
                self.endpoint.handle_disconnected(self.now, connection);
            }
            (_, Some((connection, _))) => {
                let length = usize::from(bytes.byte());
                let piece = bytes.take(length);
                self.endpoint.handle_stream(self.now, connection, piece);
            }
        }
    }

    /// A message of the endpoint's own comes back to it, perhaps bent.
    fn echo(&mut self, bytes: &mut Bytes<'_>) {
        let Some(heard) = self.choose_heard(bytes, |_| true) else { return };
        let mut message = heard.into_bytes();
        let place = usize::from(bytes.word()) % message.len().max(1);
        if let Some(octet) = message.get_mut(place) {
            *octet ^= bytes.byte();
        }
        self.datagram(0, &message);
    }

    fn call_out(&mut self, bytes: &mut Bytes<'_>) {
        let choice = bytes.byte();
        let transport = if choice & 1 == 0 { TransportKind::Udp } else { TransportKind::Tcp };
        let to = |transport, port| Target { transport, remote: SocketAddr::from(([127, 0, 0, 1], port)) };
        let others = [to(TransportKind::Udp, 7_001), to(TransportKind::Tls, 7_002)];
        let further = FurtherHost {
            target: "sip:100@further.example".to_owned(),
            places: vec![to(TransportKind::Udp, 7_000), to(TransportKind::Tcp, 7_003)],
            server_name: None,
            advertised: None,
        };
        let known = Credentials { username: "u".to_owned(), password: "p".to_owned(), realm: None };
        let outgoing = OutgoingCall {
            from_user: "us".to_owned(),
            delays_offer: choice & 2 != 0,
            credentials: if choice & 4 == 0 { Vec::new() } else { vec![known] },
            alternatives: others[..usize::from(choice >> 3 & 3).min(others.len())].to_vec(),
            further_hosts: if choice & 0x40 == 0 { Vec::new() } else { vec![further] },
            follows_redirects: choice & 0x20 != 0,
            ..OutgoingCall::new("sip:100@127.0.0.1:7000", to(transport, 7_000), capabilities())
        };
        if let Ok(call) = self.endpoint.call(self.now, &outgoing) {
            assert_eq!(self.calls.insert(call, false), None, "keys are never used again");
        }
    }

    /// What the user does to one of the calls; what does not fit its state is refused, and changes nothing.
    fn command(&mut self, bytes: &mut Bytes<'_>) {
        let choice = bytes.byte();
        let Some(call) =
            self.calls.keys().rev().nth(usize::from(choice >> 4) % self.calls.len().max(1)).copied()
        else {
            return;
        };
        let because = Because { text: "because".to_owned(), cause: 500, retry_after: None };
        let (now, endpoint, ours) = (self.now, &mut self.endpoint, capabilities());
        match choice % 8 {
            0 => drop(endpoint.ring(now, call)),
            1..=3 => drop(endpoint.answer(now, call, &ours)),
            4 => drop(endpoint.reject(now, call, u16::from(choice) * 3, &because)),
            5 => drop(endpoint.hang_up(now, call, &because)),
            6 => drop(endpoint.reoffer(now, call, &ours, Direction::SendOnly)),
            _ => drop(endpoint.reoffer(now, call, &ours, Direction::SendRecv)),
        }
    }

    /// What the user does about subscriptions and referrals.
    fn watch(&mut self, bytes: &mut Bytes<'_>) {
        let choice = bytes.byte();
        let place = usize::from(choice >> 4);
        let (now, endpoint) = (self.now, &mut self.endpoint);
        let (target, referred_by) = ("sip:200@127.0.0.1:7000".to_owned(), None);
        let refer = Refer { target, referred_by, is_reported: choice & 0x80 == 0 };
        let (package, accept) = ("conference".to_owned(), "*/*".to_owned());
        let subscribe = Subscribe { package, accept, expires: Duration::from_secs(90) };
        if let (0..=2, Some(call)) =
            (choice % 10, self.calls.keys().rev().nth(place % self.calls.len().max(1)))
        {
            let begun = match choice % 10 {
                0 => endpoint.subscribe(now, *call, &subscribe),
                _ => endpoint.refer(now, *call, &refer),
            };
            if let Ok(key) = begun {
                assert_eq!(self.subscriptions.insert(key, false), None, "keys are never used again");
            }
            return;
        }
        let known = self.subscriptions.len().max(1);
        let Some(key) = self.subscriptions.keys().rev().nth(place % known).copied() else { return };
        let content_type = "application/conference-info+xml".to_owned();
        let body = Some(EventBody { content_type, bytes: b"<x/>".as_slice().into() });
        let notice = Notice { is_pending: choice & 0x80 != 0, body: body.clone() };
        match choice % 10 {
            3 => drop(endpoint.accept_subscription(now, key, notice)),
            4 => drop(endpoint.accept_referral(now, key)),
            5 => drop(endpoint.refuse_subscription(now, key, u16::from(choice) * 3, &Because::default())),
            6 => drop(endpoint.notify(now, key, notice)),
            7 => drop(endpoint.report(now, key, u16::from(choice) * 3)),
            8 => drop(endpoint.end_subscription(now, key, Termination::NoResource, body)),
            _ => drop(endpoint.unsubscribe(now, key)),
        }
    }

    fn told_of_subscription(&mut self, key: SubscriptionKey, event: &SubscriptionEvent) {
        if matches!(event, SubscriptionEvent::Requested(_) | SubscriptionEvent::Referred(_)) {
            assert_eq!(self.subscriptions.insert(key, false), None, "keys are never used again");
        }
        let is_over = self.subscriptions.get_mut(&key).expect("it is told of before anything happens to it");
        assert!(!*is_over, "{event:?} after the end of {key:?}");
        *is_over = matches!(event, SubscriptionEvent::Ended(_));
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..TIMERS_MAX {
            let Some(next) = self.endpoint.poll_timeout().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            self.endpoint.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        for _ in 0..OUTPUTS_MAX {
            let Some(output) = self.endpoint.poll_output() else { return };
            if let Output::SendDatagram { bytes, .. } | Output::SendStream { bytes, .. } = output {
                self.hear(&bytes);
            } else if let Output::Connect { connection, .. } = output {
                self.connections.insert(connection, true);
            } else if let Output::Disconnect { connection } = output {
                self.connections.remove(&connection);
            } else if let Output::Call(call, event) = output {
                self.told(call, &event);
            } else if let Output::Subscription(key, event) = output {
                self.told_of_subscription(key, &event);
            }
        }
        panic!("one deed has no end of outputs");
    }

    fn hear(&mut self, bytes: &[u8]) {
        if self.heard.len() == HEARD_MAX {
            self.heard.pop_front();
        }
        self.heard.push_back(String::from_utf8_lossy(bytes).into_owned());
    }

    fn told(&mut self, call: CallKey, event: &CallEvent) {
        if matches!(event, CallEvent::Incoming(_)) {
            assert_eq!(self.calls.insert(call, false), None, "keys are never used again");
        }
        self.lived.incoming += usize::from(matches!(event, CallEvent::Incoming(_)));
        self.lived.confirmed += usize::from(matches!(event, CallEvent::Confirmed(_)));
        self.lived.answered += usize::from(matches!(event, CallEvent::Answered(_)));
        self.lived.changed += usize::from(matches!(event, CallEvent::Changed(_)));
        let is_over = self.calls.get_mut(&call).expect("a call is told of before anything happens to it");
        assert!(!*is_over, "{event:?} after the end of {call:?}");
        *is_over = matches!(event, CallEvent::Ended(_));
    }

    /// Nobody says anything more, and all connections break: everything ends by its timers.
    fn finish(&mut self) {
        for connection in std::mem::take(&mut self.connections).into_keys() {
            self.endpoint.handle_disconnected(self.now, connection);
            self.drain();
        }
        for timers in 0.. {
            // Connections that are wished for now never come up.
            for connection in std::mem::take(&mut self.connections).into_keys() {
                self.endpoint.handle_disconnected(self.now, connection);
                self.drain();
            }
            let Some(next) = self.endpoint.poll_timeout() else { break };
            assert!(timers < TIMERS_MAX, "timers without end: {:?}", self.endpoint.counters());
            self.now = self.now.max(next);
            self.endpoint.handle_timeout(self.now);
            self.drain();
        }
        let left = self.endpoint.counters();
        assert_eq!((left.calls, left.half_open), (0, 0), "{left:?}");
        assert_eq!((left.subscriptions, left.lone_dialogs), (0, 0), "{left:?}");
        assert_eq!((left.transactions, left.transaction_bytes, left.connections), (0, 0, 0), "{left:?}");
        assert_eq!(left.entries, 0, "{left:?}");
        assert!(left.remembered <= REMEMBERED_MAX, "{left:?}");
        assert!(self.calls.values().all(|is_over| *is_over), "a call was never told to be over");
        assert!(
            self.subscriptions.values().all(|is_over| *is_over),
            "a subscription was never told to be over"
        );
    }
}
