//! An interface server of the line test service.
//!
//! A caller hears their own number, a tone, their own voice, and what their line lost and delayed. The server sends the
//! steps; the VRU carries them out. It knows no conferences, SIP or audio.
//!
//! **Invariant:** a step is sent only after the VRU has said that the one before is done; every test ends in bounded time.

mod config;
mod script;
mod server;
mod service;

pub use config::Config;
pub use server::{LineTestServer, StartError};
