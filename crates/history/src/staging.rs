//! Outputs appear whole or not at all: files are written in a hidden folder beside their place and renamed at the end.
//! Must not know what is in the files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::HistoryError;

/// Prefix of staging folders; readers skip names that begin with a dot.
const PREFIX: &str = ".staging-";

/// A folder in the making. Dropped without [`Staging::publish`], it leaves nothing behind.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    created_target: bool,
    folder: Option<TempDir>,
    outputs: &'static [&'static str],
}

impl Staging {
    /// Prepares to write into `target`, which is created if it does not exist.
    ///
    /// # Errors
    /// `target` is a file, or cannot be created or written to.
    pub fn begin(target: &Path) -> Result<Self, HistoryError> {
        let created_target = !target.exists();
        if !created_target && !target.is_dir() {
            let problem = "is a file; --out wants a folder (it is created if it does not exist)";
            return Err(HistoryError::unsuitable(target, problem));
        }
        fs::create_dir_all(target).map_err(HistoryError::io(target, "creating the folder"))?;
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(target)
            .map_err(HistoryError::io(target, "creating a folder in it"))?;
        Ok(Self { target: target.to_owned(), created_target, folder: Some(folder), outputs: &[] })
    }

    /// Files of these names that an earlier run left in the folder are removed where this one has none of its own, so that
    /// what stands there is of one run.
    #[must_use]
    pub fn replacing(mut self, outputs: &'static [&'static str]) -> Self {
        self.outputs = outputs;
        self
    }

    /// Where a file of this name is to be written for now.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.as_ref().map_or(self.target.as_path(), TempDir::path).join(name)
    }

    /// The folder in which files will appear.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Makes every staged file durable and moves it to its place, replacing files of the same name; `last` (if staged)
    /// comes last and an older one is removed first, so that its presence tells readers that the others are complete.
    ///
    /// # Errors
    /// Syncing or renaming fails; files already moved stay.
    pub fn publish(mut self, last: Option<&str>) -> Result<Vec<PathBuf>, HistoryError> {
        let Some(folder) = self.folder.take() else { return Ok(Vec::new()) };
        let entries = fs::read_dir(folder.path()).map_err(HistoryError::io(folder.path(), "listing"))?;
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry.map_err(HistoryError::io(folder.path(), "listing"))?.file_name());
        }
        names.sort_by_key(|name| (last.is_some_and(|last| name.as_os_str() == last), name.clone()));
        for name in &names {
            let staged = folder.path().join(name);
            File::open(&staged)
                .and_then(|file| file.sync_all())
                .map_err(HistoryError::io(&staged, "syncing"))?;
        }
        let stale = self.outputs.iter().filter(|name| !names.iter().any(|staged| staged == *name));
        for name in last.iter().chain(stale) {
            let place = self.target.join(name);
            if place.exists() {
                fs::remove_file(&place)
                    .map_err(HistoryError::io(&place, "removing an earlier run's file"))?;
            }
        }
        let mut published = Vec::with_capacity(names.len());
        for name in &names {
            let place = self.target.join(name);
            fs::rename(folder.path().join(name), &place).map_err(HistoryError::io(&place, "renaming"))?;
            published.push(place);
        }
        self.created_target = false;
        File::open(&self.target)
            .and_then(|target| target.sync_all())
            .map_err(HistoryError::io(&self.target, "syncing"))?;
        Ok(published)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        drop(self.folder.take());
        if self.created_target {
            // Fails when something else was put there meanwhile, which is then not ours to remove.
            let _ignored = fs::remove_dir(&self.target);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Staging;

    #[test]
    fn nothing_appears_before_publishing_and_all_after() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("out");
        let staging = Staging::begin(&target).unwrap();
        fs::write(staging.path("b"), "b").unwrap();
        fs::write(staging.path("a"), "a").unwrap();
        assert!(!target.join("a").exists());
        let published = staging.publish(Some("a")).unwrap();
        assert_eq!(published, [target.join("b"), target.join("a")]);
        assert_eq!(fs::read_dir(&target).unwrap().count(), 2);
    }

    #[test]
    fn an_earlier_runs_files_do_not_stay_among_new_ones() {
        let place = tempfile::tempdir().unwrap();
        for name in ["report", "summary", "notes of mine"] {
            fs::write(place.path().join(name), "old").unwrap();
        }
        let staging = Staging::begin(place.path()).unwrap().replacing(&["report", "summary"]);
        fs::write(staging.path("summary"), "new").unwrap();
        staging.publish(Some("summary")).unwrap();
        assert!(!place.path().join("report").exists() && place.path().join("notes of mine").exists());
        assert_eq!(fs::read_to_string(place.path().join("summary")).unwrap(), "new");
    }

    #[test]
    fn an_abandoned_run_leaves_nothing_behind() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("out");
        let staging = Staging::begin(&target).unwrap();
        fs::write(staging.path("a"), "a").unwrap();
        drop(staging);
        assert!(!target.exists());
    }
}
