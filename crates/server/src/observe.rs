//! From an event to an input: what files say of its address and user agent is added, and what must not be kept is hashed.
//! Must not know what any of it is worth.

use std::sync::{Arc, LazyLock, RwLock};

use engine::Observed;
use engine::input::{Account, Additions, Agent, Payment, Place, Spot};
use intel::{Intel, List, ListKind};
use memchr::memmem::Finder;
use model::customer::text_key;
use model::time::{DAY_US, SECOND_US};
use model::{Event, Invalid, Time};

use crate::lists::OwnLists;
use crate::pressure;
use crate::secret::Secret;

/// Adds to events what is known outside of the state.
#[derive(Debug)]
pub struct Observer {
    intel: Arc<Intel>,
    secret: Secret,
    /// Lists that came over the API; swapped whole.
    own: RwLock<Arc<OwnLists>>,
    asked_age_days_max: Option<u32>,
}

/// What is known of an address without having seen it.
#[derive(Debug, Default)]
pub struct LookedUp {
    /// What an event from it would be given.
    pub place: Place,
    /// Whose network it is.
    pub organisation: Option<String>,
    /// Lists that hold it: name, kind, and where the list came from (`file`, `api`).
    pub listed: Vec<(String, ListKind, &'static str)>,
}

impl Observer {
    /// An observer with these files and this secret.
    #[must_use]
    pub fn new(intel: Arc<Intel>, secret: Secret) -> Self {
        Self { intel, secret, own: RwLock::default(), asked_age_days_max: None }
    }

    /// One that knows nothing of addresses, and hashes with no secret: for events of which what was known stands beside them.
    #[must_use]
    pub(crate) fn without_files() -> Self {
        Self::of_history(Arc::default())
    }

    /// One that hashes with no secret: for events of a history that is told to nobody but a policy.
    pub(crate) fn of_history(intel: Arc<Intel>) -> Self {
        Self::new(intel, Secret::from_bytes(&[]))
    }

    /// Refuses questions about what lies further back. Without it a replay may ask about any time.
    #[must_use]
    pub fn with_asked_age_max(self, days: Option<u32>) -> Self {
        Self { asked_age_days_max: days, ..self }
    }

    /// Takes these lists in place of those that came over the API before, from the next event on.
    pub fn set_lists(&self, lists: OwnLists) {
        if let Ok(mut own) = self.own.write() {
            *own = Arc::new(lists);
        }
    }

    /// What the server's files know.
    #[must_use]
    pub const fn intel(&self) -> &Arc<Intel> {
        &self.intel
    }

    /// The event as an input's body, and what tells it from another with the same identifier.
    ///
    /// # Errors
    /// Its time lies ahead of `now`, or so far back that it cannot be meant.
    pub fn observe(&self, event: Event, asked: bool, now: Time) -> Result<(Observed, [u8; 16]), Invalid> {
        self.check_age(&event, asked, now)?;
        let digest = self.digest(&event, asked)?;
        let additions = Additions {
            account: event.bank_account.as_ref().map(|account| Account {
                key: self.secret.account_key(&account.identity()),
                holder: account
                    .holder
                    .as_ref()
                    .and_then(|holder| Some(self.secret.holder_key(&holder.comparable()?))),
                verification: account.verification,
            }),
            bank_branch: event
                .bank_account
                .as_ref()
                .map(|account| format!("{}-{}", account.bank, account.branch)),
            order: event.order.as_ref().and_then(|order| serde_json::to_string(order).ok()),
            listed_thin: event
                .order
                .as_ref()
                .and_then(|order| Some(self.own().thin_symbols.as_ref()?.contains(order.symbol.as_str()))),
            payment: event.payment.as_ref().map(|payment| self.payment(payment)),
            agent: event.client.user_agent.as_ref().map(|text| self.agent(text.as_str())),
            place: event.client.ip.map(|ip| self.place(ip)).unwrap_or_default(),
            asked,
        };
        Ok((Observed::new(event, additions, now)?, digest))
    }

    /// What tells an event from another with the same identifier.
    ///
    /// # Errors
    /// Never for events that were read.
    pub fn digest(&self, event: &Event, asked: bool) -> Result<[u8; 16], Invalid> {
        let mut bytes = Vec::with_capacity(EVENT_BYTES);
        serde_json::to_writer(&mut bytes, event).map_err(|error| Invalid::new(".", error.to_string()))?;
        // A fact is another input than a question: it has no decision to be given again.
        bytes.push(u8::from(asked));
        Ok(self.secret.digest(&bytes))
    }

