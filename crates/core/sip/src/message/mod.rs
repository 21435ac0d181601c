//! SIP messages: parsing, framing and writing ([RFC 3261 §7, §25]).
//!
//! Parsed messages borrow from the bytes they came in; nothing is decoded that nobody asks for, and bytes that are
//! not UTF-8 stay bytes. It knows no transactions. **Invariant:** whatever the bytes, parsing ends, within the
//! bounds of [`limits`], in a message, a refusal with a status, or a counted drop.

mod address;
mod framing;
mod header;
pub mod limits;
mod method;
mod parse;
mod status;
mod urgency;
mod uri;
mod via;
mod write;

pub use address::{Address, parameter, parameters, split_commas};
pub use framing::{Frame, StreamBuffer};
pub use header::{HeaderName, Headers};
pub use method::Method;
pub use parse::{Dropped, Message, Refusal, Request, Response, parse, unfolded};
pub use status::reason_phrase;
pub use urgency::Urgency;
pub(crate) use uri::host_address;
pub use uri::{Uri, escape_user, unescape};
pub use via::Via;
pub use write::Writer;
pub(crate) use write::quoted;

/// Why a piece of a message is not what the grammar says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed")]
pub struct Malformed;

pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

/// A decimal number without sign; `None` where it is none or does not fit.
pub(crate) fn decimal(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > 18 {
        return None;
    }
    bytes.iter().try_fold(0_u64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
}

/// A character of `token` ([RFC 3261 §25.1]).
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
}
