//! The columns of a history file: names, types, encodings. Must not know where rows come from or what is asked of them.
//!
//! Two groups. *Keys* are fixed-width, required and written so that reading them is little more than copying memory:
//! `customer_key`, `ip_hi`, `ip_lo`, `device_key`, `time`, `kind`, `outcome`. The *readable* columns beside them are for
//! people and other tools. The columns and their meaning are documented in `docs/history-format.md`; a change of either
//! is a new [`FORMAT_VERSION`].

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

/// Version of the format, stored in the footer under [`FORMAT_KEY`].
pub const FORMAT_VERSION: &str = "1";
/// Footer key of the format's version.
pub const FORMAT_KEY: &str = "sekisho.history";
/// Footer key of the nulls of text columns, which have no statistics: `name=count`, separated by commas.
pub const NULLS_KEY: &str = "sekisho.nulls";
/// Footer key of the order of rows: [`ORDER_CUSTOMER`] or [`ORDER_TIME`].
pub const ORDER_KEY: &str = "sekisho.order";
/// Rows sorted by `customer_key`, then `time`.
pub const ORDER_CUSTOMER: &str = "customer_key,time";
/// Rows sorted by `time`.
pub const ORDER_TIME: &str = "time";

/// Rows in a row group: large enough that a scan spends its time on rows, small enough to sort in memory.
pub const ROW_GROUP_ROWS: usize = 1 << 20;

/// Rows in a page of a column that is read whole: a page of keys fits a second-level cache.
const PAGE_ROWS: usize = 1 << 15;
/// Rows in a page of text of which single rows are read: each costs a page.
const SCATTERED_PAGE_ROWS: usize = 1 << 13;
/// Rows in a page of a column that is read for some customers only, where customers lie together.
const CLUSTERED_PAGE_ROWS: usize = 1 << 11;

/// Column names, in file order. `sweep` and other readers find columns by these names only.
pub mod column {
    /// XXH3-64 of `customer`; 0 for nobody.
    pub const CUSTOMER_KEY: &str = "customer_key";
    /// Upper 64 bits of the address; 0 for IPv4 and for none.
    pub const IP_HI: &str = "ip_hi";
    /// Lower 64 bits of the address (IPv4: `0x0000ffff` and the address); 0 with `ip_hi` 0 for none.
    pub const IP_LO: &str = "ip_lo";
    /// XXH3-64 of `device`; 0 for none.
    pub const DEVICE_KEY: &str = "device_key";
    /// When, microseconds, UTC.
    pub const TIME: &str = "time";
    /// What.
    pub const KIND: &str = "kind";
    /// How it ended.
    pub const OUTCOME: &str = "outcome";
    /// The sender's identifier.
    pub const ID: &str = "id";
    /// The customer's identifier.
    pub const CUSTOMER: &str = "customer";
    /// The channel.
    pub const CHANNEL: &str = "channel";
    /// The address as text.
    pub const IP: &str = "ip";
    /// `User-Agent`.
    pub const USER_AGENT: &str = "user_agent";
    /// Device identifier.
    pub const DEVICE: &str = "device";
    /// TLS fingerprint.
    pub const JA4: &str = "ja4";
    /// Session identifier.
    pub const SESSION: &str = "session";
    /// Language.
    pub const LANGUAGE: &str = "language";
    /// Sender's reason.
    pub const REASON: &str = "reason";
    /// Verifier's answer.
    pub const CREDENTIAL: &str = "credential";
    /// Further factor.
    pub const FACTOR: &str = "factor";
    /// Hash of an unknown user name.
    pub const USERNAME_HASH: &str = "username_hash";
    /// Amount in minor units.
    pub const AMOUNT_MINOR: &str = "amount_minor";
    /// ISO 4217 code of the amount.
    pub const AMOUNT_CURRENCY: &str = "amount_currency";
    /// Share of the balance in millionths.
    pub const BALANCE_SHARE_PPM: &str = "balance_share_ppm";
    /// Bank and branch, `0001-001`.
    pub const BANK_BRANCH: &str = "bank_branch";
    /// Keyed hash of the bank account, 32 hexadecimal digits.
    pub const BANK_ACCOUNT_KEY: &str = "bank_account_key";
    /// Contact type of a `contact.change`.
    pub const CONTACT_TYPE: &str = "contact_type";
    /// The order as JSON.
    pub const ORDER: &str = "order";
    /// Country recorded with the event, ISO 3166-1 alpha-2.
    pub const COUNTRY: &str = "country";
    /// Autonomous system recorded with the event.
    pub const ASN: &str = "asn";
}

/// The Arrow type of columns with few distinct texts.
pub(crate) fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Whether a column of this type holds text.
pub(crate) const fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::Dictionary(..))
}

