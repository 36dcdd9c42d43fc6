//! Delimited text whose columns a mapping explains. Must not know what cells mean: that is `table`'s.

use std::borrow::Cow;

use jiff::tz::TimeZone;

use super::blocks::{Frame, Framing, Shape};
use super::cells::Cells;
use super::mapping::{CsvMapping, TableMapping};
use super::parser::{Fate, Out, Parser, Record, Refusal};
use super::table::{Cell, Source, Table};
use crate::HistoryError;

/// The parser of `csv`.
pub(crate) struct Csv {
    table: Table,
    delimiter: u8,
    quote: u8,
    /// The header as text; the same record again (files put together) is a header again.
    header: Option<Header>,
}

impl Csv {
    /// Reads the header, if there is one, from the first bytes of the file.
    pub(crate) fn new(
        mapping: &TableMapping,
        head: &[u8],
        zone: Option<TimeZone>,
    ) -> Result<Self, HistoryError> {
        let CsvMapping { delimiter, quote, header, .. } = &mapping.csv;
        let ascii = |character: &char| u8::try_from(*character).unwrap_or(b',');
        let (delimiter, quote) = (ascii(delimiter), ascii(quote));
        let header = if *header { Some(Header::read(head, delimiter, quote)?) } else { None };
        let names = header.as_ref().map(|header| header.names.as_slice());
        Ok(Self { table: Table::new(mapping, names, zone)?, delimiter, quote, header })
    }
}

impl Parser for Csv {
    fn shape(&self) -> Shape {
        Shape::Csv { delimiter: self.delimiter, quote: self.quote }
    }

    fn record(&self, record: &Record<'_>, out: &mut Out<'_>) -> Result<Fate, Refusal> {
        let text = record.text()?;
        if self.header.as_ref().is_some_and(|header| header.is(text)) {
            return Ok(Fate::ignored("header"));
        }
        let mut cells = std::mem::take(&mut out.cells);
        cells.split(text, self.delimiter, self.quote);
        let fate = match &self.header {
            Some(header) => header.check(&cells),
            None => Ok(()),
        };
        let fate = fate.and_then(|()| self.table.record(&cells, record.line, out));
        out.cells = cells;
        fate
    }
}

impl Source for Cells {
    fn cell(&self, column: usize) -> Option<Cell<'_>> {
        self.get(column).map(|text| Cell::Text(Cow::Borrowed(text)))
    }
}

/// The first record of a table: the names of its columns.
pub(crate) struct Header {
    text: String,
    pub(crate) names: Vec<String>,
}

impl Header {
    /// Finds the first record that is not blank.
    pub(crate) fn read(head: &[u8], delimiter: u8, quote: u8) -> Result<Self, HistoryError> {
        let framing = Framing::new(Shape::Csv { delimiter, quote });
        let mut at = 0;
        while let Frame::Record { start, end, next } = framing.next(head, at, true) {
            at = next;
            let record = head.get(start..end).unwrap_or(&[]);
            let record = record.strip_suffix(b"\r").unwrap_or(record);
            if record.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let Ok(text) = std::str::from_utf8(record) else { break };
            let mut cells = Cells::default();
            cells.split(text, delimiter, quote);
            let names = cells.iter().map(|name| name.trim().to_owned()).collect();
            return Ok(Self { text: text.to_owned(), names });
        }
        let problem = "no header: the first record is to name the columns, in UTF-8 (Shift_JIS: iconv -f CP932 -t UTF-8), \
                       within 64 KiB";
        Err(HistoryError::Usage(problem.to_owned()))
    }

    pub(crate) fn is(&self, record: &str) -> bool {
        self.text == record
    }

    /// Every record has as many cells as the header.
    pub(crate) fn check(&self, cells: &Cells) -> Result<(), Refusal> {
        if cells.len() == self.names.len() {
            return Ok(());
        }
        let problem = format!("came {} cells; the header has {}", cells.len(), self.names.len());
        Err(Refusal::line("number of cells", problem))
    }
}
