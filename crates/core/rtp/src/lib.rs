//! RTP and RTCP packets, the jitter buffer and telephone-events, without I/O.
