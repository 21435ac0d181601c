//! The voice response unit: answers calls, plays prompts, collects digits, carries out wishes.
//!
//! A shell around two brains: one SIP endpoint, owned by one task that also owns the sockets, and one
//! journey per call, owned by that call's task. It reads the store and never writes it; it decides nothing
//! that `partyline-conference` decides.
//!
//! **Invariant:** every queue is bounded, every task ends with its call or its VRU, and a caller whom the CMS
//! was told of is told of again until the CMS has heard that they left.

mod attempts;
mod call;
mod clock;
mod config;
mod guard;
mod lease;
mod library;
mod locator;
mod media;
mod names;
mod outgoing;
mod proxies;
mod shared;
mod sip;
mod sources;
mod trunks;
mod vru;

pub use config::{
    CODECS_LIKED, Config, DIGESTS_LIKED, DialledNumber, ExternalAddress, GuessDefence, SipTls, Waits,
};
pub use library::{LibraryError, PromptLibrary};
pub use outgoing::{Dial, DialEnd, DialProgress, Dialler, TestCall, TestReport, TestSound};
pub use partyline_codec::Codec;
pub use partyline_sip::auth::DigestHash;
pub use partyline_sip::endpoint::TransportKind;
pub use partyline_sip::rules::SessionRules;
pub use partyline_sip::sdp::MediaSecurity;
pub use partyline_trunk::{Application, SourceNetwork};
pub use sip::SipAddress;
pub use sources::{SourceCounts, TurnedAway};
pub use trunks::{RegistrationState, TrunkOrigin, TrunkStatus};
pub use vru::{Counters, StartError, Vru};
