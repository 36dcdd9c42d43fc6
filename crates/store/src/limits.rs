//! Limits of both files, with their units. Must not know who sets them.

/// What the store accepts and how much memory and disk it uses for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Rows in one batch of the journal.
    pub batch_rows_max: usize,
    /// Bytes of one batch of the journal: ids, digests, inputs and answers together.
    pub batch_bytes_max: usize,
    /// Bytes of one input, answer, digest, record, key or value of `meta`.
    pub blob_bytes_max: usize,
    /// Memory for pages of `journal.db`, in bytes.
    pub journal_cache_bytes: u32,
    /// Memory for pages of `state.db`, in bytes.
    pub state_cache_bytes: u32,
    /// Size in bytes at which a write-ahead log is merged into its file. A longer one makes merging rarer and recovery
    /// slower. While somebody copies or reads a file for long, its log grows past this.
    pub wal_bytes: u32,
    /// The same for `state.db`, whose pages are written again and again.
    pub state_wal_bytes: u32,
    /// Rows removed by one step of [`Journal::trim`](crate::Journal::trim).
    pub trim_rows: u32,
    /// Size of either file in bytes, from which it counts as full; `None` for as large as the disk. For quotas, and for tests
    /// of a full disk.
    pub file_bytes_max: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_rows_max: 8_192,
            batch_bytes_max: 16 << 20,
            blob_bytes_max: 1 << 20,
            journal_cache_bytes: 8 << 20,
            state_cache_bytes: 64 << 20,
            wal_bytes: 64 << 20,
            state_wal_bytes: 128 << 20,
            trim_rows: 4_096,
            file_bytes_max: None,
        }
    }
}
