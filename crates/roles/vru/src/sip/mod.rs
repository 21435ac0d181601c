//! The SIP front door: one task, on a thread of its own, owns the endpoint and hands calls to theirs.
//!
//! **Invariant:** this task never waits for a call, a connection or a socket: what can't be handed over at once is
//! counted and dropped, and the protocol repeats it.

mod addressing;
mod commands;
mod gate;
mod gauges;
mod inbox;
mod setups;
mod sockets;
mod streams;
mod thread;
mod tls;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use partyline_sip::endpoint::{
    Arrival, Because, CallEnd, CallError, CallEvent, CallKey, ConnectionId, Endpoint, EndpointConfig, Listen,
    OutgoingCall, Output, Refusals, Registration, RegistrationEvent, RegistrationKey, Target, TransportKind,
};
use partyline_sip::locate::{Located, Reachable};
use partyline_sip::rules::{DialogRules, Network, Referrals, SessionRules};
use partyline_tls::PeerIdentity;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::clock::{now, sleep_until};
use crate::locator::Locator;
use crate::sources::{Sources, TurnedAway};
use commands::Command;
use inbox::{Inbox, InboxSender, Waiting};
use setups::Setups;
use streams::{Peer, Stream, Streams};

pub(crate) use addressing::Addressing;
pub(crate) use commands::SipCommands;
pub(crate) use gate::{Gate, Lag};
pub(crate) use sockets::BoundSip;
pub(crate) use thread::{SipRuntime, SipThread};
pub(crate) use tls::TlsSide;

/// Commands of calls that wait for the endpoint.
const COMMANDS_MAX: usize = 1024;
/// Events of one call that wait for its task. A call has a handful in its life; only a flood of INFO fills this.
const CALL_EVENTS_MAX: usize = 64;
/// Who may have callers called by REFER: nobody, and Allow does not offer it.
const REFERRALS: Referrals = Referrals::Refused;
/// How long a whole VRU that is full asks callers' networks to stay away.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(5);

/// One address that takes calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SipAddress {
    /// How.
    pub transport: TransportKind,
    /// The bound address.
    pub local: SocketAddr,
    /// The address that others are told.
    pub advertised: SocketAddr,
}

/// What comes in from sockets.
#[derive(Debug)]
pub(crate) enum SipInput {
    Datagram { local: SocketAddr, remote: SocketAddr, bytes: Vec<u8> },
    Accepted { stream: Stream, local: SocketAddr, remote: SocketAddr, identity: Option<Arc<PeerIdentity>> },
    Connected { connection: ConnectionId, local: SocketAddr },
    Bytes { connection: ConnectionId, bytes: Vec<u8> },
    Disconnected { connection: ConnectionId },
    Located { call: CallKey, targets: Vec<Located> },
}

/// A call for whoever runs calls.
#[derive(Debug)]
pub(crate) struct NewCall {
    pub(crate) key: CallKey,
    pub(crate) incoming: Box<partyline_sip::endpoint::IncomingCall>,
    /// Who calls, where they showed a certificate that somebody we trust vouches for.
    pub(crate) peer: Option<Arc<PeerIdentity>>,
    pub(crate) events: mpsc::Receiver<Box<CallEvent>>,
    pub(crate) commands: SipCommands,
}

/// A registration of ours, and the newest word of it.
#[derive(Debug)]
pub(crate) struct RegistrationEvents {
    pub(crate) key: RegistrationKey,
    pub(crate) states: watch::Receiver<Option<RegistrationEvent>>,
}

/// A call that we make.
#[derive(Debug)]
pub(crate) struct PlacedCall {
    pub(crate) key: CallKey,
    pub(crate) events: mpsc::Receiver<Box<CallEvent>>,
}

/// Takes calls; gives one back that it has no place for.
pub(crate) type TakeCall = Box<dyn FnMut(NewCall) -> Result<(), NewCall> + Send>;

/// The task's state.
pub(crate) struct SipTask {
    endpoint: Endpoint,
    streams: Streams,
    calls: HashMap<CallKey, mpsc::Sender<Box<CallEvent>>>,
    registrations: HashMap<RegistrationKey, watch::Sender<Option<RegistrationEvent>>>,
    commands: mpsc::Receiver<Command>,
    handle: SipCommands,
    take_call: TakeCall,
    door: Door,
    /// Calls that came in and are not answered, which is what tells many from few.
    setups: Setups,
    locator: Locator,
    sources: Sources,
    elsewhere: Handle,
}

