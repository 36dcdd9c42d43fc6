//! Removing rows from the journal's beginning, behind everybody who still needs them. Must not know who that is beyond
//! their [`Mark`]s.

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use super::Journal;
use crate::StoreError;
use crate::sqlite::Database;

/// Up to where somebody is done with the journal. Kept in it, durable when set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The exporter has published everything up to there as history.
    Exported,
    /// The state's last checkpoint is true up to there.
    Checkpointed,
}

impl Mark {
    const ALL: [Self; 2] = [Self::Exported, Self::Checkpointed];

    const fn name(self) -> &'static str {
        match self {
            Self::Exported => "exported",
            Self::Checkpointed => "checkpointed",
        }
    }
}

/// What one step of trimming did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trimmed {
    /// Rows removed.
    pub rows: u64,
    /// Whether rows up to the number asked for remain: call again.
    pub more: bool,
}

const SET: &str =
    "INSERT INTO mark(name, seq) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET seq = excluded.seq";

/// See [`Journal::marked`].
pub(super) fn marked(database: &Database, mark: Mark) -> Result<u64, StoreError> {
    let seq = database
        .connection
        .query_row("SELECT seq FROM mark WHERE name = ?1", [mark.name()], |row| row.get(0))
        .optional()
        .map_err(database.failed("reading a mark"))?;
    Ok(seq.unwrap_or(0))
}

impl Journal {
    /// Up to where somebody is done; 0 at first.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn marked(&self, mark: Mark) -> Result<u64, StoreError> {
        marked(&self.database, mark)
    }

    /// Notes up to where somebody is done. May go back, as after a restore, but not behind what has been trimmed.
    ///
    /// # Errors
    /// [`StoreError::Position`] outside the journal. A failed write is as one of [`Journal::append`].
    pub fn mark(&mut self, mark: Mark, seq: u64) -> Result<(), StoreError> {
        self.ready()?;
        let (from, to) = (self.first_seq.saturating_sub(1), self.last_seq);
        if seq < from || seq > to {
            let why = "has been trimmed and what has been written";
            return Err(StoreError::Position { asked: seq, from, to, why });
        }
        let set = set(&mut self.database.connection, mark, seq).map_err(self.failed("setting a mark"));
        self.poisoning(to.saturating_add(1), set)
    }

    /// Removes rows up to `up_to_seq`, at most [`Limits::trim_rows`](crate::Limits) of them, so that inputs wait some
    /// milliseconds and no more; call again while there is [`Trimmed::more`]. Ids of removed rows are forgotten.
    ///
    /// # Errors
    /// [`StoreError::Position`] past a [`Mark`]. A failed write is as one of [`Journal::append`].
    pub fn trim(&mut self, up_to_seq: u64) -> Result<Trimmed, StoreError> {
        self.ready()?;
        let mut to = self.last_seq;
        for mark in Mark::ALL {
            to = to.min(self.marked(mark)?);
        }
        let from = self.first_seq.saturating_sub(1);
        if up_to_seq > to {
            let why = "has been trimmed and what has been both exported and checkpointed";
            return Err(StoreError::Position { asked: up_to_seq, from, to, why });
        }
        let step = up_to_seq.min(from.saturating_add(u64::from(self.limits.trim_rows.max(1))));
        if step <= from {
            return Ok(Trimmed { rows: 0, more: false });
        }
        let removed = remove(&mut self.database.connection, step).map_err(self.failed("trimming"));
        self.poisoning(self.last_seq.saturating_add(1), removed)?;
        self.first_seq = step.saturating_add(1);
        super::finder::write(&self.ids).trimmed(step);
        Ok(Trimmed { rows: step.saturating_sub(from), more: step < up_to_seq })
    }
}

/// To be called in every transaction; see [`Schema::progress`](crate::schema::Schema).
pub(super) fn count_commit(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.prepare_cached("UPDATE mark SET seq = seq + 1 WHERE name = 'commits'")?.execute([]).map(drop)
}

fn set(connection: &mut Connection, mark: Mark, seq: u64) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(SET, (mark.name(), seq))?;
    count_commit(&transaction)?;
    transaction.commit()
}

fn remove(connection: &mut Connection, up_to: u64) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute("DELETE FROM input WHERE seq <= ?1", [up_to])?;
    // Runs end every 32,768 rows or a batch more, so that a step ends few of them.
    transaction.execute("DELETE FROM id_run WHERE run <= ?1", [up_to])?;
    transaction.execute("DELETE FROM id_span WHERE run <= ?1", [up_to])?;
    transaction.execute(SET, ("trimmed", up_to))?;
    count_commit(&transaction)?;
    transaction.commit()
}
