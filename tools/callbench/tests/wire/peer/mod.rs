//! A peer to call: answers, is an echo or a small conference, and has habits.

mod conference;
mod echo;
mod engine;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use callbench::{Codec, TransportKind};
use partyline_codec::OpusSettings;
use partyline_engine::Treatment;
use partyline_sip::endpoint::{
    Because, CallEvent, CallKey, ConnectionId, Endpoint, EndpointConfig, Listen, Output,
};
use partyline_sip::rules::DialogRules;
use partyline_sip::sdp::{Capabilities, CodecName, KeySeed, MediaSecurity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;

/// How the peer behaves.
#[derive(Clone, Default)]
pub(crate) struct Habits {
    /// Every so many packets it sends nothing back.
    pub(crate) drops_every: Option<u16>,
    /// Refuses with this status.
    pub(crate) refuses: Option<u16>,
    /// Hangs up when this key is pressed.
    pub(crate) hangs_up_on: Option<char>,
    /// Puts callers into the room of the code they key, instead of sending their own sound back.
    pub(crate) mixes: bool,
    /// Leaves the second talker of each room out of the mix.
    pub(crate) forgets_a_talker: bool,
    /// Mixes all rooms into one.
    pub(crate) mixes_rooms_up: bool,
    /// Has all callers in one mix of the media engine, which treats them like this.
    pub(crate) engine: Option<Treatment>,
}

#[derive(Default)]
struct Seen {
    keys: String,
    confirmed: HashSet<String>,
}

/// The running peer; its task ends with the test's runtime.
pub(crate) struct Peer {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

struct Shell {
    endpoint: Endpoint,
    udp: UdpSocket,
    habits: Habits,
    seen: Arc<Mutex<Seen>>,
    callers: HashMap<CallKey, String>,
    streams: HashMap<ConnectionId, OwnedWriteHalf>,
    keys: mpsc::UnboundedSender<(CallKey, char)>,
    conference: conference::Conference,
    engine: Option<engine::EngineMix>,
}

impl Peer {
    pub(crate) async fn start(habits: Habits) -> Self {
        let (udp, listener) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(listener) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, listener);
            }
        };
        let address = udp.local_addr().unwrap();
        let listen = |transport| Listen { transport, local: address, advertised: address };
        let endpoint = Endpoint::new(EndpointConfig {
            user_agent: "echo".to_owned(),
            listens: vec![listen(TransportKind::Udp), listen(TransportKind::Tcp)],
            calls_max: 100,
            half_open_max: 100,
            half_open_per_source_max: 100,
            rules: DialogRules::default(),
            seed: [7; 32],
            ..EndpointConfig::default()
        });
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (keys, pressed) = mpsc::unbounded_channel();
        let conference = conference::Conference::start(habits.clone());
        let shell = Shell {
            conference,
            engine: habits.engine.map(engine::EngineMix::open),
            endpoint,
            udp,
            habits,
            seen: Arc::clone(&seen),
            callers: HashMap::new(),
            streams: HashMap::new(),
            keys,
        };
        tokio::spawn(shell.run(listener, pressed));
        Self { address, seen }
    }

    pub(crate) fn uri(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.address)
    }

    pub(crate) async fn wait_keys(&self, keys: &str) {
        let are_there = || self.seen.lock().unwrap().keys == keys;
        wait(are_there).await;
        assert_eq!(self.seen.lock().unwrap().keys, keys);
    }

    pub(crate) async fn wait_confirmed(&self, user: &str) {
        wait(|| self.is_confirmed(user)).await;
        assert!(self.is_confirmed(user));
    }

    pub(crate) fn is_confirmed(&self, user: &str) -> bool {
        self.seen.lock().unwrap().confirmed.contains(user)
    }
}

