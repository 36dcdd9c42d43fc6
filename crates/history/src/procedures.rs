//! Procedures to examine, read from files: NDJSON (whole events, or flat objects) or CSV with a header. Must not know what
//! is asked of them.
//!
//! Small beside history (at most a million lines), so everything is held in memory and read in one thread.

mod line;

use std::collections::BTreeMap;
use std::path::Path;

use hashbrown::HashMap;
use jiff::tz::TimeZone;
use model::event::EventId;
use model::{EventKind, Procedure};
use serde::Serialize;

use self::line::Reader;
use crate::import::blocks::{Blocks, EXCERPT_BYTES, Frame, Framing, newlines};
use crate::import::open::{self, Input};
use crate::import::rejected::excerpt;
use crate::rows::Recorded;
use crate::sweep::PROCEDURES_MAX;
use crate::{HistoryError, Watch};

/// Rejected lines in one file at most: with more it is not the file that was meant.
pub const REJECTED_MAX: usize = 100_000;

/// A procedure, and what its source had recorded about its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// The procedure.
    pub procedure: Procedure,
    /// Country and autonomous system, if recorded.
    pub recorded: Recorded,
}

/// A line that names no procedure that can be examined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectedLine {
    /// Its number, from 1.
    pub line: u64,
    /// Why.
    pub reason: String,
    /// Its text, at most 1 KiB, bank account numbers hidden.
    pub text: String,
}

/// What a file of procedures holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcedureFile {
    /// The procedures, in the order of the file; identifiers are distinct.
    pub procedures: Vec<Examined>,
    /// The lines that name no procedure that can be examined.
    pub rejected: Vec<RejectedLine>,
    /// What a reader should know, in sentences: columns that were not used, kinds that are no procedures.
    pub notes: Vec<String>,
}

/// Reads procedures from a file or (`-`) standard input, plain or compressed with gzip or zstd.
///
/// Lines are either whole events in the wire form, or flat JSON objects with `id`, `customer`, `time`, `kind` and
/// optionally `ip`, `device`, `asn`, `country`, or CSV records under a header with these names. Further columns and fields
/// are allowed and named in a note. `timezone` is where the clock stood for times without zone.
///
/// # Errors
/// Not readable, neither NDJSON nor CSV with this header, or more than [`PROCEDURES_MAX`] procedures or [`REJECTED_MAX`]
/// lines that are none, or the run was stopped. Single lines that cannot be accepted are no error but in [`ProcedureFile::rejected`]; among them
/// are those whose identifier came before.
pub fn read_procedures(
    path: &Path,
    timezone: Option<TimeZone>,
    watch: &Watch,
) -> Result<ProcedureFile, HistoryError> {
    let input = Input::from_argument(path);
    watch.expect(input.bytes()?.unwrap_or(0));
    read(open::open(&input, watch)?, &input, timezone, watch)
}

/// As [`read_procedures`], from bytes: for fuzzing.
///
/// # Errors
/// As [`read_procedures`].
#[doc(hidden)]
pub fn parse_bytes(bytes: &[u8]) -> Result<ProcedureFile, HistoryError> {
    let watch = Watch::default();
    let opened = open::unpack(Box::new(std::io::Cursor::new(bytes.to_vec())), Input::Stdin.shown(), &watch)?;
    read(opened, &Input::Stdin, Some(TimeZone::UTC), &watch)
}

