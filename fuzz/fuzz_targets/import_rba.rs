//! Fuzz target `import_rba`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::check(history::import::Format::Rba, bytes));
