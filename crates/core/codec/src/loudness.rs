//! About how loud Opus packets are, told by their first octets without decoding them.
//!
//! SILK says whether a frame has a voice, and codes its gains before its sound; CELT codes the energy of each band first
//! [RFC 6716 §4.2.3, §4.2.7.4, §4.3.2.1]. It does not know how much louder a sound is than its gain: nearly a tone is, noise is
//! not; who decodes a frame now and then knows. **Invariant:** any octets are read without a panic, and nothing allocates.

mod celt;
mod packet;
mod range;
mod silk;

use packet::{Mode, Packet};
use range::RangeReader;

use crate::level::SILENCE_DBOV;

/// Reads how loud the Opus packets of one stream are, each once and in their order: CELT codes what has changed since the
/// packet before.
#[derive(Debug, Clone, Default)]
pub struct OpusLoudness {
    bands: celt::Bands,
}

impl OpusLoudness {
    /// At the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        // They are made before anybody waits for them.
        celt::prepare();
        Self::default()
    }

    /// About how loud the next packet is, in dBov and not under [`SILENCE_DBOV`]: within 12 dB for what is like noise, and up to
    /// 45 dB too soft for tones in SILK. `None` where its first octets don't tell, or say that there is a voice: it has to be
    /// decoded.
    pub fn read(&mut self, packet: &[u8]) -> Option<f32> {
        let packet = Packet::parse(packet)?;
        let mut loudest = SILENCE_DBOV;
        for frame in packet.frames() {
            // A frame without content is a pause [RFC 6716 §3.1].
            if frame.len() <= 1 {
                continue;
            }
            let mut reader = RangeReader::new(frame);
            let level_dbov = match packet.mode {
                Mode::Silk => {
                    self.bands.forget();
                    silk::level_dbov(&mut reader, &packet)
                }
                Mode::Celt => self.bands.read(&mut reader, &packet),
            };
            loudest = loudest.max(level_dbov?);
        }
        Some(loudest)
    }
}
