//! What is kept of a campaign: its fingerprint, its addresses, whom it tried and whom it got into; and of the strangers of the
//! last days, out of whom a campaign that is recognised takes those it reached before. Must not know how it is recognised.

use model::{Address, CustomerId};
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use crate::distinct::Distinct;
use crate::facet::Facet;

/// Campaigns kept; a further one takes the place of the oldest.
pub const CAMPAIGNS_MAX: u32 = 1_024;
/// Addresses listed of a campaign; further ones are counted.
pub const ADDRESSES_MAX: usize = 2_048;
/// Parts of a fingerprint; further ones still count, and are not listed.
pub const PRINTS_MAX: usize = 32;
/// Customers of a campaign listed on one page of memory.
pub const PAGE_MEMBERS: usize = 256;
/// Pages of a campaign at most: 65,536 customers.
pub const PAGES_MAX: u32 = 256;
/// Customers of a campaign who were only tried and are listed; the rest of the pages is for those it got into.
pub const TRIED_MAX: u32 = 32_768;
/// Pages of all campaigns together, a million customers; beyond that the oldest campaign's go.
pub const POOL_PAGES_MAX: u32 = 4_096;
/// Entries of a segment of strangers.
pub const SEGMENT: usize = 128;
/// Segments of strangers: the last 131,072.
pub const SEGMENTS: u32 = 1_024;
/// Campaigns that a login counts in at most.
pub const COUNTED_MAX: usize = 2;
/// What a stranger's login can have in common with others.
pub const FACETS: usize = 10;

/// Something that the logins of a campaign have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Print {
    /// The place of the facet, as `campaign::Facet` numbers them.
    pub facet: u8,
    /// `AS64500`, `203.0.113.0`, a user agent's text.
    pub value: String,
}

/// An address of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visitor {
    /// Which; of IPv6 the first of its /64.
    pub ip: Address,
    /// Logins from it.
    pub logins: u32,
}

/// A campaign.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// Its number, from 1; 0 for none.
    pub id: u32,
    /// First and last event, microseconds since 1970.
    pub first_us: i64,
    /// Last event.
    pub last_us: i64,
    /// First event's place in the journal.
    pub first_seq: u64,
    /// Last event's.
    pub last_seq: u64,
    /// When it was recognised.
    pub named_us: i64,
    /// By which event.
    pub named_seq: u64,
    /// Logins told.
    pub logins: u64,
    /// Of these, failed.
    pub failed: u64,
    /// Of these, for nobody known.
    pub unknown: u64,
    /// What they have in common, at most [`PRINTS_MAX`].
    pub prints: Vec<Print>,
    /// Addresses, by number, at most [`ADDRESSES_MAX`].
    pub addresses: Vec<Visitor>,
    /// How many addresses.
    pub addresses_seen: Distinct,
    /// How many customers it tried, those it got into too.
    pub tried: Distinct,
    /// Customers it got into.
    pub entered: u32,
    /// Customers listed who were only tried.
    pub tried_listed: u32,
    /// Pages in use.
    pub pages: u32,
}

impl Campaign {
    /// Notes a login.
    pub(crate) fn note(&mut self, stranger: &Stranger) {
        if (stranger.time_us, stranger.seq) < (self.first_us, self.first_seq) {
            (self.first_us, self.first_seq) = (stranger.time_us, stranger.seq);
        }
        if (stranger.time_us, stranger.seq) > (self.last_us, self.last_seq) {
            (self.last_us, self.last_seq) = (stranger.time_us, stranger.seq);
        }
        self.logins = self.logins.saturating_add(1);
        self.failed = self.failed.saturating_add(u64::from(stranger.failed));
        self.unknown = self.unknown.saturating_add(u64::from(stranger.customer.is_none()));
        self.note_address(stranger.ip);
    }

    /// Notes an address.
    pub(crate) fn note_address(&mut self, ip: Address) {
        let bits = ip.bits();
        self.addresses_seen.add(low(bits) ^ low(bits >> 64).rotate_left(32));
        match self.addresses.binary_search_by_key(&bits, |visitor| visitor.ip.bits()) {
            Ok(place) => {
                if let Some(visitor) = self.addresses.get_mut(place) {
                    visitor.logins = visitor.logins.saturating_add(1);
                }
            }
            Err(place) if self.addresses.len() < ADDRESSES_MAX => {
                self.addresses.insert(place, Visitor { ip, logins: 1 });
            }
            Err(_) => {}
        }
    }

