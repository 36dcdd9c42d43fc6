//! Output to people: results on standard output, everything else on standard error. Must not know what is said.

use std::io::Write as _;
use std::process::ExitCode;

/// Exit code when everything was done but some lines were rejected.
pub(crate) const REJECTED: u8 = 3;
/// Exit code when the user stopped the run (128 + SIGINT).
pub(crate) const STOPPED: u8 = 130;

/// A line of result. A closed pipe (`| head`) is no error.
pub(crate) fn line(text: impl std::fmt::Display) {
    let _closed_pipe = writeln!(std::io::stdout().lock(), "{text}");
}

/// A line of remark.
pub(crate) fn note(text: impl std::fmt::Display) {
    let _closed_pipe = writeln!(std::io::stderr().lock(), "{text}");
}

/// Shows an error with its causes, one a line, and gives the exit code.
pub(crate) fn failure(error: &anyhow::Error) -> ExitCode {
    note(format!("error: {error}"));
    for cause in error.chain().skip(1) {
        note(format!("  because: {cause}"));
    }
    ExitCode::from(if error.chain().any(is_stop) { STOPPED } else { 1 })
}

/// Whether this is a stop on request; the lab's errors hold history's without a link of their own in the chain.
fn is_stop(cause: &(dyn std::error::Error + 'static)) -> bool {
    use ::history::HistoryError;
    use lab::bulk::BulkError;
    use lab::simulate::LabError;
    let history = match (cause.downcast_ref(), cause.downcast_ref()) {
        (Some(LabError::History(inner)), _) | (_, Some(BulkError::History(inner))) => Some(inner),
        _ => match cause.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().and_then(|inner| inner.downcast_ref()),
            None => cause.downcast_ref(),
        },
    };
    matches!(history, Some(HistoryError::Stopped))
}

/// A whole number with thousands separators.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len().saturating_mul(4) / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && digits.len().saturating_sub(place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A table as wide as its contents: the first and the last column left, the others right.
pub(crate) fn table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(place, (cell, width))| {
                if place == 0 || place.saturating_add(1) == row.len() {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            })
            .collect();
        line(cells.join("  ").trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn groups_of_three() {
        assert_eq!(
            [0, 7, 999, 1_000, 10_005, 1_234_567].map(thousands),
            ["0", "7", "999", "1,000", "10,005", "1,234,567"]
        );
    }
}
