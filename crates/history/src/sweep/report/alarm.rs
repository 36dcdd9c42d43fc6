//! An alarm as the report shows it: facts, reasons in words, the accesses around it. Must not know how they were chosen.

use intel::Intel;
use model::event::EventId;

use super::words::{Both, both, fill, number, word};
use super::{Mask, format, kind, network, reason_label, reason_text};
use crate::sweep::Finding;
use crate::sweep::evidence::{Access, Alarm, Shown};

/// A section of the report.
pub(super) struct AlarmView<'a> {
    pub(super) anchor: String,
    pub(super) heading: Both,
    pub(super) id: &'a EventId,
    pub(super) customer: String,
    pub(super) time: String,
    pub(super) local_time: String,
    pub(super) groups: Vec<Group>,
    /// Label and meaning.
    pub(super) reasons: Vec<(Both, Both)>,
    pub(super) rows: Vec<Row>,
    pub(super) chain_more: Option<Both>,
}

/// Facts under one heading.
pub(super) struct Group {
    pub(super) title: Both,
    pub(super) facts: Vec<(Both, Both)>,
}

/// An access.
pub(super) struct Row {
    pub(super) is_procedure: bool,
    pub(super) in_chain: bool,
    pub(super) time: String,
    pub(super) distance: String,
    pub(super) kind: Both,
    /// And the channel, if it is known.
    pub(super) outcome: Both,
    pub(super) address: String,
    pub(super) same_address: bool,
    pub(super) network: String,
    pub(super) device: String,
    pub(super) same_device: bool,
    pub(super) user_agent: String,
    pub(super) details: Both,
}

impl Row {
    pub(super) fn class(&self) -> &'static str {
        match (self.is_procedure, self.same_address) {
            (true, _) => "own",
            (_, true) => "same",
            _ => "",
        }
    }
}

impl<'a> AlarmView<'a> {
    pub(super) fn new(place: usize, alarm: &Alarm<'a>, mask: Mask, intel: &Intel) -> Self {
        let finding = alarm.finding;
        let procedure = &finding.examined.procedure;
        let time = procedure.time.as_us();
        let values = [("n", number(place)), ("kind", kind(procedure.kind))];
        Self {
            anchor: format!("alarm-{place}"),
            heading: fill("alarm.heading", &values),
            id: &procedure.id,
            customer: mask.customer(&procedure.customer),
            time: format::second(time),
            local_time: super::words::japan_second(time),
            groups: vec![
                procedure_facts(finding, mask, intel),
                past(finding),
                others(finding),
                chain(finding),
            ],
            reasons: finding
                .reasons
                .iter()
                .map(|reason| (reason_label(*reason), reason_text(*reason)))
                .collect(),
            rows: rows(alarm, mask, intel),
            chain_more: (alarm.chain_more > 0)
                .then(|| fill("alarm.chain_more", &[("n", number(alarm.chain_more))])),
        }
    }
}

fn known(text: String) -> Both {
    if text.is_empty() { both("alarm.unknown") } else { Both::same(text) }
}

fn group(title: &str, facts: Vec<(&str, Both)>) -> Group {
    let facts = facts.into_iter().map(|(label, value)| (both(&format!("alarm.{label}")), value));
    Group { title: both(title), facts: facts.collect() }
}

fn procedure_facts(finding: &Finding, mask: Mask, intel: &Intel) -> Group {
    let procedure = &finding.examined.procedure;
    let device = procedure.device.as_ref().map(|device| mask.device(device.as_str()));
    let lists = if finding.lists.is_empty() { both("none") } else { Both::same(finding.lists.join(", ")) };
    group(
        "alarm.facts",
        vec![
            ("ip", known(procedure.ip.map(|ip| ip.to_string()).unwrap_or_default())),
            ("network", known(network(intel, finding.country.as_deref(), finding.asn))),
            ("lists", lists),
            ("device", known(device.unwrap_or_default())),
        ],
    )
}

/// A count that means something only if what it counts by is known.
fn counted<N: TryInto<u64>>(is_known: bool, count: N) -> Both {
    if is_known { number(count) } else { both("alarm.unknown") }
}

fn past(finding: &Finding) -> Group {
    let (procedure, own) = (&finding.examined.procedure, &finding.own);
    let has_ip = procedure.ip.is_some();
    let seen = |time: Option<i64>| Both::same(time.map_or_else(|| "–".to_owned(), format::minute));
    group(
        "alarm.past",
        vec![
            ("own_ip", counted(has_ip, own.ip.count)),
            ("own_first", seen(own.ip.first)),
            ("own_last", seen(own.ip_last)),
            ("own_days", counted(has_ip, own.ip_days)),
            ("own_net", counted(has_ip, own.net.count)),
            ("own_asn", counted(finding.asn.is_some(), own.asn.count)),
            ("own_device", counted(procedure.device.is_some(), own.device.count)),
        ],
    )
}

