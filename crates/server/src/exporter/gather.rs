//! Inputs of the journal to rows of one file. Must not know where the file goes.

use arrow_array::RecordBatch;
use engine::input::Body;
use history::HistoryError;
use history::rows::RowBuffer;
use model::Time;
use model::time::DAY_US;
use store::{Entry, JournalReader};

use super::row::Rows;
use super::{ExportError, ExportOptions};
use crate::sequencer::INPUT_V3;

/// Inputs read in one transaction: the journal's log cannot begin anew meanwhile, and a decision may have to wait for that.
const READ_ROWS: usize = 2_048;

/// Inputs of one file.
pub(super) struct Gathered {
    /// The last of them.
    pub(super) to: u64,
    /// The day on which they arrived (UTC): `2026-01-05`.
    pub(super) day: String,
    /// Those that are events.
    pub(super) rows: Option<RecordBatch>,
}

/// Reads what comes after `after` up to `last`: as much as goes into a file, of one day.
pub(super) fn gather(
    journal: &JournalReader,
    after: u64,
    last: u64,
    options: &ExportOptions,
    buffer: &mut RowBuffer,
) -> Result<Gathered, ExportError> {
    let last = last.min(after.saturating_add(options.flush_rows.max(1)));
    let mut file = File {
        to: after,
        day: None,
        bytes: 0,
        bytes_max: options.flush_bytes,
        rows: Rows::new(buffer),
        problem: None,
    };
    while file.to < last {
        let before = file.to;
        let rest = usize::try_from(last.saturating_sub(before)).unwrap_or(usize::MAX);
        journal.visit(before, rest.min(READ_ROWS), |entry| file.take(entry))?;
        if let Some(problem) = file.problem {
            return Err(problem);
        }
        if file.to == before {
            break;
        }
    }
    let (to, day) = (file.to, day_name(file.day.unwrap_or(0)));
    let rows = match buffer.is_empty() {
        true => None,
        false => Some(buffer.finish().map_err(HistoryError::arrow("history".as_ref()))?),
    };
    Ok(Gathered { to, day, rows })
}

/// A file in the making.
struct File<'a> {
    to: u64,
    day: Option<i64>,
    bytes: usize,
    bytes_max: usize,
    rows: Rows<'a>,
    problem: Option<ExportError>,
}

impl File<'_> {
    /// Takes an input, if it belongs into this file and there is room.
    fn take(&mut self, entry: &Entry<'_>) -> bool {
        let day = entry.time.div_euclid(DAY_US);
        let bytes = self.bytes.saturating_add(entry.input.len());
        if *self.day.get_or_insert(day) != day || (bytes > self.bytes_max && self.bytes > 0) {
            return false;
        }
        let body = (entry.kind == INPUT_V3).then(|| Body::decode(entry.input).ok()).flatten();
        let Some(body) = body else {
            self.problem = Some(ExportError::Unreadable { seq: entry.seq });
            return false;
        };
        if let Body::Event(event) = &body {
            self.rows.push(event, entry.answer);
        }
        self.to = entry.seq;
        self.bytes = bytes;
        true
    }
}

fn day_name(day: i64) -> String {
    let time = Time::from_us(day.saturating_mul(DAY_US)).unwrap_or(Time::MIN).to_string();
    time.get(..10).unwrap_or("1970-01-01").to_owned()
}

#[cfg(test)]
mod tests {
    use model::Time;

    use super::day_name;

    #[test]
    fn a_day_is_named_by_its_date() {
        let time: Time = "2026-01-05T23:59:59Z".parse().unwrap();
        assert_eq!(day_name(time.as_us().div_euclid(model::time::DAY_US)), "2026-01-05");
        assert_eq!((day_name(0), day_name(i64::MAX)), ("1970-01-01".to_owned(), "1970-01-01".to_owned()));
    }
}
