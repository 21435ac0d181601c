//! Session descriptions and the offer/answer model (RFC 8866, RFC 3264).

use std::net::{IpAddr, SocketAddr};

/// Which way media may flow, seen from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// We send only.
    SendOnly,
    /// We receive only.
    RecvOnly,
    /// Neither.
    Inactive,
}

/// A codec as SDP names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecName {
    /// The encoding name in upper case: `PCMU`, `PCMA`.
    pub encoding: String,
    /// The RTP clock rate.
    pub clock_rate_hz: u32,
    /// The payload type that we offer it with where we make the offer.
    pub payload_type: u8,
}

/// What we can do, from which offers and answers are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The address that callers send media to.
    pub address: IpAddr,
    /// The RTP port.
    pub port: u16,
    /// Codecs, the one we like best first.
    pub codecs: Vec<CodecName>,
    /// Whether telephone-event is understood.
    pub telephone_event: bool,
}

/// What offer and answer came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Where the other side wants its media; `None` if it refused the stream (port 0).
    pub remote: SocketAddr,
    /// The codec agreed on.
    pub codec: CodecName,
    /// The payload type to send with (theirs).
    pub payload_type: u8,
    /// The telephone-event payload type at the codec's clock rate.
    pub event_payload_type: Option<u8>,
    /// Which way media flows, seen from us; held by 0.0.0.0 too.
    pub direction: Direction,
    /// The packet time that the other side wants, in ms, if it says.
    pub ptime_ms: Option<u16>,
}
