//! The file of rejected records: one JSON object a line, written beside the history and appearing together with it. Must
//! not know why anything was rejected.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::HistoryError;
use crate::writer::HistoryWriter;

#[derive(Serialize)]
struct Entry<'a> {
    file: &'a str,
    line: u64,
    reason: &'a str,
    text: &'a str,
    /// Present when `text` is only the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_from_bytes: Option<usize>,
}

/// Appends one record to `target`. `text` is its beginning, `bytes` its whole length.
pub(crate) fn write_rejected(
    target: &mut Vec<u8>,
    file: &str,
    line: u64,
    reason: &str,
    text: &[u8],
    bytes: usize,
) {
    let cut_from_bytes = (bytes > text.len()).then_some(bytes);
    let text = excerpt(text);
    let entry = Entry { file, line, reason, text: &text, cut_from_bytes };
    // Writing JSON of plain strings into memory cannot fail.
    let _infallible = serde_json::to_writer(&mut *target, &entry);
    target.push(b'\n');
}

/// Bytes as text that may be shown. Bank account numbers are never stored in clear, so their digits are hidden here too:
/// those between a key that ends in `number` and the next comma, brace or line end.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    const KEY: &str = "number";
    let text = String::from_utf8_lossy(bytes);
    let mut safe = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(found) = memchr::memmem::find(rest.as_bytes(), KEY.as_bytes()) {
        let (before, value) = rest.split_at_checked(found + KEY.len()).unwrap_or((rest, ""));
        safe.push_str(before);
        let end = value.find([',', '}', '\n']).unwrap_or(value.len());
        let (value, after) = value.split_at_checked(end).unwrap_or((value, ""));
        safe.extend(
            value
                .chars()
                .map(|character| if character.is_ascii_digit() { model::mask::SIGN } else { character }),
        );
        rest = after;
    }
    safe.push_str(rest);
    safe
}

/// The file, made when the first record is rejected.
pub(crate) struct RejectedFile {
    name: String,
    open: Option<(PathBuf, BufWriter<File>)>,
}

impl RejectedFile {
    /// Takes the first free name of `rejected.ndjson`, `rejected-1.ndjson`, … in the folder.
    pub(crate) fn new(folder: &Path) -> Self {
        let mut name = "rejected.ndjson".to_owned();
        let mut number = 0_u64;
        while folder.join(&name).exists() {
            number += 1;
            name = format!("rejected-{number}.ndjson");
        }
        Self { name, open: None }
    }

    pub(crate) fn write(&mut self, lines: &[u8], writer: &HistoryWriter) -> Result<(), HistoryError> {
        if lines.is_empty() {
            return Ok(());
        }
        if self.open.is_none() {
            let path = writer.stage(&self.name);
            let file = File::create(&path).map_err(HistoryError::io(&path, "creating"))?;
            self.open = Some((path, BufWriter::new(file)));
        }
        if let Some((path, file)) = &mut self.open {
            file.write_all(lines).map_err(HistoryError::io(path, "writing"))?;
        }
        Ok(())
    }

    /// The name of the finished file, if one was needed.
    pub(crate) fn finish(self) -> Result<Option<String>, HistoryError> {
        let Some((path, mut file)) = self.open else { return Ok(None) };
        file.flush().map_err(HistoryError::io(&path, "writing"))?;
        Ok(Some(self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::write_rejected;

    #[test]
    fn account_numbers_are_hidden_and_text_is_lossy() {
        let mut target = Vec::new();
        let text = b"{\"id\":\"7\",\"bank_account\":{\"bank\":\"0001\",\"number\":\"12345678\"},\"x\":\xff}";
        write_rejected(&mut target, "a.log", 3, "why", text, 5_000);
        let entry: serde_json::Value = serde_json::from_slice(&target).unwrap();
        assert_eq!(entry["line"], 3);
        assert_eq!(entry["cut_from_bytes"], 5_000);
        let text = entry["text"].as_str().unwrap();
        assert!(!text.contains("345") && text.contains("\"0001\"") && text.contains('\u{fffd}'), "{text}");
    }
}
