//! One sweep: history opened or the ledger asked, the results in its folder, whole or not at all. Must not
//! know queues.

use std::path::{Path, PathBuf};

use hashbrown::HashSet;
use history::files::{HistoryFile, find, open_all};
use history::procedures::Examined;
use history::rows::Recorded;
use history::staging::Staging;
use history::sweep::{
    Columns, OUTPUTS, OutputOptions, RESULT_CSV, SUMMARY, Scanned, SweepOptions, Swept, Window, extract,
    procedures_of_history,
};
use history::{HistoryError, Watch};
use intel::Intel;
use model::time::DAY_US;
use model::{Procedure, Time};
use serde::{Deserialize, Serialize};

use super::{AskedProcedure, Source, SweepRequest, Sweeping, is_below};
use crate::bootstrap::bootstrapped;
use crate::jobs::{Work as _, folder_name, read_json, write_json};
use crate::ledger::{self, LedgerError};

/// Threads that scan: the others are for decisions.
const THREADS: usize = 1;
/// What a sweep by the ledger took out of history, in its folder.
const EXAMINED: &str = "examined.json";

/// Why a sweep has no results.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    /// History, or a result, cannot be read or written.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The ledger does not say.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// What was asked for cannot be read.
    #[error("what was asked for cannot be read")]
    Io(#[from] std::io::Error),
}

/// Does a sweep, with the results in `folder`.
pub(super) fn sweep(
    means: &Sweeping,
    folder: &Path,
    request: &SweepRequest,
    watch: &Watch,
) -> Result<(), WorkError> {
    watch.check()?;
    let data = means.data.as_path();
    if request.daily {
        return daily(means, folder, request, watch);
    }
    let files = match request.reads_history() {
        true => open_all(&[history_folder(data, &request.history).map_err(HistoryError::Usage)?])?,
        false => Vec::new(),
    };
    let before =
        request.rest_of.map(|before| (before, data.join(Sweeping::FOLDER).join(folder_name(before))));
    let mut examined = match (request.procedures.as_slice(), &before) {
        ([], Some((number, before))) => kept(before).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                let problem = format!(
                    "sweep {number} was done by an older version, which kept less: do it again first"
                );
                WorkError::from(HistoryError::Usage(problem))
            }
            _ => error.into(),
        })?,
        ([], None) => procedures_of_history(&files, &request.kinds, request.since, request.until, watch)?,
        (procedures, _) => procedures.iter().map(examined).collect(),
    };
    let length = i64::from(request.window_days).saturating_mul(DAY_US);
    let window = Window::asked(&examined, Some(length), None, None)?;
    if let Some((before, folder)) = before {
        let rest = uncertain(&folder.join(RESULT_CSV))?;
        examined.retain(|each| rest.contains(each.procedure.id.as_str()));
        if examined.is_empty() {
            return Err(HistoryError::Usage(format!("sweep {before} was certain of every procedure")).into());
        }
    }
    match request.source {
        Source::History => of_history(request, folder, (&examined, window), &files, &means.intel, watch)?,
        Source::Ledger => {
            if request.procedures.is_empty() {
                keep(folder, &examined)?;
            }
            let to = (folder, request.unmask);
            ledger::sweep(&means.sequencer, &examined, &means.intel, window, to, watch)?;
        }
    }
    Ok(())
}

/// The re-examination of every day: against what was bootstrapped too. A day on which nothing was done is examined as any other.
fn daily(means: &Sweeping, folder: &Path, request: &SweepRequest, watch: &Watch) -> Result<(), WorkError> {
    let data = means.data.as_path();
    let own = history_folder(data, &request.history).map_err(HistoryError::Usage)?;
    let mut files = match find(std::slice::from_ref(&own))?.is_empty() {
        true => Vec::new(),
        false => open_all(&[own])?,
    };
    let (before, gone) = bootstrapped(data, means.tag)?;
    for place in gone {
        let problem = format!(
            "{} is not there any more: without it customers look as if they had no past. Bootstrap it again from where it is now",
            place.display()
        );
        crate::log::line("daily.history_gone", &problem);
    }
    if !before.is_empty() {
        files.extend(open_all(&before)?);
    }
    let span = Window {
        from: request.since.map_or(0, Time::as_us),
        to: request.until.map_or(i64::MAX, Time::as_us),
    };
    let examined = extract(&files, &request.kinds, span, watch)?;
    let length = i64::from(request.window_days).saturating_mul(DAY_US);
    let window = match examined.is_empty() {
        true => Window { from: span.from.saturating_sub(length).max(0), to: span.to },
        false => Window::asked(&examined, Some(length), None, None)?,
    };
    Ok(of_history(request, folder, (&examined, window), &files, &means.intel, watch)?)
}

