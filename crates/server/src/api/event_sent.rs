//! The wire form of an event (docs/events.md) as a schema for `/openapi.json`. Only a description: `model::Event` is what
//! events are read with.

use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A closed vocabulary of the model as a schema: its words are listed.
macro_rules! words {
    ($(#[$meta:meta] $name:ident = $words:expr;)+) => { $(
        #[$meta]
        #[derive(Debug, serde::Deserialize)]
        pub(super) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let words = $words.iter().copied();
                ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).enum_values(Some(words)).into()
            }
        }

        impl ToSchema for $name {}
    )+ };
}

words! {
    /// What was done.
    KindWord = model::EventKind::WORDS;
    /// How it ended.
    OutcomeWord = model::Outcome::WORDS;
    /// How it reached the broker.
    ChannelWord = model::Channel::WORDS;
    /// What the password verifier said.
    CredentialWord = model::Credential::WORDS;
    /// The further factor used.
    FactorWord = model::Factor::WORDS;
    /// Which contact.
    ContactWord = model::ContactType::WORDS;
    /// Buy or sell.
    SideWord = model::OrderSide::WORDS;
    /// Whether a position is opened or closed.
    EffectWord = model::OrderEffect::WORDS;
    /// A kind of personal data.
    MaskWord = model::mask::Kind::WORDS;
}

/// An event as it is sent; docs/events.md says what belongs where.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only a description")]
#[schema(
    as = Event,
    example = json!({
        "id": "w-1", "time": "2026-01-05T10:00:00+09:00", "kind": "withdrawal", "customer": "C0012345",
        "channel": "web", "client": {"ip": "203.0.113.7", "device": "d-81"}, "outcome": "attempted",
        "amount": {"minor": 5_000_000, "currency": "JPY"}, "balance_share": 0.5,
    })
)]
pub(super) struct EventSent {
    /// The sender's identifier, unique.
    #[schema(min_length = 1, max_length = 128)]
    id: String,
    /// RFC 3339 with a zone.
    #[schema(format = DateTime)]
    time: String,
    kind: KindWord,
    outcome: OutcomeWord,
    /// In whose name; absent only on a `login` that names nobody known, on `payment.instruction`, and on a `bank.notice` of an account.
    #[schema(min_length = 1, max_length = 64)]
    customer: Option<String>,
    channel: Option<ChannelWord>,
    #[schema(required = false)]
    client: ClientSent,
    /// Why it ended so.
    #[schema(min_length = 1, max_length = 256)]
    reason: Option<String>,
    credential: Option<CredentialWord>,
    factor: Option<FactorWord>,
    /// Hash of the user name, where `customer` is absent.
    #[schema(min_length = 1, max_length = 128)]
    username_hash: Option<String>,
    amount: Option<MoneySent>,
    /// Share of the balance that leaves: with `withdrawal` and `transfer`.
    #[schema(minimum = 0, maximum = 1)]
    balance_share: Option<f64>,
    bank_account: Option<BankAccountSent>,
    contact: Option<ContactSent>,
    order: Option<OrderSent>,
    payment: Option<PaymentSent>,
}

/// Where an event came from.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only a description")]
#[schema(as = Client)]
pub(super) struct ClientSent {
    /// IPv4 or IPv6.
    #[schema(example = "203.0.113.7")]
    ip: Option<String>,
    /// The header as it came.
    #[schema(min_length = 1, max_length = 2048)]
    user_agent: Option<String>,
    /// The broker's identifier of the device.
    #[schema(min_length = 1, max_length = 128)]
    device: Option<String>,
    /// JA4 TLS fingerprint.
    #[schema(min_length = 1, max_length = 64)]
    ja4: Option<String>,
    /// The broker's session.
    #[schema(min_length = 1, max_length = 128)]
    session: Option<String>,
    /// As in `Accept-Language`.
    #[schema(min_length = 1, max_length = 64)]
    language: Option<String>,
}

