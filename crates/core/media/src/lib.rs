//! Legs (packets to frames) and mixes (a conference's audio), without I/O.
//!
//! It knows no sockets, SIP or rooms, and not who a conferee is. Time, datagrams and random numbers come in;
//! packets and [`LegOutput`]s come out. **Invariant:** a connected leg makes exactly one packet per tick while
//! it may send, and nothing allocates per packet or tick.

mod coder;
mod control;
#[cfg(feature = "faults")]
mod fault;
mod frame;
mod hush;
mod layer;
mod leg;
mod line;
mod mix;
mod outgoing;
mod overlay;
mod packets;
mod play_id;
mod programs;
mod quiet;
mod reach;
mod recorder;
mod report;
mod shared;
mod speech;
mod stream;
mod suppressors;
mod talkers;
mod transport;
mod treatment;
mod uplink;

#[cfg(feature = "faults")]
pub use fault::Fault;
pub use frame::{FRAME, FRAME_SAMPLES, Frame, PACKET_OCTETS, RATE_HZ};
pub use leg::{ControlPacket, Downlink, Leg, LegOutput};
pub use line::{FormatDetails, LegMedia, StreamStart};
pub use mix::{Attachment, Legs, Mix, MixFull};
pub use play_id::PlayId;
pub use programs::{Over, PROGRAMS_MAX};
pub use recorder::{Recorder, RecordingId};
pub use report::{LegReport, TheirReport};
pub use shared::Shared;
pub use suppressors::Suppressors;
pub use talkers::{SeatKey, TALKERS_MAX};
pub use transport::{MediaTransport, PROTECTED_OCTETS, RtcpRoute, SrtpKeys};
pub use treatment::Treatment;
