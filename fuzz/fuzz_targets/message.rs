//! See partyline_fuzzing::message.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| partyline_fuzzing::message(bytes));
