//! Campaigns, clusters and the strangers of the last days: the records that are about many customers at once. They never leave
//! memory, and all of them have limits (`record::cluster`, `record::campaign`): together less than half a GiB. Must not know
//! when an event belongs to a campaign: that is `watch`'s.

use hashbrown::HashMap;
use model::time::DAY_US;
use model::{Address, CustomerId, Time};
use rustc_hash::FxBuildHasher;

use super::changes::Changes;
use super::records::{Records, Slot};
use crate::facet::{self, Facet};
use crate::key::RecordKey;
use crate::record::Record;
use crate::record::campaign::{
    CAMPAIGNS_MAX, Campaign, FACETS, Member, Members, PAGE_MEMBERS, PAGES_MAX, POOL_PAGES_MAX, SEGMENT,
    SEGMENTS, Segment, Stranger, TRIED_MAX, Watch,
};
use crate::record::cluster::{Bucket, Cluster};

/// A campaign is over when nothing of it came for so long.
pub const OPEN_US: i64 = 3 * DAY_US;
/// How long it is remembered of a customer that a campaign got into them.
const ENTERED_US: i64 = 60 * DAY_US;

/// Where a customer stands among the members.
#[derive(Debug, Clone, Copy)]
struct Stand {
    page: u64,
    place: usize,
}

/// That a campaign got into a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Which.
    pub campaign: u32,
    /// When, microseconds since 1970.
    pub at_us: i64,
}

/// All of them.
#[derive(Debug)]
pub struct Campaigns {
    pub(super) watch: Slot<Watch>,
    pub(super) buckets: Records<u32, Bucket>,
    pub(super) segments: Records<u32, Segment>,
    pub(super) campaigns: Records<u32, Box<Campaign>>,
    pub(super) members: Records<u64, Members>,
    /// Made of the members: where a customer stands in a campaign, and which got into them last.
    stands: HashMap<(u32, u64), Stand, FxBuildHasher>,
    entries: HashMap<u64, Entry, FxBuildHasher>,
}

impl Default for Campaigns {
    fn default() -> Self {
        Self {
            watch: Slot::default(),
            buckets: Records::new(RecordKey::Bucket),
            segments: Records::new(RecordKey::Segment),
            campaigns: Records::new(RecordKey::Campaign),
            members: Records::new(RecordKey::Members),
            stands: HashMap::default(),
            entries: HashMap::default(),
        }
    }
}

/// The place of a campaign among those kept.
const fn slot(id: u32) -> u32 {
    id % CAMPAIGNS_MAX
}

/// The page of a slot.
fn page_key(id: u32, page: u32) -> u64 {
    u64::from(slot(id)) << 32 | u64::from(page)
}

impl Campaigns {
    /// A cluster.
    #[must_use]
    pub fn cluster(&self, key: u64) -> Option<&Cluster> {
        self.buckets.get(Bucket::of(key))?.get(key)
    }

    pub(super) fn cluster_mut(&mut self, key: u64, changes: &mut Changes) -> Option<&mut Cluster> {
        self.buckets.change(Bucket::of(key), changes)?.touch(key)
    }

