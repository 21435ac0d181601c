//! How speech sounds through the media engine: one talker and one listener in a mix, in virtual time, over ways that lose, delay
//! and drift.
//!
//! **Invariant:** the same trial gives the same samples on every machine, however busy.

pub mod delay;
pub mod drift;
pub mod path;
pub mod speech;
pub mod trial;
