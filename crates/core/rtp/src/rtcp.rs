//! RTCP: reports, descriptions and goodbyes, read in place and written into a buffer [RFC 3550 §6].
//!
//! It does not decide when to send. **Invariant:** a compound packet that was read has whole packets only.

use std::time::Duration;

use crate::types::{RtpTime, Ssrc};

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const CNAME: u8 = 1;
const BLOCK_OCTETS: usize = 24;
const SENDER_INFO_OCTETS: usize = 20;
/// The count field of a header has five bits.
const COUNT_MAX: usize = 31;

/// A time in NTP's format: seconds since 1900 in the upper 32 bits, fractions of one in the lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// The NTP time of a time since the Unix epoch.
    #[must_use]
    pub fn from_unix(since_epoch: Duration) -> Self {
        let seconds = since_epoch.as_secs().wrapping_add(2_208_988_800);
        let fraction = (u64::from(since_epoch.subsec_nanos()) << 32) / 1_000_000_000;
        Self((seconds << 32) | fraction)
    }

    /// The middle 32 bits, in units of 2⁻¹⁶ s: what reports quote.
    #[must_use]
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// The round trip that a report block about us tells [§6.4.1, figure 2]; `None` if they have had no report of
/// ours, or where the numbers make no sense.
#[must_use]
pub fn round_trip(now: NtpTime, block: &ReportBlock) -> Option<Duration> {
    if block.last_sender_report == 0 {
        return None;
    }
    let units = now
        .middle()
        .wrapping_sub(block.last_sender_report)
        .wrapping_sub(block.delay_since_last_sender_report);
    // Over a minute: one of the clocks jumped, or the block is made up.
    (units < 60 << 16).then(|| Duration::from_nanos(u64::from(units) * 1_000_000_000 / 65_536))
}

/// What a sender says of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// Its wall clock.
    pub ntp: NtpTime,
    /// The same instant on the stream's clock.
    pub rtp: RtpTime,
    /// Packets sent.
    pub packets: u32,
    /// Payload octets sent.
    pub octets: u32,
}

/// What a receiver says of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream.
    pub ssrc: Ssrc,
    /// Share of packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the start, 24 bits with a sign.
    pub lost: i32,
    /// The highest sequence number, with its cycles in the upper half.
    pub highest_sequence: u32,
    /// Interarrival jitter in ticks.
    pub jitter_ticks: u32,
    /// [`NtpTime::middle`] of the last sender report received; 0 for none.
    pub last_sender_report: u32,
    /// The delay since then, in 2⁻¹⁶ s.
    pub delay_since_last_sender_report: u32,
}

impl ReportBlock {
    fn parse(octets: &[u8; BLOCK_OCTETS]) -> Self {
        let lost = i32::from_be_bytes([octets[5], octets[6], octets[7], 0]) >> 8;
        Self {
            ssrc: Ssrc(word(octets, 0)),
            fraction_lost: octets[4],
            lost,
            highest_sequence: word(octets, 8),
            jitter_ticks: word(octets, 12),
            last_sender_report: word(octets, 16),
            delay_since_last_sender_report: word(octets, 20),
        }
    }

    fn to_bytes(self) -> [u8; BLOCK_OCTETS] {
        let lost = self.lost.clamp(-0x80_0000, 0x7F_FFFF).cast_unsigned() & 0x00FF_FFFF;
        let mut octets = [0; BLOCK_OCTETS];
        let words = [
            self.ssrc.0,
            (u32::from(self.fraction_lost) << 24) | lost,
            self.highest_sequence,
            self.jitter_ticks,
            self.last_sender_report,
            self.delay_since_last_sender_report,
        ];
        for (place, word) in octets.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *place = word.to_be_bytes();
        }
        octets
    }
}

/// The report blocks of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlocks<'a> {
    blocks: &'a [[u8; BLOCK_OCTETS]],
}

impl<'a> ReportBlocks<'a> {
    /// The blocks, in order.
    pub fn iter(&self) -> impl Iterator<Item = ReportBlock> + 'a {
        self.blocks.iter().map(ReportBlock::parse)
    }
}

