//! Integration tests of the crate, one binary.

mod damaged;
mod describe;
mod import;
mod live;
mod sweep;
