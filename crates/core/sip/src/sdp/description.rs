//! Reading session descriptions ([RFC 8866]): what offer and answer need, the rest is passed over.

use std::net::IpAddr;

use super::crypto::LINES_MAX;
use super::{Direction, SdpError};
use crate::message::decimal;

/// Most media lines.
const MEDIA_MAX: usize = 32;
/// Most formats of a media line.
const FORMATS_MAX: usize = 64;
/// Most `rtpmap` lines of a media line.
const RTPMAPS_MAX: usize = 128;
/// Longest description in bytes.
const DESCRIPTION_MAX: usize = 65_536;

/// A session description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description<'a> {
    /// The media lines, in order.
    pub media: Vec<MediaDescription<'a>>,
}

/// A media line with what belongs to it; what it does not say itself is the session's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaDescription<'a> {
    /// `audio`, `video` …
    pub kind: &'a [u8],
    /// The port; 0 where the stream is refused.
    pub port: u16,
    /// The transport protocol.
    pub protocol: &'a [u8],
    /// The formats, in order of preference.
    pub formats: Vec<&'a [u8]>,
    /// The address for media; `None` where it is a name or nothing.
    pub address: Option<IpAddr>,
    /// The direction as the sender of the description sees it.
    pub direction: Direction,
    /// The packet time, in ms.
    pub ptime_ms: Option<u16>,
    /// The values of `a=crypto`, in order.
    pub cryptos: Vec<&'a [u8]>,
    /// Whether RTCP may share the port of RTP ([RFC 5761]).
    pub rtcp_mux: bool,
    /// The port for RTCP where it is not the one after RTP's, and its address if named ([RFC 3605]).
    pub rtcp: Option<(u16, Option<IpAddr>)>,
    rtpmaps: Vec<RtpMap<'a>>,
    /// Parameters by payload type.
    fmtps: Vec<(u8, &'a [u8])>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RtpMap<'a> {
    payload_type: u8,
    encoding: &'a [u8],
    clock_rate_hz: u32,
    /// As written; not saying them is 1, and forgiven where a codec has more.
    channels: Option<u8>,
}

/// What stands before the first media line and holds for all that do not say otherwise.
#[derive(Debug, Default)]
struct SessionLevel {
    address: Option<IpAddr>,
    direction: Option<Direction>,
    ptime_ms: Option<u16>,
}

impl<'a> Description<'a> {
    /// Reads a description.
    ///
    /// # Errors
    /// [`SdpError::Malformed`] where it is none, or too long.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SdpError> {
        if bytes.len() > DESCRIPTION_MAX {
            return Err(SdpError::Malformed);
        }
        let mut lines =
            bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        if lines.next() != Some(b"v=0") {
            return Err(SdpError::Malformed);
        }
        let mut session = SessionLevel::default();
        let mut media: Vec<MediaDescription<'a>> = Vec::new();
        let mut directions: Vec<Option<Direction>> = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let [kind, b'=', value @ ..] = line else { return Err(SdpError::Malformed) };
            if *kind == b'm' && media.len() == MEDIA_MAX {
                return Err(SdpError::Malformed);
            }
            match (kind, media.last_mut()) {
                (b'm', _) => {
                    media.push(media_line(value, &session)?);
                    directions.push(None);
                }
                (b'c', None) => session.address = connection(value),
                (b'c', Some(current)) => current.address = connection(value),
                (b'a', None) => {
                    session.direction = direction(value).or(session.direction);
                    session.ptime_ms = ptime(value).or(session.ptime_ms);
                }
                (b'a', Some(current)) => {
                    current.ptime_ms = ptime(value).or(current.ptime_ms);
                    current.rtcp_mux |= value == b"rtcp-mux";
                    current.rtcp = rtcp(value).or(current.rtcp);
                    let crypto = value.strip_prefix(b"crypto:").filter(|_| current.cryptos.len() < LINES_MAX);
                    current.cryptos.extend(crypto);
                    current.rtpmaps.extend(rtpmap(value).filter(|_| current.rtpmaps.len() < RTPMAPS_MAX));
                    current.fmtps.extend(fmtp(value).filter(|_| current.fmtps.len() < RTPMAPS_MAX));
                    if let Some(slot) = directions.last_mut() {
                        *slot = direction(value).or(*slot);
                    }
                }
                _ => {}
            }
        }
        for (current, own) in media.iter_mut().zip(directions) {
            current.direction = own.or(session.direction).unwrap_or(Direction::SendRecv);
        }
        Ok(Self { media })
    }
}

