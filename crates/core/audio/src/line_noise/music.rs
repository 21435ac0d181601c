//! Music on hold: sound without a pause, whose tones hold and change.
//!
//! Who speaks pauses for breath every few seconds, and the pitch of a voice is never still: sound of a tenth of a second
//! ago is unlike that of now. Music that goes on is like itself where a tone is held, and steady tones do not change.

use crate::level::dbov_of_mean_square;

/// Softer is background.
const LOUD_DBOV: f32 = -45.0;
/// Frames below the mean that make a pause, and by how much: 120 ms. Longer than the stops within words.
const PAUSE_FRAMES: u32 = 6;
const PAUSE_DB: f32 = 12.0;
/// Frames over which the mean goes: two seconds.
const MEAN_FRAMES: f32 = 100.0;
/// Frames without a pause before it is looked at more closely: five seconds. Hardly anybody speaks so long.
const SUSPECT_FRAMES: u32 = 250;
/// Frames without a pause that make music, if what is seen bears it out: twenty seconds.
const MUSIC_FRAMES: u32 = 1_000;
/// A closer look every so many frames: the costliest that is done for a talker.
const LOOK_EVERY: u32 = 10;
/// The piece that is compared with what was before, at 4 kHz: 64 ms.
const PIECE: usize = 256;
/// How long ago what it is compared with is, at 4 kHz: 50 to 100 ms.
const LAGS: std::ops::RangeInclusive<usize> = 200..=400;
/// All that is kept.
const KEPT: usize = PIECE + *LAGS.end();
/// So alike is what holds.
const ALIKE: f32 = 0.75;
/// Share of the looks that hold.
const SHARE: f32 = 0.5;
/// How much the colour of the sound changes between looks, as a standard deviation of its correlation from one sample to
/// the next. Steady tones stay far below.
const CHANGE_MIN: f32 = 0.03;

#[derive(Debug, Clone)]
pub(super) struct Music {
    /// Samples that become one of 4 kHz.
    per_kept: usize,
    kept: [f32; KEPT],
    mean_square: f32,
    low_frames: u32,
    frames: u32,
    looks: u32,
    alike: u32,
    colour_sum: f32,
    colour_squares: f32,
}

impl Music {
    pub(super) const fn new(per_kept: usize) -> Self {
        Self {
            per_kept,
            kept: [0.0; KEPT],
            mean_square: 0.0,
            low_frames: 0,
            frames: 0,
            looks: 0,
            alike: 0,
            colour_sum: 0.0,
            colour_squares: 0.0,
        }
    }

    pub(super) const fn restart(&mut self) {
        (self.frames, self.looks, self.alike, self.low_frames) = (0, 0, 0, 0);
        (self.colour_sum, self.colour_squares) = (0.0, 0.0);
    }

    /// Takes a frame; whether the line plays music.
    pub(super) fn hear(&mut self, frame: &[i16], mean_square: f32) -> bool {
        self.mean_square += (mean_square - self.mean_square) / MEAN_FRAMES;
        let mean_db = dbov_of_mean_square(self.mean_square);
        let is_low = dbov_of_mean_square(mean_square) < mean_db - PAUSE_DB;
        self.low_frames = if is_low { self.low_frames + 1 } else { 0 };
        if self.low_frames >= PAUSE_FRAMES || mean_db < LOUD_DBOV {
            self.restart();
            return false;
        }
        self.frames += 1;
        if self.frames > SUSPECT_FRAMES {
            self.keep(frame);
            if self.frames > SUSPECT_FRAMES + 10 && self.frames.is_multiple_of(LOOK_EVERY) {
                self.look();
            }
        }
        self.frames >= MUSIC_FRAMES && self.holds() && self.changes()
    }

    fn keep(&mut self, frame: &[i16]) {
        let fresh = (frame.len() / self.per_kept).min(KEPT);
        self.kept.copy_within(fresh.., 0);
        let places = self.kept[KEPT - fresh..].iter_mut();
        for (kept, samples) in places.zip(frame.chunks_exact(self.per_kept)) {
            let sum: i32 = samples.iter().map(|&sample| i32::from(sample)).sum();
            *kept = sum as f32;
        }
    }

    /// Compares the newest piece with what was before.
    fn look(&mut self) {
        let piece = &self.kept[KEPT - PIECE..];
        let energy = product(piece, piece);
        if energy <= 0.0 {
            return;
        }
        let mut most = 0.0_f32;
        let first = KEPT - PIECE - LAGS.start();
        let mut energy_before: f64 = self.kept[first..first + PIECE].iter().copied().map(square).sum();
        for lag in LAGS {
            let start = KEPT - PIECE - lag;
            let before = &self.kept[start..start + PIECE];
            let both = (f64::from(energy) * energy_before).sqrt() as f32;
            most = most.max(product(piece, before) / both.max(f32::MIN_POSITIVE));
            // The next piece begins a sample earlier, and ends one earlier.
            if let Some(earlier) = start.checked_sub(1) {
                energy_before += square(self.kept[earlier]) - square(self.kept[start + PIECE - 1]);
                energy_before = energy_before.max(0.0);
            }
        }
        let colour = product(&piece[1..], &piece[..PIECE - 1]) / energy;
        self.looks += 1;
        self.alike += u32::from(most > ALIKE);
        self.colour_sum += colour;
        self.colour_squares += colour * colour;
    }

    fn holds(&self) -> bool {
        self.alike as f32 >= SHARE * self.looks as f32
    }

    fn changes(&self) -> bool {
        let looks = self.looks.max(1) as f32;
        let mean = self.colour_sum / looks;
        self.colour_squares / looks - mean * mean >= CHANGE_MIN * CHANGE_MIN
    }
}

fn square(sample: f32) -> f64 {
    f64::from(sample) * f64::from(sample)
}

/// The sum of products of two pieces of equal length.
fn product(one: &[f32], other: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut lanes = [0.0_f32; LANES];
    let ((a, rest_a), (b, rest_b)) = (one.as_chunks::<LANES>(), other.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum::<f32>()
}
