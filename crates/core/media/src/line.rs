//! What comes in on a connected leg: packets judged by their source and payload type, keys, sound.

use std::net::SocketAddr;
use std::time::Instant;

use partyline_codec::{Codec, OpusSettings, dbov_of_mean_square};
use partyline_rtp::{Arrival, EventReceiver, JitterCounters, Packet, Reception, SourceLatch, Verdict};

use crate::frame::{FRAME_SAMPLES, Frame, Payload, RATE_HZ, Rate};
use crate::transport::MediaTransport;
use crate::uplink::{Tempo, Uplink};

/// Comfort noise [RFC 3389 §4], at the clock of every codec but Opus.
const COMFORT_NOISE: u8 = 13;
/// Most formats besides the codec that the far side may send.
const OTHERS_MAX: usize = 3;
/// Frames that a codec stays at least once packets have chosen it: fewer let a broken sender keep us building decoders.
const STAY_FRAMES: u32 = 10;

/// The result of offer and answer, as media needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct LegMedia {
    /// Where media goes until the caller's first valid packet latches the source.
    pub remote: SocketAddr,
    /// The codec, both ways.
    pub codec: Codec,
    /// The payload type that we send for it; they may send it as that too.
    pub payload_type: u8,
    /// The payload type of telephone-event at the codec's clock rate, if agreed.
    pub event_payload_type: Option<u8>,
    /// Whether we may send (they are not on hold).
    pub sends: bool,
    /// Whether we will receive.
    pub receives: bool,
    /// How packets travel.
    pub transport: MediaTransport,
    /// What is seldom told.
    pub details: FormatDetails,
}

/// What of the formats agreed on is seldom other than its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FormatDetails {
    /// What the far side wishes of Opus.
    pub opus: OpusSettings,
    /// The payload type that they send the codec as, where ours for it is another.
    pub receive_payload_type: Option<u8>,
    /// The payload type that they send telephone-event as, where ours for it is another.
    pub receive_event_payload_type: Option<u8>,
    /// What else they may send: their answer to our offer named more than one codec.
    pub others: [Option<(u8, Codec)>; OTHERS_MAX],
}

/// What a payload type stands for on this leg.
enum Format {
    Sound(Codec),
    Event,
    ComfortNoise,
}

impl LegMedia {
    fn format_of(&self, payload_type: u8) -> Option<Format> {
        let is = |agreed: Option<u8>| agreed == Some(payload_type);
        let details = &self.details;
        // Theirs first: a number of ours may be another format's of theirs.
        if is(details.receive_payload_type) {
            return Some(Format::Sound(self.codec));
        }
        if is(details.receive_event_payload_type) {
            return Some(Format::Event);
        }
        if let Some((_, codec)) = details.others.iter().flatten().find(|(other, _)| *other == payload_type) {
            return Some(Format::Sound(*codec));
        }
        if payload_type == self.payload_type {
            Some(Format::Sound(self.codec))
        } else if is(self.event_payload_type) {
            Some(Format::Event)
        } else {
            (payload_type == COMFORT_NOISE && self.codec.clock_rate_hz() == RATE_HZ)
                .then_some(Format::ComfortNoise)
        }
    }
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
    events: EventReceiver,
    uplink: Uplink,
    /// When something came last.
    now: Instant,
    heard: Loudness,
    /// Frames since packets chose another codec.
    frames_in_codec: u32,
    /// What jitter buffers before this one have dropped.
    dropped_before: u64,
    pub(crate) dropped: u64,
}

impl Incoming {
    pub(crate) fn new(now: Instant, media: &LegMedia) -> Self {
        Self {
            now,
            latch: SourceLatch::new(media.remote),
            reception: Reception::new(media.codec.clock_rate_hz()),
            events: EventReceiver::new(),
            uplink: Uplink::new(media.codec, opus_hz(media)),
            heard: Loudness::default(),
            frames_in_codec: 0,
            dropped_before: 0,
            dropped: 0,
        }
    }

    /// Signalling changed something.
    pub(crate) fn change(&mut self, before: &LegMedia, media: &LegMedia) {
        self.latch.signal(media.remote);
        if before.codec != media.codec {
            self.switch(media.codec, opus_hz(media));
        }
        if !media.receives {
            self.uplink.flush();
        }
    }

