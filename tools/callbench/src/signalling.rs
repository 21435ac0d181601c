//! The one task for all signalling: sockets around a SIP endpoint.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use partyline_sip::endpoint::{
    Because, CallEnd, CallEvent, CallKey, ConnectionId, Endpoint, KeyBody, OutgoingCall, Output,
    TransportKind,
};
use partyline_sip::sdp::{Agreement, Capabilities, Direction};
use partyline_tls::Trust;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, oneshot, watch};

use crate::leg::{KeyToTell, LegKey};
use crate::media::{Command as MediaCommand, Media};
use crate::plan::Reception;
use crate::progress::Progress;

mod stream;

use stream::{StreamEvent, Streams};

/// A datagram of SIP is never longer.
const DATAGRAM_MAX: usize = 65_535;
/// Datagrams that are taken before timers are looked at again.
const BATCH_MAX: usize = 64;

/// What the task is told.
#[derive(Debug)]
pub(crate) enum Command {
    Call {
        outgoing: Box<OutgoingCall>,
        leg: LegKey,
        progress: watch::Sender<Progress>,
        habits: Habits,
    },
    /// Take the next call that comes in.
    Expect(Box<Expected>),
    /// Answer a call that rings.
    PickUp(LegKey),
    HangUp(LegKey),

    /// Change which way media flows; `done` is told what the other side agreed to, and dropped where it can't be asked.
    Change {
        leg: LegKey,
        flow: Flow,
        done: oneshot::Sender<Direction>,
    },
    /// Hang up all calls, and end with the last of them.
    Stop,
}

/// How a caller's telephone signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Habits {
    pub(crate) sends_ack: bool,
    /// How INFO carries keys.
    pub(crate) key_body: Option<KeyBody>,
    /// Whether each INFO goes out twice.
    pub(crate) doubles_keys: bool,
}

/// A telephone that waits to be called.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) leg: LegKey,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) capabilities: Capabilities,
    pub(crate) reception: Reception,
}

/// Which way a caller wants media to flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    BothWays,
    /// Held by `a=sendonly`.
    Held,
    /// Held by `c=IN IP4 0.0.0.0`.
    HeldByAddress,
}

/// The task's state.
pub(crate) struct Signalling {
    endpoint: Endpoint,
    udp: Arc<UdpSocket>,
    udp_local: SocketAddr,
    listener: TcpListener,
    streams: Streams,
    stream_events: mpsc::Receiver<StreamEvent>,
    commands: mpsc::Receiver<Command>,
    keys: mpsc::Receiver<KeyToTell>,
    media: Media,
    calls: HashMap<CallKey, Call>,
    by_leg: HashMap<LegKey, CallKey>,
    /// Telephones that wait to be called, in order.
    expected: VecDeque<Expected>,
    /// From users whose ACKs are held back.
    never_acking: HashSet<String>,
    /// From users whose INFOs go out twice.
    doubling: HashSet<String>,
}

struct Call {
    leg: LegKey,
    progress: watch::Sender<Progress>,
    capabilities: Capabilities,
    key_body: Option<KeyBody>,
    flow: Flow,
    changing: Option<oneshot::Sender<Direction>>,
}

impl Call {
    /// What the media is told: who holds has nothing to say.
    fn media_of(&self, agreement: Agreement) -> Agreement {
        match self.flow {
            Flow::BothWays => agreement,
            Flow::Held | Flow::HeldByAddress => Agreement { direction: Direction::Inactive, ..agreement },
        }
    }
}

impl Signalling {
    pub(crate) fn new(
        endpoint: Endpoint,
        udp: UdpSocket,
        listener: TcpListener,
        (commands, keys): (mpsc::Receiver<Command>, mpsc::Receiver<KeyToTell>),
        media: Media,
        trust: Trust,
    ) -> std::io::Result<Self> {
        let (streams, stream_events) = Streams::new(listener.local_addr()?, trust);
        Ok(Self {
            endpoint,
            udp_local: udp.local_addr()?,
            udp: Arc::new(udp),
            listener,
            streams,
            stream_events,
            commands,
            keys,
            media,
            calls: HashMap::new(),
            by_leg: HashMap::new(),
            expected: VecDeque::new(),
            never_acking: HashSet::new(),
            doubling: HashSet::new(),
        })
    }

