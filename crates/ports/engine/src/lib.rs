//! Media threads: they run legs and mixes over sockets and are commanded by bounded mailboxes.
//!
//! A VRU opens legs, a mixer opens mixes; in one process both share one engine, and a leg that joins
//! a mix is handed over to the thread of that mix. It knows no SIP, rooms or RPC.
//!
//! **Invariant:** a leg or mix lives on exactly one thread; nothing on a media thread waits for
//! signalling, locks, logs above `trace` or allocates per packet or tick.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use partyline_audio::Program;
use partyline_codec::Codec;
use tokio::sync::mpsc;

/// Settings of the engine.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Media threads; `None` is one per core.
    pub threads: Option<usize>,
    /// Local RTP ports, both ends included; a leg takes an even port and its RTCP port.
    pub rtp_ports: (u16, u16),
    /// Most legs at once.
    pub legs_max: usize,
}

/// Names this engine within its process, so that a leg of another one is not taken for ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EngineId(pub u64);

/// Names a leg within its engine; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub u64);

/// Names a mix within its engine: 128 bits that the mixer gives (its `MixId`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MixKey(pub u128);

/// Names a program played to a leg, so that its end can be told from another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlayId(pub u64);

/// A key of the telephone: `0`-`9`, `*`, `#`, `A`-`D`.
pub type Key = char;

/// The result of offer and answer, as media needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct LegMedia {
    /// Where media goes until the caller's first valid packet latches the source.
    pub remote: SocketAddr,
    /// The codec, both ways.
    pub codec: Codec,
    /// The payload type that we send for it, and that they send.
    pub payload_type: u8,
    /// The payload type of telephone-event at the codec's clock rate, if agreed.
    pub event_payload_type: Option<u8>,
    /// Whether we may send (they are not on hold).
    pub sends: bool,
    /// Whether we will receive.
    pub receives: bool,
}

/// What a leg tells its VRU. The channel is bounded; what does not fit is counted and dropped.
#[derive(Debug, Clone, PartialEq)]
pub enum LegEvent {
    /// The first valid packet came; the source is latched.
    FirstPacket,
    /// A key was pressed, counted once.
    Key(Key),
    /// A program came to its end (not told when it was stopped or replaced).
    PlayEnded(PlayId),
    /// No RTP has come for this long while it was expected; told about once a second, from 1 s on.
    Quiet(Duration),
    /// The first frame of a mix was sent to the caller after `attach`.
    FirstMixedAudio,
    /// The leg is gone from its mix because the mix was closed.
    MixClosed(MixKey),
}

/// Where a leg stands in a mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attachment {
    /// Whether the caller is heard.
    pub uplink: bool,
    /// Whether the caller hears.
    pub downlink: bool,
}

/// What a leg has seen, from its start.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LegReport {
    /// Valid RTP packets received.
    pub packets_received: u64,
    /// Packets missing by sequence number.
    pub packets_lost: u64,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// Datagrams dropped as not RTP, not from the latched source, or late.
    pub datagrams_dropped: u64,
    /// Interarrival jitter, RFC 3550 §6.4.1.
    pub jitter: Duration,
    /// The jitter buffer's depth now.
    pub depth: Duration,
    /// Round trip by RTCP, where known.
    pub round_trip: Option<Duration>,
}

/// The engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port range is empty or upside down.
    #[error("RTP ports {first}-{last} hold no pair of ports")]
    Ports {
        /// First port.
        first: u16,
        /// Last port.
        last: u16,
    },
    /// A thread could not be started.
    #[error("a media thread could not be started: {0}")]
    Thread(std::io::Error),
}

/// No leg could be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenLegError {
    /// As many as allowed are open.
    #[error("all {0} legs are in use")]
    Full(usize),
    /// No free pair of ports in the range.
    #[error("no free pair of RTP ports")]
    NoPort,
    /// The system refused the socket (file descriptors, memory, address).
    #[error("no socket: {0}")]
    Socket(std::io::Error),
    /// The thread's mailbox is full or it has ended.
    #[error("the media thread does not answer")]
    Unresponsive,
}

