//! What was simulated, in numbers: counted while it is written, so that documentation and tests can be checked against it.
//! Must not know files.

use std::collections::BTreeMap;

use model::time::{DAY_US, HOUR_US};
use model::{Credential, EventKind, Outcome, Time};
use serde::Serialize;

use super::dice::count;
use super::output::is_examined;
use super::visit::Draft;

/// What a simulation was and what it wrote; also the content of `simulation.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SimulateSummary {
    /// Customers.
    pub customers: u32,
    /// Days.
    pub days: u32,
    /// Seed.
    pub seed: u64,
    /// First day, in Japanese time.
    pub start: String,
    /// The attacks that were asked for, in the order of [`super::Attack::ALL`].
    pub attacks: Vec<&'static str>,
    /// Procedures from here on are examined, up to the end.
    pub examined_from: Time,
    /// The end of the simulated span; nothing happens from then on.
    pub end: Time,
    /// Rows of history.
    pub rows: u64,
    /// Files of history.
    pub history_files: u64,
    /// Bytes of history.
    pub history_bytes: u64,
    /// Rows of `truth.csv`.
    pub truth_rows: u64,
    /// What was counted.
    #[serde(flatten)]
    pub tally: Tally,
}

/// Counts over all events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Events by kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Examined procedures by kind.
    pub procedures: BTreeMap<&'static str, u64>,
    /// Logins of customers, and how many of them failed.
    pub honest_logins: u64,
    /// Of these, with a wrong password.
    pub honest_logins_failed: u64,
    /// Examined procedures of customers.
    pub honest: Honest,
    /// By attack.
    pub culprits: BTreeMap<&'static str, Culprits>,
}

/// What one attack did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Culprits {
    /// Events.
    pub events: u64,
    /// Customers in whose names a login succeeded.
    pub customers_entered: u64,
    /// Examined procedures.
    pub procedures: u64,
    /// Money withdrawn, in yen.
    pub withdrawn_jpy: u64,
}

/// How examined procedures of customers look against the customer's own past: what has not been seen earlier than an
/// hour before the procedure is new.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Honest {
    /// All of them.
    pub all: u64,
    /// By telephone or on paper.
    pub staffed: u64,
    /// With an address: the base of the following counts.
    pub online: u64,
    /// The customer was not seen before at all.
    pub no_past: u64,
    /// New address.
    pub new_ip: u64,
    /// New /24 or /64.
    pub new_network: u64,
    /// New autonomous system.
    pub new_asn: u64,
    /// New device, where there is one.
    pub new_device: u64,
    /// New address and new device.
    pub new_ip_and_device: u64,
    /// New network and new device.
    pub new_network_and_device: u64,
    /// At least half of the balance withdrawn within 30 days.
    pub drained: u64,
    /// Drained after a procedure from a new address and a new device.
    pub drained_and_new: u64,
}

impl Tally {
    /// Counts the events of one customer, in order of time.
    pub(super) fn stream(&mut self, drafts: &[Draft], examined_from: Time) {
        let mut entered = None;
        for (number, draft) in drafts.iter().enumerate() {
            *self.kinds.entry(draft.kind.as_str()).or_default() += 1;
            let examined = draft.time >= examined_from && is_examined(draft.kind);
            if examined {
                *self.procedures.entry(draft.kind.as_str()).or_default() += 1;
            }
            let Some(culprit) = draft.culprit else {
                self.honest_login(draft);
                if examined {
                    let (before, after) = drafts.split_at(number);
                    self.honest.count(before, draft, after);
                }
                continue;
            };
            let counts = self.culprits.entry(culprit.as_str()).or_default();
            counts.events += 1;
            counts.procedures += u64::from(examined);
            if draft.kind.moves_money() {
                counts.withdrawn_jpy += draft.details.amount_jpy.unwrap_or(0);
            }
            // One attack a victim, except that a background guess never succeeds.
            if draft.details.credential == Some(Credential::Correct) && entered != Some(culprit) {
                entered = Some(culprit);
                counts.customers_entered += 1;
            }
        }
    }

    fn honest_login(&mut self, draft: &Draft) {
        if draft.kind == EventKind::Login {
            self.honest_logins += 1;
            self.honest_logins_failed += u64::from(draft.outcome == Outcome::Failed);
        }
    }
}

impl Honest {
    fn count(&mut self, before: &[Draft], draft: &Draft, after: &[Draft]) {
        self.all += 1;
        let (Some(ip), Some(network)) = (draft.seen.client.ip, draft.seen.network) else {
            self.staffed += 1;
            return;
        };
        self.online += 1;
        let past = || before.iter().filter(|earlier| earlier.time < draft.time.plus_us(-HOUR_US));
        let none = |same: &dyn Fn(&Draft) -> bool| !past().any(same);
        let device = draft.seen.client.device.as_ref();
        let new_ip = none(&|earlier| earlier.seen.client.ip == Some(ip));
        let new_network =
            none(&|earlier| earlier.seen.client.ip.is_some_and(|seen| seen.network() == ip.network()));
        let new_asn = none(&|earlier| earlier.seen.network.is_some_and(|seen| seen.asn == network.asn));
        let new_device = device.is_some() && none(&|earlier| earlier.seen.client.device.as_ref() == device);
        let until = draft.time.plus_us(30 * DAY_US);
        let withdrawals = after.iter().filter(|later| later.kind.moves_money() && later.time <= until);
        let share_ppm: u64 = withdrawals.filter_map(|later| later.details.share_ppm).sum();
        let drained = share_ppm >= 500_000;
        self.no_past += u64::from(count(past().count()) == 0);
        self.new_ip += u64::from(new_ip);
        self.new_network += u64::from(new_network);
        self.new_asn += u64::from(new_asn);
        self.new_device += u64::from(new_device);
        self.new_ip_and_device += u64::from(new_ip && new_device);
        self.new_network_and_device += u64::from(new_network && new_device);
        self.drained += u64::from(drained);
        self.drained_and_new += u64::from(drained && new_ip && new_device);
    }
}
