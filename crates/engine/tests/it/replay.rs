//! One journal gives one state and the same decisions: twice, in batches of any size, and when records leave memory in
//! between, as they do in a server.

use std::collections::BTreeMap;

use engine::input::{Body, Profile};
use engine::key::RecordKey;
use engine::record::Record;
use engine::state::{Copies, Outcome};
use engine::{Input, Policy, State};
use model::customer::text_key;
use proptest::prelude::*;

use crate::made::{Made, day, hour, made};

const KINDS: [&str; 11] = [
    "login",
    "login",
    "login",
    "login",
    "session.activity",
    "bank_account.change",
    "withdrawal",
    "password.change",
    "contact.change",
    "order",
    "payment.instruction",
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
                .with("client.ja4", format!("t{}", agent % 2))
                .with("client.session", format!("s{device}"));
            made = match KINDS[kind] {
                "bank_account.change" => {
                    made.account(account, Some("ヤマダ")).verification(model::Verification::Pending)
                }
                "payment.instruction" => made.account(account, None).nobody(),
                "order" => made
                    .order(["7203", "Z1"][usize::from(ip % 2)], i64::from(asn) * 1_000, 0.3)
                    .with("order.side", ["buy", "sell"][usize::from(device % 2)]),
                "login" if customer == 3 => made.nobody().with("username_hash", format!("u{time}")),
                _ => made,
            };
            made = made.change_place(|place| {
                place.spot =
                    Some(engine::input::Spot { north: 350, east: 100 * i16::from(ip), radius_km: 9 });
            });
            if asked { made.asked() } else { made }
        },
    )
}

fn journal(events: Vec<Made>) -> Vec<Input> {
    let profile = Profile {
        customer: "C1".parse().unwrap(),
        holder: Some(text_key("ヤマダ")),
        opened: Some(day(0)),
        sealed: vec![1, 2, 3],
    };
    let document = Body::Document { name: "list/a".to_owned(), bytes: Some(vec![4]), by: "ops".to_owned() };
    let bodies = events.into_iter().map(|made| Body::Event(Box::new(made.observed())));
    let bodies = [Body::Profile(profile), document].into_iter().chain(bodies);
    bodies.zip(1..).map(|(body, seq)| Input { seq, time: day(50), body }).collect()
}

/// Applies the journal. After every `batch` inputs copying begins and goes on record by record while further inputs come;
/// when it is done, records leave memory, some or all, and come back as they are touched.
fn run(journal: &[Input], batch: usize) -> ([u8; 32], Vec<Outcome>) {
    let policy = Policy::compile(Policy::SHIPPED, 7).unwrap();
    let mut stored = BTreeMap::<RecordKey, Vec<u8>>::new();
    let (mut state, mut outcomes, mut underway) = (State::default(), Vec::new(), BTreeMap::new());
    let mut gone = 0;
    for (input, number) in journal.iter().zip(1..) {
        for key in input.body.touches() {
            if !state.holds(key)
                && let Some(bytes) = stored.get(&key)
            {
                assert!(state.load(key, Record::decode(bytes).unwrap()));
            }
        }
        outcomes.push(state.apply(&policy, input));
        if number % batch == 0 && state.begin_copying() {
            // What is copied is the state as it is now, whatever happens until its turn.
            underway = everything(&state);
        }
        if store(&mut state, 2, &mut stored) && !underway.is_empty() {
            for (key, bytes) in std::mem::take(&mut underway) {
                assert_eq!(stored.get(&key), Some(&bytes), "{key:?}");
            }
            gone += (0..State::PARTS).map(|part| state.forget(part, 0).len()).sum::<usize>();
        }
    }
    assert!(gone > 0 || journal.len() < 3 * batch.max(20), "records leave memory");
    while !store(&mut state, 100, &mut stored) {}
    assert!(state.begin_copying());
    while !store(&mut state, 100, &mut stored) {}
    for (key, bytes) in &stored {
        state.load(*key, Record::decode(bytes).unwrap());
    }
    (state.digest(), outcomes)
}

fn everything(state: &State) -> BTreeMap<RecordKey, Vec<u8>> {
    let all = state.keys().into_iter().map(|key| (key, state.encoded(key).unwrap()));
    // Those of all together are there from the beginning, and stored once they are touched.
    all.filter(|(key, bytes)| {
        !matches!(key, RecordKey::Shared | RecordKey::Watch) || bytes[1..].iter().any(|byte| *byte != 0)
    })
    .collect()
}

