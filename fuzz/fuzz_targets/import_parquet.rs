//! Fuzz target `import_parquet`.

#![no_main]

libfuzzer_sys::fuzz_target!(
    init: fuzz::abort_on_unguarded_panics(),
    |bytes: &[u8]| fuzz::check(history::import::Format::Parquet, bytes)
);
