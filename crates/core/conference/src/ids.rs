//! Identifiers: two things that may not be swapped are two types.
//!
//! Unique identifiers are 128 random bits, minted outside and handed in; they read as 26 lower-case
//! characters of Crockford's base 32. Names (of mixers, classes, servers) are chosen by operators.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ID_CHARS: usize = 26;

/// Why a text is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an identifier is 26 characters of 0-9 and a-z without i, l, o, u")]
pub struct IdError;

fn encode(bits: u128) -> [u8; ID_CHARS] {
    let mut text = [b'0'; ID_CHARS];
    for (place, slot) in text.iter_mut().rev().enumerate() {
        *slot = ALPHABET[((bits >> (5 * place)) & 31) as usize];
    }
    text
}

fn decode(text: &str) -> Result<u128, IdError> {
    let bytes = text.as_bytes();
    // 26 characters hold 130 bits: the first may only carry three.
    if bytes.len() != ID_CHARS || bytes[0] > b'7' {
        return Err(IdError);
    }
    bytes.iter().try_fold(0u128, |bits, byte| {
        let digit = ALPHABET.iter().position(|known| known == byte).ok_or(IdError)?;
        Ok(bits << 5 | digit as u128)
    })
}

macro_rules! unique_ids {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// Makes the identifier of 128 random bits that the caller drew.
            #[must_use]
            pub const fn from_bits(bits: u128) -> Self {
                Self(bits)
            }

            /// Gives back the 128 bits.
            #[must_use]
            pub const fn bits(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                encode(self.0).iter().try_for_each(|byte| fmt::Write::write_char(f, char::from(*byte)))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                decode(text).map(Self)
            }
        }
    )+};
}

unique_ids! {
    /// An account: the owner of rooms.
    AccountId
    /// A room: what an account owns and callers dial into.
    RoomId
    /// An attendance: a caller's claim on a room from the code to the goodbye. Minted by the VRU per call.
    AttendanceId
    /// A conference: one meeting in a room, from the first entry to the last exit. The claims' "unique identifier".
    ConferenceId
    /// A conferee: a caller inside a conference. The parameter fixed at entry that later messages name.
    ConfereeId
    /// A mix: a conference, a lobby or a side conversation, as a mixer knows it.
    MixId
    /// A command, unique for ever: a repeat returns the first answer.
    CommandId
    /// A refused try that a VRU reports; deduplicated by it.
    AttemptId
}

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name is 1 to 64 characters of a-z, 0-9, '.', '_' and '-'")]
pub struct NameError;

fn checked(text: &str) -> Result<Arc<str>, NameError> {
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
    if fits { Ok(Arc::from(text)) } else { Err(NameError) }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a name that was chosen by an operator.
            ///
            /// # Errors
            /// [`NameError`] where the text is empty, too long or has other characters than a-z, 0-9, `.`, `_`, `-`.
            pub fn new(text: &str) -> Result<Self, NameError> {
                checked(text).map(Self)
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }
    )+};
}

names! {
    /// A mixer's identifier, as an operator named it.
    MixerId
    /// A mixer class: a label that says what a mixer is for (`standard`, `large`, `recorded`, a region).
    MixerClass
    /// A VRU's identifier.
    VruId
    /// An interface server's identifier.
    InterfaceServerId
    /// A trunk's name: the peer or provider that calls come in from and go out through.
    TrunkName
    /// A service that interface servers belong to (`conferencing`, `linetest`).
    ServiceName
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident($inner:ty))+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl $name {
            /// The one that follows.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

counters! {
    /// Counts the (re)attends of one attendance; an older generation's stream may end nothing.
    Generation(u64)
    /// Counts the placements of one mix; a lower epoch is refused everywhere.
    Epoch(u64)
    /// The version of a room: every decision commits against it.
    RoomVersion(u64)
    /// The order of entry within a conference: 1, 2, 3, …, never reused within it.
    Order(u32)
    /// The place of an event in its room's sequence.
    EventSequence(u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_identifier_survives_being_written_and_read(bits: u128) {
            let id = ConferenceId::from_bits(bits);
            prop_assert_eq!(id.to_string().parse::<ConferenceId>(), Ok(id));
        }

        #[test]
        fn foreign_text_is_refused_without_a_panic(text in ".{0,40}") {
            let _ = text.parse::<RoomId>();
        }
    }

    #[test]
    fn an_identifier_of_131_bits_is_refused() {
        assert_eq!("8zzzzzzzzzzzzzzzzzzzzzzzzz".parse::<RoomId>(), Err(IdError));
    }

    #[test]
    fn a_name_is_short_and_plain() {
        assert!(MixerId::new("mixer-1").is_ok());
        for wrong in ["", "Mixer", "a b", "ä", &"x".repeat(65)] {
            assert_eq!(MixerId::new(wrong), Err(NameError), "{wrong:?}");
        }
    }
}
