//! The engine over real loopback sockets, with telephones that talk in tones.
//!
//! Waits end by what happens, with generous ceilings; nothing here asserts how fast.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should end")]

mod codecs;
mod commands;
mod hearing;
mod io;
mod moving;
mod phone;
mod secret;
mod turmoil;
