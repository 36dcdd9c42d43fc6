//! Rows of the RBA data set's CSV as logins: columns by header name, one row in memory, every broken row explained.
//!
//! It reads only the columns the score needs and knows nothing of scores.

use std::fmt;
use std::io::{self, BufRead, Read};

use csv::{ErrorKind, ReaderBuilder, StringRecord};

use super::{Login, ScoreError};

/// Longest record that is read at all, in bytes. A quotation mark that is never closed would otherwise take the rest
/// of the file into memory.
pub const RECORD_BYTES_MAX: u64 = 16 << 20;
/// Longest row that may enter the history, in bytes of its fields.
pub const ROW_BYTES_MAX: usize = 64 << 10;
/// Bytes of a foreign value that an error message repeats.
const QUOTED_CHARS_MAX: usize = 40;
/// Bytes of a header that an error message repeats: enough for the data set's own.
const HEADER_CHARS_MAX: usize = 400;
const READ_BUFFER_BYTES: usize = 256 << 10;

/// Why a row was left out. What it repeats of the row is cut short.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// The row has more or fewer fields than the header.
    #[error("{found} columns where the header has {expected}")]
    ColumnCount {
        /// Fields in the row.
        found: usize,
        /// Columns in the header.
        expected: usize,
    },
    /// A field is not UTF-8.
    #[error("column {column}: not UTF-8 after {valid_bytes} bytes of the field")]
    NotUtf8 {
        /// The column's name, or its number where the header has no such column.
        column: String,
        /// Length of the field's sound beginning, in bytes.
        valid_bytes: usize,
    },
    /// `Login Successful` is neither true nor false.
    #[error("column {column}: {found:?} where True or False is allowed", column = Columns::SUCCESSFUL)]
    NotBoolean {
        /// What came, cut to 40 characters.
        found: String,
    },
    /// The row is longer than any login.
    #[error("{bytes} bytes long; at most {ROW_BYTES_MAX} are allowed")]
    TooLong {
        /// Length of the row's fields.
        bytes: usize,
    },
}

/// A login of the data set.
#[derive(Debug)]
pub(super) struct RbaLogin<'a> {
    pub(super) login: Login<'a>,
    pub(super) successful: bool,
}

/// The data rows of one file, one at a time.
pub(super) struct Rows<R> {
    reader: csv::Reader<Metered<R>>,
    header: Vec<String>,
    columns: Columns,
    record: StringRecord,
    /// Data rows delivered so far, broken ones included.
    rows: u64,
}

impl<R: BufRead> Rows<R> {
    /// Reads the header and finds the columns.
    pub(super) fn open(inner: R) -> Result<Self, ScoreError> {
        let metered = Metered { inner, allowance_bytes: RECORD_BYTES_MAX };
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(READ_BUFFER_BYTES)
            .from_reader(metered);
        let mut record = StringRecord::new();
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Err(ScoreError::Empty),
            Err(error) => match error.into_kind() {
                ErrorKind::Utf8 { .. } => return Err(ScoreError::HeaderNotUtf8),
                kind => return Err(read_error(kind, 0)),
            },
        }
        let header: Vec<String> = record.iter().map(|name| name.trim().to_owned()).collect();
        let columns = Columns::find(&header)?;
        Ok(Self { reader, header, columns, record, rows: 0 })
    }

    /// The next row: a login, or why it is none. Ends with `None`.
    pub(super) fn next(&mut self) -> Result<Option<Result<RbaLogin<'_>, RowFault>>, ScoreError> {
        self.reader.get_mut().allowance_bytes = RECORD_BYTES_MAX;
        match self.reader.read_record(&mut self.record) {
            Ok(false) => return Ok(None),
            Ok(true) => {}
            Err(error) => match error.into_kind() {
                ErrorKind::Utf8 { err, .. } => {
                    self.rows += 1;
                    let column = self
                        .header
                        .get(err.field())
                        .map_or_else(|| (err.field() + 1).to_string(), |name| cut(name, QUOTED_CHARS_MAX));
                    return Ok(Some(Err(RowFault::NotUtf8 { column, valid_bytes: err.valid_up_to() })));
                }
                kind => return Err(read_error(kind, self.rows)),
            },
        }
        self.rows += 1;
        Ok(Some(self.columns.login(&self.record, self.header.len())))
    }
}

