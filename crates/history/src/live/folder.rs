//! The writing side of live files: one server's view of its history folder. Must not know where rows come from, nor wait.
//!
//! Each input is in the history exactly once, whenever the process ends: a file's name says which inputs it holds, files
//! appear by being renamed, one after the other, each made durable before the next. So the names are the record of what was
//! done, and nothing has to be undone or done again after a crash: what is not there was not exported.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use arrow_array::RecordBatch;

use super::plan::Sized;
use super::position::Position;
use super::reading::Readers;
use super::{Limits, LiveName, Merge, without_superseded};
use crate::HistoryError;
use crate::files::HistoryFile;
use crate::writer::{Order, write_sorted_on};

/// Days whose files are looked at for merging after a start: the newest ones. Older ones are as they will stay.
const DAYS_MERGED: usize = 3;
/// Superseded files that are kept for their readers at most.
const RETIRED_MAX: usize = 10_000;

/// What a journal holds: its first input (the next one, if it is empty) and its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First.
    pub first: u64,
    /// Last.
    pub last: u64,
}

/// A history folder that one server adds to. After an error, open it again. `now` is the time since any moment, always the
/// same one.
#[derive(Debug)]
pub struct LiveFolder {
    root: PathBuf,
    tag: u32,
    limits: Limits,
    position: Position,
    missing: Option<RangeInclusive<u64>>,
    /// Files by day, in order, of the days that may be merged.
    days: BTreeMap<String, Vec<Sized>>,
    /// The day of the newest file: it is not over.
    newest: Option<(u64, String)>,
    files: u64,
    retired: VecDeque<(PathBuf, Duration)>,
    readers: Readers,
}

impl LiveFolder {
    /// Opens the folder of the server with this tag, or makes one; finishes what a crash interrupted.
    ///
    /// # Errors
    /// It cannot be made, listed or written to.
    pub fn open(
        root: &Path,
        tag: u32,
        journal: Span,
        limits: Limits,
        now: Duration,
    ) -> Result<Self, HistoryError> {
        if !root.is_dir() {
            fs::create_dir_all(root).map_err(HistoryError::io(root, "creating the folder"))?;
            sync(root.parent().unwrap_or(root))?;
        }
        let stored = Position::read(root, tag)?;
        let mut folder = Self {
            root: root.to_owned(),
            tag,
            limits,
            position: stored.unwrap_or_default(),
            missing: None,
            days: BTreeMap::new(),
            newest: None,
            files: 0,
            retired: VecDeque::new(),
            readers: Readers::of(root)?,
        };
        folder.scan(now)?;
        let newest = folder.newest.as_ref().map(|(to, _)| *to);
        folder.position.seq = folder.position.seq.max(newest.unwrap_or(0));
        if folder.position.seq > journal.last {
            folder.begin_generation(journal.last);
        } else if folder.position.seq.saturating_add(1) < journal.first {
            if stored.is_some() || newest.is_some() {
                folder.missing =
                    Some(folder.position.seq.saturating_add(1)..=journal.first.saturating_sub(1));
            }
            folder.position.seq = journal.first.saturating_sub(1);
        }
        if stored != Some(folder.position) {
            folder.position.write(root, tag)?;
        }
        Ok(folder)
    }

    /// The journal was replaced by an older copy: its numbers come again, for other inputs. What is there holds what they
    /// were before, all up to the copy's end among it, and stays as if it were another server's.
    fn begin_generation(&mut self, last: u64) {
        self.position = Position { generation: self.position.generation.saturating_add(1), seq: last };
        self.days.clear();
        self.newest = None;
    }

