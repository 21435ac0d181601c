//! What a caller says, as frames at their codec's rate and at 8 kHz: jitter buffer, decoder, concealment, comfort noise.
//!
//! G.711 is decoded only where somebody asks for the samples, because its loudness is read from the octets. Opus is decoded
//! where somebody asks, and where its octets don't show that it is quiet ([`Hush`]); G.722 frame by frame. Where the jitter buffer wishes to be deeper or
//! less deep, the sound is made longer or shorter while somebody listens, and cut or halted where nobody does.
//! **Invariant:** a frame is made once, however many ask for it, and nothing allocates but for the first frame that somebody
//! asks for, as most who listen are never asked for one, and where packets come so late that more of them have to wait.

use std::time::Instant;

use partyline_audio::level::level_dbov;
use partyline_audio::mixing::GainRamp;
use partyline_audio::{Care, LAG_MAX, Resampler, TimeStretch};
use partyline_codec::{Codec, ComfortNoise, Decoder, SILENCE_DBOV};
use partyline_rtp::{Arrival, DepthWish, Haste, JitterBuffer, JitterCounters, Packet, Pull};

use crate::frame::{FRAME_SAMPLES, Frame, PULL_TICKS_MAX, Payload, RATE_HZ};
use crate::hush::Hush;
use crate::packets::Packets;

/// The most by which a frame is held up where nobody listens, in ticks: what came of it tells how loud it is.
const HALT_TICKS_MAX: usize = FRAME_SAMPLES / 2;
/// How much quieter each frame missing in a row is than the last one that came, in dB; then there is silence. The
/// concealment of the codecs fades like this.
const FADES_DB: [f32; 3] = [0.5, 3.5, 10.5];
/// How long the first sound after a change of codecs takes to come up, as one of so many parts of a frame.
const SOFT_PART: usize = 8;

/// One caller's sound on its way in.
#[derive(Debug)]
pub(crate) struct Uplink {
    source: Source,
    decoder: Decoder,
    /// What a codec of wide band sounds like at 8 kHz.
    narrow: Option<Box<Narrow>>,
    comfort: ComfortNoise,
    /// The far side has said that it pauses, and what the pause sounds like.
    is_in_pause: bool,
    pull: Pull,
    taken: Taken,
    stretch: TimeStretch,
    good_level_dbov: f32,
    missing: usize,
    hush: Hush,
    /// The frame at the decoder's rate.
    coded: Box<[i16]>,
    is_made: bool,
    /// A frame was passed over since the decoder was last asked: it no longer knows what was heard last.
    is_stale: bool,
    is_silent: bool,
    /// The end of what was heard in another codec before this one.
    farewell: Option<Box<[i16]>>,
}

/// The sound at 8 kHz, made where somebody asks for it.
#[derive(Debug)]
struct Narrow {
    resampler: Resampler,
    frame: Frame,
    is_made: bool,
    /// It was not made in the frame before.
    is_stale: bool,
}

/// What was taken out of the jitter buffer last.
#[derive(Debug, Clone, Copy)]
struct Taken {
    ticks: usize,
    /// The sound is held up for so long after it.
    halt_ticks: usize,
    /// By how much the sound should get longer or shorter when it is made, and how.
    wish_ticks: i32,
    care: Care,
}

impl Taken {
    const FRAME: Self = Self { ticks: FRAME_SAMPLES, halt_ticks: 0, wish_ticks: 0, care: Care::Silence };
}

/// What the sound may be, besides speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tempo {
    /// Speech only: it may get longer or shorter.
    Free,
    /// Keys may be among it, whose tones and pauses may not.
    Wary,
    /// It stays as it is.
    Kept,
}

/// The jitter buffer, by what packets can be kept as.
#[derive(Debug)]
enum Source {
    /// An octet is a tick: payloads are cut and joined anywhere.
    Octets { jitter: Box<JitterBuffer>, payload: Box<[u8; PULL_TICKS_MAX]> },
    /// Packets stay whole.
    Packets(Box<Packets>),
}

impl Source {
    fn wish(&self) -> DepthWish {
        match self {
            Self::Octets { jitter, .. } => jitter.wish(),
            Self::Packets(packets) => packets.wish(),
        }
    }

    fn has(&self, ticks: usize) -> bool {
        match self {
            Self::Octets { jitter, .. } => jitter.has(ticks),
            Self::Packets(packets) => packets.has(ticks),
        }
    }

