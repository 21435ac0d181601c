//! Being registered with somebody ([RFC 3261 §10.2]): when to ask, for how long, and when to ask again.
//!
//! A [`Cycle`] is told what became of a REGISTER and says what to do next; it knows no messages on the wire, no
//! transactions and no sockets. **Invariant:** as long as it is wanted there is always either a request under way or a
//! time for the next one.

mod cycle;
mod grant;

pub(crate) use cycle::{Cycle, Heard, Step};
pub(crate) use grant::{granted, min_expires, retry_after, service_route};
