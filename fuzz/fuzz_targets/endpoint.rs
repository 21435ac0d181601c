//! See partyline_fuzzing::endpoint.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| partyline_fuzzing::endpoint(bytes));