/// What stands between the sockets and the endpoint.
pub(crate) struct Door {
    pub(crate) sockets: BoundSip,
    pub(crate) tls: Option<TlsSide>,
    pub(crate) addressing: Arc<Addressing>,
    pub(crate) gate: Gate,
}

impl SipTask {
    pub(crate) fn new(door: Door, config: SipSettings, take_call: TakeCall) -> (Self, SipCommands) {
        let listens = door
            .sockets
            .addresses()
            .iter()
            .map(|address| Listen {
                transport: address.transport,
                local: address.local,
                advertised: address.advertised,
            })
            .collect();
        let endpoint = Endpoint::new(EndpointConfig {
            user_agent: config.user_agent,
            listens,
            calls_max: config.calls_max,
            half_open_max: config.half_open_max,
            half_open_per_source_max: config.half_open_max.div_ceil(2),
            rules: DialogRules {
                trusted: config.trusted,
                session: config.session,
                referrals: REFERRALS,
                ..DialogRules::default()
            },
            seed: rand::random(),
            ..EndpointConfig::default()
        });
        let (commands, received) = mpsc::channel(COMMANDS_MAX);
        let handle = SipCommands(commands);
        let task = Self {
            endpoint,
            streams: Streams::default(),
            calls: HashMap::new(),
            registrations: HashMap::new(),
            commands: received,
            handle: handle.clone(),
            take_call,
            door,
            setups: Setups::default(),
            locator: config.locator,
            sources: config.sources,
            elsewhere: config.elsewhere,
        };
        (task, handle)
    }

