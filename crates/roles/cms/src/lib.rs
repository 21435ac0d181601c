//! An interface server of the conference management system.
//!
//! It takes the requests of VRUs (and of the console), asks the rules about one snapshot of the store, commits, and
//! carries the outcome to mixers and VRUs. It knows no SIP, RTP or HTTP, and decides nothing itself.
//!
//! **Invariant:** it keeps no state that matters: whatever it says is read from the store after a commit, so any
//! interface server can say it, again, after any break.

mod admission;
mod announcing;
mod asking;
mod attend;
mod batch;
mod clock;
mod config;
mod effects;
mod health;
mod mixers;
mod office;
mod orders;
mod periodic;
mod rooms;
mod server;
mod services;
mod streams;
mod telling;
mod voices;
mod watches;

pub use config::Config;
pub use server::{InterfaceServer, StartError};
