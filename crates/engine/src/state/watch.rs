//! What a login or an order says of many customers at once: it is counted with others that have something in common with it, and
//! where strangers fail together as they never did, that is a campaign (docs/adr/005-campaigns.md). Must not know policy.

use model::time::{DAY_US, HOUR_US};
use model::{Address, Credential, EventKind, Outcome, Time};
use rustc_hash::{FxHashMap, FxHashSet};

use super::State;
use crate::decayed::Decayed;
use crate::facet::{self, Facet, facets, machine};
use crate::input::Observed;
use crate::key::RecordKey;
use crate::record::campaign::{COUNTED_MAX, PRINTS_MAX, Print, Stranger};
use crate::record::cluster::{Cluster, Pace};
use crate::record::shared::Shared;
use crate::record::{Campaign, Ip};
use crate::signal::SOLD_HALF_LIFE_US;

/// How far back a campaign takes what has the facet by which it was recognised: as long as it took to recognise it.
const FAST_BACK_US: i64 = 6 * HOUR_US;
const SLOW_BACK_US: i64 = 3 * DAY_US;
/// And how far back what came from its addresses.
const ADDRESS_BACK_US: i64 = 14 * DAY_US;
/// Where more names than these failed at one address within about a day, what comes from it counts in no other cluster: that is a rule's
/// work, and no sign of a campaign.
const ADDRESS_NAMES_MAX: f64 = 4.0;
/// A provider or client with which fewer than one login in so many comes is seldom.
const SELDOM: u64 = 200;
/// Who sold this much of their holdings lately, in millionths, sells down.
const SOLD_DOWN_PPM: f64 = 300_000.0;

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

