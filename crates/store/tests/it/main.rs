//! Integration tests of the crate, one binary.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its fixture or find what it expects should stop"
)]

mod cut;
mod decay;
mod fixture;
mod folder;
mod full;
mod journal;
mod kill;
mod state;
