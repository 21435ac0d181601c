//! Sound made longer or shorter without a change of pitch: what a jitter buffer does to its delay is not heard.
//!
//! One period of the voice at a time is laid over the next (to shorten) or given twice (to lengthen), where the sound
//! is most like itself: overlap-add of waveforms [W. Verhelst and M. Roelands, "An overlap-add technique based on
//! waveform similarity", ICASSP 1993]. Silence, which has no period, is shortened and lengthened by as much as is
//! wished. It knows no packets and not why somebody wishes a change; it counts in ticks of 8 kHz at every rate.
//! **Invariant:** samples that nobody wished to change pass unchanged, and there is no step where some were left out
//! or put in.

use std::ops::Range;

use crate::level::mean_square;

/// Samples in a second of which each lasts a tick.
const TICKS_HZ: u32 = 8_000;
/// The shortest and longest piece that is left out or put in, in ticks: 2.5 and 15 ms, the periods of 400 and 67 Hz.
const LAG_MIN: usize = 20;
/// See [`LAG_MIN`].
pub const LAG_MAX: usize = 120;
/// What is kept of the sound that was given, in ticks: 25 ms, after which whoever listens for keys knows of one.
const PAST_TICKS: usize = 200;
/// Samples that wait at most, in ticks: two frames, what is held of the one before, and a piece that is put in.
const QUEUE_TICKS: usize = 320 + 2 * LAG_MAX;
/// Two pieces are compared over this many ticks at least: a shorter piece is like any other.
const COMPARED_MIN: usize = 60;
/// How alike two pieces must be (1 is the same), where there is time to wait for better ones. A higher value waits
/// longer; a lower one is heard as roughness.
const ALIKE_MIN: f32 = 0.6;
/// What a longer piece is worth more than a short one that fits as well: fewer changes are made.
const LENGTH_BONUS: f32 = 0.1;
/// What a piece is worth less that makes the sound longer than is wished.
const EXCESS_COST: f32 = 0.4;
/// Between the places where a change is tried, in ticks.
const PLACE_STEP: usize = 40;
/// The mean square of −45 dBov: less is silence, in which nobody hears what is cut.
const QUIET: f32 = 34_000.0;
/// In silence pieces blend over so many ticks: 5 ms.
const QUIET_BLEND: usize = 40;
/// A part of the sound with so many times the power of the one before is where a sound begins: that stays as it is.
const ONSET: f32 = 10.0;

/// With how much care the sound is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// In silence alone.
    Silence,
    /// Where pieces are alike, and no sound has just begun or is about to: not in short tones either.
    Wary,
    /// Where pieces are alike.
    Alike,
    /// As well as it can be done.
    Least,
}

/// The sound of one stream between its decoder and whoever hears it.
#[derive(Debug, Clone)]
pub struct TimeStretch {
    /// Samples in a tick.
    ratio: usize,
    /// What was given last ([`PAST_TICKS`]), then what waits; nothing until there is something.
    buffer: Box<[i16]>,
    /// Samples that were given since the stream began, up to what is kept.
    past: usize,
    waiting: usize,
}

/// What is to become of the sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Shorter,
    Longer,
}

/// Where a piece is left out or put in.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Joint {
    /// Index into the buffer.
    at: usize,
    /// Samples of the piece.
    lag: usize,
    /// Samples in which the one sound goes over into the other.
    blend: usize,
    /// How alike these are.
    alike: f32,
}

impl TimeStretch {
    /// Nothing waits; the rate is a multiple of 8 kHz. Memory is taken with the first samples.
    #[must_use]
    pub fn new(rate_hz: u32) -> Self {
        let ratio = (rate_hz / TICKS_HZ).max(1) as usize;
        Self { ratio, buffer: Box::default(), past: 0, waiting: 0 }
    }

    /// Ticks that wait beyond what was given.
    #[must_use]
    pub const fn held_ticks(&self) -> usize {
        self.waiting / self.ratio
    }

    /// Forgets all: what comes next does not go on from what was.
    pub const fn forget(&mut self) {
        self.past = 0;
        self.waiting = 0;
    }

