//! What a login or an order says of many customers at once: it is counted with others that have something in common with it, and
//! where strangers fail together as they never did, that is a campaign (docs/adr/005-campaigns.md). Must not know signals or policy.

use model::time::{DAY_US, HOUR_US};
use model::{Credential, EventKind, Outcome};
use rustc_hash::FxHashSet;

use super::State;
use crate::facet::{self, Facet, facets, machine};
use crate::input::Observed;
use crate::key::RecordKey;
use crate::record::Campaign;
use crate::record::campaign::{PRINTS_MAX, Print, Stranger};
use crate::record::cluster::Pace;
use crate::record::shared::Shared;

/// How far back a campaign takes what has the facet by which it was recognised: as long as it took to recognise it.
const FAST_BACK_US: i64 = 6 * HOUR_US;
const SLOW_BACK_US: i64 = 3 * DAY_US;
/// And how far back what came from its addresses.
const ADDRESS_BACK_US: i64 = 14 * DAY_US;

const fn back_us(pace: Pace) -> i64 {
    match pace {
        Pace::Fast => FAST_BACK_US,
        Pace::Slow => SLOW_BACK_US,
    }
}

/// A stranger's login in the making of clusters.
struct Login<'a> {
    event: &'a Observed,
    stranger: Stranger,
}

/// Whether fewer than one login in twenty comes from the event's country.
pub(crate) fn is_abroad(event: &Observed, shared: &Shared) -> bool {
    const SELDOM: u64 = 20;
    event.place.country.is_some_and(|letters| {
        let country = crate::record::familiar::country(letters);
        u64::from(shared.countries.of(country)).saturating_mul(SELDOM) < shared.logins
    })
}

impl State {
    /// A stranger signs in, or fails to.
    pub(super) fn watch_login(&mut self, event: &Observed, customer: u64) {
        let Some(ip) = event.ip else { return };
        let facets = facets(event, is_abroad(event, &self.shared.record));
        let time_us = event.time.as_us();
        let failed = event.outcome == Outcome::Failed && event.credential != Some(Credential::Correct);
        let stranger = Stranger {
            time_us,
            seq: self.seq,
            customer: event.customer.clone(),
            ip: machine(ip),
            failed: event.outcome == Outcome::Failed,
            facets,
        };
        let login = Login { event, stranger };
        let open = self.campaigns.of(&facets, event.time, failed);
        let key = match (customer, &event.kept.username_hash) {
            (0, Some(name)) => model::customer::text_key(name.as_str()),
            (0, None) => facets.first().copied().unwrap_or(0),
            (customer, _) => customer,
        };
        let standing_out = self.count(&login, failed, facet::name(key));
        self.changes.note(RecordKey::Watch, &mut self.campaigns.watch);
        self.campaigns.watch.record.now_us = self.campaigns.watch.record.now_us.max(time_us);
        let id = match open {
            Some(id) => {
                for (facet, pace) in &standing_out {
                    self.link_further(id, (*facet, *pace), &login);
                }
                self.tell(id, &login);
                Some(id)
            }
            None if standing_out.is_empty() => None,
            None => Some(self.name(&login, &standing_out)),
        };
        if let Some(id) = id {
            self.add(id, &login.stranger);
        }
        self.campaigns.keep(login.stranger, &mut self.changes);
    }

    /// Counts a login in the clusters of its facets. Gives the facets by which it is an attack and of which none is known.
    fn count(&mut self, login: &Login<'_>, failed: bool, name: u32) -> Vec<(Facet, Pace)> {
        let address = facet::short(login.stranger.facets.first().copied().unwrap_or(0));
        let mut standing_out = Vec::new();
        for (facet, key) in Facet::ALL.into_iter().zip(login.stranger.facets) {
            if key == 0 {
                continue;
            }
            let Some(cluster) = self.campaigns.cluster_mut(key, &mut self.changes) else { continue };
            let is_another = cluster.note(login.event.time, failed, (name, address));
            let (campaign, pace) = (cluster.campaign, cluster.is_attack(facet.is_broad()));
            if let Some(pace) = pace.filter(|_| is_another && facet.can_name())
                && self.campaigns.open(campaign, login.stranger.time_us).is_none()
            {
                standing_out.push((facet, pace));
            }
        }
        standing_out
    }

    /// Begins a campaign with what came before and has the same facets, or comes from the same addresses.
    fn name(&mut self, login: &Login<'_>, standing_out: &[(Facet, Pace)]) -> u32 {
        let id = self.campaigns.begin(&mut self.changes);
        if let Some(campaign) = self.campaigns.campaign_mut(id, &mut self.changes) {
            campaign.named_us = login.stranger.time_us;
            campaign.named_seq = login.stranger.seq;
            campaign.first_us = login.stranger.time_us;
            campaign.first_seq = login.stranger.seq;
        }
        let now_us = login.stranger.time_us;
        let since_us = standing_out.iter().map(|(_, pace)| back_us(*pace)).max().unwrap_or(0);
        let since_us = now_us.saturating_sub(since_us);
        let mut keys: FxHashSet<u64> =
            standing_out.iter().map(|(facet, _)| self.link(id, *facet, login)).collect();
        let first = self.strangers_with(&keys, since_us);
        // What else they have in common, and what came from the same addresses.
        for stranger in &first {
            self.add(id, stranger);
            self.link_suspects(id, stranger, &mut keys);
        }
        let known: FxHashSet<u64> = first.iter().map(|stranger| stranger.seq).collect();
        let from_us = now_us.saturating_sub(ADDRESS_BACK_US);
        let second: Vec<Stranger> = self
            .campaigns
            .strangers()
            .filter(|stranger| stranger.time_us >= from_us && !known.contains(&stranger.seq))
            .filter(|stranger| {
                self.campaigns.has_address(id, stranger.ip)
                    || stranger.time_us >= since_us && stranger.has_any(&keys)
            })
            .cloned()
            .collect();
        second.iter().for_each(|stranger| self.add(id, stranger));
        self.tell(id, login);
        id
    }

