//! `report.html`: one page that needs nothing else, in Japanese and English, for the people who must decide. It is made of
//! what was counted and of the evidence; every word comes from `config/locales` ([`words`]), every value is escaped by the
//! template. Must not count or judge anything itself.

mod address;
mod alarm;
mod figures;
pub(super) mod format;
mod statement;
mod timeline;
pub(super) mod words;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use askama::Template;
use askama::filters::HtmlSafe;
use intel::Intel;
use model::event::EventId;
use model::time::{DAY_US, HOUR_US};
use model::{CustomerId, EventKind};

use super::evidence::Evidence;
use super::{
    CHAIN_AFTER_US, CHAIN_BEFORE_US, Finding, OutputOptions, Reason, Summary, Swept, Verdict, verdict,
};
use crate::HistoryError;
use address::AddressView;
use alarm::AlarmView;
use figures::{CountsRow, Figure};
use timeline::Timeline;
use words::{Both, both, fill, number};

/// Procedures of the review list that are shown at most.
pub const REVIEW_SHOWN_MAX: usize = 500;

/// Writes the page.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write(
    path: &Path,
    swept: &Swept,
    summary: &Summary,
    evidence: &Evidence<'_>,
    intel: &Intel,
    options: &OutputOptions,
) -> Result<(), HistoryError> {
    let file = File::create(path).map_err(HistoryError::io(path, "creating"))?;
    let mut writer = BufWriter::new(file);
    let page = Page::new(swept, summary, evidence, intel, options);
    page.write_into(&mut writer).and_then(|()| writer.flush()).map_err(HistoryError::io(path, "writing"))
}

/// How personal data is shown.
#[derive(Debug, Clone, Copy)]
struct Mask {
    unmask: bool,
}

impl Mask {
    fn customer(self, customer: &CustomerId) -> String {
        if self.unmask { customer.to_string() } else { customer.masked() }
    }

    fn device(self, device: &str) -> String {
        if self.unmask { device.to_owned() } else { format::shortened(device) }
    }
}

/// A verdict as a sign and a word, so that colour is not the only signal.
struct Badge(Verdict);

impl std::fmt::Display for Badge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (class, label) = (self.0.as_str(), words::word("verdict", self.0.as_str()));
        write!(f, "<span class=\"badge {class}\"><i aria-hidden=true>{}</i>{label}</span>", sign(self.0))
    }
}

/// Made of fixed words only.
impl HtmlSafe for Badge {}

/// The sign of a verdict.
fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Clear => "✓",
        Verdict::Explained => "○",
        Verdict::Review => "◆",
        Verdict::Alarm => "▲",
    }
}

/// `JP · AS2516 Example Carrier`, as far as known.
fn network(intel: &Intel, country: Option<&str>, asn: Option<u32>) -> String {
    let provider = asn.map(|asn| match intel.organisation(asn) {
        Some(name) => format!("AS{asn} {name}"),
        None => format!("AS{asn}"),
    });
    let parts: Vec<String> = country.map(str::to_owned).into_iter().chain(provider).collect();
    parts.join(" · ")
}

/// One procedure of the review list.
struct ReviewRow<'a> {
    id: &'a EventId,
    customer: String,
    time: String,
    kind: Both,
    address: String,
    network: String,
    reasons: Vec<Both>,
}

#[derive(Template)]
#[template(path = "report.html", whitespace = "minimize")]
struct Page<'a> {
    broker: Option<&'a str>,
    masking: Both,
    footer: Both,
    facts: Vec<(Both, Both)>,
    verdicts: Vec<Figure>,
    figures: Vec<Figure>,
    unknowns: Vec<Both>,
    statement: Both,
    timeline: Timeline,
    kinds: Vec<CountsRow>,
    reasons: Vec<CountsRow>,
    addresses: Vec<AddressView>,
    addresses_note: Option<Both>,
    alarms: Vec<AlarmView<'a>>,
    alarms_more: Option<Both>,
    review: Vec<ReviewRow<'a>>,
    review_more: Option<Both>,
}

