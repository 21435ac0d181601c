//! How full the bounded things of the door are, as metrics; each bound stands beside the thing itself.

use std::time::Duration;

use metrics::{counter, gauge};
use partyline_sip::endpoint::EndpointCounters;

/// How often it is told; scrapers come every few seconds.
pub(super) const PERIOD: Duration = Duration::from_secs(1);

/// What the endpoint holds, and has refused and dropped.
pub(super) fn tell(counters: &EndpointCounters) {
    gauge!("partyline_sip_calls").set(counters.calls as f64);
    gauge!("partyline_sip_half_open_calls").set(counters.half_open as f64);
    gauge!("partyline_sip_transactions").set(counters.transactions as f64);
    gauge!("partyline_sip_transaction_bytes").set(counters.transaction_bytes as f64);
    gauge!("partyline_sip_connections").set(counters.connections as f64);
    gauge!("partyline_sip_subscriptions").set(counters.subscriptions as f64);
    counter!("partyline_sip_subscriptions_refused_total").absolute(counters.subscriptions_refused);
    counter!("partyline_sip_dropped_total").absolute(counters.dropped);
    counter!("partyline_sip_overloaded_total").absolute(counters.overloaded);
    counter!("partyline_sip_refused_total").absolute(counters.refused);
    counter!("partyline_sip_connections_refused_total").absolute(counters.connections_refused);
    counter!("partyline_sip_stun_answered_total").absolute(counters.stun_answered);
    counter!("partyline_sip_retransmitted_total").absolute(counters.retransmitted);
}

/// What waits: inputs of calls and of strangers, commands, open streams, calls that are being set up.
pub(super) fn tell_queues(inputs: (usize, usize), commands: usize, streams: usize, setups: usize) {
    gauge!("partyline_vru_inputs_waiting", "of" => "calls").set(inputs.0 as f64);
    gauge!("partyline_vru_inputs_waiting", "of" => "strangers").set(inputs.1 as f64);
    gauge!("partyline_vru_commands_waiting").set(commands as f64);
    gauge!("partyline_vru_streams").set(streams as f64);
    gauge!("partyline_vru_calls_being_set_up").set(setups as f64);
}
