//! Real SIP peers: how their programs are started, fed and read; and tshark, which sees every packet.
//!
//! **Invariant:** a peer's process ends with the value that started it.

mod baresip;
mod capture;
mod dissection;
mod kamailio;
mod linphone;
mod sipp;
mod sipp_call;
mod sound;
mod tool;
mod trial;
mod wire;

pub use baresip::{Baresip, BaresipPlan};
pub use capture::{Capture, Captured};
pub use dissection::{Dissection, Span};
pub use kamailio::{Forwarding, Kamailio, Subscriber};
pub use linphone::{Credentials, KeysBy, Linphone};
pub use sipp::{Sipp, SippRun};
pub use sipp_call::{SippCall, SippPlan};
pub use sound::Recording;
pub use tool::{ToolRun, run_tool};
pub use trial::{PEER_HZ, Trial, hears_only, hears_only_in};
pub use wire::{Fate, Message, Wire};
