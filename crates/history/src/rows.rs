//! Events to columns: the one place where an event becomes a row of history. Must not know files or formats.

use std::net::IpAddr;
use std::sync::Arc;

use arrow_array::builder::{
    Int32Builder, Int64Builder, StringBuilder, StringDictionaryBuilder, UInt32Builder,
};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow_schema::ArrowError;
use model::customer::text_key;
use model::{
    Address, Channel, ContactType, Credential, CustomerId, Event, EventKind, Factor, Money, Outcome, Time,
};

use crate::schema::schema;

/// What a source had recorded about an event beside the event itself: facts that change with time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Country of the address, ISO 3166-1 alpha-2.
    pub country: Option<[u8; 2]>,
    /// Autonomous system of the address.
    pub asn: Option<u32>,
}

/// One row, its texts borrowed: what importers make of an [`Event`], and what a running server has instead of one.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The sender's identifier.
    pub id: &'a str,
    /// When it happened.
    pub time: Time,
    /// What was done.
    pub kind: EventKind,
    /// How it ended.
    pub outcome: Outcome,
    /// In whose name.
    pub customer: Option<&'a CustomerId>,
    /// How it reached the broker.
    pub channel: Option<Channel>,
    /// Source address.
    pub ip: Option<Address>,
    /// `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// Device identifier.
    pub device: Option<&'a str>,
    /// TLS fingerprint.
    pub ja4: Option<&'a str>,
    /// Session identifier.
    pub session: Option<&'a str>,
    /// Preferred language.
    pub language: Option<&'a str>,
    /// Why it ended as it did.
    pub reason: Option<&'a str>,
    /// What the password verifier said.
    pub credential: Option<Credential>,
    /// The further factor used.
    pub factor: Option<Factor>,
    /// Hash of the user name, where nobody is named.
    pub username_hash: Option<&'a str>,
    /// How much.
    pub amount: Option<Money>,
    /// Which share of the balance, in millionths.
    pub balance_share_ppm: Option<u32>,
    /// Bank and branch, `0001-001`.
    pub bank_branch: Option<&'a str>,
    /// The bank account, hashed.
    pub bank_account_key: Option<&'a str>,
    /// Which contact changed.
    pub contact_type: Option<ContactType>,
    /// The order as JSON.
    pub order: Option<&'a str>,
    /// Facts that change with time.
    pub recorded: Recorded,
}

/// Turns a bank account into its keyed hash; without a key the account's number is not kept at all.
#[derive(Clone)]
pub struct AccountHasher {
    key: Option<[u8; 32]>,
}

impl std::fmt::Debug for AccountHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.key.is_some() { "AccountHasher(keyed)" } else { "AccountHasher(none)" })
    }
}

impl AccountHasher {
    /// Drops account numbers.
    #[must_use]
    pub const fn none() -> Self {
        Self { key: None }
    }

    /// Hashes account numbers with a secret of any length (at least 16 bytes should be random).
    #[must_use]
    pub fn with_secret(secret: &[u8]) -> Self {
        Self { key: Some(blake3::derive_key("sekisho history bank account v1", secret)) }
    }

    /// Whether account numbers are kept (as hashes).
    #[must_use]
    pub const fn is_keyed(&self) -> bool {
        self.key.is_some()
    }

    fn hash(&self, account: &model::BankAccount) -> Option<String> {
        let hash = blake3::keyed_hash(self.key.as_ref()?, account.identity().as_bytes());
        Some(hash.to_hex().chars().take(32).collect())
    }
}

/// Columns in the making. `finish` gives them as a record batch and leaves the buffer empty for the next.
pub struct RowBuffer {
    hasher: AccountHasher,
    /// Reused for texts in the making.
    text: String,
    customer_key: Vec<u64>,
    ip_hi: Vec<u64>,
    ip_lo: Vec<u64>,
    device_key: Vec<u64>,
    time: Vec<i64>,
    kind: Int32Builder,
    outcome: Int32Builder,
    channel: Int32Builder,
    credential: Int32Builder,
    factor: Int32Builder,
    contact_type: Int32Builder,
    id: StringBuilder,
    customer: StringBuilder,
    ip: StringBuilder,
    device: StringBuilder,
    session: StringBuilder,
    username_hash: StringBuilder,
    bank_branch: StringBuilder,
    bank_account_key: StringBuilder,
    order: StringBuilder,
    user_agent: StringDictionaryBuilder<Int32Type>,
    ja4: StringDictionaryBuilder<Int32Type>,
    language: StringDictionaryBuilder<Int32Type>,
    reason: StringDictionaryBuilder<Int32Type>,
    amount_currency: StringDictionaryBuilder<Int32Type>,
    country: StringDictionaryBuilder<Int32Type>,
    amount_minor: Int64Builder,
    balance_share: UInt32Builder,
    asn: UInt32Builder,
}

