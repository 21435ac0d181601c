//! The RTP session of a connected leg: what comes in, in order, and what goes out, numbered.

use std::net::SocketAddr;
use std::time::Instant;

use partyline_codec::{Codec, Decoder, Encoder};
use partyline_rtp::{
    Arrival, EventReceiver, Header, JitterBuffer, NtpTime, Packet, Pull, Reception, RtpTime, SenderInfo,
    SeqNo, SourceLatch, Ssrc, Verdict,
};

use crate::concealment::Concealment;
use crate::frame::{FRAME_SAMPLES, Frame, PACKET_OCTETS, Payload};
use crate::transport::MediaTransport;

/// Comfort noise (RFC 3389): a sign of life without sound.
const COMFORT_NOISE: u8 = 13;
/// Quieter than this, a cut in the sound is not heard.
const QUIET_DBOV: f32 = -45.0;

/// The result of offer and answer, as media needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct LegMedia {
    /// Where media goes until the caller's first valid packet latches the source.
    pub remote: SocketAddr,
    /// The codec, both ways.
    pub codec: Codec,
    /// The payload type that we send for it, and that they send.
    pub payload_type: u8,
    /// The payload type of telephone-event at the codec's clock rate, if agreed.
    pub event_payload_type: Option<u8>,
    /// Whether we may send (they are not on hold).
    pub sends: bool,
    /// Whether we will receive.
    pub receives: bool,
    /// How packets travel.
    pub transport: MediaTransport,
}

/// Where a stream that we send begins: three random numbers [RFC 3550 §5.1].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamStart {
    /// The stream's name.
    pub ssrc: u32,
    /// The first sequence number.
    pub sequence: u16,
    /// The first timestamp.
    pub timestamp: u32,
}

/// What a datagram was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    /// Sound, or a sign of life.
    Valid { latched: Option<SocketAddr> },
    /// A key besides.
    Key { key: char, latched: Option<SocketAddr> },
    /// Not RTP, of another payload type, or a stranger's.
    Dropped,
}

/// The receiving side.
#[derive(Debug)]
pub(crate) struct Incoming {
    latch: SourceLatch,
    pub(crate) reception: Reception,
    jitter: JitterBuffer,
    events: EventReceiver,
    decoder: Decoder,
    concealment: Concealment,
    payload: Payload,
    pull: Pull,
    level_dbov: f32,
    pub(crate) dropped: u64,
}

impl Incoming {
    pub(crate) fn new(media: &LegMedia) -> Self {
        let silence = media.codec.silence_octet();
        Self {
            latch: SourceLatch::new(media.remote),
            reception: Reception::new(media.codec.clock_rate_hz()),
            jitter: JitterBuffer::new(silence),
            events: EventReceiver::new(),
            decoder: Decoder::new(media.codec),
            concealment: Concealment::new(silence),
            payload: [silence; FRAME_SAMPLES],
            pull: Pull::Idle,
            level_dbov: partyline_codec::SILENCE_DBOV,
            dropped: 0,
        }
    }

    /// Signalling changed something.
    pub(crate) fn change(&mut self, before: &LegMedia, media: &LegMedia) {
        self.latch.signal(media.remote);
        if before.codec != media.codec {
            let silence = media.codec.silence_octet();
            self.jitter.set_silence(silence);
            self.decoder = Decoder::new(media.codec);
            self.concealment = Concealment::new(silence);
            self.payload = [silence; FRAME_SAMPLES];
        }
        if !media.receives {
            self.jitter.flush();
        }
    }

    pub(crate) const fn destination(&self) -> SocketAddr {
        self.latch.destination()
    }

    pub(crate) const fn is_latched(&self) -> bool {
        self.latch.is_latched()
    }

