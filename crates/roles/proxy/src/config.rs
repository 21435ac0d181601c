//! Settings of a proxy server.

use std::time::Duration;

use partyline_rpc::Address;
use serde::{Deserialize, Serialize};

/// Settings of one proxy server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Its name, for logs and metrics.
    pub id: String,
    /// Where it answers.
    pub address: Address,
    /// Most callers' streams forwarded at once; more are refused as unavailable.
    pub streams_max: usize,
    /// Most other requests forwarded at once (lease renewals, commands, reports): their own, so that however many
    /// streams are open, who is in keeps their leases.
    pub requests_max: usize,
    /// Longest wait for an interface server's first answer, in milliseconds. It must be longer than the interface
    /// servers' own limit for a first decision, which tells the VRU more.
    pub answer_max_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            id: "proxy-1".to_owned(),
            address: Address::memory("proxy-1"),
            streams_max: 15_000,
            requests_max: 2_000,
            answer_max_ms: 15_000,
        }
    }
}

impl Config {
    pub(crate) const fn answer_max(&self) -> Duration {
        Duration::from_millis(self.answer_max_ms)
    }
}
