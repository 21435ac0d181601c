//! The backend of io_uring: the due sockets are received from, and the packets of a phase sent, by one call for many.
//!
//! Receives are made at the phase, not armed ahead: of an armed socket each datagram that comes has to wake the ring,
//! which costs more than it saves. So nothing is under way between two calls, and a pair can be given away at any time.
//! What has to know the source of each datagram, and RTCP, goes by plain calls: it is rare.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, RawFd};

use crate::backend::{IoCounts, MediaIo, SocketKey};
use crate::ports::SocketPair;
use crate::ring::{BATCH_MAX, Ring};
use crate::sockets::{DATAGRAM_MAX, DRAIN_MAX, Round, Sockets};

/// Sockets behind a ring. It must be used by the thread that made it; where the ring is lost after all, it goes on by plain
/// calls.
pub struct RingIo {
    sockets: Sockets,
    ring: Option<Ring>,
    /// Kept for its room: empty between two calls.
    asked: Vec<Asked>,
}

/// A socket that is received from by the ring.
struct Asked {
    /// Its place among the due.
    place: usize,
    key: SocketKey,
    socket: RawFd,
    source: SocketAddr,
    round: Round,
}

impl RingIo {
    /// A backend without sockets, for the thread that makes it.
    ///
    /// # Errors
    /// The system's: too old (before Linux 6.1), forbidden, or out of memory or descriptors.
    pub fn new() -> io::Result<Self> {
        let ring = Some(Ring::new()?);
        Ok(Self { sockets: Sockets::default(), ring, asked: Vec::with_capacity(BATCH_MAX) })
    }

    /// Begins the rounds of a batch, whose first socket has this place among the due. Who can be heard only from one source
    /// is left in `asked`, the others are received from.
    fn begin_rounds(
        &mut self,
        first: usize,
        batch: &[SocketKey],
        drains: bool,
        asked: &mut Vec<Asked>,
        take: &mut impl FnMut(usize, SocketAddr, &[u8]),
    ) {
        let mut buffer = [0; DATAGRAM_MAX];
        for (place, &key) in (first..).zip(batch) {
            let Some(socket) = self.sockets.get_mut(key) else {
                continue;
            };
            if let (Some(source), Some(_)) = (socket.only_source(), &self.ring) {
                let round = socket.begin_round(drains);
                asked.push(Asked { place, key, socket: socket.pair.rtp.as_raw_fd(), source, round });
            } else {
                let mut take = |source, datagram: &[u8]| take(place, source, datagram);
                self.sockets.receive(key, drains, &mut buffer, &mut take);
            }
        }
    }

    /// Asks each once, and keeps those that more is wanted of.
    fn ask(&mut self, asked: &mut Vec<Asked>, take: &mut impl FnMut(usize, SocketAddr, &[u8])) {
        let Self { sockets, ring: Some(ring), .. } = self else {
            return asked.clear();
        };
        let mut descriptors = [0; BATCH_MAX];
        descriptors.iter_mut().zip(&*asked).for_each(|(descriptor, asked)| *descriptor = asked.socket);
        if ring.receive(&descriptors[..asked.len()]).is_err() {
            self.lose_ring();
            return asked.clear();
        }
        let mut nth = 0;
        asked.retain_mut(|asked| {
            let wants_more = match ring.received(nth) {
                Ok(Some(datagram)) => {
                    take(asked.place, asked.source, datagram);
                    asked.round.took()
                }
                Ok(None) => false,
                Err(_) => {
                    sockets.counts.receives_failed += 1;
                    asked.round.failed()
                }
            };
            nth += 1;
            if !wants_more {
                asked.end(sockets);
            }
            wants_more
        });
    }

    /// Goes on without the ring; what it held is lost.
    fn lose_ring(&mut self) {
        if let Some(ring) = self.ring.take() {
            self.sockets.counts.rings_lost += 1;
            self.sockets.counts.sends_failed += ring.held() as u64;
        }
    }
}

impl Asked {
    fn end(&self, sockets: &mut Sockets) {
        if let Some(socket) = sockets.get_mut(self.key) {
            socket.end_round(self.round);
        }
    }
}

impl MediaIo for RingIo {
    fn add(&mut self, pair: SocketPair) -> SocketKey {
        self.sockets.add(pair)
    }

    fn remove(&mut self, key: SocketKey) -> Option<SocketPair> {
        self.flush();
        self.sockets.remove(key)
    }

    fn connect(&mut self, key: SocketKey, far: SocketAddr) -> io::Result<()> {
        self.flush();
        self.sockets.connect(key, far)
    }

    fn disconnect(&mut self, key: SocketKey) {
        self.flush();
        self.sockets.disconnect(key);
    }

    fn receive(&mut self, due: &[SocketKey], drains: bool, take: &mut impl FnMut(usize, SocketAddr, &[u8])) {
        let mut asked = std::mem::take(&mut self.asked);
        for (nth, batch) in due.chunks(BATCH_MAX).enumerate() {
            self.begin_rounds(nth * BATCH_MAX, batch, drains, &mut asked, take);
            for _ in 0..DRAIN_MAX {
                if asked.is_empty() {
                    break;
                }
                self.ask(&mut asked, take);
            }
            asked.drain(..).for_each(|asked| asked.end(&mut self.sockets));
        }
        self.asked = asked;
    }

    fn send(&mut self, key: SocketKey, far: Option<SocketAddr>, packet: &[u8]) {
        // Full, it is sent and there is room; a packet that is too long for it even then goes by itself.
        for _ in 0..2 {
            let (Some(socket), Some(ring)) = (self.sockets.get(key), &mut self.ring) else {
                break;
            };
            if !socket.is_connected() {
                break;
            }
            if ring.hold(socket.pair.rtp.as_raw_fd(), packet) {
                return;
            }
            self.flush();
        }
        self.sockets.send(key, far, packet);
    }

    fn flush(&mut self) {
        let Some(ring) = self.ring.as_mut().filter(|ring| ring.held() > 0) else {
            return;
        };
        match ring.send() {
            Ok(failed) => self.sockets.counts.sends_failed += failed,
            Err(_) => self.lose_ring(),
        }
    }

    fn receive_control(&mut self, key: SocketKey, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        self.sockets.receive_control(key, buffer)
    }

    fn send_control(&mut self, key: SocketKey, far: SocketAddr, packet: &[u8]) {
        self.sockets.send_control(key, far, packet);
    }

    fn counts(&self) -> IoCounts {
        self.sockets.counts
    }
}