    fn sounded(&mut self, change_ticks: i32, held_ticks: usize) {
        match self {
            Self::Octets { jitter, .. } => jitter.sounded(change_ticks, held_ticks),
            Self::Packets(packets) => packets.sounded(change_ticks, held_ticks),
        }
    }
}

impl Uplink {
    /// An uplink in this codec, which takes Opus at this rate.
    pub(crate) fn new(codec: Codec, opus_hz: u32) -> Self {
        let decoder = Decoder::at_rate(codec, opus_hz);
        let coded_hz = decoder.sample_rate_hz();
        let samples = (coded_hz / 50) as usize;
        let narrow = || Narrow {
            resampler: Resampler::new(coded_hz, RATE_HZ, samples),
            frame: [0; FRAME_SAMPLES],
            is_made: false,
            is_stale: false,
        };
        let source = if codec.is_octet_a_tick() {
            let silence = codec.silence_octet().unwrap_or(0);
            Source::Octets {
                jitter: Box::new(JitterBuffer::new(silence)),
                payload: Box::new([silence; PULL_TICKS_MAX]),
            }
        } else {
            Source::Packets(Box::new(Packets::new(codec, coded_hz)))
        };
        Self {
            source,
            decoder,
            narrow: (coded_hz != RATE_HZ).then(|| Box::new(narrow())),
            comfort: ComfortNoise::new(),
            is_in_pause: false,
            pull: Pull::Idle,
            taken: Taken::FRAME,
            stretch: TimeStretch::new(coded_hz),
            good_level_dbov: SILENCE_DBOV,
            missing: FADES_DB.len(),
            hush: Hush::default(),
            coded: vec![0; samples].into_boxed_slice(),
            is_made: true,
            is_stale: false,
            is_silent: true,
            farewell: None,
        }
    }

    /// The codec.
    pub(crate) const fn codec(&self) -> Codec {
        self.decoder.codec()
    }

    /// Goes on in another codec, or with Opus at another rate. What was heard last dies away under what comes.
    pub(crate) fn switch(&mut self, codec: Codec, opus_hz: u32) {
        let is_heard = self.is_made && !self.is_stale && !self.is_silent;
        let before = std::mem::replace(self, Self::new(codec, opus_hz));
        if is_heard {
            self.farewell = Some(before.end(self.coded.len()));
        }
    }

    /// One frame more, which fades out, in so many samples: the farewell to a codec.
    fn end(mut self, samples: usize) -> Box<[i16]> {
        let missing = FRAME_SAMPLES.saturating_sub(self.stretch.held_ticks());
        self.decoder.conceal(self.stretch.room(missing));
        self.stretch.give(&mut self.coded, 0, Care::Silence);
        GainRamp::at(1.0).apply(&mut self.coded, 0.0, 1.0);
        if samples == self.coded.len() {
            return self.coded;
        }
        let mut end = vec![0; samples].into_boxed_slice();
        let hz = |samples: usize| samples as u32 * 50;
        Resampler::new(hz(self.coded.len()), hz(samples), self.coded.len()).process(&self.coded, &mut end);
        end
    }

    /// The rate that the decoder gives.
    pub(crate) const fn rate_hz(&self) -> u32 {
        self.decoder.sample_rate_hz()
    }

    /// Takes a packet of this codec that came now.
    pub(crate) fn insert(&mut self, now: Instant, arrival: Arrival, packet: &Packet<'_>) {
        match &mut self.source {
            Source::Octets { jitter, .. } => jitter.insert(now, arrival, packet.timestamp, packet.payload),
            Source::Packets(packets) => packets.insert(now, arrival, packet),
        }
    }

    /// Takes a packet of comfort noise: from here on what does not come is a pause [RFC 3389 §4].
    pub(crate) fn pause(&mut self, payload: &[u8]) {
        self.comfort.describe(payload);
        self.is_in_pause = true;
    }

    /// Forgets what is buffered.
    pub(crate) fn flush(&mut self) {
        match &mut self.source {
            Source::Octets { jitter, .. } => jitter.flush(),
            Source::Packets(packets) => packets.flush(),
        }
    }

    /// 8,000ths of a second that are buffered.
    pub(crate) fn depth_ticks(&self) -> u32 {
        match &self.source {
            Source::Octets { jitter, .. } => jitter.depth_ticks(),
            Source::Packets(packets) => packets.depth_ticks(),
        }
    }

    /// What the jitter buffer has done.
    pub(crate) fn counters(&self) -> JitterCounters {
        match &self.source {
            Source::Octets { jitter, .. } => jitter.counters(),
            Source::Packets(packets) => packets.counters(),
        }
    }