/// A procedure that was taken out of history, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    procedure: AskedProcedure,
    country: Option<[u8; 2]>,
    asn: Option<u32>,
}

/// Keeps what was taken out of history: taken out again, after more of it came, it might be named otherwise.
fn keep(folder: &Path, all: &[Examined]) -> std::io::Result<()> {
    let kept = all.iter().map(|Examined { procedure, recorded }| {
        let Procedure { id, customer, time, kind, ip, device } = procedure.clone();
        let procedure = AskedProcedure { id, customer, time, kind, ip, device };
        Kept { procedure, country: recorded.country, asn: recorded.asn }
    });
    write_json(&folder.join(EXAMINED), &kept.collect::<Vec<Kept>>())
}

/// What a sweep by the ledger took out of history.
fn kept(folder: &Path) -> std::io::Result<Vec<Examined>> {
    let all: Vec<Kept> = read_json(&folder.join(EXAMINED))?;
    let examined = all.into_iter().map(|Kept { procedure, country, asn }| {
        let recorded = Recorded { country, asn };
        Examined { recorded, ..examined(&procedure) }
    });
    Ok(examined.collect())
}

/// The procedures that a sweep by the ledger was not certain of, by their identifiers.
fn uncertain(result: &Path) -> Result<HashSet<String>, HistoryError> {
    let reading = |error: csv::Error| HistoryError::io(result, "reading")(error.into());
    let mut reader = csv::Reader::from_path(result).map_err(reading)?;
    let names = reader.headers().map_err(reading)?;
    let column = |wanted: &str| names.iter().position(|name| name == wanted);
    let (Some(id), Some(certain)) = (column("id"), column("certain")) else {
        return Err(HistoryError::unsuitable(result, "it is no result of a sweep by the ledger"));
    };
    let mut rest = HashSet::default();
    for record in reader.records() {
        let record = record.map_err(reading)?;
        if record.get(certain) == Some("false") {
            rest.extend(record.get(id).map(str::to_owned));
        }
    }
    Ok(rest)
}

fn of_history(
    request: &SweepRequest,
    folder: &Path,
    (examined, window): (&[Examined], Window),
    files: &[HistoryFile],
    intel: &Intel,
    watch: &Watch,
) -> Result<(), HistoryError> {
    let options = SweepOptions { window, columns: Columns::All, threads: THREADS };
    let staging = Staging::begin(folder)?.replacing(OUTPUTS);
    let work = tempfile::Builder::new()
        .prefix(".work-")
        .tempdir_in(folder)
        .map_err(HistoryError::io(folder, "creating a folder in it"))?;
    let swept = match examined.is_empty() {
        true => Swept { findings: Vec::new(), scanned: Scanned::default(), window },
        false => history::sweep::run(examined, files, intel, &options, work.path(), watch)?,
    };
    let output = OutputOptions {
        unmask: request.unmask,
        columns: options.columns,
        report: true,
        broker_name: None,
        threads: THREADS,
    };
    history::sweep::write_results(&swept, files, intel, &staging, &output, watch)?;
    drop(work);
    staging.publish(Some(SUMMARY))?;
    Ok(())
}

fn examined(asked: &AskedProcedure) -> Examined {
    let asked = asked.clone();
    let procedure = Procedure {
        id: asked.id,
        customer: asked.customer,
        time: asked.time,
        kind: asked.kind,
        ip: asked.ip,
        device: asked.device,
    };
    Examined { procedure, recorded: Recorded::default() }
}

/// The folder of history, which lies in the data folder, also when links are followed.
pub(crate) fn history_folder(data: &Path, asked: &Path) -> Result<PathBuf, String> {
    let shown = asked.display();
    if !is_below(asked) {
        return Err(format!(
            "history came as {shown}; allowed: a folder below the data folder, e.g. `history`"
        ));
    }
    let place = data.join(asked);
    let resolved = place.canonicalize().ok().zip(data.canonicalize().ok());
    match resolved {
        Some((place, data)) if place.starts_with(&data) && place.is_dir() => Ok(place),
        _ => Err(format!(
            "there is no folder {shown} in the data folder: no history was exported or imported there yet"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::history_folder;

    #[test]
    fn history_lies_in_the_data_folder() {
        let (data, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir_all(data.path().join("history/2026")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), data.path().join("link")).unwrap();
        for good in ["history", "history/2026"] {
            assert!(history_folder(data.path(), Path::new(good)).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "history/../..", "/etc", "link", "nothing", "history/2026/x"] {
            assert!(history_folder(data.path(), Path::new(bad)).is_err(), "{bad}");
        }
    }
}
