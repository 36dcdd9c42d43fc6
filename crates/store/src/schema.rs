//! The tables of both files as numbered migrations: migration n brings `user_version` from n to n+1, in one transaction.
//! A migration that has been released is never changed; the next one is added. Must not know what the rows mean.

/// What tells one kind of file from another and how to bring an old one up to date.
#[derive(Debug)]
pub(crate) struct Schema {
    /// SQLite's `application_id`, so that swapped files are noticed.
    pub(crate) application_id: i32,
    /// In order.
    pub(crate) migrations: &'static [Migration],
    /// Bytes of a page of a new file.
    pub(crate) page_bytes: u32,
    /// SQLite's `synchronous`.
    pub(crate) synchronous: &'static str,
    /// Asks for a text that grows with every transaction, by which an older state of the file is told from a newer one. It
    /// comes from a single row, so that every transaction writes that row's page; `whole` relies on it.
    pub(crate) progress: &'static str,
}

/// From one version of a file to the next.
#[derive(Debug)]
pub(crate) enum Migration {
    Sql(&'static str),
    /// What the rows hold has another form, so that they are made anew from elsewhere. An older file is not opened.
    Anew,
}

use crate::sqlite::PAGE_BYTES;
use Migration::{Anew, Sql};

/// `journal.db`. Synced at every commit: an input is acknowledged only when a power cut cannot lose it.
///
/// `id_run` and `id_span` stand in for an index on `input.id`; see `journal::ids` for why there is none.
pub(crate) const JOURNAL: Schema = Schema {
    application_id: 0x5345_4b4a,
    migrations: &[
        Sql("
        CREATE TABLE input(
            seq INTEGER PRIMARY KEY,
            id TEXT,
            kind INTEGER NOT NULL,
            time INTEGER NOT NULL,
            digest BLOB,
            input BLOB NOT NULL,
            answer BLOB NOT NULL
        ) STRICT;
        CREATE TABLE id_run(
            run INTEGER NOT NULL,
            hash INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            PRIMARY KEY(run, hash, seq)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE id_span(run INTEGER PRIMARY KEY, sieve BLOB NOT NULL) STRICT;
        CREATE TABLE mark(name TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        INSERT INTO mark(name, seq) VALUES('commits', 0);
    "),
        // Of the whole row; rows from before have none.
        Sql("ALTER TABLE input ADD COLUMN checksum INTEGER"),
        // Inputs have another form, version 3. Refused here, before the state is touched.
        Anew,
    ],
    page_bytes: PAGE_BYTES,
    synchronous: "FULL",
    progress: "SELECT printf('%020d', seq) FROM mark WHERE name = 'commits'",
};

/// `state.db`. Synced when its log is merged, not at every commit: the journal is the truth, so a checkpoint that a power
/// cut takes back is replayed. With a write-ahead log that never damages the file; checkpoints vanish whole, last first.
///
/// Pages are small: a checkpoint changes some of a few hundred bytes each all over the file, and its log, which a start
/// reads whole, holds whole pages.
pub(crate) const STATE: Schema = Schema {
    application_id: 0x5345_4b53,
    migrations: &[
        Sql("
        CREATE TABLE record(
            kind INTEGER NOT NULL,
            key BLOB NOT NULL,
            bytes BLOB NOT NULL,
            PRIMARY KEY(kind, key)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
    "),
        Anew,
        Anew,
        // Strangers are counted once; keys of IPv4 addresses and networks have eight bytes.
        Anew,
        // See `state::place`.
        Sql("
        CREATE TABLE numbered_0(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE numbered_1(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE numbered_2(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE numbered_3(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE numbered_4(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE numbered_5(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE numbered_6(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE numbered_7(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE numbered_8(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE numbered_9(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE numbered_10(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE numbered_11(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE numbered_12(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE numbered_13(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE numbered_14(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE numbered_15(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
    "),
        // Two forms before this one had the same number for a while.
        Anew,
        // Customers keep when they reported and were identified; accounts, when a bank told of them.
        Anew,
        // A digest is behind every record.
        Anew,
        // Customers keep when a factor of theirs looked like a copy.
        Anew,
        // Clusters keep when each of their names was counted; customers, what a bank said of their account.
        Anew,
    ],
    page_bytes: 2_048,
    synchronous: "NORMAL",
    progress: "SELECT coalesce((SELECT hex(value) FROM meta WHERE name = 'seq'), '')",
};

/// `proof.db`. Synced at every commit: a challenge that was used must not be open again after a power cut.
pub(crate) const VAULT: Schema = Schema {
    application_id: 0x5345_4b50,
    migrations: &[Sql("
        CREATE TABLE kept(
            kind INTEGER NOT NULL,
            key BLOB NOT NULL,
            bytes BLOB NOT NULL,
            ends INTEGER,
            PRIMARY KEY(kind, key)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX kept_ends ON kept(ends) WHERE ends IS NOT NULL;
        CREATE TABLE mark(name TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        INSERT INTO mark(name, seq) VALUES('commits', 0);
    ")],
    page_bytes: PAGE_BYTES,
    synchronous: "FULL",
    progress: "SELECT printf('%020d', seq) FROM mark WHERE name = 'commits'",
};

/// `index.db`. Derived: a power cut may take runs back, whoever follows the journal adds them again. A run's number is the
/// last row of the journal that it covers.
pub(crate) const INDEX: Schema = Schema {
    application_id: 0x5345_4b49,
    migrations: &[
        Sql("
        CREATE TABLE entry(
            run INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            key INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            PRIMARY KEY(run, kind, key, seq)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE run(run INTEGER PRIMARY KEY, first INTEGER NOT NULL) STRICT;
        CREATE TABLE reached(
            one INTEGER PRIMARY KEY CHECK(one = 1),
            seq INTEGER NOT NULL,
            digest INTEGER NOT NULL,
            commits INTEGER NOT NULL
        ) STRICT;
        INSERT INTO reached(one, seq, digest, commits) VALUES(1, 0, 0, 0);
    "),
        // What customers said was not them is kept apart: all of it is made anew.
        Sql(
            "DELETE FROM entry; DELETE FROM run; UPDATE reached SET seq = 0, digest = 0, commits = commits + 1;",
        ),
    ],
    page_bytes: PAGE_BYTES,
    synchronous: "NORMAL",
    progress: "SELECT printf('%020d', commits) FROM reached",
};
