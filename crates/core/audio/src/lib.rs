//! PCM: levels, tones, resampling, limiting, clips and programs.
//!
//! It knows no networks, codecs or callers. **Invariant:** samples are 16-bit linear, mono; every
//! function here is arithmetic on arrays and allocates only where a value is built.

pub mod clip;

pub use clip::{Clip, Program, Step};
