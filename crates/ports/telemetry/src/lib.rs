//! Logs, metrics and health: how a running process tells people and machines how it is.
//!
//! It knows nothing of the domain: a check has a name and a reason, a metric has a name and labels.
//!
//! **Invariant:** nothing here blocks or fails a caller: a log line, a count or a check that can't be
//! written is lost, never waited for.

mod health;
mod logs;
mod metering;

pub use health::{Check, Failing, Health, HealthReport};
pub use logs::{LogConfig, LogError, LogFormat, check_filter, init_logs};
pub use metering::{Metrics, MetricsError};
