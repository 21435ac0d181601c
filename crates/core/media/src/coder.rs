//! An encoder for what one telephone hears, or all of one kind, and how often it was run.

use partyline_codec::{Codec, Encoder, OpusSettings};

use crate::frame::Rate;

/// One stream's way from frames to payloads.
#[derive(Debug)]
pub(crate) struct Coder {
    encoder: Encoder,
    wishes: OpusSettings,
    /// Frames encoded.
    pub(crate) frames: u64,
}

impl Coder {
    pub(crate) fn new(codec: Codec, wishes: &OpusSettings) -> Self {
        let encoder = Encoder::at_rate(codec, Rate::of(codec, wishes).hz(), wishes);
        Self { encoder, wishes: *wishes, frames: 0 }
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
        self.encoder.copy_from(&other.encoder);
    }

    /// Goes on as a far decoder of ours does that is sent this payload of another's; whether they are alike then.
    pub(crate) fn track(&mut self, other: &Self, payload: &[u8]) -> bool {
        self.encoder.track(&other.encoder, payload)
    }

    /// Begins a stream anew.
    pub(crate) fn restart(&mut self) {
        self.encoder.restart();
    }

    /// The rate of the frames that it takes.
    pub(crate) const fn rate(&self) -> Rate {
        Rate::of(self.codec(), &self.wishes)
    }

    /// Encodes a frame at its rate; its octets, none where the codec made nothing of it.
    pub(crate) fn encode(&mut self, frame: &[i16], payload: &mut [u8]) -> usize {
        self.frames += 1;
        let room = self.codec().frame_octets_max().min(payload.len());
        self.encoder.encode(frame, &mut payload[..room])
    }

    /// The same, so that it is understood without the frames before it, as far as the codec can.
    pub(crate) fn encode_alone(&mut self, frame: &[i16], payload: &mut [u8]) -> usize {
        self.encoder.set_independent(true);
        let octets = self.encode(frame, payload);
        self.encoder.set_independent(false);
        octets
    }
}
