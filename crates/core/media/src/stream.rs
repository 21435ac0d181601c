//! One stream that many listeners are sent: the encoder of a codec with a memory, run once a tick for all of them.
//!
//! Whoever is sent it has a far decoder that remembers the same, and a [`Place`] in it that says so. They leave by
//! taking along what the encoder remembered after the frame that they were sent last, so that their own goes on from
//! there: nobody hears that. Their decoder remembers something else when they come in. In Opus that is after some frames
//! of the same sound, with a frame that needs none before it. In G.722 decoders never become alike by themselves, but by
//! being sent the same; so listeners are sent the shared payload in silence, where it does not matter what becomes of
//! it, and are in once their decoder has become like the others. Until then their own encoder keeps track of it.
//! **Invariant:** a place is good for the very next frame and for no other.

use std::sync::atomic::{AtomicU64, Ordering};

use partyline_audio::level::level_dbov;
use partyline_codec::Codec;

use crate::coder::Coder;
use crate::frame::PAYLOAD_OCTETS;

/// For so long a listener has been sent the same sound by an encoder of their own, before they come in: both encoders
/// then remember nearly the same. Half a second; longer changes little.
pub(crate) const ALIKE_FRAMES: u32 = 25;
/// Ticks from one frame that lets listeners in to the next: more often costs those who are in a little sound.
const DOOR_TICKS: u32 = 50;
/// What is no louder is silence, in which listeners of G.722 come in.
const QUIET_DBOV: f32 = -45.0;

/// Names streams.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// How far in which stream somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    stream: u64,
    frames: u64,
}

/// How somebody comes in, and the payload that they are sent in this tick.
#[derive(Debug)]
pub(crate) enum Joining<'a> {
    /// Their own encoder makes the payload.
    Not,
    /// They are sent what all are sent, and may go back to their own.
    OnTrial(&'a [u8]),
    /// They are in.
    In(Place, &'a [u8]),
}

/// One encoder for many.
#[derive(Debug)]
pub(crate) struct Stream {
    name: u64,
    /// After the last frame that was encoded, and before it.
    now: Coder,
    before: Coder,
    frames: u64,
    payload: [u8; PAYLOAD_OCTETS],
    octets: usize,
    /// This tick's frame is encoded.
    is_fresh: bool,
    /// The last tick's was: somebody is in.
    is_followed: bool,
    /// This tick's frame lets listeners in.
    is_open: bool,
    is_awaited: bool,
    ticks_closed: u32,
}

impl Stream {
    /// A stream for coders of this kind. It allocates: once for a kind that listens to a mix.
    pub(crate) fn new(like: &Coder) -> Self {
        Self {
            name: NEXT.fetch_add(1, Ordering::Relaxed),
            now: like.another(),
            before: like.another(),
            frames: 0,
            payload: [0; PAYLOAD_OCTETS],
            octets: 0,
            is_fresh: false,
            is_followed: false,
            is_open: false,
            is_awaited: false,
            ticks_closed: DOOR_TICKS,
        }
    }

    pub(crate) fn is_for(&self, coder: &Coder) -> bool {
        self.now.is_like(coder.codec(), coder.wishes())
    }

    pub(crate) const fn is_at(&self, place: Place) -> bool {
        self.name == place.stream
    }

    /// Frames that were encoded.
    #[cfg(test)]
    pub(crate) const fn frames(&self) -> u64 {
        self.now.frames
    }

    /// A tick has come: what was encoded is of the one before.
    pub(crate) fn renew(&mut self) {
        self.is_followed = std::mem::replace(&mut self.is_fresh, false);
        self.ticks_closed = self.ticks_closed.saturating_add(1);
        self.is_open = self.is_awaited && self.ticks_closed >= DOOR_TICKS;
        if self.is_open {
            (self.is_awaited, self.ticks_closed) = (false, 0);
        }
    }

    /// The payload of this tick for somebody who was sent the last one; `None` where they were not.
    pub(crate) fn follow(&mut self, place: &mut Place, frame: &[i16]) -> Option<&[u8]> {
        let is_next = place.frames + 1 == self.frames + u64::from(!self.is_fresh);
        if !self.is_at(*place) || !is_next {
            return None;
        }
        self.encode(frame);
        place.frames = self.frames;
        Some(&self.payload[..self.octets])
    }

    /// Lets in somebody who was sent this sound by a coder of their own, if that is not heard now.
    pub(crate) fn join(&mut self, own: &mut Coder, frame: &[i16]) -> Joining<'_> {
        if !self.is_fresh && !self.is_followed {
            // Nobody is in: the stream goes on as theirs.
            self.now.copy_from(own);
            self.frames += 1;
        } else if own.codec() == Codec::Opus {
            if !self.is_open {
                self.is_awaited = true;
                return Joining::Not;
            }
        } else if level_dbov(frame) > QUIET_DBOV {
            return Joining::Not;
        } else {
            self.encode(frame);
            if !own.track(&self.now, &self.payload[..self.octets]) {
                return Joining::OnTrial(&self.payload[..self.octets]);
            }
        }
        self.encode(frame);
        Joining::In(Place { stream: self.name, frames: self.frames }, &self.payload[..self.octets])
    }

    /// Gives somebody who was in what they need to go on alone; false where they had lost their place.
    pub(crate) fn leave(&self, place: Place, own: &mut Coder) -> bool {
        let is_before_this = self.is_fresh && place.frames + 1 == self.frames;
        if !self.is_at(place) || !(is_before_this || place.frames == self.frames) {
            return false;
        }
        own.copy_from(if is_before_this { &self.before } else { &self.now });
        true
    }

    fn encode(&mut self, frame: &[i16]) {
        if std::mem::replace(&mut self.is_fresh, true) {
            return;
        }
        self.before.copy_from(&self.now);
        self.octets = if self.is_open {
            self.now.encode_alone(frame, &mut self.payload)
        } else {
            self.now.encode(frame, &mut self.payload)
        };
        self.frames += 1;
    }
}
