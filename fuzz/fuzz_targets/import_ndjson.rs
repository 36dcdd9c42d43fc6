//! Fuzz target `import_ndjson`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::check(history::import::Format::Ndjson, bytes));
