//! What a sweep says of one procedure: the counted columns, the verdict, and their text form. Must not know how they were
//! counted or where they are written.

use intel::{Intel, ListKind};
use model::{Address, Time};

use super::scan::Counted;
use super::tally::{AddressTotals, Own, Tally};
use super::targets::{Targets, asn_of, index};
use super::verdict::{Facts, Listed, Reason, Verdict, judge};
use crate::procedures::Examined;

/// One examined procedure with all that was found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The procedure and what was recorded with it.
    pub examined: Examined,
    /// The customer's own past and the chain around the procedure.
    pub own: Own,
    /// Distinct other customers at the address in the window.
    pub other_customers: u32,
    /// Those with a procedure of the same kind.
    pub other_procedures: u32,
    /// Distinct customers with failed logins at the address in the window.
    pub ip_failed_customers: u32,
    /// All events at the address in the window.
    pub address: AddressTotals,
    /// Country of the address.
    pub country: Option<String>,
    /// Autonomous system of the address.
    pub asn: Option<u32>,
    /// Names of the lists the address is on.
    pub lists: Vec<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// The columns of a result, in order, as documented in `docs/sweep.md`.
pub const COLUMNS: &[&str] = &[
    "id",
    "customer",
    "time",
    "kind",
    "ip",
    "own_accesses",
    "own_first_seen",
    "own_last_seen",
    "own_days",
    "own_net_accesses",
    "own_asn_accesses",
    "own_device_accesses",
    "other_customers",
    "other_procedures",
    "ip_failed_customers",
    "country",
    "asn",
    "lists",
    "contact_changes_72h",
    "password_changes_72h",
    "factor_changes_72h",
    "withdrawals_30d",
    "withdrawals_30d_same_ip",
    "withdrawals_30d_share",
    "verdict",
    "reasons",
];

/// The columns that `--columns core` counts.
pub const COLUMNS_CORE: &[&str] =
    &["id", "own_accesses", "own_first_seen", "own_last_seen", "own_net_accesses", "other_customers"];

impl Finding {
    /// Puts together what was counted for the procedure of this rank.
    pub(super) fn new(
        examined: &Examined,
        own: Own,
        targets: &Targets,
        tally: &Tally,
        counted: &Counted,
        intel: &Intel,
    ) -> Self {
        let procedure = &examined.procedure;
        let mut finding = Self { own, ..Self::unjudged(examined, intel) };
        let mut listed = Listed::default();
        if let Some(address) = procedure.ip {
            finding.count_others(address, targets, tally, counted);
            listed = finding.look_up(address, intel);
        }
        let facts = Facts {
            time: procedure.time.as_us(),
            has_ip: procedure.ip.is_some(),
            has_device: procedure.device.is_some(),
            is_rare: is_rare(procedure.kind),
            registers: procedure.kind == model::EventKind::BankAccountRegister,
            has_asn: finding.asn.is_some(),
            own,
            other_customers: finding.other_customers,
            other_procedures: finding.other_procedures,
            ip_failed_customers: finding.ip_failed_customers,
            address: finding.address,
            listed,
        };
        (finding.verdict, finding.reasons) = judge(&facts);
        finding
    }

    /// Of which nothing was counted.
    pub(super) fn unjudged(examined: &Examined, intel: &Intel) -> Self {
        Self {
            examined: examined.clone(),
            own: Own::default(),
            other_customers: 0,
            other_procedures: 0,
            ip_failed_customers: 0,
            address: AddressTotals::default(),
            country: None,
            asn: asn_of(examined, intel),
            lists: Vec::new(),
            verdict: Verdict::Explained,
            reasons: Vec::new(),
        }
    }

    fn count_others(&mut self, address: Address, targets: &Targets, tally: &Tally, counted: &Counted) {
        let procedure = &self.examined.procedure;
        let (bits, kind) = (address.bits(), procedure.kind);
        let Some(place) = targets.address(bits) else { return };
        let count =
            |pair: Option<u32>| pair.and_then(|pair| counted.pairs.get(index(pair)).copied()).unwrap_or(0);
        let first = targets.addresses.get(index(place)).map(|target| target.pairs);
        let customer = targets.customer(procedure.customer.key().0);
        let (here, with_kind) =
            customer.map_or((false, false), |customer| tally.own_presence(targets, customer, bits, kind));
        self.other_customers = count(first).saturating_sub(u32::from(here));
        self.ip_failed_customers = count(first.map(|first| first.saturating_add(1)));
        self.other_procedures = count(targets.pair_of_kind(place, kind)).saturating_sub(u32::from(with_kind));
        self.address = counted.addresses.get(index(place)).copied().unwrap_or_default();
    }

