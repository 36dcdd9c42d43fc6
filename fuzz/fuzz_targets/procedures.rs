//! Fuzz target `procedures`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _any = history::procedures::parse_bytes(bytes);
});
