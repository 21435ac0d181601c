//! A mixer: control of the mixes of the media engine.
//!
//! It takes orders of the conference management system (ensure, end, set, play) and of VRUs (join, leave), checks
//! tickets and seats, and commands the engine. It knows no codes, rooms, SIP or SQL, and touches no audio.
//!
//! **Invariant:** every order is idempotent and carries a placement epoch; one of a lower epoch is refused, a late or
//! repeated one changes nothing. Nobody is let in without a valid ticket.

mod announcer;
mod announcing;
mod config;
mod lease;
mod mixes;
mod phrases;
mod server;
mod service;
mod sounds;

pub use config::Config;
pub use phrases::{Phrase, Phrases};
pub use server::{Mixer, StartError};
