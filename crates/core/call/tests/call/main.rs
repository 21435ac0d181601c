//! One caller's journey from outside: facts in, wishes out, in virtual time.
#![allow(clippy::unwrap_used, reason = "a test that can not go on may fail loudly")]
#![allow(clippy::wildcard_enum_match_arm, reason = "what a ladder has no words for is printed as it is")]

mod aside;
mod conference;
mod entry;
mod keys;
mod ladders;
mod maps;
mod menus;
mod names;
mod news;
mod prompts;
mod world;
