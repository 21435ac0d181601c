//! RTCP of a leg: what we say of the stream that we get and send, and the round trip that they tell.
//!
//! It says what to send, not when: whoever ticks the leg asks every few seconds [RFC 3550 §6.2].

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
}

impl Control {
    /// Takes a compound packet; what is none is left alone.
    pub(crate) fn receive(&mut self, now: Instant, wall: NtpTime, ours: Ssrc, datagram: &[u8]) {
        let Ok(compound) = Compound::parse(datagram) else {
            return;
        };
        for packet in compound {
            let blocks = match packet {
                RtcpPacket::SenderReport { ssrc, sender, blocks } => {
                    self.last_sender_report = Some((ssrc, sender.ntp.middle(), now));
                    blocks
                }
                RtcpPacket::ReceiverReport { blocks, .. } => blocks,
                RtcpPacket::SourceDescription { .. } | RtcpPacket::Bye { .. } | RtcpPacket::Other { .. } => {
                    continue;
                }
            };
            let told =
                blocks.iter().find(|block| block.ssrc == ours).and_then(|block| round_trip(wall, &block));
            self.round_trip = told.or(self.round_trip);
        }
    }

    /// Writes a report and our name; the octets.
    pub(crate) fn write(
        &self,
        now: Instant,
        ours: Ssrc,
        sender: Option<&SenderInfo>,
        block: Option<ReportBlock>,
        buffer: &mut [u8],
    ) -> Result<usize, RtcpError> {
        let block = block.map(|block| self.with_last_sender_report(now, block));
        let mut writer = RtcpWriter::new(buffer);
        writer.report(ours, sender, block.as_slice())?;
        writer.description(ours, &name_of(ours))?;
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
