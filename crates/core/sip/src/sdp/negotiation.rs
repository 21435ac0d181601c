//! Making offers and answers, and reading what came of ours ([RFC 3264]).

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::crypto::{agreed, offered_protocol, taken, write_offered, write_taken};
use super::formats::{self, Formats};
use super::{
    Agreement, Capabilities, CodecName, CryptoAgreement, Description, Direction, MediaDescription, Rtcp,
};

/// A codec, the payload type of theirs for it and for telephone-event, and the rest of what was agreed of formats.
type Chosen = (CodecName, u8, Option<u8>, Formats);

/// Our RTCP may share the port of RTP ([RFC 5761 §5.1.1]).
const RTCP_MUX: &str = "a=rtcp-mux\r\n";

/// Who made a description, and its how-manieth it is: the `o=` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin {
    /// The session; stays for the life of a call.
    pub session: u64,
    /// Goes up by one with each change.
    pub version: u64,
}

/// Why there is no agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Not a session description.
    #[error("malformed session description")]
    Malformed,
    /// No audio stream, or a refused one.
    #[error("no audio stream")]
    NoAudio,
    /// Audio over a protocol that is not there.
    #[error("no common transport protocol")]
    NoProtocol,
    /// Secret media, but no keys that both know.
    #[error("no common crypto suite")]
    NoCrypto,
    /// Plain media where it has to be secret.
    #[error("media is not secret")]
    NotSecret,
    /// An address of another family, or a host name.
    #[error("media address can't be used")]
    NoAddress,
    /// No codec that both know.
    #[error("no common codec")]
    NoCodec,
}

impl SdpError {
    /// The code and text of the `Warning` that says so ([RFC 3261 §20.43]); none for what is malformed.
    #[must_use]
    pub fn warning(self) -> Option<(u16, &'static str)> {
        match self {
            Self::Malformed => None,
            Self::NoAudio => Some((304, "Media type not available")),
            Self::NoProtocol => Some((302, "Incompatible transport protocol")),
            Self::NoCrypto => Some((399, "No common SRTP crypto suite")),
            Self::NotSecret => Some((302, "Incompatible transport protocol: SRTP is required")),
            Self::NoAddress => Some((301, "Incompatible network address formats")),
            Self::NoCodec => Some((305, "Incompatible media format")),
        }
    }
}

/// An offer of all that we can.
#[must_use]
pub fn make_offer(capabilities: &Capabilities, direction: Direction) -> Vec<u8> {
    make_offer_as(capabilities, direction, Origin { session: 1, version: 1 })
}

/// The same, by a given origin.
#[must_use]
pub fn make_offer_as(capabilities: &Capabilities, direction: Direction, origin: Origin) -> Vec<u8> {
    let mut text = session_lines(capabilities.address, origin);
    let protocol = offered_protocol(capabilities.security);
    audio_lines(&mut text, capabilities.port, protocol, formats::offered(capabilities), direction);
    text.push_str(RTCP_MUX);
    write_offered(&mut text, capabilities.security, &capabilities.key_seed);
    text.into_bytes()
}

/// The answer to an offer, and what was agreed: the first of our codecs that it holds.
///
/// # Errors
/// [`SdpError`] where there is nothing to agree on.
pub fn answer(offer: &[u8], capabilities: &Capabilities) -> Result<(Vec<u8>, Agreement), SdpError> {
    answer_as(offer, capabilities, Origin { session: 1, version: 1 })
}

/// The same, by a given origin.
///
/// # Errors
/// [`SdpError`] where there is nothing to agree on.
pub fn answer_as(
    offer: &[u8],
    capabilities: &Capabilities,
    origin: Origin,
) -> Result<(Vec<u8>, Agreement), SdpError> {
    answer_towards(offer, capabilities, Direction::SendRecv, origin)
}

/// The same, by who wants the media to flow in this direction at most: one who has put the other on hold.
///
/// # Errors
/// [`SdpError`] where there is nothing to agree on.
pub fn answer_towards(
    offer: &[u8],
    capabilities: &Capabilities,
    direction: Direction,
    origin: Origin,
) -> Result<(Vec<u8>, Agreement), SdpError> {
    let offer = Description::parse(offer)?;
    let mut refused = SdpError::NoAudio;
    let mut chosen = None;
    for (index, media) in offer.media.iter().enumerate() {
        let crypto = || taken(media.protocol, &media.cryptos, capabilities.security, &capabilities.key_seed);
        let chosen_here = || formats::choose(media, capabilities);
        match agreement_on(media, capabilities, crypto, chosen_here) {
            // Who offers the same secret and plain leaves the choice to us.
            Ok(agreement) if agreement.crypto.is_some() => {
                chosen = Some((index, agreement));
                break;
            }
            Ok(agreement) => chosen = chosen.or(Some((index, agreement))),
            Err(SdpError::NoAudio) => {}
            Err(why) => refused = why,
        }
    }
    let (chosen, mut agreement) = chosen.ok_or(refused)?;
    agreement.direction = agreement.direction.and(direction);
    let mut text = session_lines(capabilities.address, origin);
    for (index, media) in offer.media.iter().enumerate() {
        if index == chosen {
            let lines = formats::answered(&agreement.codec, agreement.payload_type, &agreement.formats);
            audio_lines(&mut text, capabilities.port, media.protocol, lines, agreement.direction);
            if agreement.rtcp == Rtcp::Muxed {
                text.push_str(RTCP_MUX);
            }
            if let Some(crypto) = &agreement.crypto {
                write_taken(&mut text, crypto);
            }
        } else {
            let word = |bytes| String::from_utf8_lossy(bytes);
            let format = word(media.formats.first().copied().unwrap_or(b"0"));
            let _ = write!(text, "m={} 0 {} {format}\r\n", word(media.kind), word(media.protocol));
        }
    }
    Ok((text.into_bytes(), agreement))
}