/// A packet of a compound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RtcpPacket<'a> {
    /// SR: a sender's report.
    SenderReport {
        /// The sender.
        ssrc: Ssrc,
        /// Of its own stream.
        sender: SenderInfo,
        /// Of others.
        blocks: ReportBlocks<'a>,
    },
    /// RR: a receiver's report.
    ReceiverReport {
        /// The receiver.
        ssrc: Ssrc,
        /// Of others.
        blocks: ReportBlocks<'a>,
    },
    /// SDES: the first source described, and its CNAME if it has one.
    SourceDescription {
        /// The source.
        ssrc: Ssrc,
        /// Its canonical name; any bytes.
        cname: Option<&'a [u8]>,
    },
    /// BYE: the first source that leaves.
    Bye {
        /// The source.
        ssrc: Ssrc,
    },
    /// Another kind.
    Other {
        /// Its packet type.
        kind: u8,
    },
}

/// Why octets are no RTCP packet, or a packet could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtcpError {
    /// Lengths that do not add up to the datagram.
    #[error("cut short")]
    Short,
    /// Not version 2.
    #[error("not RTCP version 2")]
    Version,
    /// The buffer is too small, or there are more than 31 blocks, or a name of more than 255 octets.
    #[error("no room")]
    NoRoom,
}

/// A compound packet: its packets are iterated.
#[derive(Debug, Clone)]
pub struct Compound<'a> {
    rest: &'a [u8],
}

impl<'a> Compound<'a> {
    /// Checks the lengths of all packets in a datagram.
    ///
    /// # Errors
    /// [`RtcpError`] where it is not made of whole RTCP packets.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtcpError> {
        let mut rest = datagram;
        loop {
            let head = rest.first_chunk::<4>().ok_or(RtcpError::Short)?;
            if head[0] >> 6 != 2 {
                return Err(RtcpError::Version);
            }
            rest = rest.get(octets_of(head)..).ok_or(RtcpError::Short)?;
            if rest.is_empty() {
                return Ok(Self { rest: datagram });
            }
        }
    }
}

impl<'a> Iterator for Compound<'a> {
    type Item = RtcpPacket<'a>;

    fn next(&mut self) -> Option<RtcpPacket<'a>> {
        let head = self.rest.first_chunk::<4>()?;
        let (packet, rest) = self.rest.split_at_checked(octets_of(head))?;
        self.rest = rest;
        let count = usize::from(head[0] & 0x1F);
        Some(read(head[1], count, &packet[4..]).unwrap_or(RtcpPacket::Other { kind: head[1] }))
    }
}

fn octets_of(head: &[u8; 4]) -> usize {
    (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1) * 4
}

fn word(octets: &[u8], at: usize) -> u32 {
    octets.get(at..at + 4).map_or(0, |w| u32::from_be_bytes([w[0], w[1], w[2], w[3]]))
}

/// Reads the body of a packet; `None` if it is of another kind or shorter than it says.
fn read(kind: u8, count: usize, body: &[u8]) -> Option<RtcpPacket<'_>> {
    let ssrc = || (body.len() >= 4).then(|| Ssrc(word(body, 0)));
    match kind {
        SENDER_REPORT => {
            let sender = body.get(4..4 + SENDER_INFO_OCTETS)?;
            Some(RtcpPacket::SenderReport {
                ssrc: ssrc()?,
                sender: SenderInfo {
                    ntp: NtpTime((u64::from(word(sender, 0)) << 32) | u64::from(word(sender, 4))),
                    rtp: RtpTime(word(sender, 8)),
                    packets: word(sender, 12),
                    octets: word(sender, 16),
                },
                blocks: blocks(count, &body[4 + SENDER_INFO_OCTETS..])?,
            })
        }
        RECEIVER_REPORT => {
            Some(RtcpPacket::ReceiverReport { ssrc: ssrc()?, blocks: blocks(count, body.get(4..)?)? })
        }
        SOURCE_DESCRIPTION if count > 0 => {
            Some(RtcpPacket::SourceDescription { ssrc: ssrc()?, cname: cname(body.get(4..)?) })
        }
        BYE if count > 0 => Some(RtcpPacket::Bye { ssrc: ssrc()? }),
        _ => None,
    }
}

