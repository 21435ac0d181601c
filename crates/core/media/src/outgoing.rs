//! What a caller hears, as packets: encoder, numbers and times.
//!
//! While a caller hears what all listeners of a mix hear, they are sent what was encoded for all of them, and their own
//! encoder rests; it goes on from there as soon as they hear something of their own.
//! **Invariant:** numbers and times go on without gaps, whatever is sent; a codec with another clock begins a stream
//! of another name, because one name has one clock [RFC 7160 §4.1].

use partyline_codec::{Codec, OpusSettings};
use partyline_rtp::{HEADER_OCTETS, Header, NtpTime, RtpTime, SenderInfo, SeqNo, Ssrc};

use crate::coder::Coder;
use crate::frame::{PACKET_OCTETS, Rate};
use crate::line::StreamStart;
use crate::shared::Shared;
use crate::stream::{ALIKE_FRAMES, Joining, Place};

/// The sending side.
#[derive(Debug)]
pub(crate) struct Outgoing {
    coder: Coder,
    course: Course,
    ssrc: Ssrc,
    sequence: SeqNo,
    timestamp: RtpTime,
    /// The next packet is the first after a pause.
    is_after_pause: bool,
    pub(crate) packets: u64,
    /// Octets of payload, as sender reports count them.
    octets: u32,
}

/// Whose encoder the far decoder remembers.
#[derive(Debug, Clone, Copy)]
enum Course {
    /// Our own, which was given what all listeners hear for so many frames in a row.
    Own { alike: u32 },
    /// That of all listeners.
    Shared(Place),
}

impl Outgoing {
    pub(crate) fn new(start: StreamStart, codec: Codec, wishes: &OpusSettings) -> Self {
        Self {
            coder: Coder::new(codec, wishes),
            course: Course::Own { alike: 0 },
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
        let before = self.coder.codec();
        if self.coder.is_like(codec, wishes) {
            return;
        }
        self.coder = Coder::new(codec, wishes);
        self.course = Course::Own { alike: 0 };
        self.is_after_pause = true;
        if before.clock_rate_hz() != codec.clock_rate_hz() {
            self.rename();
        }
    }

    /// The rate of what it is given.
    pub(crate) const fn rate(&self) -> Rate {
        self.coder.rate()
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

    /// Encodes a frame for this caller alone, who may have been sent what is shared until now; its octets, none where
    /// the codec made nothing of it.
    pub(crate) fn encode(&mut self, frame: &[i16], shared: Option<&Shared>, payload: &mut [u8]) -> usize {
        self.leave(shared);
        self.coder.encode(frame, payload)
    }

    /// Gives the payload of what all listeners hear; its octets, as with [`Self::encode`].
    pub(crate) fn encode_shared(&mut self, shared: &mut Shared, payload: &mut [u8]) -> usize {
        let codec = self.coder.codec();
        if let Some(encoded) = shared.payload(codec) {
            return copy(encoded, payload);
        }
        if let Course::Shared(place) = &mut self.course
            && let Some(encoded) = shared.follow(place)
        {
            return copy(encoded, payload);
        }
        let alike = match self.course {
            Course::Own { alike } => alike,
            Course::Shared(_) => {
                self.lose_place();
                0
            }
        };
        self.course = Course::Own { alike: alike.saturating_add(1) };
        if alike >= ALIKE_FRAMES {
            match shared.join(&mut self.coder) {
                Joining::In(place, encoded) => {
                    self.course = Course::Shared(place);
                    return copy(encoded, payload);
                }
                Joining::OnTrial(encoded) => return copy(encoded, payload),
                Joining::Not => {}
            }
        }
        self.coder.encode(&shared.frame, payload)
    }

    /// From here on the far decoder goes on from our own encoder.
    pub(crate) fn leave(&mut self, shared: Option<&Shared>) {
        if let Course::Shared(place) = self.course
            && !shared.is_some_and(|shared| shared.leave(place, &mut self.coder))
        {
            self.lose_place();
        }
        self.course = Course::Own { alike: 0 };
    }

    /// What the far decoder remembers is known to nobody any more. Who leaves a mix does not come here, but somebody whom
    /// it has passed over.
    fn lose_place(&mut self) {
        self.coder.restart();
        self.is_after_pause = true;
    }

    /// Whether what all listeners share is sent.
    #[cfg(test)]
    pub(crate) const fn is_in_step(&self) -> bool {
        matches!(self.course, Course::Shared(_))
    }

    /// Frames that our own encoder was run for.
    #[cfg(test)]
    pub(crate) const fn frames_encoded(&self) -> u64 {
        self.coder.frames
    }

    /// Lets time pass without a packet.
    pub(crate) const fn pause(&mut self, frames: u32) {
        let ticks = self.coder.codec().frame_ticks();
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
        self.timestamp = self.timestamp.plus(self.coder.codec().frame_ticks());
        self.packets += 1;
        self.octets = self.octets.wrapping_add(payload as u32);
        HEADER_OCTETS + payload
    }
}

/// Copies a payload to where there is room for any; its octets.
fn copy(encoded: &[u8], payload: &mut [u8]) -> usize {
    payload[..encoded.len()].copy_from_slice(encoded);
    encoded.len()
}

#[cfg(test)]
mod tests;
