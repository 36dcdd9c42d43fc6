//! Fuzz target `import_combined`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::check(history::import::Format::Combined, bytes));