/// The Arrow type of `time`.
pub(crate) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The schema of every history file.
#[must_use]
pub fn schema() -> SchemaRef {
    use column as c;
    let required = |name, data_type| Field::new(name, data_type, false);
    let optional = |name, data_type| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![
        required(c::CUSTOMER_KEY, DataType::UInt64),
        required(c::IP_HI, DataType::UInt64),
        required(c::IP_LO, DataType::UInt64),
        required(c::DEVICE_KEY, DataType::UInt64),
        required(c::TIME, timestamp()),
        required(c::KIND, dictionary()),
        required(c::OUTCOME, dictionary()),
        required(c::ID, DataType::Utf8),
        optional(c::CUSTOMER, DataType::Utf8),
        optional(c::CHANNEL, dictionary()),
        optional(c::IP, DataType::Utf8),
        optional(c::USER_AGENT, dictionary()),
        optional(c::DEVICE, DataType::Utf8),
        optional(c::JA4, dictionary()),
        optional(c::SESSION, DataType::Utf8),
        optional(c::LANGUAGE, dictionary()),
        optional(c::REASON, dictionary()),
        optional(c::CREDENTIAL, dictionary()),
        optional(c::FACTOR, dictionary()),
        optional(c::USERNAME_HASH, DataType::Utf8),
        optional(c::AMOUNT_MINOR, DataType::Int64),
        optional(c::AMOUNT_CURRENCY, dictionary()),
        optional(c::BALANCE_SHARE_PPM, DataType::UInt32),
        optional(c::BANK_BRANCH, DataType::Utf8),
        optional(c::BANK_ACCOUNT_KEY, DataType::Utf8),
        optional(c::CONTACT_TYPE, dictionary()),
        optional(c::ORDER, DataType::Utf8),
        optional(c::COUNTRY, dictionary()),
        optional(c::ASN, DataType::UInt32),
    ]))
}

/// Encodings and compression: keys as plain memory, time as deltas, dictionaries only where values repeat, the rest zstd.
pub(crate) fn writer_properties(order: &str, nulls: &str) -> WriterProperties {
    use column as c;
    let path = |name: &str| ColumnPath::from(name);
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by("sekisho".to_owned())
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_size_limit(1 << 20)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(8192)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(false)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_dictionary_enabled(false)
        .set_key_value_metadata(Some(vec![
            KeyValue::new(FORMAT_KEY.to_owned(), FORMAT_VERSION.to_owned()),
            KeyValue::new(ORDER_KEY.to_owned(), order.to_owned()),
            KeyValue::new(NULLS_KEY.to_owned(), nulls.to_owned()),
        ]));
    for key in [c::CUSTOMER_KEY, c::IP_LO] {
        properties = properties.set_column_compression(path(key), Compression::UNCOMPRESSED);
    }
    for key in [c::IP_HI, c::DEVICE_KEY] {
        properties = properties
            .set_column_compression(path(key), Compression::LZ4_RAW)
            .set_column_dictionary_enabled(path(key), key == c::IP_HI);
    }
    properties = properties
        .set_column_encoding(path(c::TIME), Encoding::DELTA_BINARY_PACKED)
        .set_column_compression(path(c::TIME), Compression::UNCOMPRESSED);
    // Nobody looks for a range of texts: comparing each with the least and the greatest would be for nothing. The nulls
    // that statistics would have told are in the footer.
    for text in schema().fields().iter().filter(|field| is_text(field.data_type())) {
        properties = properties.set_column_statistics_enabled(path(text.name()), EnabledStatistics::None);
    }
    for scattered in [c::CUSTOMER, c::DEVICE] {
        properties = properties.set_column_data_page_row_count_limit(path(scattered), SCATTERED_PAGE_ROWS);
    }
    if order == ORDER_CUSTOMER {
        for clustered in [c::TIME, c::DEVICE_KEY, c::ASN, c::BALANCE_SHARE_PPM] {
            properties =
                properties.set_column_data_page_row_count_limit(path(clustered), CLUSTERED_PAGE_ROWS);
        }
    }
    for repeating in [
        c::KIND,
        c::OUTCOME,
        c::CHANNEL,
        c::USER_AGENT,
        c::JA4,
        c::LANGUAGE,
        c::REASON,
        c::CREDENTIAL,
        c::FACTOR,
        c::AMOUNT_CURRENCY,
        c::CONTACT_TYPE,
        c::COUNTRY,
        c::ASN,
    ] {
        properties = properties
            .set_column_dictionary_enabled(path(repeating), true)
            .set_column_compression(path(repeating), Compression::LZ4_RAW);
    }
    properties.build()
}