impl<'a> Page<'a> {
    fn new(
        swept: &'a Swept,
        summary: &'a Summary,
        evidence: &'a Evidence<'a>,
        intel: &Intel,
        options: &'a OutputOptions,
    ) -> Self {
        let mask = Mask { unmask: options.unmask };
        let (review, review_more) = review(&swept.findings, mask, intel);
        let unknowns = summary.unknowns.iter();
        Self {
            broker: options.broker_name.as_deref(),
            masking: both(if options.unmask { "unmasked" } else { "masked" }),
            footer: fill("footer", &[("version", Both::same(summary.version))]),
            facts: figures::facts(summary),
            verdicts: figures::verdicts(summary),
            figures: figures::evidence(summary, evidence),
            unknowns: unknowns.map(statement::unknown).collect(),
            statement: statement::statement(summary, options.broker_name.as_deref()),
            timeline: Timeline::of(&swept.findings),
            kinds: figures::kinds(summary),
            reasons: figures::reasons(summary),
            addresses: evidence
                .addresses
                .iter()
                .map(|address| AddressView::new(address, mask, intel))
                .collect(),
            addresses_note: addresses_note(evidence),
            alarms: (1_usize..)
                .zip(&evidence.alarms)
                .map(|(place, alarm)| AlarmView::new(place, alarm, mask, intel))
                .collect(),
            alarms_more: more("alarm.more", evidence.alarms_more),
            review,
            review_more,
        }
    }
}

impl Page<'_> {
    /// The heads of columns of counts.
    fn badges(&self) -> impl Iterator<Item = Badge> + use<> {
        Verdict::ALL.iter().copied().map(Badge)
    }
}

fn more(key: &str, count: usize) -> Option<Both> {
    (count > 0).then(|| fill(key, &[("n", number(count))]))
}

fn addresses_note(evidence: &Evidence<'_>) -> Option<Both> {
    if evidence.alarms.is_empty() {
        Some(both("addresses.none"))
    } else if evidence.addresses.is_empty() {
        Some(both("addresses.no_address"))
    } else {
        more("addresses.more", evidence.addresses_more)
    }
}

fn review<'a>(findings: &'a [Finding], mask: Mask, intel: &Intel) -> (Vec<ReviewRow<'a>>, Option<Both>) {
    let mut review: Vec<&Finding> =
        findings.iter().filter(|finding| finding.verdict == Verdict::Review).collect();
    review.sort_unstable_by_key(|finding| (finding.examined.procedure.time, &finding.examined.procedure.id));
    let rest = review.len().saturating_sub(REVIEW_SHOWN_MAX);
    let rows = review.into_iter().take(REVIEW_SHOWN_MAX).map(|finding| {
        let procedure = &finding.examined.procedure;
        ReviewRow {
            id: &procedure.id,
            customer: mask.customer(&procedure.customer),
            time: format::minute(procedure.time.as_us()),
            kind: kind(procedure.kind),
            address: procedure.ip.map(|ip| ip.to_string()).unwrap_or_default(),
            network: network(intel, finding.country.as_deref(), finding.asn),
            reasons: finding.reasons.iter().map(|reason| reason_label(*reason)).collect(),
        }
    });
    (rows.collect(), more("review.more", rest))
}

fn kind(kind: EventKind) -> Both {
    words::word("kind", kind.as_str())
}

fn reason_label(reason: Reason) -> Both {
    words::word("reason", reason.as_str())
}

/// What a reason means, with the thresholds of the rules.
fn reason_text(reason: Reason) -> Both {
    let values = [
        ("days", number(verdict::ESTABLISHED_AGE_US / DAY_US)),
        ("distinct_days", number(verdict::ESTABLISHED_DAYS)),
        ("hours", number(verdict::FRESH_AGE_US / HOUR_US)),
        ("shared", number(verdict::SHARED_CUSTOMERS)),
        ("procedures", number(verdict::PROCEDURES_SUSPICIOUS)),
        ("failed_customers", number(verdict::FAILED_CUSTOMERS_SUSPICIOUS)),
        ("provider_accesses", number(verdict::ESTABLISHED_PROVIDER_ACCESSES)),
        ("procedures_percent", number(verdict::PROCEDURES_PERCENT_SUSPICIOUS)),
        ("failed_percent", number(verdict::FAILED_PERCENT_SUSPICIOUS)),
        ("drained_percent", number(verdict::DRAINED_PPM / 10_000)),
        ("chain_hours", number(CHAIN_BEFORE_US / HOUR_US)),
        ("chain_days", number(CHAIN_AFTER_US / DAY_US)),
    ];
    fill(&format!("reason_text.{reason}"), &values)
}
