//! The sound that all listeners of a mix share: encoded once per codec, whoever asks first.
//!
//! That holds for codecs without a memory: of the others each listener has had a stream of their own, which only
//! their own encoder can carry on.

use partyline_codec::{Codec, Encoder};

use crate::frame::{FRAME_SAMPLES, Frame, Payload};

/// A frame and its payloads.
#[derive(Debug)]
pub struct Shared {
    pub(crate) frame: Frame,
    pcmu: Encoded,
    pcma: Encoded,
}

#[derive(Debug)]
struct Encoded {
    encoder: Encoder,
    payload: Payload,
    is_fresh: bool,
}

impl Encoded {
    fn new(codec: Codec) -> Self {
        Self { encoder: Encoder::new(codec), payload: [0; FRAME_SAMPLES], is_fresh: false }
    }
}

impl Shared {
    /// Silence, not encoded yet.
    #[must_use]
    pub fn new() -> Self {
        Self { frame: [0; FRAME_SAMPLES], pcmu: Encoded::new(Codec::Pcmu), pcma: Encoded::new(Codec::Pcma) }
    }

    /// Gives the frame to be written anew; payloads of the one before are void.
    pub const fn renew(&mut self) -> &mut Frame {
        self.pcmu.is_fresh = false;
        self.pcma.is_fresh = false;
        &mut self.frame
    }

    /// The payload for a codec; `None` where each listener needs one of their own.
    pub(crate) fn payload(&mut self, codec: Codec) -> Option<&Payload> {
        let encoded = match codec {
            Codec::Pcmu => &mut self.pcmu,
            Codec::Pcma => &mut self.pcma,
            Codec::G722 | Codec::Opus => return None,
        };
        if !encoded.is_fresh {
            encoded.encoder.encode(&self.frame, &mut encoded.payload);
            encoded.is_fresh = true;
        }
        Some(&encoded.payload)
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self::new()
    }
}
