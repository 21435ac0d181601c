//! See partyline_fuzzing::srtp.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| partyline_fuzzing::srtp(bytes));
