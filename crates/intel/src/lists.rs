//! Named lists of networks: Tor exits, VPNs, hosting, blocklists, addresses to let through.
//!
//! All lists together are compiled to one lookup from an address to the set of lists that hold it, so that the cost
//! of a lookup does not grow with the number of lists. Memory: 16 bytes (IPv4) or 24 (IPv6) per change of the set,
//! two changes at most per network that stands alone, and 256 KiB per family in use.
//!
//! [`mod@file`] reads one file. What being on a list means is not decided here.

mod file;

use std::fmt;
use std::net::IpAddr;

use serde::Deserialize;

use crate::config::ListConfig;
use crate::error::{IntelError, quoted};
use crate::ranges::{Address, Ranges, Table, TableBuilder};
use crate::report::FileReport;
use crate::span::Span;

/// Most lists. Files of one name and kind are one list.
pub const LISTS_MAX: usize = 64;
/// Most networks over all lists. At the limit, loading needs up to 1 GB for a moment.
pub const LIST_ENTRIES_MAX: usize = 10_000_000;
/// Longest name of a list, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// What a list is a list of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListKind {
    /// Exits of the Tor network.
    Tor,
    /// Commercial VPNs and proxies.
    Vpn,
    /// Data centres and hosting: servers, not people.
    Hosting,
    /// Addresses reported for attacks.
    Blocklist,
    /// Addresses the operator trusts.
    Allow,
}

impl ListKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Tor, Self::Vpn, Self::Hosting, Self::Blocklist, Self::Allow];

    /// As in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tor => "tor",
            Self::Vpn => "vpn",
            Self::Hosting => "hosting",
            Self::Blocklist => "blocklist",
            Self::Allow => "allow",
        }
    }
}

impl fmt::Display for ListKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A list that was loaded. Name and kind together are its identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Name from the configuration: ASCII letters, digits, `.`, `_`, `-`; at most 64 bytes.
    pub name: String,
    /// What it is a list of.
    pub kind: ListKind,
    /// Networks read, before overlaps are merged.
    pub entries: u64,
}

/// The lists that hold an address. Means something only together with the [`Intel`](crate::Intel) that gave it:
/// [`Intel::listed`](crate::Intel::listed) gives names and kinds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ListSet(u64);

impl ListSet {
    /// No list at all.
    pub const EMPTY: Self = Self(0);

    fn of(number: u8) -> Self {
        Self(1_u64.checked_shl(number.into()).unwrap_or(0))
    }

    /// No list at all.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::EMPTY
    }

    /// Whether some list is in both sets.
    #[must_use]
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The lists of either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn toggled(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

/// Every list, compiled.
#[derive(Default)]
pub(crate) struct Lists {
    pub(crate) all: Vec<List>,
    ranges: Ranges<ListSet>,
}

impl Lists {
    pub(crate) fn load(configs: &[ListConfig], reports: &mut Vec<FileReport>) -> Result<Self, IntelError> {
        let mut gathered: Vec<Gathered> = Vec::new();
        let mut total = 0_usize;
        for config in configs {
            check_name(&config.name)?;
            let list = find_or_add(&mut gathered, config)?;
            let mut networks = 0_usize;
            let room = LIST_ENTRIES_MAX.saturating_sub(total);
            let report = file::read(&config.path, config.column.as_ref(), room, |span| {
                networks = networks.saturating_add(1);
                list.add(span);
            })?;
            total = total.saturating_add(networks);
            list.list.entries = list.list.entries.saturating_add(report.entries);
            reports.push(report);
        }
        Ok(Self::compile(gathered))
    }

    fn compile(gathered: Vec<Gathered>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        let mut all = Vec::with_capacity(gathered.len());
        for (number, list) in (0..).zip(gathered) {
            toggles(list.v4, ListSet::of(number), &mut v4);
            toggles(list.v6, ListSet::of(number), &mut v6);
            all.push(list.list);
        }
        Self { all, ranges: Ranges { v4: sweep(v4), v6: sweep(v6) } }
    }

    pub(crate) fn get(&self, ip: IpAddr) -> ListSet {
        self.ranges.get(ip)
    }

    pub(crate) fn members(&self, set: ListSet) -> impl Iterator<Item = &List> {
        (0..)
            .zip(&self.all)
            .filter(move |(number, _)| set.intersects(ListSet::of(*number)))
            .map(|(_, list)| list)
    }

    pub(crate) fn of_kind(&self, kind: ListKind) -> ListSet {
        (0..)
            .zip(&self.all)
            .filter(|(_, list)| list.kind == kind)
            .fold(ListSet::EMPTY, |set, (number, _)| set.union(ListSet::of(number)))
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.ranges.memory_bytes()
    }
}

/// Lists that came another way than by files.
#[derive(Default)]
pub struct NamedLists(Lists);

/// Lists in the making.
#[derive(Default)]
pub struct NamedListsBuilder(Vec<Gathered>);

/// A network of a list that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadNetwork {
    /// Its place in the list, from 0.
    pub place: usize,
    /// What came and what is allowed.
    pub problem: String,
}

