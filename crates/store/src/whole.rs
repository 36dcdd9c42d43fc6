//! Is a file whole? Finds the cuts that SQLite's own recovery takes for less than they are. Knows SQLite's file format
//! (<https://www.sqlite.org/fileformat2.html>) as far as page counts, and nothing of tables.
//!
//! SQLite notices a log that ends in the middle of a transaction and drops it: that is recovery. It does not notice
//! - an empty file beside a full log: it deletes the log;
//! - a file cut short while a log is there: missing pages are read as zeros when they are first needed, perhaps weeks later;
//! - a log cut short whose end was merged into the file already: old pages from the log hide newer ones in the file.
//!
//! Two things tell these from a crash. Files here are never vacuumed, so their page counts never fall. And every
//! transaction raises a counter ([`Schema::progress`]) and so writes its page: if there is any transaction left in the log,
//! the counter is that of the last one, and the file by itself must not be ahead of it.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::StoreError;
use crate::schema::Schema;

const HEADER_BYTES: usize = 100;
const LOG_HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;

/// What a file says of itself without its log.
#[derive(Debug)]
pub(crate) struct Alone {
    pages: u32,
    /// `None` where it makes no sense without its log, as when a crash has ended merging them.
    progress: Option<String>,
}

/// The write-ahead log beside a file.
pub(crate) fn log_path(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    PathBuf::from(log)
}

/// Before SQLite sees the file: every page it counts is in it or in the log. The file must stay open as long as SQLite has
/// it, see [`crate::sqlite::Database`].
pub(crate) fn before_opening(path: &Path, schema: &Schema) -> Result<(File, Alone), StoreError> {
    let failed = || StoreError::io(path, "reading its header");
    let mut file = File::open(path).map_err(failed())?;
    let bytes = file.metadata().map_err(failed())?.len();
    let mut header = [0; HEADER_BYTES];
    if !fill(&mut file, &mut header).map_err(failed())? {
        return Err(StoreError::damaged(path, format!("it has {bytes} bytes, less than a header")));
    }
    let page_bytes = match number(&header, 16, 2) {
        1 => 65_536,
        bytes => u64::from(bytes),
    };
    if !header.starts_with(b"SQLite format 3\0") || page_bytes < 512 {
        return Err(StoreError::damaged(path, "it does not begin as an SQLite file"));
    }
    let pages = number(&header, 28, 4);
    let whole = u32::try_from(bytes / page_bytes).unwrap_or(u32::MAX);
    if whole < pages {
        let logged = pages_in_log(&log_path(path)).map_err(failed())?;
        let missing = (whole.saturating_add(1)..=pages).filter(|page| !logged.contains(page)).count();
        if missing > 0 {
            return Err(StoreError::damaged(path, format!("{missing} of its {pages} pages are cut off")));
        }
    }
    Ok((file, Alone { pages, progress: progress_alone(path, schema).ok() }))
}

/// When SQLite has put file and log together: the log is not older than the file.
pub(crate) fn after_opening(
    path: &Path,
    schema: &Schema,
    alone: &Alone,
    connection: &Connection,
) -> Result<(), StoreError> {
    let pages: u32 = connection
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .map_err(StoreError::sqlite(path, "recovering it"))?;
    let behind = match &alone.progress {
        Some(progress) => {
            progress > &ask_progress(connection, schema).map_err(StoreError::sqlite(path, "recovering it"))?
        }
        None => false,
    };
    if behind || alone.pages > pages {
        let log = log_path(path);
        let problem =
            format!("its log {} was cut short after its end was merged into the file", log.display());
        return Err(StoreError::damaged(path, problem));
    }
    Ok(())
}

fn ask_progress(connection: &Connection, schema: &Schema) -> rusqlite::Result<String> {
    connection.query_row(schema.progress, [], |row| row.get(0))
}

/// The file read as if it had no log.
fn progress_alone(path: &Path, schema: &Schema) -> rusqlite::Result<String> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        uri.push_str(&format!("%{byte:02x}"));
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    ask_progress(&Connection::open_with_flags(uri, flags)?, schema)
}

/// Pages of which the log has a copy.
fn pages_in_log(path: &Path) -> io::Result<HashSet<u32>> {
    let mut pages = HashSet::new();
    let mut log = match File::open(path) {
        Ok(log) => BufReader::new(log),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(pages),
        Err(error) => return Err(error),
    };
    let Some(header) = next::<LOG_HEADER_BYTES>(&mut log)? else { return Ok(pages) };
    let mut page = vec![0; usize::try_from(number(&header, 8, 4)).unwrap_or(0).min(65_536)];
    while let Some(frame) = next::<FRAME_HEADER_BYTES>(&mut log)? {
        // Frames of an earlier round of the log have other salts; of the last frame, the page may be cut off.
        if frame.get(8..16) != header.get(16..24) || !fill(&mut log, &mut page)? {
            break;
        }
        pages.insert(number(&frame, 0, 4));
    }
    Ok(pages)
}

fn next<const BYTES: usize>(log: &mut impl Read) -> io::Result<Option<[u8; BYTES]>> {
    let mut bytes = [0; BYTES];
    Ok(fill(log, &mut bytes)?.then_some(bytes))
}

/// Whether there was enough left to fill the buffer.
fn fill(log: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// A big-endian number; 0 where there is none.
fn number(bytes: &[u8], at: usize, len: usize) -> u32 {
    let bytes = bytes.get(at..at.saturating_add(len)).unwrap_or_default();
    bytes.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte))
}