fn read_error(kind: ErrorKind, rows: u64) -> ScoreError {
    match kind {
        ErrorKind::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<AllowanceSpent>()) => {
            ScoreError::RecordTooLong { rows }
        }
        ErrorKind::Io(source) => ScoreError::Read { rows, source },
        other => ScoreError::Read { rows, source: io::Error::other(format!("{other:?}")) },
    }
}

/// Where the needed columns stand.
#[derive(Debug)]
struct Columns {
    customer: usize,
    ip: usize,
    asn: usize,
    country: usize,
    user_agent: usize,
    browser: usize,
    os: usize,
    device: usize,
    successful: usize,
}

impl Columns {
    const SUCCESSFUL: &str = "Login Successful";
    const NAMES: [&str; 9] = [
        "User ID",
        "IP Address",
        "ASN",
        "Country",
        "User Agent String",
        "Browser Name and Version",
        "OS Name and Version",
        "Device Type",
        Self::SUCCESSFUL,
    ];

    fn find(header: &[String]) -> Result<Self, ScoreError> {
        let mut at = [0; Self::NAMES.len()];
        let mut missing = Vec::new();
        for (slot, name) in at.iter_mut().zip(Self::NAMES) {
            let mut places = header.iter().enumerate().filter(|(_, found)| *found == name);
            match (places.next(), places.next()) {
                (Some((place, _)), None) => *slot = place,
                (Some(_), Some(_)) => return Err(ScoreError::RepeatedColumn { column: name }),
                (None, _) => missing.push(name),
            }
        }
        if !missing.is_empty() {
            let found = cut(&header.join(", "), HEADER_CHARS_MAX);
            return Err(ScoreError::MissingColumns { missing: missing.join(", "), found });
        }
        let [customer, ip, asn, country, user_agent, browser, os, device, successful] = at;
        Ok(Self { customer, ip, asn, country, user_agent, browser, os, device, successful })
    }

    fn login<'a>(&self, record: &'a StringRecord, expected: usize) -> Result<RbaLogin<'a>, RowFault> {
        if record.len() != expected {
            return Err(RowFault::ColumnCount { found: record.len(), expected });
        }
        let bytes = record.as_slice().len();
        if bytes > ROW_BYTES_MAX {
            return Err(RowFault::TooLong { bytes });
        }
        let field = |at: usize| record.get(at).unwrap_or_default();
        let successful = match field(self.successful) {
            value if value.eq_ignore_ascii_case("true") => true,
            value if value.eq_ignore_ascii_case("false") => false,
            other => return Err(RowFault::NotBoolean { found: cut(other, QUOTED_CHARS_MAX) }),
        };
        let login = Login {
            customer: field(self.customer),
            ip: field(self.ip),
            asn: field(self.asn),
            country: field(self.country),
            user_agent: field(self.user_agent),
            browser: field(self.browser),
            os: field(self.os),
            device: field(self.device),
        };
        Ok(RbaLogin { login, successful })
    }
}

fn cut(value: &str, chars_max: usize) -> String {
    match value.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()),
        None => value.to_owned(),
    }
}

/// A reader that stops when one record has taken more than its allowance, which is renewed record by record.
struct Metered<R> {
    inner: R,
    allowance_bytes: u64,
}

#[derive(Debug)]
struct AllowanceSpent;

impl fmt::Display for AllowanceSpent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a record is longer than allowed")
    }
}

impl std::error::Error for AllowanceSpent {}

impl<R: BufRead> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.allowance_bytes == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, AllowanceSpent));
        }
        let read = self.inner.read(buffer)?;
        self.allowance_bytes = self.allowance_bytes.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(read)
    }
}