fn read(
    opened: open::Opened<'_>,
    input: &Input,
    timezone: Option<TimeZone>,
    watch: &Watch,
) -> Result<ProcedureFile, HistoryError> {
    let shown = input.shown();
    let reader =
        Reader::new(&opened.head, timezone).map_err(|problem| HistoryError::unsuitable(shown, problem))?;
    let framing = Framing::new(reader.shape());
    let mut gathering =
        Gathering { reader, file: ProcedureFile::default(), lines: HashMap::new(), kinds: BTreeMap::new() };
    let mut blocks = Blocks::new(opened.reader, framing);
    while let Some(block) = blocks.next().map_err(HistoryError::io(shown, "reading"))? {
        watch.check()?;
        if let Some(bytes) = block.oversize {
            let reason = format!("line of {bytes} bytes; at most {}", framing.record_bytes_max);
            let rejected = gathering.reject(block.line, reason, &block.bytes);
            rejected.map_err(|problem| HistoryError::unsuitable(shown, problem))?;
            continue;
        }
        let read = gathering.records(&block.bytes, block.line, framing);
        read.map_err(|problem| HistoryError::unsuitable(shown, problem))?;
    }
    // Stopped while it waited for the end of the input.
    watch.check()?;
    Ok(gathering.finish())
}

struct Gathering {
    reader: Reader,
    file: ProcedureFile,
    /// The line of each identifier.
    lines: HashMap<EventId, u64>,
    /// Kinds that are no procedures.
    kinds: BTreeMap<EventKind, u64>,
}

impl Gathering {
    fn records(&mut self, bytes: &[u8], first: u64, framing: Framing) -> Result<(), String> {
        let slice = |from: usize, to: usize| bytes.get(from..to).unwrap_or(&[]);
        let (mut line, mut at) = (first, 0);
        loop {
            match framing.next(bytes, at, true) {
                Frame::Record { start, end, next } => {
                    self.record(slice(start, end), line, framing)?;
                    line += newlines(slice(start, next));
                    at = next;
                }
                Frame::Broken { start, end, next } => {
                    self.reject(
                        line,
                        "a quote opens here that does not close".to_owned(),
                        slice(start, end),
                    )?;
                    line += newlines(slice(start, next));
                    at = next;
                }
                Frame::Nothing | Frame::More => return Ok(()),
            }
        }
    }

    fn record(&mut self, bytes: &[u8], line: u64, framing: Framing) -> Result<(), String> {
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if bytes.len() > framing.record_bytes_max {
            let reason = format!("line of {} bytes; at most {}", bytes.len(), framing.record_bytes_max);
            return self.reject(line, reason, bytes);
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        match self.reader.read(bytes) {
            Ok(Some(examined)) => self.accept(examined, line, bytes),
            Ok(None) => Ok(()),
            Err(refusal) => self.reject(line, refusal.to_string(), bytes),
        }
    }

    fn accept(&mut self, examined: Examined, line: u64, bytes: &[u8]) -> Result<(), String> {
        let Procedure { id, kind, .. } = &examined.procedure;
        if let Some(before) = self.lines.get(id) {
            let reason =
                format!("id {:?} came already on line {before}; identifiers must be distinct", id.as_str());
            return self.reject(line, reason, bytes);
        }
        if self.file.procedures.len() >= PROCEDURES_MAX {
            return Err(format!("more than {PROCEDURES_MAX} procedures; examine them in several runs"));
        }
        if !kind.is_procedure() {
            *self.kinds.entry(*kind).or_default() += 1;
        }
        self.lines.insert(id.clone(), line);
        self.file.procedures.push(examined);
        Ok(())
    }

    fn reject(&mut self, line: u64, reason: String, text: &[u8]) -> Result<(), String> {
        if self.file.rejected.len() >= REJECTED_MAX {
            return Err(format!(
                "more than {REJECTED_MAX} lines are no procedures (line {line}: {reason}); is it the right file?"
            ));
        }
        let text = excerpt(text.get(..EXCERPT_BYTES).unwrap_or(text));
        self.file.rejected.push(RejectedLine { line, reason, text });
        Ok(())
    }

    fn finish(mut self) -> ProcedureFile {
        self.file.notes.extend(self.reader.note());
        for (kind, count) in &self.kinds {
            let note = format!(
                "{count} lines have kind `{kind}`, which is no procedure; they are examined all the same"
            );
            self.file.notes.push(note);
        }
        self.file
    }
}
