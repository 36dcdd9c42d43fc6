//! Parses one block: every record becomes rows, or is rejected with a reason, or is ignored, or is blank. Must not know
//! where blocks come from or where rows go.

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use super::blocks::{Block, EXCERPT_BYTES, Frame, Framing, Shape, newlines};
use super::parser::{Fate, Out, Parser, Record, Refusal};
use super::rejected::write_rejected;
use super::sshd::Calendar;
use super::tally::Tally;
use crate::rows::AccountHasher;

/// Rows for which room is made at once: a block of nothing but line breaks is no reason to make room for a million.
const ROWS_EXPECTED_MAX: usize = 16 << 10;

/// What the parsing of one file's blocks shares.
pub(crate) struct Work<'a> {
    pub(crate) parser: &'a dyn Parser,
    pub(crate) framing: Framing,
    /// The file, as the rejected lines name it.
    pub(crate) file: &'a str,
    /// What made identifiers begin with.
    pub(crate) prefix: &'a str,
    pub(crate) accounts: &'a AccountHasher,
}

/// A block and the calendar before its first line.
pub(crate) struct Job {
    pub(crate) block: Block,
    pub(crate) calendar: Calendar,
}

/// What a block gave.
pub(crate) struct Parsed {
    /// Its rows, in the order of its records.
    pub(crate) rows: Result<Option<RecordBatch>, ArrowError>,
    /// Its rejected records as NDJSON.
    pub(crate) rejected: Vec<u8>,
    pub(crate) tally: Tally,
    /// Why the run must end.
    pub(crate) unusable: Option<String>,
}

impl Work<'_> {
    pub(crate) fn parse(&self, job: &Job) -> Parsed {
        let follows = self.parser.calendar().is_some();
        let lines = usize::try_from(job.block.lines).unwrap_or(0);
        let sorter =
            Sorter::new(self.file, Out::new(self.prefix, self.accounts, lines.min(ROWS_EXPECTED_MAX)));
        let mut run = Run { work: self, sorter, calendar: job.calendar, follows };
        let ended = match job.block.oversize {
            Some(bytes) => run.oversize(&job.block, bytes),
            None => run.records(&job.block),
        };
        run.sorter.finish(ended.err())
    }
}

/// Counts records and keeps what becomes of them. `Err` ends the import with a message.
pub(crate) struct Sorter<'a> {
    file: &'a str,
    pub(crate) out: Out<'a>,
    rejected: Vec<u8>,
    tally: Tally,
}

impl<'a> Sorter<'a> {
    pub(crate) fn new(file: &'a str, out: Out<'a>) -> Self {
        Self { file, out, rejected: Vec::new(), tally: Tally::default() }
    }

    /// Counts what became of the record at `line`, whose text is `bytes`.
    pub(crate) fn settle(
        &mut self,
        fate: Result<Fate, Refusal>,
        line: u64,
        bytes: &[u8],
    ) -> Result<(), String> {
        match fate {
            Ok(Fate::Rows) => {
                self.tally.records += 1;
                self.tally.with_rows += 1;
            }
            Ok(Fate::Ignored(what)) => {
                self.tally.records += 1;
                self.tally.ignored += 1;
                self.tally.ignored_by.add(&what, 1);
            }
            Err(Refusal::Line { group, reason }) => self.reject(bytes, line, &group, &reason),
            Err(Refusal::Run(problem)) => return Err(format!("line {line}: {problem}")),
        }
        Ok(())
    }

    fn blank(&mut self) {
        self.tally.records += 1;
        self.tally.blank += 1;
    }

    fn reject(&mut self, bytes: &[u8], line: u64, group: &str, reason: &str) {
        self.tally.records += 1;
        self.tally.rejected += 1;
        self.tally.rejected_by.add(group, 1);
        let cut = bytes.get(..EXCERPT_BYTES).unwrap_or(bytes);
        write_rejected(&mut self.rejected, self.file, line, reason, cut, bytes.len());
    }

    pub(crate) fn finish(mut self, unusable: Option<String>) -> Parsed {
        let (mut rows, facts) = self.out.into_rows();
        self.tally.facts = facts;
        let rows = if rows.is_empty() { Ok(None) } else { rows.finish().map(Some) };
        Parsed { rows, rejected: self.rejected, tally: self.tally, unusable }
    }
}

/// The run over one block.
struct Run<'w> {
    work: &'w Work<'w>,
    sorter: Sorter<'w>,
    calendar: Calendar,
    follows: bool,
}

impl Run<'_> {
    fn records(&mut self, block: &Block) -> Result<(), String> {
        let framing = self.work.framing;
        let bytes = block.bytes.as_slice();
        let slice = |from: usize, to: usize| bytes.get(from..to).unwrap_or(&[]);
        let mut line = block.line;
        let mut at = 0;
        loop {
            match framing.next(bytes, at, true) {
                Frame::Record { start, end, next } => {
                    line += newlines(slice(at, start));
                    self.record(slice(start, end), line)?;
                    line += if framing.shape == Shape::Lines { 1 } else { newlines(slice(start, next)) };
                    at = next;
                }
                Frame::Broken { start, end, next } => {
                    line += newlines(slice(at, start));
                    let reason = broken_reason(framing, end.saturating_sub(start));
                    self.sorter.reject(slice(start, end), line, "record without end", &reason);
                    line += newlines(slice(start, next));
                    at = next;
                }
                Frame::Nothing | Frame::More => return Ok(()),
            }
        }
    }

    fn record(&mut self, bytes: &[u8], line: u64) -> Result<(), String> {
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if self.follows {
            self.calendar = self.calendar.follow(bytes);
        }
        if bytes.len() > self.work.framing.record_bytes_max {
            self.reject_oversize(bytes, line, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            return Ok(());
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            self.sorter.blank();
            return Ok(());
        }
        let record = Record { bytes, line, calendar: self.calendar };
        let fate = self.work.parser.record(&record, &mut self.sorter.out);
        self.sorter.settle(fate, line, bytes)
    }

    fn oversize(&mut self, block: &Block, bytes: u64) -> Result<(), String> {
        let limit = self.work.framing.record_bytes_max;
        if self.work.framing.shape == Shape::JsonArray {
            return Err(format!(
                "line {}: an element of the array does not end within {limit} bytes, so where the next one begins cannot \
                 be told; write one object a line instead (jq -c '.[]')",
                block.line
            ));
        }
        self.reject_oversize(&block.bytes, block.line, bytes);
        Ok(())
    }

    fn reject_oversize(&mut self, head: &[u8], line: u64, bytes: u64) {
        let limit = self.work.framing.record_bytes_max;
        self.sorter.reject(head, line, "line too long", &format!("line of {bytes} bytes; at most {limit}"));
    }
}

fn broken_reason(framing: Framing, bytes: usize) -> String {
    let limit = framing.record_bytes_max;
    match framing.shape {
        Shape::JsonArray => {
            format!("{bytes} bytes that are no object, or begin one that does not end within {limit} bytes")
        }
        _ => format!("a quote opens here that does not close within {limit} bytes; this line is left out"),
    }
}
