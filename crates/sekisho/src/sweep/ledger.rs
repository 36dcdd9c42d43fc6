//! `sekisho sweep --ledger`: procedures by what a server's folder knows at once. What that is worth is the server's and the
//! sweep's; here are arguments and words.

use std::path::Path;
use std::process::ExitCode;

use history::staging::Staging;
use history::sweep::{RESULT_CSV, SUMMARY, WarmSummary, run_warm, write_warm};
use server::ledger::{LedgerError, read};
use store::DataFolder;

use super::{Args, OUTPUTS, Show, ended, options, procedures};
use crate::session::{Session, Stopwatch};
use crate::{inputs, say};

pub(super) fn run(args: &Args, data: &Path, session: &Session) -> anyhow::Result<ExitCode> {
    let timer = Stopwatch::start();
    let intel = inputs::intel(args.intel.as_deref(), args.config.as_deref())?;
    let view = DataFolder::read_only(data)?;
    let staging = Staging::begin(&args.out)?.replacing(OUTPUTS);
    let (examined, rejected) = procedures(args, &[], &staging, session)?;
    let window = options(args, &examined)?.window;
    let summary = session
        .watched("ledger", false, |watch| -> Result<WarmSummary, LedgerError> {
            let looked = read(&view, &examined, watch)?;
            let findings = run_warm(&examined, &looked.known, &intel, window);
            Ok(write_warm(&findings, window, Some(looked.as_of), &staging, args.unmask, watch)?)
        })
        .map_err(|error| match error {
            // Of which the session knows whether it was a stop.
            LedgerError::History(error) => anyhow::Error::from(error),
            error => error.into(),
        })?;
    staging.publish(Some(SUMMARY))?;
    match args.show {
        Show::Json => say::line(serde_json::to_string_pretty(&summary)?),
        Show::Table => show(args, &summary, timer.seconds()),
    }
    Ok(ended(args, rejected))
}

fn show(args: &Args, summary: &WarmSummary, seconds: f64) {
    say::line(format!(
        "{} procedures by the ledger in {seconds:.1} s",
        say::thousands(summary.procedures.count)
    ));
    say::line(format!("  {:<10} {:>9}", "clear", say::thousands(summary.verdicts.clear)));
    say::line(format!("  {:<10} {:>9}", "uncertain", say::thousands(summary.uncertain)));
    for (lack, count) in summary.lacks.iter().filter(|(_, count)| **count > 0) {
        say::line(format!("    lacks {lack}: {}", say::thousands(*count)));
    }
    say::line("of what is uncertain the ledger says nothing: examine it with --history");
    say::line(format!("result: {}", args.out.join(RESULT_CSV).display()));
}
