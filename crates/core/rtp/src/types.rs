//! The numbers of RTP that wrap, each a type of its own.

use std::fmt;

/// Names a stream of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ssrc(pub u32);

/// A sequence number; arithmetic wraps at 2¹⁶.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeqNo(pub u16);

/// A timestamp in ticks of the payload's clock; arithmetic wraps at 2³².
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RtpTime(pub u32);

impl SeqNo {
    /// The number this many packets later.
    #[must_use]
    pub const fn plus(self, packets: u16) -> Self {
        Self(self.0.wrapping_add(packets))
    }

    /// The number of the next packet.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// Packets from `earlier` to this one, going forward round the circle.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u16 {
        self.0.wrapping_sub(earlier.0)
    }
}

impl RtpTime {
    /// The time this many ticks later.
    #[must_use]
    pub const fn plus(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// Ticks from `other` to this time: negative if this one is earlier, by the shorter way round the circle.
    #[must_use]
    pub const fn minus(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}
