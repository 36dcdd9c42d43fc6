//! Mapping files (TOML): what the columns of a foreign table mean, and what the paths of an access log mean. Unknown keys
//! are refused by name. Must not know records; `table` and `combined` apply a mapping.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::clock::TimeForm;
use crate::HistoryError;

/// A mapping file as read.
#[derive(Debug, Clone)]
pub enum Mapping {
    /// For `csv` and `parquet`: has `[columns]`.
    Table(Box<TableMapping>),
    /// For `combined`: everything else.
    Paths(PathMapping),
}

/// Largest accepted mapping file in bytes.
const BYTES_MAX: u64 = 1 << 20;

impl Mapping {
    /// Reads a mapping file.
    ///
    /// # Errors
    /// Not readable, larger than 1 MiB, not TOML, or with keys or values that are not allowed.
    pub fn read(path: &Path) -> Result<Self, HistoryError> {
        let size = std::fs::metadata(path).map_err(HistoryError::io(path, "opening"))?.len();
        if size > BYTES_MAX {
            let problem = format!("has {size} bytes; a mapping has at most {BYTES_MAX}");
            return Err(HistoryError::unsuitable(path, problem));
        }
        let text = std::fs::read_to_string(path).map_err(HistoryError::io(path, "reading"))?;
        Self::parse(&text).map_err(|problem| HistoryError::unsuitable(path, problem))
    }

    /// Reads a mapping from text.
    ///
    /// # Errors
    /// Names the line, what came and what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let problem = |error: toml::de::Error| {
            format!("not a mapping: {}", model::settings::shown(&error.to_string(), error.message()))
        };
        let any: toml::Table = toml::from_str(text).map_err(problem)?;
        if any.contains_key("columns") {
            let mapping: TableMapping = toml::from_str(text).map_err(problem)?;
            mapping.check()?;
            Ok(Self::Table(Box::new(mapping)))
        } else {
            let mapping: PathMapping = toml::from_str(text).map_err(problem)?;
            mapping.check()?;
            Ok(Self::Paths(mapping))
        }
    }
}

/// A field of an event (or a fact recorded with it) that a column can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words of the wire form, documented at `model::Event`")]
pub enum Field {
    Id,
    Customer,
    Time,
    Kind,
    Outcome,
    Ip,
    UserAgent,
    Device,
    Ja4,
    Session,
    Language,
    Channel,
    Reason,
    Credential,
    Factor,
    UsernameHash,
    AmountMinor,
    AmountCurrency,
    BalanceShare,
    Country,
    Asn,
}

impl Field {
    /// How many fields there are.
    pub(crate) const COUNT: usize = Self::Asn.position() + 1;

    /// The field's position in a table of fields.
    #[expect(clippy::as_conversions, reason = "an enum without data, so the number of its variant")]
    pub(crate) const fn position(self) -> usize {
        self as usize
    }
}

/// A column by its name, or by its number from 1 where a table has no header.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "came something else; allowed: a column's name in quotes, or its number from 1"
)]
pub enum Column {
    /// As in the header.
    Name(String),
    /// From 1.
    Number(usize),
}

/// What the columns of a table mean.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableMapping {
    /// Which column gives which field.
    pub columns: BTreeMap<Field, Column>,
    /// Their words for ours.
    #[serde(default)]
    pub values: Values,
    /// What holds where a cell is empty or there is no column.
    #[serde(default)]
    pub defaults: Defaults,
    /// How times are written.
    #[serde(default)]
    pub time: TimeMapping,
    /// How the text is delimited; not for Parquet.
    #[serde(default)]
    pub csv: CsvMapping,
}

/// Their word → our word, for the fields with closed vocabularies. `ignore` leaves a record out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the field of the same name")]
pub struct Values {
    #[serde(default)]
    pub kind: BTreeMap<String, String>,
    #[serde(default)]
    pub outcome: BTreeMap<String, String>,
    #[serde(default)]
    pub channel: BTreeMap<String, String>,
    #[serde(default)]
    pub credential: BTreeMap<String, String>,
    #[serde(default)]
    pub factor: BTreeMap<String, String>,
}

/// Our words for what a table does not say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the field of the same name")]
pub struct Defaults {
    pub kind: Option<String>,
    pub outcome: Option<String>,
    pub channel: Option<String>,
    pub credential: Option<String>,
    pub factor: Option<String>,
    pub amount_currency: Option<String>,
}

