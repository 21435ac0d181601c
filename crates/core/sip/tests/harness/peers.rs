//! Peers at addresses of nobody, who see all that agent 0 sends there and answer what a test wants.

use std::net::SocketAddr;
use std::time::Duration;

use partyline_sip::endpoint::{CallKey, OutgoingCall};

use super::World;
use super::phone::response_to;

/// Agent 0 calls.
pub fn begin(world: &mut World, wanted: &OutgoingCall) -> CallKey {
    let now = world.now;
    let call = world.agents[0].endpoint.call(now, wanted).unwrap();
    world.run(Duration::from_millis(1));
    call
}

/// What went to an address since the start, each message once.
pub fn sent_to(world: &World, address: &str) -> Vec<Vec<u8>> {
    let address: SocketAddr = address.parse().unwrap();
    let mut seen: Vec<Vec<u8>> = Vec::new();
    for (to, bytes) in &world.astray {
        if *to == address && !seen.contains(bytes) {
            seen.push(bytes.clone());
        }
    }
    seen
}

/// The newest request that went to an address.
pub fn newest(world: &World, address: &str) -> Vec<u8> {
    sent_to(world, address).pop().unwrap_or_default()
}

/// A peer answers the newest INVITE that it has.
pub fn answer(world: &mut World, from: &str, status: &str, more: &str, sdp: &str) {
    let requests = sent_to(world, from);
    let invite = requests.iter().rfind(|bytes| bytes.starts_with(b"INVITE")).unwrap();
    let contact = format!("Contact: <sip:callee@{from}>\r\n");
    let more = if more.contains("Contact") { more.to_owned() } else { format!("{contact}{more}") };
    let response = response_to(invite, status, "x", &more, sdp);
    world.inject(from.parse().unwrap(), 0, response.as_bytes());
    world.run(Duration::from_millis(1));
}

/// Nothing is left of any call.
pub fn assert_empty(world: &mut World) {
    world.run(Duration::from_secs(400));
    let counters = world.counters(0);
    assert_eq!((counters.calls, counters.transactions, counters.connections), (0, 0, 0));
}
