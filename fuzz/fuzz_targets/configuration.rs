//! Fuzz target `configuration`: which files `sekisho.toml` names.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("sekisho-fuzz-{}.toml", std::process::id()));
    if std::fs::write(&path, bytes).is_ok() {
        let _config = intel::IntelConfig::load(&path);
    }
});