impl RowBuffer {
    /// An empty buffer.
    #[must_use]
    pub fn new(hasher: AccountHasher) -> Self {
        Self::with_capacity(hasher, 0)
    }

    /// An empty buffer with room for `rows` rows in the columns that every row fills.
    #[must_use]
    pub fn with_capacity(hasher: AccountHasher, rows: usize) -> Self {
        const TEXT_BYTES: usize = 16;
        let text = || StringBuilder::with_capacity(rows, rows.saturating_mul(TEXT_BYTES));
        Self {
            hasher,
            text: String::new(),
            customer_key: Vec::with_capacity(rows),
            ip_hi: Vec::with_capacity(rows),
            ip_lo: Vec::with_capacity(rows),
            device_key: Vec::with_capacity(rows),
            time: Vec::with_capacity(rows),
            kind: Int32Builder::with_capacity(rows),
            outcome: Int32Builder::with_capacity(rows),
            channel: Int32Builder::with_capacity(rows),
            credential: Int32Builder::with_capacity(rows),
            factor: Int32Builder::with_capacity(rows),
            contact_type: Int32Builder::with_capacity(rows),
            id: text(),
            customer: text(),
            ip: text(),
            device: text(),
            session: text(),
            username_hash: StringBuilder::with_capacity(rows, 0),
            bank_branch: StringBuilder::with_capacity(rows, 0),
            bank_account_key: StringBuilder::with_capacity(rows, 0),
            order: StringBuilder::with_capacity(rows, 0),
            user_agent: StringDictionaryBuilder::with_capacity(rows, 0, 0),
            ja4: StringDictionaryBuilder::with_capacity(rows, 0, 0),
            language: StringDictionaryBuilder::with_capacity(rows, 0, 0),
            reason: StringDictionaryBuilder::with_capacity(rows, 0, 0),
            amount_currency: StringDictionaryBuilder::with_capacity(rows, 0, 0),
            country: StringDictionaryBuilder::with_capacity(rows, 0, 0),
            amount_minor: Int64Builder::with_capacity(rows),
            balance_share: UInt32Builder::with_capacity(rows),
            asn: UInt32Builder::with_capacity(rows),
        }
    }

    /// Rows so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }

