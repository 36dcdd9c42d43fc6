//! Opens an operator's file, plain or compressed, and reads it whole or line by line, with limits on both.
//!
//! Compression is told by the first bytes, not by the name, because downloads are renamed. The one exception is
//! `*.mmdb`, which begins with a search tree that may look like anything.
//! It must not know what the files are for.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::IntelError;

/// Most bytes read of one file, after decompression: a small archive must not fill the machine.
const FILE_BYTES_MAX: u64 = 4 << 30;
/// Longest line, in bytes. A longer one is passed over and counts as bad.
const LINE_BYTES_MAX: u64 = 64 << 10;
const BUFFER_BYTES: usize = 128 << 10;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

type Input = Box<dyn BufRead>;

fn open(path: &Path) -> Result<Input, IntelError> {
    try_open(path).map_err(|source| IntelError::read(path, source))
}

fn try_open(path: &Path) -> io::Result<Input> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, File::open(path)?);
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mmdb")) {
        return Ok(Box::new(input));
    }
    let head = input.fill_buf()?;
    if head.starts_with(GZIP) {
        return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(input))));
    }
    if head.starts_with(ZSTD) {
        let decoder = zstd::Decoder::with_buffer(input)?;
        return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder)));
    }
    Ok(Box::new(input))
}

/// The whole file in memory, at most `limit` bytes after decompression.
pub(crate) fn read_all(path: &Path, limit: u64) -> Result<Vec<u8>, IntelError> {
    let mut bytes = Vec::new();
    let read = open(path)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| IntelError::read(path, source))?;
    if u64::try_from(read).is_ok_and(|read| read <= limit) {
        return Ok(bytes);
    }
    Err(IntelError::too_large(path, "bytes", limit))
}

/// One line of a text file.
pub(crate) struct Line<'a> {
    /// From 1.
    pub(crate) number: u64,
    /// Without its end; bytes that are not UTF-8 are replaced by U+FFFD. None when the line is longer than 64 KiB.
    pub(crate) text: Option<Cow<'a, str>>,
}

/// The lines of a text file, one at a time.
pub(crate) struct Lines {
    input: Input,
    path: PathBuf,
    number: u64,
    bytes: u64,
    buffer: Vec<u8>,
}

impl Lines {
    pub(crate) fn open(path: &Path) -> Result<Self, IntelError> {
        let mut input = open(path)?;
        let head = input.fill_buf().map_err(|source| IntelError::read(path, source))?;
        if head.starts_with(BYTE_ORDER_MARK) {
            input.consume(BYTE_ORDER_MARK.len());
        }
        Ok(Self { input, path: path.to_owned(), number: 0, bytes: 0, buffer: Vec::new() })
    }

    pub(crate) fn next_line(&mut self) -> Result<Option<Line<'_>>, IntelError> {
        self.buffer.clear();
        let read = (&mut self.input)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut self.buffer)
            .map_err(|source| IntelError::read(&self.path, source))?;
        if read == 0 {
            return Ok(None);
        }
        self.number = self.number.saturating_add(1);
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        let cut = read == LINE_BYTES_MAX && self.buffer.last() != Some(&b'\n');
        let skipped = if cut { self.skip_line()? } else { 0 };
        self.bytes = self.bytes.saturating_add(read).saturating_add(skipped);
        if self.bytes > FILE_BYTES_MAX {
            return Err(IntelError::too_large(&self.path, "bytes", FILE_BYTES_MAX));
        }
        let text = (skipped == 0).then(|| String::from_utf8_lossy(self.buffer.trim_ascii_end()));
        Ok(Some(Line { number: self.number, text }))
    }

    /// Passes over the rest of a line that is too long, without keeping it. Returns the bytes passed over.
    fn skip_line(&mut self) -> Result<u64, IntelError> {
        let mut skipped = 0_u64;
        loop {
            self.buffer.clear();
            let read = (&mut self.input)
                .take(LINE_BYTES_MAX)
                .read_until(b'\n', &mut self.buffer)
                .map_err(|source| IntelError::read(&self.path, source))?;
            skipped = skipped.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            if read == 0 || self.buffer.last() == Some(&b'\n') || skipped > FILE_BYTES_MAX {
                return Ok(skipped);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::PathBuf;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::{LINE_BYTES_MAX, Lines, read_all};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn lines(name: &str, bytes: &[u8]) -> Result<Vec<(u64, Option<String>)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let mut lines = Lines::open(&path).map_err(|error| error.to_string())?;
        let mut all = Vec::new();
        while let Some(line) = lines.next_line().map_err(|error| error.to_string())? {
            all.push((line.number, line.text.map(std::borrow::Cow::into_owned)));
        }
        Ok(all)
    }

    fn two() -> Vec<(u64, Option<String>)> {
        vec![(1, Some("one".to_owned())), (2, Some("two".to_owned()))]
    }

    #[test]
    fn lines_are_the_same_however_the_file_is_packed() {
        let members = [gzip(b"one\n"), gzip(b"two")].concat();
        let tables: [(&str, Vec<u8>); 7] = [
            ("plain", b"one\ntwo".to_vec()),
            ("windows", b"\xef\xbb\xbfone\r\ntwo\r\n".to_vec()),
            ("gzip", gzip(b"one\ntwo\n")),
            ("gzip of two members", members),
            ("zstd", zstd::encode_all(&b"one\ntwo\n"[..], 1).unwrap()),
            ("renamed.csv", gzip(b"one\ntwo\n")),
            ("mark inside gzip", gzip(b"\xef\xbb\xbfone\ntwo\n")),
        ];
        for (name, bytes) in tables {
            assert_eq!(lines(name, &bytes).unwrap(), two(), "{name}");
        }
        assert_eq!(lines("empty", b"").unwrap(), vec![]);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let mut bytes = vec![b'x'; usize::try_from(3 * LINE_BYTES_MAX).unwrap() + 7];
        bytes.extend_from_slice(b"\nshort\n");
        assert_eq!(lines("long", &bytes).unwrap(), vec![(1, None), (2, Some("short".to_owned()))]);
        let exact = vec![b'x'; usize::try_from(LINE_BYTES_MAX).unwrap()];
        assert_eq!(lines("exact", &exact).unwrap().len(), 1);
    }

    #[test]
    fn broken_archives_and_missing_files_are_errors_that_name_the_file() {
        let mut cut = gzip(&b"one line\n".repeat(1000));
        cut.truncate(cut.len() / 2);
        let error = lines("cut.gz", &cut).unwrap_err();
        assert!(error.contains("cut.gz: cannot be read"), "{error}");
        let missing = PathBuf::from("missing.mmdb");
        assert!(read_all(&missing, 10).unwrap_err().to_string().starts_with("missing.mmdb: cannot be read"));
    }

    #[test]
    fn reading_whole_stops_at_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        std::fs::write(&path, gzip(&[7; 1000])).unwrap();
        assert_eq!(read_all(&path, 1000).unwrap(), vec![7; 1000]);
        assert!(read_all(&path, 999).unwrap_err().to_string().contains("more than 999 bytes"));
        let tree = folder.path().join("tree.mmdb");
        std::fs::write(&tree, [0x1f, 0x8b, 0, 0]).unwrap();
        assert_eq!(read_all(&tree, 10).unwrap(), [0x1f, 0x8b, 0, 0], "an MMDB is never taken for gzip");
    }
}