fn blocks(count: usize, body: &[u8]) -> Option<ReportBlocks<'_>> {
    Some(ReportBlocks { blocks: body.as_chunks::<BLOCK_OCTETS>().0.get(..count)? })
}

fn cname(mut items: &[u8]) -> Option<&[u8]> {
    while let &[kind, len, ref rest @ ..] = items {
        let (text, after) = rest.split_at_checked(usize::from(len))?;
        match kind {
            0 => return None,
            CNAME => return Some(text),
            _ => items = after,
        }
    }
    None
}

/// Writes a compound packet, packet by packet.
#[derive(Debug)]
pub struct RtcpWriter<'b> {
    buffer: &'b mut [u8],
    len: usize,
}

impl<'b> RtcpWriter<'b> {
    /// Writes into this buffer.
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    /// Octets written.
    #[must_use]
    pub const fn octets(&self) -> usize {
        self.len
    }

    /// Adds SR (with `sender`) or RR (without).
    ///
    /// # Errors
    /// [`RtcpError::NoRoom`]; nothing was added then.
    pub fn report(
        &mut self,
        ssrc: Ssrc,
        sender: Option<&SenderInfo>,
        blocks: &[ReportBlock],
    ) -> Result<(), RtcpError> {
        if blocks.len() > COUNT_MAX {
            return Err(RtcpError::NoRoom);
        }
        let start = self.len;
        let kind = if sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
        let written = self.start(kind, blocks.len() as u8, ssrc).and_then(|()| {
            if let Some(sender) = sender {
                self.put(&sender.ntp.0.to_be_bytes())?;
                for value in [sender.rtp.0, sender.packets, sender.octets] {
                    self.put(&value.to_be_bytes())?;
                }
            }
            blocks.iter().try_for_each(|block| self.put(&block.to_bytes()))
        });
        self.finish(start, written)
    }

    /// Adds SDES with a CNAME.
    ///
    /// # Errors
    /// [`RtcpError::NoRoom`]; nothing was added then.
    pub fn description(&mut self, ssrc: Ssrc, cname: &[u8]) -> Result<(), RtcpError> {
        let len = u8::try_from(cname.len()).map_err(|_| RtcpError::NoRoom)?;
        let start = self.len;
        let written = self.start(SOURCE_DESCRIPTION, 1, ssrc).and_then(|()| {
            self.put(&[CNAME, len])?;
            self.put(cname)?;
            // One octet at least ends the items; then up to a whole word.
            self.put(&[0; 4][..4 - (2 + cname.len()) % 4])
        });
        self.finish(start, written)
    }

    /// Adds BYE.
    ///
    /// # Errors
    /// [`RtcpError::NoRoom`]; nothing was added then.
    pub fn bye(&mut self, ssrc: Ssrc) -> Result<(), RtcpError> {
        let start = self.len;
        let written = self.start(BYE, 1, ssrc);
        self.finish(start, written)
    }

    fn start(&mut self, kind: u8, count: u8, ssrc: Ssrc) -> Result<(), RtcpError> {
        self.put(&[0x80 | count, kind, 0, 0])?;
        self.put(&ssrc.0.to_be_bytes())
    }

    fn put(&mut self, octets: &[u8]) -> Result<(), RtcpError> {
        let end = self.len + octets.len();
        self.buffer.get_mut(self.len..end).ok_or(RtcpError::NoRoom)?.copy_from_slice(octets);
        self.len = end;
        Ok(())
    }