    /// A campaign, if it is still kept.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<&Campaign> {
        self.campaigns
            .get(slot(id))
            .map(AsRef::as_ref)
            .filter(|campaign: &&Campaign| campaign.id == id && id != 0)
    }

    /// A campaign that something came of within [`OPEN_US`] before a time.
    #[must_use]
    pub fn open(&self, id: u32, at_us: i64) -> Option<&Campaign> {
        self.get(id).filter(|campaign| at_us.saturating_sub(campaign.last_us) <= OPEN_US)
    }

    /// Campaigns kept, the newest first, from before a number on.
    pub fn newest(&self, before: u32) -> impl Iterator<Item = &Campaign> {
        let last = self.watch.record.last_id.min(before.saturating_sub(1));
        let first = last.saturating_sub(CAMPAIGNS_MAX - 1).max(1);
        (first..=last).rev().filter_map(|id| self.get(id))
    }

    /// The latest event looked at, microseconds since 1970.
    #[must_use]
    pub const fn now_us(&self) -> i64 {
        self.watch.record.now_us
    }

    /// Whether a campaign is still on, by the latest event looked at.
    #[must_use]
    pub fn is_on(&self, campaign: &Campaign) -> bool {
        self.open(campaign.id, self.now_us()).is_some()
    }

    /// The customers listed of a campaign, in the order in which they were found.
    pub fn members(&self, id: u32) -> impl Iterator<Item = &Member> {
        let pages = self.get(id).map_or(0, |campaign| campaign.pages);
        let pages = (0..pages).filter_map(move |page| self.members.get(page_key(id, page)));
        pages.filter(move |page| page.campaign == id).flat_map(|page| &page.members)
    }

    /// Which campaign got into a customer last.
    #[must_use]
    pub fn entry(&self, customer: u64) -> Option<Entry> {
        self.entries.get(&customer).copied()
    }

    /// Which campaign got into a customer within 60 days before a time.
    #[must_use]
    pub fn entered_lately(&self, customer: u64, time: Time) -> Option<u32> {
        let entry = self.entry(customer)?;
        (time.as_us().saturating_sub(entry.at_us) <= ENTERED_US).then_some(entry.campaign)
    }

    /// The campaign that an event has to do with, for whoever looks into it: the one that got into its customer lately, or else one that
    /// was on then and has its address.
    #[must_use]
    pub fn concerning(&self, customer: Option<&str>, ip: Option<Address>, time: Time) -> Option<u32> {
        let customer = customer.map(model::customer::text_key);
        // What came later has nothing to do with it.
        let entered = customer
            .filter(|customer| self.entry(*customer).is_some_and(|entry| entry.at_us <= time.as_us()));
        let entered = entered.and_then(|customer| self.entered_lately(customer, time));
        entered.or_else(|| {
            let cluster = self.cluster(facet::address(facet::machine(ip?)))?;
            let campaign = self.open(cluster.campaign, time.as_us())?;
            (campaign.first_us <= time.as_us()).then_some(campaign.id)
        })
    }

    /// Begins a campaign, in place of the oldest if there are too many.
    pub(super) fn begin(&mut self, changes: &mut Changes) -> u32 {
        changes.note(RecordKey::Watch, &mut self.watch);
        let id = self.watch.record.last_id.saturating_add(1);
        self.watch.record.last_id = id;
        if let Some(before) = id.checked_sub(CAMPAIGNS_MAX) {
            self.drop_members(before, changes);
        }
        if let Some(campaign) = self.campaigns.change(slot(id), changes) {
            **campaign = Campaign { id, ..Campaign::default() };
        }
        id
    }

    pub(super) fn campaign_mut(&mut self, id: u32, changes: &mut Changes) -> Option<&mut Campaign> {
        self.get(id)?;
        self.campaigns.change(slot(id), changes).map(AsMut::as_mut)
    }

    /// Notes that a campaign tried a customer, or got into them.
    pub(super) fn note_member(
        &mut self,
        id: u32,
        customer: (&CustomerId, u64),
        (time_us, failed): (i64, bool),
        changes: &mut Changes,
    ) {
        let (name, key) = customer;
        let entered_us = if failed { 0 } else { time_us };
        if let Some(campaign) = self.campaign_mut(id, changes) {
            campaign.tried.add(key);
        }
        let stand = match self.stands.get(&(id, key)).copied() {
            Some(stand) => stand,
            None => {
                let Some(stand) = self.add_member(id, failed, changes) else { return };
                if let Some(page) = self.members.change(stand.page, changes) {
                    page.campaign = id;
                    page.members.push(Member { customer: name.clone(), first_us: time_us, entered_us: 0 });
                }
                self.stands.insert((id, key), stand);
                stand
            }
        };
        if failed {
            return;
        }
        let page = self.members.change(stand.page, changes);
        let Some(member) = page.and_then(|page| page.members.get_mut(stand.place)) else { return };
        member.first_us = member.first_us.min(time_us);
        let is_first = member.entered_us == 0;
        member.entered_us = if is_first { entered_us } else { member.entered_us.min(entered_us) };
        let at_us = member.entered_us;
        if let Some(campaign) = self.campaign_mut(id, changes).filter(|_| is_first) {
            campaign.entered = campaign.entered.saturating_add(1);
        }
        self.note_entry(key, Entry { campaign: id, at_us });
    }

    /// Room for another member; none if there is none.
    fn add_member(&mut self, id: u32, failed: bool, changes: &mut Changes) -> Option<Stand> {
        let campaign = self.get(id)?;
        if failed && campaign.tried_listed >= TRIED_MAX {
            return None;
        }
        let pages = campaign.pages;
        let last = pages.checked_sub(1).map(|page| page_key(id, page));
        let place =
            last.and_then(|page| self.members.get(page)).map_or(PAGE_MEMBERS, |page| page.members.len());
        let stand = if let Some(page) = last.filter(|_| place < PAGE_MEMBERS) {
            Stand { page, place }
        } else {
            if pages >= PAGES_MAX || !self.make_room(id, changes) {
                return None;
            }
            changes.note(RecordKey::Watch, &mut self.watch);
            self.watch.record.pages = self.watch.record.pages.saturating_add(1);
            Stand { page: page_key(id, pages), place: 0 }
        };
        let campaign = self.campaign_mut(id, changes)?;
        campaign.tried_listed = campaign.tried_listed.saturating_add(u32::from(failed));
        campaign.pages = campaign.pages.max(pages + u32::from(stand.place == 0));
        Some(stand)
    }

    /// The oldest campaign's members go when all pages are in use; false if that is this one's own.
    fn make_room(&mut self, id: u32, changes: &mut Changes) -> bool {
        if self.watch.record.pages < POOL_PAGES_MAX {
            return true;
        }
        let last = self.watch.record.last_id;
        let first = last.saturating_sub(CAMPAIGNS_MAX - 1).max(1);
        let has_pages = |id: &u32| self.get(*id).is_some_and(|campaign| campaign.pages > 0);
        match (first..=last).find(has_pages) {
            Some(oldest) if oldest != id => {
                self.drop_members(oldest, changes);
                true
            }
            _ => false,
        }
    }

    fn drop_members(&mut self, id: u32, changes: &mut Changes) {
        let Some(campaign) = self.campaign_mut(id, changes) else { return };
        let pages = std::mem::take(&mut campaign.pages);
        for page in 0..pages {
            let Some(page) = self.members.change(page_key(id, page), changes) else { continue };
            for member in std::mem::take(page).members {
                let key = model::customer::text_key(member.customer.as_str());
                self.stands.remove(&(id, key));
                if self.entries.get(&key).is_some_and(|entry| entry.campaign == id) {
                    self.entries.remove(&key);
                }
            }
        }
        changes.note(RecordKey::Watch, &mut self.watch);
        self.watch.record.pages = self.watch.record.pages.saturating_sub(pages);
    }

    fn note_entry(&mut self, customer: u64, entry: Entry) {
        // The newest campaign that lists them, whichever way the members came into memory.
        let known = self.entries.entry(customer).or_insert(entry);
        if known.campaign <= entry.campaign {
            *known = entry;
        }
    }

    /// Finds the members of a page that was loaded.
    fn index(&mut self, page: u64) {
        let Some(Members { campaign, members }) = self.members.get(page) else { return };
        let (id, mut entered) = (*campaign, Vec::new());
        for (place, member) in members.iter().enumerate() {
            let key = model::customer::text_key(member.customer.as_str());
            self.stands.insert((id, key), Stand { page, place });
            if member.entered_us != 0 {
                entered.push((key, Entry { campaign: id, at_us: member.entered_us }));
            }
        }
        entered.into_iter().for_each(|(key, entry)| self.note_entry(key, entry));
    }

    /// The campaign, still on, that the login of a stranger belongs to: one of whose facets it has, as long as strangers with that facet
    /// fail more than usual. One that did not fail belongs to none by a facet that very many share.
    #[must_use]
    pub fn of(&self, facets: &[u64; FACETS], time: Time, failed: bool) -> Option<u32> {
        if time.as_us().saturating_sub(self.watch.record.last_us) > OPEN_US {
            return None;
        }
        let each = Facet::ALL.into_iter().zip(facets).filter(|(facet, _)| failed || !facet.is_broad());
        let mut linked = each.filter(|(_, key)| **key != 0).filter_map(|(facet, key)| {
            let cluster = self.cluster(*key).filter(|cluster| cluster.campaign != 0)?;
            let is_on = self.open(cluster.campaign, time.as_us()).is_some();
            (is_on && cluster.takes(time, failed, facet == Facet::Address)).then_some(cluster.campaign)
        });
        linked.next()
    }

    /// Whether a stranger who got in is listed as one whom a campaign got into: by an address at which strangers fail, or by something
    /// else that the campaign has where strangers fail, and where more than usual got in.
    pub(super) fn lists(&self, id: u32, stranger: &Stranger) -> bool {
        let time = Time::from_us(stranger.time_us).unwrap_or(Time::MIN);
        stranger.telling().any(|(facet, key)| {
            self.cluster(key).is_some_and(|cluster| {
                let is_address = facet == Facet::Address;
                cluster.campaign == id
                    && cluster.takes(time, false, is_address)
                    && (is_address || cluster.is_entered(time))
            })
        })
    }

    /// Keeps a stranger; the one of 131,072 before goes.
    pub(super) fn keep(&mut self, stranger: Stranger, changes: &mut Changes) {
        changes.note(RecordKey::Watch, &mut self.watch);
        let number = self.watch.record.strangers;
        self.watch.record.strangers = number.saturating_add(1);
        let length = u64::try_from(SEGMENT).unwrap_or(1);
        let segment = u32::try_from(number / length % u64::from(SEGMENTS)).unwrap_or(0);
        if let Some(Segment(strangers)) = self.segments.change(segment, changes) {
            if number.is_multiple_of(length) {
                strangers.clear();
            }
            strangers.push(stranger);
        }
    }

    /// The segments of strangers, the one written longest ago at first.
    fn in_order(&self) -> impl Iterator<Item = u32> + use<> {
        let length = u64::try_from(SEGMENT).unwrap_or(1);
        let next = self.watch.record.strangers.div_ceil(length);
        let segments = (0..u64::from(SEGMENTS)).map(move |number| (next + number) % u64::from(SEGMENTS));
        segments.map(|segment| u32::try_from(segment).unwrap_or(0))
    }

    /// The strangers kept since a time, those that came first at first. Yesterday's facts may come today, so that a segment
    /// without any says nothing of those before it.
    pub(super) fn strangers(&self, since_us: i64) -> impl Iterator<Item = &Stranger> {
        let kept = self.in_order().filter_map(|segment| self.segments.get(segment));
        let is_since = move |stranger: &&Stranger| stranger.time_us >= since_us;
        kept.flat_map(|Segment(strangers)| strangers).filter(is_since)
    }

    /// Counts strangers since a time of a campaign, those for whom `is_of` says so. Gives those that were not counted of it before.
    pub(super) fn take(
        &mut self,
        id: u32,
        since_us: i64,
        is_of: impl Fn(&Stranger) -> bool,
        changes: &mut Changes,
    ) -> Vec<Stranger> {
        let is_wanted = |stranger: &Stranger| {
            stranger.time_us >= since_us && stranger.may_count_of(id) && is_of(stranger)
        };
        let mut taken = Vec::new();
        for segment in self.in_order() {
            if !self.segments.get(segment).is_some_and(|Segment(kept)| kept.iter().any(is_wanted)) {
                continue;
            }
            let Some(Segment(kept)) = self.segments.change(segment, changes) else { continue };
            for stranger in kept.iter_mut().filter(|stranger| is_wanted(stranger)) {
                stranger.count_of(id);
                taken.push(stranger.clone());
            }
        }
        taken
    }

    /// Whether an address is one of a campaign's.
    pub(super) fn has_address(&self, id: u32, ip: Address) -> bool {
        self.get(id).is_some_and(|campaign| campaign.has_address(ip))
    }

    /// Bytes in memory, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        (0..super::records::PARTS).map(|part| self.part_bytes(part)).sum()
    }

    /// Bytes that a part of the records takes, about, with as large a part of what is made of them.
    pub(super) fn part_bytes(&self, part: usize) -> usize {
        self.buckets.part_bytes(part, Bucket::heap_bytes)
            + self.segments.part_bytes(part, Segment::heap_bytes)
            + self.campaigns.part_bytes(part, |campaign| campaign.heap_bytes())
            + self.members.part_bytes(part, Members::heap_bytes)
            + self.index_bytes() / super::records::PARTS
    }

    /// Bytes of what is made of the members, about.
    pub(super) fn index_bytes(&self) -> usize {
        self.stands.allocation_size() + self.entries.allocation_size()
    }

    /// Records.
    pub(super) const fn len(&self) -> usize {
        self.buckets.len() + self.segments.len() + self.campaigns.len() + self.members.len()
    }

    /// The keys of all records but the one.
    pub(super) fn keys(&self) -> impl Iterator<Item = RecordKey> {
        let buckets = self.buckets.keys().map(RecordKey::Bucket);
        let segments = self.segments.keys().map(RecordKey::Segment);
        let campaigns = self.campaigns.keys().map(RecordKey::Campaign);
        buckets.chain(segments).chain(campaigns).chain(self.members.keys().map(RecordKey::Members))
    }

    /// Puts a stored record into memory; says whether it is one of these.
    pub(super) fn load(&mut self, key: RecordKey, record: Record, tick: u32) -> bool {
        match (key, record) {
            (RecordKey::Watch, Record::Watch(record)) => self.watch.record = record,
            (RecordKey::Bucket(key), Record::Bucket(record)) => self.buckets.load(key, record, tick),
            (RecordKey::Segment(key), Record::Segment(record)) => self.segments.load(key, record, tick),
            (RecordKey::Campaign(key), Record::Campaign(record)) => self.campaigns.load(key, record, tick),
            (RecordKey::Members(key), Record::Members(record)) => {
                self.members.load(key, record, tick);
                self.index(key);
            }
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Campaigns, Changes};
    use crate::record::campaign::{COUNTED_MAX, FACETS, Stranger};

    /// However many campaigns look back at a login, and in which order.
    #[test]
    fn a_login_counts_once_in_a_campaign() {
        let (mut campaigns, mut changes) = (Campaigns::default(), Changes::default());
        let stranger = Stranger {
            time_us: 1,
            seq: 1,
            customer: None,
            ip: "192.0.2.1".parse().unwrap(),
            failed: true,
            facets: [0; FACETS],
            telling: 0,
            counted: [0; COUNTED_MAX],
        };
        campaigns.keep(stranger, &mut changes);
        let mut counted = std::collections::BTreeMap::<u32, usize>::new();
        for id in [1, 2, 3, 1, 3, 2, 1] {
            *counted.entry(id).or_default() += campaigns.take(id, 0, |_| true, &mut changes).len();
        }
        assert_eq!(Vec::from_iter(counted), [(1, 1), (2, 1), (3, 0)]);
    }
}
