//! What the end-to-end tests share: the real binary, started in a folder and on an address of its own, and
//! telephones around it.
//!
//! **Invariant:** what a test starts ends with it: dropping a [`Server`] kills its process and removes its folder.

mod address;
mod aside;
mod meeting;
mod party;
mod rows;
mod server;

pub use address::loopback_of_my_own;
pub use meeting::Meeting;
pub use party::{HEARD_DBOV, Party, Phone, SILENT_DBOV, all_hear_each_other, still_talking};
pub use rows::{ConfereeRow, ConferenceRow};
pub use server::{RoomCodes, Server, ServerPlan};
