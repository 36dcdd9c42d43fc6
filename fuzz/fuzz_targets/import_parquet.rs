//! Fuzz target `import_parquet`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::check(history::import::Format::Parquet, bytes));
