//! One journal gives one state and the same decisions: twice, in batches of any size, and when records leave memory in
//! between, as they do in a server.

use engine::input::{Body, Profile};
use engine::state::Outcome;
use engine::{Input, Policy, State};
use model::customer::text_key;
use proptest::prelude::*;

use crate::made::{Made, day, hour, made};

const KINDS: [&str; 8] = [
    "login",
    "login",
    "session.activity",
    "bank_account.change",
    "withdrawal",
    "password.change",
    "contact.change",
    "order",
];

/// One arbitrary event; small domains, so that much is shared.
fn event() -> impl Strategy<Value = Made> {
    let what = (0..KINDS.len(), 0..4_u8, 0..3_u8);
    let place = (0..6_u8, 0..4_u8, 0..3_u8, 0..3_u32);
    (what, place, 0..24 * 40_i64, any::<bool>(), 0..3_u64).prop_map(
        |((kind, customer, outcome), (ip, device, agent, asn), time, asked, account)| {
            let outcome = ["succeeded", "failed", "attempted"][usize::from(outcome)];
            let mut made = made(KINDS[kind], &format!("C{customer}"), hour(time))
                .with("outcome", outcome)
                .ip(&format!("192.0.{}.7", ip / 2 + ip % 2 * 40))
                .device(&format!("d{device}"))
                .agent(&format!("agent {agent}"))
                .place(["JP", "CN"][usize::from(ip % 2)], 64_500 + asn)
                .with("client.session", format!("s{device}"));
            if KINDS[kind] == "bank_account.change" {
                made = made.account(account, Some("ヤマダ"));
            }
            if asked { made.asked() } else { made }
        },
    )
}

fn journal(events: Vec<Made>) -> Vec<Input> {
    let profile =
        Profile {
            customer: "C1".parse().unwrap(), holder: Some(text_key("ヤマダ")), opened: Some(day(0))
        };
    let bodies = events.into_iter().map(|made| Body::Event(Box::new(made.observed())));
    let bodies = std::iter::once(Body::Profile(profile)).chain(bodies);
    bodies.zip(1..).map(|(body, seq)| Input { seq, time: day(50), body }).collect()
}

/// Applies the journal; after every `batch` inputs all records leave memory and come back as they are touched.
fn run(journal: &[Input], batch: usize) -> ([u8; 32], Vec<Outcome>) {
    let policy = Policy::compile(Policy::SHIPPED, 7).unwrap();
    let mut stored = std::collections::BTreeMap::<engine::key::RecordKey, Vec<u8>>::new();
    let (mut state, mut outcomes) = (State::default(), Vec::new());
    for inputs in journal.chunks(batch) {
        for input in inputs {
            for key in input.touches() {
                if !state.holds(key)
                    && let Some(bytes) = stored.get(&key)
                {
                    assert!(state.load(key, engine::record::Record::decode(bytes).unwrap()));
                }
            }
            outcomes.push(state.apply(&policy, input));
        }
        for key in state.take_changed() {
            stored.insert(key, state.record(key).unwrap().encode().unwrap());
        }
        let shared = stored.get(&engine::key::RecordKey::Shared).cloned();
        state = State::default();
        if let Some(shared) = shared {
            state.load(engine::key::RecordKey::Shared, engine::record::Record::decode(&shared).unwrap());
        }
    }
    for (key, bytes) in &stored {
        state.load(*key, engine::record::Record::decode(bytes).unwrap());
    }
    (state.digest(), outcomes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn one_journal_one_state(events in proptest::collection::vec(event(), 1..160)) {
        let journal = journal(events);
        let whole = run(&journal, journal.len());
        prop_assert_eq!(&whole, &run(&journal, journal.len()));
        for batch in [1, 7, 64] {
            prop_assert_eq!(&whole, &run(&journal, batch), "in batches of {}", batch);
        }
    }

    #[test]
    fn inputs_come_back_from_their_bytes(events in proptest::collection::vec(event(), 1..20)) {
        for input in journal(events) {
            let bytes = input.encode().unwrap();
            prop_assert_eq!(Input::decode(&bytes).unwrap(), input);
        }
    }
}