/// The answer that refuses every stream of an offer.
///
/// # Errors
/// [`SdpError::Malformed`] where the offer is none.
pub fn decline(offer: &[u8], address: IpAddr, origin: Origin) -> Result<Vec<u8>, SdpError> {
    let offer = Description::parse(offer)?;
    let mut text = session_lines(address, origin);
    for media in &offer.media {
        let word = |bytes| String::from_utf8_lossy(bytes);
        let format = word(media.formats.first().copied().unwrap_or(b"0"));
        let _ = write!(text, "m={} 0 {} {format}\r\n", word(media.kind), word(media.protocol));
    }
    Ok(text.into_bytes())
}

/// What the answer to an offer of ours comes to.
///
/// # Errors
/// [`SdpError`] where the answer refuses, or does not fit the offer.
pub fn agree(offer: &[u8], answer: &[u8], capabilities: &Capabilities) -> Result<Agreement, SdpError> {
    let offer = Description::parse(offer)?;
    let answer = Description::parse(answer)?;
    // An answer has the media lines of its offer; our offers have one.
    if answer.media.len() != offer.media.len() {
        return Err(SdpError::Malformed);
    }
    let (Some(ours), Some(theirs)) = (offer.media.first(), answer.media.first()) else {
        return Err(SdpError::NoAudio);
    };
    let crypto = || agreed(theirs.protocol, &theirs.cryptos, capabilities.security, &capabilities.key_seed);
    let accepted = || formats::accept(ours, theirs, capabilities);
    let mut agreement = agreement_on(theirs, capabilities, crypto, accepted)?;
    agreement.direction = agreement.direction.and(ours.direction);
    Ok(agreement)
}

/// What one media line of theirs allows.
fn agreement_on(
    media: &MediaDescription<'_>,
    capabilities: &Capabilities,
    crypto: impl FnOnce() -> Result<Option<CryptoAgreement>, SdpError>,
    choose: impl FnOnce() -> Result<Chosen, SdpError>,
) -> Result<Agreement, SdpError> {
    if media.kind != b"audio" || media.port == 0 {
        return Err(SdpError::NoAudio);
    }
    let crypto = crypto()?;
    let address = media
        .address
        .filter(|address| address.is_ipv4() == capabilities.address.is_ipv4())
        .ok_or(SdpError::NoAddress)?;
    let (codec, payload_type, event_payload_type, formats) = choose()?;
    // RFC 2543 held a call by the address 0.0.0.0: nothing may be sent there.
    let may_send = Direction::of(!address.is_unspecified(), true);
    Ok(Agreement {
        remote: SocketAddr::new(address, media.port),
        codec,
        payload_type,
        event_payload_type,
        formats,
        direction: media.direction.mirrored().and(may_send),
        ptime_ms: media.ptime_ms,
        rtcp: rtcp_of(media, address),
        crypto,
    })
}

fn rtcp_of(media: &MediaDescription<'_>, address: IpAddr) -> Rtcp {
    match media.rtcp {
        _ if media.rtcp_mux => Rtcp::Muxed,
        Some((_, Some(other))) if other != address => Rtcp::Nowhere,
        Some((port, _)) => Rtcp::Port(port),
        None => media.port.checked_add(1).map_or(Rtcp::Nowhere, Rtcp::Port),
    }
}

fn session_lines(address: IpAddr, origin: Origin) -> String {
    let family = if address.is_ipv4() { "IP4" } else { "IP6" };
    let Origin { session, version } = origin;
    format!(
        "v=0\r\no=- {session} {version} IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n"
    )
}

/// Writes a media line with formats and the lines that explain them.
fn audio_lines(
    text: &mut String,
    port: u16,
    protocol: &[u8],
    (listed, explained): (Vec<u8>, String),
    direction: Direction,
) {
    let _ = write!(text, "m=audio {port} {}", String::from_utf8_lossy(protocol));
    for payload_type in listed {
        let _ = write!(text, " {payload_type}");
    }
    let _ = write!(text, "\r\n{explained}a={}\r\n", direction.attribute());
}
