//! A bench: one signalling task and one media thread for any number of callers.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use partyline_codec::{Codec, OpusSettings};
use partyline_sip::endpoint::{Endpoint, EndpointConfig, Listen, OutgoingCall, Target, TransportKind};
use partyline_sip::rules::DialogRules;
use partyline_sip::sdp::{Capabilities, CodecName, KeySeed};
use partyline_tls::Trust;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::caller::Caller;
use crate::coded::OPUS_HZ;
use crate::ear::{Awaited, Ear};
use crate::error::BenchError;
use crate::keys::Damage;
use crate::leg::{KeyToTell, Leg, LegKey};
use crate::media::{Command as MediaCommand, Media, TickReport};
use crate::mouth::Mouth;
use crate::plan::{CallPlan, Source, transport_of};
use crate::progress::Progress;
use crate::signalling::{Command, Habits, Signalling};

/// Commands, and keys, to the signalling task that may wait.
const COMMANDS_MAX: usize = 4_096;
/// How long [`Bench::stop`] waits for the goodbyes.
const GOODBYE_MAX: Duration = Duration::from_secs(3);

/// Settings of a bench.
#[derive(Debug, Clone)]
pub struct BenchConfig {
    /// The local address for signalling and media.
    pub local: IpAddr,
    /// The longest that any wait takes (20 s).
    pub patience: Duration,
    /// Whether the media thread asks for real-time priority, so that it is punctual beside a busy server.
    pub raises_priority: bool,
    /// Most calls at once.
    pub calls_max: usize,
    /// Who vouches for servers that are called over TLS (whom the system trusts).
    pub trust: Trust,
}

impl BenchConfig {
    /// A bench on this address.
    #[must_use]
    pub const fn new(local: IpAddr) -> Self {
        Self {
            local,
            patience: Duration::from_secs(20),
            raises_priority: true,
            calls_max: 20_000,
            trust: Trust::System,
        }
    }
}

/// Makes calls. Its calls are hung up when it is dropped; [`Bench::stop`] waits until that is done.
#[derive(Debug)]
pub struct Bench {
    pub(crate) config: BenchConfig,
    pub(crate) commands: mpsc::Sender<Command>,
    keys: mpsc::Sender<KeyToTell>,
    pub(crate) media: Media,
    pub(crate) next_leg: Arc<AtomicU64>,
    sip: SocketAddr,
    task: Option<JoinHandle<()>>,
}

impl Bench {
    /// Opens the sockets and starts the task and the thread.
    ///
    /// # Errors
    /// [`BenchError::System`].
    pub async fn start(config: BenchConfig) -> Result<Self, BenchError> {
        let listener = TcpListener::bind((config.local, 0)).await?;
        let udp = tokio::net::UdpSocket::bind((config.local, 0)).await?;
        let sip = udp.local_addr()?;
        let media = Media::start(config.raises_priority)?;
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        let (keys, keys_receiver) = mpsc::channel(COMMANDS_MAX);
        let listens = vec![
            listen(TransportKind::Udp, udp.local_addr()?),
            listen(TransportKind::Tcp, listener.local_addr()?),
            // Nobody calls back; what is told is a port of ours all the same.
            listen(TransportKind::Tls, listener.local_addr()?),
        ];
        let endpoint = Endpoint::new(EndpointConfig {
            user_agent: concat!("callbench/", env!("CARGO_PKG_VERSION")).to_owned(),
            listens,
            calls_max: config.calls_max,
            half_open_max: config.calls_max,
            half_open_per_source_max: config.calls_max,
            rules: DialogRules::default(),
            seed: rand::random(),
            ..EndpointConfig::default()
        });
        let signalling = Signalling::new(
            endpoint,
            udp,
            listener,
            (receiver, keys_receiver),
            media.clone(),
            config.trust.clone(),
        )?;
        let task = tokio::spawn(signalling.run());
        let next_leg = Arc::new(AtomicU64::new(1));
        Ok(Self { config, commands, keys, media, next_leg, sip, task: Some(task) })
    }

    /// Sends an INVITE. What becomes of it, the caller tells.
    ///
    /// # Errors
    /// [`BenchError`] where the target can't be reached from here or no socket is left.
    pub async fn call(&self, plan: CallPlan) -> Result<Caller, BenchError> {
        let remote = resolve(&plan.target).await?;
        let socket = UdpSocket::bind((self.config.local, 0))?;
        socket.set_nonblocking(true)?;
        let key = LegKey(self.next_leg.fetch_add(1, Ordering::Relaxed));
        let outgoing = OutgoingCall {
            from_user: plan.from_user.clone(),
            delays_offer: plan.delays_offer,
            ..OutgoingCall::new(
                &plan.target,
                Target { transport: plan.transport, remote },
                capabilities(&plan, self.config.local, socket.local_addr()?.port()),
            )
        };
        self.open_leg(key, socket, &plan)?;
        let (progress, watched) = watch::channel(Progress::Calling);
        let habits = Habits {
            sends_ack: plan.sends_ack,
            key_body: plan.key_way.body(),
            doubles_keys: plan.damage == Damage::Doubled,
        };
        let command = Command::Call { outgoing: Box::new(outgoing), leg: key, progress, habits };
        self.commands.try_send(command).map_err(|_| BenchError::Unresponsive)?;
        Ok(Caller::new(
            plan.from_user,
            key,
            self.config.patience,
            watched,
            self.commands.clone(),
            self.media.clone(),
        ))
    }

