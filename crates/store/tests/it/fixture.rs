//! Rows whose contents follow from their number, so that any of them can be checked alone.

use std::path::{Path, PathBuf};

use store::{Entry, Journal, JournalReader, Limits, OwnedEntry};

/// The row with a number. Every seventh has no id; a digest tells its batch.
pub(crate) fn row(seq: u64, batch: u64) -> OwnedEntry {
    let size = usize::try_from(seq * 37 % 700).unwrap();
    OwnedEntry {
        seq,
        id: (!seq.is_multiple_of(7)).then(|| id(seq)),
        kind: u8::try_from(seq % 200).unwrap(),
        time: 1_700_000_000_000_000 + i64::try_from(seq).unwrap(),
        digest: Some(batch.to_be_bytes().to_vec()),
        input: vec![u8::try_from(seq % 251).unwrap(); size],
        answer: seq.to_be_bytes().to_vec(),
    }
}

/// The id of a row that has one.
pub(crate) fn id(seq: u64) -> String {
    format!("{:016x}-{seq}", seq.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Appends rows after the last as one batch, named by its first row.
pub(crate) fn append(journal: &mut Journal, rows: u64) -> Result<(), store::StoreError> {
    let first = journal.last_seq() + 1;
    let rows: Vec<_> = (first..first + rows).map(|seq| row(seq, first)).collect();
    let batch: Vec<Entry<'_>> = rows.iter().map(OwnedEntry::as_entry).collect();
    journal.append(&batch)
}

pub(crate) fn open(folder: &Path) -> Journal {
    Journal::open(&path(folder), Limits::default()).unwrap()
}

pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join("journal.db")
}

/// Every row of a journal, each as it was written, in order, without a gap, batches whole: the last row of each batch is
/// there if the first is, which `batch_rows` tells. Gives the last number.
pub(crate) fn check_rows(journal: &Journal, batch_rows: impl Fn(u64) -> u64) -> u64 {
    let mut next = journal.first_seq();
    let mut batch = (next, 0);
    loop {
        let rows = journal.read(next - 1, 1_000, 1 << 20).unwrap();
        if rows.is_empty() {
            break;
        }
        for entry in rows {
            if entry.seq == batch.0 + batch.1 {
                batch = (entry.seq, batch_rows(entry.seq));
            }
            assert_eq!(entry, row(next, batch.0));
            next += 1;
        }
    }
    assert_eq!(next, batch.0 + batch.1, "the last batch is cut");
    assert_eq!(next - 1, journal.last_seq());
    next - 1
}

/// Copies a journal with its log, as a crash would leave it.
pub(crate) fn crash_copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in ["journal.db", "journal.db-wal"] {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

pub(crate) fn reader(folder: &Path) -> JournalReader {
    JournalReader::open(&path(folder)).unwrap()
}