    /// Room for so many ticks after those that wait, less where there is no more; all of it counts as written.
    pub fn room(&mut self, ticks: usize) -> &mut [i16] {
        if self.buffer.is_empty() {
            self.buffer = vec![0; (PAST_TICKS + QUEUE_TICKS) * self.ratio].into_boxed_slice();
        }
        let start = self.end();
        let end = (start + ticks * self.ratio).min(self.buffer.len());
        self.waiting += end - start;
        &mut self.buffer[start..end]
    }

    /// Gives a frame, and makes what waits shorter by `−wish` ticks at most or longer by about `wish` before, if it can be
    /// done with that care. Returns by how many ticks it became longer.
    pub fn give(&mut self, frame: &mut [i16], wish: i32, care: Care) -> i32 {
        let ticks = wish.unsigned_abs() as usize;
        let changed = match wish {
            ..0 => -(self.shorten(ticks.min(self.spare_ticks(frame.len())), care) as i32),
            0 => 0,
            1.. => self.lengthen(ticks, care) as i32,
        };
        let (start, there) = (self.start(), self.waiting.min(frame.len()));
        frame[..there].copy_from_slice(&self.buffer[start..start + there]);
        frame[there..].fill(0);
        self.buffer.copy_within(there..self.end(), 0);
        self.waiting -= there;
        self.past = (self.past + there).min(start);
        changed
    }

    /// Ticks that wait beyond a frame.
    const fn spare_ticks(&self, frame: usize) -> usize {
        self.waiting.saturating_sub(frame) / self.ratio
    }

    /// Where what waits begins.
    const fn start(&self) -> usize {
        PAST_TICKS * self.ratio
    }

    const fn end(&self) -> usize {
        self.start() + self.waiting
    }

    /// Leaves out up to so many ticks; how many.
    fn shorten(&mut self, ticks: usize, care: Care) -> usize {
        let Some(Joint { at, lag, blend, alike }) = self.joint(Way::Shorter, ticks, care) else {
            return 0;
        };
        for index in 0..blend {
            let (before, after) = (self.buffer[at + index], self.buffer[at + lag + index]);
            self.buffer[at + index] = mixed(before, after, index, blend, alike);
        }
        self.buffer.copy_within(at + lag + blend..self.end(), at + blend);
        self.waiting -= lag;
        lag / self.ratio
    }

    /// Puts in a piece of about so many ticks; how many.
    fn lengthen(&mut self, ticks: usize, care: Care) -> usize {
        if self.end() + LAG_MAX * self.ratio > self.buffer.len() {
            return 0;
        }
        let Some(Joint { at, lag, blend, alike }) = self.joint(Way::Longer, ticks, care) else {
            return 0;
        };
        // What stood a piece before the joint comes once more after it.
        self.buffer.copy_within(at + blend - lag..self.end(), at + blend);
        for index in 0..blend {
            let (before, after) = (self.buffer[at + lag + index], self.buffer[at - lag + index]);
            self.buffer[at + index] = mixed(before, after, index, blend, alike);
        }
        self.waiting += lag;
        lag / self.ratio
    }

    /// The best place for a change of up to so many ticks (of about so many, to lengthen).
    fn joint(&self, way: Way, ticks: usize, care: Care) -> Option<Joint> {
        let places = (self.start()..self.end()).step_by(PLACE_STEP * self.ratio);
        let wished = ticks.min(LAG_MAX);
        if let Some(joint) = places.clone().find_map(|at| self.in_silence(way, at, wished * self.ratio)) {
            return Some(joint);
        }
        if care == Care::Silence
            || (care == Care::Wary && self.has_onset(self.start() - self.past..self.end()))
        {
            return None;
        }
        let longest = match way {
            Way::Shorter => wished,
            Way::Longer => LAG_MAX,
        };
        let joints = places
            .flat_map(|at| (LAG_MIN..=longest).map(move |lag| (at, lag * self.ratio)))
            .filter_map(|(at, lag)| self.in_sound(way, at, lag));
        let part = |lag: usize| lag as f32 / (LAG_MAX * self.ratio) as f32;
        let worth = |joint: &Joint| {
            let excess = part(joint.lag.saturating_sub(wished * self.ratio));
            joint.alike * (1.0 + LENGTH_BONUS * part(joint.lag)) - EXCESS_COST * excess
        };
        let best = joints.max_by(|one, other| worth(one).total_cmp(&worth(other)))?;
        let is_good = best.alike >= ALIKE_MIN && !self.has_onset(self.around(way, best.at, best.lag)?);
        (care == Care::Least || is_good).then_some(best)
    }

