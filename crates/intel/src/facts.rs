//! The one thing other crates hold: everything that was loaded, ready for lookups.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use crate::config::{IntelConfig, plain_name};
use crate::country::Country;
use crate::error::IntelError;
use crate::lists::{List, ListKind, ListSet, Lists};
use crate::range_csv::Organisations;
use crate::ranges::{Builder, Ranges};
use crate::report::{FileReport, LoadReport};
use crate::spot::Spot;
use crate::unknown::{self, Unknown};
use crate::user_agent::{UserAgent, UserAgents};
use crate::{mmdb, range_csv};

/// Most files for countries, and for autonomous systems.
const FILES_MAX: usize = 1000;

/// What is known of an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// Country of the network.
    pub country: Option<Country>,
    /// Autonomous system (carrier, company, hoster) that announces the network. Never 0.
    pub asn: Option<u32>,
    /// Where the network is, about.
    pub spot: Option<Spot>,
    /// Lists that hold the address.
    pub lists: ListSet,
}

/// Everything known of addresses and user agents. Immutable and shared freely between threads; to refresh, load
/// again and replace the whole.
#[derive(Default)]
pub struct Intel {
    country: Ranges<Option<Country>>,
    asn: Ranges<u32>,
    spots: Ranges<Option<Spot>>,
    organisations: Organisations,
    lists: Lists,
    user_agents: Option<UserAgents>,
    report: LoadReport,
}

impl Intel {
    /// Knows nothing, and says so.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Loads every file of the configuration.
    ///
    /// Bad lines are left out and told by [`Intel::report`].
    ///
    /// # Errors
    ///
    /// When a file cannot be read, is damaged, is not what it was taken for (more than 1 % bad lines), or exceeds a
    /// limit ([`RANGES_MAX`](crate::RANGES_MAX), [`LISTS_MAX`](crate::LISTS_MAX),
    /// [`LIST_ENTRIES_MAX`](crate::LIST_ENTRIES_MAX)).
    pub fn load(config: &IntelConfig) -> Result<Self, IntelError> {
        if [&config.country, &config.asn, &config.location].iter().any(|files| files.len() > FILES_MAX) {
            let problem = format!("more than {FILES_MAX} files in `country`, in `asn` or in `location`");
            return Err(IntelError::setting(problem));
        }
        let mut files = Vec::new();
        let country = load_ranges(&config.country, &mut files, |path, ranges| match is_mmdb(path) {
            true => mmdb::read_countries(path, ranges),
            false => range_csv::read_countries(path, ranges),
        })?;
        let mut organisations = Organisations::default();
        let asn = load_ranges(&config.asn, &mut files, |path, ranges| match is_mmdb(path) {
            true => mmdb::read_asns(path, ranges, &mut organisations),
            false => range_csv::read_asns(path, ranges, &mut organisations),
        })?;
        let spots = load_ranges(&config.location, &mut files, mmdb::read_spots)?;
        let lists = Lists::load(&config.lists, &mut files)?;
        let user_agents = match &config.user_agents {
            Some(path) => {
                let (user_agents, report) = UserAgents::load(path)?;
                files.push(report);
                Some(user_agents)
            }
            None => None,
        };
        Ok(Self { country, asn, spots, organisations, lists, user_agents, report: LoadReport { files } })
    }

    /// Everything known of an address.
    #[must_use]
    pub fn lookup(&self, ip: IpAddr) -> Facts {
        Facts {
            country: self.country(ip),
            asn: self.asn(ip),
            spot: self.spots.get(ip),
            lists: self.lists(ip),
        }
    }

    /// Country of an address.
    #[must_use]
    pub fn country(&self, ip: IpAddr) -> Option<Country> {
        self.country.get(ip)
    }

    /// Autonomous system of an address.
    #[must_use]
    pub fn asn(&self, ip: IpAddr) -> Option<u32> {
        Some(self.asn.get(ip)).filter(|asn| *asn != 0)
    }

