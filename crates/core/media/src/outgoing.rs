//! What a caller hears, as packets: resampling, encoder, numbers and times.
//!
//! **Invariant:** numbers and times go on without gaps, whatever is sent; a codec with another clock begins a stream
//! of another name, because one name has one clock [RFC 7160 §4.1].

use partyline_audio::Resampler;
use partyline_codec::{Codec, Encoder, OpusSettings};
use partyline_rtp::{HEADER_OCTETS, Header, NtpTime, RtpTime, SenderInfo, SeqNo, Ssrc};

use crate::frame::{PACKET_OCTETS, RATE_HZ};
use crate::line::StreamStart;

/// The most samples that an encoder takes in 20 ms: 48 kHz.
const CODED_SAMPLES_MAX: usize = 960;

/// The sending side.
#[derive(Debug)]
pub(crate) struct Outgoing {
    encoder: Encoder,
    resampler: Option<Resampler>,
    wishes: OpusSettings,
    ssrc: Ssrc,
    sequence: SeqNo,
    timestamp: RtpTime,
    /// The next packet is the first after a pause.
    is_after_pause: bool,
    pub(crate) packets: u64,
    /// Octets of payload, as sender reports count them.
    octets: u32,
}

impl Outgoing {
    pub(crate) fn new(start: StreamStart, codec: Codec, wishes: &OpusSettings) -> Self {
        let encoder = Encoder::at_rate(codec, RATE_HZ, wishes);
        Self {
            resampler: resampler_for(&encoder),
            encoder,
            wishes: *wishes,
            ssrc: Ssrc(start.ssrc),
            // Below the half, so that the first packets may be lost without harm to SRTP [RFC 3711 §3.3.1].
            sequence: SeqNo(start.sequence & 0x7FFF),
            timestamp: RtpTime(start.timestamp),
            is_after_pause: true,
            packets: 0,
            octets: 0,
        }
    }

    /// Goes on in another codec, or by other wishes.
    pub(crate) fn change(&mut self, codec: Codec, wishes: &OpusSettings) {
        let before = self.encoder.codec();
        if before == codec && (codec != Codec::Opus || self.wishes == *wishes) {
            return;
        }
        self.encoder = Encoder::at_rate(codec, RATE_HZ, wishes);
        self.resampler = resampler_for(&self.encoder);
        self.wishes = *wishes;
        self.is_after_pause = true;
        if before.clock_rate_hz() != codec.clock_rate_hz() {
            self.rename();
        }
    }

    pub(crate) const fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// Begins a stream of another name, far from the old one and as random.
    pub(crate) const fn rename(&mut self) {
        self.ssrc = Ssrc(self.ssrc.0.wrapping_add(0x9E37_79B9));
        self.sequence = SeqNo(self.sequence.0 & 0x7FFF);
        self.is_after_pause = true;
    }

    /// What a sender report says; `None` before the first packet.
    pub(crate) fn sender_info(&self, wall: NtpTime) -> Option<SenderInfo> {
        (self.packets > 0).then_some(SenderInfo {
            ntp: wall,
            rtp: self.timestamp,
            packets: self.packets as u32,
            octets: self.octets,
        })
    }

    /// Encodes a frame of the mix into a payload; its octets, none where the codec made nothing of it.
    pub(crate) fn encode(&mut self, frame: &[i16], payload: &mut [u8]) -> usize {
        let room = self.encoder.codec().frame_octets_max().min(payload.len());
        let payload = &mut payload[..room];
        match &mut self.resampler {
            None => self.encoder.encode(frame, payload),
            Some(resampler) => {
                let mut coded = [0; CODED_SAMPLES_MAX];
                let count = resampler.process(frame, &mut coded);
                self.encoder.encode(&coded[..count], payload)
            }
        }
    }

    /// Lets time pass without a packet.
    pub(crate) const fn pause(&mut self, frames: u32) {
        let ticks = self.encoder.codec().frame_ticks();
        self.timestamp = self.timestamp.plus(ticks.wrapping_mul(frames));
        self.is_after_pause = true;
    }

    /// Heads a packet whose payload of so many octets stands there already; the octets of all.
    pub(crate) fn head(
        &mut self,
        payload_type: u8,
        payload: usize,
        packet: &mut [u8; PACKET_OCTETS],
    ) -> usize {
        let header = Header {
            marker: self.is_after_pause,
            payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
        };
        let octets = header.to_bytes();
        packet[..octets.len()].copy_from_slice(&octets);
        self.is_after_pause = false;
        self.sequence = self.sequence.next();
        self.timestamp = self.timestamp.plus(self.encoder.codec().frame_ticks());
        self.packets += 1;
        self.octets = self.octets.wrapping_add(payload as u32);
        HEADER_OCTETS + payload
    }
}

/// What takes frames of the mix to the encoder's rate, where that is another.
fn resampler_for(encoder: &Encoder) -> Option<Resampler> {
    let coded_hz = encoder.sample_rate_hz();
    (coded_hz != RATE_HZ).then(|| Resampler::new(RATE_HZ, coded_hz, (RATE_HZ / 50) as usize))
}