    /// Runs until it is closed.
    pub(crate) async fn run(mut self, closer: CancellationToken) {
        let (sender, mut inbox) = Inbox::new(self.sources.clone());
        let mut ticks = tokio::time::interval(gauges::PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let _readers = self.door.sockets.read(self.door.tls.as_ref(), &sender, &closer);
        loop {
            let due = self.endpoint.poll_timeout();
            tokio::select! {
                () = closer.cancelled() => break,
                Some(waiting) = inbox.next() => self.input(waiting, &sender, &closer),
                Some(command) = self.commands.recv() => self.command(command),
                () = sleep_until(due) => self.endpoint.handle_timeout(now()),
                _ = ticks.tick() => self.tell_gauges(&inbox),
            }
            self.drain(&sender, &closer);
        }
    }

    fn tell_gauges(&self, inbox: &Inbox) {
        gauges::tell(&self.endpoint.counters());
        gauges::tell_queues(inbox.lengths(), self.commands.len(), self.streams.count(), self.setups.count());
    }

    fn input(&mut self, waiting: Waiting, sender: &InboxSender, closer: &CancellationToken) {
        let now = now();
        let waited = waiting.waited();
        metrics::histogram!("partyline_vru_input_wait_seconds").record(waited.as_secs_f64());
        self.endpoint.set_admission(self.door.gate.admission(waited, self.setups.rush(now)));
        let (source, before) = (self.source_of(&waiting.input), self.endpoint.refusals());
        self.hand_over(now, waiting.input, sender, closer);
        if let Some(source) = source {
            self.note(source, self.endpoint.refusals().since(&before));
        }
    }

    /// Whom an input comes from, where others sent it unasked.
    fn source_of(&self, input: &SipInput) -> Option<IpAddr> {
        match input {
            SipInput::Datagram { remote, .. } => Some(remote.ip()),
            SipInput::Bytes { connection, .. } => self.streams.source(*connection),
            SipInput::Accepted { .. }
            | SipInput::Connected { .. }
            | SipInput::Disconnected { .. }
            | SipInput::Located { .. } => None,
        }
    }

    /// Counts what one input of a source was refused.
    fn note(&self, source: IpAddr, refused: Refusals) {
        let Refusals { dropped, refused, overloaded, questions } = refused;
        for (what, times) in [
            (TurnedAway::Garbage, dropped),
            (TurnedAway::Refused, refused),
            (TurnedAway::Crowded, overloaded),
            (TurnedAway::Question, questions),
        ] {
            (0..times).for_each(|_| self.sources.note(what, source));
        }
    }

    fn hand_over(
        &mut self,
        now: std::time::Instant,
        input: SipInput,
        sender: &InboxSender,
        closer: &CancellationToken,
    ) {
        match input {
            SipInput::Datagram { local, remote, bytes } => {
                self.endpoint.handle_datagram_from(now, &self.arrival(local, remote), &bytes);
            }
            SipInput::Accepted { stream, local, remote, identity } => {
                let connection = self.streams.accept(stream, remote.ip(), identity, sender, closer);
                self.endpoint.handle_accepted_from(now, connection, &self.arrival(local, remote));
            }
            SipInput::Connected { connection, local } => {
                self.endpoint.handle_connected(now, connection, local)
            }
            SipInput::Bytes { connection, bytes } => self.endpoint.handle_stream(now, connection, &bytes),
            SipInput::Disconnected { connection } => {
                self.streams.forget(connection);
                self.endpoint.handle_disconnected(now, connection);
            }
            SipInput::Located { call, targets } => self.endpoint.handle_located(now, call, &targets),
        }
    }

    fn command(&mut self, command: Command) {
        let now = now();
        // An error says that the call is over, of which its task hears by `Ended`.
        match command {
            Command::Answer { call, capabilities, reply } => {
                self.setups.ended(call, now);
                let _ = reply.send(self.endpoint.answer(now, call, &capabilities));
            }
            Command::Ring(call) => {
                // A call that is over, or answered meanwhile, does not ring.
                let _ = self.endpoint.ring(now, call);
            }
            Command::Waits(call) => self.setups.ended(call, now),
            Command::Reject { call, status, because } => {
                self.setups.ended(call, now);
                let _ = self.endpoint.reject(now, call, status, &because);
            }
            Command::Challenge { call, challenge } => {
                let _ = self.endpoint.challenge(now, call, &challenge);
            }
            Command::Trust(trusted) => self.endpoint.trust(trusted),
            Command::Register { wanted, reply } => self.register(now, &wanted, reply),
            Command::Unregister(key) => {
                let _ = self.endpoint.unregister(now, key);
            }
            Command::Call { outgoing, reply } => self.call(now, &outgoing, reply),
            Command::HangUp { call, because } => {
                let _ = self.endpoint.hang_up(now, call, &because);
            }
            Command::Counters(reply) => {
                let _ = reply.send(self.endpoint.counters());
            }
            Command::TakeNoMore => self.door.gate.shut(),
        }
    }

    fn register(
        &mut self,
        now: std::time::Instant,
        wanted: &Registration,
        reply: oneshot::Sender<Result<RegistrationEvents, CallError>>,
    ) {
        let begun = self.endpoint.register(now, wanted).map(|key| {
            let (sender, states) = watch::channel(None);
            self.registrations.insert(key, sender);
            RegistrationEvents { key, states }
        });
        if let Err(Ok(begun)) = reply.send(begun) {
            let _ = self.endpoint.unregister(now, begun.key);
        }
    }

    fn registration_event(&mut self, key: RegistrationKey, event: RegistrationEvent) {
        let is_over = matches!(event, RegistrationEvent::Unregistered);
        if let Some(states) = self.registrations.get(&key) {
            states.send_replace(Some(event));
        }
        if is_over {
            self.registrations.remove(&key);
        }
    }

    fn call(
        &mut self,
        now: std::time::Instant,
        outgoing: &OutgoingCall,
        reply: oneshot::Sender<Result<PlacedCall, CallError>>,
    ) {
        let mut outgoing = outgoing.clone();
        let first = Target { transport: outgoing.transport, remote: outgoing.remote };
        outgoing.advertised = outgoing.advertised.or_else(|| self.told_to(first));
        for host in &mut outgoing.further_hosts {
            let first = host.places.first().copied();
            host.advertised = host.advertised.or_else(|| self.told_to(first?));
        }
        let placed = self.endpoint.call(now, &outgoing).map(|key| {
            let (events, received) = mpsc::channel(CALL_EVENTS_MAX);
            self.calls.insert(key, events);
            PlacedCall { key, events: received }
        });
        // Nobody waits for the call any more: nobody would ever hang it up.
        if let Err(Ok(placed)) = reply.send(placed) {
            self.calls.remove(&placed.key);
            let _ = self.endpoint.hang_up(now, placed.key, &Because::default());
        }
    }

    /// What whom we call is told as our address.
    fn told_to(&self, target: Target) -> Option<SocketAddr> {
        let Target { transport, remote } = target;
        let fits = |address: &&SipAddress| {
            address.transport == transport && address.local.is_ipv4() == remote.is_ipv4()
        };
        let local = self.door.sockets.addresses().iter().find(fits)?.local;
        Some(SocketAddr::new(self.door.addressing.told(local.ip(), remote.ip()), local.port()))
    }

    /// What the endpoint is to know of whom something comes from.
    fn arrival(&self, local: SocketAddr, remote: SocketAddr) -> Arrival {
        let told = self.door.addressing.told(local.ip(), remote.ip());
        Arrival { advertised: Some(SocketAddr::new(told, local.port())), ..Arrival::new(local, remote) }
    }

    fn drain(&mut self, sender: &InboxSender, closer: &CancellationToken) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::SendDatagram { local, remote, bytes } => {
                    self.door.sockets.send(local, remote, &bytes);
                }
                Output::SendStream { connection, bytes } => self.streams.send(connection, bytes),
                Output::Connect { connection, transport, local, remote, server_name } => {
                    let peer = Peer { transport, local, remote, server_name };
                    self.streams.connect(connection, peer, self.door.tls.clone(), sender, closer);
                }
                Output::Disconnect { connection } => self.streams.close(connection),
                Output::Locate { call, uri } => self.locate(call, uri, sender.clone()),
                Output::Registration(key, event) => self.registration_event(key, event),
                // By the rules nothing can be subscribed to, and nobody may refer.
                Output::Subscription(key, event) => drop((key, event)),
                Output::Call(key, event) => self.call_event(key, event),
            }
        }
    }

    /// Looks up where a call is sent on to. There are at most as many look-ups as calls, and each has its end.
    fn locate(&self, call: CallKey, uri: String, inputs: InboxSender) {
        let (locator, reachable) = (self.locator.clone(), reachable(self.door.sockets.addresses()));
        self.elsewhere.spawn(async move {
            let targets = locator.locate(&uri, &reachable).await.unwrap_or_default();
            let _ = inputs.send(SipInput::Located { call, targets }).await;
        });
    }

    fn call_event(&mut self, key: CallKey, event: CallEvent) {
        if let CallEvent::Incoming(incoming) = event {
            self.incoming(key, incoming);
            return;
        }
        let is_over = matches!(event, CallEvent::Ended(_));
        if let Some(call) = self.calls.get(&key)
            && let Err(mpsc::error::TrySendError::Full(_)) = call.try_send(Box::new(event))
        {
            metrics::counter!("partyline_vru_call_events_dropped_total").increment(1);
        }
        if is_over {
            // A full queue closes behind its last event, which says the same as `Ended`.
            self.calls.remove(&key);
            self.setups.ended(key, now());
        }
    }

    fn incoming(&mut self, key: CallKey, incoming: Box<partyline_sip::endpoint::IncomingCall>) {
        let (events, received) = mpsc::channel(CALL_EVENTS_MAX);
        let peer = incoming.connection.and_then(|connection| self.streams.identity(connection));
        let call = NewCall { key, incoming, peer, events: received, commands: self.handle.clone() };
        let is_taken = (self.take_call)(call).is_ok();
        if is_taken {
            self.calls.insert(key, events);
            self.setups.began(key, now());
            return;
        }
        warn!("a call is refused: no more are taken");
        metrics::counter!("partyline_vru_calls_refused_total").increment(1);
        let because =
            Because { text: "no more calls".to_owned(), cause: 503, retry_after: Some(RETRY_AFTER) };
        let _ = self.endpoint.reject(now(), key, 503, &because);
    }
}

