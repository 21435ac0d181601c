//! What the fuzzer does with bytes: one plain function for each target, which panics where something is wrong.
//!
//! `fuzz/` calls these with inputs that a fuzzer finds; the tests here replay the committed corpus on any compiler.
//! **Invariant:** a target is a function of its bytes alone, so that an input fails everywhere or nowhere.

#![allow(clippy::missing_panics_doc, reason = "to panic is how a target says that something is wrong")]

mod bytes;
mod endpoint;
mod forge;
mod keepers;
mod media;
mod protected;
mod text;

pub use endpoint::{Lived, endpoint, live};
pub use keepers::{digest, stun};
pub use media::{rtcp, rtp, telephone_event};
pub use protected::srtp;
pub use text::{message, sdp};

/// A target: what it is called, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, by the names of their corpora.
pub const TARGETS: &[Target] = &[
    ("message", message),
    ("sdp", sdp),
    ("rtp", rtp),
    ("rtcp", rtcp),
    ("telephone_event", telephone_event),
    ("srtp", srtp),
    ("stun", stun),
    ("digest", digest),
    ("endpoint", endpoint),
];