    /// The strangers since a time who have one of these facets.
    fn strangers_with(&self, keys: &FxHashSet<u64>, since_us: i64) -> Vec<Stranger> {
        let strangers = self.campaigns.strangers().filter(|stranger| stranger.time_us >= since_us);
        strangers.filter(|stranger| stranger.has_any(keys)).cloned().collect()
    }

    /// Makes what else a stranger of a campaign comes with a part of it, where strangers with it hardly do anything but fail.
    fn link_suspects(&mut self, id: u32, stranger: &Stranger, keys: &mut FxHashSet<u64>) {
        for (facet, key) in Facet::ALL.into_iter().zip(stranger.facets) {
            if key == 0 || facet.is_broad() || !facet.can_name() || keys.contains(&key) {
                continue;
            }
            let is_suspect = self.campaigns.cluster(key).is_some_and(|cluster| {
                cluster.is_suspect() && self.campaigns.open(cluster.campaign, stranger.time_us).is_none()
            });
            if is_suspect && let Some(cluster) = self.campaigns.cluster_mut(key, &mut self.changes) {
                cluster.campaign = id;
                keys.insert(key);
            }
        }
    }

    /// From here on what has this in common with the login belongs to the campaign. Gives its key.
    fn link(&mut self, id: u32, facet: Facet, login: &Login<'_>) -> u64 {
        let key = login.stranger.facets.get(usize::from(facet.place())).copied().unwrap_or(0);
        if let Some(cluster) = self.campaigns.cluster_mut(key, &mut self.changes) {
            cluster.campaign = id;
        }
        key
    }

    /// The same for a facet that stands out while the campaign is on: customers who came with it before are added, too.
    fn link_further(&mut self, id: u32, (facet, pace): (Facet, Pace), login: &Login<'_>) {
        let key = self.link(id, facet, login);
        // Looking through the strangers takes a millisecond: not for every network of thousands.
        if facet == Facet::Network
            || self.campaigns.get(id).is_none_or(|known| known.prints.len() >= PRINTS_MAX)
        {
            return;
        }
        let since_us = login.stranger.time_us.saturating_sub(back_us(pace));
        for stranger in self.strangers_with(&FxHashSet::from_iter([key]), since_us) {
            let customer = stranger.customer.as_ref().map(|id| model::customer::text_key(id.as_str()));
            if customer.is_some_and(|customer| !self.campaigns.has_member(id, customer)) {
                self.add(id, &stranger);
            }
        }
    }

    /// Writes into the campaign's fingerprint what a login has of it.
    fn tell(&mut self, id: u32, login: &Login<'_>) {
        /// A fingerprint is known by then; reading user agents for every further login is not worth it.
        const LOGINS_MAX: u64 = 1_000;
        let is_wanted =
            |campaign: &Campaign| campaign.prints.len() < PRINTS_MAX && campaign.logins < LOGINS_MAX;
        if !self.campaigns.get(id).is_some_and(is_wanted) {
            return;
        }
        for (facet, key) in Facet::ALL.into_iter().zip(login.stranger.facets) {
            let is_linked = self.campaigns.cluster(key).is_some_and(|cluster| cluster.campaign == id);
            if key == 0 || !is_linked || facet == Facet::Address {
                continue;
            }
            let print = Print { facet: facet.place(), value: facet.value(login.event) };
            if let Some(campaign) = self.campaigns.campaign_mut(id, &mut self.changes)
                && campaign.prints.len() < PRINTS_MAX
                && !campaign.prints.contains(&print)
            {
                campaign.prints.push(print);
            }
        }
    }

    /// Adds a login to a campaign. Who comes from its address later belongs to it, too.
    fn add(&mut self, id: u32, stranger: &Stranger) {
        self.campaigns.watch.record.last_us = self.campaigns.watch.record.last_us.max(stranger.time_us);
        if let Some(campaign) = self.campaigns.campaign_mut(id, &mut self.changes) {
            campaign.note(stranger);
        }
        let address = facet::address(stranger.ip);
        let linked = self.campaigns.cluster(address).map(|cluster| cluster.campaign);
        // Not one in which strangers mostly do well: it may be many people's.
        if stranger.failed
            && linked != Some(id)
            && let Some(cluster) = self.campaigns.cluster_mut(address, &mut self.changes)
        {
            cluster.campaign = id;
        }
        if let Some(customer) = &stranger.customer {
            let key = model::customer::text_key(customer.as_str());
            let what = (stranger.time_us, stranger.failed);
            self.campaigns.note_member(id, (customer, key), what, &mut self.changes);
        }
    }

    /// Somebody buys: counted with the others who buy the same, those at risk as the ones that "fail".
    pub(super) fn watch_order(&mut self, event: &Observed, customer: u64, is_stranger: bool) {
        let Some(order) = event.order.filter(|order| order.buys) else { return };
        if event.kind != EventKind::Order || event.outcome == Outcome::Failed || customer == 0 {
            return;
        }
        let moved = event.session.as_ref().is_some_and(|session| {
            let known = self.customers.get(customer);
            let key = super::session_key(session.as_str());
            known.and_then(|known| known.sessions.get(key)).is_some_and(|session| session.moved)
        });
        let at_risk = is_stranger || moved;
        let name = facet::name(customer);
        if let Some(cluster) = self.campaigns.cluster_mut(facet::symbol(order.symbol), &mut self.changes) {
            cluster.note(event.time, at_risk, (name, name));
        }
    }
}
