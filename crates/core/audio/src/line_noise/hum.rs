//! Hum: the mains and their harmonics, steady through all that is said over them.

use std::f32::consts::TAU;

use crate::level::dbov_of_mean_square;

/// Frequencies of mains of 50 Hz and of 60 Hz, up to their fourth harmonics.
const TONES_HZ: [f32; 8] = [50.0, 100.0, 150.0, 200.0, 60.0, 120.0, 180.0, 240.0];
/// Frames that are looked at together: 200 ms, so that all these are told apart.
const BLOCK_FRAMES: u32 = 10;
/// Softer does not disturb.
const LOUD_DBOV: f32 = -45.0;
/// How far it may move, in dB: where it is alone either way, under a voice, which adds to it, only down.
const STEADY_DB: f32 = 2.0;
/// Blocks that it has to last: ten seconds.
const BLOCKS: u32 = 50;
/// Of these, so many in which there is little else: the pauses of a talk. A high tone leaves next to nothing below.
const PURE_BLOCKS_MIN: u32 = 6;
/// Share of the power in these.
const PURE_SHARE: f32 = 0.5;

#[derive(Debug, Clone)]
pub(super) struct Hum {
    per_millisecond: usize,
    twice_cosines: [f32; 8],
    last: [f32; 8],
    before: [f32; 8],
    energy: f32,
    frames: u32,
    level_db: f32,
    blocks: u32,
    pure_blocks: u32,
}

impl Hum {
    pub(super) fn new(per_millisecond: usize) -> Self {
        Self {
            per_millisecond,
            twice_cosines: TONES_HZ.map(|hz| 2.0 * (TAU * hz / 1_000.0).cos()),
            last: [0.0; 8],
            before: [0.0; 8],
            energy: 0.0,
            frames: 0,
            level_db: 0.0,
            blocks: 0,
            pure_blocks: 0,
        }
    }

    pub(super) const fn restart(&mut self) {
        self.miss();
        (self.blocks, self.pure_blocks) = (0, 0);
    }

    /// The block can't be judged: another one begins.
    pub(super) const fn miss(&mut self) {
        (self.last, self.before, self.energy, self.frames) = ([0.0; 8], [0.0; 8], 0.0, 0);
    }

    /// Takes a frame; whether the line hums.
    pub(super) fn hear(&mut self, frame: &[i16], mean_square: f32) -> bool {
        for millisecond in frame.chunks_exact(self.per_millisecond) {
            let sum: i32 = millisecond.iter().map(|&sample| i32::from(sample)).sum();
            let mean = sum as f32 / self.per_millisecond as f32;
            for tone in 0..TONES_HZ.len() {
                let next = mean + self.twice_cosines[tone] * self.last[tone] - self.before[tone];
                self.before[tone] = self.last[tone];
                self.last[tone] = next;
            }
        }
        self.energy += mean_square;
        self.frames += 1;
        if self.frames == BLOCK_FRAMES {
            self.judge();
            self.miss();
        }
        self.blocks >= BLOCKS && self.pure_blocks >= PURE_BLOCKS_MIN
    }

    fn judge(&mut self) {
        let count = (BLOCK_FRAMES * 20) as f32;
        let mut powers = [0.0; 8];
        for (tone, power) in powers.iter_mut().enumerate() {
            let (last, before) = (self.last[tone], self.before[tone]);
            let magnitude = last * last + before * before - self.twice_cosines[tone] * last * before;
            *power = 2.0 * magnitude / (count * count);
        }
        let (fifty, sixty): (f32, f32) = (powers[..4].iter().sum(), powers[4..].iter().sum());
        let hum = fifty.max(sixty);
        let level_db = dbov_of_mean_square(hum);
        let is_pure = hum >= PURE_SHARE * self.energy / BLOCK_FRAMES as f32;
        let goes_on = self.blocks > 0 && level_db >= self.level_db - STEADY_DB;
        if goes_on && (!is_pure || level_db <= self.level_db + STEADY_DB) {
            self.blocks += 1;
            self.pure_blocks += u32::from(is_pure);
        } else if is_pure && level_db >= LOUD_DBOV {
            (self.level_db, self.blocks, self.pure_blocks) = (level_db, 1, 1);
        } else {
            (self.blocks, self.pure_blocks) = (0, 0);
        }
    }
}
