//! Noise suppressors compared: `cargo run --release -p partyline-audio --example noise_suppression`.
//!
//! Our prompts at −26 dBov, with pauses, in noise of −46 dBov; the first 3 s are left out. In pauses it is told by how much the noise
//! goes down; in speech by how much the voice does, and how far what comes out is from the voice alone, against what goes in. Time
//! is the best of three runs.
#![expect(clippy::disallowed_methods, reason = "it measures time")]
#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use std::f32::consts::TAU;
use std::path::Path;
use std::time::Instant;

use nnnoiseless::DenoiseState;
use partyline_audio::level::{factor_of_db, level_dbov};
use partyline_audio::{Clip, NoiseSuppressor, Resampler, WavError, resample};

const SECONDS: usize = 40;
const NOISE_DBOV: f32 = -46.0;

/// What takes noise from 10 ms.
trait Suppress {
    fn suppress(&mut self, block: &mut [f32]);
    fn delay_samples(&self) -> usize;
}

impl Suppress for NoiseSuppressor {
    fn suppress(&mut self, block: &mut [f32]) {
        Self::suppress(self, block);
    }

    fn delay_samples(&self) -> usize {
        Self::delay_samples(self)
    }
}

/// nnnoiseless works at 48 kHz only.
struct Rnn {
    up: Resampler,
    down: Resampler,
    state: Box<DenoiseState<'static>>,
}

impl Rnn {
    fn new(rate_hz: u32) -> Self {
        Self {
            up: Resampler::new(rate_hz, 48_000, rate_hz as usize / 100),
            down: Resampler::new(48_000, rate_hz, 480),
            state: DenoiseState::new(),
        }
    }
}

impl Suppress for Rnn {
    fn suppress(&mut self, block: &mut [f32]) {
        let samples: Vec<i16> = block.iter().map(|&sample| sample as i16).collect();
        let (mut up, mut out) = ([0_i16; 480], [0.0; 480]);
        self.up.process(&samples, &mut up);
        self.state.process_frame(&mut out, &up.map(f32::from));
        let mut down = vec![0; block.len()];
        self.down.process(&out.map(|sample| sample as i16), &mut down);
        block.iter_mut().zip(down).for_each(|(sample, new)| *sample = f32::from(new));
    }

    fn delay_samples(&self) -> usize {
        let steps = 48_000 / self.up.from_hz() as usize;
        self.up.delay_samples() + (480 + self.down.delay_samples()) / steps
    }
}

fn speech(rate_hz: u32, skipped: usize, seconds: usize) -> Result<Vec<f32>, WavError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../prompts/audio/en");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.retain(|file| {
        file.extension().is_some_and(|ending| ending == "wav") && !file.ends_with("hold_music.wav")
    });
    files.sort();
    let wanted = seconds * rate_hz as usize;
    let mut all = vec![0.0; rate_hz as usize];
    for file in files.iter().skip(skipped).cycle() {
        let clip = Clip::from_wav(&std::fs::read(file).unwrap_or_default())?;
        if clip.samples().len() < 16_000 {
            continue;
        }
        let clip = resample::resample(&clip, rate_hz);
        let factor = factor_of_db(-26.0 - level_dbov(clip.samples()));
        all.extend(clip.samples().iter().map(|&sample| f32::from(sample) * factor));
        all.resize(all.len() + rate_hz as usize * 4 / 5, 0.0);
        if all.len() >= wanted {
            break;
        }
    }
    all.truncate(wanted);
    Ok(all)
}

fn white(count: usize) -> Vec<f32> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    })
    .take(count)
    .collect()
}

/// A fan and its motor's hum.
fn fan(rate_hz: u32, count: usize) -> Vec<f32> {
    let mut low = 0.0;
    let sample = |(n, noise): (usize, f32)| {
        low += (noise - low) * 800.0 / rate_hz as f32;
        let turn = TAU * (n as f32 * 50.0 / rate_hz as f32).fract();
        3.0 * low + 0.5 * (2.0 * turn).sin() + 0.25 * (3.0 * turn).sin()
    };
    white(count).into_iter().enumerate().map(sample).collect()
}

