//! A storm: more new calls than a server can carry, while others talk on it.
//!
//! First callers are put into conferences and it is seen how a call enters one. Then the rate of new calls goes up until
//! not all are taken any more, which is what the server carries; then comes twice as much. **Invariant:** the callers
//! in conferences are measured through all of it, and the load maker tells its own lateness.

mod figures;
mod maker;
mod message;
mod run;

pub use figures::{CallsUp, Probe, StepFigures, StormReport, Verdict};
pub use run::{StormError, StormPlan, run};
