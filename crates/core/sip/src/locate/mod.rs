//! Finding the servers of a SIP URI ([RFC 3263], [RFC 2782]).
//!
//! A [`Search`] asks questions of the name system and takes the answers, in whatever order they come; its outcome is
//! a list of targets, the one to try first in front. It knows no sockets and no calls, and keeps no answer for
//! another search: that is the resolver's business.
//!
//! **Invariant:** a search ends when its questions are answered, and the questions are bounded, whatever the answers.

mod records;
mod search;

pub use records::{Answer, NaptrRecord, Query, QueryKind, SrvRecord};
pub use search::{Located, Reachable, Search, Unlocatable};