    /// Takes a datagram.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        source: SocketAddr,
        datagram: &[u8],
        media: &LegMedia,
    ) -> Received {
        let Ok(packet) = Packet::parse(datagram) else {
            return self.drop_one();
        };
        let is_event = Some(packet.payload_type) == media.event_payload_type;
        let is_sound = packet.payload_type == media.payload_type;
        if !is_event && !is_sound && packet.payload_type != COMFORT_NOISE {
            return self.drop_one();
        }
        let latched = match self.latch.judge(now, source, &packet) {
            Verdict::Latched => Some(source),
            Verdict::Known => None,
            Verdict::Stranger => return self.drop_one(),
        };
        let arrival = self.reception.accept(now, &packet);
        if arrival == Arrival::Started {
            self.events.reset();
        }
        if is_event && arrival != Arrival::Suspect {
            if let Some(key) = self.events.handle(packet.timestamp, packet.payload) {
                return Received::Key { key, latched };
            }
        } else if is_sound && media.receives {
            self.jitter.insert(arrival, packet.timestamp, packet.payload);
        }
        Received::Valid { latched }
    }

    const fn drop_one(&mut self) -> Received {
        self.dropped += 1;
        Received::Dropped
    }

    /// Takes the next frame out of the jitter buffer; how loud it is.
    pub(crate) fn pull(&mut self) -> f32 {
        let is_quiet = self.level_dbov < QUIET_DBOV;
        self.pull = self.jitter.pull(&mut self.payload, is_quiet);
        self.level_dbov = match self.pull {
            Pull::Whole | Pull::Patched { .. } => {
                let level_dbov = self.decoder.codec().level_dbov(&self.payload);
                self.concealment.good(&self.payload, level_dbov);
                level_dbov
            }
            Pull::Missing => self.concealment.missing(),
            Pull::Idle => {
                self.concealment.forget();
                partyline_codec::SILENCE_DBOV
            }
        };
        self.level_dbov
    }

    /// The frame pulled last, as it came; `None` where there was none.
    pub(crate) const fn payload(&self) -> Option<&Payload> {
        match self.pull {
            Pull::Whole | Pull::Patched { .. } => Some(&self.payload),
            Pull::Missing | Pull::Idle => None,
        }
    }

    /// The frame pulled last as samples, or what stands in for it.
    pub(crate) fn decode(&mut self, frame: &mut Frame) {
        match self.pull {
            Pull::Whole | Pull::Patched { .. } => {
                self.decoder.decode(&self.payload, frame);
            }
            Pull::Missing => self.concealment.fill(&mut self.decoder, frame),
            Pull::Idle => frame.fill(0),
        }
    }

    pub(crate) const fn depth_ticks(&self) -> u32 {
        self.jitter.depth_ticks()
    }

    pub(crate) const fn jitter_counters(&self) -> partyline_rtp::JitterCounters {
        self.jitter.counters()
    }

    pub(crate) const fn datagrams_dropped(&self) -> u64 {
        let counters = self.jitter.counters();
        self.dropped + counters.late + counters.duplicates + counters.refused
    }
}

/// The sending side: numbers and times go on without gaps, whatever is sent.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) encoder: Encoder,
    ssrc: Ssrc,
    sequence: SeqNo,
    timestamp: RtpTime,
    /// The next packet is the first after a pause.
    is_after_pause: bool,
    pub(crate) packets: u64,
}

impl Outgoing {
    pub(crate) const fn new(start: StreamStart, codec: Codec) -> Self {
        Self {
            encoder: Encoder::new(codec),
            ssrc: Ssrc(start.ssrc),
            // Below the half, so that the first packets may be lost without harm to SRTP [RFC 3711 §3.3.1].
            sequence: SeqNo(start.sequence & 0x7FFF),
            timestamp: RtpTime(start.timestamp),
            is_after_pause: true,
            packets: 0,
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
            octets: (self.packets as u32).wrapping_mul(FRAME_SAMPLES as u32),
        })
    }

    /// Lets time pass without a packet.
    pub(crate) const fn pause(&mut self, frames: u32) {
        self.timestamp = self.timestamp.plus((FRAME_SAMPLES as u32).wrapping_mul(frames));
        self.is_after_pause = true;
    }

    /// Heads a packet whose payload stands there already; its octets.
    pub(crate) fn head(&mut self, payload_type: u8, packet: &mut [u8; PACKET_OCTETS]) -> usize {
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
        self.timestamp = self.timestamp.plus(FRAME_SAMPLES as u32);
        self.packets += 1;
        PACKET_OCTETS
    }
}
