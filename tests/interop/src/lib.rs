//! Real SIP peers: how their programs are started, fed and read.
//!
//! **Invariant:** a peer's process ends with the value that started it.

mod baresip;
mod sipp;

pub use baresip::Baresip;
pub use sipp::{Sipp, SippRun};
