//! Out through trunks: calls that an operator asks for or the CMS lets callers have, and registrations with providers.
//!
//! Which trunk a number takes is a rule of `partyline-trunk`; here its targets are found and asked, one after the other.
//!
//! **Invariant:** nothing goes out without a right to dial, and a call that nobody waits for is hung up.

mod dial;
mod names;
mod registrations;
mod test_call;

pub(crate) use dial::{OutCall, dial, dial_address};
pub(crate) use registrations::keep_registered;

pub use dial::{Dial, DialEnd, DialProgress};
pub use test_call::{Dialler, TestCall, TestReport, TestSound};
