//! Sockets, port ranges and the clock of the media loop: the one place with platform code.
//!
//! It does not know what a datagram means. **Invariant:** nothing here blocks except
//! [`MediaClock::sleep_until`]; sockets are non-blocking and a pair of ports is free again when its
//! [`SocketPair`] is dropped.

mod backend;
mod choice;
mod clock;
mod plain;
mod ports;
mod ring;
mod ring_io;
mod sockets;
#[cfg(test)]
mod tests;
mod thread;

pub use backend::{IoCounts, MediaIo, SocketKey};
pub use choice::{IoChoice, IoChoiceError, IoDecision, IoKind, RingError, probe_ring};
pub use clock::MediaClock;
pub use plain::PlainIo;
pub use ports::{OpenPairError, PortPairs, PortRangeError, SocketPair};
pub use ring_io::RingIo;
pub use thread::{allowed_cores, pin_this_thread, prefer_this_thread, raise_this_thread};