    /// Notes what files know of its address, and gives what its lists mean.
    pub(super) fn look_up(&mut self, address: Address, intel: &Intel) -> Listed {
        let recorded =
            self.examined.recorded.country.map(|letters| String::from_utf8_lossy(&letters).into_owned());
        let looked_up = || intel.country(address.ip()).map(|country| country.as_str().to_owned());
        self.country = recorded.or_else(looked_up);
        let lists = intel.lists(address.ip());
        self.lists = intel.listed(lists).map(|list| list.name.clone()).collect();
        let on = |kind| intel.lists_of_kind(kind).intersects(lists);
        Listed {
            blocked: on(ListKind::Tor) || on(ListKind::Blocklist),
            hosting: on(ListKind::Vpn) || on(ListKind::Hosting),
            allowed: on(ListKind::Allow),
        }
    }

    /// The text of a column of [`COLUMNS`]; empty where there is none.
    #[must_use]
    pub fn column(&self, name: &str, unmask: bool) -> String {
        let procedure = &self.examined.procedure;
        let own = &self.own;
        let with_ip = |number: &dyn std::fmt::Display| {
            if procedure.ip.is_some() { number.to_string() } else { String::new() }
        };
        match name {
            "id" => procedure.id.to_string(),
            "customer" if unmask => procedure.customer.to_string(),
            "customer" => procedure.customer.masked(),
            "time" => procedure.time.to_string(),
            "kind" => procedure.kind.to_string(),
            "ip" => text(procedure.ip),
            "own_accesses" => with_ip(&own.ip.count),
            "own_first_seen" => text(own.ip.first.and_then(Time::from_us)),
            "own_last_seen" => text(own.ip_last.and_then(Time::from_us)),
            "own_days" => with_ip(&own.ip_days),
            "own_net_accesses" => with_ip(&own.net.count),
            "own_asn_accesses" => text(self.asn.map(|_| own.asn.count)),
            "own_device_accesses" => text(procedure.device.as_ref().map(|_| own.device.count)),
            "other_customers" => with_ip(&self.other_customers),
            "other_procedures" => with_ip(&self.other_procedures),
            "ip_failed_customers" => with_ip(&self.ip_failed_customers),
            "country" => self.country.clone().unwrap_or_default(),
            "asn" => text(self.asn),
            "lists" => self.lists.join(";"),
            "contact_changes_72h" => own.contact_changes.to_string(),
            "password_changes_72h" => own.password_changes.to_string(),
            "factor_changes_72h" => own.factor_changes.to_string(),
            "withdrawals_30d" => own.withdrawals.to_string(),
            "withdrawals_30d_same_ip" => with_ip(&own.withdrawals_same_ip),
            "withdrawals_30d_share" => text(self.drained_share()),
            "verdict" => self.verdict.to_string(),
            "reasons" => self.reasons.iter().map(|reason| reason.as_str()).collect::<Vec<_>>().join(";"),
            _ => String::new(),
        }
    }

    /// The share of the balance that left within 30 days, with six decimals; none where nothing left.
    fn drained_share(&self) -> Option<String> {
        let (whole, rest) =
            (self.own.withdrawals_share_ppm / 1_000_000, self.own.withdrawals_share_ppm % 1_000_000);
        (self.own.withdrawals > 0).then(|| format!("{whole}.{rest:06}"))
    }
}

/// Kinds that a customer does a few times a year at most.
fn is_rare(kind: model::EventKind) -> bool {
    use model::EventKind as K;
    matches!(
        kind,
        K::BankAccountRegister
            | K::BankAccountChange
            | K::ContactChange
            | K::PasswordChange
            | K::PasswordReset
            | K::FactorEnroll
            | K::FactorRemove
            | K::DeviceRegister
            | K::DeviceRemove
            | K::DeviceRestrict
    )
}

fn text<T: std::fmt::Display>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Raises procedures that were merely explained but share an address or a device with an alarm; a carrier's shared address
/// is no such link. Gives how many were raised.
pub(super) fn link_to_alarms(findings: &mut [Finding]) -> usize {
    use hashbrown::HashSet;
    let of_alarms = || findings.iter().filter(|finding| finding.verdict == Verdict::Alarm);
    let addresses: HashSet<Address> = of_alarms()
        .filter(|finding| !finding.reasons.contains(&Reason::IpShared))
        .filter_map(|finding| finding.examined.procedure.ip)
        .collect();
    let devices: HashSet<String> = of_alarms()
        .filter_map(|finding| finding.examined.procedure.device.as_ref())
        .map(ToString::to_string)
        .collect();
    let mut raised = 0_usize;
    for finding in findings.iter_mut().filter(|finding| finding.verdict == Verdict::Explained) {
        let procedure = &finding.examined.procedure;
        let linked = procedure.ip.is_some_and(|ip| addresses.contains(&ip))
            || procedure.device.as_ref().is_some_and(|device| devices.contains(device.as_str()));
        if linked {
            finding.verdict = Verdict::Review;
            finding.reasons.push(Reason::AlarmShared);
            raised = raised.saturating_add(1);
        }
    }
    raised
}