    /// Takes the next frame out of the jitter buffer; how loud it is.
    pub(crate) fn pull(&mut self, now: Instant, tempo: Tempo) -> f32 {
        let is_heard = std::mem::replace(&mut self.is_made, false);
        self.is_stale |= !is_heard;
        if let Some(narrow) = &mut self.narrow {
            narrow.is_stale |= !std::mem::replace(&mut narrow.is_made, false);
        }
        if !is_heard {
            self.pass_over();
        }
        self.taken = self.next(is_heard, tempo);
        let ticks = self.taken.ticks;
        self.pull = match &mut self.source {
            Source::Octets { jitter, payload } => jitter.pull(now, &mut payload[..ticks]),
            Source::Packets(packets) => packets.pull(now, ticks),
        };
        if self.is_there() {
            (self.is_in_pause, self.missing) = (false, 0);
        } else {
            self.missing = (self.missing + 1).min(FADES_DB.len() + 1);
        }
        let level_dbov = self.level(is_heard);
        if self.is_there() {
            self.good_level_dbov = level_dbov;
        }
        level_dbov
    }

    /// The frame before was heard by nobody.
    fn pass_over(&mut self) {
        self.stretch.forget();
        let change_ticks = self.taken.ticks as i32 - FRAME_SAMPLES as i32;
        match &mut self.source {
            Source::Octets { jitter, .. } => jitter.unheard(change_ticks),
            Source::Packets(packets) => packets.pass_over(change_ticks),
        }
    }

    /// What is to be taken next.
    fn next(&self, is_heard: bool, tempo: Tempo) -> Taken {
        let frame = FRAME_SAMPLES.saturating_sub(self.stretch.held_ticks());
        let wish = if tempo == Tempo::Kept { DepthWish::default() } else { self.source.wish() };
        let care = match wish.haste {
            Haste::InSilence => Care::Silence,
            Haste::Unheard | Haste::AtOnce if tempo == Tempo::Wary => Care::Wary,
            Haste::Unheard => Care::Alike,
            Haste::AtOnce => Care::Least,
        };
        let ticks = wish.ticks.unsigned_abs() as usize;
        let (more, halt_ticks) = match wish.ticks {
            ..0 if is_heard => (ticks.min(LAG_MAX), 0),
            ..0 => (ticks.min(FRAME_SAMPLES), 0),
            1.. if !is_heard => (0, ticks.min(HALT_TICKS_MAX)),
            0.. => (0, 0),
        };
        // What is not there can't be left out.
        let more = if self.source.has(frame + more) { more } else { 0 };
        Taken { ticks: frame + more - halt_ticks, halt_ticks, wish_ticks: wish.ticks, care }
    }

    /// Whether the frame pulled last came, if only in part.
    pub(crate) fn is_there(&self) -> bool {
        matches!(self.pull, Pull::Whole | Pull::Patched { .. })
    }

    /// Whether sound is missing in the frame pulled last, for no longer than it is made up.
    pub(crate) fn is_broken(&self) -> bool {
        let is_missing = matches!(self.pull, Pull::Missing | Pull::Patched { .. });
        is_missing && !self.is_in_pause && self.missing <= FADES_DB.len()
    }

    /// How loud the frame pulled last is, decoded only where nothing else tells.
    fn level(&mut self, was_heard: bool) -> f32 {
        let by_octets = match &mut self.source {
            Source::Octets { payload, .. } => self.decoder.codec().level_dbov(&payload[..self.taken.ticks]),
            Source::Packets(packets) => match self.pull {
                Pull::Whole | Pull::Patched { .. } => self.hush.judge(packets.read_loudness()),
                // What was heard is made up until it has faded.
                Pull::Missing if was_heard => None,
                Pull::Missing | Pull::Idle => Some(SILENCE_DBOV),
            },
        };
        match by_octets {
            Some(level_dbov) if self.farewell.is_none() => match self.pull {
                Pull::Whole | Pull::Patched { .. } => level_dbov,
                Pull::Missing | Pull::Idle if self.is_in_pause => self.comfort.level_dbov(),
                Pull::Missing => FADES_DB
                    .get(self.missing - 1)
                    .map_or(SILENCE_DBOV, |fade| (self.good_level_dbov - fade).max(SILENCE_DBOV)),
                Pull::Idle => SILENCE_DBOV,
            },
            Some(_) | None => {
                self.make();
                let level_dbov = level_dbov(&self.coded);
                self.hush.decoded(level_dbov);
                level_dbov
            }
        }
    }

