//! The SIP core: messages, transactions, dialogs, offer and answer, without I/O.
//!
//! It is told: `handle_*(now, input)`, `handle_timeout(now)`, `poll_timeout()`, and one output door,
//! `poll_output()`, that is drained until empty after every input. It knows no conferences and no sockets.
//!
//! Layers, each standing on those before it: [`message`] (bytes), [`timer`] and `wire` (the way out), `transaction`
//! (retransmission), [`auth`] (who may), [`locate`] (where they are), `dialog` (who talks to whom), [`sdp`] (what they
//! agree on), [`endpoint`] (calls).
//!
//! **Invariant:** every transaction and dialog has a timer that ends it; every map is bounded.

mod amend;
pub mod auth;
mod body;
mod dialog;
pub mod endpoint;
mod identity;
mod interface;
pub mod locate;
pub mod message;
mod reach;
mod referral;
mod registration;
pub mod rules;
pub mod sdp;
mod shunned;
pub mod stun;
mod subscription;
pub mod timer;
mod token;
mod transaction;
mod wire;
