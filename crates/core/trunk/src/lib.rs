//! Trunks: who may call and as whom, what a dialled number means, and by which way a number is dialled.
//!
//! Rules as functions of settings and of what a call says; no socket, clock or store. [`TrunkSettings`] is a trunk as
//! people write it, in the settings file and in the store alike; [`Trunk`] is one that holds together; [`Trunks`] is a
//! set of them in which every caller belongs to one at most. It knows no SIP message, no SDP and no database.
//!
//! **Invariant:** who may call never may dial out by that: only who has [`DialRight`] finds a way out.

mod admission;
mod called;
mod check;
mod host;
mod limits;
mod network;
mod number;
mod outdial;
mod secret;
mod service;
mod settings;
mod span;
mod trunk;
mod trunks;

pub use admission::{Admission, CallSource, UnknownSources};
pub use called::{Called, Meaning};
pub use check::Fault;
pub use host::{Host, HostName, NotHost};
pub use limits::{Limit, RateLimit};
pub use network::{NoNetwork, SourceNetwork};
pub use number::{DialNumber, NotNumber, NumberPattern, NumberPlan};
pub use outdial::{DialRight, NoRight, Outcome, Way};
pub use secret::{Ha1, REALM, Secret, SecretSource};
pub use service::{Application, CodeText, NumberSettings};
pub use settings::{
    Codec, DialOutSettings, DialRule, DocumentError, MediaSecurity, RegisterSettings, Transport,
    TrunkSettings, UserSettings,
};
pub use span::{NotSpan, Span};
pub use trunk::{Credentials, DialOut, Number, Registration, Trunk, User};
pub use trunks::{Clash, Trunks};
