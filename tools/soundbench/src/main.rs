//! `soundbench`: speech through the media engine over many ways; what was said and heard goes into files for a judge of sound.

use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use clap::Parser;
use partyline_codec::Codec;
use partyline_media::{FRAME, RATE_HZ};
use serde::Serialize;
use soundbench::delay::lags;
use soundbench::drift::{self, Drift, Followed, Sound, Told};
use soundbench::path::{Path, STALL_AT};
use soundbench::{speech, trial};

/// What is said in each trial.
const SECONDS: usize = 24;
/// How long after a tick of the mix the talker sends: three of all the times that it could be, in milliseconds.
const PHASES_MS: [u64; 3] = [3, 10, 17];

/// Says something through the media engine by ways that lose, delay and drift, and writes down what is heard.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    /// The folder of prompts (WAV) that are said
    #[arg(long, default_value = "prompts/audio/en", value_name = "FOLDER")]
    prompts: PathBuf,
    /// How long a clock that is off is followed
    #[arg(long, default_value_t = 4.0, value_name = "HOURS")]
    drift_hours: f64,
    /// The folder for `said.wav`, what was heard in each trial, `trials.json` and `drifts.json`
    #[arg(long, value_name = "FOLDER")]
    into: PathBuf,
}

/// One trial, as it is written down.
#[derive(Debug, Serialize)]
struct Trial {
    codec: &'static str,
    #[serde(flatten)]
    path: Path,
    seed: u64,
    file: String,
    delay_p50_ms: f64,
    delay_max_ms: f64,
    depth_end_ms: f64,
    concealed: f32,
    /// What the jitter buffer added a tick before a stall, and 0, 1, 2, 3 and 4 s after it.
    depths_ms: Vec<f64>,
}

/// Some hours of a clock that is off.
#[derive(Debug, Serialize)]
struct Hours {
    #[serde(flatten)]
    drift: Drift,
    #[serde(flatten)]
    followed: Followed,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let said = speech::of_prompts(&arguments.prompts, SECONDS)?;
    std::fs::create_dir_all(&arguments.into)?;
    let clip = partyline_audio::Clip::new(speech::RATE_HZ, said.as_slice());
    let reference = partyline_audio::resample::resample(&clip, RATE_HZ).samples().to_vec();
    write(&arguments.into.join("said.wav"), &reference)?;
    let mut trials = Vec::new();
    for codec in [Codec::Pcmu, Codec::G722, Codec::Opus] {
        for (number, path) in paths().into_iter().enumerate() {
            for (seed, phase_ms) in PHASES_MS.into_iter().enumerate() {
                let name = format!("{}-{number}-{seed}.wav", codec.name().to_lowercase());
                let seed = (number * PHASES_MS.len() + seed) as u64;
                let heard = trial::run(&said, codec, path, Duration::from_millis(phase_ms), seed);
                write(&arguments.into.join(&name), &heard.samples)?;
                let late = lags(&reference, &heard.samples);
                let mut late: Vec<f64> = late
                    .into_iter()
                    .map(|lag| lag as f64 * 1_000.0 / f64::from(RATE_HZ) - phase_ms as f64)
                    .collect();
                late.sort_by(f64::total_cmp);
                trials.push(Trial {
                    codec: codec.name(),
                    path,
                    seed,
                    file: name,
                    delay_p50_ms: late.get(late.len() / 2).copied().unwrap_or(f64::NAN),
                    delay_max_ms: late.last().copied().unwrap_or(f64::NAN),
                    depth_end_ms: heard.depth.as_secs_f64() * 1_000.0,
                    concealed: heard.concealed,
                    depths_ms: depths_ms(path, &heard.depths),
                });
            }
        }
    }
    std::fs::write(arguments.into.join("trials.json"), serde_json::to_vec_pretty(&trials)?)?;
    let drifts = drifts(arguments.drift_hours);
    std::fs::write(arguments.into.join("drifts.json"), serde_json::to_vec_pretty(&drifts)?)?;
    Ok(())
}

fn depths_ms(path: Path, depths: &[Duration]) -> Vec<f64> {
    if path.stall_ms == 0 {
        return Vec::new();
    }
    let over = STALL_AT + Duration::from_millis(u64::from(path.stall_ms));
    let tick = |time: Duration| (time.as_millis() / FRAME.as_millis()) as usize;
    let after = (0..=4).map(|second| tick(over + Duration::from_secs(second)) + 1);
    let at = std::iter::once(tick(STALL_AT) - 1).chain(after);
    at.filter_map(|tick| Some(depths.get(tick)?.as_secs_f64() * 1_000.0)).collect()
}

fn drifts(hours: f64) -> Vec<Hours> {
    let mut all = Vec::new();
    for told in [Told::AtOnce, Told::AtTicks] {
        for sound in [Sound::Tone, Sound::Voice] {
            for drift_ppm in [-200, 0, 200] {
                let drift = Drift { sound, told, drift_ppm, hours };
                all.push(Hours { drift, followed: drift::run(drift) });
            }
        }
    }
    all
}

/// The ways that are tried.
fn paths() -> Vec<Path> {
    let mut paths = Vec::new();
    for jitter_ms in [0, 40, 120] {
        for loss_percent in [0.0, 1.0, 3.0, 5.0, 10.0] {
            paths.push(Path { loss_percent, jitter_ms, ..Path::CLEAN });
        }
    }
    paths.extend([3.0, 10.0].map(|loss_percent| Path {
        loss_percent,
        burst: 3.0,
        jitter_ms: 40,
        ..Path::CLEAN
    }));
    paths.extend([200, -200].map(|drift_ppm| Path { drift_ppm, ..Path::CLEAN }));
    paths.push(Path { stall_ms: 500, ..Path::CLEAN });
    paths
}

fn write(file: &FilePath, samples: &[i16]) -> anyhow::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(file, spec)?;
    for &sample in samples {
        writer.write_sample(sample)?;
    }
    Ok(writer.finalize()?)
}
