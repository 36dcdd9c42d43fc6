//! Both orders hold the same rows, sorted; the same options give the same bytes; the shape is what a sweep needs.

use std::collections::{HashMap, HashSet};
use std::fs;

use model::{EventKind, Outcome};

use super::*;

const ROWS: u64 = 60_000;

fn options(order: Order) -> BulkOptions {
    BulkOptions { rows: ROWS, order, seed: 7, procedures: 500 }
}

fn plan() -> Plan {
    Plan::new(&options(Order::Time)).unwrap()
}

fn accesses(plan: &Plan, order: Order) -> Vec<Access> {
    let mut all = Vec::new();
    plan.each(order, &mut |some| {
        all.extend_from_slice(some);
        Ok(())
    })
    .unwrap();
    all
}

#[test]
fn both_orders_hold_the_same_rows_each_in_its_order() {
    let plan = plan();
    let mut by_time = accesses(&plan, Order::Time);
    let mut by_customer = accesses(&plan, Order::Customer);
    assert_eq!(by_time.len(), usize::try_from(ROWS).unwrap());
    assert!(by_time.is_sorted_by_key(|access| access.time_us));
    assert!(by_customer.is_sorted_by_key(|access| (plan.people[access.person].key, access.time_us)));
    by_time.sort_by_key(|access| access.number);
    by_customer.sort_by_key(|access| access.number);
    assert_eq!(by_time, by_customer);
    assert!(by_time.iter().zip(0..).all(|(access, number)| access.number == number));
    let end_us = calendar::end_us();
    assert!(by_time.iter().all(|access| (START_US..end_us).contains(&access.time_us)));
}

#[test]
fn the_shape_is_what_a_sweep_needs() {
    let plan = plan();
    let rows = accesses(&plan, Order::Time);
    let share =
        |test: &dyn Fn(&Access) -> bool| 100 * rows.iter().filter(|access| test(access)).count() / rows.len();
    let is_v6 = |access: &Access| access.place.is_some_and(|place| place.address.ip().is_ipv6());
    assert!((4..=18).contains(&share(&is_v6)), "{}", share(&is_v6));
    let logins: Vec<&Access> = rows.iter().filter(|access| access.kind == EventKind::Login).collect();
    let failed = logins.iter().filter(|access| access.outcome == Outcome::Failed).count();
    assert!((6..=12).contains(&(100 * failed / logins.len())));
    assert!(rows.iter().any(|access| access.person == 0) && rows.iter().any(|access| access.place.is_none()));
    let most = plan.people.iter().skip(1).map(|person| person.rows).max().unwrap();
    let median = {
        let mut all: Vec<u32> = plan.people.iter().map(|person| person.rows).collect();
        all.sort_unstable();
        all[all.len() / 2]
    };
    assert!(most > median * 10, "{most} {median}");
    // An address means the same wherever it turns up, and some are shared by many.
    let mut customers: HashMap<model::Address, (u32, [u8; 2], HashSet<usize>)> = HashMap::new();
    for access in &rows {
        if let Some(place) = access.place {
            let known =
                customers.entry(place.address).or_insert_with(|| (place.asn, place.country, HashSet::new()));
            assert_eq!((known.0, known.1), (place.asn, place.country));
            known.2.insert(access.person);
        }
    }
    assert!(customers.values().any(|known| known.2.len() > 30));
}

#[test]
fn the_procedures_are_all_those_of_their_kind_in_their_days() {
    let plan = plan();
    let from = START_US + i64::from(DAYS - calendar::PROCEDURE_DAYS) * model::time::DAY_US;
    let found: Vec<u64> = accesses(&plan, Order::Time)
        .iter()
        .filter(|access| {
            access.time_us >= from
                && matches!(access.kind, EventKind::BankAccountRegister | EventKind::BankAccountChange)
        })
        .map(|access| access.number)
        .collect();
    let mut examined: Vec<u64> = plan.procedures.examined.iter().map(|access| access.number).collect();
    assert_eq!(examined.len(), 500);
    examined.sort_unstable();
    let mut found = found;
    found.sort_unstable();
    assert_eq!(found, examined);
}

#[test]
fn the_same_options_give_the_same_bytes() {
    for order in [Order::Time, Order::Customer] {
        let place = tempfile::tempdir().unwrap();
        let mut contents = Vec::new();
        for name in ["a", "b"] {
            let out = place.path().join(name);
            let watch = Watch::default();
            let summary = write(&options(order), &out, &watch).unwrap();
            assert_eq!((summary.rows, summary.customers, summary.procedures), (ROWS, 300, 500));
            assert_eq!(watch.read().rows, ROWS);
            let files: Vec<Vec<u8>> = summary.files.iter().map(|file| fs::read(file).unwrap()).collect();
            contents.push((files, fs::read_to_string(out.join(PROCEDURES_FILE)).unwrap()));
        }
        assert!(contents[0] == contents[1]);
        assert_eq!(contents[0].1.lines().count(), 501);
        assert_eq!(contents[0].1.lines().next(), Some("id,customer,time,kind,ip,device,asn,country"));
    }
}

#[test]
fn refusals_say_what_is_allowed_and_leave_nothing() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    let refuse = |rows, procedures| {
        let options = BulkOptions { rows, procedures, ..options(Order::Time) };
        write(&options, &out, &Watch::default()).unwrap_err().to_string()
    };
    assert!(refuse(ROWS_MAX + 1, 1).contains("at most 1000000000"));
    assert!(refuse(100, 1).contains("at least"));
    assert!(refuse(10_000, 10_005).contains("at least"));
    assert!(refuse(10_000, PROCEDURES_MAX + 1).contains("procedures"));
    let watch = Watch::default();
    watch.stop();
    assert!(matches!(
        write(&options(Order::Time), &out, &watch),
        Err(BulkError::History(HistoryError::Stopped))
    ));
    assert!(!out.exists());
    write(&BulkOptions { rows: 2_000, procedures: 10, ..options(Order::Time) }, &out, &Watch::default())
        .unwrap();
    assert!(matches!(write(&options(Order::Time), &out, &Watch::default()), Err(BulkError::Occupied(_))));
}
