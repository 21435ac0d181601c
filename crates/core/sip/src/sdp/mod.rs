//! Session descriptions and the offer/answer model (RFC 8866, RFC 3264).
//!
//! One audio stream is agreed on; every other stream of an offer stays in the answer with port 0. It knows codecs by
//! name only, and resolves no host names. **Invariant:** an answer has as many media lines as its offer, in its order.

mod crypto;
mod description;
mod formats;
mod negotiation;

use std::net::{IpAddr, SocketAddr};

pub use crypto::{CryptoAgreement, CryptoKey, CryptoSuite, KeySeed, MediaSecurity};
pub use description::{Description, MediaDescription};
pub use formats::Formats;
pub use negotiation::{
    Origin, SdpError, agree, answer, answer_as, answer_towards, decline, make_offer, make_offer_as,
};

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

impl Direction {
    /// The same, seen from the other side.
    #[must_use]
    pub fn mirrored(self) -> Self {
        match self {
            Self::SendRecv => Self::SendRecv,
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::Inactive => Self::Inactive,
        }
    }

    /// Whether we may send.
    #[must_use]
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether we may receive.
    #[must_use]
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// What both allow.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::of(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// The attribute's name.
    #[must_use]
    pub fn attribute(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

/// A codec as SDP names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecName {
    /// The encoding name as it is registered: `PCMU`, `opus`.
    pub encoding: String,
    /// The RTP clock rate.
    pub clock_rate_hz: u32,
    /// The payload type that we offer it with where we make the offer.
    pub payload_type: u8,
    /// Channels, as `rtpmap` says them.
    pub channels: u8,
    /// Our parameters for it, as `fmtp` says them; none where empty.
    pub parameters: String,
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
    /// Whether media has to be secret.
    pub security: MediaSecurity,
    /// What the keys are made from where it is.
    pub key_seed: KeySeed,
}

/// What offer and answer came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Where the other side wants its media. Its address is 0.0.0.0 where an old phone holds that way: `direction` then
    /// says that nothing is sent.
    pub remote: SocketAddr,
    /// The codec agreed on.
    pub codec: CodecName,
    /// The payload type to send with (theirs).
    pub payload_type: u8,
    /// The telephone-event payload type to send with (theirs), at the codec's clock rate if they have it at that.
    pub event_payload_type: Option<u8>,
    /// What else was agreed on of formats.
    pub formats: Formats,
    /// Which way media flows, seen from us; held by 0.0.0.0 too.
    pub direction: Direction,
    /// The packet time that the other side wants, in ms, if it says.
    pub ptime_ms: Option<u16>,
    /// Where RTCP goes.
    pub rtcp: Rtcp,
    /// The keys, where media is secret.
    pub crypto: Option<CryptoAgreement>,
}

/// Where the other side wants its RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rtcp {
    /// On the port of RTP, both ways ([RFC 5761]).
    Muxed,
    /// At a port of the media's address: the one after RTP's, or the one that it names ([RFC 3605]).
    Port(u16),
    /// Nowhere: RTP has the last port, or RTCP was to go to another machine, which is none of a caller's business.
    Nowhere,
}