    /// Where it is called over UDP.
    #[must_use]
    pub const fn sip(&self) -> SocketAddr {
        self.sip
    }

    pub(crate) fn open_leg(&self, key: LegKey, socket: UdpSocket, plan: &CallPlan) -> Result<(), BenchError> {
        let mut mouth = Mouth::with_keys(plan.source.clone(), plan.level_dbov, plan.key_way);
        mouth.press(&plan.digits, (plan.digits_after.as_millis() / 20) as u32);
        let mut ear = Ear::new(plan.memory);
        if matches!(plan.source, Source::Coded(_)) {
            ear.keep_packets(plan.memory);
        }
        ear.watch(Awaited::Tones(plan.listens_for.clone()));
        if plan.times_pulses {
            ear.time_pulses();
        }
        let leg =
            Leg::new(key, socket, (mouth, ear), plan.sends_rtp, (plan.damage, plan.gait), self.keys.clone());
        if self.media.tell(MediaCommand::Open(Box::new(leg))) {
            Ok(())
        } else {
            Err(BenchError::Unresponsive)
        }
    }

    /// How punctual the media thread is.
    #[must_use]
    pub fn ticks(&self) -> TickReport {
        self.media.ticks()
    }

    /// Hangs up all calls and waits for their end, three seconds at most.
    pub async fn stop(mut self) {
        let Some(task) = self.task.take() else {
            return;
        };
        let goodbye = async {
            // A task that has ended needs no telling.
            let _ = self.commands.send(Command::Stop).await;
            let _ = task.await;
        };
        let _ = tokio::time::timeout(GOODBYE_MAX, goodbye).await;
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.commands.try_send(Command::Stop);
    }
}

const fn listen(transport: TransportKind, address: SocketAddr) -> Listen {
    Listen { transport, local: address, advertised: address }
}

pub(crate) fn capabilities(plan: &CallPlan, address: IpAddr, port: u16) -> Capabilities {
    let playback_max_hz =
        if matches!(plan.source, Source::Coded(_)) { OPUS_HZ } else { crate::meter::RATE_HZ };
    let codecs = plan.codecs.iter().map(|codec: &Codec| {
        let wishes = OpusSettings { playback_max_hz, ..OpusSettings::ours() }.to_string();
        CodecName {
            channels: codec.channels(),
            parameters: if *codec == Codec::Opus { wishes } else { String::new() },
            ..CodecName::new(codec.name(), codec.clock_rate_hz(), codec.usual_payload_type())
        }
    });
    Capabilities {
        address,
        port,
        codecs: codecs.collect(),
        telephone_event: plan.has_events,
        security: plan.security,
        key_seed: KeySeed::new(rand::random()),
    }
}

/// The address behind `sip:user@host[:port][;parameters]`.
pub(crate) async fn resolve(target: &str) -> Result<SocketAddr, BenchError> {
    let wrong = || BenchError::Target { target: target.to_owned() };
    let (scheme, rest) = target.split_once(':').ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("sip") && !scheme.eq_ignore_ascii_case("sips") {
        return Err(wrong());
    }
    let port = transport_of(target).default_port();
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split([';', '?']).next().unwrap_or(host);
    if let Ok(address) = host.parse::<SocketAddr>() {
        return Ok(address);
    }
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let host = if has_port { host.to_owned() } else { format!("{host}:{port}") };
    let mut found = tokio::net::lookup_host(host).await.map_err(|_| wrong())?;
    found.next().ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn targets_are_resolved_with_and_without_a_port() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert_eq!(resolve("sip:1@127.0.0.1:5070").await.unwrap(), address("127.0.0.1:5070"));
        assert_eq!(resolve("sip:1@127.0.0.9").await.unwrap(), address("127.0.0.9:5060"));
        assert_eq!(resolve("SIP:1@127.0.0.1:6000;transport=tcp").await.unwrap(), address("127.0.0.1:6000"));
        assert_eq!(resolve("sips:1@127.0.0.9").await.unwrap(), address("127.0.0.9:5061"));
        assert_eq!(resolve("sip:127.0.0.1:6000").await.unwrap(), address("127.0.0.1:6000"));
        for wrong in ["", "sip", "tel:123", "http://127.0.0.1"] {
            assert!(resolve(wrong).await.is_err(), "{wrong}");
        }
    }
}
