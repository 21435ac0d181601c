//! Noise taken from a voice: fans, hiss, hum, the murmur of an office.
//!
//! The spectrum of the noise is learned from what goes on between words, and each 10 ms the parts of the spectrum in which
//! there is little more than that are taken down, by 18 dB at most. The arithmetic is that of WebRTC, by `sonora-ns`, at
//! 16 kHz. Sound at 8 kHz goes there as every other sample with nothing between: its spectrum is then there twice, the second
//! time as in a mirror, and both are treated alike, so that every other sample of what comes out is what was wanted. No filter is
//! needed for it, which would make it later. Of sound at 48 kHz what is above 8 kHz is taken down as a whole.
//!
//! **Invariant:** what comes out is what went in, [`delay_samples`](NoiseSuppressor::delay_samples) later; nothing allocates once
//! it is built.

use sonora_ns::config::{NS_FRAME_SIZE, NsConfig, OVERLAP_SIZE, SuppressionLevel};
use sonora_ns::noise_suppressor::NoiseSuppressor as Spectrum;

use crate::resampler::Resampler;

/// How much noise is left: 18 dB less. More makes what is left of it warble.
const LEVEL: SuppressionLevel = SuppressionLevel::K18dB;
/// The rate at which spectra are looked at.
const SPECTRUM_HZ: u32 = 16_000;
/// 10 ms at 48 kHz.
const FULL_BLOCK: usize = 3 * NS_FRAME_SIZE;
/// Bands of sound at 48 kHz: each is 8 kHz wide.
const BANDS: usize = 3;
/// So many blocks of 10 ms it learns fast, and would take the first word for noise: those it is given before.
const LEARNING_BLOCKS: u32 = 200;
/// What it is given then, as peak: white noise of −65 dBov, as a quiet line has. With more the softest sounds of the first word
/// get lost; with less, loud noise is learned more slowly.
const QUIET_PEAK: f32 = 32.0;

/// Takes noise from one voice.
#[derive(Debug)]
pub struct NoiseSuppressor {
    spectrum: Spectrum,
    way: Way,
    split: Split,
}

/// How sound comes to the rate at which spectra are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// 8 kHz.
    Mirrored,
    /// 16 kHz.
    Itself,
    /// 48 kHz.
    Split,
    /// Not at all.
    Untouched,
}

impl Way {
    const fn of(rate_hz: u32) -> Self {
        match rate_hz {
            8_000 => Self::Mirrored,
            16_000 => Self::Itself,
            48_000 => Self::Split,
            _ => Self::Untouched,
        }
    }
}

impl NoiseSuppressor {
    /// For sound of 8, 16 or 48 kHz; that of other rates stays as it is. It takes a millisecond or two, in which it learns what
    /// a quiet line sounds like: make it where that disturbs nobody.
    #[must_use]
    pub fn new(rate_hz: u32) -> Self {
        let config = NsConfig { target_level: LEVEL };
        let mut spectrum = Spectrum::new_with_bands(config, BANDS);
        let way = Way::of(rate_hz);
        learn_quiet(&mut spectrum, way);
        Self { spectrum, way, split: Split::new() }
    }

    /// From here on sound has this rate. Where that is another one, what it knows of the noise stays, as far as it is of use
    /// there.
    pub fn set_rate_hz(&mut self, rate_hz: u32) {
        let way = Way::of(rate_hz);
        if way != self.way {
            self.way = way;
            self.resume();
        }
    }

    /// How late the sound comes out, in samples: 6 ms, and at 48 kHz less than 2 more.
    #[must_use]
    pub const fn delay_samples(&self) -> usize {
        match self.way {
            Way::Mirrored => OVERLAP_SIZE / 2,
            Way::Itself => OVERLAP_SIZE,
            Way::Split => self.split.delay,
            Way::Untouched => 0,
        }
    }

    /// After a time in which it was given nothing: forgets the sound before, and keeps what it knows of the noise.
    pub fn resume(&mut self) {
        // The second takes away what the filter of the first made of the sound before.
        for _ in 0..2 {
            self.spectrum.process(&mut [0.0; NS_FRAME_SIZE]);
        }
        if self.way == Way::Split {
            self.split.forget();
        }
    }

    /// Takes the noise from a frame of samples at 16 bits' scale: whole blocks of 10 ms. A rest stays as it is.
    pub fn suppress(&mut self, frame: &mut [f32]) {
        let Self { spectrum, way, split } = self;
        match way {
            Way::Mirrored => {
                let blocks = frame.as_chunks_mut::<{ NS_FRAME_SIZE / 2 }>().0;
                blocks.iter_mut().for_each(|block| suppress_mirrored(spectrum, block));
            }
            Way::Itself => {
                frame.as_chunks_mut().0.iter_mut().for_each(|block| suppress_block(spectrum, block));
            }
            Way::Split => {
                frame.as_chunks_mut().0.iter_mut().for_each(|block| split.suppress(spectrum, block));
            }
            Way::Untouched => {}
        }
    }
}

