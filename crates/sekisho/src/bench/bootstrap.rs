//! History to state: read, decoded, put into order, applied, written.

use std::path::Path;

use history::writer::Order;
use intel::Intel;
use lab::bulk::BulkOptions;
use server::bootstrap::bootstrap;

use super::{median, rate};
use crate::policy::past_error;
use crate::say;
use crate::session::{Session, Stopwatch};

/// Takes a made-up history, in order of time, into an empty data folder.
pub(super) fn run(rows: u64, runs: usize, folder: &Path, session: &Session) -> anyhow::Result<()> {
    let place = folder.join("bootstrap");
    let options = BulkOptions::new(rows, Order::Time);
    session.watched("data", false, |watch| lab::bulk::write(&options, &place, watch))?;
    let history = [place.join("history")];
    let now = server::serve::wall_clock()();
    let (mut seconds, mut records) = (Vec::new(), 0);
    for run in 0..runs {
        let data = folder.join(format!("bootstrap-{run}"));
        let timer = Stopwatch::start();
        let done = session
            .watched("bootstrap", false, |watch| bootstrap(&data, &history, Intel::none(), now, watch))
            .map_err(past_error)?;
        seconds.push(timer.seconds());
        anyhow::ensure!(done.events == rows && done.refused == 0, "an event was lost");
        records = done.records;
        std::fs::remove_dir_all(&data)?;
    }
    std::fs::remove_dir_all(&place)?;
    let median = median(seconds);
    say::line(format!(
        "bootstrap: {} events to {} records, median {median:.2} s, {:.0} events/s (bar 300,000)",
        say::thousands(rows),
        say::thousands(records),
        rate(rows, median)
    ));
    Ok(())
}
