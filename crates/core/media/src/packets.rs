//! A caller's packets in a codec that can't be cut, on their way to frames of samples.
//!
//! A packet is decoded whole when its first tick is due, and kept until its last. A hole is filled by the spare copy
//! that the packet after it may carry, where that is here already, else by what the decoder makes up. Packets that nobody
//! listens to are passed over; the decoder is then given the last one of them, so that it finds to the sound before anybody
//! hears it.

use std::time::Instant;

use partyline_codec::{Codec, Decoder, OpusLoudness, SILENCE_DBOV};
use partyline_rtp::{Arrival, DepthWish, JitterCounters, Packet, PacketBuffer, Piece, Pull};

use crate::frame::PULL_TICKS_MAX;

/// The ticks that are counted in, in a second.
const TICKS_HZ: u32 = 8_000;
/// The longest packet, in ticks.
const PACKET_TICKS: usize = 960;
/// The shortest piece that a decoder makes up, in ticks: 2.5 ms.
const STEP_TICKS: usize = 20;
/// A packet no longer than this says that the far side pauses [RFC 6716 §3.1: a frame without content].
const PAUSE_OCTETS: usize = 2;
/// How long a pause is made up at most, in frames: 10 s, far longer than a far side stays silent without a word.
const PAUSE_FRAMES_MAX: u32 = 500;

/// The packets of one caller.
#[derive(Debug)]
pub(crate) struct Packets {
    codec: Codec,
    buffer: PacketBuffer,
    /// Samples of the decoder in a tick.
    ratio: usize,
    /// The packet that was decoded last, and what it sounds like.
    decoded: Option<u32>,
    samples: Box<[i16]>,
    count: usize,
    /// What was made up for a hole beyond the end of a frame: what is left of it.
    made: Box<[i16]>,
    left: std::ops::Range<usize>,
    ends_in_pause: bool,
    idle_frames: u32,
    loudness: OpusLoudness,
    /// The packet whose loudness was read last, and what it said.
    read: Option<(u32, Option<f32>)>,
    /// The last packet of those that were not decoded since the last that was.
    passed: Option<u32>,
}

impl Packets {
    /// Of this codec, for a decoder at this rate.
    pub(crate) fn new(codec: Codec, rate_hz: u32) -> Self {
        let ratio = (rate_hz / TICKS_HZ).max(1) as usize;
        let samples = || vec![0; PACKET_TICKS * ratio].into_boxed_slice();
        Self {
            codec,
            buffer: PacketBuffer::new(codec.clock_rate_hz(), PULL_TICKS_MAX),
            ratio,
            decoded: None,
            samples: samples(),
            count: 0,
            made: samples(),
            left: 0..0,
            ends_in_pause: false,
            idle_frames: 0,
            loudness: OpusLoudness::new(),
            read: None,
            passed: None,
        }
    }

    /// Takes a packet. What is none of the codec is refused, and counted by the buffer.
    pub(crate) fn insert(&mut self, now: Instant, arrival: Arrival, packet: &Packet<'_>) {
        let ticks = self.codec.eight_thousandths(packet.payload).unwrap_or(0);
        self.buffer.insert(now, arrival, packet.timestamp, ticks, packet.payload);
    }

    pub(crate) fn flush(&mut self) {
        self.buffer.flush();
    }

    pub(crate) const fn counters(&self) -> JitterCounters {
        self.buffer.counters()
    }

    pub(crate) const fn depth_ticks(&self) -> u32 {
        self.buffer.depth_ticks()
    }

    pub(crate) const fn wish(&self) -> DepthWish {
        self.buffer.wish()
    }

    pub(crate) fn has(&self, ticks: usize) -> bool {
        self.buffer.has(ticks)
    }

    pub(crate) const fn sounded(&mut self, change_ticks: i32, held_ticks: usize) {
        self.buffer.sounded(change_ticks, held_ticks);
    }

    /// Nobody heard the frame pulled last, which was so much longer than a frame.
    pub(crate) fn pass_over(&mut self, change_ticks: i32) {
        let last = self.buffer.pieces().filter_map(|piece| match piece {
            Piece::Packet { number, payload, .. } => Some((number, payload.len())),
            Piece::Hole { .. } => None,
        });
        if let Some((number, octets)) = last.last()
            && self.decoded != Some(number)
        {
            self.passed = Some(number);
            self.ends_in_pause = octets <= PAUSE_OCTETS;
        }
        self.buffer.unheard(change_ticks);
    }

    /// About how loud the frame pulled last is, by the octets of its packets; `None` where they don't tell. Once for each.
    pub(crate) fn read_loudness(&mut self) -> Option<f32> {
        let mut loudest = Some(SILENCE_DBOV);
        for piece in self.buffer.pieces() {
            let Piece::Packet { number, payload, .. } = piece else {
                continue;
            };
            let read = match self.read {
                Some((last, read)) if last == number => read,
                Some(_) | None => self.loudness.read(payload),
            };
            self.read = Some((number, read));
            loudest = loudest.zip(read).map(|(one, other)| one.max(other));
        }
        loudest
    }