/// Eight people who speak at once.
fn babble(rate_hz: u32, count: usize) -> Result<Vec<f32>, WavError> {
    let mut all = vec![0.0; count];
    for one in 0..8 {
        let voice = speech(rate_hz, 7 + 5 * one, SECONDS + 8)?;
        all.iter_mut().zip(&voice[one * rate_hz as usize * 7 / 10..]).for_each(|(sum, said)| *sum += said);
    }
    Ok(all)
}

fn dbov(samples: &[f32]) -> f32 {
    let mean = samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32;
    10.0 * (mean / (32_768.0 * 32_768.0)).max(1e-12).log10()
}

fn compare(name: &str, rate_hz: u32, (voice, noise): (&[f32], &[f32]), make: &dyn Fn() -> Box<dyn Suppress>) {
    let factor = factor_of_db(NOISE_DBOV - dbov(noise));
    let sound: Vec<f32> = voice.iter().zip(noise).map(|(said, noise)| said + factor * noise).collect();
    let block = rate_hz as usize / 100;
    let (mut best_us, mut out, mut delay) = (f64::MAX, Vec::new(), 0);
    for _ in 0..3 {
        let mut suppressor = make();
        out.clone_from(&sound);
        delay = suppressor.delay_samples();
        let start = Instant::now();
        out.chunks_exact_mut(block).for_each(|block| suppressor.suppress(block));
        best_us = best_us.min(start.elapsed().as_secs_f64() * 1e6 / (sound.len() / block) as f64);
    }
    let out = &out[delay..];
    let frame = 2 * block;
    let (mut pauses, mut left) = (Vec::new(), Vec::new());
    let (mut said, mut wrong, mut was_wrong) = (Vec::new(), Vec::new(), Vec::new());
    let (mut square, mut product) = (0.0, 0.0);
    for at in (150 * frame..out.len() - frame).step_by(frame) {
        let (voice, sound, out) = (&voice[at..at + frame], &sound[at..at + frame], &out[at..at + frame]);
        if dbov(voice) < -75.0 {
            pauses.extend_from_slice(sound);
            left.extend_from_slice(out);
        } else if dbov(voice) > -35.0 {
            said.extend_from_slice(voice);
            wrong.extend(voice.iter().zip(out).map(|(one, other)| one - other));
            was_wrong.extend(voice.iter().zip(sound).map(|(one, other)| one - other));
            square += voice.iter().map(|sample| sample * sample).sum::<f32>();
            product += voice.iter().zip(out).map(|(one, other)| one * other).sum::<f32>();
        }
    }
    println!(
        "| {name} | {:.1} | {:.2} | {:.1} | {:.1} | {best_us:.0} | {:.1} |",
        dbov(&left) - dbov(&pauses),
        20.0 * (product / square).log10(),
        dbov(&said) - dbov(&was_wrong),
        dbov(&said) - dbov(&wrong),
        delay as f32 * 1_000.0 / rate_hz as f32,
    );
}

fn main() -> Result<(), WavError> {
    println!("| | pauses, dB | voice, dB | SNR in, dB | SNR out, dB | µs for 10 ms | late, ms |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for rate_hz in [8_000, 16_000, 48_000] {
        let voice = speech(rate_hz, 0, SECONDS)?;
        let noises = [
            ("hiss", white(voice.len())),
            ("fan and hum", fan(rate_hz, voice.len())),
            ("babble", babble(rate_hz, voice.len())?),
        ];
        for (kind, noise) in &noises {
            let sound = (&voice[..], &noise[..]);
            let khz = rate_hz / 1_000;
            compare(&format!("ours, {kind}, {khz} kHz"), rate_hz, sound, &|| {
                Box::new(NoiseSuppressor::new(rate_hz))
            });
            compare(&format!("nnnoiseless, {kind}, {khz} kHz"), rate_hz, sound, &|| {
                Box::new(Rnn::new(rate_hz))
            });
        }
    }
    let start = Instant::now();
    drop(std::hint::black_box(NoiseSuppressor::new(8_000)));
    println!(
        "\none of ours is made in {:.1} ms and holds {} octets",
        start.elapsed().as_secs_f64() * 1e3,
        size_of::<NoiseSuppressor>()
    );
    Ok(())
}
