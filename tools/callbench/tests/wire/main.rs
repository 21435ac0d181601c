//! Callers and loads over the wire, against a small peer whose faults are made on purpose.

#![expect(clippy::unwrap_used, reason = "a test that fails here should")]

mod broken;
mod callers;
mod load;
mod peer;
