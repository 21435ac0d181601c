//! The sound that all listeners of a mix share: encoded once per codec, whoever asks first.

use partyline_codec::{Codec, Encoder};

use crate::frame::{FRAME_SAMPLES, Frame, Payload};

/// A frame and its payloads.
#[derive(Debug, Clone)]
pub struct Shared {
    pub(crate) frame: Frame,
    pcmu: Encoded,
    pcma: Encoded,
}

#[derive(Debug, Clone)]
struct Encoded {
    encoder: Encoder,
    payload: Payload,
    is_fresh: bool,
}

impl Encoded {
    const fn new(codec: Codec) -> Self {
        Self { encoder: Encoder::new(codec), payload: [0; FRAME_SAMPLES], is_fresh: false }
    }
}

impl Shared {
    /// Silence, not encoded yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { frame: [0; FRAME_SAMPLES], pcmu: Encoded::new(Codec::Pcmu), pcma: Encoded::new(Codec::Pcma) }
    }

    /// Gives the frame to be written anew; payloads of the one before are void.
    pub const fn renew(&mut self) -> &mut Frame {
        self.pcmu.is_fresh = false;
        self.pcma.is_fresh = false;
        &mut self.frame
    }

    /// The payload for a codec.
    pub(crate) fn payload(&mut self, codec: Codec) -> &Payload {
        let encoded = match codec {
            Codec::Pcmu => &mut self.pcmu,
            Codec::Pcma => &mut self.pcma,
        };
        if !encoded.is_fresh {
            encoded.encoder.encode(&self.frame, &mut encoded.payload);
            encoded.is_fresh = true;
        }
        &encoded.payload
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self::new()
    }
}
