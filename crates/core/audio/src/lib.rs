//! PCM: levels, tones, resampling, limiting, clips and programs.
//!
//! It knows no networks, codecs or callers. **Invariant:** samples are 16-bit linear, mono; every
//! function here is arithmetic on arrays and allocates only where a value is built.

pub mod agc;
pub mod clip;
pub mod dtmf;
pub mod hum_filter;
mod hum_removal;
pub mod level;
pub mod limiter;
pub mod line_noise;
pub mod mixing;
mod noise_suppression;
pub mod player;
pub mod resample;
mod resampler;
mod sinc;
pub mod speech_level;
mod stretch;
pub mod tone;
pub mod wav;

pub use agc::Agc;
pub use clip::{Clip, Program, Step};
pub use dtmf::KeyDetector;
pub use hum_filter::HumFilter;
pub use hum_removal::HumRemoval;
pub use limiter::Limiter;
pub use line_noise::{LineNoise, LineWatch};
pub use noise_suppression::NoiseSuppressor;
pub use player::{Player, Playing};
pub use resampler::Resampler;
pub use speech_level::SpeechLevel;
pub use stretch::{Care, LAG_MAX, TimeStretch};
pub use wav::WavError;
