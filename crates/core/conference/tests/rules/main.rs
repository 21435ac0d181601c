//! Who goes where, row by row, and what must never be.

mod capacity;
mod commands;
mod entry;
mod failover;
mod leaving;
mod lobby;
mod presence;
mod races;
mod world;
