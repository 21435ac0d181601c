//! Commands: unary requests with an absolute target, never "toggle".

/// What a command wants to be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// The conference locked, or open. Done on the CMS without the mixer.
    SetLock {
        /// Whether it should be locked.
        locked: bool,
    },
    /// The conference ended for all.
    End,
}

impl Command {
    /// The word used in the store.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::SetLock { locked: true } => "lock",
            Self::SetLock { locked: false } => "unlock",
            Self::End => "end",
        }
    }
}

/// Why a command was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommandRefusal {
    /// Only a host may.
    NotAllowed,
    /// There is no live conference, or the commander is not in it.
    NoConference,
}

/// The answer to a command; a repeat of the command gets the first one.
pub type CommandAnswer = Result<(), CommandRefusal>;