    /// Up to which input the history holds everything.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.position.seq
    }

    /// How often the journal was found to be older than its history.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.position.generation
    }

    /// Inputs that neither the history nor the journal holds: the history is an older copy than the journal allows for.
    #[must_use]
    pub fn missing(&self) -> Option<RangeInclusive<u64>> {
        self.missing.clone()
    }

    /// Live files of this server.
    #[must_use]
    pub const fn files(&self) -> u64 {
        self.files
    }

    /// Files that are still to be merged.
    #[must_use]
    pub fn files_small(&self) -> usize {
        self.days.values().flatten().filter(|file| !self.limits.is_full(file)).count()
    }

    /// Adds what came after [`Self::seq`] up to `to`, as a file of `day` (`2026-01-05`) if there are rows. Durable and to be
    /// seen by readers at return.
    ///
    /// # Errors
    /// It cannot be written; open the folder again, which finds out what was.
    pub fn publish(&mut self, to: u64, day: &str, rows: Option<&RecordBatch>) -> Result<(), HistoryError> {
        if let Some(rows) = rows.filter(|rows| rows.num_rows() > 0) {
            let from = self.position.seq.saturating_add(1);
            let name = LiveName { origin: self.origin(), from, to, level: 0 };
            let folder = self.root.join(day);
            if !folder.is_dir() {
                fs::create_dir(&folder).map_err(HistoryError::io(&folder, "creating the folder"))?;
                sync(&self.root)?;
            }
            let unfinished = folder.join(name.unfinished());
            write_sorted_on(1, &unfinished, std::slice::from_ref(rows), Order::Customer)?;
            File::open(&unfinished)
                .and_then(|file| file.sync_all())
                .map_err(HistoryError::io(&unfinished, "syncing"))?;
            let path = appear(&folder, &name)?;
            self.files = self.files.saturating_add(1);
            let sized = self.sized(&path, name);
            self.days.entry(day.to_owned()).or_default().push(sized);
            self.newest = Some((to, day.to_owned()));
        }
        self.position.seq = to;
        self.position.write(&self.root, self.tag)
    }

    /// The next files to merge, if there are any. Ask again when these are [`Self::merged`].
    pub fn next_merge(&mut self) -> Option<Merge> {
        let newest = self.newest.as_ref().map(|(_, day)| day.clone());
        let is_over = |day: &String| newest.as_ref() != Some(day);
        let limits = self.limits;
        let (day, range) = self
            .days
            .iter()
            .find_map(|(day, files)| limits.next(files, is_over(day)).map(|range| (day.clone(), range)))?;
        let files = self.days.get(&day)?.get(range)?.to_vec();
        let (first, last) = (files.first()?.name, files.last()?.name);
        let level = files.iter().map(|file| file.name.level).max()?.saturating_add(1);
        let merged = LiveName { to: last.to, level, ..first };
        Some(Merge { folder: self.root.join(&day), day, files, merged })
    }

    /// Puts a merged file into the place of those it was made of.
    ///
    /// # Errors
    /// It cannot be moved; open the folder again.
    pub fn merged(&mut self, merge: &Merge, now: Duration) -> Result<(), HistoryError> {
        let path = appear(&merge.folder, &merge.merged)?;
        let sized = self.sized(&path, merge.merged);
        for file in &merge.files {
            self.retire(&merge.folder, &file.name, now)?;
        }
        let gone = u64::try_from(merge.files.len()).unwrap_or(0);
        self.files = self.files.saturating_add(1).saturating_sub(gone);
        let is_old = |file: &Sized| merge.files.iter().any(|old| old.name == file.name);
        if let Some(files) = self.days.get_mut(&merge.day) {
            let place = files.iter().position(is_old).unwrap_or(files.len());
            files.insert(place, sized);
            files.retain(|file| !is_old(file));
        }
        Ok(())
    }

    /// Forgets days that are over and merged.
    pub fn forget_days(&mut self) {
        let newest = self.newest.as_ref().map(|(_, day)| day.clone());
        let limits = self.limits;
        self.days.retain(|day, files| newest.as_ref() == Some(day) || limits.next(files, true).is_some());
    }

    /// Removes files that were superseded so long ago, once nobody reads the folder; of too many, the oldest whoever reads.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn remove_retired(&mut self, keep: Duration, now: Duration) -> Result<(), HistoryError> {
        while self.retired.len() > RETIRED_MAX
            && let Some((path, _)) = self.retired.pop_front()
        {
            remove(&path)?;
        }
        let is_old = |(_, since): &&(PathBuf, Duration)| now.saturating_sub(*since) >= keep;
        let old = self.retired.iter().take_while(is_old).count();
        let paths: Vec<&Path> = self.retired.iter().take(old).map(|(path, _)| path.as_path()).collect();
        if old > 0 && self.readers.unless_read(|| paths.into_iter().try_for_each(remove))? {
            self.retired.drain(..old);
        }
        Ok(())
    }

    fn origin(&self) -> u32 {
        self.tag.wrapping_add(self.position.generation)
    }

    /// Whether a file is of this server, of whatever generation.
    fn is_own(&self, name: &LiveName) -> bool {
        name.origin.wrapping_sub(self.tag) <= self.position.generation
    }

    /// Moves a superseded file aside.
    fn retire(&mut self, folder: &Path, name: &LiveName, now: Duration) -> Result<(), HistoryError> {
        let (path, aside) = (folder.join(name.to_string()), folder.join(name.retired()));
        fs::rename(&path, &aside).map_err(HistoryError::io(&path, "moving aside"))?;
        self.retired.push_back((aside, now));
        Ok(())
    }

    /// Looks at what is there.
    fn scan(&mut self, now: Duration) -> Result<(), HistoryError> {
        let mut days = list(&self.root)?;
        days.retain(|day| is_day(day) && self.root.join(day).is_dir());
        days.sort();
        let merged_from = days.len().saturating_sub(DAYS_MERGED);
        for (place, day) in days.into_iter().enumerate() {
            let folder = self.root.join(&day);
            let names = self.clean(&folder, now)?;
            self.files = self.files.saturating_add(u64::try_from(names.len()).unwrap_or(0));
            let current: Vec<LiveName> =
                names.into_iter().filter(|name| name.origin == self.origin()).collect();
            let last = current.iter().map(|name| name.to).max();
            if let Some(last) = last.filter(|last| self.newest.as_ref().is_none_or(|(to, _)| to < last)) {
                self.newest = Some((last, day.clone()));
            }
            if place >= merged_from && !current.is_empty() {
                let sized = |name: &LiveName| self.sized(&folder.join(name.to_string()), *name);
                let files = current.iter().map(sized).collect();
                self.days.insert(day, files);
            }
        }
        Ok(())
    }

    /// Finishes what a crash interrupted in a day's folder; gives the files of this server, in order.
    fn clean(&mut self, folder: &Path, now: Duration) -> Result<Vec<LiveName>, HistoryError> {
        let mut own = Vec::new();
        for name in list(folder)? {
            let hidden = |end: &str| LiveName::parse(name.strip_prefix('.')?.strip_suffix(end)?);
            if hidden(".new").is_some_and(|name| self.is_own(&name)) {
                remove(&folder.join(&name))?;
            } else if hidden(".merged").is_some_and(|name| self.is_own(&name)) {
                self.retired.push_back((folder.join(&name), now));
            } else if LiveName::parse(&name).is_some_and(|name| self.is_own(&name)) {
                own.push(folder.join(&name));
            }
        }
        let current = without_superseded(own.clone());
        for path in own.iter().filter(|path| !current.contains(path)) {
            if let Some(name) = LiveName::of(path) {
                self.retire(folder, &name, now)?;
            }
        }
        let mut names: Vec<LiveName> = current.iter().filter_map(|path| LiveName::of(path)).collect();
        names.sort_by_key(|name| (name.origin, name.from));
        Ok(names)
    }

    /// One that cannot be read counts as full: it is left for whoever reads the history to complain about.
    fn sized(&self, path: &Path, name: LiveName) -> Sized {
        let Ok(file) = HistoryFile::open(path) else {
            return Sized { name, rows: self.limits.rows_max, bytes: self.limits.bytes_max };
        };
        let groups = file.metadata.metadata().row_groups().iter();
        let bytes = groups.filter_map(|group| u64::try_from(group.total_byte_size()).ok()).sum();
        Sized { name, rows: file.rows(), bytes }
    }
}

/// Lets a finished file appear under its name, durable.
fn appear(folder: &Path, name: &LiveName) -> Result<PathBuf, HistoryError> {
    let path = folder.join(name.to_string());
    fs::rename(folder.join(name.unfinished()), &path).map_err(HistoryError::io(&path, "renaming"))?;
    sync(folder)?;
    Ok(path)
}

fn sync(folder: &Path) -> Result<(), HistoryError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(HistoryError::io(folder, "syncing"))
}

/// Removes a file that may be gone already.
fn remove(path: &Path) -> Result<(), HistoryError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(HistoryError::io(path, "removing")(error))
        }
        _ => Ok(()),
    }
}

fn list(folder: &Path) -> Result<Vec<String>, HistoryError> {
    let failed = || HistoryError::io(folder, "listing");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed())? {
        names.extend(entry.map_err(failed())?.file_name().into_string());
    }
    Ok(names)
}

/// Whether a folder's name is a day: `2026-01-05`.
fn is_day(name: &str) -> bool {
    name.len() == 10
        && name.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}
