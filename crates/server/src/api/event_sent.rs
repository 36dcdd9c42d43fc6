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
    notional: Option<MoneySent>,
}
