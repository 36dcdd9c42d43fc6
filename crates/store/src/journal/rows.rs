//! Reading rows of the journal, for its writer and for readers alike. Must not know how ids are indexed.

use rusqlite::{OptionalExtension as _, Row};

use super::{Entry, Found, OwnedEntry};
use crate::sqlite::Database;
use crate::{StoreError, checksum};

/// Asks for rows as `entry` reads them, where a condition holds.
macro_rules! select {
    ($condition:literal) => {
        concat!("SELECT seq, id, kind, time, digest, input, answer, checksum FROM input WHERE ", $condition)
    };
}

const READ: &str = select!("seq > ?1 ORDER BY seq LIMIT ?2");
const READ_BACK: &str = select!("seq < ?1 ORDER BY seq DESC LIMIT ?2");
const GET: &str = select!("seq = ?1");
const FOUND: &str = select!("seq = ?1 AND id = ?2");
/// A row after a sequence number that has this id.
pub(super) const FOUND_AFTER: &str = select!("seq > ?1 AND id = ?2");
const SPAN: &str = "SELECT (SELECT min(seq) FROM input), (SELECT max(seq) FROM input), \
                    (SELECT seq FROM mark WHERE name = 'trimmed')";

/// First and last sequence number, as [`super::Journal`] defines them.
pub(crate) fn span(database: &Database) -> Result<(u64, u64), StoreError> {
    let failed = || database.failed("reading its first and last row");
    let mut select = database.connection.prepare_cached(SPAN).map_err(failed())?;
    let (first, last, trimmed): (Option<u64>, Option<u64>, Option<u64>) =
        select.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).map_err(failed())?;
    let trimmed = trimmed.unwrap_or(0);
    let after_trimmed = trimmed.saturating_add(1);
    match first.zip(last) {
        Some((first, last)) if first == after_trimmed => Ok((first, last)),
        Some((first, _)) => {
            let problem = format!("it is trimmed up to {trimmed} but begins with {first}");
            Err(StoreError::damaged(&database.path, problem))
        }
        None => Ok((after_trimmed, trimmed)),
    }
}

/// See [`super::JournalReader::read`].
pub(super) fn read(
    database: &Database,
    after_seq: u64,
    limit_rows: usize,
    limit_bytes: usize,
) -> Result<Vec<OwnedEntry>, StoreError> {
    let mut entries: Vec<OwnedEntry> = Vec::new();
    let mut bytes: usize = 0;
    visit(database, after_seq, limit_rows, |entry| {
        bytes = bytes.saturating_add(entry.bytes());
        let fits = bytes <= limit_bytes || entries.is_empty();
        if fits {
            entries.push(entry.to_owned());
        }
        fits
    })?;
    Ok(entries)
}

/// See [`super::JournalReader::visit`].
pub(super) fn visit(
    database: &Database,
    after_seq: u64,
    limit_rows: usize,
    mut take: impl FnMut(&Entry<'_>) -> bool,
) -> Result<(), StoreError> {
    let failed = || database.failed("reading rows");
    let mut expected = after_seq.saturating_add(1);
    let limit_rows = i64::try_from(limit_rows).unwrap_or(i64::MAX);
    let after = i64::try_from(after_seq).unwrap_or(i64::MAX);
    let mut select = database.connection.prepare_cached(READ).map_err(failed())?;
    let mut rows = select.query((after, limit_rows)).map_err(failed())?;
    let mut is_empty = true;
    while let Some(row) = rows.next().map_err(failed())? {
        let entry = entry(row).map_err(failed())?;
        if entry.seq != expected {
            return Err(gap(database, after_seq, expected, entry.seq, is_empty));
        }
        is_empty = false;
        if !take(&entry) {
            break;
        }
        expected = expected.saturating_add(1);
    }
    drop(rows);
    drop(select);
    if is_empty && limit_rows > 0 {
        let (first, _) = span(database)?;
        if expected < first {
            return Err(StoreError::Trimmed { after: after_seq, first });
        }
    }
    Ok(())
}

/// See [`super::JournalReader::read_back`].
pub(super) fn read_back(
    database: &Database,
    before_seq: u64,
    limit_rows: usize,
    limit_bytes: usize,
) -> Result<Vec<OwnedEntry>, StoreError> {
    let failed = || database.failed("reading rows");
    let limit_rows = i64::try_from(limit_rows).unwrap_or(i64::MAX);
    let before = i64::try_from(before_seq).unwrap_or(i64::MAX);
    let mut select = database.connection.prepare_cached(READ_BACK).map_err(failed())?;
    let mut rows = select.query((before, limit_rows)).map_err(failed())?;
    let (mut entries, mut bytes) = (Vec::new(), 0_usize);
    while let Some(row) = rows.next().map_err(failed())? {
        let entry = entry(row).map_err(failed())?;
        bytes = bytes.saturating_add(entry.bytes());
        if bytes > limit_bytes && !entries.is_empty() {
            break;
        }
        entries.push(entry.to_owned());
    }
    Ok(entries)
}

/// See [`super::JournalReader::get`].
pub(super) fn get(database: &Database, seq: u64) -> Result<Option<OwnedEntry>, StoreError> {
    let failed = || database.failed("reading a row");
    let Ok(seq) = i64::try_from(seq) else { return Ok(None) };
    let mut select = database.connection.prepare_cached(GET).map_err(failed())?;
    select.query_row([seq], |row| entry(row).map(|entry| entry.to_owned())).optional().map_err(failed())
}

fn gap(database: &Database, after: u64, expected: u64, found: u64, at_once: bool) -> StoreError {
    if at_once && span(database).is_ok_and(|(first, _)| first == found) {
        return StoreError::Trimmed { after, first: found };
    }
    StoreError::damaged(&database.path, format!("row {expected} is missing before {found}"))
}

/// The row with this number if it has this id.
pub(super) fn found(database: &Database, seq: u64, id: &str) -> Result<Option<Found>, StoreError> {
    let failed = || database.failed("looking up an id");
    let mut select = database.connection.prepare_cached(FOUND).map_err(failed())?;
    select.query_row((seq, id), found_row).optional().map_err(failed())
}

/// What is known of a row's id.
pub(super) fn found_row(row: &Row<'_>) -> rusqlite::Result<Found> {
    let Entry { seq, time, digest, answer, .. } = entry(row)?;
    Ok(Found { seq, time, digest: digest.map(<[u8]>::to_vec), answer: answer.to_vec() })
}

fn entry<'a>(row: &'a Row<'_>) -> rusqlite::Result<Entry<'a>> {
    let entry = Entry {
        seq: row.get(0)?,
        id: row.get_ref(1)?.as_str_or_null()?,
        kind: row.get(2)?,
        time: row.get(3)?,
        digest: row.get_ref(4)?.as_blob_or_null()?,
        input: row.get_ref(5)?.as_blob()?,
        answer: row.get_ref(6)?.as_blob()?,
    };
    checksum::look_at(&entry, row.get(7)?)?;
    Ok(entry)
}