/// What counting a login showed.
#[derive(Default)]
struct Counted {
    /// The facets by which it is an attack and of which none is known.
    standing_out: Vec<(Facet, Pace)>,
    /// Clusters of a campaign in which more than usual got in from this login on.
    entered: Vec<u64>,
    /// Since when strangers did well at its address, at which most fail from this login on.
    turned_bad_since: Option<Time>,
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
        // Who knows the password and fails at a further proof has found it.
        let failed = event.outcome == Outcome::Failed && event.credential != Some(Credential::Correct);
        let stranger = Stranger {
            time_us,
            seq: self.seq,
            customer: event.customer.clone(),
            ip: machine(ip),
            failed,
            facets,
            telling: self.telling(event),
            counted: [0; COUNTED_MAX],
        };
        let mut login = Login { event, stranger };
        let open = self.campaigns.of(&facets, event.time, failed);
        let key = match (customer, &event.kept.username_hash) {
            (0, Some(name)) => model::customer::text_key(name.as_str()),
            (0, None) => facets.first().copied().unwrap_or(0),
            (customer, _) => customer,
        };
        let Counted { standing_out, entered, turned_bad_since } =
            self.count(&login, failed, facet::name(key));
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
        let (mut since, key) = (turned_bad_since, facet::address(machine(ip)));
        let linked = self.campaigns.cluster(key).map(|cluster| cluster.campaign);
        if let Some(id) = id
            && (login.stranger.failed || self.campaigns.lists(id, &login.stranger))
            && login.stranger.count_of(id)
        {
            self.add(id, &login.stranger);
            // An address at which most fail, and which is the campaign's from here on.
            let known = self.campaigns.cluster(key).filter(|cluster| cluster.takes(event.time, false, true));
            since = since.or_else(|| known.filter(|_| linked != Some(id))?.entered_since());
        }
        self.campaigns.keep(login.stranger, &mut self.changes);
        for key in entered {
            self.list_entered(key, event.time);
        }
        if let Some((id, since)) = id.zip(since) {
            self.list_entered_from(id, machine(ip), (since, event.time));
        }
    }

    /// Of which facets an event shows something although it did well. A provider or a client that many customers sign in with shows
    /// nothing, a TLS fingerprint tells clients apart.
    fn telling(&self, event: &Observed) -> u16 {
        let is_seldom = |logins: u32| u64::from(logins).saturating_mul(SELDOM) < self.shared.record.logins;
        let provider = event.place.asn.and_then(|asn| self.asns.get(asn)).map_or(0, |asn| asn.logins);
        let agent = event.agent.and_then(|agent| self.agents.get(agent.text)).map_or(0, |agent| agent.logins);
        let tells = |facet: Facet| match facet {
            Facet::Address | Facet::Network | Facet::Ja4 | Facet::Country => true,
            Facet::Client => event.ja4.is_some() || is_seldom(agent),
            Facet::ProviderClient | Facet::Provider => is_seldom(provider),
            Facet::Abroad | Facet::Rented | Facet::Nobody => false,
        };
        Facet::ALL.into_iter().filter(|facet| tells(*facet)).map(Facet::bit).sum()
    }

    /// Counts a login in the clusters of its facets.
    fn count(&mut self, login: &Login<'_>, failed: bool, name: u32) -> Counted {
        let (time, now_us) = (login.event.time, login.stranger.time_us);
        let address = facet::short(login.stranger.facets.first().copied().unwrap_or(0));
        let mut counted = Counted::default();
        for (facet, key) in Facet::ALL.into_iter().zip(login.stranger.facets) {
            if key == 0 {
                continue;
            }
            let Some(cluster) = self.campaigns.cluster_mut(key, &mut self.changes) else { continue };
            let is_address = facet == Facet::Address;
            let was_bad = is_address && cluster.takes(time, false, true);
            let lets_in = |cluster: &Cluster| {
                cluster.campaign != 0 && cluster.takes(time, false, is_address) && cluster.is_entered(time)
            };
            let let_in = lets_in(cluster);
            let is_another = cluster.note(time, failed, (name, address));
            if is_address && !was_bad && cluster.takes(time, false, true) {
                counted.turned_bad_since = cluster.entered_since();
            }
            if is_address && cluster.failed_lately() > ADDRESS_NAMES_MAX {
                break;
            }
            let (campaign, pace) = (cluster.campaign, cluster.is_attack(facet));
            let is_entered = !facet.is_broad() && !let_in && lets_in(cluster);
            let is_on = self.campaigns.open(campaign, now_us).is_some();
            if is_on && is_entered {
                counted.entered.push(key);
            }
            if let Some(pace) = pace.filter(|_| is_another && facet.can_name() && !is_on) {
                counted.standing_out.push((facet, pace));
            }
        }
        counted
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
        // What else they have in common, and what came from the same addresses.
        for stranger in self.take(id, since_us, |stranger| stranger.failed && stranger.has_any(&keys)) {
            self.add(id, &stranger);
            self.link_suspects(id, &stranger, &mut keys);
        }
        let from_us = now_us.saturating_sub(ADDRESS_BACK_US);
        let bad = self.bad_addresses(id, from_us);
        let entered: FxHashSet<u64> =
            keys.iter().copied().filter(|key| self.lets_in(*key, login.event.time)).collect();
        let second = self.take(id, from_us, |stranger| {
            let keys = if stranger.failed { &keys } else { &entered };
            bad.contains(&stranger.ip) || stranger.time_us >= since_us && stranger.has_any(keys)
        });
        second.iter().for_each(|stranger| self.add(id, stranger));
        self.tell(id, login);
        id
    }

    /// The campaign's addresses at which since a time at least as many strangers failed as did well.
    fn bad_addresses(&self, id: u32, since_us: i64) -> FxHashSet<Address> {
        let mut failed_more: FxHashMap<Address, i64> = FxHashMap::default();
        let strangers = self.campaigns.strangers(since_us);
        for stranger in strangers.filter(|stranger| self.campaigns.has_address(id, stranger.ip)) {
            let more = failed_more.entry(stranger.ip).or_default();
            *more = more.saturating_add(if stranger.failed { 1 } else { -1 });
        }
        failed_more.into_iter().filter(|(_, more)| *more >= 0).map(|(ip, _)| ip).collect()
    }

    /// Whether who has this facet and did well is listed of its campaign.
    fn lets_in(&self, key: u64, time: Time) -> bool {
        self.campaigns
            .cluster(key)
            .is_some_and(|cluster| cluster.takes(time, false, false) && cluster.is_entered(time))
    }

    /// More than usual got in where a campaign is: those before belong to it, too.
    fn list_entered(&mut self, key: u64, time: Time) {
        let Some(id) = self.campaigns.cluster(key).map(|cluster| cluster.campaign) else { return };
        if !self.lets_in(key, time) {
            return;
        }
        let since_us = time.as_us().saturating_sub(SLOW_BACK_US);
        let key = FxHashSet::from_iter([key]);
        let entered = self.take(id, since_us, |stranger| !stranger.failed && stranger.has_any(&key));
        entered.iter().for_each(|stranger| self.add(id, stranger));
    }

    /// Most strangers fail at an address from here on: those who did well there before belong to the campaign, too.
    fn list_entered_from(&mut self, id: u32, ip: Address, (since, time): (Time, Time)) {
        let since_us = since.as_us().max(time.as_us().saturating_sub(ADDRESS_BACK_US));
        let entered = self.take(id, since_us, |stranger| !stranger.failed && stranger.ip == ip);
        entered.iter().for_each(|stranger| self.add(id, stranger));
    }

    /// Counts strangers of a campaign, each once.
    fn take(&mut self, id: u32, since_us: i64, is_of: impl Fn(&Stranger) -> bool) -> Vec<Stranger> {
        self.campaigns.take(id, since_us, is_of, &mut self.changes)
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
        let lets_in = self.lets_in(key, login.event.time);
        let key = FxHashSet::from_iter([key]);
        let more = self.take(id, since_us, |stranger| (stranger.failed || lets_in) && stranger.has_any(&key));
        more.iter().for_each(|stranger| self.add(id, stranger));
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

    /// Somebody buys, or sells most of what they hold: counted with the others who buy the same, or who sell down, those at risk as the
    /// ones that "fail". What was only tried counts, too.
    pub(super) fn watch_order(&mut self, event: &Observed, customer: u64, is_stranger: bool) {
        let Some(order) = event.order else { return };
        if event.kind != EventKind::Order || event.outcome == Outcome::Failed {
            return;
        }
        let Some(known) = self.customers.get(customer) else { return };
        let moved = event.session.as_ref().is_some_and(|session| {
            known.sessions.get(super::session_key(session.as_str())).is_some_and(|session| session.moved)
        });
        let trading = known.trading();
        let (key, at_risk) = if order.buys {
            let sold_down = trading.sold_by_strangers.value(event.time, SOLD_HALF_LIFE_US) >= SOLD_DOWN_PPM;
            (facet::symbol(order.symbol), is_stranger || moved || sold_down)
        } else {
            let device = event.device.as_ref().map(|device| model::customer::text_key(device.as_str()));
            let is_shared = event.ip.and_then(|ip| self.ip(ip.bits())).is_some_and(Ip::is_shared);
            let is_unfamiliar = known.is_unfamiliar(event.ip, device, is_shared, event.time) == Some(true);
            // What succeeded is in the record already.
            let now = order.holdings_share_ppm.filter(|_| event.outcome == Outcome::Attempted).unwrap_or(0);
            let sold = |before: Decayed, counts: bool| {
                let now = f64::from(if counts { now } else { 0 });
                before.value(event.time, SOLD_HALF_LIFE_US) + now >= SOLD_DOWN_PPM
            };
            let by_strangers = sold(trading.sold_by_strangers, is_unfamiliar);
            if !by_strangers && !sold(trading.sold, true) {
                return;
            }
            (facet::sold_down(), by_strangers || moved)
        };
        let name = facet::name(customer);
        if let Some(cluster) = self.campaigns.cluster_mut(key, &mut self.changes) {
            cluster.note(event.time, at_risk, (name, name));
        }
    }
}
