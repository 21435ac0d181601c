//! One caller's journey, from the greeting to the goodbye.
//!
//! A brain is told [`Fact`]s and drained of [`Wish`]es; a shell finds out the facts and carries out the
//! wishes. There is one brain for each application that a dialled number can pick: [`Journey`] (greeting,
//! code, admission, conference) and [`LineTest`]. It knows no SIP messages, packets, rooms' rules, or how
//! a refusal came about.
//!
//! **Invariant:** every stage has a timer or a limit that ends it, every journey ends in exactly one of
//! `HangUp`, `Reject` or the fact that the call is over, and an attendance that was asked for is given up
//! by exactly one `Left`, unless it was refused or removed.

pub mod entry;
pub mod fact;
pub mod journey;
pub mod keypad;
pub mod keys;
pub mod language;
pub mod line_test;
mod numbers;
pub mod patience;
pub mod prompt;
pub mod script;
pub mod wish;

use std::time::Instant;

pub use fact::{CodeAnswer, Fact, PinAnswer, TestAction, TestStep};
pub use journey::{Arrival, Journey};
pub use keypad::{KeyCommand, KeyMap, KeyMaps, Menu, Preset};
pub use keys::{KeySource, Keys};
pub use language::Language;
pub use line_test::LineTest;
pub use patience::Patience;
pub use prompt::Prompt;
pub use script::{Cue, PlayNumber, Script};
pub use wish::{AskNumber, CallOut, CalleeTerms, Ending, Rejection, TakeNumber, VolumeSteps, Wish};

/// What every application's brain can be told and asked.
pub trait Brain: Send + std::fmt::Debug {
    /// Something is so.
    fn handle_fact(&mut self, now: Instant, fact: Fact);

    /// Time has passed.
    fn handle_timeout(&mut self, now: Instant);

    /// When `handle_timeout` is due; `None` when nothing waits.
    fn poll_timeout(&self) -> Option<Instant>;

    /// The next thing to do; `None` when there is nothing more. Drained after every input.
    fn poll_wish(&mut self) -> Option<Wish>;

    /// Whether the journey is at its end: nothing follows.
    fn is_over(&self) -> bool;
}

/// Where virtual time begins in the tests.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]
pub(crate) fn origin() -> Instant {
    Instant::now()
}
