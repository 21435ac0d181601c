//! What can go wrong with a call, in words that a failing test prints.

use std::time::Duration;

use partyline_sip::endpoint::CallEnd;

/// A bench could not start, or a call could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// No socket or thread.
    #[error("no socket or thread: {0}")]
    System(#[from] std::io::Error),
    /// The target is no `sip:user@host[:port]`, or its host is not known.
    #[error("{target} is not a sip: address that can be reached from here")]
    Target {
        /// What was asked for.
        target: String,
    },
    /// The bench has stopped, or more calls were asked for at once than it takes.
    #[error("the bench does not answer")]
    Unresponsive,
}

/// What was waited for did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WaitError {
    /// The call ended first.
    #[error("{caller} waited for {what}, but the call ended: {end:?}")]
    Ended {
        /// The caller's name.
        caller: String,
        /// What was waited for.
        what: String,
        /// How it ended.
        end: CallEnd,
    },
    /// It took too long.
    #[error("{caller} waited {waited:?} for {what}, but: {instead}")]
    TimedOut {
        /// The caller's name.
        caller: String,
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
        /// What was the case instead.
        instead: String,
    },
    /// The bench has stopped.
    #[error("the bench has stopped")]
    Stopped,
}
