//! Torture: the messages of RFC 4475 and RFC 5118 through a whole endpoint, and what can be made of them by mangling.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "../harness/mod.rs"]
mod harness;
mod mangled;
mod rfc4475;
mod rfc5118;
mod rig;