/// Goes through the time in which everything is taken for noise.
fn learn_quiet(spectrum: &mut Spectrum, way: Way) {
    let step = if way == Way::Mirrored { 2 } else { 1 };
    let mut state = 1_u32;
    for _ in 0..LEARNING_BLOCKS {
        let mut block = [0.0; NS_FRAME_SIZE];
        for sample in block.iter_mut().step_by(step) {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = ((state >> 8) as f32 / (1 << 23) as f32 - 1.0) * QUIET_PEAK;
        }
        spectrum.analyze(&block);
    }
}

fn suppress_mirrored(spectrum: &mut Spectrum, block: &mut [f32; NS_FRAME_SIZE / 2]) {
    let mut mirrored = [0.0; NS_FRAME_SIZE];
    for (pair, &sample) in mirrored.as_chunks_mut::<2>().0.iter_mut().zip(block.iter()) {
        pair[0] = sample;
    }
    suppress_block(spectrum, &mut mirrored);
    for (sample, pair) in block.iter_mut().zip(mirrored.as_chunks::<2>().0) {
        *sample = pair[0];
    }
}

fn suppress_block(spectrum: &mut Spectrum, block: &mut [f32; NS_FRAME_SIZE]) {
    spectrum.analyze(block);
    spectrum.process(block);
}

/// Sound at 48 kHz: what is below 8 kHz goes through the spectrum, the rest is what is left without it.
#[derive(Debug)]
struct Split {
    down: Resampler,
    /// What is below 8 kHz without its noise, and with it.
    up_clean: Resampler,
    up_raw: Resampler,
    /// As late as what comes out of the spectrum: sound below 8 kHz, and all of it.
    raw: Delay<OVERLAP_SIZE>,
    full: Delay<FULL_DELAY_MAX>,
    delay: usize,
    upper_gain: f32,
}

/// More than the two resamplers and the spectrum take together: 9 ms.
const FULL_DELAY_MAX: usize = 432;

impl Split {
    fn new() -> Self {
        let full_hz = BANDS as u32 * SPECTRUM_HZ;
        let down = Resampler::new(full_hz, SPECTRUM_HZ, FULL_BLOCK);
        let up = Resampler::new(SPECTRUM_HZ, full_hz, NS_FRAME_SIZE);
        let delay = down.delay_samples() + BANDS * (OVERLAP_SIZE + up.delay_samples());
        Self {
            down,
            up_clean: up.clone(),
            up_raw: up,
            raw: Delay::new(OVERLAP_SIZE),
            full: Delay::new(delay),
            delay,
            upper_gain: 1.0,
        }
    }

    fn forget(&mut self) {
        self.down.forget();
        self.up_clean.forget();
        self.up_raw.forget();
        self.raw.forget();
        self.full.forget();
    }

    fn suppress(&mut self, spectrum: &mut Spectrum, block: &mut [f32; FULL_BLOCK]) {
        let mut low = [0; NS_FRAME_SIZE];
        self.down.process(&block.map(to_sample), &mut low);
        let (mut clean, mut raw) = (low.map(f32::from), low.map(f32::from));
        suppress_block(spectrum, &mut clean);
        self.raw.delay(&mut raw);
        self.full.delay(block);
        let (mut clean_up, mut raw_up) = ([0; FULL_BLOCK], [0; FULL_BLOCK]);
        self.up_clean.process(&clean.map(to_sample), &mut clean_up);
        self.up_raw.process(&raw.map(to_sample), &mut raw_up);
        let gain = spectrum.upper_band_gain();
        let step = (gain - self.upper_gain) / FULL_BLOCK as f32;
        for ((sample, &clean), &raw) in block.iter_mut().zip(&clean_up).zip(&raw_up) {
            self.upper_gain += step;
            *sample = f32::from(clean) + self.upper_gain * (*sample - f32::from(raw));
        }
        self.upper_gain = gain;
    }
}

fn to_sample(value: f32) -> i16 {
    value.round().clamp(-32_768.0, 32_767.0) as i16
}

/// A stream that comes out later, by up to `MAX` samples.
#[derive(Debug)]
struct Delay<const MAX: usize> {
    held: [f32; MAX],
    samples: usize,
}

impl<const MAX: usize> Delay<MAX> {
    fn new(samples: usize) -> Self {
        Self { held: [0.0; MAX], samples: samples.min(MAX) }
    }

    fn forget(&mut self) {
        self.held.fill(0.0);
    }

    /// `block` holds at least as many samples as the delay.
    fn delay(&mut self, block: &mut [f32]) {
        block.rotate_right(self.samples);
        block[..self.samples].swap_with_slice(&mut self.held[..self.samples]);
    }
}