    /// Facts may be old: a broker tells its past. A question is about what is being done.
    fn check_age(&self, event: &Event, asked: bool, now: Time) -> Result<(), Invalid> {
        let days = i64::from(self.asked_age_days_max.unwrap_or(u32::MAX));
        let problem = if event.time.as_us() < EARLIEST_US {
            format!("came {}; allowed: the time at which it happened, from 2000-01-01 on", event.time)
        } else if asked && event.time < now.plus_us(days.saturating_mul(DAY_US).saturating_neg()) {
            format!(
                "came {}, more than {days} days ago; allowed: what is being done; tell the past as facts \
                 (POST /v1/events)",
                event.time
            )
        } else {
            return Ok(());
        };
        Err(Invalid::new("time", problem))
    }

    /// What is asked of an instruction to pay; what it says is not kept.
    fn payment(&self, payment: &model::Payment) -> Payment {
        let own = self.own();
        let domain = payment.payee_domain.as_ref().filter(|_| !own.known_domains.is_empty());
        let pressure = payment.memo.as_ref().map(|memo| pressure::of(memo.as_str()));
        Payment {
            lookalike: domain.map(|domain| own.known_domains.look_like(domain.as_str())),
            urgency: pressure.map(|pressure| pressure.urgency),
            secrecy: pressure.map(|pressure| pressure.secrecy),
        }
    }

    /// A user agent in parts.
    pub(crate) fn agent(&self, text: &str) -> Agent {
        let parsed = self.intel.user_agent(text);
        let part = |name: Option<&String>, version: Option<&String>| {
            let name = name.map_or("", String::as_str);
            text_key(&format!("{name} {}", version.map_or("", String::as_str)))
        };
        let (browser, system, device) = parsed.as_deref().map_or((0, 0, 0), |agent| {
            (
                part(agent.browser.as_ref(), agent.browser_version.as_ref()),
                part(agent.os.as_ref(), agent.os_version.as_ref()),
                part(agent.device.as_ref(), None),
            )
        });
        Agent { text: text_key(text), browser, system, device_type: device, automation: is_automation(text) }
    }

    /// What files and lists know of an address.
    pub(crate) fn place(&self, ip: model::Address) -> Place {
        let facts = self.intel.lookup(ip.ip());
        let mut place = Place {
            country: facts.country.and_then(|country| country.as_str().as_bytes().try_into().ok()),
            asn: facts.asn,
            spot: facts.spot.map(|spot| Spot {
                north: spot.north,
                east: spot.east,
                radius_km: spot.radius_km,
            }),
            ..Place::default()
        };
        let mut allowed = false;
        let mut note = |list: &List| match list.kind {
            ListKind::Hosting => place.hosting = true,
            ListKind::Vpn => place.vpn = true,
            ListKind::Tor => place.tor = true,
            ListKind::Blocklist => place.lists.push(list.name.clone()),
            ListKind::Allow => allowed = true,
        };
        self.intel.listed(facts.lists).for_each(&mut note);
        self.own().networks.listed(ip.ip()).for_each(&mut note);
        if allowed {
            // What the operator trusts is no sign of anything, whatever other lists say of it.
            place = Place { country: place.country, asn: place.asn, spot: place.spot, ..Place::default() };
        }
        place
    }

    /// What is known of an address without having seen it.
    #[must_use]
    pub fn look_up(&self, ip: model::Address) -> LookedUp {
        let facts = self.intel.lookup(ip.ip());
        let told = |list: &List, from| (list.name.clone(), list.kind, from);
        let mut listed: Vec<_> = self.intel.listed(facts.lists).map(|list| told(list, "file")).collect();
        listed.extend(self.own().networks.listed(ip.ip()).map(|list| told(list, "api")));
        let organisation = facts.asn.and_then(|asn| self.intel.organisation(asn)).map(str::to_owned);
        LookedUp { place: self.place(ip), organisation, listed }
    }

    fn own(&self) -> Arc<OwnLists> {
        self.own.read().map(|own| Arc::clone(&own)).unwrap_or_default()
    }
}

/// 2000-01-01T00:00:00Z: what lies before is a clock that was never set.
const EARLIEST_US: i64 = 946_684_800 * SECOND_US;

/// Room for an event as JSON; most take less.
const EVENT_BYTES: usize = 1 << 10;

/// Words by which automation tools name themselves.
const AUTOMATION: [&str; 10] = [
    "python",
    "curl/",
    "wget/",
    "go-http-client",
    "java/",
    "headlesschrome",
    "phantomjs",
    "selenium",
    "puppeteer",
    "playwright",
];

fn is_automation(text: &str) -> bool {
    static WORDS: LazyLock<[Finder<'static>; AUTOMATION.len()]> =
        LazyLock::new(|| AUTOMATION.map(Finder::new));
    let text = text.to_ascii_lowercase();
    WORDS.iter().any(|word| word.find(text.as_bytes()).is_some())
}
