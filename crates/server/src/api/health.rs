//! `GET /healthz`, `/readyz`, `/metrics`: whether the process lives, whether it takes inputs, and what it counts (Prometheus
//! text format 0.0.4). Without a key: nothing personal is in them.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use engine::Verdict;

use super::App;
use super::problem::Problem;
use crate::proof::{Gateway, GatewayOutcome};
use crate::sequencer::{ANSWER_WAIT_MAX, AskError};

/// Whether the process lives.
#[utoipa::path(
    get, operation_id = "healthz", path = "/healthz", tag = "server", security(()),
    responses((status = 200, body = String, content_type = "text/plain", description = "So it is")),
)]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether inputs are taken.
#[utoipa::path(
    get, operation_id = "readyz", path = "/readyz", tag = "server", security(()),
    responses(
        (status = 200, body = String, content_type = "text/plain", description = "So it is"),
        (status = 503, body = Problem, content_type = "application/problem+json",
         description = "None are taken; `detail` says why"),
    ),
)]
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    if !app.sequencer.is_taking() {
        let why = "the journal could not be written; remove the cause, then restart";
        return Err(AskError::Refusing(why.to_owned()).into());
    }
    if app.sequencer.commit_age_s((app.clock)()) >= ANSWER_WAIT_MAX.as_secs() {
        return Err(Problem::not_now(
            "the disk stalls: a commit of the journal takes longer than ten seconds",
            5,
        ));
    }
    Ok("ready\n")
}

/// What the server counts, for Prometheus.
#[utoipa::path(
    get, operation_id = "metrics", path = "/metrics", tag = "server", security(()),
    responses((status = 200, body = String, content_type = "text/plain", description = "So it is")),
)]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let gauges = app.sequencer.gauges();
    let mut text = String::new();
    let mut family = |name: &str, sort: &str, help: &str, values: &[(String, &AtomicU64)]| {
        // Writing into a string cannot fail.
        let _infallible = write!(text, "# HELP {name} {help}\n# TYPE {name} {sort}\n");
        for (labels, value) in values {
            let _infallible = writeln!(text, "{name}{labels} {}", value.load(Ordering::Relaxed));
        }
    };
    let plain = |value| [(String::new(), value)];
    family("sekisho_inputs_total", "counter", "Inputs made durable since the start.", &plain(&gauges.inputs));
    family(
        "sekisho_commits_total",
        "counter",
        "Commits of the journal since the start.",
        &plain(&gauges.commits),
    );
    family("sekisho_repeated_total", "counter", "Inputs answered again.", &plain(&gauges.repeated));
    let waiting = AtomicU64::new(app.sequencer.waiting());
    family(
        "sekisho_waiting_asks",
        "gauge",
        "Questions and looks in the sequencer's queue.",
        &plain(&waiting),
    );
    let decisions: Vec<(String, &AtomicU64)> = Verdict::ALL
        .iter()
        .zip(&gauges.decisions)
        .map(|(verdict, value)| (format!("{{decision=\"{}\"}}", verdict.as_str()), value))
        .collect();
    family("sekisho_decisions_total", "counter", "Decisions since the start.", &decisions);
    family("sekisho_journal_seq", "gauge", "The input applied last.", &plain(&gauges.seq));
    family(
        "sekisho_checkpoint_seq",
        "gauge",
        "Up to which input records are written back.",
        &plain(&gauges.checkpoint),
    );
    family(
        "sekisho_record_bytes",
        "gauge",
        "Bytes that records take in memory, about.",
        &plain(&gauges.memory),
    );
    family("sekisho_records_in_memory", "gauge", "Records in memory.", &plain(&gauges.records));
    let (seq, exported) = (gauges.seq.load(Ordering::Relaxed), gauges.exported.load(Ordering::Relaxed));
    let lag = AtomicU64::new(seq.saturating_sub(exported));
    family(
        "sekisho_journal_first_seq",
        "gauge",
        "The first input there is in the journal.",
        &plain(&gauges.first),
    );
    family(
        "sekisho_exported_seq",
        "gauge",
        "Up to which input the history holds everything.",
        &plain(&gauges.exported),
    );
    family("sekisho_export_lag_inputs", "gauge", "Inputs that are not in the history yet.", &plain(&lag));
    family(
        "sekisho_history_files",
        "gauge",
        "Files of the history that this server wrote.",
        &plain(&gauges.export_files),
    );
    family(
        "sekisho_export_failures_total",
        "counter",
        "Exports and merges of files that failed since the start.",
        &plain(&gauges.export_failures),
    );
    family("sekisho_export_failing", "gauge", "1 while exporting fails.", &plain(&gauges.export_failing));
    family("sekisho_http_connections", "gauge", "Connections open now.", &plain(&app.traffic.connections));
    family(
        "sekisho_forgotten_total",
        "counter",
        "Stored records removed because nobody named them for 400 days.",
        &plain(&gauges.forgotten),
    );
    let codes_waiting = app.proofs.gateway().map_or(0, Gateway::waiting);
    let codes_waiting = AtomicU64::new(u64::try_from(codes_waiting).unwrap_or(u64::MAX));
    if let Some(gateway) = app.proofs.gateway() {
        let counts = gateway.counts();
        let messages = GatewayOutcome::ALL
            .map(|outcome| (format!("{{outcome=\"{}\"}}", outcome.as_str()), counts.of(outcome)));
        family(
            "sekisho_gateway_messages_total",
            "counter",
            "Codes given to the gateway since the start, by what became of them.",
            &messages,
        );
        let help = "Tries that the gateway did not take since the start.";
        family("sekisho_gateway_failures_total", "counter", help, &plain(&counts.tries_failed));
        family(
            "sekisho_gateway_failing",
            "gauge",
            "1 while the last code was not taken.",
            &plain(&counts.failing),
        );
        family(
            "sekisho_gateway_waiting",
            "gauge",
            "Codes that wait for the gateway.",
            &plain(&codes_waiting),
        );
    }
    let age = AtomicU64::new(app.sequencer.commit_age_s((app.clock)()));
    family(
        "sekisho_commit_age_seconds",
        "gauge",
        "How long the commit under way takes by now, whole seconds.",
        &plain(&age),
    );
    family("sekisho_refusing", "gauge", "1 if no inputs are taken any more.", &plain(&gauges.refusing));
    if let Some(candidate) = app.sequencer.shadow().get() {
        const NAME: &str = "sekisho_shadow_total";
        let help = "Questions by what was answered and what the candidate on trial would have answered.";
        let _infallible = write!(text, "# HELP {NAME} {help}\n# TYPE {NAME} counter\n");
        for pair in candidate.counted().matrix.pairs() {
            let (live, candidate) = (pair.live.as_str(), pair.candidate.as_str());
            let labels = format!("live=\"{live}\",candidate=\"{candidate}\"");
            let _infallible = writeln!(text, "{NAME}{{{labels}}} {}", pair.count);
        }
    }
    app.traffic.write(&mut text);
    (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
