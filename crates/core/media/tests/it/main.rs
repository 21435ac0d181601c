//! Legs and mixes in virtual time: packets in, packets out, nothing in between but arithmetic.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should end")]
#![expect(
    clippy::disallowed_methods,
    reason = "an `Instant` has no other beginning; from there on time is virtual"
)]

mod caller;
mod codecs;
mod jitter;
mod leg;
mod levels;
mod mix;
mod secret;
mod tones;
mod wide;
