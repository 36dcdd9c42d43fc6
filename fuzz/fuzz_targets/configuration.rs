//! Fuzz target `configuration`: all of `sekisho.toml`, read as `sekisho serve` reads it. Whatever is refused is refused with words.

#![no_main]

#[expect(dead_code, reason = "what is read is not used here")]
#[path = "../../crates/sekisho/src/config.rs"]
mod config;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("sekisho-fuzz-{}.toml", std::process::id()));
    if std::fs::write(&path, bytes).is_err() {
        return;
    }
    let told = [
        config::serve_config(Some(&path)).map(drop),
        config::password_options(Some(&path)).map(drop),
        config::proof_settings(Some(&path), 8480).map(drop),
        config::has_intel(&path).map(drop),
        intel::IntelConfig::load(&path).map(drop).map_err(Into::into),
    ];
    for error in told.into_iter().filter_map(Result::err) {
        assert!(!format!("{error:#}").is_empty());
    }
});
