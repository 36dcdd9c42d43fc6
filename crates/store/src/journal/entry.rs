//! One row of the journal, as given, as read, and as found by its id. Bytes only.

/// Longest id of an input, in bytes.
pub const ID_BYTES_MAX: usize = 128;

/// One input and its answer, to be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its number: one more than the one before, from 1.
    pub seq: u64,
    /// The sender's id, at most [`ID_BYTES_MAX`] bytes, unique in the journal; `None` for inputs without one.
    pub id: Option<&'a str>,
    /// Which sort of input, as its encoding needs to know.
    pub kind: u8,
    /// The time in the input, in microseconds since 1970 UTC.
    pub time: i64,
    /// What tells the same input sent again from another one with the same id.
    pub digest: Option<&'a [u8]>,
    /// The input.
    pub input: &'a [u8],
    /// The answer.
    pub answer: &'a [u8],
}

impl Entry<'_> {
    /// Bytes that count towards limits.
    pub(super) fn bytes(&self) -> usize {
        let id = self.id.map_or(0, str::len);
        let digest = self.digest.map_or(0, <[u8]>::len);
        id.saturating_add(digest).saturating_add(self.input.len()).saturating_add(self.answer.len())
    }

    /// The same row, with its bytes copied.
    #[must_use]
    pub fn to_owned(&self) -> OwnedEntry {
        OwnedEntry {
            seq: self.seq,
            id: self.id.map(str::to_owned),
            kind: self.kind,
            time: self.time,
            digest: self.digest.map(<[u8]>::to_vec),
            input: self.input.to_vec(),
            answer: self.answer.to_vec(),
        }
    }
}

/// One input and its answer, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedEntry {
    /// See [`Entry::seq`].
    pub seq: u64,
    /// See [`Entry::id`].
    pub id: Option<String>,
    /// See [`Entry::kind`].
    pub kind: u8,
    /// See [`Entry::time`].
    pub time: i64,
    /// See [`Entry::digest`].
    pub digest: Option<Vec<u8>>,
    /// See [`Entry::input`].
    pub input: Vec<u8>,
    /// See [`Entry::answer`].
    pub answer: Vec<u8>,
}

impl OwnedEntry {
    /// The same row, borrowed.
    #[must_use]
    pub fn as_entry(&self) -> Entry<'_> {
        Entry {
            seq: self.seq,
            id: self.id.as_deref(),
            kind: self.kind,
            time: self.time,
            digest: self.digest.as_deref(),
            input: &self.input,
            answer: &self.answer,
        }
    }
}

/// What is known of an id that came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// See [`Entry::seq`].
    pub seq: u64,
    /// See [`Entry::time`].
    pub time: i64,
    /// See [`Entry::digest`].
    pub digest: Option<Vec<u8>>,
    /// See [`Entry::answer`].
    pub answer: Vec<u8>,
}