impl MediaDescription<'_> {
    /// The payload type that carries an encoding at a clock rate with so many channels, if the line lists it; the
    /// static ones of [RFC 3551] need no `rtpmap`.
    #[must_use]
    pub fn payload_type(&self, encoding: &str, clock_rate_hz: u32, channels: u8) -> Option<u8> {
        self.formats.iter().filter_map(|format| payload_type(format)).find(|listed| {
            match self.rtpmaps.iter().find(|map| map.payload_type == *listed) {
                Some(map) => {
                    map.clock_rate_hz == clock_rate_hz
                        && map.channels.is_none_or(|theirs| theirs == channels)
                        && map.encoding.eq_ignore_ascii_case(encoding.as_bytes())
                }
                None => static_encoding(*listed) == Some((encoding, clock_rate_hz)),
            }
        })
    }

    /// The parameters of a payload type ([RFC 8866 §6.15]).
    #[must_use]
    pub fn parameters(&self, payload_type: u8) -> Option<&[u8]> {
        self.fmtps.iter().find(|(of, _)| *of == payload_type).map(|(_, parameters)| *parameters)
    }
}

fn static_encoding(payload_type: u8) -> Option<(&'static str, u32)> {
    match payload_type {
        0 => Some(("PCMU", 8_000)),
        8 => Some(("PCMA", 8_000)),
        9 => Some(("G722", 8_000)),
        13 => Some(("CN", 8_000)),
        _ => None,
    }
}

fn payload_type(digits: &[u8]) -> Option<u8> {
    decimal(digits).and_then(|number| u8::try_from(number).ok()).filter(|number| *number < 128)
}

fn media_line<'a>(value: &'a [u8], session: &SessionLevel) -> Result<MediaDescription<'a>, SdpError> {
    let mut words = value.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let mut word = || words.next().ok_or(SdpError::Malformed);
    let (kind, ports, protocol) = (word()?, word()?, word()?);
    let port_digits = ports.split(|byte| *byte == b'/').next().unwrap_or_default();
    let port = decimal(port_digits).and_then(|port| u16::try_from(port).ok()).ok_or(SdpError::Malformed)?;
    let formats: Vec<_> = words.take(FORMATS_MAX).collect();
    if formats.is_empty() {
        return Err(SdpError::Malformed);
    }
    let (address, ptime_ms) = (session.address, session.ptime_ms);
    Ok(MediaDescription {
        kind,
        port,
        protocol,
        formats,
        address,
        direction: Direction::SendRecv,
        ptime_ms,
        cryptos: Vec::new(),
        rtcp_mux: false,
        rtcp: None,
        rtpmaps: Vec::new(),
        fmtps: Vec::new(),
    })
}

fn connection(value: &[u8]) -> Option<IpAddr> {
    let mut words = value.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let (network, _family, address) = (words.next()?, words.next()?, words.next()?);
    // A multicast address may carry `/ttl`; there is no conferee behind one, so it simply does not parse.
    std::str::from_utf8(address).ok()?.parse().ok().filter(|_| network == b"IN")
}

fn direction(attribute: &[u8]) -> Option<Direction> {
    match attribute {
        b"sendrecv" => Some(Direction::SendRecv),
        b"sendonly" => Some(Direction::SendOnly),
        b"recvonly" => Some(Direction::RecvOnly),
        b"inactive" => Some(Direction::Inactive),
        _ => None,
    }
}

fn ptime(attribute: &[u8]) -> Option<u16> {
    let value = attribute.strip_prefix(b"ptime:")?.trim_ascii();
    decimal(value).and_then(|ms| u16::try_from(ms).ok()).filter(|ms| (1..=1_000).contains(ms))
}

fn rtcp(attribute: &[u8]) -> Option<(u16, Option<IpAddr>)> {
    let value = attribute.strip_prefix(b"rtcp:")?.trim_ascii();
    let digits = value.split(|byte| *byte == b' ').next()?;
    let port = decimal(digits).and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0)?;
    Some((port, connection(&value[digits.len()..])))
}

fn rtpmap(attribute: &[u8]) -> Option<RtpMap<'_>> {
    let value = attribute.strip_prefix(b"rtpmap:")?;
    let gap = value.iter().position(|byte| *byte == b' ')?;
    let mut parts = value[gap + 1..].trim_ascii().split(|byte| *byte == b'/');
    let (encoding, rate) = (parts.next()?, parts.next()?);
    let channels = match parts.next() {
        Some(digits) => Some(decimal(digits).and_then(|channels| u8::try_from(channels).ok())?),
        None => None,
    };
    let clock_rate_hz = decimal(rate).and_then(|rate| u32::try_from(rate).ok())?;
    Some(RtpMap { payload_type: payload_type(&value[..gap])?, encoding, clock_rate_hz, channels })
}

fn fmtp(attribute: &[u8]) -> Option<(u8, &[u8])> {
    let value = attribute.strip_prefix(b"fmtp:")?;
    let gap = value.iter().position(|byte| *byte == b' ')?;
    Some((payload_type(&value[..gap])?, value[gap + 1..].trim_ascii()))
}
