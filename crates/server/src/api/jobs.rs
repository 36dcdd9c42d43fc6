//! What sweeps and back-tests have in common on the wire. Must not know what they do.

use model::Time;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::jobs::{Job, JobError};
use crate::log::{line, with_sources};

/// Long work as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobTold {
    /// Its number.
    id: u32,
    /// `waiting`, `running`, `done` or `failed`.
    state: &'static str,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    at: Time,
    /// By whom: the name of a key.
    by: String,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl JobTold {
    pub(super) fn of<A>(job: &Job<A>) -> Self {
        Self {
            id: job.id,
            state: job.state.as_str(),
            at: job.at,
            by: job.by.clone(),
            problem: job.problem().map(str::to_owned),
        }
    }
}

pub(super) fn not_taken(error: JobError) -> Problem {
    match error {
        JobError::Busy { .. } => Problem::not_now(error.to_string(), 60),
        JobError::Full { .. } => Problem::conflict(error.to_string()),
        JobError::Io(_) => {
            line("job.failed", &with_sources(&error));
            Problem::not_now("the request could not be kept; the server's log says why", 60)
        }
    }
}

/// What became of asking one to stop.
pub(super) fn stopped(stopped: Result<std::io::Result<()>, tokio::task::JoinError>) -> Result<(), Problem> {
    stopped.map_err(std::io::Error::other).flatten().map_err(|error| {
        line("job.failed", &format!("a request to stop is not kept: {}", with_sources(&error)));
        Problem::not_now(
            "it stops, but a restart may begin it again: that could not be kept; the server's log says why",
            10,
        )
    })
}
