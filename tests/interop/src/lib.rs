//! Real SIP peers against the real binary.
