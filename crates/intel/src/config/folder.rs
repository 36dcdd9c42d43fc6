//! A folder of files recognised by their names, so that a user can download files into one place and point at it.

use std::path::{Path, PathBuf};

use super::{IntelConfig, ListConfig, plain_name};
use crate::error::{IntelError, quoted};
use crate::lists::ListKind;

/// Most files looked at in one folder.
const FILES_MAX: usize = 10_000;

pub(super) fn scan(folder: &Path) -> Result<IntelConfig, IntelError> {
    let mut config = IntelConfig::default();
    let mut user_agents = Vec::new();
    for path in files(folder)? {
        match Use::of(&plain_name(&path)) {
            Some(Use::Country) => config.country.push(path),
            Some(Use::City) => {
                config.country.push(path.clone());
                config.location.push(path);
            }
            Some(Use::Asn) => config.asn.push(path),
            Some(Use::UserAgents) => user_agents.push(path),
            None => {}
        }
    }
    if user_agents.len() > 1 {
        return Err(IntelError::config(folder, "holds user_agents.yaml more than once; keep one of them"));
    }
    config.user_agents = user_agents.pop();
    let lists = folder.join("lists");
    if lists.is_dir() {
        for path in files(&lists)? {
            config.lists.extend(list(path)?);
        }
    }
    if config == IntelConfig::default() {
        return Err(IntelError::config(
            folder,
            "nothing recognised in this folder; it may hold country*.csv, *country*.mmdb, asn*.csv, *asn*.mmdb, \
             user_agents.yaml and lists/<kind>-<name>.txt or .csv (also .gz, .zst), or an intel.toml that names files",
        ));
    }
    Ok(config)
}

/// The entries of a folder in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, IntelError> {
    let read = |error| IntelError::read(folder, error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read)? {
        if paths.len() == FILES_MAX {
            return Err(IntelError::config(
                folder,
                format!("more than {FILES_MAX} files; name them in an intel.toml"),
            ));
        }
        paths.push(entry.map_err(read)?.path());
    }
    paths.sort_unstable();
    Ok(paths)
}

enum Use {
    Country,
    /// Countries and coordinates.
    City,
    Asn,
    UserAgents,
}

impl Use {
    fn of(name: &str) -> Option<Self> {
        if name == "user_agents.yaml" {
            return Some(Self::UserAgents);
        }
        if let Some(stem) = name.strip_suffix(".mmdb") {
            // Country first: `iptoasn-country.mmdb` holds countries.
            return match stem {
                _ if stem.contains("country") => Some(Self::Country),
                _ if stem.contains("city") => Some(Self::City),
                _ if stem.contains("asn") => Some(Self::Asn),
                _ => None,
            };
        }
        match name.strip_suffix(".csv")? {
            stem if stem.starts_with("country") => Some(Self::Country),
            stem if stem.starts_with("asn") => Some(Self::Asn),
            _ => None,
        }
    }
}

/// A file of the folder `lists`. None for what is plainly no list: hidden files and notes.
fn list(path: PathBuf) -> Result<Option<ListConfig>, IntelError> {
    let name = plain_name(&path);
    if [".", "readme", "license", "licence"].iter().any(|start| name.starts_with(start)) {
        return Ok(None);
    }
    let kinds = ListKind::ALL.map(ListKind::as_str);
    let parts =
        name.strip_suffix(".txt").or_else(|| name.strip_suffix(".csv")).and_then(|stem| stem.split_once('-'));
    let named = parts.and_then(|(kind, name)| {
        let kind = ListKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
        Some((kind, name.to_owned()))
    });
    match named {
        Some((kind, name)) => Ok(Some(ListConfig { name, kind, path, column: None })),
        None => Err(IntelError::config(
            &path,
            format!(
                "{} is not the name of a list; call it <kind>-<name>.txt or .csv (also .gz, .zst), with a kind of {}",
                quoted(&name),
                kinds.join(", ")
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{IntelConfig, ListKind};

    fn scan(names: &[&str]) -> Result<IntelConfig, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("lists")).unwrap();
        for name in names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let mut config = IntelConfig::load(folder.path()).map_err(|error| error.to_string())?;
        let ranges = config.country.iter_mut().chain(&mut config.asn).chain(&mut config.location);
        let all = ranges.chain(&mut config.user_agents);
        for path in all.chain(config.lists.iter_mut().map(|list| &mut list.path)) {
            *path = path.strip_prefix(folder.path()).unwrap().to_owned();
        }
        Ok(config)
    }

    #[test]
    fn files_are_recognised_by_name() {
        let config = scan(&[
            "asn-ipv6.csv.gz",
            "asn-ipv4.csv.gz",
            "ASN.csv",
            "GeoLite2-ASN.mmdb",
            "iptoasn-country.mmdb",
            "GeoLite2-City.mmdb.gz",
            "country-v4.csv.zst",
            "my-country.csv",
            "user_agents.yaml",
            "README.md",
            "other.mmdb",
            "lists/tor-exits.csv",
            "lists/hosting-x4b_v4.txt.gz",
            "lists/blocklist-our-own.txt",
            "lists/README.txt",
            "lists/.hidden",
        ])
        .unwrap();
        let text = |paths: &[std::path::PathBuf]| -> Vec<String> {
            paths.iter().map(|path| path.display().to_string()).collect()
        };
        assert_eq!(text(&config.asn), ["ASN.csv", "GeoLite2-ASN.mmdb", "asn-ipv4.csv.gz", "asn-ipv6.csv.gz"]);
        assert_eq!(
            text(&config.country),
            ["GeoLite2-City.mmdb.gz", "country-v4.csv.zst", "iptoasn-country.mmdb"]
        );
        assert_eq!(text(&config.location), ["GeoLite2-City.mmdb.gz"]);
        assert_eq!(config.user_agents.as_deref(), Some(Path::new("user_agents.yaml")));
        let lists: Vec<_> = config.lists.iter().map(|list| (list.kind, list.name.as_str())).collect();
        assert_eq!(
            lists,
            [(ListKind::Blocklist, "our-own"), (ListKind::Hosting, "x4b_v4"), (ListKind::Tor, "exits")]
        );
    }

    #[test]
    fn misspelt_lists_and_empty_folders_are_refused() {
        for name in ["lists/tor_exits.csv", "lists/tro-exits.csv", "lists/tor-exits.json", "lists/exits.txt"]
        {
            let error = scan(&["asn.csv", name]).unwrap_err();
            assert!(error.contains("with a kind of tor, vpn, hosting, blocklist, allow"), "{error}");
        }
        let error = scan(&["notes.txt"]).unwrap_err();
        assert!(error.contains("nothing recognised in this folder"), "{error}");
        let error = scan(&["user_agents.yaml", "user_agents.yaml.gz"]).unwrap_err();
        assert!(error.contains("more than once"), "{error}");
    }
}
