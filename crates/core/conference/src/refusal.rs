//! Refusals: each with its own reason and prompt. A refusal is not an error of ours.

/// Why a caller is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No room has this code (any more).
    UnknownCode,
    /// The room's host PIN was not given or is wrong.
    WrongPin,
    /// The conference is locked to this role.
    Locked,
    /// The room is full.
    Full,
    /// The account's limit is reached.
    AccountLimit,
    /// No mixer of the room's class has room.
    NoMixer,
    /// Too many wrong codes from there.
    LockedOut,
    /// The store or the CMS can't be reached; try again.
    Unavailable,
    /// A host deleted them from this conference, and the room keeps them out of it.
    Deleted,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 9] = [
        Self::UnknownCode,
        Self::WrongPin,
        Self::Locked,
        Self::Full,
        Self::AccountLimit,
        Self::NoMixer,
        Self::LockedOut,
        Self::Unavailable,
        Self::Deleted,
    ];

    /// The word used in the store, the protocol and the console.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownCode => "unknown_code",
            Self::WrongPin => "wrong_pin",
            Self::Locked => "locked",
            Self::Full => "full",
            Self::AccountLimit => "account_limit",
            Self::NoMixer => "no_mixer",
            Self::LockedOut => "locked_out",
            Self::Unavailable => "unavailable",
            Self::Deleted => "deleted",
        }
    }

    /// Reads the word back; `None` for a word that is none of ours.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.as_str() == word)
    }
}
