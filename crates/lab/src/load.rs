//! A load generator for `POST /v1/decide`: many connections, one thread, answers counted and timed.
//!
//! With a rate the load is open: requests are due at fixed moments whether or not earlier ones were answered, and a latency
//! counts from the moment the request was due, so that a server that stalls cannot hide it (no coordinated omission).
//! Flat out, each connection asks again as soon as it was answered, and a latency counts from sending.
//!
//! It shares the machine with the server it measures, so it does little: bodies are prepared, digits are written into them, and
//! one `epoll` tells which connections were answered (Linux). What the figures mean is for others to say.

mod generator;
mod past;
mod report;
mod requests;

use std::io;

pub use past::{PastError, write_past};
pub use report::LoadReport;

use crate::http::HttpError;

/// Connections at most.
pub const CONNECTIONS_MAX: u32 = 1_024;
/// Requests a second at most; more than a machine sends.
pub const RATE_MAX: u32 = 1_000_000;
/// Seconds at most.
pub const SECONDS_MAX: u32 = 3_600;
/// Requests of one run at most.
pub const REQUESTS_MAX: u64 = 100_000_000;
/// Seconds that pass for events in one second at most: a day in ten.
pub const PACE_MAX: u32 = 8_640;
/// Customers at most: their numbers have eight digits.
pub const CUSTOMERS_MAX: u32 = 99_999_999;

/// How much load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadOptions {
    /// Requests a second, 1 to [`RATE_MAX`]; flat out without.
    pub rate: Option<u32>,
    /// Connections, 1 to [`CONNECTIONS_MAX`].
    pub connections: u32,
    /// How long, 1 to [`SECONDS_MAX`].
    pub seconds: u32,
    /// Requests at most, 1 to [`REQUESTS_MAX`].
    pub requests: u64,
    /// Different customers, 1 to [`CUSTOMERS_MAX`].
    pub customers: u32,
    /// How many seconds of events' time pass in one second, 1 to [`PACE_MAX`]: events begin so long ago that after all of
    /// `seconds` they have reached the present.
    pub pace: u32,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { rate: None, connections: 64, seconds: 10, requests: REQUESTS_MAX, customers: 100_000, pace: 1 }
    }
}

/// Why there was no load.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// An option out of its limits.
    #[error("{what}: came {came}; allowed: 1 to {max}")]
    Limit {
        /// The option.
        what: &'static str,
        /// What came.
        came: u64,
        /// The most.
        max: u64,
    },
    /// Nobody listens.
    #[error("{host}: no server answers there; start one: sekisho serve")]
    Connect {
        /// Where.
        host: String,
        /// Why not.
        source: io::Error,
    },
    /// The key is not taken, or nothing was decided at all.
    #[error("the server refuses with status {status}: {detail}")]
    Refused {
        /// Its status.
        status: u16,
        /// What it said.
        detail: String,
    },
    /// What answers is no Sekisho server.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The operating system.
    #[error("waiting for answers failed")]
    Wait(#[source] io::Error),
    /// The histogram.
    #[error("measuring cannot begin")]
    Histogram(#[from] hdrhistogram::CreationError),
}

impl LoadOptions {
    fn check(&self) -> Result<(), LoadError> {
        let limits = [
            ("--rate", u64::from(self.rate.unwrap_or(1)), u64::from(RATE_MAX)),
            ("--connections", self.connections.into(), CONNECTIONS_MAX.into()),
            ("--seconds", self.seconds.into(), SECONDS_MAX.into()),
            ("--requests", self.requests, REQUESTS_MAX),
            ("--customers", self.customers.into(), CUSTOMERS_MAX.into()),
            ("--pace", self.pace.into(), PACE_MAX.into()),
        ];
        match limits.into_iter().find(|(_, came, max)| !(1..=*max).contains(came)) {
            Some((what, came, max)) => Err(LoadError::Limit { what, came, max }),
            None => Ok(()),
        }
    }
}

/// Puts load on a server until time or requests are used up, or `watch` says stop: then what was done so far is told.
///
/// Progress in `watch` is in requests.
///
/// # Errors
/// Options out of their limits, nobody listens, or what answers speaks no HTTP.
pub fn run(
    target: &crate::http::Target,
    key: &str,
    options: &LoadOptions,
    watch: &history::Watch,
) -> Result<LoadReport, LoadError> {
    options.check()?;
    let mut load = generator::Load::begin(target, key, options)?;
    load.run(watch)?;
    load.into_report()
}