    /// Fills in the length of the packet from `start`, or takes it back.
    fn finish(&mut self, start: usize, written: Result<(), RtcpError>) -> Result<(), RtcpError> {
        match written {
            Ok(()) => {
                let words = ((self.len - start) / 4 - 1) as u16;
                self.buffer[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
            }
            Err(_) => self.len = start,
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BLOCK: ReportBlock = ReportBlock {
        ssrc: Ssrc(9),
        fraction_lost: 12,
        lost: -3,
        highest_sequence: 70_000,
        jitter_ticks: 44,
        last_sender_report: 0x1234_5678,
        delay_since_last_sender_report: 0x0001_0000,
    };
    const SENDER: SenderInfo =
        SenderInfo { ntp: NtpTime(0x0102_0304_0506_0708), rtp: RtpTime(77), packets: 5, octets: 800 };

    /// Shows RFC 3550 §6.1: reports and the source description go in one compound packet.
    #[test]
    fn a_compound_is_read_as_it_was_written() {
        for name in ["a", "ab", "abc", "abcd", "partyline@192.0.2.1"] {
            let mut buffer = [0xEE; 256];
            let mut writer = RtcpWriter::new(&mut buffer);
            writer.report(Ssrc(1), Some(&SENDER), &[BLOCK, BLOCK]).unwrap();
            writer.description(Ssrc(1), name.as_bytes()).unwrap();
            writer.bye(Ssrc(1)).unwrap();
            let len = writer.octets();
            let packets: Vec<_> = Compound::parse(&buffer[..len]).unwrap().collect();
            let RtcpPacket::SenderReport { ssrc: Ssrc(1), sender, blocks } = packets[0] else {
                panic!("{:?}", packets[0])
            };
            assert_eq!(sender, SENDER);
            assert_eq!(blocks.iter().collect::<Vec<_>>(), [BLOCK, BLOCK]);
            let cname = Some(name.as_bytes());
            assert_eq!(packets[1], RtcpPacket::SourceDescription { ssrc: Ssrc(1), cname });
            assert_eq!(packets[2], RtcpPacket::Bye { ssrc: Ssrc(1) });
        }
    }

    /// Shows RFC 3550 §6.4.2: who sends nothing writes a receiver report.
    #[test]
    fn a_report_without_a_stream_is_a_receivers() {
        let mut buffer = [0; 64];
        let mut writer = RtcpWriter::new(&mut buffer);
        writer.report(Ssrc(1), None, &[BLOCK]).unwrap();
        let len = writer.octets();
        let packet = Compound::parse(&buffer[..len]).unwrap().next().unwrap();
        let RtcpPacket::ReceiverReport { blocks, .. } = packet else { panic!("{packet:?}") };
        assert_eq!(blocks.iter().next(), Some(BLOCK));
    }

    #[test]
    fn what_does_not_fit_is_not_begun() {
        let mut buffer = [0; 20];
        let mut writer = RtcpWriter::new(&mut buffer);
        writer.report(Ssrc(1), None, &[]).unwrap();
        assert_eq!(writer.report(Ssrc(1), Some(&SENDER), &[]), Err(RtcpError::NoRoom));
        writer.bye(Ssrc(1)).unwrap();
        let len = writer.octets();
        assert_eq!(Compound::parse(&buffer[..len]).unwrap().count(), 2);
    }

    /// Shows RFC 3550 §6.4.1: the round trip is the arrival less LSR and DLSR.
    #[test]
    fn the_round_trip_is_what_passed_less_what_they_kept_it() {
        let sent = NtpTime::from_unix(Duration::from_millis(1_700_000_000_000));
        let now = NtpTime::from_unix(Duration::from_millis(1_700_000_001_250));
        let block = ReportBlock {
            last_sender_report: sent.middle(),
            delay_since_last_sender_report: 65_536,
            ..BLOCK
        };
        let took = round_trip(now, &block).unwrap();
        assert!((took.as_secs_f64() - 0.25).abs() < 0.001, "{took:?}");
        assert_eq!(round_trip(sent, &block), None, "less than no time is no round trip");
        assert_eq!(round_trip(now, &ReportBlock { last_sender_report: 0, ..block }), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(datagram in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(compound) = Compound::parse(&datagram) {
                prop_assert!(compound.count() <= datagram.len() / 4);
            }
        }

        #[test]
        fn any_body_under_a_right_header_is_read(kind in 200u8..208, first in 0x80u8..0xA0, body in proptest::collection::vec(any::<u8>(), 0..160)) {
            let body = &body[..body.len() / 4 * 4];
            let mut datagram = vec![first, kind, 0, (body.len() / 4) as u8];
            datagram.extend(body);
            prop_assert_eq!(Compound::parse(&datagram).unwrap().count(), 1);
        }
    }
}
