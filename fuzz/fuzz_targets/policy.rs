//! Fuzz target `policy`: a policy's text; one that compiles also decides.

#![no_main]

use engine::input::Additions;
use engine::{Observed, Policy, State};

const EVENT: &str = r#"{"id":"e","time":"2026-01-05T10:00:00Z","kind":"withdrawal","customer":"C1",
    "client":{"ip":"192.0.2.7","device":"d"},"outcome":"attempted","amount":{"minor":1,"currency":"JPY"}}"#;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(policy) = Policy::compile(text, 1) else { return };
    let event = model::Event::from_json(EVENT.as_bytes()).expect("the event is one");
    let now = event.time;
    let observed = Observed::new(event, Additions::default(), now).expect("it is not ahead of itself");
    let decision = State::default().weigh(&policy, &observed);
    assert!(decision.score <= engine::policy::SCORE_MAX);
});
