//! See partyline_fuzzing::telephone_event.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| partyline_fuzzing::telephone_event(bytes));
