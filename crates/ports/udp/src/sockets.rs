//! The sockets of one media thread, as every backend keeps them: whom each hears, and whether it keeps step.

use std::io;
use std::net::SocketAddr;

use slab::Slab;

use crate::backend::{IoCounts, SocketKey};
use crate::ports::SocketPair;

/// The longest datagram that is taken whole: more than any Ethernet frame.
pub(crate) const DATAGRAM_MAX: usize = 2_048;
/// Most datagrams taken from a socket at once, so that a flood at one leg does not starve the others.
pub(crate) const DRAIN_MAX: usize = 32;
/// Every so many rounds a socket is emptied though nothing was missing: it finds callers whose clock is fast,
/// and packets that queued up. Less often leaves a packet waiting longer; more often costs a call.
const DRAIN_EVERY: u8 = 16;

/// A pair and what is known of it.
#[derive(Debug)]
pub(crate) struct MediaSocket {
    pub(crate) pair: SocketPair,
    hears: Hears,
    /// The last round found just one datagram, so that the next is expected to find just one too.
    is_steady: bool,
    rounds: u8,
}

/// Whose datagrams a socket gives.
#[derive(Debug, Clone, Copy)]
enum Hears {
    Anybody,
    /// Connected, but others' datagrams may have queued up before that: each is asked for its source.
    SoonOnly(SocketAddr),
    /// Connected and empty since: asking costs 0.1 µs a datagram and tells nothing new.
    Only(SocketAddr),
}

/// What a round has found at one socket so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    takes_one: bool,
    taken: u8,
    has_failed: bool,
}

impl Round {
    /// A datagram was taken; whether more are to be asked for.
    pub(crate) const fn took(&mut self) -> bool {
        self.taken = self.taken.saturating_add(1);
        !self.takes_one
    }

    /// A receive told an error; whether more are to be asked for. It is the far side's ICMP answer to an earlier packet:
    /// the queue behind it is as it was.
    pub(crate) const fn failed(&mut self) -> bool {
        self.has_failed = true;
        !self.takes_one
    }
}

impl MediaSocket {
    fn new(pair: SocketPair) -> Self {
        let mut socket = Self { pair, hears: Hears::Anybody, is_steady: false, rounds: 0 };
        socket.look_at_peer();
        socket
    }

    pub(crate) const fn is_connected(&self) -> bool {
        match self.hears {
            Hears::Anybody => false,
            Hears::SoonOnly(_) | Hears::Only(_) => true,
        }
    }

    /// The one source that what waits can be of; `None` where each datagram has to be asked for its own.
    pub(crate) const fn only_source(&self) -> Option<SocketAddr> {
        match self.hears {
            Hears::Only(far) => Some(far),
            Hears::Anybody | Hears::SoonOnly(_) => None,
        }
    }

    /// Begins a round: of one datagram in the steady state.
    pub(crate) const fn begin_round(&mut self, drains: bool) -> Round {
        self.rounds = (self.rounds + 1) % DRAIN_EVERY;
        Round { takes_one: self.is_steady && !drains && self.rounds != 0, taken: 0, has_failed: false }
    }

    pub(crate) const fn end_round(&mut self, round: Round) {
        self.is_steady = round.taken == 1 && !round.has_failed;
    }