fn others(finding: &Finding) -> Group {
    let has_ip = finding.examined.procedure.ip.is_some();
    group(
        "alarm.others",
        vec![
            ("other_customers", counted(has_ip, finding.other_customers)),
            ("other_procedures", counted(has_ip, finding.other_procedures)),
            ("failed_customers", counted(has_ip, finding.ip_failed_customers)),
        ],
    )
}

fn chain(finding: &Finding) -> Group {
    let own = &finding.own;
    let share = if own.withdrawals > 0 { format::share(own.withdrawals_share_ppm) } else { "–".to_owned() };
    group(
        "alarm.chain",
        vec![
            ("contact_changes", number(own.contact_changes)),
            ("password_changes", number(own.password_changes)),
            ("factor_changes", number(own.factor_changes)),
            ("withdrawals", number(own.withdrawals)),
            (
                "withdrawals_same_ip",
                counted(finding.examined.procedure.ip.is_some(), own.withdrawals_same_ip),
            ),
            ("withdrawals_share", Both::same(share)),
        ],
    )
}

/// The accesses, and among them the procedure even where history does not have it.
fn rows(alarm: &Alarm<'_>, mask: Mask, intel: &Intel) -> Vec<Row> {
    let finding = alarm.finding;
    let mut rows: Vec<Row> = alarm.accesses.iter().map(|shown| row(finding, shown, mask, intel)).collect();
    if !alarm.accesses.iter().any(|shown| shown.is_procedure) {
        let time = finding.examined.procedure.time.as_us();
        let place = alarm.accesses.partition_point(|shown| shown.access.time <= time);
        rows.insert(place.min(rows.len()), absent(finding, mask, intel));
    }
    rows
}

fn row(finding: &Finding, shown: &Shown, mask: Mask, intel: &Intel) -> Row {
    let procedure = &finding.examined.procedure;
    let access = &shown.access;
    let device = procedure.device.as_ref().map(model::client::DeviceId::as_str);
    Row {
        is_procedure: shown.is_procedure,
        in_chain: shown.in_chain,
        time: format::second(access.time),
        distance: format::distance(access.time.saturating_sub(procedure.time.as_us())),
        kind: access.kind.map_or_else(|| both("alarm.unknown"), kind),
        outcome: outcome(access),
        address: access.address.map(|address| address.to_string()).unwrap_or_default(),
        same_address: access.address.is_some() && access.address == procedure.ip,
        network: network(intel, access.country.as_deref(), access.asn),
        device: access.device.as_deref().map(|device| mask.device(device)).unwrap_or_default(),
        same_device: access.device.is_some() && access.device.as_deref() == device,
        user_agent: access.user_agent.clone().unwrap_or_default(),
        details: details(access),
    }
}

fn absent(finding: &Finding, mask: Mask, intel: &Intel) -> Row {
    let procedure = &finding.examined.procedure;
    Row {
        is_procedure: true,
        in_chain: false,
        time: format::second(procedure.time.as_us()),
        distance: format::distance(0),
        kind: kind(procedure.kind),
        outcome: both("alarm.not_in_history"),
        address: procedure.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        same_address: procedure.ip.is_some(),
        network: network(intel, finding.country.as_deref(), finding.asn),
        device: procedure.device.as_ref().map(|device| mask.device(device.as_str())).unwrap_or_default(),
        same_device: procedure.device.is_some(),
        user_agent: String::new(),
        details: Both::same(""),
    }
}

fn outcome(access: &Access) -> Both {
    let outcome =
        access.outcome.map_or_else(|| both("alarm.unknown"), |outcome| word("outcome", outcome.as_str()));
    let channel = access.channel.map(|channel| word("channel", channel.as_str()));
    Both::join(&[Some(outcome), channel].into_iter().flatten().collect::<Vec<_>>(), &Both::same(" · "))
}

fn details(access: &Access) -> Both {
    let amount = access.amount.as_ref();
    let share = access.share_ppm.map(|ppm| Both::same(format::share(u64::from(ppm))));
    let parts: Vec<Both> = [
        amount.map(|(minor, code)| Both::same(format::money(i128::from(*minor), code))),
        share.map(|share| fill("detail.share", &[("share", share)])),
        access.contact.map(|contact| word("contact", contact.as_str())),
        access.factor.map(|factor| word("factor", factor.as_str())),
        access.bank.clone().map(|bank| fill("detail.bank", &[("bank", Both::same(bank))])),
    ]
    .into_iter()
    .flatten()
    .collect();
    Both::join(&parts, &both("detail.separator"))
}
