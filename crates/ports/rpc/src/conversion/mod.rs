//! From generated types to core types and back: parsed once at the door, refused with the field's name.
//!
//! Every message has a core twin here. `TryFrom` reads a message that came in, `From` writes one that goes out.
//! **Invariant:** what has been read fits the bounds below; what is written is cut to them.

mod commands;
pub mod conferencing;
pub mod leases;
pub mod mixing;
mod names;

use std::str::FromStr;

use tonic::Status;

/// Longest caller's number, in bytes: a SIP user part may be longer than any telephone number.
pub const NUMBER_BYTES_MAX: usize = 64;
/// Longest display name.
pub const DISPLAY_BYTES_MAX: usize = 128;
/// Longest SIP Call-ID.
pub const CALL_BYTES_MAX: usize = 256;
/// Longest source address.
pub const SOURCE_BYTES_MAX: usize = 64;
/// Longest name of an instance.
pub const INSTANCE_BYTES_MAX: usize = 64;
/// Longest ticket.
pub const TICKET_BYTES_MAX: usize = 512;
/// Most refused tries in one report.
pub const ATTEMPTS_MAX: usize = 1024;

/// Why a message does not read as what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A field that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field has a value that it can't have.
    #[error("{0} does not read as what it should be")]
    Malformed(&'static str),
    /// A field is longer than it may be.
    #[error("{field} is longer than {bytes_max} bytes")]
    TooLong {
        /// The field.
        field: &'static str,
        /// The bound.
        bytes_max: usize,
    },
}

impl From<ParseError> for Status {
    fn from(error: ParseError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

/// Reads an identifier or name.
fn read<T: FromStr>(field: &'static str, text: &str) -> Result<T, ParseError> {
    if text.is_empty() {
        return Err(ParseError::Missing(field));
    }
    text.parse().map_err(|_| ParseError::Malformed(field))
}

/// Takes free text up to a bound.
fn bounded(field: &'static str, text: String, bytes_max: usize) -> Result<String, ParseError> {
    if text.len() <= bytes_max { Ok(text) } else { Err(ParseError::TooLong { field, bytes_max }) }
}

/// Cuts text that goes out to a bound, between two characters.
fn cut(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

/// Takes a message that must be there.
fn present<T>(field: &'static str, value: Option<T>) -> Result<T, ParseError> {
    value.ok_or(ParseError::Missing(field))
}
