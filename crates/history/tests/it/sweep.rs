//! The sweep against a naive version: every procedure compared with every event, row by row, written straight from
//! `docs/sweep.md`. Histories are random and small, so that addresses, devices and customers collide often.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its fixture should stop")]

use std::collections::BTreeSet;
use std::path::Path;

use history::files::open_all;
use history::procedures::Examined;
use history::rows::{AccountHasher, Recorded, RowBuffer};
use history::sweep::{Columns, Finding, Seen, SweepOptions, Window, run};
use history::writer::{HistoryWriter, Order};
use history::{Watch, sweep};
use intel::Intel;
use model::event::Share;
use model::time::{DAY_US, HOUR_US};
use model::{Address, Event, EventKind, Outcome, Procedure, Time};
use proptest::prelude::*;

const START_US: i64 = 1_568_678_400 * 1_000_000;

/// One random access.
#[derive(Debug, Clone)]
struct Access {
    time: Time,
    customer: Option<u8>,
    kind: EventKind,
    outcome: Outcome,
    ip: Option<u8>,
    device: Option<u8>,
    share_ppm: u32,
    asn: Option<u32>,
}

/// A small world of addresses: neighbours in one /24, strangers, and IPv6 in and out of one /64.
fn address(number: u8) -> Address {
    let text = match number % 8 {
        0 => "192.0.2.1",
        1 => "192.0.2.200",
        2 => "198.51.100.7",
        3 => "::ffff:198.51.100.7",
        4 => "2001:db8:0:1::1",
        5 => "2001:db8:0:1::2",
        6 => "2001:db8:0:2::1",
        _ => "2001:db8:1:1::1",
    };
    text.parse().unwrap()
}

fn access() -> impl Strategy<Value = Access> {
    let kinds = prop::sample::select(vec![
        EventKind::Login,
        EventKind::Login,
        EventKind::SessionActivity,
        EventKind::ContactChange,
        EventKind::PasswordReset,
        EventKind::FactorEnroll,
        EventKind::BankAccountChange,
        EventKind::BankAccountRegister,
        EventKind::Withdrawal,
        EventKind::Transfer,
    ]);
    (
        // Whole hours over 60 days, so that "same time", "exactly 72 h" and "exactly 30 d" happen.
        0_i64..60 * 24,
        prop::option::weighted(0.9, 0_u8..5),
        kinds,
        prop::sample::select(Outcome::ALL),
        prop::option::weighted(0.9, 0_u8..8),
        prop::option::of(0_u8..4),
        0_u32..=1_000_000,
        prop::option::weighted(0.7, 1_u32..4),
    )
        .prop_map(|(hour, customer, kind, outcome, ip, device, share_ppm, asn)| Access {
            time: Time::from_us(START_US + hour * HOUR_US).unwrap(),
            customer: customer.or((kind != EventKind::Login).then_some(0)),
            kind,
            outcome,
            ip,
            device,
            share_ppm,
            asn,
        })
}

fn event(number: usize, access: &Access) -> Event {
    Event {
        customer: access.customer.map(|customer| format!("C{customer}").parse().unwrap()),
        client: model::Client {
            ip: access.ip.map(address),
            device: access.device.map(|device| format!("d{device}").parse().unwrap()),
            ..model::Client::default()
        },
        balance_share: access.kind.moves_money().then(|| Share::from_ppm(access.share_ppm).unwrap()),
        ..Event::bare(format!("e{number}").parse().unwrap(), access.time, access.kind, access.outcome)
    }
}

fn examined(number: usize, access: &Access) -> Examined {
    let event = event(number, access);
    let procedure = Procedure {
        id: format!("p{number}").parse().unwrap(),
        customer: event.customer.unwrap_or_else(|| "C0".parse().unwrap()),
        time: event.time,
        kind: event.kind,
        ip: event.client.ip,
        device: event.client.device,
    };
    Examined { procedure, recorded: Recorded { country: None, asn: access.asn } }
}

/// Writes the accesses as history in `files` files.
fn write(folder: &Path, accesses: &[Access], order: Order, files: usize) {
    for chunk in accesses.chunks(accesses.len().div_ceil(files).max(1)) {
        let mut writer = HistoryWriter::begin(folder, order).unwrap();
        let mut rows = RowBuffer::new(AccountHasher::none());
        for (number, access) in chunk.iter().enumerate() {
            rows.push(&event(number, access), Recorded { country: None, asn: access.asn });
        }
        writer.push(rows.finish().unwrap(), &Watch::default()).unwrap();
        writer.finish().unwrap();
    }
}

