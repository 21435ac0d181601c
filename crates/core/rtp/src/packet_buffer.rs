//! The jitter buffer for codecs whose packets can't be cut: it keeps them whole, and says which one sounds when.
//!
//! A [`JitterBuffer`] at 8,000 ticks a second holds the number of a packet at each tick that the packet sounds, so
//! that delay, loss, jumps of the clock and doubles are dealt with as for every other codec. The packets lie in one
//! ring of octets; who pulls is told the pieces of a frame, and of a hole also the packet after it, which may carry a
//! spare copy of what is missing. It does not decode. **Invariant:** a packet that was overwritten is missing.

use std::time::Instant;

use crate::jitter_buffer::{JitterBuffer, JitterCounters, Pull};
use crate::playout::DepthWish;
use crate::reception::Arrival;
use crate::types::RtpTime;

/// Ticks of the buffer in a second.
const TICKS_HZ: u32 = 8_000;
/// Octets of packets that are kept: half a second at 256 kbit/s. Fewer lose packets of a long burst.
const OCTETS: usize = 16_384;
/// Packets that are kept: half a second of the shortest frames.
const PACKETS: usize = 256;
/// The longest packet, in ticks: 120 ms.
const PACKET_TICKS_MAX: usize = 960;
/// Stands for no packet.
const NONE: u32 = u32::MAX;

/// A piece of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A part of a packet.
    Packet {
        /// The packet's number, unlike that of any other that is kept.
        number: u32,
        /// Its payload.
        payload: &'a [u8],
        /// Ticks of it before this part.
        from: u32,
        /// Ticks of this part.
        ticks: u32,
    },
    /// Nothing came.
    Hole {
        /// Ticks of the hole in this frame.
        ticks: u32,
        /// The packet after the hole where it is here already: how many ticks after the hole's start it begins, and
        /// its payload.
        next: Option<(u32, &'a [u8])>,
    },
}

/// The jitter buffer of one leg.
#[derive(Debug, Clone)]
pub struct PacketBuffer {
    numbers: JitterBuffer<u32>,
    /// Ticks of the RTP clock in one of ours.
    ratio: u32,
    clock: Clock,
    kept: Box<[Kept; PACKETS]>,
    octets: Box<[u8; OCTETS]>,
    /// Octets written so far, those left out at the ring's end too.
    written: u64,
    next_number: u32,
    /// The frame pulled last.
    frame: Vec<u32>,
}

/// Follows the RTP clock beyond where it wraps, because a divided clock wraps elsewhere.
#[derive(Debug, Clone, Copy, Default)]
struct Clock {
    last: Option<(RtpTime, u64)>,
}

/// A packet that is kept.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    number: u32,
    at: u64,
    octets: usize,
    /// Its first tick, in the low bits of the position.
    start: u32,
}

impl PacketBuffer {
    /// An empty buffer for an RTP clock of a multiple of 8 kHz, for pulls of up to so many ticks.
    #[must_use]
    pub fn new(clock_rate_hz: u32, frame_ticks: usize) -> Self {
        Self {
            numbers: JitterBuffer::new(NONE),
            ratio: (clock_rate_hz / TICKS_HZ).max(1),
            clock: Clock::default(),
            kept: Box::new([Kept { number: NONE, ..Kept::default() }; PACKETS]),
            octets: Box::new([0; OCTETS]),
            written: 0,
            next_number: 0,
            frame: vec![NONE; frame_ticks],
        }
    }

    /// Forgets what is buffered.
    pub fn flush(&mut self) {
        self.numbers.flush();
    }

    /// What the buffer has done.
    #[must_use]
    pub const fn counters(&self) -> JitterCounters {
        self.numbers.counters()
    }

    /// 8,000ths of a second that are buffered now.
    #[must_use]
    pub const fn depth_ticks(&self) -> u32 {
        self.numbers.depth_ticks()
    }

    /// What change of depth is wished for.
    #[must_use]
    pub const fn wish(&self) -> DepthWish {
        self.numbers.wish()
    }

    /// Whether the next so many ticks are all there, in a stream that plays.
    #[must_use]
    pub fn has(&self, ticks: usize) -> bool {
        self.numbers.has(ticks)
    }

    /// Tells what became of the frame pulled last, as [`JitterBuffer::sounded`].
    pub const fn sounded(&mut self, change_ticks: i32, held_ticks: usize) {
        self.numbers.sounded(change_ticks, held_ticks);
    }

