//! Fuzz target `import_sshd`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::check(history::import::Format::Sshd, bytes));
