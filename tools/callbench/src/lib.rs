//! A SIP user agent and load maker: tone callers, digits, who hears whom.
//!
//! One task does the signalling of all callers and one thread their media, to absolute deadlines: a caller costs
//! no thread and no timer, so that five hundred of them run beside the server that they measure. It calls from
//! outside, over the wire, and knows nothing of what answers. **Invariant:** every wait ends, with an error that
//! says what was waited for.

mod answerer;
mod bench;
mod callee;
mod caller;
mod coded;
pub mod delay;
mod ear;
mod error;
pub mod floor;
mod gait;
pub mod keypad;
mod keys;
mod leg;
pub mod load;
mod media;
pub mod meter;
pub mod mingle;
mod mouth;
mod plan;
mod process;
mod progress;
mod pulses;
mod secrecy;
mod signalling;
mod sound_file;
pub mod storm;
mod tone;

pub use answerer::{Answerer, AnswererFigures};
pub use bench::{Bench, BenchConfig};
pub use caller::{Caller, who_hears_whom};
pub use coded::OpusTelephones;
pub use ear::PacketReport;
pub use error::{BenchError, WaitError};
pub use gait::Gait;
pub use keys::{Damage, KeyWay};
pub use media::TickReport;
pub use partyline_codec::Codec;
pub use partyline_sip::endpoint::{CallEnd, TransportKind};
pub use partyline_sip::sdp::MediaSecurity;
pub use partyline_tls::Trust;
pub use plan::{CallPlan, Reception};
pub use process::ProcessMeter;
pub use progress::Progress;
pub use sound_file::{read_sound, write_sound};
