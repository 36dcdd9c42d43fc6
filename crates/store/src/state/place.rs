//! Where a record lies in `state.db`, and the statements for it. Must not know what a record means.
//!
//! Most records, and the longest ones, have keys of eight bytes. Each kind of them has a table of its own, in which the key
//! is the row's number: such a tree holds rows in its leaves only, so that of millions of records one is found in three or
//! four pages, all but the last in memory. All others are in one table by kind and key, `WITHOUT ROWID`, whose inner pages
//! hold rows too. Its tree is twice as deep for the same records.

use std::sync::LazyLock;

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, ToSql};

use super::Record;
use crate::checksum;

/// Kinds below it have a table for keys of eight bytes.
const NUMBERED_KINDS: u8 = 16;

/// What of the number is turned so that the order of rows, by signed numbers, is that of keys.
const SIGN: u64 = 1 << 63;

const NAMED: Texts<&str> = Texts {
    load: "SELECT bytes FROM record WHERE kind = ?1 AND key = ?2",
    put: "INSERT INTO record(kind, key, bytes) VALUES(?1, ?2, ?3) \
          ON CONFLICT(kind, key) DO UPDATE SET bytes = excluded.bytes",
    delete: "DELETE FROM record WHERE kind = ?1 AND key = ?2",
    scan: "SELECT key, bytes FROM record WHERE kind = ?1 AND key >= ?2 ORDER BY key LIMIT ?3",
    scan_back: "SELECT key, bytes FROM record WHERE kind = ?1 AND key < ?2 ORDER BY key DESC LIMIT ?3",
};

static NUMBERED: LazyLock<Vec<Texts<String>>> =
    LazyLock::new(|| (0..NUMBERED_KINDS).map(Texts::of).collect());

/// Statements for one table.
struct Texts<T> {
    load: T,
    put: T,
    delete: T,
    scan: T,
    scan_back: T,
}

impl Texts<String> {
    fn of(kind: u8) -> Self {
        Self {
            load: format!("SELECT bytes FROM numbered_{kind} WHERE number = ?1"),
            put: format!("INSERT OR REPLACE INTO numbered_{kind}(number, bytes) VALUES(?1, ?2)"),
            delete: format!("DELETE FROM numbered_{kind} WHERE number = ?1"),
            scan: format!(
                "SELECT number, bytes FROM numbered_{kind} WHERE number >= ?1 ORDER BY number LIMIT ?2"
            ),
            scan_back: format!(
                "SELECT number, bytes FROM numbered_{kind} WHERE number <= ?1 ORDER BY number DESC LIMIT ?2"
            ),
        }
    }
}

/// Where a record lies.
enum Place {
    Numbered(&'static Texts<String>, i64),
    Named,
}

fn place(kind: u8, key: &[u8]) -> Place {
    let number = key.try_into().ok().map(|key| from_key(u64::from_be_bytes(key)));
    match (NUMBERED.get(usize::from(kind)), number) {
        (Some(texts), Some(number)) => Place::Numbered(texts, number),
        _ => Place::Named,
    }
}

const fn from_key(key: u64) -> i64 {
    (key ^ SIGN).cast_signed()
}

const fn to_key(number: i64) -> [u8; 8] {
    (number.cast_unsigned() ^ SIGN).to_be_bytes()
}

/// The first key of eight bytes that is not before a key of any length; `None` if all are.
fn first_from(key: &[u8]) -> Option<u64> {
    match key.split_at_checked(8) {
        None => {
            let mut padded = [0; 8];
            padded.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
            Some(u64::from_be_bytes(padded))
        }
        Some((head, rest)) => {
            let head = head.try_into().map_or(u64::MAX, u64::from_be_bytes);
            if rest.is_empty() { Some(head) } else { head.checked_add(1) }
        }
    }
}

/// One record.
pub(super) fn load(connection: &Connection, kind: u8, key: &[u8]) -> rusqlite::Result<Option<Vec<u8>>> {
    let get = |mut select: CachedStatement<'_>, of: &[&dyn ToSql]| {
        select.query_row(of, |row| row.get(0)).optional()
    };
    let sealed: Option<Vec<u8>> = match place(kind, key) {
        Place::Numbered(texts, number) => get(connection.prepare_cached(&texts.load)?, &[&number]),
        Place::Named => get(connection.prepare_cached(NAMED.load)?, &[&kind, &key]),
    }?;
    sealed.map(|sealed| checksum::open(kind, key, sealed)).transpose()
}

/// Writes a record, or deletes it.
pub(super) fn put(
    connection: &Connection,
    kind: u8,
    key: &[u8],
    bytes: Option<Vec<u8>>,
) -> rusqlite::Result<()> {
    let run = |text: &str, of: &[&dyn ToSql]| connection.prepare_cached(text)?.execute(of).map(drop);
    match (place(kind, key), bytes.map(|bytes| checksum::seal(kind, key, bytes))) {
        (Place::Numbered(texts, number), Some(bytes)) => run(&texts.put, &[&number, &bytes]),
        (Place::Numbered(texts, number), None) => run(&texts.delete, &[&number]),
        (Place::Named, Some(bytes)) => run(NAMED.put, &[&kind, &key, &bytes]),
        (Place::Named, None) => run(NAMED.delete, &[&kind, &key]),
    }
}

/// Records of a kind from a key on, in the order of their keys.
pub(super) fn scan(
    connection: &Connection,
    kind: u8,
    from: &[u8],
    limit: i64,
) -> rusqlite::Result<Vec<Record>> {
    let mut records = named(connection, NAMED.scan, kind, from, limit)?;
    if let (Some(texts), Some(first)) = (NUMBERED.get(usize::from(kind)), first_from(from)) {
        records.extend(numbered(connection, &texts.scan, kind, first, limit)?);
    }
    records.sort_unstable();
    records.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(records)
}

/// Records of a kind before a key, the highest key first.
pub(super) fn scan_back(
    connection: &Connection,
    kind: u8,
    before: &[u8],
    limit: i64,
) -> rusqlite::Result<Vec<Record>> {
    let mut records = named(connection, NAMED.scan_back, kind, before, limit)?;
    let last = match first_from(before) {
        Some(first) => first.checked_sub(1),
        None => Some(u64::MAX),
    };
    if let (Some(texts), Some(last)) = (NUMBERED.get(usize::from(kind)), last) {
        records.extend(numbered(connection, &texts.scan_back, kind, last, limit)?);
    }
    records.sort_unstable_by(|one, other| other.cmp(one));
    records.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(records)
}

fn named(
    connection: &Connection,
    text: &str,
    kind: u8,
    key: &[u8],
    limit: i64,
) -> rusqlite::Result<Vec<Record>> {
    let mut select = connection.prepare_cached(text)?;
    let rows = select.query_map((kind, key, limit), |row| opened(kind, row.get(0)?, row.get(1)?))?;
    rows.collect()
}

fn numbered(
    connection: &Connection,
    text: &str,
    kind: u8,
    key: u64,
    limit: i64,
) -> rusqlite::Result<Vec<Record>> {
    let mut select = connection.prepare_cached(text)?;
    let rows = select
        .query_map((from_key(key), limit), |row| opened(kind, to_key(row.get(0)?).to_vec(), row.get(1)?))?;
    rows.collect()
}

fn opened(kind: u8, key: Vec<u8>, sealed: Vec<u8>) -> rusqlite::Result<Record> {
    let bytes = checksum::open(kind, &key, sealed)?;
    Ok((key, bytes))
}
