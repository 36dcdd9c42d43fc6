//! The folders of jobs on disk: what was asked, what became of it, how its beginnings ended. A folder is whole or not there, also after a
//! power cut. Must not know what the work is, nor who waits for it.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::begun::Begun;

/// What was asked for, in a job's folder.
const REQUEST: &str = "request.json";
/// Why it ended without a result.
const FAILED: &str = "failed.json";
/// The times that it was begun without an end.
const BEGUN: &str = "begun.json";
/// What begins with it is not whole yet, or no longer.
const NEW: &str = ".new-";
const GONE: &str = ".gone-";

/// The name of a job's folder.
pub(crate) fn folder_name(id: u32) -> String {
    format!("{id:06}")
}

/// The folders of all jobs of a kind.
#[derive(Debug, Clone)]
pub(super) struct Folders {
    place: PathBuf,
}

/// One on disk.
pub(super) struct Found {
    pub(super) id: u32,
    /// Why it ended without a result, if it did.
    pub(super) failed: Option<String>,
}

impl Folders {
    pub(super) fn of(place: PathBuf) -> Self {
        Self { place }
    }

    pub(super) fn one(&self, id: u32) -> PathBuf {
        self.place.join(folder_name(id))
    }

    /// All there are; what is not whole is removed.
    pub(super) fn find(&self) -> std::io::Result<Vec<Found>> {
        let mut found = Vec::new();
        let entries = match std::fs::read_dir(&self.place) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(found),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if name.starts_with(NEW) || name.starts_with(GONE) {
                // In the way of nobody: it is tried again at the next start.
                if let Err(error) = std::fs::remove_dir_all(&path) {
                    crate::log::line("job.not_removed", &error.to_string());
                }
            } else if let Ok(id) = name.parse() {
                let problem = std::fs::read(path.join(FAILED)).ok();
                let failed = problem.map(|problem| serde_json::from_slice(&problem).unwrap_or_default());
                found.push(Found { id, failed });
            }
        }
        Ok(found)
    }

    /// Keeps what was asked for; durable at return.
    pub(super) fn make(&self, id: u32, request: &impl Serialize) -> std::io::Result<()> {
        if !self.place.exists() {
            std::fs::create_dir_all(&self.place)?;
            sync(self.place.parent().unwrap_or(Path::new(".")))?;
        }
        let unfinished = self.place.join(format!("{NEW}{}", folder_name(id)));
        remove_if_there(&unfinished)?;
        std::fs::create_dir(&unfinished)?;
        let made = write_json(&unfinished.join(REQUEST), request)
            .and_then(|()| std::fs::rename(&unfinished, self.one(id)))
            .and_then(|()| sync(&self.place));
        if made.is_err() {
            // Else it is removed at the next start.
            let _left = remove_if_there(&unfinished);
            let _left = remove_if_there(&self.one(id));
        }
        made
    }

    pub(super) fn request<R: DeserializeOwned>(&self, id: u32) -> std::io::Result<R> {
        read_json(&self.one(id).join(REQUEST))
    }

    /// Takes one out of its place, if it is there. Gives where it is now.
    pub(super) fn set_aside(&self, id: u32) -> std::io::Result<PathBuf> {
        let gone = self.place.join(format!("{GONE}{}", folder_name(id)));
        remove_if_there(&gone)?;
        match std::fs::rename(self.one(id), &gone) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(gone),
        }
    }

    /// Removes one that was set aside, for good.
    pub(super) fn clear(&self, aside: &Path) -> std::io::Result<()> {
        sync(&self.place)?;
        remove_if_there(aside)
    }

    /// Keeps why one ended without a result.
    pub(super) fn fail(&self, id: u32, problem: &str) -> std::io::Result<()> {
        write_json(&self.one(id).join(FAILED), &problem)
    }

    /// The times that one was begun without an end.
    pub(super) fn begun(&self, id: u32) -> Begun {
        read_json(&self.one(id).join(BEGUN)).unwrap_or_default()
    }

    /// Keeps them.
    pub(super) fn note(&self, id: u32, begun: &Begun) -> std::io::Result<()> {
        write_json(&self.one(id).join(BEGUN), begun)
    }

    /// Notes that it was not the job that ended it.
    pub(super) fn put_off(&self, id: u32) -> std::io::Result<()> {
        match std::fs::remove_file(self.one(id).join(BEGUN)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn remove_if_there(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn sync(folder: &Path) -> std::io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// Reads a file that [`write_json`] wrote.
///
/// # Errors
/// There is none, or it is something else.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> std::io::Result<T> {
    serde_json::from_slice(&std::fs::read(path)?).map_err(std::io::Error::other)
}

/// Writes a file that is whole or not there; durable at return.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let mut writer = std::io::BufWriter::new(&mut file);
    serde_json::to_writer(&mut writer, value)?;
    writer.flush()?;
    drop(writer);
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync(folder)
}
