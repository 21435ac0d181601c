//! The brains in virtual time, against a small model.
//!
//! Callers dial, key codes and hang up as a seed says; each has a real [`partyline_call::Journey`]. Their VRUs ask
//! interface servers, which decide by the real rules on a store in memory, each with a view that may be old; mixers
//! are sets of legs. Streams break and are attended again, hellos come twice and overtake each other, servers,
//! mixers and VRUs die. A small [`model`] says who should be with whom, and is compared after every commit with the
//! store, and once all has calmed down with the legs in the mixes.
//!
//! Beside it, callers of one room press keys at random; and a phone and servers speak SIP over a network that loses,
//! doubles and reorders, forks and sends on.
//!
//! **Invariant:** a run is a function of its seed.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the model looks at what it knows of, and must not know the rest"
)]

mod calls;
mod chance;
mod check;
mod event;
mod exchange;
mod faults;
mod keypad;
mod mixers;
mod model;
mod office;
mod parts;
mod streams;
mod telephony;
mod vru;
mod world;

pub use exchange::Exchange;
pub use keypad::{KeysReport, run_keys, run_keys_for_an_hour};
pub use telephony::{CallsReport, run_calls};
pub use world::{Report, run};
