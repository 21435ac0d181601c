//! The engine over real loopback sockets, with telephones that talk in tones.
//!
//! Waits end by what happens, with generous ceilings; nothing here asserts how fast.

mod commands;
mod hearing;
mod phone;
