//! Conference codes: digits that select a room and a role.

use std::fmt;

use crate::ids::{AccountId, RoomId};
use crate::room::Announce;

/// The two roles; the code entered decides which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Runs the meeting.
    Host,
    /// Takes part.
    Participant,
}

impl Role {
    /// The word used in the store, the protocol and the console.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Participant => "participant",
        }
    }
}

/// Why digits are not a conference code or PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Too few or too many digits.
    #[error("has {digits} digits; {min} to {max} are allowed", min = ConferenceCode::DIGITS_MIN, max = ConferenceCode::DIGITS_MAX)]
    Length {
        /// How many there were.
        digits: usize,
    },
    /// Something other than 0-9.
    #[error("has characters that are not digits")]
    NotDigits,
}

fn checked(digits: &str) -> Result<Box<str>, CodeError> {
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(CodeError::NotDigits);
    }
    if !(ConferenceCode::DIGITS_MIN..=ConferenceCode::DIGITS_MAX).contains(&digits.len()) {
        return Err(CodeError::Length { digits: digits.len() });
    }
    Ok(Box::from(digits))
}

/// A conference code as it was keyed: 4 to 16 digits. A secret: it prints as its length.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ConferenceCode(Box<str>);

impl ConferenceCode {
    /// Fewer digits can be guessed by hand.
    pub const DIGITS_MIN: usize = 4;
    /// More digits can't be keyed without an error.
    pub const DIGITS_MAX: usize = 16;

    /// Takes the digits of a code.
    ///
    /// # Errors
    /// [`CodeError`] where there are too few, too many, or other characters.
    pub fn parse(digits: &str) -> Result<Self, CodeError> {
        checked(digits).map(Self)
    }

    /// The digits themselves: for hashing and for showing once, never for logs.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The last two digits, which the store keeps in the clear so that people recognise a code.
    #[must_use]
    pub fn last_two(&self) -> &str {
        &self.0[self.0.len() - 2..]
    }
}

impl fmt::Debug for ConferenceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConferenceCode({} digits)", self.0.len())
    }
}

/// The PIN that a room may ask its hosts for besides the code: 4 to 16 digits. A secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HostPin(Box<str>);

impl HostPin {
    /// Takes the digits of a PIN.
    ///
    /// # Errors
    /// [`CodeError`] where there are too few, too many, or other characters.
    pub fn parse(digits: &str) -> Result<Self, CodeError> {
        checked(digits).map(Self)
    }

    /// The digits themselves: for hashing, never for logs.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for HostPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostPin({} digits)", self.0.len())
    }
}

/// What a code selects, as a VRU and an interface server read it from the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeMatch {
    /// The room that the code belongs to.
    pub room: RoomId,
    /// The room's account.
    pub account: AccountId,
    /// The role that the code gives.
    pub role: Role,
    /// Whether the room asks this role for its PIN besides (only ever for hosts).
    pub pin_needed: bool,
    /// Whether a live conference exists and is locked to this role.
    pub is_locked: bool,
    /// How entries and exits are told: the live conference's way, else the room's.
    pub announce: Announce,
    /// Longest wait for the first RTP packet and for RTP to come back, from room settings.
    pub no_rtp_max: std::time::Duration,
    /// Longest wait for a host, from room settings.
    pub wait_max: std::time::Duration,
    /// Longest call, from room settings; `None` where there is no limit.
    pub call_max: Option<std::time::Duration>,
}
