//! RTCP of a leg: what we say of the stream that we get and send, and what the other side says of ours.
//!
//! It says what to send, not when: whoever ticks the leg asks every few seconds [RFC 3550 §6.2]. Compound packets are
//! written whole; read are reduced-size ones too [RFC 5506], and extended reports are passed over [RFC 3611].

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use partyline_rtp::{
    Compound, NtpTime, ReportBlock, RtcpError, RtcpPacket, RtcpWriter, SenderInfo, Ssrc, round_trip,
};

/// What is known from the other side's reports.
#[derive(Debug, Default)]
pub(crate) struct Control {
    /// The last sender report, as we have to quote it, and when it came.
    last_sender_report: Option<(Ssrc, u32, Instant)>,
    pub(crate) round_trip: Option<Duration>,
    /// What they said last of our stream.
    pub(crate) theirs: Option<ReportBlock>,
    /// Where their RTCP comes from, for NATs that give it a port of its own.
    pub(crate) source: Option<SocketAddr>,
    /// Datagrams that were no RTCP.
    pub(crate) malformed: u64,
}

/// What a datagram told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Told {
    /// Something of our stream: whoever sent it gets our packets.
    pub(crate) has_heard_us: bool,
    /// This stream of theirs is over.
    pub(crate) goodbye: Option<Ssrc>,
}

impl Control {
    /// Takes a datagram from the caller's address. One that is not made of whole RTCP packets is left alone as a whole.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        wall: NtpTime,
        ours: Ssrc,
        source: SocketAddr,
        datagram: &[u8],
    ) -> Told {
        let Ok(compound) = Compound::parse(datagram) else {
            self.malformed += 1;
            return Told::default();
        };
        self.source = Some(source);
        let mut told = Told::default();
        for packet in compound {
            let blocks = match packet {
                RtcpPacket::SenderReport { ssrc, sender, blocks } => {
                    self.last_sender_report = Some((ssrc, sender.ntp.middle(), now));
                    blocks
                }
                RtcpPacket::ReceiverReport { blocks, .. } => blocks,
                RtcpPacket::Bye { ssrc } => {
                    told.goodbye = Some(ssrc);
                    continue;
                }
                RtcpPacket::SourceDescription { .. } | RtcpPacket::Other { .. } => continue,
            };
            if let Some(block) = blocks.iter().find(|block| block.ssrc == ours) {
                told.has_heard_us = true;
                self.round_trip = round_trip(wall, &block).or(self.round_trip);
                self.theirs = Some(block);
            }
        }
        told
    }

    /// Our stream has another name: what was said of the old one is past.
    pub(crate) const fn forget_ours(&mut self) {
        self.theirs = None;
    }

    /// Writes a report and our name, and our goodbye where we leave [RFC 3550 §6.1, §6.6]; the octets.
    pub(crate) fn write(
        &self,
        now: Instant,
        ours: Ssrc,
        sender: Option<&SenderInfo>,
        block: Option<ReportBlock>,
        leaves: bool,
        buffer: &mut [u8],
    ) -> Result<usize, RtcpError> {
        let block = block.map(|block| self.with_last_sender_report(now, block));
        let mut writer = RtcpWriter::new(buffer);
        writer.report(ours, sender, block.as_slice())?;
        writer.description(ours, &name_of(ours))?;
        if leaves {
            writer.bye(ours)?;
        }
        Ok(writer.octets())
    }

    fn with_last_sender_report(&self, now: Instant, block: ReportBlock) -> ReportBlock {
        match self.last_sender_report {
            Some((ssrc, middle, came)) if ssrc == block.ssrc => ReportBlock {
                last_sender_report: middle,
                delay_since_last_sender_report: (now.saturating_duration_since(came).as_micros() * 65_536
                    / 1_000_000) as u32,
                ..block
            },
            Some(_) | None => block,
        }
    }
}

/// A name without meaning, as RFC 7022 wants it: the stream's random number in hexadecimal digits.
fn name_of(ssrc: Ssrc) -> [u8; 8] {
    std::array::from_fn(|index| {
        let digit = (ssrc.0 >> (28 - 4 * index)) & 0xF;
        b"0123456789abcdef"[digit as usize]
    })
}
