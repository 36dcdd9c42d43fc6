//! The binary as a user meets it: real processes, real signals, real limits of a file system.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot set up its fixture, or finds something else in an answer, should stop"
)]

mod api;
mod bad_input;
mod bootstrap;
mod browser;
mod calls;
mod centre;
mod centre_pages;
mod changes;
mod client;
mod codes;
mod demo;
mod devices;
mod doubt;
mod evaluate;
mod example_site;
mod export;
mod fields;
mod forward;
mod front_ends;
mod gateway;
mod guesses;
mod http;
mod load;
mod metrics;
mod nginx;
mod passkeys;
mod pip;
mod process;
mod proof;
mod proof_pages;
mod races;
mod relay;
mod replay;
mod secret;
mod serve;
mod snippets;
mod stalling;
mod stopping;
mod timed;
mod well_known;
