//! An encoder for frames of the mix: resampling where the codec's rate is another, and what both remember.

use partyline_audio::Resampler;
use partyline_codec::{Codec, Encoder, OpusSettings};

use crate::frame::{FRAME_SAMPLES, RATE_HZ};

/// The most samples that an encoder takes in 20 ms: 48 kHz.
const CODED_SAMPLES_MAX: usize = 960;

/// One stream's way from frames to payloads.
#[derive(Debug)]
pub(crate) struct Coder {
    encoder: Encoder,
    resampler: Option<Resampler>,
    wishes: OpusSettings,
    /// Frames encoded.
    pub(crate) frames: u64,
}

impl Coder {
    pub(crate) fn new(codec: Codec, wishes: &OpusSettings) -> Self {
        let encoder = Encoder::at_rate(codec, RATE_HZ, wishes);
        let coded_hz = encoder.sample_rate_hz();
        let resampler = (coded_hz != RATE_HZ).then(|| Resampler::new(RATE_HZ, coded_hz, FRAME_SAMPLES));
        Self { encoder, resampler, wishes: *wishes, frames: 0 }
    }

    /// Another of the same kind, at the start of a stream.
    pub(crate) fn another(&self) -> Self {
        Self::new(self.codec(), &self.wishes)
    }

    pub(crate) const fn codec(&self) -> Codec {
        self.encoder.codec()
    }

    pub(crate) const fn wishes(&self) -> &OpusSettings {
        &self.wishes
    }

    /// Whether it makes the same payloads of the same frames, once it remembers the same.
    pub(crate) fn is_like(&self, codec: Codec, wishes: &OpusSettings) -> bool {
        self.codec() == codec && (codec != Codec::Opus || self.wishes == *wishes)
    }

    /// Goes on as another of the same kind would.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        if self.encoder.copy_from(&other.encoder)
            && let (Some(ours), Some(theirs)) = (&mut self.resampler, &other.resampler)
        {
            ours.copy_from(theirs);
        }
    }

    /// Goes on as a far decoder of ours does that is sent this payload of another's; whether they are alike then.
    pub(crate) fn track(&mut self, other: &Self, payload: &[u8]) -> bool {
        if let (Some(ours), Some(theirs)) = (&mut self.resampler, &other.resampler) {
            ours.copy_from(theirs);
        }
        self.encoder.track(&other.encoder, payload)
    }

    /// Begins a stream anew.
    pub(crate) fn restart(&mut self) {
        self.encoder.restart();
        self.resampler.iter_mut().for_each(Resampler::forget);
    }

    /// Encodes a frame; its octets, none where the codec made nothing of it.
    pub(crate) fn encode(&mut self, frame: &[i16], payload: &mut [u8]) -> usize {
        self.frames += 1;
        let room = self.codec().frame_octets_max().min(payload.len());
        let payload = &mut payload[..room];
        match &mut self.resampler {
            None => self.encoder.encode(frame, payload),
            Some(resampler) => {
                let mut coded = [0; CODED_SAMPLES_MAX];
                let count = resampler.process(frame, &mut coded);
                self.encoder.encode(&coded[..count], payload)
            }
        }
    }

    /// The same, so that it is understood without the frames before it, as far as the codec can.
    pub(crate) fn encode_alone(&mut self, frame: &[i16], payload: &mut [u8]) -> usize {
        self.encoder.set_independent(true);
        let octets = self.encode(frame, payload);
        self.encoder.set_independent(false);
        octets
    }
}
