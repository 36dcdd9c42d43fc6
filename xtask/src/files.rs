//! The files of the repository, read into memory for the checks.

use std::fs;
use std::io::ErrorKind;

use anyhow::{Context as _, Result};

use crate::shell;

/// Larger files are not read (and `tidy` refuses them), so that the checks stay small whatever is added.
pub(crate) const TEXT_BYTES_MAX: u64 = 1 << 20;

/// One tracked file.
#[derive(Debug)]
pub(crate) struct TrackedFile {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) size_bytes: u64,
    /// Nothing when the file is larger than `TEXT_BYTES_MAX`, holds a NUL or is not UTF-8.
    pub(crate) text: Option<String>,
}

impl TrackedFile {
    /// A text file, for tests.
    #[cfg(test)]
    pub(crate) fn of(path: &str, text: &str) -> Self {
        let size_bytes = u64::try_from(text.len()).unwrap();
        Self { path: path.to_owned(), size_bytes, text: Some(text.to_owned()) }
    }

    /// Path and text of those of `files` that are text.
    pub(crate) fn texts(files: &[Self]) -> impl Iterator<Item = (&str, &str)> {
        files.iter().filter_map(|file| Some((file.path.as_str(), file.text.as_deref()?)))
    }
}

/// Reads every file git tracks or would track. One that is gone from disk but not yet from the index is left out.
pub(crate) fn load() -> Result<Vec<TrackedFile>> {
    let root = shell::root()?;
    let mut files = Vec::new();
    for path in shell::tracked_files()? {
        let on_disk = root.join(&path);
        let metadata = match fs::symlink_metadata(&on_disk) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            other => other.with_context(|| format!("cannot read {path}"))?,
        };
        let size_bytes = metadata.len();
        let text = if metadata.is_file() && size_bytes <= TEXT_BYTES_MAX {
            let bytes = fs::read(&on_disk).with_context(|| format!("cannot read {path}"))?;
            String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
        } else {
            None
        };
        files.push(TrackedFile { path, size_bytes, text });
    }
    Ok(files)
}