/// Says whether that was all.
fn store(state: &mut State, at_most: usize, stored: &mut BTreeMap<RecordKey, Vec<u8>>) -> bool {
    let (copies, done) = state.copy(at_most, Copies::default());
    stored.extend(copies.iter().map(|(key, bytes)| (key, bytes.to_owned())));
    done
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

    /// What conditions need is tried before CEL is asked. Behind `|| false` nothing can be seen to be needed, so there CEL
    /// decides alone: both give the same.
    #[test]
    fn what_is_tried_first_decides_as_cel_does(events in proptest::collection::vec(event(), 1..160)) {
        let by_cel_alone: String = Policy::SHIPPED
            .lines()
            .map(|line| match line.strip_prefix("when = \"").and_then(|rest| rest.strip_suffix('"')) {
                Some(condition) => format!("when = \"({condition}) || false\"\n"),
                None => format!("{line}\n"),
            })
            .collect();
        prop_assert!(by_cel_alone.matches("|| false").count() > 15);
        let policies = [Policy::SHIPPED, &by_cel_alone].map(|text| Policy::compile(text, 7).unwrap());
        let mut state = State::default();
        for input in journal(events) {
            if let Body::Event(event) = &input.body {
                prop_assert_eq!(state.weigh(&policies[0], event), state.weigh(&policies[1], event));
            }
            state.apply(&policies[0], &input);
        }
    }

    /// An attack by many strangers, over some hours: campaigns are recognised, and they too are the same after every restart.
    #[test]
    fn one_campaign_whoever_keeps_it(tries in proptest::collection::vec((0..60_u32, 0..9_u8, 0..10_u8), 40..120)) {
        let login = |(number, (customer, ip, luck)): (usize, &(u32, u8, u8))| {
            let made = made("login", &format!("V{customer}"), hour(i64::try_from(number).unwrap() / 8))
                .with("id", format!("e-{number}"))
                .ip(&format!("203.0.{ip}.7"))
                .place("CN", 64_500 + u32::from(ip % 3))
                .agent("Firefox on Linux");
            if *luck < 8 { made.failed() } else { made.asked() }
        };
        let journal = journal(tries.iter().enumerate().map(login).collect());
        let policy = Policy::compile(Policy::SHIPPED, 7).unwrap();
        let mut state = State::default();
        for input in &journal {
            state.apply(&policy, input);
        }
        prop_assert!(state.campaigns().newest(u32::MAX).count() > 0, "an attack is a campaign");
        let whole = run(&journal, journal.len());
        prop_assert_eq!(whole.0, state.digest());
        for batch in [1, 7, 64] {
            prop_assert_eq!(&whole, &run(&journal, batch), "in batches of {}", batch);
        }
    }

    #[test]
    fn inputs_come_back_from_their_bytes(events in proptest::collection::vec(event(), 1..20)) {
        for input in journal(events) {
            let bytes = input.body.encode().unwrap();
            prop_assert_eq!(Body::decode(&bytes).unwrap(), input.body);
        }
    }

    /// Whoever stores records may drop those that count as none, at any moment: what is decided stays the same, and so does
    /// what is remembered.
    #[test]
    fn what_is_spent_may_be_dropped(
        events in proptest::collection::vec((event(), 0..250_i64, any::<bool>()), 1..80),
    ) {
        let policy = Policy::compile(Policy::SHIPPED, 7).unwrap();
        let (mut whole, mut dropped, mut now) = (State::default(), State::default(), 0);
        for ((made, days, drops), seq) in events.into_iter().zip(1..) {
            now += days;
            let event = made.with("time", day(now).to_string()).observed();
            let input = Input { seq, time: day(now), body: Body::Event(Box::new(event)) };
            prop_assert_eq!(whole.apply(&policy, &input), dropped.apply(&policy, &input));
            if drops {
                dropped = without_spent(&dropped);
            }
        }
        prop_assert_eq!(without_spent(&whole).digest(), without_spent(&dropped).digest());
    }
}

/// A state as it is after a restart, of what is remembered.
fn without_spent(state: &State) -> State {
    let mut kept = State::at(state.seq());
    for key in state.keys() {
        let record = Record::decode(&state.encoded(key).unwrap()).unwrap();
        if !record.is_spent(state.now()) {
            assert!(kept.load(key, record));
        }
    }
    kept
}

/// Addresses, networks, devices, user agents and bank accounts go when nobody named them for 400 days, customers never.
#[test]
fn what_many_share_is_forgotten_and_customers_are_not() {
    let policy = Policy::compile(Policy::SHIPPED, 7).unwrap();
    let mut state = State::default();
    let mut tell = |seq: u64, customer: &str, ip: &str, at: i64| {
        let change = made("bank_account.change", customer, day(at)).account(seq, None);
        let login = made("login", customer, day(at)).agent(ip);
        for (made, seq) in [(change, 2 * seq), (login, 2 * seq + 1)] {
            let event = made.ip(ip).device(ip).place("JP", 64_500).observed();
            state.apply(&policy, &Input { seq, time: day(at), body: Body::Event(Box::new(event)) });
        }
        let spent = state
            .keys()
            .into_iter()
            .filter(|key| Record::decode(&state.encoded(*key).unwrap()).unwrap().is_spent(state.now()));
        let mut kinds: Vec<u8> = spent.map(RecordKey::kind).collect();
        kinds.sort_unstable();
        kinds
    };
    assert_eq!(tell(1, "C1", "192.0.2.1", 0), [0; 0]);
    assert_eq!(tell(2, "C2", "198.51.100.1", 400), [0; 0]);
    assert_eq!(tell(3, "C2", "198.51.100.1", 401), [2, 3, 5, 6, 7]);
    assert_eq!(tell(4, "C1", "192.0.2.1", 402), [7], "named again; the bank account is another one");
}
