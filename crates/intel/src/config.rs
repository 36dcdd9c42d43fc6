//! Which files to load: the `[intel]` table of `sekisho.toml`, a TOML file of its own, or a folder.

mod folder;

use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::IntelError;
use crate::lists::ListKind;
use crate::open::read_all;

/// Largest configuration file, in bytes.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// The `[intel]` table. Everything is optional; what is not given is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntelConfig {
    /// Networks to countries: MMDB (`*.mmdb`) or CSV `start,end,country`. An earlier file wins over a later one.
    pub country: Vec<PathBuf>,
    /// Networks to autonomous systems: MMDB or CSV `start,end,asn[,organisation]`. An earlier file wins.
    pub asn: Vec<PathBuf>,
    /// Networks to coordinates: MMDB with `location.latitude` and `location.longitude`. An earlier file wins.
    pub location: Vec<PathBuf>,
    /// Rules for user agents: the `regexes.yaml` of the uap-core project.
    pub user_agents: Option<PathBuf>,
    /// Named lists of networks. Entries with one name and kind are one list; at most 64 lists.
    pub lists: Vec<ListConfig>,
}

/// One file of a list: `[[intel.lists]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListConfig {
    /// Name that results show: ASCII letters, digits, `.`, `_`, `-`; at most 64 bytes.
    pub name: String,
    /// What it is a list of.
    pub kind: ListKind,
    /// The file: an address or network a line, or CSV.
    pub path: PathBuf,
    /// Which CSV column holds the address; found by itself in most files.
    #[serde(default)]
    pub column: Option<Column>,
}

/// A column of a CSV file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a column is its name in the header or its number, from 1")]
pub enum Column {
    /// Number, from 1.
    Number(NonZeroU16),
    /// Name in the first line; case does not matter.
    Name(String),
}

/// `sekisho.toml` as far as this crate reads it.
#[derive(Deserialize)]
struct Whole {
    intel: Option<IntelConfig>,
}

impl IntelConfig {
    /// Reads a TOML file, or finds the files of a folder by their names.
    ///
    /// A **TOML file** has an `[intel]` table (other tables are left to others), or consists of its keys alone.
    /// Relative paths count from the folder of the TOML file.
    ///
    /// In a **folder** the names tell, in any case: `country*.csv`, `*country*.mmdb`, `*city*.mmdb` (coordinates too), `asn*.csv`,
    /// `*asn*.mmdb` (unless it says country), `user_agents.yaml` and `lists/<kind>-<name>.txt` or `.csv`, all also
    /// packed (`.gz`, `.zst`). Files of one use are taken in the order of their names. Other files are left alone,
    /// but in `lists` they are refused, so that a misspelt kind does not silence a list. A folder that holds
    /// `intel.toml` is read by that file alone.
    ///
    /// # Errors
    ///
    /// When the file or folder cannot be read, is not such a TOML file, or holds nothing recognised.
    pub fn load(path: &Path) -> Result<Self, IntelError> {
        if path.is_dir() {
            let file = path.join("intel.toml");
            return if file.is_file() { Self::load_toml(&file) } else { folder::scan(path) };
        }
        Self::load_toml(path)
    }

    fn load_toml(path: &Path) -> Result<Self, IntelError> {
        let bytes = read_all(path, CONFIG_BYTES_MAX)?;
        let text = str::from_utf8(&bytes).map_err(|_| {
            IntelError::config(path, "not a text file; give a TOML file or a folder of files")
        })?;
        let wrong = |error: toml::de::Error| {
            // The message quotes the file, whatever it holds.
            let shown = model::settings::shown(&error.to_string(), error.message());
            let shown = shown.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}");
            IntelError::config(path, shown.trim_end())
        };
        let config = match toml::from_str::<Whole>(text).map_err(wrong)?.intel {
            Some(config) => config,
            None => toml::from_str(text).map_err(wrong)?,
        };
        Ok(config.relative_to(path.parent().unwrap_or(Path::new(""))))
    }

    /// The same with relative paths counted from `folder`: the folder of the file the table was in.
    #[must_use]
    pub fn relative_to(mut self, folder: &Path) -> Self {
        let ranges = self.country.iter_mut().chain(&mut self.asn).chain(&mut self.location);
        let single = ranges.chain(&mut self.user_agents);
        for path in single.chain(self.lists.iter_mut().map(|list| &mut list.path)) {
            *path = folder.join(&*path);
        }
        self
    }
}

