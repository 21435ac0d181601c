//! RTP and RTCP packets, the jitter buffer and telephone-events, without I/O.
//!
//! It knows no codecs, SIP or rooms: a payload is octets at an RTP time. **Invariant:** nothing here allocates
//! after it was built, and no bytes from outside can make it panic.

mod event;
mod jitter_buffer;
mod latch;
mod packet;
mod packet_buffer;
mod playout;
mod quality;
mod reception;
mod rtcp;
mod srtp;
mod tick_map;
mod types;

pub use event::{EventPacket, EventPayload, EventReceiver, KeyPress, event_of_key, key_of_event};
pub use jitter_buffer::{CAPACITY_TICKS, JitterBuffer, JitterCounters, Pull};
pub use latch::{LatchCounters, SourceLatch, Verdict};
pub use packet::{Extension, HEADER_OCTETS, Header, Packet, PacketError, is_rtcp};
pub use packet_buffer::{PacketBuffer, Piece};
pub use playout::{DepthWish, Haste};
pub use quality::{CodecImpairment, Conditions, Rating};
pub use reception::{Arrival, Reception, ReceptionReport};
pub use rtcp::{
    Compound, NtpTime, ReportBlock, ReportBlocks, RtcpError, RtcpPacket, RtcpWriter, SenderInfo, round_trip,
};
pub use srtp::{
    MasterKey, Mki, SRTP_OVERHEAD_OCTETS, SrtpCounters, SrtpError, SrtpReceiver, SrtpSender, SrtpSuite,
};
pub use types::{RtpTime, SeqNo, Ssrc};
