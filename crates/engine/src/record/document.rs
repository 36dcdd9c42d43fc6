//! What the state keeps whole for others, by name: lists, policies, sealed profiles. No signal reads it, and it never leaves
//! memory.

use serde::{Deserialize, Serialize};

/// A document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// `list/mule-addresses`, `policy/00000003`.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// The input that brought it.
    pub seq: u64,
    /// When, microseconds since 1970.
    pub at_us: i64,
    /// Who: the name of an API key, or of what did it by itself.
    pub by: String,
}

impl Document {
    /// Bytes on the heap, this record's own included.
    pub(crate) const fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.name.capacity() + self.bytes.capacity() + self.by.capacity()
    }
}