    /// Name of the organisation behind an autonomous system, at most 256 bytes.
    #[must_use]
    pub fn organisation(&self, asn: u32) -> Option<&str> {
        self.organisations.get(asn)
    }

    /// Lists that hold an address.
    #[must_use]
    pub fn lists(&self, ip: IpAddr) -> ListSet {
        self.lists.get(ip)
    }

    /// Names and kinds of a set, in the order of the configuration.
    pub fn listed(&self, set: ListSet) -> impl Iterator<Item = &List> {
        self.lists.members(set)
    }

    /// All lists of a kind, to be held against an address's set with [`ListSet::intersects`].
    #[must_use]
    pub fn lists_of_kind(&self, kind: ListKind) -> ListSet {
        self.lists.of_kind(kind)
    }

    /// What a user agent says of itself. None when no rules are configured. Only the first
    /// [`USER_AGENT_BYTES_MAX`](crate::USER_AGENT_BYTES_MAX) bytes are looked at; the
    /// [`USER_AGENTS_CACHED_MAX`](crate::USER_AGENTS_CACHED_MAX) seen last are kept parsed.
    #[must_use]
    pub fn user_agent(&self, text: &str) -> Option<Arc<UserAgent>> {
        self.user_agents.as_ref().map(|agents| agents.parse(text))
    }

    /// What cannot be known because no file says it. Lists of the kind `allow` are not missed: without one, nothing
    /// is let through that would otherwise be stopped.
    #[must_use]
    pub fn unknowns(&self) -> Vec<Unknown> {
        let mut unknowns = Vec::new();
        unknowns
            .extend(missing(&self.country, [unknown::COUNTRY, unknown::COUNTRY_IPV4, unknown::COUNTRY_IPV6]));
        unknowns.extend(missing(&self.asn, [unknown::ASN, unknown::ASN_IPV4, unknown::ASN_IPV6]));
        let kinds = [
            (ListKind::Tor, unknown::TOR),
            (ListKind::Vpn, unknown::VPN),
            (ListKind::Hosting, unknown::HOSTING),
            (ListKind::Blocklist, unknown::BLOCKLIST),
        ];
        for (kind, unknown) in kinds {
            unknowns.extend(self.lists_of_kind(kind).is_empty().then_some(unknown));
        }
        unknowns.extend(self.user_agents.is_none().then_some(unknown::USER_AGENTS));
        unknowns
    }

    /// What every file gave, and which lines were left out.
    #[must_use]
    pub fn report(&self) -> &LoadReport {
        &self.report
    }

    /// Bytes that lookups of addresses keep in memory (without the rules and the cache for user agents).
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        [
            self.country.memory_bytes(),
            self.asn.memory_bytes(),
            self.spots.memory_bytes(),
            self.organisations.memory_bytes(),
            self.lists.memory_bytes(),
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }
}

impl fmt::Debug for Intel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intel").field("report", &self.report).finish_non_exhaustive()
    }
}

fn is_mmdb(path: &Path) -> bool {
    plain_name(path).ends_with(".mmdb")
}

fn load_ranges<V: Copy + Default + Eq, P: AsRef<Path>>(
    paths: &[P],
    files: &mut Vec<FileReport>,
    mut read: impl FnMut(&Path, &mut Builder<V>) -> Result<FileReport, IntelError>,
) -> Result<Ranges<V>, IntelError> {
    let mut ranges = Builder::default();
    for path in paths {
        files.push(read(path.as_ref(), &mut ranges)?);
        ranges.next_file();
    }
    Ok(ranges.compile())
}

/// Whether both families are missing, or one of them.
fn missing<V: Copy + Default + Eq>(ranges: &Ranges<V>, [both, ipv4, ipv6]: [Unknown; 3]) -> Option<Unknown> {
    match (ranges.v4.is_empty(), ranges.v6.is_empty()) {
        (true, true) => Some(both),
        (true, false) => Some(ipv4),
        (false, true) => Some(ipv6),
        (false, false) => None,
    }
}
