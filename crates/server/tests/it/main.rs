//! Integration tests of the crate, one binary.

mod exporter;
mod fixture;
mod trimming;