    /// A joint of exactly this length, if all around it is silence.
    fn in_silence(&self, way: Way, at: usize, lag: usize) -> Option<Joint> {
        let around = self.around(way, at, lag)?;
        let is_silent = lag > 0 && mean_square(&self.buffer[around]) < QUIET;
        is_silent.then(|| Joint { at, lag, blend: lag.min(QUIET_BLEND * self.ratio), alike: 0.0 })
    }

    fn in_sound(&self, way: Way, at: usize, lag: usize) -> Option<Joint> {
        self.around(way, at, lag)?;
        let other = match way {
            Way::Shorter => at + lag,
            Way::Longer => at - lag,
        };
        let compared = lag.max(COMPARED_MIN * self.ratio).min(self.end() - at.max(other));
        let alike = alike(&self.buffer[at..at + compared], &self.buffer[other..other + compared]);
        Some(Joint { at, lag, blend: lag, alike })
    }

    /// The sound that a joint takes part in, if all of it is there.
    fn around(&self, way: Way, at: usize, lag: usize) -> Option<Range<usize>> {
        let around = match way {
            Way::Shorter => at..at + 2 * lag,
            Way::Longer => at.checked_sub(lag)?..at + lag,
        };
        (around.start >= self.start() - self.past && around.end <= self.end()).then_some(around)
    }

    /// Whether a sound begins in this part.
    fn has_onset(&self, part: Range<usize>) -> bool {
        let block = PLACE_STEP * self.ratio;
        let powers = self.buffer[part.start.saturating_sub(block)..part.end].chunks(block).map(mean_square);
        let mut before = f32::MAX;
        powers.into_iter().any(|power| power > ONSET * std::mem::replace(&mut before, power).max(QUIET))
    }
}

/// How alike two sounds are: 1 for the same, whatever their loudness.
fn alike(one: &[i16], other: &[i16]) -> f32 {
    let (mut product, mut squares, mut other_squares) = (0.0_f32, 1.0_f32, 1.0_f32);
    for (&a, &b) in one.iter().zip(other) {
        let (a, b) = (f32::from(a), f32::from(b));
        product += a * b;
        squares += a * a;
        other_squares += b * b;
    }
    product / (squares * other_squares).sqrt()
}

