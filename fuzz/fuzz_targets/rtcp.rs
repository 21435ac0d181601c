//! See partyline_fuzzing::rtcp.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| partyline_fuzzing::rtcp(bytes));