/// A leg or mix could not be commanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// No such leg.
    #[error("no such leg")]
    NoLeg,
    /// No such mix.
    #[error("no such mix")]
    NoMix,
    /// The mix has as many legs as it was opened for.
    #[error("the mix is full")]
    MixFull,
    /// The thread's mailbox is full or it has ended.
    #[error("the media thread does not answer")]
    Unresponsive,
}

/// The media engine. Cheap to clone; the threads end with the last clone.
#[derive(Debug, Clone)]
pub struct Engine {}

impl Engine {
    /// Starts the threads.
    ///
    /// # Errors
    /// [`StartError`] for an empty port range or where the system gives no thread.
    pub fn start(config: &EngineConfig) -> Result<Self, StartError> {
        let _ = config;
        todo!()
    }

    /// This engine's name.
    #[must_use]
    pub fn id(&self) -> EngineId {
        todo!()
    }

    /// Opens a leg: a socket on `local` at a free port of the range. It sends nothing until `connect`.
    /// The leg closes when its [`LegControl`] is dropped.
    ///
    /// # Errors
    /// [`OpenLegError`] where no leg, port or socket is left.
    pub fn open_leg(&self, local: IpAddr) -> Result<(LegControl, mpsc::Receiver<LegEvent>), OpenLegError> {
        let _ = local;
        todo!()
    }

    /// Opens a mix for at most `legs_max` legs. A known key changes nothing.
    ///
    /// # Errors
    /// [`EngineError::Unresponsive`].
    pub fn open_mix(&self, mix: MixKey, legs_max: usize) -> Result<(), EngineError> {
        let _ = (mix, legs_max);
        todo!()
    }

    /// Closes a mix; its legs stay open, out of any mix, and are told `MixClosed`.
    pub fn close_mix(&self, mix: MixKey) {
        let _ = mix;
    }

    /// Puts a leg into a mix (out of the one it was in), or changes its place in it. Answers once the mix has it.
    ///
    /// # Errors
    /// [`EngineError`] where the leg or mix is unknown or the mix is full.
    pub async fn attach(&self, leg: LegId, mix: MixKey, attachment: Attachment) -> Result<(), EngineError> {
        let _ = (leg, mix, attachment);
        todo!()
    }

    /// Takes a leg out of this mix, if it is in it; no other leg is touched.
    pub fn detach(&self, leg: LegId, mix: MixKey) {
        let _ = (leg, mix);
    }

    /// Plays a program to all in a mix, over what they hear; one at a time, later ones queue up (16 at most).
    pub fn play_to_mix(&self, mix: MixKey, program: Program) {
        let _ = (mix, program);
    }

    /// Plays a program again and again to a mix while just one leg is in it (music for who is alone); `None` ends that.
    pub fn set_solo_program(&self, mix: MixKey, program: Option<Program>) {
        let _ = (mix, program);
    }

    /// Legs open now.
    #[must_use]
    pub fn legs(&self) -> usize {
        todo!()
    }

    /// Mixes open now.
    #[must_use]
    pub fn mixes(&self) -> usize {
        todo!()
    }
}

/// Command of one leg. Dropping it closes the leg: its ports are free again.
#[derive(Debug)]
pub struct LegControl {}

impl LegControl {
    /// The leg's name.
    #[must_use]
    pub fn id(&self) -> LegId {
        todo!()
    }

    /// The local RTP port.
    #[must_use]
    pub fn local_port(&self) -> u16 {
        todo!()
    }

    /// Sets (or changes, after a re-INVITE) the far side and codec. From here on the leg sends every 20 ms.
    pub fn connect(&self, media: LegMedia) {
        let _ = media;
    }

    /// Plays a program over whatever the caller hears (which is ducked), instead of the one that plays now.
    pub fn play(&self, play: PlayId, program: Program) {
        let _ = (play, program);
    }

    /// Stops what plays.
    pub fn stop(&self) {}

    /// Sends the caller's own audio back (line test), or no longer.
    pub fn set_echo(&self, echoes: bool) {
        let _ = echoes;
    }

    /// What the leg has seen; `None` if it does not answer in time.
    pub async fn report(&self) -> Option<LegReport> {
        todo!()
    }
}
