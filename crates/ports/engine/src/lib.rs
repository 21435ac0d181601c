//! Media threads: they run legs and mixes over sockets and are commanded by bounded mailboxes.
//!
//! A VRU opens legs, a mixer opens mixes; in one process both share one engine, and a leg that joins
//! a mix is handed over to the thread of that mix. It knows no SIP, rooms or RPC.
//!
//! Commands of a leg travel with it in its inbox, so that none is lost or overtaken by a hand-over.
//!
//! New mixes go to the thread with the fewest; where the legs that come make threads unequal, a mix moves with all its
//! legs.
//!
//! **Invariant:** a leg or mix lives on exactly one thread; nothing on a media thread waits for
//! signalling, blocks on a lock, logs above `trace` or allocates per packet or tick.

mod balance;
mod counts;
mod desk;
mod engine;
mod home;
mod inbox;
mod leg_control;
mod link;
mod reaper;
mod shared;
mod slots;
mod thread;
mod types;
mod world;

pub use counts::{EngineStats, LATENESS_STEPS};
pub use engine::Engine;
pub use leg_control::LegControl;
pub use partyline_audio::LineNoise;
#[cfg(feature = "faults")]
pub use partyline_media::Fault;
pub use partyline_media::{
    Attachment, FormatDetails, LegMedia, LegReport, MediaTransport, Over, PlayId, RATE_HZ, RecordingId,
    RtcpRoute, SrtpKeys, TheirReport, Treatment,
};
pub use partyline_rtp::{MasterKey, Mki, Rating, SrtpSuite};
pub use partyline_udp::{IoChoice, IoDecision, IoKind, RingError, probe_ring};
pub use types::{
    EngineConfig, EngineError, EngineId, Key, LegEvent, LegId, MixKey, OpenLegError, Scheduling, StartError,
};
