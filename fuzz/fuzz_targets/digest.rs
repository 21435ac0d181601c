//! See partyline_fuzzing::digest.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| partyline_fuzzing::digest(bytes));
