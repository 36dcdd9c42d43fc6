//! Where a record lies in `state.db`, and the statements for it. Must not know what a record means.
//!
//! Most records, and the longest ones, have keys of eight bytes. Each kind of them has a table of its own, in which the key
//! is the row's number: such a tree holds rows in its leaves only, so that of millions of records one is found in three or
//! four pages, all but the last in memory. All others are in one table by kind and key, `WITHOUT ROWID`, whose inner pages
//! hold rows too. Its tree is twice as deep for the same records.

use std::sync::LazyLock;

use rusqlite::{CachedStatement, Connection, OptionalExtension as _};

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

/// Looks records up. What is prepared for one serves the next, which is mostly of the same kind.
pub(super) struct Loading<'a> {
    connection: &'a Connection,
    numbered: Option<(u8, CachedStatement<'a>)>,
    named: Option<CachedStatement<'a>>,
}

impl<'a> Loading<'a> {
    pub(super) const fn new(connection: &'a Connection) -> Self {
        Self { connection, numbered: None, named: None }
    }

    /// One record.
    pub(super) fn load(&mut self, kind: u8, key: &[u8]) -> rusqlite::Result<Option<Vec<u8>>> {
        let sealed: Option<Vec<u8>> = match place(kind, key) {
            Place::Numbered(texts, number) => {
                let statement = match &mut self.numbered {
                    Some((of, statement)) if *of == kind => statement,
                    other => &mut other.insert((kind, self.connection.prepare_cached(&texts.load)?)).1,
                };
                statement.query_row([number], |row| row.get(0)).optional()
            }
            Place::Named => {
                let statement = match &mut self.named {
                    Some(statement) => statement,
                    none => none.insert(self.connection.prepare_cached(NAMED.load)?),
                };
                statement.query_row((kind, key), |row| row.get(0)).optional()
            }
        }?;
        sealed.map(|sealed| checksum::open(kind, key, sealed)).transpose()
    }
}

/// Writes records. What is prepared for one serves the next, which is mostly of the same kind.
pub(super) struct Putting<'a> {
    connection: &'a Connection,
    numbered: Option<(u8, CachedStatement<'a>)>,
    named: Option<CachedStatement<'a>>,
    /// The last record with its digest.
    sealed: Vec<u8>,
}

impl<'a> Putting<'a> {
    pub(super) const fn new(connection: &'a Connection) -> Self {
        Self { connection, numbered: None, named: None, sealed: Vec::new() }
    }

    /// Writes a record, or deletes it.
    pub(super) fn put(&mut self, kind: u8, key: &[u8], bytes: Option<&[u8]>) -> rusqlite::Result<()> {
        let place = place(kind, key);
        let Some(bytes) = bytes else { return self.delete(kind, key, &place) };
        checksum::seal(kind, key, bytes, &mut self.sealed);
        match place {
            Place::Numbered(texts, number) => {
                let statement = match &mut self.numbered {
                    Some((of, statement)) if *of == kind => statement,
                    other => &mut other.insert((kind, self.connection.prepare_cached(&texts.put)?)).1,
                };
                statement.execute((number, &self.sealed))?;
            }
            Place::Named => {
                let statement = match &mut self.named {
                    Some(statement) => statement,
                    none => none.insert(self.connection.prepare_cached(NAMED.put)?),
                };
                statement.execute((kind, key, &self.sealed))?;
            }
        }
        Ok(())
    }

    fn delete(&self, kind: u8, key: &[u8], place: &Place) -> rusqlite::Result<()> {
        match place {
            Place::Numbered(texts, number) => {
                self.connection.prepare_cached(&texts.delete)?.execute([number])?
            }
            Place::Named => self.connection.prepare_cached(NAMED.delete)?.execute((kind, key))?,
        };
        Ok(())
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
