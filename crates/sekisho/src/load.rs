//! `sekisho lab load`: load on a running server, and what it answered. How it is made is the laboratory's.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use lab::Latency;
use lab::http::Target;
use lab::load::{LoadOptions, LoadReport};

use crate::session::Session;
use crate::{inputs, say};

/// Shown under `--help`.
const EXAMPLES: &str = "\
Examples:
  export SEKISHO_KEY=$(sekisho key create load --role sender --data trial)
  sekisho serve --data trial &
  sekisho lab load --flat-out --seconds 10
  sekisho lab load --rate 5000 --seconds 30

What is sent counts as really done: use a data folder of its own. See docs/replay.md.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The server: http://HOST:PORT.
    #[arg(long, default_value = "http://127.0.0.1:8480")]
    url: String,
    /// File with the key; else the environment's SEKISHO_KEY.
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// Requests a second. Latency then counts from when each was due.
    #[arg(long, conflicts_with = "flat_out", required_unless_present = "flat_out")]
    rate: Option<u32>,
    /// As fast as answers come.
    #[arg(long)]
    flat_out: bool,
    /// Connections, at most 1,024.
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// How long, at most 3,600.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Requests at most.
    #[arg(long, default_value_t = lab::load::REQUESTS_MAX)]
    requests: u64,
    /// Different customers.
    #[arg(long, default_value_t = 100_000)]
    customers: u32,
    /// Seconds of events' time that pass in one second, at most 8,640: they begin in the past and reach the present.
    #[arg(long, default_value_t = 1)]
    pace: u32,
    /// Also to another machine: what is sent counts as really done there.
    #[arg(long)]
    allow_remote: bool,
    /// The figures as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<ExitCode> {
    let target = Target::parse(&args.url, args.allow_remote)?;
    let key = inputs::key(args.key_file.as_deref())?;
    let options = LoadOptions {
        rate: args.rate,
        connections: args.connections,
        seconds: args.seconds,
        requests: args.requests,
        customers: args.customers,
        pace: args.pace,
    };
    let report = session.watched("load", false, |watch| lab::load::run(&target, &key, &options, watch))?;
    if args.json {
        say::line(serde_json::to_string_pretty(&report)?);
    } else {
        tell(&report, &options);
    }
    if report.stopped {
        say::note("stopped on request; the figures are of what was done until then");
        return Ok(ExitCode::from(say::STOPPED));
    }
    if report.answered == 0 {
        bail!("nothing was answered within {} seconds; is the server overloaded?", args.seconds);
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(report: &LoadReport, options: &LoadOptions) {
    let from = if options.rate.is_some() { "from when due" } else { "from sending" };
    say::line(format!(
        "{} answers in {:.1} s over {} connections: {:.0}/s",
        say::thousands(report.answered),
        report.seconds,
        options.connections,
        report.per_second
    ));
    let statuses = report.statuses.iter().map(|(status, count)| (status.to_string(), *count));
    say::line(format!("status     {}", counts(statuses)));
    say::line(format!(
        "decision   {}",
        counts(report.decisions.iter().map(|(word, count)| (word.clone(), *count)))
    ));
    say::line(format!("latency    {} ({from})", latency(&report.latency)));
    if report.lost > 0 {
        say::line(format!("lost       {} requests were not answered", say::thousands(report.lost)));
    }
    if report.not_sent > 0 {
        say::line(format!(
            "not sent   {} requests were due while every connection waited: the rate was not held, latencies are worse than \
             shown",
            say::thousands(report.not_sent)
        ));
    }
}

fn counts(each: impl Iterator<Item = (String, u64)>) -> String {
    let words: Vec<String> = each.map(|(word, count)| format!("{word} {}", say::thousands(count))).collect();
    words.join(" · ")
}

/// `p50 0.42 ms · p90 …`.
pub(crate) fn latency(latency: &Latency) -> String {
    let quantiles = [
        ("p50", latency.p50_us),
        ("p90", latency.p90_us),
        ("p99", latency.p99_us),
        ("p99.9", latency.p999_us),
        ("max", latency.max_us),
    ];
    quantiles.map(|(name, us)| format!("{name} {}", milliseconds(us))).join(" · ")
}

/// `0.42 ms`, `17 ms`.
pub(crate) fn milliseconds(us: u64) -> String {
    let (whole, hundredths) = (us / 1_000, us % 1_000 / 10);
    if whole < 10 { format!("{whole}.{hundredths:02} ms") } else { format!("{} ms", say::thousands(whole)) }
}
