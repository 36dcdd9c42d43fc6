//! What a user gets to see when the input is not what it should be.

use std::fs;

use crate::process::{Place, listed, run, run_limited, stderr};

#[test]
fn damaged_history_is_named_and_nothing_is_written() {
    let place = Place::new();
    let files = place.simulate();
    let procedures = place.text("brokerage/procedures.csv");
    let whole = fs::read(&files[0]).unwrap();
    let cases: [(&str, Vec<u8>, &str); 4] = [
        ("cut in half", whole[..whole.len() / 2].to_vec(), "truncated or damaged"),
        ("empty", Vec::new(), "is empty"),
        ("not Parquet", b"time,customer\n".repeat(40), "not readable as Parquet"),
        ("middle lost", [&whole[..4], &whole[whole.len() / 2..]].concat(), "truncated or damaged"),
    ];
    for (name, bytes, said) in cases {
        fs::write(&files[0], bytes).unwrap();
        let swept = run(&place.sweep(&procedures));
        let told = stderr(&swept);
        assert_eq!(swept.status.code(), Some(1), "{name}: {told}");
        assert!(told.contains(said) && told.contains(files[0].to_str().unwrap()), "{name}: {told}");
        assert!(!told.contains("panicked"), "{name}: {told}");
        assert_eq!(listed(&place.path("out")), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn parquet_that_is_not_history_says_what_is_missing() {
    let place = Place::new();
    place.simulate();
    let swept = run(&place.sweep(&place.text("brokerage/procedures.csv")));
    assert!(swept.status.success(), "{}", stderr(&swept));
    assert_eq!(listed(&place.path("out")), ["report.html", "result.csv", "result.parquet", "summary.json"]);
    let result = place.text("out/result.parquet");
    let again = place.text("again");
    let procedures = place.text("brokerage/procedures.csv");
    let swept = run(&["sweep", "--procedures", &procedures, "--history", &result, "--out", &again]);
    let told = stderr(&swept);
    assert_eq!(swept.status.code(), Some(1), "{told}");
    assert!(told.contains("column `customer_key` is missing") && told.contains("sekisho import"), "{told}");
}

#[test]
fn bad_lines_are_kept_with_their_reasons_and_the_good_ones_imported() {
    let good = |id: u32, ip: &str| {
        format!(
            "{{\"id\":\"{id}\",\"time\":\"2020-09-16T15:00:00+09:00\",\"kind\":\"login\",\"customer\":\"C{id}\",\
             \"client\":{{\"ip\":\"{ip}\"}},\"outcome\":\"succeeded\"}}\n"
        )
        .into_bytes()
    };
    let long = [b"{\"id\":\"".as_slice(), &[b'x'; 10 << 20], b"\"}\n"].concat();
    let lines = [
        good(1, "192.0.2.1"),
        long,
        good(2, "::ffff:192.0.2.1"),
        b"{\"id\":\"nul\x00\"}\n".to_vec(),
        b"{\"id\":\"\xff\xfe\"}\n".to_vec(),
        good(3, "2001:db8::1"),
    ];
    let place = Place::new();
    let input = place.write("log.ndjson", lines.concat());
    let history = place.text("history");
    let imported = run(&["import", "--format", "ndjson", "--out", &history, &input]);
    let told = stderr(&imported) + &String::from_utf8_lossy(&imported.stdout);
    assert_eq!(imported.status.code(), Some(3), "{told}");
    let rejected: Vec<String> =
        listed(&place.path("history")).into_iter().filter(|name| name.contains("rejected")).collect();
    let [rejected] = &rejected[..] else { panic!("one file of rejected lines, not {rejected:?}") };
    let rejected = fs::read_to_string(place.path("history").join(rejected)).unwrap();
    let lines: Vec<serde_json::Value> =
        rejected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<u64> = lines.iter().map(|line| line["line"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [2, 4, 5]);
    assert!(lines.iter().all(|line| !line["reason"].as_str().unwrap().is_empty()));
    // A mapped address is the IPv4 address: both customers are at one address.
    let procedures = place.write(
        "procedures.csv",
        "id,customer,time,kind,ip\np1,C1,2020-09-17T00:00:00Z,bank_account.change,192.0.2.1\n",
    );
    let out = place.text("out");
    let swept = run(&["sweep", "--procedures", &procedures, "--history", &history, "--out", &out]);
    assert!(swept.status.success(), "{}", stderr(&swept));
    let result = fs::read_to_string(place.path("out/result.csv")).unwrap();
    let column = |name: &str| {
        let mut lines = result.lines();
        let place = lines.next().unwrap().split(',').position(|column| column == name).unwrap();
        lines.next().unwrap().split(',').nth(place).unwrap().to_owned()
    };
    assert_eq!((column("own_accesses"), column("other_customers")), ("1".to_owned(), "1".to_owned()));
}

#[test]
fn a_full_disk_leaves_nothing_half_written() {
    let place = Place::new();
    let files = place.simulate();
    let procedures = place.text("brokerage/procedures.csv");
    for kib in [0, 4, 16] {
        let swept = run_limited(kib, &place.sweep(&procedures));
        let told = stderr(&swept);
        assert_eq!(swept.status.code(), Some(1), "{kib} KiB: {told}");
        assert!(told.contains("too large") && told.contains(&place.text("out")), "{kib} KiB: {told}");
        assert_eq!(listed(&place.path("out")), Vec::<String>::new(), "{kib} KiB");
    }
    let history = place.text("brokerage/history");
    let file = files[0].to_str().unwrap();
    for (kib, command) in [(64, "import"), (64, "compact"), (64, "simulate")] {
        let out = place.text(command);
        let done = match command {
            "import" => run_limited(kib, &["import", "--format", "parquet", "--out", &out, file]),
            "compact" => run_limited(kib, &["history", "compact", "--out", &out, &history]),
            _ => run_limited(kib, &["lab", "simulate", "--customers", "200", "--days", "90", "--out", &out]),
        };
        let told = stderr(&done);
        assert_eq!(done.status.code(), Some(1), "{command}: {told}");
        assert!(told.contains("too large"), "{command}: {told}");
        assert_eq!(listed(&place.path(command)), Vec::<String>::new(), "{command}");
    }
}

#[test]
fn nothing_to_examine_says_what_the_history_holds_and_keeps_the_rejected_lines() {
    let place = Place::new();
    let log = concat!(
        r#"{"id":"1","time":"2020-09-16T15:00:00+09:00","kind":"login","customer":"C1","outcome":"succeeded"}"#,
        "\n",
        r#"{"id":"2","time":"2020-09-16T15:01:00+09:00","kind":"widthdrawal","customer":"C1","outcome":"succeeded"}"#,
        "\n"
    );
    let input = place.write("log.ndjson", log);
    let out = place.text("out");
    let sweep = |kind: &str, since: &str| {
        let zone = ["--timezone", "Asia/Tokyo", "--history", &input, "--out", &out];
        run(&[&["sweep", "--kind", kind, "--since", since], zone.as_slice()].concat())
    };
    let swept = sweep("withdrawal", "2020-09-16");
    let told = stderr(&swept);
    assert_eq!(swept.status.code(), Some(1), "{told}");
    assert!(told.contains("no withdrawal that names a customer and did not fail"), "{told}");
    assert!(told.contains("holds login (1)"), "{told}");
    assert_eq!(listed(&place.path("out")), ["rejected-history.ndjson"]);

    let swept = sweep("login", "2020-09-16 15:00:00");
    assert_eq!(
        swept.status.code(),
        Some(3),
        "the local time of the login is not after it: {}",
        stderr(&swept)
    );
    let told = stderr(&sweep("login", "2020-09-16 15:00:01"));
    assert!(told.contains("no login that names a customer, in the time"), "{told}");
    let told = stderr(&sweep("login", "yesterday"));
    assert!(told.contains("--since") && told.contains("yesterday"), "{told}");

    let swept = run(&["sweep", "--history", &input, "--out", &out]);
    assert_eq!(swept.status.code(), Some(2));
    assert!(stderr(&swept).contains("--procedures <PROCEDURES>|--kind <KIND>"), "{}", stderr(&swept));
}
