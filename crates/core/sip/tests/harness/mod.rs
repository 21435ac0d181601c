//! Two endpoints on a wire in memory, in virtual time.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    reason = "each test binary uses a part of it"
)]

pub mod callee;
pub mod peers;
pub mod phone;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use partyline_sip::endpoint::{
    CallEvent, CallKey, ConnectionId, Endpoint, EndpointConfig, EndpointCounters, Listen, OutgoingCall,
    Output, RegistrationEvent, RegistrationKey, SubscriptionEvent, SubscriptionKey, Target, TransportKind,
};
use partyline_sip::rules::DialogRules;
use partyline_sip::sdp::{Capabilities, CodecName, KeySeed, MediaSecurity};

/// What may happen to a datagram.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    pub lost_percent: u64,
    pub doubled_percent: u64,
    pub delay_max: Duration,
}

pub const UDP: TransportKind = TransportKind::Udp;

pub const FAIR: Weather = Weather { lost_percent: 0, doubled_percent: 0, delay_max: Duration::ZERO };

#[derive(Debug)]
pub struct Agent {
    pub endpoint: Endpoint,
    pub address: SocketAddr,
    pub events: Vec<(CallKey, CallEvent)>,
    pub registrations: Vec<(RegistrationKey, RegistrationEvent)>,
    pub subscriptions: Vec<(SubscriptionKey, SubscriptionEvent)>,
}

enum Flying {
    Datagram { from: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
    Stream { from: usize, connection: ConnectionId, bytes: Vec<u8> },
    Connect { from: usize, connection: ConnectionId, to: SocketAddr },
    Disconnect { from: usize, connection: ConnectionId },
}

pub struct World {
    pub now: Instant,
    pub agents: Vec<Agent>,
    pub weather: Weather,
    /// Every message in the order of sending: sender, bytes.
    pub sent: Vec<(usize, Vec<u8>)>,
    /// Where connections are neither taken nor refused.
    pub silent: Vec<SocketAddr>,
    /// Datagrams to nobody.
    pub astray: Vec<(SocketAddr, Vec<u8>)>,
    flying: BTreeMap<(Instant, u64), Flying>,
    peers: BTreeMap<(usize, ConnectionId), (usize, ConnectionId)>,
    drawn: u64,
    random: u64,
    accepted: u64,
}

pub fn codec(encoding: &str, payload_type: u8) -> CodecName {
    CodecName::new(encoding, 8_000, payload_type)
}

pub fn capabilities(port: u16) -> Capabilities {
    Capabilities {
        address: "127.0.0.1".parse().unwrap(),
        port,
        codecs: vec![codec("PCMU", 0), codec("PCMA", 8)],
        telephone_event: true,
        security: MediaSecurity::Refuse,
        key_seed: KeySeed::new([port as u8; 32]),
    }
}

pub fn config(address: SocketAddr) -> EndpointConfig {
    let listen = |transport| Listen { transport, local: address, advertised: address };
    EndpointConfig {
        user_agent: "Partyline".to_owned(),
        listens: vec![listen(TransportKind::Udp), listen(TransportKind::Tcp)],
        calls_max: 50,
        half_open_max: 20,
        half_open_per_source_max: 12,
        rules: DialogRules::default(),
        seed: [u8::try_from(address.port() % 251).unwrap(); 32],
        ..EndpointConfig::default()
    }
}

impl World {
    pub fn new(agents: usize, seed: u64, weather: Weather) -> Self {
        Self::with_rules(agents, seed, weather, &DialogRules::default())
    }

    /// Endpoints with rules of their own.
    pub fn with_rules(agents: usize, seed: u64, weather: Weather, rules: &DialogRules) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a beginning of virtual time; no other clock is read")]
        let now = Instant::now();
        let agent = |index: usize| {
            let address = SocketAddr::from(([127, 0, 0, 1], 5060 + u16::try_from(index).unwrap()));
            let config = EndpointConfig { rules: rules.clone(), ..config(address) };
            Agent {
                endpoint: Endpoint::new(config),
                address,
                events: Vec::new(),
                registrations: Vec::new(),
                subscriptions: Vec::new(),
            }
        };
        Self {
            now,
            agents: (0..agents).map(agent).collect(),
            weather,
            sent: Vec::new(),
            silent: Vec::new(),
            astray: Vec::new(),
            flying: BTreeMap::new(),
            peers: BTreeMap::new(),
            drawn: 0,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            accepted: 0,
        }
    }

