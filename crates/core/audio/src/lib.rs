//! PCM: levels, tones, resampling, limiting, clips and programs.
//!
//! It knows no networks, codecs or callers. **Invariant:** samples are 16-bit linear, mono; every
//! function here is arithmetic on arrays and allocates only where a value is built.

pub mod clip;
pub mod dtmf;
pub mod level;
pub mod limiter;
pub mod mixing;
pub mod player;
pub mod resample;
mod resampler;
mod sinc;
mod stretch;
pub mod tone;
pub mod wav;

pub use clip::{Clip, Program, Step};
pub use dtmf::KeyDetector;
pub use limiter::Limiter;
pub use player::{Player, Playing};
pub use resampler::Resampler;
pub use stretch::{Care, LAG_MAX, TimeStretch};
pub use wav::WavError;
