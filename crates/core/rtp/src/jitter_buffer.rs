//! The jitter buffer: takes packets of any length in any order, gives samples in theirs.
//!
//! It is a ring with a place for each tick of an 8 kHz clock, so that it plays samples, not packets: any packet
//! time goes in, any frame comes out, and its delay changes by the tick. It suits payloads of one value a tick:
//! octets of G.711 or G.722, or the numbers of packets that last many ticks
//! ([`PacketBuffer`](crate::PacketBuffer)). It does not decode, conceal or read a clock: each pull *is* the
//! clock, and what is there at the pull decides, so on a clean path it adds no delay at all.
//! **Invariant:** a tick of a stream is given once, in order; the ring never holds more than
//! [`CAPACITY_TICKS`].

use std::ops::Range;

use crate::playout::Playout;
use crate::reception::Arrival;
use crate::tick_map::{TICKS, TickMap};
use crate::types::RtpTime;

/// Ticks that fit: half a second at 8 kHz. More would only hold sound too old to be of use.
pub const CAPACITY_TICKS: usize = TICKS as usize;
const CAPACITY: u64 = TICKS;
/// Words of a bit for each tick of the longest frame.
const FRAME_WORDS: usize = CAPACITY_TICKS / 2 / 64;
/// A stream that gave nothing for this many pulls is over or pauses: the next packet starts anew.
const STALLED_PULLS_MAX: u32 = 10;
/// Where positions begin, so that a stream may go back before its first packet.
const ORIGIN: u64 = 1 << 33;

/// What a pull gave. What is missing was filled with silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pull {
    /// The whole frame.
    Whole,
    /// A frame with holes or an end cut off, of so many ticks in all.
    Patched {
        /// Ticks filled with silence.
        missing: u16,
    },
    /// Nothing, though the stream goes on: to be concealed.
    Missing,
    /// Nothing, and nothing is expected: before the first packet, or in a pause.
    Idle,
}

/// What the buffer has done, from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JitterCounters {
    /// Packets that came after their time was played.
    pub late: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Packets dropped as empty, longer than the ring, or suspect.
    pub refused: u64,
    /// How often the stream ran dry.
    pub starved: u64,
    /// Ticks given while the stream went on, what was filled included.
    pub given_ticks: u64,
    /// Ticks filled with silence while the stream went on.
    pub missing_ticks: u64,
    /// Ticks thrown away to shorten the delay, or because nobody pulled.
    pub trimmed_ticks: u64,
    /// Ticks by which the delay has grown.
    pub grown_ticks: u64,
    /// How often the stream's clock jumped or another stream began.
    pub restarts: u64,
}

/// The jitter buffer of one leg.
#[derive(Debug, Clone)]
pub struct JitterBuffer<T = u8> {
    ring: Box<[T]>,
    present: TickMap,
    silence: T,
    /// The next tick to give. All that is present lies from here to `play + CAPACITY`.
    play: u64,
    /// After the newest tick.
    end: u64,
    newest_start: u64,
    newest_ticks: u64,
    phase: Phase,
    playout: Playout,
    counters: JitterCounters,
    /// Which ticks of the last frame were missing, a bit each.
    holes: [u64; FRAME_WORDS],
    /// The first tick of the last frame.
    frame_tick: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing is expected; play begins when a frame is there.
    Waiting,
    Playing,
    /// Ran dry: so many ticks of silence were given instead, in so many pulls.
    Stalled {
        ticks: u64,
        pulls: u32,
    },
}

impl<T: Copy> JitterBuffer<T> {
    /// An empty buffer, which fills holes with this value.
    #[must_use]
    pub fn new(silence: T) -> Self {
        Self {
            ring: vec![silence; CAPACITY_TICKS].into_boxed_slice(),
            present: TickMap::new(),
            silence,
            play: ORIGIN,
            end: ORIGIN,
            newest_start: ORIGIN,
            newest_ticks: 0,
            phase: Phase::Waiting,
            playout: Playout::new(),
            counters: JitterCounters::default(),
            holes: [0; FRAME_WORDS],
            frame_tick: ORIGIN,
        }
    }

    /// Forgets what is buffered (the leg was not listened to): play begins anew at the newest packet.
    pub fn flush(&mut self) {
        self.skip_to(self.end);
        self.wait();
    }

    /// Sets what holes are filled with: the codec changed. Flushes.
    pub fn set_silence(&mut self, silence: T) {
        self.silence = silence;
        self.flush();
    }

    /// What the buffer has done.
    #[must_use]
    pub const fn counters(&self) -> JitterCounters {
        self.counters
    }

