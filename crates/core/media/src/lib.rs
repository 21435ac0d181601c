//! Legs (packets to frames) and mixes (a conference's audio).
