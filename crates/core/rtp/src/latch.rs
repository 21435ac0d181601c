//! Symmetric RTP: where media goes, and whose packets count [RFC 4961].
//!
//! Media goes to the address of the SDP until a valid packet comes; its source is then latched. A stranger's
//! packets are counted and dropped. **Invariant:** a latched source is left only for the address that
//! signalling named, or for one that proves to carry on the same stream after the latched one fell silent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::packet::Packet;
use crate::types::{SeqNo, Ssrc};

/// How long a latched source must be silent before its stream may go on from another address (a NAT that
/// gave a new port). Shorter heals sooner; longer leaves less to who can guess an SSRC and sequence number.
const SILENT_MIN: Duration = Duration::from_millis(500);
/// How far ahead the sequence number of a stream that goes on elsewhere may be.
const GOES_ON_PACKETS: u16 = 3_000;
/// After signalling named another address, packets of the old source are stragglers until this many came.
const STRAGGLERS_MAX: u16 = 25;

/// Whether a packet counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It counts, and its source is now the latched one: media goes there from now on.
    Latched,
    /// It counts: it came from the latched source.
    Known,
    /// It does not count.
    Stranger,
}

/// What the latch has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LatchCounters {
    /// Packets of strangers.
    pub strangers: u64,
    /// How often a source was latched.
    pub latched: u64,
}

/// The latch of one leg.
#[derive(Debug, Clone)]
pub struct SourceLatch {
    signalled: SocketAddr,
    state: State,
    counters: LatchCounters,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Open,
    /// Open again after signalling; the source before that, what signalling had named then, and the source's packets
    /// since.
    Reopened {
        before: Source,
        named_before: SocketAddr,
        stragglers: u16,
    },
    Latched(Source),
}

#[derive(Debug, Clone, Copy)]
struct Source {
    address: SocketAddr,
    ssrc: Ssrc,
    sequence: SeqNo,
    heard: Instant,
}

impl SourceLatch {
    /// A latch that knows the address of the SDP.
    #[must_use]
    pub const fn new(signalled: SocketAddr) -> Self {
        let counters = LatchCounters { strangers: 0, latched: 0 };
        Self { signalled, state: State::Open, counters }
    }

    /// Signalling named an address again. Another one opens the latch; the same changes nothing, nor does an
    /// unspecified one, by which old phones hold a call; the one before the last brings its source back.
    pub fn signal(&mut self, address: SocketAddr) {
        if address == self.signalled || address.ip().is_unspecified() {
            return;
        }
        let named_before = std::mem::replace(&mut self.signalled, address);
        self.state = match self.state {
            State::Open => State::Open,
            State::Latched(source) if source.address == address => State::Latched(source),
            State::Latched(before) => State::Reopened { before, named_before, stragglers: 0 },
            State::Reopened { before, named_before, .. }
                if address == named_before || address == before.address =>
            {
                State::Latched(before)
            }
            reopened @ State::Reopened { .. } => reopened,
        };
    }

    /// Where media is to be sent.
    #[must_use]
    pub const fn destination(&self) -> SocketAddr {
        match self.state {
            State::Open | State::Reopened { .. } => self.signalled,
            State::Latched(source) => source.address,
        }
    }

    /// Whether a source is latched.
    #[must_use]
    pub const fn is_latched(&self) -> bool {
        matches!(self.state, State::Latched(_))
    }

    /// What was seen.
    #[must_use]
    pub const fn counters(&self) -> LatchCounters {
        self.counters
    }

    /// Judges a valid packet by its source.
    pub fn judge(&mut self, now: Instant, address: SocketAddr, packet: &Packet<'_>) -> Verdict {
        let source = Source { address, ssrc: packet.ssrc, sequence: packet.sequence, heard: now };
        let verdict = self.verdict(&source);
        match verdict {
            Verdict::Latched => {
                self.counters.latched += 1;
                self.state = State::Latched(source);
            }
            Verdict::Known => self.state = State::Latched(source),
            Verdict::Stranger => self.counters.strangers += 1,
        }
        verdict
    }

    fn verdict(&mut self, source: &Source) -> Verdict {
        match &mut self.state {
            State::Open => Verdict::Latched,
            State::Reopened { before, stragglers, .. } => {
                if source.address != before.address || *stragglers >= STRAGGLERS_MAX {
                    return Verdict::Latched;
                }
                *stragglers += 1;
                Verdict::Stranger
            }
            State::Latched(latched) if latched.address == source.address => Verdict::Known,
            State::Latched(latched) if source.address == self.signalled || latched.goes_on_as(source) => {
                Verdict::Latched
            }
            State::Latched(_) => Verdict::Stranger,
        }
    }
}

impl Source {
    fn goes_on_as(&self, other: &Self) -> bool {
        let ahead = other.sequence.since(self.sequence);
        other.ssrc == self.ssrc
            && (1..GOES_ON_PACKETS).contains(&ahead)
            && other.heard.saturating_duration_since(self.heard) >= SILENT_MIN
    }
}
