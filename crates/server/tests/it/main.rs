//! Integration tests of the crate, one binary.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot set up its fixture should stop"
)]

mod exporter;
mod fixture;
mod memory;
mod panicking;
mod past;
mod trimming;
mod warm;
