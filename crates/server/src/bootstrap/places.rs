//! Where bootstrapped history lies, kept in the data folder: the re-examination of every day reads it too. Without it every honest
//! customer would have no past there. Must not know what is in the files.

use std::path::{Path, PathBuf};

use history::HistoryError;
use history::files::find;
use serde::{Deserialize, Serialize};

use super::is_own;
use crate::jobs::{read_json, write_json};

/// The file, in the data folder.
pub const PLACES_FILE: &str = "bootstrapped.json";
/// Places kept at most; of more, the oldest are left out.
const PLACES_MAX: usize = 1_000;

/// Places of history, the one named last at the end.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Places {
    /// Files and folders, absolute.
    history: Vec<PathBuf>,
}

/// The places that bootstraps were given.
///
/// # Errors
/// The file cannot be read, or is none.
pub(crate) fn places(data: &Path) -> std::io::Result<Vec<PathBuf>> {
    match read_json::<Places>(&data.join(PLACES_FILE)) {
        Ok(places) => Ok(places.history),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The files that bootstraps took, as far as they are still there, and the places that are gone. Those with the server's `tag` are its own
/// and in its history.
///
/// # Errors
/// The places cannot be read.
pub(crate) fn files(data: &Path, tag: u32) -> Result<(Vec<PathBuf>, Vec<PathBuf>), HistoryError> {
    let kept = data.join(PLACES_FILE);
    let places = places(data).map_err(HistoryError::io(&kept, "reading"))?;
    let (there, gone): (Vec<PathBuf>, Vec<PathBuf>) = places.into_iter().partition(|place| place.exists());
    let files = find(&there)?.into_iter().filter(|path| !is_own(path, tag)).collect();
    Ok((files, gone))
}

/// Adds places to those that are kept. What is not there any more is left out, and so is the server's own `history`, which is
/// read anyway.
///
/// # Errors
/// The file cannot be read or written.
pub(super) fn remember(data: &Path, own: &str, given: &[PathBuf]) -> std::io::Result<()> {
    let before = places(data)?;
    let own = data.join(own).canonicalize().ok();
    let mut history: Vec<PathBuf> = before.iter().filter(|place| place.exists()).cloned().collect();
    for place in given {
        let place = place.canonicalize()?;
        let is_own = own.as_ref().is_some_and(|own| place.starts_with(own));
        if !is_own && !history.contains(&place) {
            history.push(place);
        }
    }
    history.drain(..history.len().saturating_sub(PLACES_MAX));
    if history == before {
        return Ok(());
    }
    write_json(&data.join(PLACES_FILE), &Places { history })
}

#[cfg(test)]
mod tests {
    use super::{places, remember};

    #[test]
    fn places_are_kept_while_they_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().canonicalize().unwrap();
        let [one, other, own] = ["one", "other", "history/2026"].map(|name| data.join(name));
        for place in [&one, &other, &own] {
            std::fs::create_dir_all(place).unwrap();
        }
        assert!(places(&data).unwrap().is_empty());
        remember(&data, "history", &[one.clone(), own.clone()]).unwrap();
        assert_eq!(places(&data).unwrap(), std::slice::from_ref(&one), "its own is read anyway");
        remember(&data, "history", &[data.join("other/../one"), other.clone()]).unwrap();
        assert_eq!(places(&data).unwrap(), [one.clone(), other.clone()]);
        std::fs::remove_dir(&one).unwrap();
        assert_eq!(places(&data).unwrap().len(), 2, "who reads says that it is gone");
        remember(&data, "history", &[]).unwrap();
        assert_eq!(places(&data).unwrap(), [other]);
        std::fs::write(data.join(super::PLACES_FILE), "{}").unwrap();
        assert!(places(&data).is_err());
    }
}
