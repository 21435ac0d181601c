//! Interface servers at work: entry, telling, failing over, commands.

mod entry;
mod failure;
mod requests;
mod scene;