    /// Receives once; `None` where nothing waits.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        let received = match self.hears {
            Hears::Only(far) => self.pair.rtp.recv(buffer).map(|length| (length, far)),
            Hears::Anybody | Hears::SoonOnly(_) => self.pair.rtp.recv_from(buffer),
        };
        match received {
            Ok(received) => Ok(Some(received)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if let Hears::SoonOnly(far) = self.hears {
                    self.hears = Hears::Only(far);
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes what a round asks for by plain calls; how many receives failed.
    fn receive_round(
        &mut self,
        drains: bool,
        buffer: &mut [u8; DATAGRAM_MAX],
        take: &mut impl FnMut(SocketAddr, &[u8]),
    ) -> u64 {
        let (mut round, mut failed) = (self.begin_round(drains), 0);
        for _ in 0..DRAIN_MAX {
            let wants_more = match self.receive(buffer) {
                Ok(Some((length, source))) => {
                    take(source, &buffer[..length]);
                    round.took()
                }
                Ok(None) => break,
                Err(_) => {
                    failed += 1;
                    round.failed()
                }
            };
            if !wants_more {
                break;
            }
        }
        self.end_round(round);
        failed
    }

    /// Notes whom the system hears for it.
    fn look_at_peer(&mut self) {
        self.hears = self.pair.rtp.peer_addr().map_or(Hears::Anybody, Hears::SoonOnly);
        self.is_steady = false;
    }
}

/// All sockets of a backend, and what every backend does by plain calls.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    all: Slab<MediaSocket>,
    pub(crate) counts: IoCounts,
}

impl Sockets {
    pub(crate) fn get(&self, key: SocketKey) -> Option<&MediaSocket> {
        self.all.get(key.0 as usize)
    }

    pub(crate) fn get_mut(&mut self, key: SocketKey) -> Option<&mut MediaSocket> {
        self.all.get_mut(key.0 as usize)
    }

    pub(crate) fn add(&mut self, pair: SocketPair) -> SocketKey {
        let index = self.all.insert(MediaSocket::new(pair));
        SocketKey(u32::try_from(index).expect("no process has so many sockets"))
    }

    pub(crate) fn remove(&mut self, key: SocketKey) -> Option<SocketPair> {
        self.all.try_remove(key.0 as usize).map(|socket| socket.pair)
    }

    pub(crate) fn connect(&mut self, key: SocketKey, far: SocketAddr) -> io::Result<()> {
        if let Some(socket) = self.get_mut(key) {
            socket.pair.rtp.connect(far)?;
            socket.look_at_peer();
        }
        Ok(())
    }

    pub(crate) fn disconnect(&mut self, key: SocketKey) {
        if let Some(socket) = self.get_mut(key) {
            // Some systems tell an error though they have disconnected; an unconnected socket is no harm either way.
            let _ = rustix::net::connect_unspec(&socket.pair.rtp);
            socket.look_at_peer();
        }
    }

    /// A round at one socket by plain calls. The buffer is the caller's, who fills it with zeros but once.
    pub(crate) fn receive(
        &mut self,
        key: SocketKey,
        drains: bool,
        buffer: &mut [u8; DATAGRAM_MAX],
        take: &mut impl FnMut(SocketAddr, &[u8]),
    ) {
        if let Some(socket) = self.all.get_mut(key.0 as usize) {
            self.counts.receives_failed += socket.receive_round(drains, buffer, take);
        }
    }

    pub(crate) fn send(&mut self, key: SocketKey, far: Option<SocketAddr>, packet: &[u8]) {
        let Some(socket) = self.get(key) else {
            return;
        };
        let sent = match far {
            Some(far) if !socket.is_connected() => socket.pair.rtp.send_to(packet, far),
            _ => socket.pair.rtp.send(packet),
        };
        if sent.is_err() {
            self.counts.sends_failed += 1;
        }
    }

    pub(crate) fn receive_control(
        &mut self,
        key: SocketKey,
        buffer: &mut [u8],
    ) -> Option<(usize, SocketAddr)> {
        match self.get(key)?.pair.rtcp.recv_from(buffer) {
            Ok(received) => Some(received),
            Err(error) => {
                if error.kind() != io::ErrorKind::WouldBlock {
                    self.counts.receives_failed += 1;
                }
                None
            }
        }
    }

    pub(crate) fn send_control(&mut self, key: SocketKey, far: SocketAddr, packet: &[u8]) {
        let Some(socket) = self.get(key) else {
            return;
        };
        if socket.pair.rtcp.send_to(packet, far).is_err() {
            self.counts.sends_failed += 1;
        }
    }
}
