//! From an event to an input: what files say of its address and user agent is added, and what must not be kept is hashed.
//! Must not know what any of it is worth.

use std::sync::Arc;

use engine::Observed;
use engine::input::{Account, Additions, Agent, Place};
use intel::{Intel, ListKind};
use model::customer::text_key;
use model::{Event, Invalid, Time};

use crate::secret::Secret;

/// Adds to events what is known outside of the state.
#[derive(Debug)]
pub struct Observer {
    intel: Arc<Intel>,
    secret: Secret,
}

impl Observer {
    /// An observer with these files and this secret.
    #[must_use]
    pub const fn new(intel: Arc<Intel>, secret: Secret) -> Self {
        Self { intel, secret }
    }

    /// The event as an input's body, and what tells it from another with the same identifier.
    ///
    /// # Errors
    /// Its time lies ahead of `now`.
    pub fn observe(&self, event: Event, asked: bool, now: Time) -> Result<(Observed, [u8; 16]), Invalid> {
        let mut bytes = serde_json::to_vec(&event).map_err(|error| Invalid::new(".", error.to_string()))?;
        // A fact is another input than a question: it has no decision to be given again.
        bytes.push(u8::from(asked));
        let digest = self.secret.digest(&bytes);
        let additions = Additions {
            account: event.bank_account.as_ref().map(|account| Account {
                key: self.secret.account_key(&account.identity()),
                holder: account.holder.as_ref().map(|holder| self.secret.holder_key(&holder.comparable())),
            }),
            bank_branch: event
                .bank_account
                .as_ref()
                .map(|account| format!("{}-{}", account.bank, account.branch)),
            order: event.order.as_ref().and_then(|order| serde_json::to_string(order).ok()),
            agent: event.client.user_agent.as_ref().map(|text| self.agent(text.as_str())),
            place: event.client.ip.map(|ip| self.place(ip)).unwrap_or_default(),
            asked,
        };
        Ok((Observed::new(event, additions, now)?, digest))
    }

    fn agent(&self, text: &str) -> Agent {
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

    fn place(&self, ip: model::Address) -> Place {
        let facts = self.intel.lookup(ip.ip());
        let mut place = Place {
            country: facts.country.and_then(|country| country.as_str().as_bytes().try_into().ok()),
            asn: facts.asn,
            ..Place::default()
        };
        for list in self.intel.listed(facts.lists) {
            match list.kind {
                ListKind::Hosting => place.hosting = true,
                ListKind::Vpn => place.vpn = true,
                ListKind::Tor => place.tor = true,
                ListKind::Blocklist => place.lists.push(list.name.clone()),
                // What the operator trusts is no sign of anything.
                ListKind::Allow => {}
            }
        }
        place
    }
}

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
    let text = text.to_ascii_lowercase();
    AUTOMATION.iter().any(|word| text.contains(word))
}
