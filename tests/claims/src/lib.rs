//! What the end-to-end tests share: the real binary, started in a folder and on an address of its own.
//!
//! **Invariant:** what a test starts ends with it: dropping a [`Server`] kills its process and removes its folder.

mod address;
mod server;
mod rows;

pub use address::loopback_of_my_own;
pub use rows::{ConfereeRow, ConferenceRow};
pub use server::{RoomCodes, Server, ServerPlan};