async fn wait(is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() && start.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl Shell {
    async fn run(mut self, listener: TcpListener, mut pressed: mpsc::UnboundedReceiver<(CallKey, char)>) {
        let local = listener.local_addr().unwrap();
        let (bytes_in, mut streams_in) = mpsc::channel(64);
        let mut buffer = vec![0; 65_535];
        let mut accepted = 0;
        loop {
            let deadline =
                self.endpoint.poll_timeout().unwrap_or_else(|| Instant::now() + Duration::from_secs(60));
            tokio::select! {
                Ok((octets, remote)) = self.udp.recv_from(&mut buffer) => {
                    self.endpoint.handle_datagram(Instant::now(), local, remote, &buffer[..octets]);
                }
                Ok((stream, remote)) = listener.accept() => {
                    accepted += 1;
                    let connection = ConnectionId(accepted);
                    let (mut read, write) = stream.into_split();
                    self.streams.insert(connection, write);
                    self.endpoint.handle_accepted(Instant::now(), connection, local, remote);
                    let bytes_in = bytes_in.clone();
                    tokio::spawn(async move {
                        let mut buffer = [0; 4_096];
                        while let Ok(octets @ 1..) = read.read(&mut buffer).await {
                            if bytes_in.send((connection, buffer[..octets].to_vec())).await.is_err() { return; }
                        }
                    });
                }
                Some((connection, bytes)) = streams_in.recv() => {
                    self.endpoint.handle_stream(Instant::now(), connection, &bytes);
                }
                Some((call, key)) = pressed.recv() => {
                    self.seen.lock().unwrap().keys.push(key);
                    if self.habits.hangs_up_on == Some(key) {
                        let _ = self.endpoint.hang_up(Instant::now(), call, &Because::default());
                    }
                }
                () = tokio::time::sleep_until(deadline.into()) => self.endpoint.handle_timeout(Instant::now()),
            }
            self.drain().await;
        }
    }

    async fn drain(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::SendDatagram { remote, bytes, .. } => {
                    self.udp.send_to(&bytes, remote).await.unwrap();
                }
                Output::SendStream { connection, bytes } => {
                    self.streams.get_mut(&connection).unwrap().write_all(&bytes).await.unwrap();
                }
                Output::Connect { .. } => panic!("callers reach the peer, not the other way"),
                Output::Disconnect { connection } => drop(self.streams.remove(&connection)),
                Output::Locate { .. } | Output::Registration(..) | Output::Subscription(..) => {}
                Output::Call(call, event) => self.handle(call, event).await,
            }
        }
    }

    async fn handle(&mut self, call: CallKey, event: CallEvent) {
        let now = Instant::now();
        match event {
            CallEvent::Incoming(incoming) => {
                if let Some(status) = self.habits.refuses {
                    self.endpoint.reject(now, call, status, &Because::default()).unwrap();
                    return;
                }
                self.callers.insert(call, incoming.caller.clone());
                if let Some(engine) = &mut self.engine {
                    let mut capabilities = capabilities(engine.leg(call));
                    capabilities.codecs.push(opus());
                    let agreement = self.endpoint.answer(now, call, &capabilities).unwrap();
                    engine.connect(call, &agreement.unwrap()).await;
                    return;
                }
                let rtp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                let capabilities = capabilities(rtp.local_addr().unwrap());
                self.endpoint.ring(now, call).unwrap();
                self.endpoint.answer(now, call, &capabilities).unwrap();
                if self.habits.mixes {
                    self.conference.take(rtp);
                } else {
                    tokio::spawn(echo::echo(rtp, call, self.habits.drops_every, self.keys.clone()));
                }
            }
            CallEvent::Confirmed(_) => {
                self.seen.lock().unwrap().confirmed.extend(self.callers.get(&call).cloned());
            }
            CallEvent::Ringing
            | CallEvent::Answered(_)
            | CallEvent::Changed(_)
            | CallEvent::Early(_)
            | CallEvent::Key(_) => {}
            CallEvent::Ended(_) => {
                if let Some(engine) = &mut self.engine {
                    engine.close(call);
                }
            }
        }
    }
}

/// What the engine has beside the codecs of the peer itself.
fn opus() -> CodecName {
    CodecName {
        channels: Codec::Opus.channels(),
        parameters: OpusSettings::ours().to_string(),
        ..CodecName::new(Codec::Opus.name(), Codec::Opus.clock_rate_hz(), Codec::Opus.usual_payload_type())
    }
}

fn capabilities(address: SocketAddr) -> Capabilities {
    let codec = |codec: Codec| CodecName::new(codec.name(), 8000, codec.usual_payload_type());
    Capabilities {
        address: address.ip(),
        port: address.port(),
        codecs: vec![codec(Codec::Pcmu), codec(Codec::Pcma)],
        telephone_event: true,
        security: MediaSecurity::Refuse,
        key_seed: KeySeed::new([0; 32]),
    }
}