/// What the columns should say, by the slowest way.
fn naive(procedure: &Examined, accesses: &[Access], window: Window) -> Vec<(&'static str, String)> {
    let Procedure { customer, time, kind, ip, device, .. } = &procedure.procedure;
    let t = time.as_us();
    let name = |access: &Access| access.customer.map(|customer| format!("C{customer}"));
    let all: Vec<&Access> =
        accesses.iter().filter(|a| (window.from..window.to).contains(&a.time.as_us())).collect();
    let own: Vec<&Access> =
        all.iter().copied().filter(|a| name(a).as_deref() == Some(customer.as_str())).collect();
    let before: Vec<&Access> = own.iter().copied().filter(|a| a.time < *time).collect();
    let same_ip: Vec<&Access> =
        before.iter().copied().filter(|a| ip.is_some() && a.ip.map(address) == *ip).collect();
    let net = |a: &Access| a.ip.map(|ip| address(ip).network());
    let here: Vec<&Access> =
        all.iter().copied().filter(|a| ip.is_some() && a.ip.map(address) == *ip).collect();
    let others = |filter: &dyn Fn(&Access) -> bool| {
        let names: BTreeSet<String> = here.iter().filter(|a| filter(a)).filter_map(|a| name(a)).collect();
        names.iter().filter(|other| other.as_str() != customer.as_str()).count()
    };
    let failed: BTreeSet<String> = here
        .iter()
        .filter(|a| a.kind == EventKind::Login && a.outcome == Outcome::Failed)
        .filter_map(|a| name(a))
        .collect();
    let chain = |kinds: &[EventKind]| {
        let within = |a: &&&Access| (t - 72 * HOUR_US..t).contains(&a.time.as_us());
        own.iter().filter(within).filter(|a| a.outcome != Outcome::Failed && kinds.contains(&a.kind)).count()
    };
    let after: Vec<&Access> = own
        .iter()
        .copied()
        .filter(|a| a.kind.moves_money() && a.outcome != Outcome::Failed)
        .filter(|a| a.time.as_us() > t && a.time.as_us() <= t + 30 * DAY_US)
        .collect();
    let share: u64 = after.iter().map(|a| u64::from(a.share_ppm)).sum();
    let days: BTreeSet<i64> = same_ip.iter().map(|a| a.time.day()).collect();
    let with_ip = |value: usize| if ip.is_some() { value.to_string() } else { String::new() };
    let time_text = |time: Option<Time>| time.map(|time| time.to_string()).unwrap_or_default();
    vec![
        ("own_accesses", with_ip(same_ip.len())),
        ("own_first_seen", time_text(same_ip.iter().map(|a| a.time).min())),
        ("own_last_seen", time_text(same_ip.iter().map(|a| a.time).max())),
        ("own_days", with_ip(days.len())),
        (
            "own_net_accesses",
            with_ip(before.iter().filter(|a| ip.is_some() && net(a) == ip.map(Address::network)).count()),
        ),
        (
            "own_asn_accesses",
            procedure.recorded.asn.map_or(String::new(), |asn| {
                before.iter().filter(|a| a.ip.is_some() && a.asn == Some(asn)).count().to_string()
            }),
        ),
        (
            "own_device_accesses",
            device.as_ref().map_or(String::new(), |device| {
                before
                    .iter()
                    .filter(|a| a.device.map(|d| format!("d{d}")).as_deref() == Some(device.as_str()))
                    .count()
                    .to_string()
            }),
        ),
        ("other_customers", with_ip(others(&|_| true))),
        ("other_procedures", with_ip(others(&|a| a.kind == *kind))),
        ("ip_failed_customers", with_ip(failed.len())),
        ("contact_changes_72h", chain(&[EventKind::ContactChange]).to_string()),
        ("password_changes_72h", chain(&[EventKind::PasswordChange, EventKind::PasswordReset]).to_string()),
        ("factor_changes_72h", chain(&[EventKind::FactorEnroll, EventKind::FactorRemove]).to_string()),
        ("withdrawals_30d", after.len().to_string()),
        ("withdrawals_30d_same_ip", with_ip(after.iter().filter(|a| a.ip.map(address) == *ip).count())),
        (
            "withdrawals_30d_share",
            if after.is_empty() {
                String::new()
            } else {
                format!("{}.{:06}", share / 1_000_000, share % 1_000_000)
            },
        ),
    ]
}