/// How times are written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeMapping {
    /// `iso` (the default), `unix`, `unix_ms`, `unix_us`, or `strftime` directives.
    pub format: Option<String>,
}

/// How text is delimited.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvMapping {
    /// One ASCII character between cells.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// One ASCII character around cells.
    #[serde(default = "quote")]
    pub quote: char,
    /// Whether the first record names the columns.
    #[serde(default = "yes")]
    pub header: bool,
    /// Cells that mean "nothing", beside the empty one.
    #[serde(default)]
    pub empty: Vec<String>,
}

const fn comma() -> char {
    ','
}
const fn quote() -> char {
    '"'
}
const fn yes() -> bool {
    true
}

impl Default for CsvMapping {
    fn default() -> Self {
        Self { delimiter: comma(), quote: quote(), header: yes(), empty: Vec::new() }
    }
}

impl TableMapping {
    fn check(&self) -> Result<(), String> {
        self.time_form()?;
        let needed = [
            (Field::Time, "columns.time", false),
            (Field::Kind, "columns.kind or defaults.kind", self.defaults.kind.is_some()),
            (Field::Outcome, "columns.outcome or defaults.outcome", self.defaults.outcome.is_some()),
        ];
        for (field, names, given) in needed {
            if !given && !self.columns.contains_key(&field) {
                return Err(format!("{names} is missing; every event needs it"));
            }
        }
        let CsvMapping { delimiter, quote, header, .. } = self.csv;
        for (name, character) in [("csv.delimiter", delimiter), ("csv.quote", quote)] {
            if !character.is_ascii() || matches!(character, '\n' | '\r' | '\0') {
                return Err(format!(
                    "{name}: came {character:?}; allowed: one ASCII character, no line break"
                ));
            }
        }
        if delimiter == quote {
            return Err(format!("csv.delimiter and csv.quote are both {delimiter:?}; they must differ"));
        }
        for (field, column) in &self.columns {
            match column {
                Column::Number(0) => {
                    return Err(format!("columns: {field:?} is column 0; columns count from 1"));
                }
                Column::Name(name) if !header => {
                    return Err(format!(
                        "columns: {name:?} is a name; without header give column numbers from 1"
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn time_form(&self) -> Result<TimeForm, String> {
        let form = self.time.format.as_deref().map_or(Ok(TimeForm::Iso), TimeForm::parse);
        form.map_err(|problem| format!("time.format: {problem}"))
    }
}

/// What the paths of an access log mean, and who the customer is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathMapping {
    /// Where the customer's identifier is; the log's user field if absent.
    #[serde(default)]
    pub customer: CustomerSource,
    /// What requests mean; the first rule that fits decides.
    #[serde(default)]
    pub paths: Vec<PathRule>,
    /// What every other request means.
    #[serde(default)]
    pub unmatched: Unmatched,
}

/// Where an access log says who the customer is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CustomerSource {
    /// The third field, the user of HTTP authentication.
    #[default]
    User,
    /// A cookie of this name in a quoted field behind the user agent (log format `… "$http_cookie"`).
    Cookie(String),
    /// A parameter of this name in the request's query.
    Query(String),
}

/// What requests of one path and method mean.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathRule {
    /// The path without query; `*` at its beginning or end stands for anything.
    pub pattern: String,
    /// The method, any if absent.
    pub method: Option<String>,
    /// The kind of event, or `ignore`.
    pub kind: String,
    /// Status codes that mean it was done; if neither list is given, those below 400.
    #[serde(default)]
    pub success: Vec<u16>,
    /// Status codes that mean it was refused.
    #[serde(default)]
    pub failure: Vec<u16>,
}

/// What requests without a rule mean.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unmatched {
    /// The kind of event, or `ignore`.
    pub kind: String,
}

impl Default for Unmatched {
    fn default() -> Self {
        Self { kind: "session.activity".to_owned() }
    }
}

/// Rules in one mapping at most: each line walks through them.
const RULES_MAX: usize = 1_000;

impl PathMapping {
    fn check(&self) -> Result<(), String> {
        if self.paths.len() > RULES_MAX {
            return Err(format!("{} [[paths]]; at most {RULES_MAX}", self.paths.len()));
        }
        let rules = self.paths.iter().map(|rule| (rule.pattern.as_str(), rule.kind.as_str()));
        for (pattern, kind) in rules.chain([("[unmatched]", self.unmatched.kind.as_str())]) {
            kind_or_ignore(kind).map_err(|problem| format!("{pattern}: {problem}"))?;
        }
        for PathRule { pattern, .. } in &self.paths {
            let inner = pattern.strip_prefix('*').unwrap_or(pattern);
            if inner.strip_suffix('*').unwrap_or(inner).contains('*') {
                return Err(format!(
                    "pattern {pattern:?}: `*` is allowed at the beginning and at the end only"
                ));
            }
        }
        Ok(())
    }
}

/// The word in a mapping for records that are to be left out.
pub(crate) const IGNORE: &str = "ignore";

/// A kind, or `None` for [`IGNORE`].
pub(crate) fn kind_or_ignore(word: &str) -> Result<Option<model::EventKind>, String> {
    if word == IGNORE {
        return Ok(None);
    }
    let problem = |invalid: model::Invalid| format!("{}, {IGNORE}", invalid.problem);
    word.parse::<model::EventKind>().map(Some).map_err(problem)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::{CustomerSource, Mapping};

    fn check(text: &str, expected: &Expect) {
        expected.assert_eq(&Mapping::parse(text).unwrap_err());
    }

    #[test]
    fn reads_both_sorts() {
        let table = "[columns]\ntime=\"Zeit\"\nip=3\n[defaults]\nkind=\"login\"\noutcome=\"failed\"\n[csv]\ndelimiter=\";\"";
        assert!(matches!(Mapping::parse(table), Ok(Mapping::Table(_))));
        let paths = "customer={cookie=\"sid\"}\n[[paths]]\npattern=\"/login\"\nkind=\"login\"\n[unmatched]\nkind=\"ignore\"";
        let Ok(Mapping::Paths(paths)) = Mapping::parse(paths) else { panic!("a path mapping") };
        assert_eq!(paths.customer, CustomerSource::Cookie("sid".to_owned()));
        assert!(matches!(Mapping::parse(""), Ok(Mapping::Paths(_))));
        assert!(matches!(Mapping::parse("customer=\"user\""), Ok(Mapping::Paths(_))));
    }

    #[test]
    fn refuses_by_name() {
        check(
            "[columns]\ntime=\"t\"\nkund=\"k\"",
            &expect![[r#"
            not a mapping: TOML parse error at line 3, column 1
              |
            3 | kund="k"
              | ^^^^
            came `kund`; allowed: `id`, `customer`, `time`, `kind`, `outcome`, `ip`, `user_agent`, `device`, `ja4`, `session`, `language`, `channel`, `reason`, `credential`, `factor`, `username_hash`, `amount_minor`, `amount_currency`, `balance_share`, `country`, `asn`"#]],
        );
        check(
            "[columns]\ntime=true",
            &expect![[r#"
            not a mapping: TOML parse error at line 2, column 6
              |
            2 | time=true
              |      ^^^^
            came something else; allowed: a column's name in quotes, or its number from 1"#]],
        );
        check(
            "[columns]\ntime=\"t\"\n[default]\nkind=\"login\"",
            &expect![[r#"
            not a mapping: TOML parse error at line 3, column 2
              |
            3 | [default]
              |  ^^^^^^^
            unknown field `default`, expected one of `columns`, `values`, `defaults`, `time`, `csv`"#]],
        );
        check(
            "[columns]\ntime=\"t\"\n",
            &expect!["columns.kind or defaults.kind is missing; every event needs it"],
        );
        check(
            "[[paths]]\npattern=\"/a*b\"\nkind=\"login\"",
            &expect![[r#"pattern "/a*b": `*` is allowed at the beginning and at the end only"#]],
        );
        check(
            "[[paths]]\npattern=\"/a\"\nkind=\"log in\"",
            &expect![[
                r#"/a: came "log in"; allowed: login, session.activity, password.change, password.reset, contact.change, factor.enroll, factor.remove, device.register, device.remove, bank_account.register, bank_account.change, withdrawal, transfer, order, profile.view, payment.instruction, customer.report, bank.notice, case.disposition, device.restrict, factor.copied, ignore"#
            ]],
        );
        check(
            "[[path]]\npattern=\"/a\"",
            &expect![[r#"
            not a mapping: TOML parse error at line 1, column 3
              |
            1 | [[path]]
              |   ^^^^
            unknown field `path`, expected one of `customer`, `paths`, `unmatched`"#]],
        );
    }
}
