//! The binary as a user meets it: real processes, real signals, real limits of a file system.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up its fixture should stop")]

mod api;
mod bad_input;
mod http;
mod process;
mod serve;
mod stopping;