/// What verdicts use beside the columns: how often, how often without failing, and since when.
fn check_verdict_inputs(finding: &Finding, accesses: &[Access], window: Window) -> Result<(), TestCaseError> {
    let Procedure { customer, time, ip, .. } = &finding.examined.procedure;
    let within: Vec<&Access> =
        accesses.iter().filter(|a| (window.from..window.to).contains(&a.time.as_us())).collect();
    let own = |matches: &dyn Fn(&Access) -> bool| {
        let seen = within.iter().filter(|a| {
            a.customer.map(|c| format!("C{c}")).as_deref() == Some(customer.as_str())
                && a.time < *time
                && matches(a)
        });
        let (mut all, mut done) = (Vec::new(), Vec::new());
        for access in seen {
            all.push(access.time.as_us());
            if access.outcome != Outcome::Failed {
                done.push(access.time.as_us());
            }
        }
        let count = |times: &[i64]| u64::try_from(times.len()).unwrap();
        let first = |times: &[i64]| times.iter().copied().min();
        Seen { count: count(&all), first: first(&all), done: count(&done), first_done: first(&done) }
    };
    let at = |a: &Access| a.ip.map(address);
    prop_assert_eq!(finding.own.any, own(&|_| true));
    if let Some(ip) = ip {
        prop_assert_eq!(finding.own.ip, own(&|a| at(a) == Some(*ip)));
        prop_assert_eq!(finding.own.net, own(&|a| at(a).map(Address::network) == Some(ip.network())));
        let site = ip.site();
        prop_assert_eq!(finding.own.site, own(&|a| site.is_some() && at(a).and_then(Address::site) == site));
        let here = |filter: &dyn Fn(&Access) -> bool| {
            u64::try_from(within.iter().filter(|a| at(a) == Some(*ip) && filter(a)).count()).unwrap()
        };
        let login = |a: &Access| a.kind == EventKind::Login;
        prop_assert_eq!(finding.address.accesses, here(&|_| true));
        prop_assert_eq!(finding.address.logins, here(&login));
        prop_assert_eq!(finding.address.logins_failed, here(&|a| login(a) && a.outcome == Outcome::Failed));
    }
    Ok(())
}

fn sweep(folder: &Path, procedures: &[Examined], window: Window, threads: usize) -> Vec<Finding> {
    let files = open_all(&[folder.to_owned()]).unwrap();
    let options = SweepOptions { window, columns: Columns::All, threads };
    run(procedures, &files, &Intel::none(), &options, folder, &Watch::default()).unwrap().findings
}

fn columns(finding: &Finding) -> Vec<String> {
    sweep::COLUMNS.iter().map(|column| finding.column(column, true)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn agrees_with_the_naive_version(
        accesses in prop::collection::vec(access(), 1..250),
        procedures in prop::collection::vec(access(), 1..30),
        bounded in any::<bool>(),
        files in 1_usize..4,
    ) {
        let procedures: Vec<Examined> =
            procedures.iter().enumerate().map(|(number, access)| examined(number, access)).collect();
        let to = bounded.then(|| Time::from_us(START_US + 40 * DAY_US).unwrap());
        let window = Window::around(&procedures, Some(20 * DAY_US), None, to);
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &accesses, Order::Customer, files);
        let findings = sweep(folder.path(), &procedures, window, 1);
        for (procedure, finding) in procedures.iter().zip(&findings) {
            for (column, expected) in naive(procedure, &accesses, window) {
                prop_assert_eq!(finding.column(column, true), expected, "{} of {:?}", column, procedure);
            }
            check_verdict_inputs(finding, &accesses, window)?;
        }
        // Neither the number of threads nor the order of rows and files changes anything.
        let reversed: Vec<Access> = accesses.iter().rev().cloned().collect();
        let by_time = tempfile::tempdir().unwrap();
        write(by_time.path(), &reversed, Order::Time, 1);
        let again = sweep(by_time.path(), &procedures, window, 3);
        for (one, other) in findings.iter().zip(&again) {
            prop_assert_eq!(columns(one), columns(other));
        }
    }
}
