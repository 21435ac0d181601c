//! See partyline_fuzzing::stun.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| partyline_fuzzing::stun(bytes));