/// The last part of a path in lower case, without the endings of packed files.
pub(crate) fn plain_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    plain.to_owned()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;
    use std::path::Path;

    use expect_test::{Expect, expect};

    use super::{Column, IntelConfig, ListConfig, plain_name};
    use crate::lists::ListKind;

    const TABLE: &str = r#"
        country = ["geo/country.mmdb", "/abs/country.csv.gz"]
        asn = ["asn-ipv4.csv.gz"]
        location = ["geo/city.mmdb"]
        user_agents = "regexes.yaml"
        [[LISTS]]
        name = "exits"
        kind = "tor"
        path = "tor_exits.csv"
        column = "ipaddr"
        [[LISTS]]
        name = "x4b"
        kind = "hosting"
        path = "hosting.txt"
        column = 2
    "#;

    fn load(text: &str) -> Result<IntelConfig, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("intel.toml");
        std::fs::write(&path, text).unwrap();
        let config = IntelConfig::load(&path);
        assert_eq!(
            IntelConfig::load(folder.path()).ok(),
            config.as_ref().ok().cloned(),
            "a folder with intel.toml"
        );
        let hide = |path: &mut std::path::PathBuf| {
            if let Ok(rest) = path.strip_prefix(folder.path()) {
                *path = Path::new("HERE").join(rest);
            }
        };
        let shown = folder.path().display().to_string();
        let mut config = config.map_err(|error| error.to_string().replace(&shown, "HERE"))?;
        config.country.iter_mut().chain(&mut config.asn).chain(&mut config.location).for_each(hide);
        config.user_agents.iter_mut().for_each(hide);
        config.lists.iter_mut().map(|list| &mut list.path).for_each(hide);
        Ok(config)
    }

    #[test]
    fn the_table_may_stand_alone_or_under_its_name() {
        let alone = TABLE.replace("LISTS", "lists");
        let table = format!("[server]\nlisten = \"x\"\n[intel]\n{}", TABLE.replace("LISTS", "intel.lists"));
        let expected = IntelConfig {
            country: vec!["HERE/geo/country.mmdb".into(), "/abs/country.csv.gz".into()],
            asn: vec!["HERE/asn-ipv4.csv.gz".into()],
            location: vec!["HERE/geo/city.mmdb".into()],
            user_agents: Some("HERE/regexes.yaml".into()),
            lists: vec![
                ListConfig {
                    name: "exits".to_owned(),
                    kind: ListKind::Tor,
                    path: "HERE/tor_exits.csv".into(),
                    column: Some(Column::Name("ipaddr".to_owned())),
                },
                ListConfig {
                    name: "x4b".to_owned(),
                    kind: ListKind::Hosting,
                    path: "HERE/hosting.txt".into(),
                    column: NonZeroU16::new(2).map(Column::Number),
                },
            ],
        };
        assert_eq!(load(&alone).unwrap(), expected);
        assert_eq!(load(&table).unwrap(), expected);
        assert_eq!(load("").unwrap(), IntelConfig::default());
    }

    fn check_error(text: &str, expected: &Expect) {
        expected.assert_eq(&load(text).unwrap_err());
    }

    #[test]
    fn errors_say_where_and_what_is_allowed() {
        check_error(
            "[intel]\ncontry = []\n",
            &expect![[r#"
            HERE/intel.toml: TOML parse error at line 2, column 1
              |
            2 | contry = []
              | ^^^^^^
            unknown field `contry`, expected one of `country`, `asn`, `location`, `user_agents`, `lists`"#]],
        );
        check_error(
            "[[lists]]\nname = \"x\"\nkind = \"spam\"\npath = \"x\"\n",
            &expect![[r#"
            HERE/intel.toml: TOML parse error at line 3, column 8
              |
            3 | kind = "spam"
              |        ^^^^^^
            came `spam`; allowed: `tor`, `vpn`, `hosting`, `blocklist`, `allow`"#]],
        );
        check_error(
            "[[lists]]\nname = \"x\"\nkind = \"tor\"\npath = \"x\"\ncolumn = 0\n",
            &expect![[r#"
            HERE/intel.toml: TOML parse error at line 5, column 10
              |
            5 | column = 0
              |          ^
            a column is its name in the header or its number, from 1"#]],
        );
        check_error(
            "[intel]\ncountry = 5\n",
            &expect![[r#"
            HERE/intel.toml: TOML parse error at line 2, column 11
              |
            2 | country = 5
              |           ^
            came the number 5; allowed: a list in [ ]"#]],
        );
        check_error(
            "\u{0}\u{1}",
            &expect![[r#"
            HERE/intel.toml: TOML parse error at line 1, column 3
              |
            1 | ��
              |   ^
            key with no value, expected `=`"#]],
        );
    }

    #[test]
    fn plain_names() {
        for (name, plain) in
            [("A/ASN-v4.CSV.gz", "asn-v4.csv"), ("x.txt.zst", "x.txt"), ("x.gz.txt", "x.gz.txt")]
        {
            assert_eq!(plain_name(Path::new(name)), plain);
        }
    }
}
