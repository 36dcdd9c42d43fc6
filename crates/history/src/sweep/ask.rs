//! What whoever asks for a sweep has in common, at a terminal or over the API: procedures taken out of history, a window that
//! holds something, the files that are left. Must not know who asks.

use model::{EventKind, Time};

use super::report::words::number;
use super::{PROCEDURES_MAX, REPORT, RESULT_CSV, RESULT_PARQUET, SUMMARY, Window, extract};
use crate::files::HistoryFile;
use crate::procedures::Examined;
use crate::{HistoryError, Watch, describe};

/// Everything a sweep leaves in its folder.
pub const OUTPUTS: &[&str] = &[RESULT_CSV, RESULT_PARQUET, SUMMARY, REPORT];

/// The procedures that history holds: events of these kinds since and until these times. There is at least one.
///
/// # Errors
/// There is none – the error says what history holds instead – or as [`extract`].
pub fn procedures_of_history(
    files: &[HistoryFile],
    kinds: &[EventKind],
    since: Option<Time>,
    until: Option<Time>,
    watch: &Watch,
) -> Result<Vec<Examined>, HistoryError> {
    let window = Window { from: since.map_or(0, Time::as_us), to: until.map_or(i64::MAX, Time::as_us) };
    let found = extract(files, kinds, window, watch)?;
    if found.is_empty() {
        return Err(HistoryError::Usage(no_procedures(kinds, files, watch)?));
    }
    Ok(found)
}

/// Says what history holds instead of the procedures that were asked for.
fn no_procedures(wanted: &[EventKind], files: &[HistoryFile], watch: &Watch) -> Result<String, HistoryError> {
    let found = describe::describe(files, watch)?;
    let kinds: Vec<String> = found
        .kinds
        .iter()
        .map(|(kind, outcomes)| format!("{kind} ({})", number(outcomes.values().sum::<u64>()).en))
        .collect();
    let span = match (found.first, found.last) {
        (Some(first), Some(last)) => format!(" from {first} to {last}"),
        _ => String::new(),
    };
    let done = if wanted.contains(&EventKind::Login) { "" } else { " and did not fail" };
    let wanted: Vec<&str> = wanted.iter().map(|kind| kind.as_str()).collect();
    Ok(format!(
        "there is nothing to examine: no {} that names a customer{done}, in the time that --since and --until leave; the \
         history{span} holds {}",
        wanted.join(" or "),
        kinds.join(", ")
    ))
}

/// Whether so many procedures can be examined in one sweep.
pub(super) fn check_count(examined: &[Examined]) -> Result<(), HistoryError> {
    if examined.is_empty() {
        return Err(HistoryError::Usage(
            "there are no procedures to examine; check the file or --kind and --since".into(),
        ));
    }
    if examined.len() > PROCEDURES_MAX {
        let problem =
            format!("{} procedures; at most {PROCEDURES_MAX} in one sweep: split the file", examined.len());
        return Err(HistoryError::Usage(problem));
    }
    Ok(())
}

impl Window {
    /// As [`Window::around`], if it holds any time at all.
    ///
    /// # Errors
    /// It ends before it begins.
    pub fn asked(
        examined: &[Examined],
        length_us: Option<i64>,
        from: Option<Time>,
        to: Option<Time>,
    ) -> Result<Self, HistoryError> {
        let window = Self::around(examined, length_us, from, to);
        if window.from >= window.to {
            return Err(HistoryError::Usage("the window is empty: --from is not before --to".to_owned()));
        }
        Ok(window)
    }
}
