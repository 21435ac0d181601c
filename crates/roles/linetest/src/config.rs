//! Settings of a line test server.

use partyline_conference::InterfaceServerId;
use partyline_rpc::Address;
use serde::{Deserialize, Serialize};

/// Settings of one interface server of the line test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Its name, unique among the interface servers of the service.
    #[serde(with = "partyline_rpc::text")]
    pub id: InterfaceServerId,
    /// Where it answers.
    pub address: Address,
    /// Most tests at once; more are refused, and the proxy's caller hears so.
    pub streams_max: usize,
    /// The tone's pitch, in Hz. 1004 Hz is the telephone trade's own test tone.
    pub tone_hz: u32,
    /// How long the tone plays, in milliseconds.
    pub tone_ms: u32,
    /// How long the caller hears themselves, in milliseconds.
    pub echo_ms: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            id: InterfaceServerId::new("linetest-1").expect("a plain word"),
            address: Address::memory("linetest-1"),
            streams_max: 1_000,
            tone_hz: 1_004,
            tone_ms: 2_000,
            echo_ms: 10_000,
        }
    }
}