impl NamedListsBuilder {
    /// Adds a list of addresses and networks (CIDR).
    ///
    /// # Errors
    /// The first entry that is neither.
    pub fn add<'a>(
        &mut self,
        name: &str,
        kind: ListKind,
        networks: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), BadNetwork> {
        let list = List { name: name.to_owned(), kind, entries: 0 };
        let mut gathered = Gathered { list, v4: Vec::new(), v6: Vec::new() };
        for (place, network) in networks.into_iter().enumerate() {
            gathered.add(Span::parse_network(network).map_err(|problem| BadNetwork { place, problem })?);
            gathered.list.entries = gathered.list.entries.saturating_add(1);
        }
        self.0.push(gathered);
        Ok(())
    }

    /// The lists, ready for lookups. Beyond [`LISTS_MAX`] there is no room for more: the last ones are left out.
    #[must_use]
    pub fn compile(mut self) -> NamedLists {
        self.0.truncate(LISTS_MAX);
        NamedLists(Lists::compile(self.0))
    }
}

impl NamedLists {
    /// The lists that hold an address.
    pub fn listed(&self, ip: IpAddr) -> impl Iterator<Item = &List> {
        self.0.members(self.0.get(ip))
    }
}

impl fmt::Debug for NamedLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NamedLists").field(&self.0.all).finish()
    }
}

impl fmt::Debug for NamedListsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|gathered| &gathered.list)).finish()
    }
}

/// A list while its files are read.
struct Gathered {
    list: List,
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl Gathered {
    fn add(&mut self, span: Span) {
        match span {
            Span::V4(start, end) => self.v4.push((start, end)),
            Span::V6(start, end) => self.v6.push((start, end)),
        }
    }
}

fn find_or_add<'a>(
    lists: &'a mut Vec<Gathered>,
    config: &ListConfig,
) -> Result<&'a mut Gathered, IntelError> {
    let same = |list: &Gathered| list.list.name == config.name && list.list.kind == config.kind;
    let at = lists.iter().position(same).unwrap_or(lists.len());
    if at == LISTS_MAX {
        return Err(IntelError::setting(format!(
            "more than {LISTS_MAX} lists; put files of one kind under one name"
        )));
    }
    if at == lists.len() {
        let list = List { name: config.name.clone(), kind: config.kind, entries: 0 };
        lists.push(Gathered { list, v4: Vec::new(), v6: Vec::new() });
    }
    lists.get_mut(at).ok_or_else(|| IntelError::setting("a list was lost; please report this"))
}

fn check_name(name: &str) -> Result<(), IntelError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(IntelError::setting(format!(
        "lists: name {} is not allowed; use 1 to {NAME_BYTES_MAX} ASCII letters, digits, `.`, `_` or `-`",
        quoted(name)
    )))
}

/// Where one list begins and ends to hold addresses, added to `toggles`. Overlapping and adjacent spans are merged
/// first, so one list toggles at most once at an address.
fn toggles<A: Address>(mut spans: Vec<(A, A)>, set: ListSet, toggles: &mut Vec<(A, ListSet)>) {
    spans.sort_unstable();
    let mut spans = spans.into_iter();
    let Some((mut start, mut end)) = spans.next() else { return };
    for (next_start, next_end) in spans {
        if end.next().is_none_or(|after| next_start <= after) {
            end = end.max(next_end);
            continue;
        }
        toggles.push((start, set));
        toggles.extend(end.next().map(|after| (after, set)));
        (start, end) = (next_start, next_end);
    }
    toggles.push((start, set));
    toggles.extend(end.next().map(|after| (after, set)));
}

