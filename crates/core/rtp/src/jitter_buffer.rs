//! The jitter buffer: takes packets of any length in any order, gives samples in theirs.
//!
//! It is a ring with a place for each tick of an 8 kHz clock, so that it plays samples, not packets: any packet
//! time goes in, any frame comes out, and its delay changes by the tick. It suits payloads of one value a tick:
//! octets of G.711 or G.722, or the numbers of packets that last many ticks
//! ([`PacketBuffer`](crate::PacketBuffer)). It does not decode, conceal or read a clock: each pull *is* the
//! clock, and what is there at the pull decides, so on a clean path it adds no delay at all. It wishes to be deeper or
//! less deep ([`JitterBuffer::wish`]); who pulls makes the sound longer or shorter for that, by pulling less or more
//! than a frame in the time of one.
//! The ring is as long as this caller's network has needed so far: a short one stays in the processor's caches.
//! **Invariant:** a tick of a stream is given once, in order; the ring never holds more than
//! [`CAPACITY_TICKS`], and allocates only when it gets longer, three times at most.

use std::ops::Range;
use std::time::Instant;

use crate::playout::{DepthWish, FRAME_TICKS, Playout};
use crate::reception::Arrival;
use crate::tick_map::TickMap;
use crate::types::RtpTime;

/// Ticks that fit: half a second at 8 kHz. More would only hold sound too old to be of use.
pub const CAPACITY_TICKS: usize = 4_096;
const CAPACITY: u64 = CAPACITY_TICKS as u64;
/// Ticks that fit at first: 64 ms, three packets of a network that hardly delays any.
const FIRST_TICKS: u64 = 512;
/// Words of a bit for each tick of the longest frame.
const FRAME_WORDS: usize = CAPACITY_TICKS / 2 / 64;
/// A stream that gave nothing for this many pulls is over or pauses: nothing is expected.
const EXPECTED_PULLS_MAX: u32 = 10;
/// After so many (600 ms) the next packet starts anew; until then what comes late is heard, if it fits into the ring.
const STALLED_PULLS_MAX: u32 = 30;
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
    /// Ticks thrown away: where nobody listened, to shorten the delay, or because nobody pulled.
    pub trimmed_ticks: u64,
    /// Ticks by which the delay has grown in gaps, and where nobody listened.
    pub grown_ticks: u64,
    /// How often the sound was made shorter to shorten the delay, and by how many ticks in all.
    pub compressions: u64,
    /// See `compressions`.
    pub compressed_ticks: u64,
    /// How often the sound was made longer so that the delay could grow, and by how many ticks in all.
    pub stretches: u64,
    /// See `stretches`.
    pub stretched_ticks: u64,
    /// How often the stream's clock jumped or another stream began.
    pub restarts: u64,
}

/// The jitter buffer of one leg.
#[derive(Debug, Clone)]
pub struct JitterBuffer<T = u8> {
    /// A power of two of places; `present` has a bit for each.
    ring: Box<[T]>,
    present: TickMap,
    silence: T,
    /// The next tick to give. All that is present lies from here on, within the ring's length.
    play: u64,
    /// After the newest tick.
    end: u64,
    newest_start: u64,
    newest_ticks: u64,
    phase: Phase,
    playout: Playout,
    counters: JitterCounters,
    /// Which ticks of the last frame were missing, a bit each, and whether any was.
    holes: [u64; FRAME_WORDS],
    has_holes: bool,
    /// The first tick of the last frame.
    frame_tick: u64,
    /// Ticks that were given and do not sound yet.
    held: u64,
    /// Where the sound would be by now, had the depth not changed since packets were last noted.
    expected: u64,
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
            ring: vec![silence; FIRST_TICKS as usize].into_boxed_slice(),
            present: TickMap::new(FIRST_TICKS),
            silence,
            play: ORIGIN,
            end: ORIGIN,
            newest_start: ORIGIN,
            newest_ticks: 0,
            phase: Phase::Waiting,
            playout: Playout::new(),
            counters: JitterCounters::default(),
            holes: [0; FRAME_WORDS],
            has_holes: false,
            frame_tick: ORIGIN,
            held: 0,
            expected: ORIGIN,
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

    /// Ticks buffered now, those that were given and do not sound yet too: after a pull, the delay that the buffer adds.
    #[must_use]
    pub const fn depth_ticks(&self) -> u32 {
        (self.end - self.play + self.held) as u32
    }

    /// What change of depth is wished for.
    #[must_use]
    pub const fn wish(&self) -> DepthWish {
        self.playout.wish()
    }

