//! Integration tests of the crate, one binary.

mod damaged;
mod import;
mod sweep;
