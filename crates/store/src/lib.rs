//! Journal and state of a server, in two SQLite files of one data folder.
//!
//! [`Journal`] (`journal.db`) holds every input in order with the answer given: the truth. [`State`] (`state.db`) holds
//! what the inputs add up to, written behind and true up to a sequence number; the rest is replayed from the journal.
//! [`Index`] (`index.db`) says which inputs concern whom; it is derived and rebuilt when it is damaged.
//! [`Vault`] (`proof.db`) keeps what customers prove themselves with, which no journal has.
//! [`DataFolder`] keeps two servers apart and copies both files, consistent with each other, while they are in use.
//!
//! The crate knows bytes, not meaning: what an input, an answer or a record is stays with its callers. It knows no clock,
//! starts no threads and is not async. Whoever may wait longest gets a connection of its own ([`JournalReader`],
//! [`StateReader`], [`Checkpointer`]), so that nobody waits for the path of a decision.
//!
//! Invariants: what [`Journal::append`] has acknowledged survives a power cut; batches are whole or absent; sequence
//! numbers have no gaps; after a failed write nothing more is taken ([`StoreError::Refusing`]).

mod checksum;
mod copy;
mod error;
mod folder;
mod index;
mod journal;
mod limits;
mod schema;
mod sqlite;
mod state;
mod vault;
mod whole;

pub use error::StoreError;
pub use folder::{BASE_FILE, DataFolder, FolderView};
pub use index::{Index, IndexReader, IndexRow, Reached};
pub use journal::{
    Checkpointer, Entry, Finder, Found, ID_BYTES_MAX, Journal, JournalReader, Mark, OwnedEntry, Trimmed,
};
pub use limits::Limits;
pub use state::{Checkpoint, Record, State, StateReader};
pub use vault::{Sheet, Vault};
