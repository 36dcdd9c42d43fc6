//! The engine from the outside: inputs in, decisions and records out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot set up its fixture or finds something else should stop"
)]

mod brokers;
mod campaigns;
mod feedback;
mod learned;
mod made;
mod neighbours;
mod policy;
mod replay;
mod scenarios;
mod signals;
