//! Short digests kept beside rows, by which bytes that changed on the disk are noticed: SQLite itself looks at the shape of a page
//! only. They stand against decay, not against who can write the file. Must not know what rows mean.

use rusqlite::types::Type;
use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_64_with_seed};

use crate::Entry;

const RECORD_BYTES: usize = 4;

/// A row that is not what was written. Told as damage, see `StoreError::sqlite`.
#[derive(Debug, thiserror::Error)]
#[error("its bytes are not those that were written")]
struct Changed;

fn changed() -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, Box::new(Changed))
}

/// Leaves in `sealed` a record's bytes with their digest behind them. A record in another's place is noticed too.
pub(crate) fn seal(kind: u8, key: &[u8], bytes: &[u8], sealed: &mut Vec<u8>) {
    sealed.clear();
    sealed.extend_from_slice(bytes);
    sealed.extend_from_slice(&of_record(kind, key, bytes));
}

/// A record's bytes, if they are those that were sealed.
pub(crate) fn open(kind: u8, key: &[u8], mut sealed: Vec<u8>) -> rusqlite::Result<Vec<u8>> {
    let length = sealed.len().checked_sub(RECORD_BYTES).ok_or_else(changed)?;
    let (bytes, sum) = sealed.split_at(length);
    if of_record(kind, key, bytes) != sum {
        return Err(changed());
    }
    sealed.truncate(length);
    Ok(sealed)
}

fn of_record(kind: u8, key: &[u8], bytes: &[u8]) -> [u8; RECORD_BYTES] {
    let place = xxh3_64_with_seed(key, kind.into());
    let [.., a, b, c, d] = xxh3_64_with_seed(bytes, place).to_be_bytes();
    [a, b, c, d]
}

/// The digest of a row of the journal.
pub(crate) fn of_entry(entry: &Entry<'_>) -> i64 {
    let Entry { seq, id, kind, time, digest, input, answer } = entry;
    let mut sum = Xxh3::with_seed(*seq);
    sum.update(&[*kind]);
    sum.update(&time.to_be_bytes());
    // Each part by its own digest, so that nothing moves from one to the next unnoticed.
    for part in [id.map(str::as_bytes), *digest, Some(*input), Some(*answer)] {
        sum.update(&part.map_or(0, xxh3_64).to_be_bytes());
    }
    sum.digest().cast_signed()
}

/// An error if this is not the digest that was kept; rows of earlier versions have none.
pub(crate) fn look_at(entry: &Entry<'_>, kept: Option<i64>) -> rusqlite::Result<()> {
    match kept {
        Some(kept) if kept != of_entry(entry) => Err(changed()),
        Some(_) | None => Ok(()),
    }
}