    /// Whether an address is one of those listed.
    #[must_use]
    pub fn has_address(&self, ip: Address) -> bool {
        self.addresses.binary_search_by_key(&ip.bits(), |visitor| visitor.ip.bits()).is_ok()
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of::<Self>()
            + self.addresses.capacity() * size_of::<Visitor>()
            + self.prints.iter().map(|print| print.value.capacity() + size_of::<Print>()).sum::<usize>()
            + self.tried.heap_bytes()
            + self.addresses_seen.heap_bytes()
    }
}

fn low(bits: u128) -> u64 {
    u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0)
}

/// A customer of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who.
    pub customer: CustomerId,
    /// First tried, microseconds since 1970.
    pub first_us: i64,
    /// Got into, or stopped by a further proof after the right password, microseconds since 1970; 0 for not.
    pub entered_us: i64,
}

/// Customers of a campaign, in the order in which they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    /// The campaign; 0 for none.
    pub campaign: u32,
    /// At most [`PAGE_MEMBERS`].
    pub members: Vec<Member>,
}

impl Members {
    /// Bytes on the heap, about.
    pub(crate) const fn heap_bytes(&self) -> usize {
        /// Of an identifier.
        const CUSTOMER_BYTES: usize = 32;
        self.members.capacity().saturating_mul(size_of::<Member>() + CUSTOMER_BYTES)
    }
}

/// A login of a stranger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stranger {
    /// When, microseconds since 1970.
    pub time_us: i64,
    /// Its place in the journal.
    pub seq: u64,
    /// In whose name, if anybody's.
    pub customer: Option<CustomerId>,
    /// From where; of IPv6 the first of its /64.
    pub ip: Address,
    /// Whether password or name were wrong.
    pub failed: bool,
    /// What it has in common with others, hashed; 0 for nothing.
    pub facets: [u64; FACETS],
    /// Of which of these it shows something where it did well, a bit each by their places: not of what customers have in common, too.
    pub telling: u16,
    /// The campaigns that it was counted of; 0 for none.
    pub counted: [u32; COUNTED_MAX],
}

impl Stranger {
    /// Whether it was not counted of a campaign before, and may be. One that was counted of as many as are remembered is counted of
    /// no further one: it could not be known for long that it was.
    pub(crate) fn may_count_of(&self, id: u32) -> bool {
        self.counted.contains(&0) && !self.counted.contains(&id)
    }

    /// Counts it of a campaign, if it may be; says whether it is.
    pub(crate) fn count_of(&mut self, id: u32) -> bool {
        if !self.may_count_of(id) {
            return false;
        }
        self.counted.rotate_left(1);
        let [.., last] = &mut self.counted;
        *last = id;
        true
    }

    /// Whether one of the facets is one of these; for one that did not fail, one that shows something.
    pub(crate) fn has_any(&self, keys: &FxHashSet<u64>) -> bool {
        self.telling().any(|(_, key)| keys.contains(&key))
    }

    /// The facets that it has and that show something of it: all where it failed.
    pub(crate) fn telling(&self) -> impl Iterator<Item = (Facet, u64)> {
        let each = Facet::ALL.into_iter().zip(self.facets).filter(|(_, key)| *key != 0);
        each.filter(|(facet, _)| self.failed || self.telling & facet.bit() != 0)
    }
}

/// Some strangers, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment(pub Vec<Stranger>);

impl Segment {
    /// Bytes on the heap, about.
    pub(crate) const fn heap_bytes(&self) -> usize {
        const CUSTOMER_BYTES: usize = 32;
        self.0.capacity().saturating_mul(size_of::<Stranger>() + CUSTOMER_BYTES)
    }
}

/// How far all of it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Strangers noted so far.
    pub strangers: u64,
    /// The number given last.
    pub last_id: u32,
    /// Pages in use by all campaigns.
    pub pages: u32,
    /// The latest login looked at, microseconds since 1970.
    pub now_us: i64,
    /// The latest event of any campaign.
    pub last_us: i64,
}
