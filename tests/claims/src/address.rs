//! Loopback addresses: each server of each test has one of its own, so that fixed ports never meet.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU8, Ordering};

/// Servers that one test process may start.
const SERVERS_MAX: u8 = 250;

/// An address in 127.0.0.0/8 that no other test process and no other server of this one uses.
///
/// The two middle bytes are the process id's (modulo what they hold, never 0.0), the last one counts.
///
/// # Panics
/// If one process starts more servers than an address has room for.
#[must_use]
pub fn loopback_of_my_own() -> Ipv4Addr {
    static USED: AtomicU8 = AtomicU8::new(1);
    let last = USED.fetch_add(1, Ordering::Relaxed);
    assert!(last < SERVERS_MAX, "one test process starts too many servers");
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high | 0x80, low, last)
}
