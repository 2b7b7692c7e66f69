#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bounds::check(properties::relation, data));