/// Settings of the endpoint.
#[derive(Debug, Clone)]
pub(crate) struct SipSettings {
    /// Where look-ups run: not on the thread of the endpoint.
    pub(crate) elsewhere: Handle,
    pub(crate) locator: Locator,
    pub(crate) sources: Sources,
    pub(crate) user_agent: String,
    pub(crate) calls_max: usize,
    pub(crate) half_open_max: usize,
    pub(crate) trusted: Vec<Network>,
    pub(crate) session: Option<SessionRules>,
}

/// What can be reached from these addresses.
pub(crate) fn reachable(addresses: &[SipAddress]) -> Reachable {
    let mut transports: Vec<TransportKind> = Vec::new();
    for address in addresses {
        if !transports.contains(&address.transport) {
            transports.push(address.transport);
        }
    }
    let has = |is_family: fn(&SocketAddr) -> bool| addresses.iter().any(|address| is_family(&address.local));
    Reachable { transports, by_ipv4: has(SocketAddr::is_ipv4), by_ipv6: has(SocketAddr::is_ipv6) }
}

/// How a call's end reads for whoever was in it.
pub(crate) const fn leave_reason(end: &CallEnd) -> partyline_conference::LeaveReason {
    use partyline_conference::LeaveReason;
    match end {
        CallEnd::TheyHungUp(_) | CallEnd::Cancelled(_) => LeaveReason::HungUp,
        CallEnd::WeHungUp
        | CallEnd::Rejected
        | CallEnd::Challenged
        | CallEnd::Refused { .. }
        | CallEnd::NoAgreement
        | CallEnd::TimedOut => LeaveReason::CallFailed,
    }
}
