//! The binary as a user meets it: real processes, real signals, real limits of a file system.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up its fixture should stop")]

mod bad_input;
mod demo;
mod export;
mod forward;
mod http;
mod load;
mod nginx;
mod process;
mod replay;
mod serve;
mod stopping;
