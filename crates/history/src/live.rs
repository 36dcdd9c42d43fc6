//! Files that a running server adds to its history, and the one rule for whoever reads them. Must not know journals, rows or
//! threads.
//!
//! `2026-01-05/live-0a1b2c3d-000000000001-000000000640-0.parquet`: the day on which inputs 1 to 640 arrived, the server
//! they are of (a tag, so that the files of two servers may lie in one folder), the first and the last of the inputs, and how
//! often they were merged. A file appears whole, under the name that says what it holds, and never changes.
//!
//! **The rule.** A file whose range lies within that of another of the same folder and server is *superseded*: the other
//! one holds its rows too. [`files::find`](crate::files::find) leaves it out. So a merged file takes the place of many in
//! one step. Superseded ones then move aside, under hidden names, and stay there for a while for those who read them.

mod copying;
mod folder;
mod plan;
mod position;
mod reading;
mod rewrite;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

pub use copying::copy;
pub use folder::{LiveFolder, Span};
pub use plan::Limits;
pub(crate) use reading::Reading;
pub use rewrite::Merge;

/// What a live file's name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LiveName {
    /// Which server, and which of its journals.
    pub origin: u32,
    /// Its first input.
    pub from: u64,
    /// Its last input.
    pub to: u64,
    /// How often its rows were merged.
    pub level: u8,
}

impl LiveName {
    /// Reads a file's name; `None` if it is another file's.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix("live-")?.strip_suffix(".parquet")?.split('-');
        let origin = u32::from_str_radix(parts.next()?, 16).ok()?;
        let (from, to) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let parsed = Self { origin, from, to, level: parts.next()?.parse().ok()? };
        // Written any other way, it is not ours.
        (from <= to && parsed.to_string() == name).then_some(parsed)
    }

    /// As [`Self::parse`], of a path's last part.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        Self::parse(path.file_name()?.to_str()?)
    }

    /// Where a file of this name lies while it is written.
    fn unfinished(&self) -> String {
        format!(".{self}.new")
    }

    /// Where a file of this name lies when it was superseded.
    fn retired(&self) -> String {
        format!(".{self}.merged")
    }
}

impl fmt::Display for LiveName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, from, to, level } = self;
        write!(f, "live-{origin:08x}-{from:012}-{to:012}-{level}.parquet")
    }
}

/// The paths without those that others of the same folder supersede; their order is kept.
pub(crate) fn without_superseded(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut live: Vec<(&Path, LiveName)> =
        paths.iter().filter_map(|path| Some((path.parent()?, LiveName::of(path)?))).collect();
    // Whoever could supersede a file comes before it: it begins no later and does not end before.
    live.sort_by_key(|(folder, name)| {
        (*folder, name.origin, name.from, std::cmp::Reverse((name.to, name.level)))
    });
    let mut superseded: Vec<(&Path, LiveName)> = Vec::new();
    let mut widest: Option<(&Path, LiveName)> = None;
    for (folder, name) in live {
        match widest {
            Some((of, wide)) if of == folder && wide.origin == name.origin && wide.to >= name.to => {
                if wide != name {
                    superseded.push((folder, name));
                }
            }
            _ => widest = Some((folder, name)),
        }
    }
    if superseded.is_empty() {
        return paths;
    }
    let superseded: std::collections::HashSet<PathBuf> =
        superseded.into_iter().map(|(folder, name)| folder.join(name.to_string())).collect();
    paths.into_iter().filter(|path| !superseded.contains(path)).collect()
}

/// Opens a history file; one that was superseded since it was found, where it was moved to.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    match (File::open(path), LiveName::of(path)) {
        (Err(error), Some(name)) if error.kind() == io::ErrorKind::NotFound => {
            File::open(path.with_file_name(name.retired())).map_err(|_gone| error)
        }
        (opened, _) => opened,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::{LiveName, without_superseded};

    #[test]
    fn names_are_read_as_they_are_written_and_no_other_way() {
        let name = LiveName { origin: 0x0a1b_2c3d, from: 1, to: 640, level: 0 };
        assert_eq!(name.to_string(), "live-0a1b2c3d-000000000001-000000000640-0.parquet");
        for other in [
            "part-00000.parquet",
            "live-.parquet",
            "live-0a1b2c3d-1-640-0.parquet",
            "live-0A1B2C3D-000000000001-000000000640-0.parquet",
            "live-0a1b2c3d-000000000641-000000000640-0.parquet",
            "live-0a1b2c3d-000000000001-000000000640-0.parquet.new",
            "live-0a1b2c3d-000000000001-000000000640-256.parquet",
            "live-0a1b2c3d-000000000001-000000000640-0-1.parquet",
        ] {
            assert_eq!(LiveName::parse(other), None, "{other}");
        }
    }

    /// Small ranges, so that they often lie within each other, are equal, overlap, and meet in other folders.
    fn path() -> impl Strategy<Value = PathBuf> {
        (0..2_u8, 0..2_u32, 1..9_u64, 0..6_u64, 0..2_u8).prop_map(|(day, origin, from, more, level)| {
            let name = LiveName { origin, from, to: from + more, level };
            PathBuf::from(format!("h/2026-01-0{}/{name}", day + 1))
        })
    }

    proptest! {
        #[test]
        fn names_come_back(origin: u32, from: u64, more in 0..1_000_u64, level: u8) {
            let name = LiveName { origin, from, to: from.saturating_add(more), level };
            prop_assert_eq!(LiveName::parse(&name.to_string()), Some(name));
        }

        /// Against the rule as it is written down.
        #[test]
        fn what_another_file_holds_too_is_left_out(paths in prop::collection::btree_set(path(), 0..12)) {
            let paths: Vec<PathBuf> = paths.into_iter().collect();
            let holds = |one: &PathBuf, other: &PathBuf| {
                let (wide, name) = (LiveName::of(one).unwrap(), LiveName::of(other).unwrap());
                one != other
                    && one.parent() == other.parent()
                    && wide.origin == name.origin
                    && wide.from <= name.from
                    && wide.to >= name.to
                    && ((wide.from, wide.to) != (name.from, name.to) || wide.level > name.level)
            };
            let expected: Vec<PathBuf> =
                paths.iter().filter(|path| !paths.iter().any(|other| holds(other, path))).cloned().collect();
            prop_assert_eq!(without_superseded(paths), expected);
        }
    }
}