    /// Adds one event as a row.
    pub fn push(&mut self, event: &Event, recorded: Recorded) {
        let client = &event.client;
        let bank = event.bank_account.as_ref();
        let bank_branch = bank.map(|bank| format!("{}-{}", bank.bank, bank.branch));
        let bank_account_key = bank.and_then(|bank| self.hasher.hash(bank));
        let order = event.order.as_ref().and_then(|order| serde_json::to_string(order).ok());
        self.push_row(&Row {
            id: event.id.as_str(),
            time: event.time,
            kind: event.kind,
            outcome: event.outcome,
            customer: event.customer.as_ref(),
            channel: event.channel,
            ip: client.ip,
            user_agent: client.user_agent.as_ref().map(|text| text.as_str()),
            device: client.device.as_ref().map(|text| text.as_str()),
            ja4: client.ja4.as_ref().map(|text| text.as_str()),
            session: client.session.as_ref().map(|text| text.as_str()),
            language: client.language.as_ref().map(|text| text.as_str()),
            reason: event.reason.as_ref().map(|text| text.as_str()),
            credential: event.credential,
            factor: event.factor,
            username_hash: event.username_hash.as_ref().map(|text| text.as_str()),
            amount: event.amount,
            balance_share_ppm: event.balance_share.map(model::event::Share::as_ppm),
            bank_branch: bank_branch.as_deref(),
            bank_account_key: bank_account_key.as_deref(),
            contact_type: event.contact.as_ref().map(|contact| contact.r#type),
            order: order.as_deref(),
            recorded,
        });
    }

    /// Adds a row.
    pub fn push_row(&mut self, row: &Row<'_>) {
        self.push_keys(row);
        self.push_client(row);
        self.push_details(row);
        let Recorded { country, asn } = row.recorded;
        self.country.append_option(country.as_ref().and_then(|letters| std::str::from_utf8(letters).ok()));
        self.asn.append_option(asn);
    }

    fn push_keys(&mut self, row: &Row<'_>) {
        self.customer_key.push(row.customer.map_or(0, |customer| customer.key().0));
        let (hi, lo) = row.ip.map_or((0, 0), |ip| halves(ip.bits()));
        self.ip_hi.push(hi);
        self.ip_lo.push(lo);
        self.device_key.push(row.device.map_or(0, text_key));
        self.time.push(row.time.as_us());
        self.kind.append_option(position(EventKind::ALL, Some(row.kind)));
        self.outcome.append_option(position(Outcome::ALL, Some(row.outcome)));
    }

    fn push_client(&mut self, row: &Row<'_>) {
        self.id.append_value(row.id);
        self.customer.append_option(row.customer.map(CustomerId::as_str));
        self.channel.append_option(position(Channel::ALL, row.channel));
        match row.ip {
            None => self.ip.append_null(),
            Some(address) => {
                write_address(&mut self.text, address);
                self.ip.append_value(&self.text);
            }
        }
        self.user_agent.append_option(row.user_agent);
        self.device.append_option(row.device);
        self.ja4.append_option(row.ja4);
        self.session.append_option(row.session);
        self.language.append_option(row.language);
        self.username_hash.append_option(row.username_hash);
    }

    fn push_details(&mut self, row: &Row<'_>) {
        self.reason.append_option(row.reason);
        self.credential.append_option(position(Credential::ALL, row.credential));
        self.factor.append_option(position(Factor::ALL, row.factor));
        self.contact_type.append_option(position(ContactType::ALL, row.contact_type));
        self.amount_minor.append_option(row.amount.map(|amount| amount.minor));
        self.amount_currency.append_option(row.amount.map(|amount| amount.currency.as_str()));
        self.balance_share.append_option(row.balance_share_ppm);
        self.bank_branch.append_option(row.bank_branch);
        self.bank_account_key.append_option(row.bank_account_key);
        self.order.append_option(row.order);
    }

    /// The rows as a record batch of [`schema`]; the buffer is empty afterwards.
    ///
    /// # Errors
    /// More than 2 GiB of text in one column.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let take = std::mem::take::<Vec<u64>>;
        let time = TimestampMicrosecondArray::from(std::mem::take(&mut self.time)).with_timezone("UTC");
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from(take(&mut self.customer_key))),
            Arc::new(UInt64Array::from(take(&mut self.ip_hi))),
            Arc::new(UInt64Array::from(take(&mut self.ip_lo))),
            Arc::new(UInt64Array::from(take(&mut self.device_key))),
            Arc::new(time),
            word_array(self.kind.finish(), EventKind::WORDS)?,
            word_array(self.outcome.finish(), Outcome::WORDS)?,
            Arc::new(self.id.finish()),
            Arc::new(self.customer.finish()),
            word_array(self.channel.finish(), Channel::WORDS)?,
            Arc::new(self.ip.finish()),
            Arc::new(self.user_agent.finish()),
            Arc::new(self.device.finish()),
            Arc::new(self.ja4.finish()),
            Arc::new(self.session.finish()),
            Arc::new(self.language.finish()),
            Arc::new(self.reason.finish()),
            word_array(self.credential.finish(), Credential::WORDS)?,
            word_array(self.factor.finish(), Factor::WORDS)?,
            Arc::new(self.username_hash.finish()),
            Arc::new(self.amount_minor.finish()),
            Arc::new(self.amount_currency.finish()),
            Arc::new(self.balance_share.finish()),
            Arc::new(self.bank_branch.finish()),
            Arc::new(self.bank_account_key.finish()),
            word_array(self.contact_type.finish(), ContactType::WORDS)?,
            Arc::new(self.order.finish()),
            Arc::new(self.country.finish()),
            Arc::new(self.asn.finish()),
        ];
        RecordBatch::try_new(schema(), columns)
    }
}

/// The two 64-bit halves of an address's 128 bits.
pub(crate) fn halves(bits: u128) -> (u64, u64) {
    let low = bits & u128::from(u64::MAX);
    (u64::try_from(bits >> 64).unwrap_or(0), u64::try_from(low).unwrap_or(0))
}

/// The index of a word in its vocabulary, as a dictionary key.
fn position<T: Copy + PartialEq>(all: &[T], word: Option<T>) -> Option<i32> {
    let word = word?;
    all.iter().position(|each| *each == word).and_then(|index| i32::try_from(index).ok())
}

fn word_array(keys: Int32Array, words: &[&str]) -> Result<ArrayRef, ArrowError> {
    let values = Arc::new(StringArray::from_iter_values(words));
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, values)?))
}

/// What `Display` prints of an address; for IPv4 without the formatting machinery, because every row has one.
fn write_address(text: &mut String, address: Address) {
    use std::fmt::Write as _;
    text.clear();
    let IpAddr::V4(v4) = address.ip() else {
        // Writing into a string cannot fail.
        let _infallible = write!(text, "{address}");
        return;
    };
    for (place, octet) in v4.octets().into_iter().enumerate() {
        if place > 0 {
            text.push('.');
        }
        let digit = |value: u8| char::from(b'0' + value % 10);
        if octet >= 100 {
            text.push(digit(octet / 100));
        }
        if octet >= 10 {
            text.push(digit(octet / 10));
        }
        text.push(digit(octet));
    }
}

#[cfg(test)]
mod tests {
    use super::write_address;

    #[test]
    fn addresses_are_written_as_they_print() {
        let mut text = "left over".to_owned();
        for address in
            ["0.0.0.0", "1.20.100.255", "192.0.2.7", "10.9.99.109", "2001:db8::1", "::", "::ffff:192.0.2.7"]
        {
            let address: model::Address = address.parse().unwrap();
            write_address(&mut text, address);
            assert_eq!(text, address.to_string());
        }
    }
}
