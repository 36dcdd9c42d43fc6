//! The server: events arrive over HTTP, are observed (what files say of an address is added, what must not be kept is
//! hashed), put into one order, weighed, made durable, and answered.
//!
//! The one path of an input: [`api`] reads and checks it, [`observe`] completes it, the [`sequencer`] applies and journals it.
//! The [`exporter`] makes history of it. Nothing is acknowledged that a power cut could lose. Must not know how records are weighed: that is `engine`'s.

pub mod api;
mod background;
pub mod backtest;
mod backtests;
pub mod bootstrap;
pub mod comparison;
mod connections;
pub mod daily;
mod envelope;
pub mod explain;
mod explanations;
pub mod exporter;
mod indexer;
mod jobs;
pub mod keys;
pub mod ledger;
pub mod lists;
pub mod log;
pub mod observe;
mod pages;
pub mod passwords;
pub mod past;
pub mod policies;
mod pressure;
mod profile;
pub mod proof;
mod rate;
mod readers;
pub mod secret;
pub mod sequencer;
pub mod serve;
pub mod shadow;
mod sweeps;
pub mod verify;
mod wording;

pub use serve::{ServeError, ServeOptions, serve};
