//! Fuzz target `import_csv`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::check(history::import::Format::Csv, bytes));
