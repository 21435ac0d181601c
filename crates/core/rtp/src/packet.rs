//! RTP packets, read in place and written into a buffer [RFC 3550 §5.1].

use crate::types::{RtpTime, SeqNo, Ssrc};

/// Octets of a header without contributing sources or extension.
pub const HEADER_OCTETS: usize = 12;

const VERSION: u8 = 2;

/// An RTP packet, read in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The marker bit: the first packet of a talk spurt or of an event.
    pub marker: bool,
    /// What the payload is, as agreed in SDP.
    pub payload_type: u8,
    /// Its number.
    pub sequence: SeqNo,
    /// When its first sample was taken.
    pub timestamp: RtpTime,
    /// The stream.
    pub ssrc: Ssrc,
    /// The header extension, if there is one.
    pub extension: Option<Extension<'a>>,
    /// The payload, without padding; may be empty.
    pub payload: &'a [u8],
    contributors: &'a [u8],
}

/// A header extension [RFC 3550 §5.3.1].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    /// What kind: 0xBEDE for one-byte elements of RFC 8285.
    pub profile: u16,
    /// Its octets, a multiple of four.
    pub octets: &'a [u8],
}

/// Why a datagram is no RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// Shorter than the header it announces.
    #[error("cut short")]
    Short,
    /// Not version 2.
    #[error("not RTP version 2")]
    Version,
    /// More padding than there are octets, or a padding count of zero.
    #[error("padding does not fit")]
    Padding,
}

impl<'a> Packet<'a> {
    /// Reads a datagram.
    ///
    /// # Errors
    /// [`PacketError`] where it is not a whole RTP packet.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, PacketError> {
        let (head, rest) = datagram.split_first_chunk::<HEADER_OCTETS>().ok_or(PacketError::Short)?;
        if head[0] >> 6 != VERSION {
            return Err(PacketError::Version);
        }
        let contributors_len = usize::from(head[0] & 0x0F) * 4;
        let (contributors, rest) = rest.split_at_checked(contributors_len).ok_or(PacketError::Short)?;
        let (extension, rest) = match head[0] & 0x10 {
            0 => (None, rest),
            _ => Extension::parse(rest).map(|(extension, rest)| (Some(extension), rest))?,
        };
        let payload = match head[0] & 0x20 {
            0 => rest,
            _ => without_padding(rest)?,
        };
        Ok(Self {
            marker: head[1] & 0x80 != 0,
            payload_type: head[1] & 0x7F,
            sequence: SeqNo(u16::from_be_bytes([head[2], head[3]])),
            timestamp: RtpTime(u32::from_be_bytes([head[4], head[5], head[6], head[7]])),
            ssrc: Ssrc(u32::from_be_bytes([head[8], head[9], head[10], head[11]])),
            extension,
            payload,
            contributors,
        })
    }

    /// The streams that a mixer made this packet from.
    pub fn contributors(&self) -> impl Iterator<Item = Ssrc> + 'a {
        self.contributors.as_chunks::<4>().0.iter().map(|c| Ssrc(u32::from_be_bytes(*c)))
    }
}

impl<'a> Extension<'a> {
    fn parse(octets: &'a [u8]) -> Result<(Self, &'a [u8]), PacketError> {
        let (head, rest) = octets.split_first_chunk::<4>().ok_or(PacketError::Short)?;
        let len = usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
        let (octets, rest) = rest.split_at_checked(len).ok_or(PacketError::Short)?;
        Ok((Self { profile: u16::from_be_bytes([head[0], head[1]]), octets }, rest))
    }
}

fn without_padding(payload: &[u8]) -> Result<&[u8], PacketError> {
    let padding = usize::from(*payload.last().ok_or(PacketError::Padding)?);
    let len = payload.len().checked_sub(padding).ok_or(PacketError::Padding)?;
    if padding == 0 { Err(PacketError::Padding) } else { Ok(&payload[..len]) }
}

/// The header of a packet that we send: no contributors, extension or padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The marker bit.
    pub marker: bool,
    /// The payload type, below 128.
    pub payload_type: u8,
    /// Its number.
    pub sequence: SeqNo,
    /// When its first sample was taken.
    pub timestamp: RtpTime,
    /// The stream.
    pub ssrc: Ssrc,
}

