//! How much memory records take, by kind, and what of it is about one customer alone. Must not know who asks, nor what is too much.
//!
//! A record is one customer's own if nobody else is in it: their own, and their home's address, telephone or bank account while nobody
//! else was there. What several customers have to do with is shared between them, and so is what no customer is known to own: the
//! addresses of an attack that never got in, networks, frequencies, clusters, campaigns.

use super::State;
use super::campaigns::Campaigns;
use super::records::Records;
use crate::record::{Account, Device, Shared};

/// Records and the bytes that they take, about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Records.
    pub records: u64,
    /// Bytes, their part of the table that finds them included.
    pub bytes: u64,
}

/// What records of a kind take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KindTaken {
    /// The kind, in words.
    pub kind: &'static str,
    /// Those that are one customer's own.
    pub own: Taken,
    /// Those that are shared between customers, or about nobody known.
    pub shared: Taken,
}

impl KindTaken {
    const fn own(kind: &'static str, own: Taken) -> Self {
        Self { kind, own, shared: Taken { records: 0, bytes: 0 } }
    }

    const fn shared(kind: &'static str, shared: Taken) -> Self {
        Self { kind, own: Taken { records: 0, bytes: 0 }, shared }
    }

    const fn split(kind: &'static str, (own, shared): (Taken, Taken)) -> Self {
        Self { kind, own, shared }
    }
}

impl State {
    /// What the records in memory take, by kind. Looks at every one of them.
    #[must_use]
    pub fn taken(&self) -> Vec<KindTaken> {
        let customers = self.customers.taken(|customer| customer.heap_bytes(), |_| true);
        let profiles = self.profiles.taken(|profile| profile.heap_bytes(), |_| true);
        let addresses = self.ips.taken(|ip| ip.heap_bytes(), |ip| ip.is_of_one());
        let devices = self.devices.taken(Device::heap_bytes, Device::is_of_one);
        let accounts = self.accounts.taken(|account| account.customers.heap_bytes(), Account::is_of_one);
        let documents = self.documents.taken(|document| document.heap_bytes(), |_| false);
        let frequencies = Taken { records: 1, bytes: wide(Shared::heap_bytes(&self.shared.record)) };
        let mut kinds = vec![
            KindTaken::own("customers", customers.0),
            KindTaken::own("profiles", profiles.0),
            KindTaken::split("addresses", addresses),
            KindTaken::split("devices", devices),
            KindTaken::split("bank accounts", accounts),
            KindTaken::shared("networks", self.networks.taken(|_| 0, |_| false).1),
            KindTaken::shared("autonomous systems", self.asns.taken(|_| 0, |_| false).1),
            KindTaken::shared("user agents", self.agents.taken(|_| 0, |_| false).1),
            KindTaken::shared("frequencies", frequencies),
            KindTaken::shared("policies and lists", documents.1),
        ];
        kinds.extend(self.campaigns.taken());
        kinds
    }
}

impl Campaigns {
    /// What is about many customers at once: networks, providers, clients and bought symbols that are watched, the strangers of the last
    /// days, campaigns and whom they tried.
    fn taken(&self) -> [KindTaken; 4] {
        let of = |bytes: (Taken, Taken)| bytes.1;
        let mut members = of(self.members.taken(crate::record::Members::heap_bytes, |_| false));
        members.bytes = members.bytes.saturating_add(wide(self.index_bytes()));
        [
            KindTaken::shared(
                "clusters",
                of(self.buckets.taken(crate::record::Bucket::heap_bytes, |_| false)),
            ),
            KindTaken::shared(
                "strangers",
                of(self.segments.taken(crate::record::Segment::heap_bytes, |_| false)),
            ),
            KindTaken::shared(
                "campaigns",
                of(self.campaigns.taken(|campaign| campaign.heap_bytes(), |_| false)),
            ),
            KindTaken::shared("members of campaigns", members),
        ]
    }
}

impl<K, R> Records<K, R> {
    /// What the records take of which `is_own` says so, and what the others do. The table's bytes, its empty places among them, are
    /// shared out by their numbers.
    fn taken(&self, heap_bytes: impl Fn(&R) -> usize, is_own: impl Fn(&R) -> bool) -> (Taken, Taken) {
        /// What an allocation takes beside its content.
        const ALLOCATION_BYTES: usize = 24;
        let (mut own, mut shared) = (Taken::default(), Taken::default());
        self.each(|record| {
            let taken = if is_own(record) { &mut own } else { &mut shared };
            let heap = heap_bytes(record);
            taken.records = taken.records.saturating_add(1);
            taken.bytes = taken.bytes.saturating_add(match heap {
                0 => 0,
                heap => wide(heap.saturating_add(ALLOCATION_BYTES)),
            });
        });
        let table = wide(self.table_bytes());
        let all = own.records.saturating_add(shared.records).max(1);
        let owns = u128::from(table) * u128::from(own.records) / u128::from(all);
        let owns = u64::try_from(owns).unwrap_or(table);
        own.bytes = own.bytes.saturating_add(owns);
        shared.bytes = shared.bytes.saturating_add(table.saturating_sub(owns));
        (own, shared)
    }
}

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
