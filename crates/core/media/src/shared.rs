//! The sound that all listeners of a mix at one rate share: encoded once per codec, whoever asks first.
//!
//! G.711 has no memory, so that a payload is anybody's; of the other codecs listeners follow a [`Stream`].
//! **Invariant:** there are at most [`STREAMS_MAX`] streams; who finds none that is like theirs encodes for themselves.

use partyline_codec::{Codec, Encoder};

use crate::coder::Coder;
use crate::frame::{FRAME_SAMPLES, Payload, Rate};
use crate::stream::{Joining, Place, Stream};

/// Most kinds of listeners to one mix that share: G.722, and Opus by what its listeners wish. Each keeps two encoders.
pub(crate) const STREAMS_MAX: usize = 4;

/// A frame and its payloads.
#[derive(Debug)]
pub struct Shared {
    pub(crate) frame: Box<[i16]>,
    pcmu: Encoded,
    pcma: Encoded,
    streams: Vec<Stream>,
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
    /// Silence at [`RATE_HZ`](crate::RATE_HZ), not encoded yet.
    #[must_use]
    pub fn new() -> Self {
        Self::at(Rate::Narrow)
    }

    /// Silence at a rate, not encoded yet.
    pub(crate) fn at(rate: Rate) -> Self {
        Self {
            frame: vec![0; rate.samples()].into_boxed_slice(),
            pcmu: Encoded::new(Codec::Pcmu),
            pcma: Encoded::new(Codec::Pcma),
            streams: Vec::new(),
        }
    }

    /// Gives the frame to be written anew; payloads of the one before are void.
    pub fn renew(&mut self) -> &mut [i16] {
        self.pcmu.is_fresh = false;
        self.pcma.is_fresh = false;
        self.streams.iter_mut().for_each(Stream::renew);
        &mut self.frame
    }

    /// The payload for a codec without a memory; `None` for others.
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

    /// The payload for somebody who was sent the one before; `None` where they have lost their place.
    pub(crate) fn follow(&mut self, place: &mut Place) -> Option<&[u8]> {
        let stream = self.streams.iter_mut().find(|stream| stream.is_at(*place))?;
        stream.follow(place, &self.frame)
    }

    /// Lets in somebody who was sent this sound by a coder of their own, if that is not heard now.
    pub(crate) fn join(&mut self, own: &mut Coder) -> Joining<'_> {
        let index = match self.streams.iter().position(|stream| stream.is_for(own)) {
            Some(index) => index,
            None if self.streams.len() < STREAMS_MAX => {
                self.streams.push(Stream::new(own));
                self.streams.len() - 1
            }
            None => return Joining::Not,
        };
        self.streams[index].join(own, &self.frame)
    }

    /// Gives somebody who was in what they need to go on alone; false where they had lost their place.
    pub(crate) fn leave(&self, place: Place, own: &mut Coder) -> bool {
        self.streams.iter().any(|stream| stream.leave(place, own))
    }

    /// Frames that were encoded for listeners by codecs with a memory.
    #[cfg(test)]
    pub(crate) fn frames_encoded(&self) -> u64 {
        self.streams.iter().map(Stream::frames).sum()
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self::new()
    }
}
