//! `docs/events.md` names every word, every field and every field within them.

use model::{
    BankAccount, Channel, Client, Contact, ContactType, Credential, Event, EventKind, Factor, Money, Order,
    OrderEffect, OrderSide, Outcome, Payment,
};

const PAGE: &str = include_str!("../../../docs/events.md");

/// The row of a table that begins with this field.
fn row(field: &str) -> &'static str {
    let start = format!("| `{field}` |");
    PAGE.lines().rfind(|line| line.starts_with(&start)).unwrap_or("")
}

#[test]
fn every_word_stands_in_the_row_of_its_field() {
    for (field, words) in [
        ("outcome", Outcome::WORDS),
        ("channel", Channel::WORDS),
        ("credential", Credential::WORDS),
        ("factor", Factor::WORDS),
        ("contact.type", ContactType::WORDS),
        ("order.side", OrderSide::WORDS),
        ("order.effect", OrderEffect::WORDS),
    ] {
        for word in words {
            assert!(row(field).contains(&format!("`{word}`")), "docs/events.md lacks `{word}` of `{field}`");
        }
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

/// The fields that a type has, as its refusal of an unknown one lists them.
fn fields<T: serde::de::DeserializeOwned>() -> Vec<String> {
    let refusal = serde_json::from_str::<T>(r#"{"nonsense":1}"#).err().map(|error| error.to_string());
    refusal.unwrap_or_default().split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_field_is_documented() {
    for field in fields::<Event>().iter().filter(|field| *field != "client") {
        assert!(!row(field).is_empty(), "docs/events.md lacks `{field}`");
    }
    for field in fields::<Client>() {
        assert!(!row(&format!("client.{field}")).is_empty(), "docs/events.md lacks `client.{field}`");
    }
    for (outer, inner) in [
        ("amount", fields::<Money>()),
        ("bank_account", fields::<BankAccount>()),
        ("contact", fields::<Contact>()),
        ("order", fields::<Order>()),
        ("payment", fields::<Payment>()),
    ] {
        assert!(inner.len() > 1, "{outer}: {inner:?}");
        for field in inner {
            let whole = PAGE.lines().find(|line| line.starts_with(&format!("| `{outer}` |"))).unwrap_or("");
            assert!(whole.contains(&format!("`{field}`")), "docs/events.md lacks `{field}` of `{outer}`");
        }
    }
}