    /// Runs until nobody can command it any more and all calls are over.
    pub(crate) async fn run(mut self) {
        let mut buffer = vec![0; DATAGRAM_MAX];
        let mut is_commanded = true;
        while is_commanded || !self.calls.is_empty() {
            let deadline = self.endpoint.poll_timeout();
            tokio::select! {
                command = self.commands.recv(), if is_commanded => match command {
                    Some(Command::Stop) | None => {
                        is_commanded = false;
                        self.hang_up_all();
                    }
                    Some(command) => self.obey(command),
                },
                Some(pressed) = self.keys.recv() => self.press(pressed),
                ready = self.udp.readable() => if ready.is_ok() { self.read_datagrams(&mut buffer) },
                Ok((stream, remote)) = self.listener.accept() => {
                    let connection = self.streams.accepted(stream);
                    let local = self.streams.local();
                    self.endpoint.handle_accepted(Instant::now(), connection, local, remote);
                }
                Some(event) = self.stream_events.recv() => self.read_stream(event),
                () = sleep_until(deadline), if deadline.is_some() => {
                    self.endpoint.handle_timeout(Instant::now());
                }
            }
            self.drain().await;
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Call { outgoing, leg, progress, habits } => {
                if !habits.sends_ack {
                    self.never_acking.insert(outgoing.from_user.clone());
                }
                if habits.doubles_keys {
                    self.doubling.insert(outgoing.from_user.clone());
                }
                match self.endpoint.call(Instant::now(), &outgoing) {
                    Ok(key) => {
                        self.by_leg.insert(leg, key);
                        let (capabilities, key_body) = (outgoing.capabilities, habits.key_body);
                        let (flow, changing) = (Flow::BothWays, None);
                        let call = Call { leg, progress, capabilities, key_body, flow, changing };
                        self.calls.insert(key, call);
                    }
                    Err(_) => {
                        progress.send_replace(Progress::Ended(CallEnd::Rejected));
                    }
                }
            }
            Command::Expect(expected) => self.expected.push_back(*expected),
            Command::PickUp(leg) => self.pick_up(leg),
            Command::HangUp(leg) => {
                self.expected.retain(|expected| expected.leg != leg);
                if let Some(&key) = self.by_leg.get(&leg) {
                    self.hang_up(key);
                }
            }
            Command::Change { leg, flow, done } => self.change(leg, flow, done),
            Command::Stop => self.hang_up_all(),
        }
    }

    fn press(&mut self, KeyToTell { leg, key }: KeyToTell) {
        let Some(call) = self.by_leg.get(&leg).copied() else { return };
        if let Some(body) = self.calls.get(&call).and_then(|call| call.key_body) {
            // A call that ends meanwhile takes no keys.
            let _ = self.endpoint.press(Instant::now(), call, key, body);
        }
    }

    fn change(&mut self, leg: LegKey, flow: Flow, done: oneshot::Sender<Direction>) {
        let Some(key) = self.by_leg.get(&leg).copied() else { return };
        let Some(call) = self.calls.get_mut(&key) else { return };
        let mut capabilities = call.capabilities.clone();
        let direction = match flow {
            Flow::Held => Direction::SendOnly,
            Flow::BothWays => Direction::SendRecv,
            Flow::HeldByAddress => {
                capabilities.address = std::net::Ipv4Addr::UNSPECIFIED.into();
                Direction::SendRecv
            }
        };
        // Where it is refused `done` is dropped, and that tells it.
        if self.endpoint.reoffer(Instant::now(), key, &capabilities, direction).is_ok() {
            call.flow = flow;
            call.changing = Some(done);
        }
    }

    fn hang_up_all(&mut self) {
        let keys: Vec<CallKey> = self.calls.keys().copied().collect();
        for key in keys {
            self.hang_up(key);
        }
    }

    fn hang_up(&mut self, key: CallKey) {
        if let Some(call) = self.calls.get(&key) {
            self.media.tell(MediaCommand::Close(call.leg));
        }
        // A call that is over needs no hanging up.
        let _ = self.endpoint.hang_up(Instant::now(), key, &Because::default());
    }

    fn read_datagrams(&mut self, buffer: &mut [u8]) {
        for _ in 0..BATCH_MAX {
            match self.udp.try_recv_from(buffer) {
                Ok((octets, remote)) => {
                    self.endpoint.handle_datagram(Instant::now(), self.udp_local, remote, &buffer[..octets]);
                }
                Err(_) => return,
            }
        }
    }

    fn read_stream(&mut self, event: StreamEvent) {
        let now = Instant::now();
        match event {
            StreamEvent::Connected(connection, local) => {
                self.endpoint.handle_connected(now, connection, local);
            }
            StreamEvent::Bytes(connection, bytes) => {
                self.endpoint.handle_stream(now, connection, &bytes);
            }
            StreamEvent::Closed(connection) => {
                self.streams.forget(connection);
                self.endpoint.handle_disconnected(now, connection);
            }
        }
    }