    /// Whether the next so many ticks are all there, in a stream that plays.
    #[must_use]
    pub fn has(&self, ticks: usize) -> bool {
        let ticks = ticks as u64;
        self.phase == Phase::Playing && ticks <= CAPACITY / 2 && self.present.count(self.play, ticks) == ticks
    }

    /// Tells what became of the frame pulled last: by how many ticks the sound got longer (shorter where negative), and
    /// how many were given and do not sound yet.
    pub const fn sounded(&mut self, change_ticks: i32, held_ticks: usize) {
        self.held = held_ticks as u64;
        let ticks = change_ticks.unsigned_abs() as u64;
        if change_ticks < 0 {
            self.counters.compressions += 1;
            self.counters.compressed_ticks += ticks;
            self.playout.gave_up();
        } else if change_ticks > 0 {
            self.counters.stretches += 1;
            self.counters.stretched_ticks += ticks;
        }
    }

    /// Tells that nobody listens to the frame pulled last, which is so many ticks longer than a frame (less where
    /// negative).
    pub const fn unheard(&mut self, change_ticks: i32) {
        let longer = change_ticks as i64 + self.held as i64;
        self.held = 0;
        let ticks = longer.unsigned_abs();
        if longer > 0 {
            self.counters.trimmed_ticks += ticks;
            self.playout.gave_up();
        } else if longer < 0 {
            self.counters.grown_ticks += ticks;
        }
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
        (empty < left).then(|| (empty as u32, tick, self.ring[self.index(tick)]))
    }

