//! How far a call has come, as signalling tells it to whoever commands the caller.

use std::time::Instant;

use partyline_sip::endpoint::CallEnd;

/// How far a call has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// INVITE is sent.
    Calling,
    /// It rings.
    Ringing,
    /// It was answered.
    Answered {
        /// When the 200 came.
        at: Instant,
    },
    /// It is over.
    Ended(CallEnd),
}
