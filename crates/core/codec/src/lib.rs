//! Audio codecs behind one encoder and decoder pair.
//!
//! It knows no packets, time or rooms. **Invariant:** decoding never fails: any bytes give samples.

/// A codec that can be agreed on with a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law, 8 kHz.
    Pcmu,
    /// G.711 A-law, 8 kHz.
    Pcma,
}
