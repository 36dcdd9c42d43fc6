//! Fuzz target `import_ocsf`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::check(history::import::Format::Ocsf, bytes));