    /// The frame pulled last as it came, where it came whole and means something by itself.
    pub(crate) fn payload(&self) -> Option<&Payload> {
        let is_changed = self.taken.ticks != FRAME_SAMPLES || self.taken.wish_ticks != 0;
        match &self.source {
            Source::Octets { payload, .. } if self.codec().silence_octet().is_some() && self.is_there() => {
                payload.first_chunk().filter(|_| !is_changed)
            }
            Source::Octets { .. } | Source::Packets(_) => None,
        }
    }

    /// The frame pulled last as samples at the decoder's rate, or what stands in for it.
    pub(crate) fn native(&mut self) -> &[i16] {
        self.make();
        &self.coded
    }

    /// The same at 8 kHz.
    pub(crate) fn frame(&mut self) -> &[i16] {
        self.make();
        let Some(narrow) = &mut self.narrow else {
            return &self.coded;
        };
        if !std::mem::replace(&mut narrow.is_made, true) {
            if std::mem::take(&mut narrow.is_stale) {
                narrow.resampler.forget();
            }
            narrow.resampler.process(&self.coded, &mut narrow.frame);
        }
        &narrow.frame
    }

    fn make(&mut self) {
        if std::mem::replace(&mut self.is_made, true) {
            return;
        }
        if std::mem::take(&mut self.is_stale) {
            self.decoder.forget();
        }
        let was_silent = std::mem::replace(&mut self.is_silent, false);
        if self.is_in_pause && matches!(self.pull, Pull::Missing | Pull::Idle) {
            self.stretch.forget();
            self.source.sounded(0, 0);
            self.comfort.fill(&mut self.coded);
            return self.soften();
        }
        let (decoder, samples) = (&mut self.decoder, self.stretch.room(self.taken.ticks));
        match (&mut self.source, self.pull) {
            (Source::Packets(packets), Pull::Idle) if packets.is_pausing() => decoder.conceal(samples),
            (_, Pull::Idle) => {
                self.is_silent = true;
                samples.fill(0);
                if !was_silent {
                    decoder.forget();
                    self.comfort.hush();
                }
            }
            (Source::Packets(packets), Pull::Whole | Pull::Patched { .. } | Pull::Missing) => {
                packets.decode(decoder, samples);
            }
            (Source::Octets { payload, .. }, Pull::Whole) => {
                decoder.decode(&payload[..self.taken.ticks], samples);
            }
            (Source::Octets { .. }, Pull::Missing) => decoder.conceal(samples),
            (Source::Octets { jitter, payload }, Pull::Patched { .. }) => {
                patch(jitter, &payload[..self.taken.ticks], decoder, samples);
            }
        }
        if self.taken.halt_ticks > 0 {
            self.decoder.conceal(self.stretch.room(self.taken.halt_ticks));
        }
        self.fit();
        self.soften();
    }

    /// Makes a frame of what was decoded: longer or shorter, if that is wished.
    fn fit(&mut self) {
        let Taken { halt_ticks, wish_ticks, care, .. } = self.taken;
        let is_steady = self.pull == Pull::Whole && halt_ticks == 0;
        let change = self.stretch.give(&mut self.coded, if is_steady { wish_ticks } else { 0 }, care);
        self.source.sounded(change + halt_ticks as i32, self.stretch.held_ticks());
    }

    /// After a change of codecs: what comes comes up under the end of what was.
    fn soften(&mut self) {
        if let Some(farewell) = self.farewell.take() {
            let soft = self.coded.len() / SOFT_PART;
            GainRamp::at(0.0).apply(&mut self.coded[..soft], 1.0, 1.0);
            for (sample, &before) in self.coded.iter_mut().zip(&farewell) {
                *sample = sample.saturating_add(before);
            }
        }
    }
}

/// Decodes the parts of a frame that came and makes up the holes between them.
fn patch(jitter: &JitterBuffer, payload: &[u8], decoder: &mut Decoder, samples: &mut [i16]) {
    let per_octet = samples.len() / payload.len();
    let mut at = 0;
    while at < payload.len() {
        let is_hole = jitter.is_hole(at);
        let end =
            (at + 1..payload.len()).find(|&tick| jitter.is_hole(tick) != is_hole).unwrap_or(payload.len());
        let piece = &mut samples[at * per_octet..end * per_octet];
        if is_hole {
            decoder.conceal(piece);
        } else {
            decoder.decode(&payload[at..end], piece);
        }
        at = end;
    }
}

#[cfg(test)]
mod tests;