    /// Hears another codec from here on.
    fn switch(&mut self, codec: Codec, opus_hz: u32) {
        if self.uplink.codec() != codec {
            self.dropped_before += dropped_by(self.uplink.counters());
            self.uplink.switch(codec, opus_hz);
            self.reception.set_clock_rate(codec.clock_rate_hz());
            self.frames_in_codec = 0;
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
        let Some(format) = media.format_of(packet.payload_type) else {
            return self.drop_one();
        };
        let latched = match self.latch.judge(now, source, &packet) {
            Verdict::Latched => Some(source),
            Verdict::Known => None,
            Verdict::Stranger => return self.drop_one(),
        };
        let arrival = self.reception.accept(now, &packet);
        self.now = now;
        if arrival == Arrival::Started {
            self.events.reset();
        }
        match format {
            Format::Event if arrival != Arrival::Suspect => {
                if let Some(key) = self.events.handle(packet.timestamp, packet.payload) {
                    return Received::Key { key, latched };
                }
            }
            Format::Sound(codec) if media.receives => self.hear(arrival, codec, opus_hz(media), &packet),
            Format::ComfortNoise if arrival == Arrival::Newest => self.uplink.pause(packet.payload),
            Format::Event | Format::Sound(_) | Format::ComfortNoise => {}
        }
        Received::Valid { latched }
    }

    /// Takes a packet of sound. One of another codec that was agreed on switches to it.
    fn hear(&mut self, arrival: Arrival, codec: Codec, opus_hz: u32, packet: &Packet<'_>) {
        if codec != self.uplink.codec() {
            let is_steady = self.frames_in_codec >= STAY_FRAMES || arrival == Arrival::Started;
            if !is_steady || !matches!(arrival, Arrival::Newest | Arrival::Started) {
                self.dropped += 1;
                return;
            }
            self.switch(codec, opus_hz);
        }
        self.uplink.insert(self.now, arrival, packet);
    }

    const fn drop_one(&mut self) -> Received {
        self.dropped += 1;
        Received::Dropped
    }

    /// Takes the next frame out of the jitter buffer; how loud it is.
    pub(crate) fn pull(&mut self, now: Instant, tempo: Tempo) -> f32 {
        self.frames_in_codec = self.frames_in_codec.saturating_add(1);
        let level_dbov = self.uplink.pull(now, tempo);
        if self.uplink.is_there() {
            self.heard.add(level_dbov);
        }
        level_dbov
    }

    /// Passes over a frame.
    pub(crate) fn skip(&mut self) {
        self.pull(self.now, Tempo::Kept);
    }

    /// How loud all that came was, in the mean of its power; `None` where nothing came.
    pub(crate) fn heard_dbov(&self) -> Option<f32> {
        self.heard.mean_dbov()
    }

    /// The frame pulled last, as it came, and its codec; `None` where there was none, or it means nothing by itself.
    pub(crate) fn payload(&self) -> Option<(Codec, &Payload)> {
        self.uplink.payload().map(|payload| (self.uplink.codec(), payload))
    }

    /// The frame pulled last at the rate of its codec, or what stands in for it.
    pub(crate) fn native(&mut self) -> &[i16] {
        self.uplink.native()
    }

    /// The rate of that.
    pub(crate) const fn native_hz(&self) -> u32 {
        self.uplink.rate_hz()
    }

    /// The frame pulled last as samples at 8 kHz, or what stands in for it. It is decoded once, however many ask.
    pub(crate) fn decode(&mut self, frame: &mut Frame) {
        frame.copy_from_slice(&self.frame()[..FRAME_SAMPLES]);
    }

    /// The same, where it stands.
    pub(crate) fn frame(&mut self) -> &[i16] {
        self.uplink.frame()
    }

    /// Whether sound is missing in the frame pulled last, for no longer than it is made up.
    pub(crate) fn is_broken(&self) -> bool {
        self.uplink.is_broken()
    }

    pub(crate) fn depth_ticks(&self) -> u32 {
        self.uplink.depth_ticks()
    }

    pub(crate) fn jitter_counters(&self) -> JitterCounters {
        self.uplink.counters()
    }

    pub(crate) fn datagrams_dropped(&self) -> u64 {
        self.dropped + self.dropped_before + dropped_by(self.uplink.counters())
    }
}

/// The rate at which Opus is decoded: what the far side hears is what it says, as far as anybody knows.
const fn opus_hz(media: &LegMedia) -> u32 {
    Rate::of(Codec::Opus, &media.details.opus).hz()
}

/// The power of frames, summed up.
#[derive(Debug, Default)]
struct Loudness {
    power: f64,
    frames: u32,
}

impl Loudness {
    fn add(&mut self, level_dbov: f32) {
        // By a base of two and in single precision: this is once a frame of every leg.
        self.power += f64::from((level_dbov * (std::f32::consts::LOG2_10 / 10.0)).exp2());
        self.frames = self.frames.saturating_add(1);
    }

    fn mean_dbov(&self) -> Option<f32> {
        (self.frames > 0).then(|| dbov_of_mean_square((self.power / f64::from(self.frames)) as f32))
    }
}

const fn dropped_by(counters: JitterCounters) -> u64 {
    counters.late + counters.duplicates + counters.refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loudness_is_the_mean_of_power_and_nothing_heard_has_none() {
        let mut heard = Loudness::default();
        assert_eq!(heard.mean_dbov(), None);
        heard.add(-10.0);
        heard.add(-127.0);
        let mean = heard.mean_dbov().unwrap();
        assert!((mean - -13.01).abs() < 0.01, "{mean}");
    }
}