    /// Ticks buffered now: after a pull, the delay that the buffer adds.
    #[must_use]
    pub const fn depth_ticks(&self) -> u32 {
        (self.end - self.play) as u32
    }

    /// Whether this tick of the frame pulled last was missing, where the pull was [`Pull::Patched`].
    #[must_use]
    pub fn is_hole(&self, tick: usize) -> bool {
        self.holes.get(tick / 64).is_some_and(|word| word >> (tick % 64) & 1 != 0)
    }

    /// Where the frame pulled last began: the low 32 bits are the RTP time of what was there.
    #[must_use]
    pub const fn frame_tick(&self) -> u64 {
        self.frame_tick
    }

    /// The first tick that is there from the next frame on: how many ticks on that is, where it is by the count of
    /// [`Self::frame_tick`], and its value.
    #[must_use]
    pub fn ahead(&self) -> Option<(u32, u64, T)> {
        let left = self.end - self.play;
        let empty = self.present.leading_empty(self.play, left);
        let tick = self.play + empty;
        (empty < left).then(|| (empty as u32, tick, self.ring[(tick % CAPACITY) as usize]))
    }

    /// Takes a payload of one value a tick, as [`Reception`](crate::Reception) judged its packet.
    pub fn insert(&mut self, arrival: Arrival, timestamp: RtpTime, payload: &[T]) {
        let ticks = payload.len() as u64;
        if payload.is_empty() || ticks > CAPACITY / 2 {
            self.counters.refused += 1;
            return;
        }
        match arrival {
            Arrival::Suspect => self.counters.refused += 1,
            Arrival::Duplicate => self.counters.duplicates += 1,
            Arrival::Reordered => self.place_reordered(self.position(timestamp), payload),
            Arrival::Started => {
                self.restart_at(timestamp, ticks);
                self.place(self.newest_start, payload);
            }
            Arrival::Newest => {
                let position = self.position(timestamp);
                // A newer packet with an older time, or one far ahead: the sender's clock jumped.
                if position < self.newest_start || position > self.end + CAPACITY {
                    self.restart_at(timestamp, ticks);
                } else {
                    self.newest_start = position;
                    self.newest_ticks = ticks;
                    self.make_room(position + ticks);
                }
                self.place(self.newest_start, payload);
            }
        }
    }

    /// Gives the next frame; `is_quiet` says that the sound is quiet just now, so that a cut is not heard.
    pub fn pull(&mut self, frame: &mut [T], is_quiet: bool) -> Pull {
        let wanted = frame.len() as u64;
        if wanted == 0 || wanted > CAPACITY / 2 {
            frame.fill(self.silence);
            return Pull::Idle;
        }
        match self.phase {
            Phase::Waiting => {
                if self.end - self.play < wanted {
                    frame.fill(self.silence);
                    return Pull::Idle;
                }
                let start = self.end - wanted.max(self.newest_ticks.min(self.end - self.play));
                self.counters.trimmed_ticks += start - self.play;
                self.skip_to(start);
                self.phase = Phase::Playing;
            }
            Phase::Playing => {
                let left = (self.end - self.play).saturating_sub(wanted) as u32;
                let trim = u64::from(self.playout.trim(is_quiet, left));
                self.counters.trimmed_ticks += trim;
                self.skip_to(self.play + trim);
            }
            Phase::Stalled { ticks, .. } => self.resume(ticks),
        }
        self.give(frame)
    }

    /// After running dry: what was lost in the meantime took the time that silence was given for; the rest of
    /// that time is added delay.
    fn resume(&mut self, stalled: u64) {
        if self.play == self.end {
            return;
        }
        let hole = self.present.leading_empty(self.play, self.end - self.play).min(stalled);
        self.skip_to(self.play + hole);
        self.phase = Phase::Playing;
        if stalled > hole {
            self.counters.grown_ticks += stalled - hole;
            self.playout.grew();
        }
    }

    fn give(&mut self, frame: &mut [T]) -> Pull {
        let wanted = frame.len() as u64;
        let there = (self.end - self.play).min(wanted);
        let (now, dry) = frame.split_at_mut(there as usize);
        self.frame_tick = self.play;
        let missing = self.take(now) + dry.len();
        dry.fill(self.silence);
        self.counters.given_ticks += wanted;
        self.mark_holes(there as usize..frame.len());
        self.counters.missing_ticks += missing as u64;
        if there == wanted {
            self.playout.left(self.depth_ticks());
        } else {
            self.note_dryness(wanted - there);
        }
        match missing as u64 {
            0 => Pull::Whole,
            all if all == wanted && self.phase == Phase::Waiting => Pull::Idle,
            all if all == wanted => Pull::Missing,
            some => Pull::Patched { missing: some as u16 },
        }
    }

