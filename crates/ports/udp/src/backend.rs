//! What a media thread asks of its I/O, whatever system calls are behind it.

use std::io;
use std::net::SocketAddr;

use crate::ports::SocketPair;

/// Names a pair of sockets within its backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketKey(pub(crate) u32);

/// What went wrong without being an error of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IoCounts {
    /// Datagrams that the system did not take.
    pub sends_failed: u64,
    /// Errors told by a receive: chiefly that nobody listens at the far side.
    pub receives_failed: u64,
    /// Rings of io_uring that ceased to answer; what had one goes on by plain calls.
    pub rings_lost: u64,
}

/// The sockets of one media thread.
///
/// A backend may hold packets back until [`MediaIo::flush`]. Once a pair is connected, only datagrams of that
/// source arrive and sending costs less; those that waited already are still given, whosever they are.
pub trait MediaIo {
    /// Takes a pair over.
    fn add(&mut self, pair: SocketPair) -> SocketKey;

    /// Gives a pair back, as connected as it was.
    fn remove(&mut self, key: SocketKey) -> Option<SocketPair>;

    /// Takes datagrams of one source only from now on, and sends there.
    ///
    /// # Errors
    /// The system's: no route, chiefly.
    fn connect(&mut self, key: SocketKey, far: SocketAddr) -> io::Result<()>;

    /// Takes datagrams of any source again.
    fn disconnect(&mut self, key: SocketKey);

    /// Hands over what waits at the due sockets: of each one datagram in the steady state; all (up to a bound) where
    /// `drains` asks for it, after a round that found more or less than one, and now and then besides. `take` is told
    /// the place in `due` and the source.
    fn receive(&mut self, due: &[SocketKey], drains: bool, take: &mut impl FnMut(usize, SocketAddr, &[u8]));

    /// Sends a datagram: to `far`, or to the connected source where that is `None`.
    fn send(&mut self, key: SocketKey, far: Option<SocketAddr>, packet: &[u8]);

    /// Sends what was held back.
    fn flush(&mut self);

    /// Takes one RTCP datagram, if one waits; says how long it is.
    fn receive_control(&mut self, key: SocketKey, buffer: &mut [u8]) -> Option<(usize, SocketAddr)>;

    /// Sends an RTCP datagram.
    fn send_control(&mut self, key: SocketKey, far: SocketAddr, packet: &[u8]);

    /// What has gone wrong so far.
    fn counts(&self) -> IoCounts;
}
