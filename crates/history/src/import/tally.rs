//! Counts of an import, block by block, and the summary they add up to. Must not know how anything was parsed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::Time;
use serde::Serialize;

/// Distinct reasons counted one by one; further ones are counted together.
const GROUPS_MAX: usize = 1_000;
/// Reasons listed in a summary.
const GROUPS_SHOWN: usize = 10;
/// What further reasons are counted under.
const OTHER: &str = "other reasons";
/// Longest name of a group, in characters: unknown fields can be named anything.
const GROUP_CHARACTERS_MAX: usize = 100;

/// Facts about rows that a reader should know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) rows: u64,
    pub(crate) first: Option<Time>,
    pub(crate) last: Option<Time>,
    pub(crate) without_customer: u64,
    pub(crate) without_ip: u64,
    pub(crate) accounts_dropped: u64,
    pub(crate) user_agents_dropped: u64,
    pub(crate) ids_made: u64,
    pub(crate) path_rules: RulesUsed,
}

/// Which of a mapping's first 64 rules decided a line; of further ones nothing is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RulesUsed(u64);

impl RulesUsed {
    fn bit(rule: usize) -> u64 {
        u32::try_from(rule).ok().and_then(|rule| 1_u64.checked_shl(rule)).unwrap_or(0)
    }

    pub(crate) fn mark(&mut self, rule: Option<usize>) {
        self.0 |= rule.map_or(0, Self::bit);
    }

    /// Whether it is known that this rule decided no line.
    fn never(self, rule: usize) -> bool {
        Self::bit(rule) & !self.0 != 0
    }
}

impl Facts {
    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = [self.last, other.last].into_iter().flatten().max();
        self.without_customer += other.without_customer;
        self.without_ip += other.without_ip;
        self.accounts_dropped += other.accounts_dropped;
        self.user_agents_dropped += other.user_agents_dropped;
        self.ids_made += other.ids_made;
        self.path_rules.0 |= other.path_rules.0;
    }
}

/// Records by what they are counted under.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Groups(BTreeMap<String, u64>);

impl Groups {
    pub(crate) fn add(&mut self, group: &str, count: u64) {
        if let Some(counted) = self.0.get_mut(group) {
            *counted += count;
            return;
        }
        let group: String = if self.0.len() < GROUPS_MAX {
            group.chars().take(GROUP_CHARACTERS_MAX).collect()
        } else {
            OTHER.to_owned()
        };
        *self.0.entry(group).or_default() += count;
    }

    /// The most frequent first; the rest together at the end.
    fn top(&self) -> Vec<Count> {
        let mut counts: Vec<Count> =
            self.0.iter().map(|(reason, count)| Count { reason: reason.clone(), records: *count }).collect();
        counts.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| a.reason.cmp(&b.reason)));
        let rest: u64 = counts.iter().skip(GROUPS_SHOWN).map(|count| count.records).sum();
        counts.truncate(GROUPS_SHOWN);
        if rest > 0 {
            counts.push(Count { reason: OTHER.to_owned(), records: rest });
        }
        counts
    }
}

