//! One small real-looking input a format: which rows come out, what is rejected, what is ignored.

use expect_test::{Expect, expect};
use history::import::{Format, ImportSummary};

use super::Place;

fn check(rows: &[String], expected: &Expect) {
    expected.assert_eq(&rows.join("\n"));
}

fn counts(summary: &ImportSummary) -> [u64; 6] {
    let ImportSummary { records, records_with_rows, rows, rejected, ignored, blank, .. } = summary;
    [*records, *records_with_rows, *rows, *rejected, *ignored, *blank]
}

fn reasons(counts: &[history::import::Count]) -> Vec<(u64, &str)> {
    counts.iter().map(|count| (count.records, count.reason.as_str())).collect()
}

#[test]
fn our_own_events() {
    let place = Place::new();
    let text = concat!(
        "\u{feff}{\"id\":\"1\",\"time\":\"2020-09-16T15:05:00+09:00\",\"kind\":\"login\",\"customer\":\"C1\",",
        "\"client\":{\"ip\":\"::ffff:192.0.2.7\",\"user_agent\":\"UA\"},\"outcome\":\"succeeded\"}\r\n",
        "\n",
        "{\"id\":\"2\",\"time\":\"2020-09-16T15:06:00Z\",\"kind\":\"withdrawal\",\"customer\":\"C1\",\"outcome\":\"succeeded\",",
        "\"amount\":{\"minor\":500,\"currency\":\"JPY\"},\"balance_share\":0.25,",
        "\"bank_account\":{\"bank\":\"0001\",\"branch\":\"001\",\"number\":\"1234567\"}}\n",
        "{\"id\":\"3\",\"time\":\"2020-09-16T15:06:00\",\"kind\":\"login\",\"outcome\":\"failed\"}\n",
        "{\"id\":\"4\",\"bank_account\":{\"number\":\"7654321\"}}\n",
        "{\"id\":\"5\",\"time\":\"2020-09-16T15:06:00Z\",\"kind\":\"login\",\"outcome\":\"failed\"}",
    );
    let summary = place.text("events.ndjson", text);
    assert_eq!(counts(&summary), [6, 3, 3, 2, 0, 1]);
    assert_eq!(summary.accounts_dropped, 1);
    assert_eq!(summary.notes.len(), 3, "{:?}", summary.notes);
    let rejected = place.rejected(&summary);
    assert_eq!((rejected[0]["line"].as_u64(), rejected[1]["line"].as_u64()), (Some(4), Some(5)));
    assert!(!rejected[1].to_string().contains("7654321"), "account numbers are never stored in clear");
    check(
        &place.rows(),
        &expect![[r#"
        2020-09-16T06:05:00.000000Z login succeeded 1 C1 192.0.2.7 user_agent=UA
        2020-09-16T15:06:00.000000Z login failed 5 - -
        2020-09-16T15:06:00.000000Z withdrawal succeeded 2 C1 - amount_minor=500 amount_currency=JPY balance_share_ppm=250000"#]],
    );
}

#[test]
fn access_logs() {
    let place = Place::new();
    let text = r#"192.0.2.7 - C1 [16/Sep/2020:15:05:00 +0900] "GET /top?x=1 HTTP/1.1" 200 512 "https://example.org/" "Mozilla/5.0 \"x\""
2001:db8::1 - - [16/Sep/2020:15:05:01 +0900] "POST /login HTTP/1.1" 401 12 "-" "-"
192.0.2.7 - - [16/Sep/2020:15:05:02 +0900] "GET / HTTP/1.1" 200 512 "-" "Mozilla/5.0"
192.0.2.7 - C1 [16/Sep/2020:15:05:03 +0900] "GET /style.css HTTP/1.1" 200 512
host.example.org - C1 [16/Sep/2020:15:05:04 +0900] "GET / HTTP/1.1" 200 512
192.0.2.9 - - [16/Sep/2020:15:05:05 +0900] "\x16\x03\x01" 400 226 "-" "-"
192.0.2.9 - C2 [16/Sep/2020:25:05:05 +0900] "GET / HTTP/1.1" 200 226 "-" "-"
192.0.2.9 - C2 [16/Sep/2020:15:05:05 +0900] "GET / HTTP/1.1" OK 226 "-" "-"
what is this
"#;
    let summary = place.text("access.log", text);
    assert_eq!(counts(&summary), [9, 2, 2, 4, 3, 0]);
    check(
        &place.rows(),
        &expect![[r#"
        2020-09-16T06:05:00.000000Z session.activity succeeded access.log:1 C1 192.0.2.7 user_agent=Mozilla/5.0 "x"
        2020-09-16T06:05:01.000000Z login failed access.log:2 - 2001:db8::1"#]],
    );
    assert_eq!(
        reasons(&summary.ignored_by),
        [
            (2, "names no customer"),
            (1, "parts of pages (style sheets, scripts, pictures), no accesses of their own")
        ]
    );
}

#[test]
fn access_logs_with_cookies_and_rules() {
    let mapping = r#"
        customer = { cookie = "cid" }
        [[paths]]
        pattern = "/account/bank"
        method = "POST"
        kind = "bank_account.change"
        success = [303]
        [[paths]]
        pattern = "/withdraw"
        kind = "withdrawal"
        [unmatched]
        kind = "ignore""#;
    let place = Place::of(Format::Combined).mapping(mapping);
    let line = |status: &str, cookie: &str| {
        format!(
            "192.0.2.7 - - [16/Sep/2020:15:05:00 +0900] \"POST /account/bank HTTP/2.0\" {status} 5 \"-\" \"UA\" \"{cookie}\"\n"
        )
    };
    let text =
        [line("303", "a=b; cid=C%2F1"), line("500", "cid=C2"), line("303", "a=b"), line("303", "-")].concat();
    let summary = place.text("access.log", text);
    assert_eq!(counts(&summary), [4, 2, 2, 0, 2, 0]);
    let unused: Vec<_> = summary.notes.iter().filter(|note| note.contains("decided no line")).collect();
    assert_eq!(unused.len(), 1);
    assert!(unused[0].contains("rule for /withdraw decided no line"), "{unused:?}");
    check(
        &place.rows(),
        &expect![[r#"
        2020-09-16T06:05:00.000000Z bank_account.change attempted access.log:2 C2 192.0.2.7 user_agent=UA
        2020-09-16T06:05:00.000000Z bank_account.change succeeded access.log:1 C/1 192.0.2.7 user_agent=UA"#]],
    );
}

const SSHD: &str = "\
Dec 31 23:59:58 bastion sshd[100]: Invalid user webmaster from 192.0.2.9
Dec 31 23:59:58 bastion sshd[100]: Failed password for invalid user webmaster from 192.0.2.9 port 38926 ssh2
Dec 31 23:59:59 bastion sshd[100]: Failed none for invalid user 0 from 192.0.2.9 port 38926 ssh2
Jan  1 00:00:01 bastion sshd[101]: Failed password for root from 192.0.2.10 port 42393 ssh2
Jan  1 00:00:09 bastion sshd[101]: message repeated 3 times: [ Failed password for root from 192.0.2.10 port 42393 ssh2]
Jan  1 00:01:00 bastion sshd[102]: Accepted publickey for deploy from 2001:db8::5 port 49116 ssh2: ED25519 SHA256:abc
Jan  1 00:02:00 bastion sshd[103]: Failed password for root from ec2.example.org port 4 ssh2
Jan  1 00:03:00 bastion CRON[104]: (root) CMD (true)
Feb 30 00:03:00 bastion sshd[105]: Failed password for root from 192.0.2.10 port 4 ssh2
2024-01-01T00:04:00.5+09:00 bastion sshd-session[106]: Accepted keyboard-interactive/pam for alice from 192.0.2.11 port 4 ssh2
garbage
";

#[test]
fn sshd_logs() {
    let mut place = Place::new().zone("Asia/Tokyo");
    place.options.year = Some(2023);
    let summary = place.text("auth.log", SSHD);
    assert_eq!(counts(&summary), [11, 5, 7, 2, 4, 0]);
    check(
        &place.rows(),
        &expect![[r#"
        2023-12-31T14:59:58.000000Z login failed auth.log:2 - 192.0.2.9 reason=password credential=unknown_user
        2023-12-31T15:00:01.000000Z login failed auth.log:4 root 192.0.2.10 reason=password credential=wrong
        2023-12-31T15:00:09.000000Z login failed auth.log:5.1 root 192.0.2.10 reason=password credential=wrong
        2023-12-31T15:00:09.000000Z login failed auth.log:5.2 root 192.0.2.10 reason=password credential=wrong
        2023-12-31T15:00:09.000000Z login failed auth.log:5.3 root 192.0.2.10 reason=password credential=wrong
        2023-12-31T15:01:00.000000Z login succeeded auth.log:6 deploy 2001:db8::5 reason=publickey
        2023-12-31T15:04:00.500000Z login succeeded auth.log:10 alice 192.0.2.11 reason=keyboard-interactive/pam credential=correct"#]],
    );
    assert_eq!(
        reasons(&summary.ignored_by),
        [
            (1, "Failed none: asked for the methods, tried no credential"),
            (1, "a host's name instead of its address (UseDNS)"),
            (1, "another program's line"),
            (1, "no sign-in"),
        ]
    );
}

#[test]
fn sshd_logs_need_a_year_and_a_zone() {
    let place = Place::new().zone("UTC");
    assert!(
        place
            .refused("auth.log", SSHD)
            .contains("auth.log: line 2: the time \"Dec 31 23:59:58\" has no year")
    );
    let mut place = Place::new();
    place.options.year = Some(2023);
    let summary = place.text("auth.log", SSHD);
    assert_eq!(counts(&summary)[1], 1, "only the line with its own zone");
    assert!(place.rejected(&summary)[0]["reason"].as_str().unwrap().contains("--timezone Asia/Tokyo"));
    let (records, reason) = reasons(&summary.rejected_by)[0];
    assert!(records == 4 && reason.contains("--timezone"), "the summary says what to do: {reason}");
}

#[test]
fn ocsf_events() {
    let text = concat!(
        "{\"class_uid\":3002,\"activity_id\":1,\"status_id\":2,\"time\":1600236300123,\"metadata\":{\"uid\":\"m-1\",\"version\":\"1.8.0\"},",
        "\"user\":{\"uid\":\"C1\",\"name\":\"alice\"},\"src_endpoint\":{\"ip\":\"192.0.2.7\",\"location\":{\"country\":\"JP\"},",
        "\"autonomous_system\":{\"number\":64500}},\"http_request\":{\"user_agent\":\"UA\"},\"device\":{\"uid\":\"d1\"},",
        "\"session\":{\"uid\":7},\"status_detail\":\"wrong\\npassword\",\"auth_factors\":[{\"factor_type_id\":11},{\"factor_type_id\":7}]}\n",
        "{\"class_uid\":3002,\"activity_id\":2,\"time\":1600236300123}\n",
        "{\"class_uid\":3001,\"activity_id\":10,\"status_id\":1,\"time\":0,\"time_dt\":\"2020-09-16T15:05:00.000001+09:00\",\"user\":{\"name\":\"bob\"}}\n",
        "{\"class_uid\":3001,\"activity_id\":4,\"status_id\":1,\"time\":1600236300123}\n",
        "{\"class_uid\":4001,\"activity_id\":1,\"time\":1600236300123}\n",
        "{\"class_uid\":\"3002\"}\n",
    );
    let place = Place::new();
    let summary = place.text("ocsf.json", text);
    assert_eq!(counts(&summary), [6, 2, 2, 2, 2, 0]);
    check(
        &place.rows(),
        &expect![[r#"
        2020-09-16T06:05:00.000001Z factor.enroll succeeded ocsf.json:3 bob -
        2020-09-16T06:05:00.123000Z login failed m-1 C1 192.0.2.7 user_agent=UA device=d1 session=7 reason=wrong password factor=totp country=JP asn=64500"#]],
    );
    assert_eq!(reasons(&summary.ignored_by), [(1, "class 3002, activity 2"), (1, "class 4001")]);

    let array = format!("[\n{}]\n", text.trim_end().replace('\n', ",\n"));
    let place = Place::new();
    let summary = place.text("ocsf.json", array);
    assert_eq!(counts(&summary), [6, 2, 2, 2, 2, 0]);
    let lines: Vec<_> =
        place.rejected(&summary).iter().map(|entry| entry["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [5, 7]);
}

#[test]
fn the_rba_data_set() {
    let text = "\
index,Login Timestamp,User ID,Round-Trip Time [ms],IP Address,Country,Region,City,ASN,User Agent String,Browser Name and Version,OS Name and Version,Device Type,Login Successful,Is Attack IP,Is Account Takeover
0,2020-02-03 12:43:30.772,-4324475583306591935,,192.0.2.71,NO,-,-,29695,\"Mozilla/5.0  (iPad; a, b\",Chrome,iOS,mobile,False,True,False
1,2020-02-03 12:43:43.549,17,120,2001:db8::6,-,-,-,0,Mozilla/5.0,Chrome,Android,mobile,True,True,True
2,2020-02-03 12:43:43.549,17,120,2001:db8::6,-,-,-,0,Mozilla/5.0,Chrome,Android,mobile,Maybe,True,True
3,2020-02-03 12:43:43.549,17
";
    let place = Place::new();
    let summary = place.text("rba.csv", text);
    assert_eq!(counts(&summary), [5, 2, 2, 2, 1, 0]);
    check(
        &place.rows(),
        &expect![[r#"
        2020-02-03T12:43:30.772000Z login failed rba-0 -4324475583306591935 192.0.2.71 user_agent=Mozilla/5.0  (iPad; a, b reason=attack_ip country=NO asn=29695
        2020-02-03T12:43:43.549000Z login succeeded rba-1 17 2001:db8::6 user_agent=Mozilla/5.0 reason=attack_ip,account_takeover"#]],
    );
}
