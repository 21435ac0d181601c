//! Logs: text for people, JSON for machines, one filter.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One readable line.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Settings of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// How lines are written.
    pub format: LogFormat,
    /// What is written: a level, or targets with levels (`info,partyline_vru=debug`).
    pub filter: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter does not read.
    #[error("{0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Somebody else has set a log up in this process.
    #[error("the log is set up already")]
    Twice(#[from] TryInitError),
}

/// Tells whether a filter reads, without setting anything up.
///
/// # Errors
/// [`LogError::Filter`] with the place that does not read.
pub fn check_filter(filter: &str) -> Result<(), LogError> {
    EnvFilter::builder().parse(filter)?;
    Ok(())
}

/// Sets the process's log up, written to standard error.
///
/// # Errors
/// [`LogError`] where the filter does not read, or a log is set up already.
pub fn init_logs(config: &LogConfig) -> Result<(), LogError> {
    let filter = EnvFilter::builder().parse(&config.filter)?;
    let registry = tracing_subscriber::registry().with(filter);
    match config.format {
        LogFormat::Text => {
            let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
            registry.with(fmt::layer().with_ansi(is_terminal).with_writer(std::io::stderr)).try_init()?;
        }
        LogFormat::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_targets_are_filters_and_nonsense_is_not() {
        for right in ["info", "warn,partyline_vru=debug", "trace", "off"] {
            assert!(check_filter(right).is_ok(), "{right}");
        }
        for wrong in ["partyline_vru=loud", "a=b=c"] {
            assert!(check_filter(wrong).is_err(), "{wrong}");
        }
    }
}
