//! See partyline_fuzzing::sdp.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| partyline_fuzzing::sdp(bytes));