    pub fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below.max(1)
    }

    fn fly(&mut self, after: Duration, what: Flying) {
        self.drawn += 1;
        self.flying.insert((self.now + after, self.drawn), what);
    }

    /// Puts a datagram on the wire as if somebody had sent it.
    pub fn inject(&mut self, from: SocketAddr, to: usize, bytes: &[u8]) {
        let (now, local) = (self.now, self.agents[to].address);
        self.agents[to].endpoint.handle_datagram(now, local, from, bytes);
        self.drain();
    }

    /// Takes what the endpoints have to say.
    pub fn drain(&mut self) {
        for index in 0..self.agents.len() {
            while let Some(output) = self.agents[index].endpoint.poll_output() {
                match output {
                    Output::SendDatagram { local, remote, bytes } => {
                        self.send_datagram(index, local, remote, bytes)
                    }
                    Output::SendStream { connection, bytes } => {
                        self.sent.push((index, bytes.clone()));
                        self.fly(
                            Duration::from_micros(10),
                            Flying::Stream { from: index, connection, bytes },
                        );
                    }
                    Output::Connect { connection, remote, .. } => {
                        self.fly(Duration::ZERO, Flying::Connect { from: index, connection, to: remote })
                    }
                    Output::Disconnect { connection } => {
                        self.fly(Duration::from_micros(10), Flying::Disconnect { from: index, connection })
                    }
                    Output::Subscription(key, event) => self.agents[index].subscriptions.push((key, event)),
                    Output::Registration(key, event) => self.agents[index].registrations.push((key, event)),
                    // A test that looks names up takes these itself.
                    Output::Locate { .. } => {}
                    Output::Call(call, event) => self.agents[index].events.push((call, event)),
                }
            }
        }
    }

    fn send_datagram(&mut self, index: usize, local: SocketAddr, remote: SocketAddr, bytes: Vec<u8>) {
        self.sent.push((index, bytes.clone()));
        let Weather { lost_percent, doubled_percent, delay_max } = self.weather;
        let copies = if self.random(100) < lost_percent {
            0
        } else {
            1 + u64::from(self.random(100) < doubled_percent)
        };
        for _ in 0..copies {
            let delay = Duration::from_micros(self.random(u64::try_from(delay_max.as_micros()).unwrap() + 1));
            self.fly(delay, Flying::Datagram { from: local, to: remote, bytes: bytes.clone() });
        }
    }

    fn land(&mut self, what: Flying) {
        let now = self.now;
        match what {
            Flying::Datagram { from, to, bytes } => {
                match self.agents.iter_mut().find(|agent| agent.address == to) {
                    Some(agent) => agent.endpoint.handle_datagram(now, to, from, &bytes),
                    None => self.astray.push((to, bytes)),
                }
            }
            Flying::Stream { from, connection, bytes } => {
                if let Some((to, there)) = self.peers.get(&(from, connection)).copied() {
                    self.agents[to].endpoint.handle_stream(now, there, &bytes);
                }
            }
            Flying::Connect { from, connection, to } => {
                let local =
                    SocketAddr::from(([127, 0, 0, 1], 40_000 + u16::try_from(self.accepted).unwrap()));
                if self.silent.contains(&to) {
                    return;
                }
                let Some(there) = self.agents.iter().position(|agent| agent.address == to) else {
                    self.agents[from].endpoint.handle_disconnected(now, connection);
                    return;
                };
                self.accepted += 1;
                let accepted = ConnectionId(self.accepted);
                self.peers.insert((from, connection), (there, accepted));
                self.peers.insert((there, accepted), (from, connection));
                self.agents[there].endpoint.handle_accepted(now, accepted, to, local);
                self.agents[from].endpoint.handle_connected(now, connection, local);
            }
            Flying::Disconnect { from, connection } => {
                if let Some((to, there)) = self.peers.remove(&(from, connection)) {
                    self.peers.remove(&(to, there));
                    self.agents[to].endpoint.handle_disconnected(now, there);
                }
            }
        }
    }

    /// Breaks every connection.
    pub fn cut(&mut self) {
        for (end, _) in std::mem::take(&mut self.peers) {
            let now = self.now;
            self.agents[end.0].endpoint.handle_disconnected(now, end.1);
        }
        self.drain();
    }

    /// Lets time pass, and everything happen that happens in it.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.drain();
            let timers = self.agents.iter().filter_map(|agent| agent.endpoint.poll_timeout());
            let next = timers.chain(self.flying.keys().next().map(|(at, _)| *at)).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let what = entry.remove();
                self.land(what);
                self.drain();
            }
            let now = self.now;
            for agent in &mut self.agents {
                agent.endpoint.handle_timeout(now);
            }
        }
        self.now = end;
    }

    pub fn call(&mut self, from: usize, to: usize, transport: TransportKind) -> CallKey {
        let outgoing = outgoing(self.agents[to].address, transport);
        let now = self.now;
        let call = self.agents[from].endpoint.call(now, &outgoing).unwrap();
        self.drain();
        call
    }

    /// The newest incoming call.
    pub fn incoming(&self, at: usize) -> CallKey {
        let incoming =
            self.agents[at].events.iter().rev().find(|(_, event)| matches!(event, CallEvent::Incoming(_)));
        incoming.expect("a call came in").0
    }

    pub fn answer(&mut self, at: usize, call: CallKey) {
        let now = self.now;
        self.agents[at].endpoint.answer(now, call, &capabilities(4_000)).unwrap();
        self.drain();
    }

    /// What happened to a call.
    pub fn events(&self, at: usize, call: CallKey) -> Vec<CallEvent> {
        self.agents[at]
            .events
            .iter()
            .filter(|(key, _)| *key == call)
            .map(|(_, event)| event.clone())
            .collect()
    }

    /// What happened to a subscription.
    pub fn watched(&self, at: usize, subscription: SubscriptionKey) -> Vec<SubscriptionEvent> {
        let of_it = self.agents[at].subscriptions.iter().filter(|(key, _)| *key == subscription);
        of_it.map(|(_, event)| event.clone()).collect()
    }

    pub fn counters(&self, at: usize) -> EndpointCounters {
        self.agents[at].endpoint.counters()
    }

    /// The first lines of all that was sent, with who sent it.
    pub fn ladder(&self) -> Vec<String> {
        self.sent.iter().map(|(from, bytes)| format!("{from}: {}", start_line(bytes))).collect()
    }
}

pub fn outgoing(remote: SocketAddr, transport: TransportKind) -> OutgoingCall {
    OutgoingCall {
        from_user: "alice".to_owned(),
        from_display: "Alice \"A\"".to_owned(),
        ..OutgoingCall::new(
            &format!("sip:12345678@{remote}"),
            Target { transport, remote },
            capabilities(6_000),
        )
    }
}

pub fn start_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned()
}

/// The status of a response.
pub fn status(bytes: &[u8]) -> u16 {
    start_line(bytes).split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}
