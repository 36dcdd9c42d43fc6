//! `/metrics` by the rules of Prometheus' text format 0.0.4, and by its conventions for names.

use std::collections::{BTreeMap, BTreeSet};

use crate::process::Place;
use crate::serve::{Server, event, key};

/// A family: what it is, and its series with their values.
#[derive(Default)]
struct Family {
    sort: String,
    series: Vec<(String, Labels, f64)>,
}

type Labels = BTreeMap<String, String>;

/// Buckets by their bounds, and what came as sum and as count.
type Histogram = (Vec<(f64, f64)>, Vec<f64>, Vec<f64>);

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(fits)
}

/// `name{label="value",…} number`.
fn sample(line: &str) -> (String, Labels, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = match series.split_once('{') {
        None => (series, ""),
        Some((name, labels)) => (name, labels.strip_suffix('}').unwrap()),
    };
    let mut read = Labels::new();
    let mut rest = labels;
    while !rest.is_empty() {
        let (label, more) = rest.split_once("=\"").unwrap();
        let (value, more) = more.split_once('"').unwrap();
        assert!(is_name(label) && !label.starts_with("__") && !value.contains('\\'), "{line}");
        assert!(read.insert(label.to_owned(), value.to_owned()).is_none(), "{line}");
        rest = more.strip_prefix(',').unwrap_or(more);
    }
    (name.to_owned(), read, value.parse().unwrap())
}

/// Every family by its name. Each begins with HELP and TYPE, once, and its series follow at once.
fn parsed(text: &str) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n') && !text.contains('\r') && !text.contains("\n\n"));
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let (mut helped, mut current) = (None, String::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(words.ends_with('.') && words.len() > 5, "{line}");
            helped = Some(name.to_owned());
        } else if let Some(sort) = line.strip_prefix("# TYPE ") {
            let (name, sort) = sort.split_once(' ').unwrap();
            assert_eq!(helped.take().as_deref(), Some(name), "its HELP stands before: {line}");
            assert!(["counter", "gauge", "histogram"].contains(&sort), "{line}");
            let family = Family { sort: sort.to_owned(), series: Vec::new() };
            assert!(families.insert(name.to_owned(), family).is_none(), "twice: {line}");
            name.clone_into(&mut current);
        } else {
            let (name, labels, value) = sample(line);
            let family = families.get_mut(&current).unwrap();
            let suffix = name.strip_prefix(&current).unwrap();
            let allowed: &[&str] =
                if family.sort == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(allowed.contains(&suffix), "{line} below {current}");
            assert!(value.is_finite() && value >= 0.0, "{line}");
            family.series.push((suffix.to_owned(), labels, value));
        }
    }
    families
}

/// Counters end with `_total` and no other does; units are those without prefix, and stand in the name.
fn check_name(name: &str, sort: &str) {
    assert!(name.starts_with("sekisho_") && is_name(name), "{name}");
    assert_eq!(sort == "counter", name.ends_with("_total"), "{name} is a {sort}");
    for unit in [
        "ms",
        "us",
        "ns",
        "millis",
        "milliseconds",
        "microseconds",
        "minutes",
        "hours",
        "kb",
        "mib",
        "percent",
    ] {
        assert!(!name.split('_').any(|word| word == unit), "{name}: seconds, bytes or a ratio");
    }
    assert!(
        sort != "histogram" || name.ends_with("_seconds") || name.ends_with("_bytes"),
        "{name}: its unit"
    );
    for suffix in ["_count", "_sum", "_bucket"] {
        assert!(!name.ends_with(suffix), "{name}: kept for histograms");
    }
}

/// Buckets add up, the last one holds all, and there is as much as was counted.
fn check_histogram(name: &str, family: &Family) {
    let mut of: BTreeMap<Labels, Histogram> = BTreeMap::new();
    for (suffix, labels, value) in &family.series {
        let mut labels = labels.clone();
        let bound = labels.remove("le");
        let (buckets, sums, counts) = of.entry(labels).or_default();
        match (suffix.as_str(), bound) {
            ("_bucket", Some(bound)) => buckets.push((bound.parse().unwrap(), *value)),
            ("_sum", None) => sums.push(*value),
            ("_count", None) => counts.push(*value),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(!of.is_empty(), "{name}");
    for (labels, (buckets, sums, counts)) in of {
        assert!(buckets.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1), "{name} {labels:?}");
        let (last, all) = buckets.last().unwrap();
        assert!(last.is_infinite() && counts == [*all] && sums.len() == 1, "{name} {labels:?}");
    }
}

#[test]
fn metrics_are_in_the_text_format_and_named_by_convention() {
    let place = Place::new();
    let server = Server::start(&place, &[]);
    let mut sender = server.connect(&key(&place, "sender"));
    let asked = event("l-1", "login", "C1", "192.0.2.7");
    for body in [&asked, &asked, "no JSON"] {
        sender.post("/v1/decide", body).unwrap();
    }
    sender.get("/nothing").unwrap();
    let answer = sender.get("/metrics").unwrap();
    assert!(answer.headers.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{answer:?}");
    let families = parsed(&answer.body);
    assert!(families.len() > 15, "{}", answer.body);
    for (name, family) in &families {
        check_name(name, &family.sort);
        let series: BTreeSet<_> = family.series.iter().map(|(suffix, labels, _)| (suffix, labels)).collect();
        assert_eq!(series.len(), family.series.len(), "{name}: no series twice");
        assert!(!series.is_empty(), "{name}: {}", answer.body);
        if family.sort == "histogram" {
            check_histogram(name, family);
        }
    }
    let value = |name: &str| families[name].series[0].2;
    assert_eq!((value("sekisho_repeated_total"), value("sekisho_journal_seq")), (1.0, 2.0));
    let decided: f64 = families["sekisho_decisions_total"].series.iter().map(|(_, _, value)| value).sum();
    assert_eq!(decided, 1.0, "{}", answer.body);
    let durations = &families["sekisho_http_request_duration_seconds"].series;
    let counted = |route: &str, status: &str| {
        let here = |labels: &Labels| labels["route"] == route && labels["status"] == status;
        durations.iter().find(|(suffix, labels, _)| suffix == "_count" && here(labels)).unwrap().2
    };
    assert_eq!((counted("/v1/decide", "2xx"), counted("/v1/decide", "4xx")), (2.0, 1.0));
    assert_eq!(server.stop(), Some(0));
}