    /// A call comes in: whoever waits for one has it.
    fn take_in(&mut self, key: CallKey) {
        let now = Instant::now();
        let Some(expected) = self.expected.pop_front() else {
            let _ = self.endpoint.reject(now, key, 480, &Because::default());
            return;
        };
        let Expected { leg, progress, capabilities, reception } = expected;
        if let Reception::Refuses(status) = reception {
            self.media.tell(MediaCommand::Close(leg));
            let _ = self.endpoint.reject(now, key, status, &Because::default());
            progress.send_replace(Progress::Ended(CallEnd::Rejected));
            return;
        }
        self.by_leg.insert(leg, key);
        let (key_body, flow, changing) = (None, Flow::BothWays, None);
        self.calls.insert(key, Call { leg, progress, capabilities, key_body, flow, changing });
        match reception {
            Reception::Answers => self.pick_up(leg),
            Reception::Rings | Reception::Refuses(_) => {
                // A call that is over by now says so itself.
                let _ = self.endpoint.ring(now, key);
                if let Some(call) = self.calls.get(&key) {
                    call.progress.send_replace(Progress::Ringing);
                }
            }
        }
    }

    fn pick_up(&mut self, leg: LegKey) {
        let Some(key) = self.by_leg.get(&leg).copied() else { return };
        let Some(call) = self.calls.get(&key) else { return };
        let answered = self.endpoint.answer(Instant::now(), key, &call.capabilities);
        let Some(call) = self.calls.get(&key) else { return };
        match answered {
            Ok(agreement) => {
                if let Some(agreement) = agreement {
                    self.media.tell(MediaCommand::Connect(call.leg, Box::new(agreement)));
                }
                call.progress.send_replace(Progress::Answered { at: Instant::now() });
            }
            Err(_) => {
                call.progress.send_replace(Progress::Ended(CallEnd::Rejected));
            }
        }
    }

    async fn drain(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::SendDatagram { remote, bytes, .. } => {
                    if !self.is_held_back(&bytes) {
                        // What a full socket drops is sent again by SIP's own timers.
                        let _ = self.udp.send_to(&bytes, remote).await;
                        if is_of(&bytes, b"INFO ", &self.doubling) {
                            let _ = self.udp.send_to(&bytes, remote).await;
                        }
                    }
                }
                Output::SendStream { connection, bytes } => self.send_stream(connection, bytes),
                Output::Connect { connection, transport, remote, server_name, .. } => {
                    let name = (transport == TransportKind::Tls).then_some(server_name);
                    self.streams.connect(connection, remote, name);
                }
                Output::Disconnect { connection } => self.streams.forget(connection),
                // Its calls follow no redirections, and it registers with nobody.
                Output::Locate { .. } | Output::Registration(..) | Output::Subscription(..) => {}
                Output::Call(key, event) => self.handle_event(key, event),
            }
        }
    }

    fn send_stream(&mut self, connection: ConnectionId, bytes: Vec<u8>) {
        if !self.streams.send(connection, bytes) {
            self.endpoint.handle_disconnected(Instant::now(), connection);
        }
    }

    fn is_held_back(&self, bytes: &[u8]) -> bool {
        is_of(bytes, b"ACK ", &self.never_acking)
    }

    fn handle_event(&mut self, key: CallKey, event: CallEvent) {
        if let CallEvent::Incoming(_) = event {
            self.take_in(key);
            return;
        }
        let Some(call) = self.calls.get_mut(&key) else {
            return;
        };
        match event {
            CallEvent::Ringing => {
                call.progress.send_replace(Progress::Ringing);
            }
            CallEvent::Answered(agreement) => {
                self.media.tell(MediaCommand::Connect(call.leg, Box::new(agreement)));
                call.progress.send_replace(Progress::Answered { at: Instant::now() });
            }
            CallEvent::Early(agreement) => {
                let agreement = call.media_of(agreement);
                self.media.tell(MediaCommand::Connect(call.leg, Box::new(agreement)));
            }
            CallEvent::Changed(agreement) => {
                if let Some(changing) = call.changing.take() {
                    // Nobody may wait any more.
                    let _ = changing.send(agreement.direction);
                }
                let agreement = call.media_of(agreement);
                self.media.tell(MediaCommand::Connect(call.leg, Box::new(agreement)));
            }
            CallEvent::Ended(end) => {
                self.media.tell(MediaCommand::Close(call.leg));
                call.progress.send_replace(Progress::Ended(end));
                self.by_leg.remove(&call.leg);
                self.calls.remove(&key);
            }
            CallEvent::Confirmed(Some(agreement)) => {
                let agreement = call.media_of(agreement);
                self.media.tell(MediaCommand::Connect(call.leg, Box::new(agreement)));
            }
            CallEvent::Incoming(_) | CallEvent::Confirmed(None) | CallEvent::Key(_) => {}
        }
    }
}

/// Whether a message is a request of this method, from one of these users.
fn is_of(bytes: &[u8], method: &[u8], users: &HashSet<String>) -> bool {
    if users.is_empty() || !bytes.starts_with(method) {
        return false;
    }
    let text = String::from_utf8_lossy(bytes);
    let from = text.lines().find(|line| line.starts_with("From:")).unwrap_or("");
    users.iter().any(|user| from.contains(&format!("sip:{user}@")))
}

async fn sleep_until(deadline: Option<Instant>) {
    if let Some(deadline) = deadline {
        tokio::time::sleep_until(deadline.into()).await;
    }
}