    /// Takes a payload of one value a tick, as [`Reception`](crate::Reception) judged its packet. `now` is when it came,
    /// as well as that is known: where it is the time of the next pull, it says nothing but that it was in time for it.
    pub fn insert(&mut self, now: Instant, arrival: Arrival, timestamp: RtpTime, payload: &[T]) {
        self.settle();
        let ticks = payload.len() as u64;
        if payload.is_empty() || ticks > CAPACITY / 2 {
            self.counters.refused += 1;
            return;
        }
        match arrival {
            Arrival::Suspect => self.counters.refused += 1,
            Arrival::Duplicate => self.counters.duplicates += 1,
            Arrival::Reordered => self.place_reordered(now, self.position(timestamp), payload),
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
                    self.note(now, position);
                    self.newest_start = position;
                    self.newest_ticks = ticks;
                    self.make_room(position + ticks);
                }
                self.place(self.newest_start, payload);
            }
        }
    }

    /// Gives the ticks that are to sound next: a frame, or more or less of them where the sound gets shorter or longer.
    pub fn pull(&mut self, now: Instant, frame: &mut [T]) -> Pull {
        let wanted = frame.len() as u64;
        if wanted == 0 || wanted > CAPACITY / 2 {
            frame.fill(self.silence);
            return Pull::Idle;
        }
        self.hold(wanted);
        self.settle();
        self.playout.pulled(now);
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
                self.expected = self.sounding();
            }
            Phase::Playing => {}
            Phase::Stalled { ticks, pulls } => self.resume(ticks, pulls),
        }
        self.expected += FRAME_TICKS as u64;
        self.give(frame)
    }

    /// Ticks of silence since the stream ran dry.
    const fn dry_ticks(&self) -> u64 {
        match self.phase {
            Phase::Stalled { ticks, .. } => ticks,
            Phase::Playing | Phase::Waiting => 0,
        }
    }

    /// What sounds next: what is missing for now has passed too.
    const fn sounding(&self) -> u64 {
        self.play + self.dry_ticks() - self.held
    }

    /// Lets the slack of packets that were noted be that of the depth which is now.
    fn settle(&mut self) {
        let sounding = self.sounding();
        let deeper = self.expected as i64 - sounding as i64;
        if deeper != 0 && self.phase != Phase::Waiting {
            self.playout.deepened(deeper.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32);
        }
        self.expected = sounding;
    }

    /// Notes when a packet came.
    fn note(&mut self, now: Instant, position: u64) {
        if self.phase != Phase::Waiting {
            let slack = (position as i64 - self.sounding() as i64).clamp(-(1 << 20), 1 << 20) as i32;
            self.playout.arrived(now, position, slack, self.dry_ticks());
        }
    }

    /// After running dry: what was lost in the meantime took the time that silence was given for; the rest of
    /// that time is added delay.
    fn resume(&mut self, stalled: u64, pulls: u32) {
        if self.play == self.end {
            return;
        }
        let hole = self.present.leading_empty(self.play, self.end - self.play).min(stalled);
        self.skip_to(self.play + hole);
        self.phase = Phase::Playing;
        if stalled > hole {
            self.counters.grown_ticks += stalled - hole;
            self.playout.grew(stalled - hole);
        } else if pulls > EXPECTED_PULLS_MAX {
            self.playout.restart();
        }
    }

    fn give(&mut self, frame: &mut [T]) -> Pull {
        let wanted = frame.len() as u64;
        let there = (self.end - self.play).min(wanted);
        let (now, dry) = frame.split_at_mut(there as usize);
        self.frame_tick = self.play;
        let missing = self.take(now) + dry.len();
        dry.fill(self.silence);
        self.mark_holes(there as usize..frame.len());
        if there < wanted {
            self.note_dryness(wanted - there);
        }
        if there == 0 && !self.is_expecting() {
            return Pull::Idle;
        }
        self.counters.given_ticks += wanted;
        self.counters.missing_ticks += missing as u64;
        match missing as u64 {
            0 => Pull::Whole,
            all if all == wanted => Pull::Missing,
            some => Pull::Patched { missing: some as u16 },
        }
    }

    /// Whether something is to come: the stream does not pause.
    const fn is_expecting(&self) -> bool {
        match self.phase {
            Phase::Playing => true,
            Phase::Stalled { pulls, .. } => pulls <= EXPECTED_PULLS_MAX,
            Phase::Waiting => false,
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

    const fn wait(&mut self) {
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

    /// Nobody pulled for long, or a long gap: the oldest go. After a gap in which all came late the rest is heard.
    fn make_room(&mut self, end: u64) {
        let first = end.saturating_sub(CAPACITY);
        if first > self.play {
            let (before, skipped) = (self.present.count_all(), first - self.play);
            self.skip_to(first);
            self.counters.trimmed_ticks += before - self.present.count_all();
            match &mut self.phase {
                Phase::Stalled { ticks, .. } => *ticks = ticks.saturating_sub(skipped),
                Phase::Playing | Phase::Waiting => self.wait(),
            }
        }
    }

    fn place_reordered(&mut self, now: Instant, position: u64, payload: &[T]) {
        if position + payload.len() as u64 > self.play + CAPACITY {
            self.counters.refused += 1;
        } else {
            self.note(now, position);
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
        self.hold(end - self.play);
        let there = self.present.count(start, len);
        if there == 0 {
            let (head, tail) = self.split(start, payload.len());
            self.ring[head.clone()].copy_from_slice(&payload[..head.len()]);
            self.ring[tail.clone()].copy_from_slice(&payload[head.len()..]);
        } else if there < len {
            for (tick, &value) in (start..end).zip(payload) {
                if !self.present.is_set(tick) {
                    let index = self.index(tick);
                    self.ring[index] = value;
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
            let (head, tail) = self.split(self.play, frame.len());
            let (first, second) = frame.split_at_mut(head.len());
            first.copy_from_slice(&self.ring[head]);
            second.copy_from_slice(&self.ring[tail]);
        }
        // Not to be touched where there is nothing to change: most frames of most legs.
        if std::mem::replace(&mut self.has_holes, missing > 0) {
            self.holes.fill(0);
        }
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
        self.has_holes |= !ticks.is_empty();
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

    /// Makes the ring long enough for so many ticks from `play` on; what is there stays.
    fn hold(&mut self, ticks: u64) {
        if ticks > self.ring.len() as u64 {
            self.lengthen(ticks.next_power_of_two().min(CAPACITY));
        }
    }

    #[cold]
    fn lengthen(&mut self, ticks: u64) {
        let longer = vec![self.silence; ticks as usize].into_boxed_slice();
        let shorter = std::mem::replace(&mut self.ring, longer);
        let present = std::mem::replace(&mut self.present, TickMap::new(ticks));
        let places = shorter.len() as u64 - 1;
        for tick in (self.play..self.end).filter(|&tick| present.is_set(tick)) {
            let index = self.index(tick);
            self.ring[index] = shorter[(tick & places) as usize];
            self.present.set(tick, 1);
        }
    }

    /// Where a tick lies in the ring.
    const fn index(&self, tick: u64) -> usize {
        (tick & (self.ring.len() as u64 - 1)) as usize
    }

    /// The two parts of the ring that `len` ticks from `start` take.
    const fn split(&self, start: u64, len: usize) -> (Range<usize>, Range<usize>) {
        let index = self.index(start);
        let room = self.ring.len() - index;
        if len <= room { (index..index + len, 0..0) } else { (index..self.ring.len(), 0..len - room) }
    }
}
