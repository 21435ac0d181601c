//! SRTP and SRTCP: RTP and RTCP that only two can read and nobody can forge [RFC 3711, RFC 7714].
//!
//! Packets are protected and unprotected in place, in the buffer that they travel in. It does not know how keys were
//! agreed on, nor where packets come from. **Invariant:** a packet is given out once, and only if it is authentic;
//! nothing is allocated per packet; keys never appear in what is printed.

mod cipher;
mod context;
mod key;
mod replay;

pub use context::{SrtpCounters, SrtpError, SrtpReceiver, SrtpSender};
pub use key::{MasterKey, Mki, SrtpSuite};

/// The most octets that protection adds to a packet that we send.
pub const SRTP_OVERHEAD_OCTETS: usize = 16 + 4;