/// An amount.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only a description")]
#[schema(as = Money)]
pub(super) struct MoneySent {
    /// Whole minor units.
    #[schema(minimum = 0)]
    minor: i64,
    /// ISO 4217.
    #[schema(example = "JPY")]
    currency: String,
}

/// A bank account. Its number becomes a keyed hash on arrival.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only a description")]
#[schema(as = BankAccount)]
pub(super) struct BankAccountSent {
    #[schema(pattern = "^[0-9]{4}$")]
    bank: String,
    #[schema(pattern = "^[0-9]{3}$")]
    branch: String,
    #[schema(pattern = "^[0-9]{1,7}$")]
    number: String,
    /// The holder's name in kana.
    #[schema(min_length = 1, max_length = 192)]
    holder: Option<String>,
    /// How far the broker is with making sure, through the bank, that the account is the customer's; absent where nobody asked.
    verification: Option<VerificationWord>,
}

/// How far a check of a bank account is.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Verification)]
pub(super) enum VerificationWord {
    /// The bank does not know the account, or knows it as somebody else's.
    Failed,
    /// Asked, not answered.
    Pending,
    /// The bank says that it is the customer's.
    Confirmed,
}

/// A change of contact, with `contact.change`.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only a description")]
#[schema(as = ContactChange)]
pub(super) struct ContactSent {
    r#type: ContactWord,
    #[schema(min_length = 1, max_length = 320)]
    old: Option<String>,
    #[schema(min_length = 1, max_length = 320)]
    new: Option<String>,
}

/// An order, with `order`.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only a description")]
#[schema(as = Order)]
pub(super) struct OrderSent {
    /// Security.
    #[schema(min_length = 1, max_length = 32)]
    symbol: String,
    side: SideWord,
    effect: Option<EffectWord>,
    /// Shares or contracts.
    quantity: u64,
    /// Price times quantity.
    notional: Option<MoneySent>,
    /// Share of all that the customer holds that a selling order sells.
    #[schema(minimum = 0, maximum = 1)]
    holdings_share: Option<f64>,
    /// What is usually traded of the symbol in a day, price times quantity.
    daily_turnover: Option<MoneySent>,
}

/// What an instruction to pay says, with `payment.instruction`.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only a description")]
#[schema(as = Payment)]
pub(super) struct PaymentSent {
    /// Domain of the mail address, or site, of whoever asks to be paid.
    #[schema(min_length = 3, max_length = 253, example = "example.co.jp")]
    payee_domain: Option<String>,
    /// What is said of it; looked at for haste and secrecy, and not kept.
    #[schema(min_length = 1, max_length = 1024)]
    memo: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::de::value::Error;
    use serde::{Deserialize, Deserializer, de::Visitor};
    use utoipa::PartialSchema;

    /// Tells which fields a struct is read from, by failing.
    struct Fields<'s>(&'s mut BTreeSet<&'static str>);

    impl<'de> Deserializer<'de> for Fields<'_> {
        type Error = Error;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            Err(serde::de::Error::custom("no struct"))
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Error> {
            self.0.extend(fields);
            Err(serde::de::Error::custom("told"))
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    fn check<'de, Read: Deserialize<'de>, Described: PartialSchema>() {
        let mut read = BTreeSet::new();
        assert!(Read::deserialize(Fields(&mut read)).is_err() && !read.is_empty());
        let schema = serde_json::to_value(Described::schema()).unwrap();
        let described: BTreeSet<&str> =
            schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(read, described, "{}", std::any::type_name::<Read>());
    }

    #[test]
    fn what_is_described_is_what_is_read() {
        check::<model::Event, super::EventSent>();
        check::<model::Client, super::ClientSent>();
        check::<model::Money, super::MoneySent>();
        check::<model::BankAccount, super::BankAccountSent>();
        check::<model::Contact, super::ContactSent>();
        check::<model::Order, super::OrderSent>();
        check::<model::Payment, super::PaymentSent>();
    }
}
