//! The wall clock, read in this one place.

use std::time::{SystemTime, UNIX_EPOCH};

use partyline_conference::Timestamp;

/// Now, as the store keeps time.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
