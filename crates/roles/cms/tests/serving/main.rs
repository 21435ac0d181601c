//! Interface servers at work: entry, telling, failing over, commands.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod commands;
mod entry;
mod failure;
mod names;
mod requests;
mod scene;
