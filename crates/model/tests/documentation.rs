//! `docs/events.md` names every word and every field of the wire form.

use model::{Channel, ContactType, Credential, EventKind, Factor, OrderEffect, OrderSide, Outcome};

const PAGE: &str = include_str!("../../../docs/events.md");

#[test]
fn every_word_is_documented() {
    let lists = [
        Outcome::WORDS,
        Channel::WORDS,
        Credential::WORDS,
        Factor::WORDS,
        ContactType::WORDS,
        OrderSide::WORDS,
        OrderEffect::WORDS,
    ];
    for word in lists.iter().copied().flatten() {
        assert!(PAGE.contains(&format!("`{word}`")), "docs/events.md lacks `{word}`");
    }
}

#[test]
fn kinds_stand_in_the_order_of_the_code_and_procedures_are_marked() {
    let section = PAGE.split("## Kinds").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap_or("");
    let rows: Vec<(&str, bool)> = section
        .lines()
        .filter_map(|line| Some((line.strip_prefix("| `")?.split('`').next()?, line.ends_with("| yes |"))))
        .collect();
    let kinds: Vec<(&str, bool)> =
        EventKind::ALL.iter().map(|kind| (kind.as_str(), kind.is_procedure())).collect();
    assert_eq!(rows, kinds);
}

#[test]
fn every_field_is_documented() {
    let event =
        r#"{"id":"1","time":"2020-09-16T06:05:00Z","kind":"login","outcome":"succeeded","nonsense":1}"#;
    let refusal =
        model::Event::from_json(event.as_bytes()).map_or_else(|invalid| invalid.problem, |_| String::new());
    let fields: Vec<&str> = refusal.split('`').skip(3).step_by(2).collect();
    assert!(fields.len() > 10, "{refusal}");
    for field in fields {
        assert!(
            PAGE.contains(&format!("| `{field}` |")) || PAGE.contains(&format!("| `{field}.")),
            "docs/events.md lacks `{field}`"
        );
    }
}