    /// Takes the next so many ticks.
    pub(crate) fn pull(&mut self, now: Instant, ticks: usize) -> Pull {
        let pull = self.buffer.pull(now, ticks);
        self.idle_frames = if pull == Pull::Idle { self.idle_frames.saturating_add(1) } else { 0 };
        pull
    }

    /// Whether nothing comes because the far side pauses [RFC 7587 §3.1.3], and the pause has a sound.
    pub(crate) const fn is_pausing(&self) -> bool {
        self.ends_in_pause && self.idle_frames < PAUSE_FRAMES_MAX
    }

    /// Lets the decoder hear the packet before those pulled last, where it was passed over.
    fn find_to_the_sound(&mut self, decoder: &mut Decoder) {
        let Some(passed) = self.passed.take() else {
            return;
        };
        let first = self.buffer.pieces().next();
        if !matches!(first, Some(Piece::Packet { number, .. }) if number == passed)
            && let Some(payload) = self.buffer.payload(passed)
        {
            self.count = decoder.decode(payload, &mut self.samples);
            self.decoded = Some(passed);
        }
    }

    /// Decodes what was pulled last.
    pub(crate) fn decode(&mut self, decoder: &mut Decoder, frame: &mut [i16]) {
        self.find_to_the_sound(decoder);
        let mut out = frame;
        for piece in self.buffer.pieces() {
            let (ticks, is_hole) = match piece {
                Piece::Packet { ticks, .. } => (ticks, false),
                Piece::Hole { ticks, .. } => (ticks, true),
            };
            let (now, rest) = out.split_at_mut((ticks as usize * self.ratio).min(out.len()));
            out = rest;
            if !is_hole {
                self.left = 0..0;
            }
            match piece {
                Piece::Packet { number, payload, from, .. } => {
                    if self.decoded.replace(number) != Some(number) {
                        self.count = decoder.decode(payload, &mut self.samples);
                        self.ends_in_pause = payload.len() <= PAUSE_OCTETS;
                    }
                    let from = (from as usize * self.ratio).min(self.count);
                    let there = (self.count - from).min(now.len());
                    now[..there].copy_from_slice(&self.samples[from..from + there]);
                    now[there..].fill(0);
                }
                Piece::Hole { next, .. } => {
                    let mut maker = Maker {
                        codec: self.codec,
                        decoder,
                        ratio: self.ratio,
                        made: &mut self.made,
                        left: &mut self.left,
                    };
                    maker.fill(now, next);
                }
            }
        }
    }
}

/// Makes up a hole.
struct Maker<'a> {
    codec: Codec,
    decoder: &'a mut Decoder,
    ratio: usize,
    made: &'a mut [i16],
    left: &'a mut std::ops::Range<usize>,
}

impl Maker<'_> {
    /// Fills a piece of a hole; `next` is the packet after the hole and how many ticks after the piece's start it
    /// begins.
    fn fill(&mut self, mut out: &mut [i16], next: Option<(u32, &[u8])>) {
        let mut next = next.map(|(ticks, payload)| (ticks as usize, payload));
        while !out.is_empty() {
            if self.left.start == self.left.end {
                self.make(out.len() / self.ratio, next);
            }
            let count = self.left.len().min(out.len());
            let (now, rest) = out.split_at_mut(count);
            now.copy_from_slice(&self.made[self.left.start..self.left.start + count]);
            self.left.start += count;
            out = rest;
            next = next.map(|(ticks, payload)| (ticks.saturating_sub(count / self.ratio), payload));
        }
    }

    /// Makes up samples for so many ticks at least, or as far as the spare copy of the next packet does not reach.
    fn make(&mut self, wanted: usize, next: Option<(usize, &[u8])>) {
        let steps =
            |ticks: usize| ticks.clamp(1, PACKET_TICKS).next_multiple_of(STEP_TICKS).min(PACKET_TICKS);
        let spare =
            next.and_then(|(ahead, payload)| Some((ahead, payload, self.codec.spare(payload)? as usize)));
        if let Some((ahead, payload, spare)) = spare
            && (1..=spare).contains(&ahead)
        {
            // The copy ends where the next packet begins; what it has of before the hole was heard.
            let length = steps(ahead.max(spare)) * self.ratio;
            if self.decoder.recover(payload, &mut self.made[..length]) {
                *self.left = length - ahead * self.ratio..length;
                return;
            }
        }
        let before_spare = spare.map_or(PACKET_TICKS, |(ahead, _, spare)| ahead.saturating_sub(spare).max(1));
        let length = steps(wanted.min(before_spare)) * self.ratio;
        self.decoder.conceal(&mut self.made[..length]);
        *self.left = 0..length;
    }
}