/// From toggles to the set that holds from each of them on.
fn sweep<A: Address>(mut toggles: Vec<(A, ListSet)>) -> Table<A, ListSet> {
    toggles.sort_unstable_by_key(|(at, _)| *at);
    let mut table = TableBuilder::new();
    let mut held = ListSet::EMPTY;
    for (at, set) in toggles {
        held = held.toggled(set);
        table.push(at, held);
    }
    table.finish()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::path::Path;

    use proptest::prelude::*;

    use super::{LISTS_MAX, ListConfig, ListKind, ListSet, Lists};
    use crate::error::IntelError;

    fn load(lists: &[(&str, ListKind, String)]) -> Result<Lists, IntelError> {
        let folder = tempfile::tempdir().unwrap();
        let configs: Vec<ListConfig> = lists
            .iter()
            .enumerate()
            .map(|(number, (name, kind, text))| {
                let path = folder.path().join(format!("{number}.txt"));
                std::fs::write(&path, text).unwrap();
                ListConfig { name: (*name).to_owned(), kind: *kind, path, column: None }
            })
            .collect();
        Lists::load(&configs, &mut Vec::new())
    }

    fn names<'a>(lists: &'a Lists, ip: &str) -> Vec<&'a str> {
        lists.members(lists.get(ip.parse().unwrap())).map(|list| list.name.as_str()).collect()
    }

    #[test]
    fn an_address_may_be_on_several_lists() {
        let lists = load(&[
            ("a", ListKind::Vpn, "10.0.0.0/8\n10.1.0.0/16\n2001:db8::/32\n".to_owned()),
            ("b", ListKind::Tor, "10.1.2.3\n11.0.0.0/8\n".to_owned()),
            ("a", ListKind::Vpn, "11.0.0.0/16\n9.255.255.255".to_owned()),
            ("a", ListKind::Hosting, "255.255.255.255".to_owned()),
        ])
        .unwrap();
        let cases: [(&str, &[&str]); 8] = [
            ("9.255.255.254", &[]),
            ("9.255.255.255", &["a"]),
            ("10.1.2.3", &["a", "b"]),
            ("::ffff:10.1.2.4", &["a"]),
            ("11.0.9.9", &["a", "b"]),
            ("11.1.0.0", &["b"]),
            ("2001:db8:ffff::", &["a"]),
            ("255.255.255.255", &["a"]),
        ];
        for (ip, expected) in cases {
            assert_eq!(names(&lists, ip), expected, "{ip}");
        }
        let found: Vec<_> =
            lists.all.iter().map(|list| (list.name.as_str(), list.kind, list.entries)).collect();
        assert_eq!(found, [("a", ListKind::Vpn, 5), ("b", ListKind::Tor, 2), ("a", ListKind::Hosting, 1)]);
        let tor = lists.of_kind(ListKind::Tor);
        assert!(lists.get("11.1.0.0".parse().unwrap()).intersects(tor));
        assert!(!lists.get("255.255.255.255".parse().unwrap()).intersects(tor));
        assert_eq!(lists.of_kind(ListKind::Allow), ListSet::EMPTY);
    }

    #[test]
    fn there_are_at_most_sixty_four_lists() {
        let many = |count: usize| {
            let names: Vec<String> = (0..count).map(|number| format!("list-{number}")).collect();
            let lists: Vec<_> = names
                .iter()
                .map(|name| (name.as_str(), ListKind::Allow, "192.0.2.0/24".to_owned()))
                .collect();
            load(&lists).map(|lists| names_of(&lists))
        };
        assert_eq!(many(LISTS_MAX).unwrap(), LISTS_MAX);
        assert!(many(LISTS_MAX + 1).unwrap_err().to_string().contains("more than 64 lists"));
    }

    fn names_of(lists: &Lists) -> usize {
        names(lists, "192.0.2.7").len()
    }

    #[test]
    fn names_are_checked() {
        for name in ["", "a b", "ü", "a/b", &"x".repeat(65)] {
            let error = load(&[(name, ListKind::Tor, String::new())]).err().unwrap().to_string();
            assert!(error.contains("is not allowed"), "{error}");
        }
        assert!(load(&[("x4b_vpn-v4.1", ListKind::Vpn, String::new())]).is_ok());
    }

    #[test]
    fn a_missing_file_is_named() {
        let path = Path::new("no/such.txt").to_owned();
        let config = ListConfig { name: "x".to_owned(), kind: ListKind::Tor, path, column: None };
        let error = Lists::load(&[config], &mut Vec::new()).err().unwrap().to_string();
        assert!(error.starts_with("no/such.txt: cannot be read"), "{error}");
    }

    proptest! {
        #[test]
        fn lookup_equals_a_linear_scan(
            lists in prop::collection::vec(prop::collection::vec((0..64_u32, 24..33_u8), 0..8), 1..5),
            v6 in any::<bool>(),
        ) {
            let net = |low: u32, prefix: u8| match v6 {
                true => (format!("2001:db8::{low:x}"), prefix + 96),
                false => (format!("192.0.2.{low}"), prefix),
            };
            let texts: Vec<_> = lists
                .iter()
                .map(|list| {
                    let lines: Vec<String> = list
                        .iter()
                        .map(|&(low, prefix)| net(low, prefix))
                        .map(|(ip, prefix)| format!("{ip}/{prefix}\n"))
                        .collect();
                    lines.concat()
                })
                .collect();
            let names = ["a", "b", "c", "d"];
            let input: Vec<_> =
                names.into_iter().zip(texts).map(|(name, text)| (name, ListKind::Tor, text)).collect();
            let compiled = load(&input).unwrap();
            for low in 0..70_u32 {
                let ip: IpAddr = net(low, 0).0.parse().unwrap();
                let holds = |list: &Vec<(u32, u8)>| {
                    list.iter().any(|&(base, prefix)| (base ^ low) >> (32 - u32::from(prefix)) == 0)
                };
                let expected: Vec<&str> =
                    names.into_iter().zip(&lists).filter(|(_, list)| holds(list)).map(|(name, _)| name).collect();
                let found: Vec<&str> =
                    compiled.members(compiled.get(ip)).map(|list| list.name.as_str()).collect();
                prop_assert_eq!(found, expected, "{}", ip);
            }
        }
    }
}
