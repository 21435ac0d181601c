//! Settings of an interface server.

use std::sync::Arc;
use std::time::Duration;

use partyline_conference::{DialOutRules, InterfaceServerId};
use partyline_rpc::Address;
use serde::{Deserialize, Serialize};

/// Settings of one interface server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Its name, unique among the interface servers of the service.
    #[serde(with = "partyline_rpc::text")]
    pub id: InterfaceServerId,
    /// Where it answers.
    pub address: Address,
    /// Most open Attend streams, one per caller. More are refused, and the VRU asks another interface server.
    pub streams_max: usize,
    /// Longest wait for a mixer's answer, in milliseconds. Longer delays a caller whose mixer is dead; shorter
    /// takes conferences off a mixer that is only busy.
    pub mixer_answer_max_ms: u64,
    /// What holds for dialling out of conferences.
    #[serde(skip)]
    pub dial_out: Arc<DialOutRules>,
}

impl Default for Config {
    fn default() -> Self {
        Self::named("cms-1")
    }
}

impl Config {
    /// The defaults for an interface server of this name, at the in-process address of the same name.
    ///
    /// # Panics
    /// Never for names that an [`InterfaceServerId`] takes; other characters become `-`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let plain: String = name
            .chars()
            .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c) { c } else { '-' })
            .take(64)
            .collect();
        let id = InterfaceServerId::new(if plain.is_empty() { "cms" } else { &plain });
        Self {
            id: id.expect("only plain characters were left"),
            address: Address::memory(name),
            streams_max: 10_000,
            mixer_answer_max_ms: 1_000,
            dial_out: Arc::default(),
        }
    }

    pub(crate) const fn mixer_answer_max(&self) -> Duration {
        Duration::from_millis(self.mixer_answer_max_ms)
    }
}