    fn note_dryness(&mut self, dry: u64) {
        let (ticks, pulls) = match self.phase {
            Phase::Stalled { ticks, pulls } => (ticks + dry, pulls + 1),
            Phase::Playing | Phase::Waiting => {
                self.counters.starved += 1;
                (dry, 1)
            }
        };
        self.phase = Phase::Stalled { ticks, pulls };
        if pulls > STALLED_PULLS_MAX {
            self.wait();
        }
    }

    fn wait(&mut self) {
        self.phase = Phase::Waiting;
        self.playout.restart();
    }

    /// Where a timestamp lies, by the shorter way from the newest.
    fn position(&self, timestamp: RtpTime) -> u64 {
        let ahead = timestamp.minus(RtpTime(self.newest_start as u32));
        self.newest_start.saturating_add_signed(i64::from(ahead))
    }

    /// Begins anew: a place beyond all that was, whose low bits are the timestamp.
    fn restart_at(&mut self, timestamp: RtpTime, ticks: u64) {
        self.counters.restarts += 1;
        self.counters.trimmed_ticks += self.present.count_all();
        self.present.clear_all();
        let round = ((self.end >> 32) + 1) << 32;
        let start = round + u64::from(timestamp.0);
        self.play = start;
        self.end = start;
        self.newest_start = start;
        self.newest_ticks = ticks;
        self.wait();
    }

    /// Nobody pulled for long, or a long gap: the oldest go.
    fn make_room(&mut self, end: u64) {
        let first = end.saturating_sub(CAPACITY);
        if first > self.play {
            let before = self.present.count_all();
            self.skip_to(first);
            self.counters.trimmed_ticks += before - self.present.count_all();
            self.wait();
        }
    }

    fn place_reordered(&mut self, position: u64, payload: &[T]) {
        if position + payload.len() as u64 > self.play + CAPACITY {
            self.counters.refused += 1;
        } else {
            self.place(position, payload);
        }
    }

    /// Puts a payload in its place, but for what was given or is there already.
    fn place(&mut self, position: u64, payload: &[T]) {
        let end = position + payload.len() as u64;
        if end <= self.play {
            self.counters.late += 1;
            return;
        }
        let start = position.max(self.play);
        let payload = &payload[(start - position) as usize..];
        let len = payload.len() as u64;
        let there = self.present.count(start, len);
        if there == 0 {
            let (head, tail) = split(start, payload.len());
            self.ring[head.clone()].copy_from_slice(&payload[..head.len()]);
            self.ring[tail.clone()].copy_from_slice(&payload[head.len()..]);
        } else if there < len {
            for (tick, &value) in (start..end).zip(payload) {
                if !self.present.is_set(tick) {
                    self.ring[(tick % CAPACITY) as usize] = value;
                }
            }
        } else {
            self.counters.duplicates += 1;
        }
        self.present.set(start, len);
        self.end = self.end.max(end);
    }

    /// Moves what is due into a frame, silence where it is missing; how many were missing.
    fn take(&mut self, frame: &mut [T]) -> usize {
        let len = frame.len() as u64;
        let missing = len - self.present.count(self.play, len);
        if missing < len {
            let (head, tail) = split(self.play, frame.len());
            let (first, second) = frame.split_at_mut(head.len());
            first.copy_from_slice(&self.ring[head]);
            second.copy_from_slice(&self.ring[tail]);
        }
        self.holes.fill(0);
        if missing > 0 {
            for (index, value) in frame.iter_mut().enumerate() {
                if !self.present.is_set(self.play + index as u64) {
                    *value = self.silence;
                    self.holes[index / 64] |= 1 << (index % 64);
                }
            }
        }
        self.present.clear(self.play, len);
        self.play += len;
        missing as usize
    }

    fn mark_holes(&mut self, ticks: Range<usize>) {
        for tick in ticks {
            self.holes[tick / 64] |= 1 << (tick % 64);
        }
    }

    /// Gives up what lies before a tick.
    fn skip_to(&mut self, play: u64) {
        self.present.clear(self.play, play - self.play);
        self.play = play;
        self.end = self.end.max(play);
    }
}

/// The two parts of the ring that `len` ticks from `start` take.
const fn split(start: u64, len: usize) -> (Range<usize>, Range<usize>) {
    let index = (start % CAPACITY) as usize;
    let room = CAPACITY_TICKS - index;
    if len <= room { (index..index + len, 0..0) } else { (index..CAPACITY_TICKS, 0..len - room) }
}
