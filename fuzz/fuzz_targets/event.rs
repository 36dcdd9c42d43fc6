//! Fuzz target `event`: the wire form of an event, and what the journal keeps of inputs and records.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(event) = model::Event::from_json(bytes) {
        let json = serde_json::to_vec(&event).expect("an event can be written");
        let again = model::Event::from_json(&json).expect("what was written can be read");
        assert_eq!(event, again);
    }
    let _body = engine::input::Body::decode(bytes);
    let _record = engine::record::Record::decode(bytes);
});