impl Header {
    /// The octets of the header; the payload follows them.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; HEADER_OCTETS] {
        let [q0, q1] = self.sequence.0.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.0.to_be_bytes();
        let [s0, s1, s2, s3] = self.ssrc.0.to_be_bytes();
        let kind = (self.payload_type & 0x7F) | if self.marker { 0x80 } else { 0 };
        [VERSION << 6, kind, q0, q1, t0, t1, t2, t3, s0, s1, s2, s3]
    }

    /// Writes header and payload into a buffer; the octets of the packet, or `None` where the buffer is too small.
    pub fn write(self, payload: &[u8], buffer: &mut [u8]) -> Option<usize> {
        let len = HEADER_OCTETS + payload.len();
        let packet = buffer.get_mut(..len)?;
        packet[..HEADER_OCTETS].copy_from_slice(&self.to_bytes());
        packet[HEADER_OCTETS..].copy_from_slice(payload);
        Some(len)
    }
}

/// Whether a datagram that shares a port with RTP is RTCP [RFC 5761 §4].
#[must_use]
pub fn is_rtcp(datagram: &[u8]) -> bool {
    datagram.get(1).is_some_and(|kind| (192..=223).contains(kind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: Header = Header {
        marker: true,
        payload_type: 101,
        sequence: SeqNo(0xFFFE),
        timestamp: RtpTime(0x0102_0304),
        ssrc: Ssrc(0xDEAD_BEEF),
    };

    /// Shows RFC 3550 §5.1: the fixed header is written and read.
    #[test]
    fn what_is_written_is_read_again() {
        let mut buffer = [0; 64];
        let len = HEADER.write(b"payload", &mut buffer).unwrap();
        let packet = Packet::parse(&buffer[..len]).unwrap();
        assert!(packet.marker);
        assert_eq!(packet.payload_type, 101);
        assert_eq!(packet.sequence, SeqNo(0xFFFE));
        assert_eq!(packet.timestamp, RtpTime(0x0102_0304));
        assert_eq!(packet.ssrc, Ssrc(0xDEAD_BEEF));
        assert_eq!(packet.payload, b"payload");
        assert_eq!(packet.contributors().count(), 0);
    }

    /// Shows RFC 3550 §5.1: contributors and padding are no payload.
    /// Shows RFC 3550 §5.3.1: a header extension is skipped.
    #[test]
    fn contributors_extension_and_padding_are_taken_off_the_payload() {
        let mut datagram = HEADER.to_bytes().to_vec();
        datagram[0] |= 0x20 | 0x10 | 2;
        datagram.extend([0, 0, 0, 7, 0, 0, 0, 8]);
        datagram.extend([0xBE, 0xDE, 0, 1, 0x10, 0x7F, 0, 0]);
        datagram.extend(b"voice");
        datagram.extend([0, 0, 3]);
        let packet = Packet::parse(&datagram).unwrap();
        assert_eq!(packet.contributors().collect::<Vec<_>>(), [Ssrc(7), Ssrc(8)]);
        let extension = packet.extension.unwrap();
        assert_eq!((extension.profile, extension.octets), (0xBEDE, &[0x10, 0x7F, 0, 0][..]));
        assert_eq!(packet.payload, b"voice");
    }

    /// Shows RFC 3550 §5.1: padding longer than the packet makes it invalid.
    #[test]
    fn padding_that_does_not_fit_is_refused() {
        let mut datagram = HEADER.to_bytes().to_vec();
        datagram[0] |= 0x20;
        assert_eq!(Packet::parse(&datagram), Err(PacketError::Padding));
        datagram.push(0);
        assert_eq!(Packet::parse(&datagram), Err(PacketError::Padding));
        datagram[12] = 2;
        assert_eq!(Packet::parse(&datagram), Err(PacketError::Padding));
        datagram[12] = 1;
        assert_eq!(Packet::parse(&datagram).unwrap().payload, b"");
    }

    #[test]
    fn a_buffer_too_small_is_left_alone() {
        let mut buffer = [7; 15];
        assert_eq!(HEADER.write(b"four", &mut buffer), None);
        assert_eq!(buffer, [7; 15]);
    }

    /// Shows RFC 5761 §4: RTCP is told from RTP by its packet type.
    #[test]
    fn rtcp_is_told_from_rtp_by_its_second_octet() {
        assert!(is_rtcp(&[0x80, 200]));
        assert!(!is_rtcp(&[0x80, 0x80]));
        assert!(!is_rtcp(&[0x80]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(datagram in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(packet) = Packet::parse(&datagram) {
                prop_assert!(packet.payload.len() + HEADER_OCTETS <= datagram.len());
            }
        }

        #[test]
        fn any_flags_on_a_real_packet_are_read_or_refused(first in 0x80u8..0xC0, tail in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut datagram = HEADER.to_bytes().to_vec();
            datagram[0] = first;
            datagram.extend(&tail);
            if let Ok(packet) = Packet::parse(&datagram) {
                prop_assert!(packet.payload.len() <= tail.len());
            }
        }
    }
}
