//! Splits one record of delimited text into cells (RFC 4180 with any delimiter and quote). Must not know what cells mean.

/// The cells of one record, in memory that is reused for the next.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    text: String,
    ends: Vec<usize>,
}

impl Cells {
    /// Splits `record`, which has no line break outside quotes. A quote opens only at the start of a cell; two quotes
    /// inside are one; text after a closing quote belongs to the cell.
    pub(crate) fn split(&mut self, record: &str, delimiter: u8, quote: u8) {
        self.text.clear();
        self.ends.clear();
        let mut rest = record;
        while let Some(after) = self.cell(rest, delimiter, quote) {
            rest = after;
        }
    }

    /// Takes one cell; gives what follows its delimiter, if there is one.
    fn cell<'r>(&mut self, text: &'r str, delimiter: u8, quote: u8) -> Option<&'r str> {
        let mut rest = text;
        if rest.as_bytes().first() == Some(&quote) {
            rest = rest.get(1..).unwrap_or("");
            loop {
                let end = memchr::memchr(quote, rest.as_bytes()).unwrap_or(rest.len());
                self.text.push_str(rest.get(..end).unwrap_or(""));
                rest = rest.get(end + 1..).unwrap_or("");
                if rest.as_bytes().first() != Some(&quote) {
                    break;
                }
                self.text.push(char::from(quote));
                rest = rest.get(1..).unwrap_or("");
            }
        }
        let end = memchr::memchr(delimiter, rest.as_bytes());
        self.text.push_str(rest.get(..end.unwrap_or(rest.len())).unwrap_or(""));
        self.ends.push(self.text.len());
        rest.get(end? + 1..)
    }

    /// How many cells there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cell in column `place`, from 0; `None` beyond the last.
    pub(crate) fn get(&self, place: usize) -> Option<&str> {
        let start = match place.checked_sub(1) {
            None => 0,
            Some(before) => *self.ends.get(before)?,
        };
        self.text.get(start..*self.ends.get(place)?)
    }

    /// All cells.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|place| self.get(place))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Cells;

    fn split(record: &str) -> Vec<String> {
        let mut cells = Cells::default();
        cells.split(record, b',', b'"');
        cells.iter().map(str::to_owned).collect()
    }

    #[test]
    fn quotes_doubled_quotes_and_stray_quotes() {
        assert_eq!(split("a,b,,"), ["a", "b", "", ""]);
        assert_eq!(split(""), [""]);
        assert_eq!(split("\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\""), ["a,b", "say \"hi\"", "two\nlines"]);
        assert_eq!(split("5\" disk,\"a\"b\"c,\"open"), ["5\" disk", "ab\"c", "open"]);
        assert_eq!(split("\"\",\"\"\"\""), ["", "\""]);
    }

    proptest! {
        /// The `csv` crate is the reference.
        #[test]
        fn agrees_with_the_csv_crate(record in "[a-c\",あ ]{0,24}") {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(record.as_bytes());
            let expected = reader.records().next().map(Result::unwrap);
            if let Some(expected) = expected {
                prop_assert_eq!(split(&record), expected.iter().map(str::to_owned).collect::<Vec<_>>());
            }
        }
    }
}
