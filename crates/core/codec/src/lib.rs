//! Audio codecs behind one encoder and decoder pair: G.711, G.722, Opus, and comfort noise beside them.
//!
//! It knows no packets, time or rooms. **Invariant:** decoding never fails: any bytes give samples. Nothing
//! allocates once an encoder or decoder is built.

mod codec;
mod comfort;
mod conceal;
mod decoder;
mod encoder;
mod g711;
mod g722;
mod level;
mod loudness;
mod opus;
mod opus_encoder;
mod opus_settings;

pub use codec::{Codec, FRAME_SAMPLES_8K};
pub use comfort::ComfortNoise;
pub use decoder::Decoder;
pub use encoder::Encoder;
pub use level::{SILENCE_DBOV, dbov_of_mean_square, level_dbov_of_samples};
pub use loudness::OpusLoudness;
pub use opus_settings::OpusSettings;
