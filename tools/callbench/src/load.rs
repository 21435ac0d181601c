//! Load: many callers in many rooms, and what they get.
//!
//! Each talker sends a tone of its own, so that who hears whom can be told from outside. Talkers call first, then
//! the listeners; each enters its room's code by keys. **Invariant:** figures come from the steady window only,
//! when everybody is in.

mod conferees;
mod figures;
mod rooms;
mod run;
mod tones;

pub(crate) use conferees::Conferees;
pub(crate) use figures::is_void;
pub use figures::{ClaimedRun, HearingFigures, LoadReport, LossFigures, ServerFigures, SetUpFigures};
pub use rooms::{Room, RoomListError, read_rooms};
pub use run::{LoadError, LoadPlan, run};
