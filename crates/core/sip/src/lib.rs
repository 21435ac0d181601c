//! The SIP core: messages, transactions, dialogs, offer and answer, without I/O.
//!
//! It is told: `handle_*(now, input)`, `handle_timeout(now)`, `poll_timeout()`, and one output door,
//! `poll_output()`, that is drained until empty after every input. It knows no conferences and no sockets.
//!
//! **Invariant:** every transaction and dialog has a timer that ends it; every map is bounded.

pub mod endpoint;
pub mod sdp;
