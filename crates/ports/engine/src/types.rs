//! Settings, names, events and errors.

use std::time::Duration;

use partyline_audio::LineNoise;
use partyline_media::{PlayId, RecordingId};
use partyline_udp::{IoChoice, RingError};

/// Settings of the engine.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Media threads; `None` is one per core.
    pub threads: Option<usize>,
    /// Local RTP ports, both ends included; a leg takes an even port and its RTCP port.
    pub rtp_ports: (u16, u16),
    /// Most legs at once.
    pub legs_max: usize,
    /// What media threads do their I/O by.
    pub io: IoChoice,
}

/// How the system schedules the media threads. What it does not allow is left, with a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheduling {
    /// Keeps each thread on a core of its own, where there are as many threads as cores.
    pub pins: bool,
    /// Real-time priority (`SCHED_FIFO`): with busy cores, ticks are 0.05 instead of 7 ms late (p99).
    pub priority: Option<u8>,
}

impl Default for Scheduling {
    fn default() -> Self {
        Self { pins: true, priority: Some(10) }
    }
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

/// A key of the telephone: `0`-`9`, `*`, `#`, `A`-`D`.
pub type Key = char;

/// What a leg tells its VRU. The channel is bounded; what does not fit is counted and dropped.
#[derive(Debug, Clone, PartialEq)]
pub enum LegEvent {
    /// The first valid packet came; the source is latched.
    FirstPacket,
    /// A key was pressed, counted once.
    Key(Key),
    /// A key was heard as a tone. The same press may come as `Key` too.
    Tone(Key),
    /// A program came to its end (not told when it was stopped or replaced).
    PlayEnded(PlayId),
    /// No RTP has come for this long while it was expected; told about once a second, from 1 s on.
    Quiet(Duration),
    /// A recording came to its end by itself; it waits to be taken.
    Recorded(RecordingId),
    /// The first frame of a mix was sent to the caller after `attach`.
    FirstMixedAudio,
    /// The caller speaks while their uplink is muted; told every five seconds at most.
    SpokeUnheard,
    /// The caller's line makes noise in its mix: music, howling, hum. Told every two minutes at most.
    Noisy(LineNoise),
    /// The leg is gone from its mix because the mix was closed, or because it had left it for one that did not take it.
    MixClosed(MixKey),
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
    /// Nothing but io_uring is wanted, and it can't be had.
    #[error("media can't go by io_uring: {0}")]
    IoUring(RingError),
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
