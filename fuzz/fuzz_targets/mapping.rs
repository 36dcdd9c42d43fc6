//! Fuzz target `mapping`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _guess = history::import::Format::guess(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _any = history::import::Mapping::parse(text);
        let _zone = history::import::parse_timezone(text);
    }
});