/// Counts of a block, or of all so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) records: u64,
    pub(crate) with_rows: u64,
    pub(crate) rejected: u64,
    pub(crate) ignored: u64,
    pub(crate) blank: u64,
    pub(crate) facts: Facts,
    pub(crate) rejected_by: Groups,
    pub(crate) ignored_by: Groups,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.with_rows += other.with_rows;
        self.rejected += other.rejected;
        self.ignored += other.ignored;
        self.blank += other.blank;
        self.facts.add(&other.facts);
        for (groups, others) in
            [(&mut self.rejected_by, &other.rejected_by), (&mut self.ignored_by, &other.ignored_by)]
        {
            for (group, count) in &others.0 {
                groups.add(group, *count);
            }
        }
    }

    /// `rules` are those of a path mapping, as their author knows them.
    pub(crate) fn summary(&self, rules: &[String]) -> ImportSummary {
        ImportSummary {
            records: self.records,
            records_with_rows: self.with_rows,
            rejected: self.rejected,
            ignored: self.ignored,
            blank: self.blank,
            rows: self.facts.rows,
            first_time: self.facts.first,
            last_time: self.facts.last,
            accounts_dropped: self.facts.accounts_dropped,
            rejected_by: self.rejected_by.top(),
            ignored_by: self.ignored_by.top(),
            notes: self.notes(rules),
            files: Vec::new(),
            rejected_file: None,
            bytes: 0,
        }
    }

    fn notes(&self, rules: &[String]) -> Vec<String> {
        let facts = &self.facts;
        let sentences = [
            (
                facts.without_customer,
                "rows name no customer: they count for addresses, never for a customer's own past",
            ),
            (facts.without_ip, "rows have no address: no question about addresses finds them"),
            (
                facts.accounts_dropped,
                "bank account numbers were dropped, because no key to hash them was given: the same account will not be \
                 recognised again",
            ),
            (
                facts.user_agents_dropped,
                "user agents were left out, because they are longer than 2,048 bytes or hold control characters",
            ),
            (
                facts.ids_made,
                "rows had no identifier and were given one from file name and line: the same lines imported again get \
                 the same ones, other files of the same name too",
            ),
        ];
        let sentences = sentences.into_iter().filter(|(count, _)| *count > 0);
        let unused = rules.iter().enumerate().filter(|(place, _)| facts.path_rules.never(*place));
        let unused = unused.map(|(_, rule)| {
            format!("the mapping's rule for {rule} decided no line; an earlier one may have taken its lines")
        });
        sentences.map(|(count, sentence)| format!("{count} {sentence}")).chain(unused).collect()
    }
}

/// How many records share a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The reason, without the values that differ from line to line.
    pub reason: String,
    /// Records.
    pub records: u64,
}

/// What an import did. A record is a line; in CSV a line whose quotes hold line breaks goes on over several, in a JSON
/// array it is an element, in Parquet a row.
///
/// Nothing vanishes: `records = records_with_rows + rejected + ignored + blank`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportSummary {
    /// Records read.
    pub records: u64,
    /// Records that gave at least one row.
    pub records_with_rows: u64,
    /// Records that could not be accepted; each is in `rejected_file` with its reason.
    pub rejected: u64,
    /// Records that are in order but are no access (a header, another program's line, a picture of a page).
    pub ignored: u64,
    /// Empty lines.
    pub blank: u64,
    /// Rows written: more than `records_with_rows` where one line tells of several accesses.
    pub rows: u64,
    /// Time of the earliest row.
    pub first_time: Option<Time>,
    /// Time of the latest row.
    pub last_time: Option<Time>,
    /// Rows whose bank account was not kept, because there was no key to hash it.
    pub accounts_dropped: u64,
    /// The ten most frequent reasons of rejection; the rest together.
    pub rejected_by: Vec<Count>,
    /// The ten most frequent sorts of ignored records; the rest together.
    pub ignored_by: Vec<Count>,
    /// What a reader should know, in sentences: what this history cannot tell, rules without use, a possible repetition.
    pub notes: Vec<String>,
    /// The history files written.
    pub files: Vec<PathBuf>,
    /// The file of rejected records, if there are any: NDJSON with `file`, `line`, `reason`, `text`.
    pub rejected_file: Option<PathBuf>,
    /// Bytes of the history files.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::RulesUsed;

    #[test]
    fn only_rules_that_are_followed_can_be_told_as_unused() {
        let mut used = RulesUsed::default();
        for rule in [Some(0), Some(63), Some(64), Some(999), None] {
            used.mark(rule);
        }
        assert!(!used.never(0) && !used.never(63) && used.never(1) && used.never(62));
        assert!(!used.never(64) && !used.never(65) && !used.never(999));
    }
}
