//! The target `select`, led by libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| farside_fuzz::targets::select(data));
