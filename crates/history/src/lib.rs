//! The past: history files in Parquet, importers that make them from foreign logs, and the sweep that examines them.
//!
//! One code path: whatever a log looked like, it becomes [`model::Event`]s, then rows ([`rows`]), then files ([`writer`]),
//! and every question is asked of the files. Must not know terminals, configuration files or the live server.

mod columns;
pub mod compact;
pub mod describe;
pub mod error;
pub mod events;
pub mod files;
pub mod guard;
pub mod import;
pub mod live;
pub mod locales;
pub mod procedures;
mod reading;
pub mod rows;
pub mod schema;
pub mod staging;
pub mod sweep;
pub mod watch;
pub mod writer;

pub use error::HistoryError;
pub use watch::Watch;
