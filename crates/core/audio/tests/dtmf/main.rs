//! Keys in the sound: ITU-T Q.24's limits, and what must not be taken for one.

mod q24;
mod signal;
mod talk_off;
