//! Integration tests of the crate, one binary.

mod import;
mod sweep;
