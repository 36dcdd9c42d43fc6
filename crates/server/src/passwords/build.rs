//! Makes a list for [`super::read_list`] of a text with a password a line. Must not know what the list is for.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use history::{HistoryError, Watch};
use stepup::password::{BuildError, ENTRIES_MAX, Filter, LENGTH_MAX, key};

/// Bytes of a line that can be a password.
const LINE_BYTES_MAX: usize = 4 * LENGTH_MAX;
/// Lines that are looked at to see whether they are hashes.
const SAMPLE: usize = 100;
/// How many lines are read between two looks at the watch.
const LINES_PER_LOOK: u64 = 4_096;

/// What was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Built {
    /// Lines read.
    pub lines: u64,
    /// Lines left out: empty, explanations, longer than a password may be, or not UTF-8.
    pub left_out: u64,
    /// Different passwords, however they are written.
    pub entries: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Why none was made.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// A file.
    #[error("{path}: {doing} failed")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// What is in it.
    #[error("{path}: {source}")]
    Build {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: BuildError,
    },
    /// It holds hashes.
    #[error(
        "{0}: holds hashes, not passwords; allowed: plain text with a password a line, also packed with gzip or zstd"
    )]
    Hashes(PathBuf),
    /// Asked to stop.
    #[error(transparent)]
    Stopped(#[from] HistoryError),
}

/// Reads the list and writes its filter, whole or not at all. Takes about 33 bytes of memory for each password.
///
/// # Errors
/// A file cannot be read or written, the list is empty, too large, or one of hashes; or the run was stopped.
pub fn build(list: &Path, out: &Path, watch: &Watch) -> Result<Built, ListError> {
    let io = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| ListError::Io { path, doing, source }
    };
    let (mut keys, lines) = read(list, watch, &io)?;
    keys.sort_unstable();
    keys.dedup();
    let left_out = lines.left_out;
    watch.check()?;
    let filter = Filter::build(keys).map_err(|source| ListError::Build { path: list.to_owned(), source })?;
    let bytes = filter.to_bytes();
    watch.check()?;
    let folder = match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(io("writing", out))?;
    file.write_all(&bytes).map_err(io("writing", out))?;
    file.as_file().sync_all().map_err(io("syncing", out))?;
    file.persist(out).map_err(|error| error.error).map_err(io("renaming", out))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("syncing", folder))?;
    let bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Ok(Built { lines: lines.read, left_out, entries: filter.entries(), bytes })
}

#[derive(Default)]
struct Lines {
    read: u64,
    left_out: u64,
    hashes: usize,
}

fn read<F>(
    list: &Path,
    watch: &Watch,
    io: &impl Fn(&'static str, &Path) -> F,
) -> Result<(Vec<u64>, Lines), ListError>
where
    F: FnOnce(std::io::Error) -> ListError,
{
    let file = File::open(list).map_err(io("opening", list))?;
    watch.expect(file.metadata().map_err(io("reading its size", list))?.len());
    let unpacked = history::import::decompress(Counted { file, watch }).map_err(io("reading", list))?;
    let mut reader = BufReader::with_capacity(1 << 20, unpacked);
    let (mut keys, mut lines, mut line) = (Vec::new(), Lines::default(), Vec::new());
    loop {
        if lines.read.is_multiple_of(LINES_PER_LOOK) {
            watch.check()?;
        }
        line.clear();
        let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(2);
        let mut part = std::io::Read::take(&mut reader, limit);
        if part.read_until(b'\n', &mut line).map_err(io("reading", list))? == 0 {
            return Ok((keys, lines));
        }
        lines.read = lines.read.saturating_add(1);
        let is_whole = line.ends_with(b"\n") || line.len() <= LINE_BYTES_MAX;
        if !is_whole {
            skip_line(&mut reader).map_err(io("reading", list))?;
        }
        match password(&line).filter(|_| is_whole) {
            Some(password) => keys.push(key(password)),
            None => lines.left_out = lines.left_out.saturating_add(1),
        }
        lines.hashes = lines.hashes.saturating_add(usize::from(is_hash(&line)));
        if keys.len() == SAMPLE && lines.hashes >= SAMPLE {
            return Err(ListError::Hashes(list.to_owned()));
        }
        // A list may name a password many times.
        if keys.len() > ENTRIES_MAX {
            keys.sort_unstable();
            keys.dedup();
            if keys.len() > ENTRIES_MAX / 2 {
                let source = BuildError::TooMany(keys.len());
                return Err(ListError::Build { path: list.to_owned(), source });
            }
        }
    }
}

/// Goes on behind the end of the line.
fn skip_line(reader: &mut impl std::io::BufRead) -> std::io::Result<()> {
    reader.skip_until(b'\n').map(|_bytes| ())
}

/// The password of a line; none in an empty one, an explanation, or one that can be none.
fn password(line: &[u8]) -> Option<&str> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = std::str::from_utf8(line).ok()?;
    (!text.is_empty() && !text.starts_with('#') && text.chars().count() <= LENGTH_MAX).then_some(text)
}

/// Whether a line looks like an MD5, NTLM or SHA-1 hash, with a count behind it or without.
fn is_hash(line: &[u8]) -> bool {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let after = line.get(digits).copied().unwrap_or(b'\n');
    matches!(digits, 32 | 40) && matches!(after, b':' | b'\r' | b'\n')
}

/// Tells the watch how much of the file was read.
struct Counted<'a> {
    file: File,
    watch: &'a Watch,
}

impl std::io::Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.watch.advance(u64::try_from(count).unwrap_or(0));
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use history::Watch;
    use stepup::password::key;

    use super::{Built, build};
    use crate::passwords::read_list;

    fn built(content: &[u8]) -> Result<(Built, stepup::password::Filter), String> {
        let folder = tempfile::tempdir().unwrap();
        let (list, out) = (folder.path().join("list"), folder.path().join("out"));
        std::fs::write(&list, content).unwrap();
        let result = build(&list, &out, &Watch::default());
        assert_eq!(out.exists(), result.is_ok(), "whole or not at all");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1 + usize::from(out.exists()));
        result.map(|built| (built, read_list(&out).unwrap())).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_become_entries() {
        let long = "x".repeat(2_000);
        let content = format!("# a list\npassword\r\nPassword\n\nさくら2020\n{long}\nlast one");
        let (made, filter) = built(&[content.as_bytes(), b"\n\xff\xfe\n"].concat()).unwrap();
        assert_eq!((made.lines, made.left_out, made.entries), (8, 4, 3));
        for entry in ["PASSWORD", "さくら2020", "last one"] {
            assert!(filter.contains(key(entry)), "{entry}");
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        assert!(built(b"").unwrap_err().contains("empty"));
        assert!(built(b"# nothing\n\n").unwrap_err().contains("empty"));
        let hashes: String = (0..200).map(|number| format!("{number:040X}:7\n")).collect();
        assert!(built(hashes.as_bytes()).unwrap_err().contains("hashes"));
    }

    #[test]
    fn stopped_it_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (list, out) = (folder.path().join("list"), folder.path().join("out"));
        std::fs::write(&list, "password\n").unwrap();
        let watch = Watch::default();
        watch.stop();
        assert!(build(&list, &out, &watch).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