    /// Tells that nobody heard the frame pulled last, as [`JitterBuffer::unheard`].
    pub const fn unheard(&mut self, change_ticks: i32) {
        self.numbers.unheard(change_ticks);
    }

    /// A packet by the number that a piece told, where it is still kept.
    #[must_use]
    pub fn payload(&self, number: u32) -> Option<&[u8]> {
        self.packet(number).map(|(_, payload)| payload)
    }

    /// Takes a packet that came now and sounds for so many 8,000ths of a second.
    pub fn insert(&mut self, now: Instant, arrival: Arrival, timestamp: RtpTime, ticks: u32, payload: &[u8]) {
        let start = self.clock.ticks(arrival, timestamp) / u64::from(self.ratio);
        let ticks = ticks as usize;
        if ticks > PACKET_TICKS_MAX || payload.len() > OCTETS / 4 {
            // The buffer refuses nothing at all, and counts it.
            self.numbers.insert(now, arrival, RtpTime(start as u32), &[]);
            return;
        }
        let number = self.keep(start as u32, payload);
        self.numbers.insert(now, arrival, RtpTime(start as u32), &[number; PACKET_TICKS_MAX][..ticks]);
    }

    fn keep(&mut self, start: u32, payload: &[u8]) -> u32 {
        let at = (self.written % OCTETS as u64) as usize;
        // A packet lies in one piece: what does not fit before the ring's end begins at its start.
        if at + payload.len() > OCTETS {
            self.written += (OCTETS - at) as u64;
        }
        let at = (self.written % OCTETS as u64) as usize;
        self.octets[at..at + payload.len()].copy_from_slice(payload);
        let number = self.next_number;
        self.kept[number as usize % PACKETS] =
            Kept { number, at: self.written, octets: payload.len(), start };
        self.written += payload.len() as u64;
        self.next_number = if number + 1 == NONE { 0 } else { number + 1 };
        number
    }

    /// Takes the next so many ticks; [`Self::pieces`] then tells what they hold. A tick whose packet was
    /// overwritten counts as pulled, and is told as a hole.
    pub fn pull(&mut self, now: Instant, ticks: usize) -> Pull {
        let room = self.frame.capacity();
        self.frame.resize(ticks.min(room), NONE);
        self.numbers.pull(now, &mut self.frame)
    }

    /// The pieces of the frame pulled last, in order.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let rest = &self.frame[at..];
            let &number = rest.first()?;
            let ticks = rest.iter().take_while(|&&other| other == number).count();
            let tick = self.numbers.frame_tick() + at as u64;
            at += ticks;
            Some(match self.packet(number) {
                Some((kept, payload)) => Piece::Packet {
                    number,
                    payload,
                    from: (tick as u32).wrapping_sub(kept.start),
                    ticks: ticks as u32,
                },
                None => Piece::Hole { ticks: ticks as u32, next: self.after(at, ticks) },
            })
        })
    }

    /// The packet after a hole of this frame that ends here, where it begins with that tick.
    fn after(&self, end: usize, hole: usize) -> Option<(u32, &[u8])> {
        let (ahead, tick, number) = match self.frame.get(end) {
            Some(&number) => (0, self.numbers.frame_tick() + end as u64, number),
            None => self.numbers.ahead()?,
        };
        let (kept, payload) = self.packet(number)?;
        (kept.start == tick as u32).then_some((hole as u32 + ahead, payload))
    }

    fn packet(&self, number: u32) -> Option<(Kept, &[u8])> {
        let kept = self.kept[number as usize % PACKETS];
        let is_there = number != NONE && kept.number == number && self.written - kept.at <= OCTETS as u64;
        let at = (kept.at % OCTETS as u64) as usize;
        is_there.then(|| (kept, &self.octets[at..at + kept.octets]))
    }
}

impl Clock {
    /// A timestamp beyond the wraps; a new stream begins anew.
    fn ticks(&mut self, arrival: Arrival, timestamp: RtpTime) -> u64 {
        let ticks = match (self.last, arrival) {
            (
                Some((last, ticks)),
                Arrival::Newest | Arrival::Reordered | Arrival::Duplicate | Arrival::Suspect,
            ) => ticks.saturating_add_signed(i64::from(timestamp.minus(last))),
            // Far from zero, so that what was overtaken has room before it.
            (_, Arrival::Started) | (None, _) => (1 << 40) + u64::from(timestamp.0),
        };
        if arrival == Arrival::Started || arrival == Arrival::Newest {
            self.last = Some((timestamp, ticks));
        }
        ticks
    }
}
