//! Who goes where, row by row, and what must never be.

#![expect(clippy::unwrap_used, reason = "a test that finds nothing there has failed")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for one kind of event among all")]

mod capacity;
mod commands;
mod deleting;
mod entry;
mod failover;
mod floor;
mod leaving;
mod lobby;
mod manner;
mod noise;
mod outdial;
mod presence;
mod races;
mod waiting_room;
mod world;
