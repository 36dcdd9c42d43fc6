//! Copies of a history folder while a server adds to it. Must not know the journal beside it.
//!
//! Files never change once they have their names, so they are linked where both folders lie on one file system, and copied
//! elsewhere. The oldest come first, and how far the journal is exported last, as it was at the beginning: a copy that was
//! broken off, or is older than its journal, lacks the newest inputs, and the server that gets it exports those again.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::{LiveName, Reading};
use crate::{HistoryError, files, live};

/// Copies the history files of a folder, and how far servers have exported into it; gives how many files.
///
/// # Errors
/// The folder cannot be read; a file of the same name is there already; writing failed.
pub fn copy(from: &Path, to: &Path) -> Result<usize, HistoryError> {
    let _reading = Reading::begin(from);
    let positions = positions(from)?;
    let files = files::find(&[from.to_owned()])?;
    for path in &files {
        let place = to.join(path.strip_prefix(from).unwrap_or(path));
        let folder = place.parent().unwrap_or(to);
        fs::create_dir_all(folder).map_err(HistoryError::io(folder, "creating the folder"))?;
        link_or_copy(path, &place).map_err(HistoryError::io(&place, "copying"))?;
    }
    fs::create_dir_all(to).map_err(HistoryError::io(to, "creating the folder"))?;
    for (name, content) in positions {
        let place = to.join(name);
        fs::write(&place, content)
            .and_then(|()| File::open(&place)?.sync_all())
            .map_err(HistoryError::io(&place, "writing"))?;
    }
    File::open(to).and_then(|folder| folder.sync_all()).map_err(HistoryError::io(to, "syncing"))?;
    Ok(files.len())
}

fn positions(folder: &Path) -> Result<Vec<(OsString, Vec<u8>)>, HistoryError> {
    let failed = || HistoryError::io(folder, "listing");
    let mut positions = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed())? {
        let (name, path) = entry.map(|entry| (entry.file_name(), entry.path())).map_err(failed())?;
        let is_one =
            name.to_str().is_some_and(|name| name.starts_with(".exported-") && !name.ends_with(".new"));
        if is_one {
            positions.push((name, fs::read(&path).map_err(HistoryError::io(&path, "reading"))?));
        }
    }
    Ok(positions)
}

fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    let retired = LiveName::of(from).map(|name| from.with_file_name(name.retired()));
    for from in [Some(from), retired.as_deref()].into_iter().flatten() {
        if fs::hard_link(from, to).is_ok() {
            return Ok(());
        }
    }
    let mut copy = File::create_new(to)?;
    io::copy(&mut live::open(from)?, &mut copy)?;
    copy.sync_all()
}
