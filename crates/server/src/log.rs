//! The structured log: lines of JSON to standard error. Must not know what is told; whoever tells leaves personal data out.

/// An error and what caused it, in one line.
pub(crate) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// One line of the structured log, to standard error: `{"event":…,"detail":…}`. No personal data.
pub(crate) fn line(event: &str, detail: &str) {
    use std::io::Write as _;
    let line = serde_json::json!({ "event": event, "detail": detail });
    // A log that cannot be written must not stop the server.
    let _lost = writeln!(std::io::stderr(), "{line}");
}
