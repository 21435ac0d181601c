//! See partyline_fuzzing::rtp.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| partyline_fuzzing::rtp(bytes));