/// The `index`-th of so many samples in which one sound goes over into another, without a change of power: sounds that
/// are not alike add up to less than those that are.
fn mixed(before: i16, after: i16, index: usize, samples: usize, alike: f32) -> i16 {
    let coming = (index + 1) as f32 / (samples + 1) as f32;
    let going = 1.0 - coming;
    let power = going * going + coming * coming + 2.0 * alike.clamp(0.0, 1.0) * going * coming;
    let value = (f32::from(before) * going + f32::from(after) * coming) / power.sqrt();
    value.round().clamp(-32_768.0, 32_767.0) as i16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::level::{level_dbov, tone_level_dbov};

    const RATES_HZ: [u32; 2] = [8_000, 16_000];

    /// Frames through a stretch that wishes the same all the time; shortening takes from ticks that come faster.
    fn through(rate_hz: u32, said: &[i16], wish: i32, care: Care) -> (Vec<i16>, Vec<i32>) {
        let (mut stretch, mut heard, mut changes) = (TimeStretch::new(rate_hz), Vec::new(), Vec::new());
        let (ratio, mut at) = (rate_hz as usize / 8_000, 0);
        let extra = if wish < 0 { LAG_MAX } else { 0 };
        loop {
            let ticks = (160 + extra).saturating_sub(stretch.held_ticks());
            let Some(samples) = said.get(at..at + ticks * ratio) else {
                return (heard, changes);
            };
            stretch.room(ticks).copy_from_slice(samples);
            at += ticks * ratio;
            let mut frame = vec![0; 160 * ratio];
            changes.push(stretch.give(&mut frame, wish, care));
            heard.extend(frame);
        }
    }

    fn sine(rate_hz: u32, hz: f32, seconds: f32) -> Vec<i16> {
        let turn = std::f32::consts::TAU * hz / rate_hz as f32;
        (0..(rate_hz as f32 * seconds) as usize).map(|n| (8_000.0 * (turn * n as f32).sin()) as i16).collect()
    }

    /// A voice-like sound whose pitch glides.
    fn voice(rate_hz: u32) -> Vec<i16> {
        let mut angle = 0.0_f32;
        (0..2 * rate_hz)
            .map(|n| {
                let time = n as f32 / rate_hz as f32;
                angle += std::f32::consts::TAU * (130.0 + 40.0 * (time * 3.0).sin()) / rate_hz as f32;
                let harmonics = (1..12).map(|k| (angle * k as f32 + k as f32).sin() / k as f32);
                (harmonics.sum::<f32>() * 4_000.0 * (0.6 + 0.4 * (time * 9.0).sin())) as i16
            })
            .collect()
    }

    fn noise(count: usize, peak: i32) -> Vec<i16> {
        let mut seed = 1_u32;
        (0..count)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((seed >> 16) as i32 % (2 * peak + 1) - peak) as i16
            })
            .collect()
    }

    fn steepest(samples: &[i16]) -> i32 {
        samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or(0)
    }

    #[test]
    fn without_a_wish_all_passes_unchanged() {
        let said = noise(16_000, 20_000);
        let (heard, changes) = through(8_000, &said, 0, Care::Least);
        assert_eq!(heard, said);
        assert!(changes.iter().all(|&change| change == 0));
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_level_and_does_not_click() {
        for rate_hz in RATES_HZ {
            for hz in [123.0, 300.0, 440.0, 1_000.0] {
                for wish in [-100, 100] {
                    let said = sine(rate_hz, hz, 3.0);
                    let (heard, changes) = through(rate_hz, &said, wish, Care::Alike);
                    let changed: i32 = changes.iter().sum();
                    assert!(
                        changed.signum() == wish.signum() && changed.abs() > 2_000,
                        "{hz} {wish}: {changed}"
                    );
                    let settled = &heard[rate_hz as usize / 10..];
                    let expected = level_dbov(&said);
                    let off = tone_level_dbov(settled, rate_hz, hz) - expected;
                    // Over seconds the phase wanders by what is left of periods that are no whole ticks.
                    assert!(level_dbov(settled) - expected < 0.5, "{rate_hz} {hz} {wish}");
                    let short = settled.chunks_exact(rate_hz as usize / 20);
                    let worst = short
                        .map(|piece| tone_level_dbov(piece, rate_hz, hz) - expected)
                        .fold(0.0_f32, |worst, off| worst.max(off.abs()));
                    assert!(worst < 3.0, "{rate_hz} {hz} {wish}: {worst}, in all {off}");
                    let clicks = steepest(settled) as f32 / steepest(&said) as f32;
                    assert!(clicks < 1.15, "{rate_hz} {hz} {wish}: {clicks}");
                }
            }
        }
    }

    #[test]
    fn a_voice_is_changed_without_a_click_by_as_much_as_a_burst_needs() {
        for rate_hz in RATES_HZ {
            let said = voice(rate_hz);
            for wish in [-120, 120] {
                let (heard, changes) = through(rate_hz, &said, wish, Care::Alike);
                let frames = changes.len() as i32;
                // 400 ms in 1.5 s are 43 ticks a frame.
                assert!(changes.iter().sum::<i32>().abs() / frames >= 43, "{rate_hz} {wish}: {changes:?}");
                assert!(steepest(&heard) <= steepest(&said) * 5 / 4, "{rate_hz} {wish}");
                assert!((level_dbov(&heard) - level_dbov(&said)).abs() < 1.0);
            }
        }
    }

    #[test]
    fn silence_is_changed_by_as_much_as_is_wished() {
        let said = noise(16_000, 100);
        for wish in [-120, -37, -8, 8, 37, 120] {
            let (heard, changes) = through(8_000, &said, wish, Care::Silence);
            // Before the first frame nothing stood that could come again.
            assert!(changes[1..].iter().all(|&change| change == wish), "{wish}: {changes:?}");
            assert!((level_dbov(&heard) - level_dbov(&said)).abs() < 0.5, "{wish}");
        }
    }

    #[test]
    fn where_sounds_begin_nothing_is_changed_unless_it_presses() {
        let mut said = vec![0; 8_000];
        for (n, sample) in said.iter_mut().enumerate().filter(|(n, _)| n % 200 == 150) {
            *sample = if n % 400 == 150 { 12_000 } else { -9_000 };
        }
        let (_, calm) = through(8_000, &said, -100, Care::Alike);
        assert!(calm.iter().filter(|&&change| change != 0).count() <= calm.len() / 4, "{calm:?}");
        let (_, pressed) = through(8_000, &noise(8_000, 9_000), -100, Care::Least);
        assert!(pressed.iter().all(|&change| change < 0), "{pressed:?}");
    }

    #[test]
    fn short_tones_stay_as_they_are_where_one_is_wary() {
        // 20 ms in a second, which begin anywhere in a frame; after that who listens for keys knows of it.
        let mut said = noise(80_000, 40);
        for second in 0..10_usize {
            let tone = sine(8_000, 770.0, 0.02);
            let from = second * 8_000 + second * 17;
            said[from..from + tone.len()].copy_from_slice(&tone);
        }
        let loud = |samples: &[i16]| samples.chunks(8).filter(|part| level_dbov(part) > -30.0).count();
        for wish in [-10, -100] {
            let (heard, changes) = through(8_000, &said, wish, Care::Wary);
            assert!(changes.iter().sum::<i32>() < 0);
            assert!(loud(&heard).abs_diff(loud(&said)) <= 22, "{wish}: {} of {}", loud(&heard), loud(&said));
        }
    }

    #[test]
    fn power_stays_where_noise_is_changed() {
        let said = noise(24_000, 9_000);
        for wish in [-120, 120] {
            let (heard, _) = through(8_000, &said, wish, Care::Least);
            assert!((level_dbov(&heard) - level_dbov(&said)).abs() < 0.7, "{wish}: {}", level_dbov(&heard));
        }
    }

    proptest! {
        #[test]
        fn ticks_add_up_whatever_is_wished(
            steps in proptest::collection::vec((0_usize..400, -5_000_i32..5_000, 0_usize..4, any::<bool>()), 0..60),
            is_wide in any::<bool>(),
        ) {
            let ratio = 1 + usize::from(is_wide);
            let mut stretch = TimeStretch::new(8_000 * ratio as u32);
            let mut seed = 7_u32;
            for (ticks, wish, care, is_loud) in steps {
                let care = [Care::Silence, Care::Wary, Care::Alike, Care::Least][care];
                let before = stretch.held_ticks();
                let room = stretch.room(ticks);
                let taken = room.len() / ratio;
                prop_assert!(taken <= ticks && room.len().is_multiple_of(ratio));
                for sample in room {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    *sample = (seed >> 16) as i16 / if is_loud { 1 } else { 1_000 };
                }
                let mut frame = vec![1; 160 * ratio];
                let change = stretch.give(&mut frame, wish, care);
                prop_assert!(change.unsigned_abs() as usize <= LAG_MAX);
                let there = (before + taken).saturating_add_signed(change as isize);
                prop_assert_eq!(stretch.held_ticks(), there.saturating_sub(160));
            }
        }
    }
}
