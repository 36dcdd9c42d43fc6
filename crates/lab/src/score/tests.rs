//! The streaming scorer against the formula written out, row by row, and against broken input.

use std::collections::HashSet;
use std::io::{BufReader, Read};

use expect_test::expect;
use proptest::prelude::*;

use super::*;

const HEADER: &str = "index,Login Timestamp,User ID,Round-Trip Time [ms],IP Address,Country,Region,City,ASN,\
                      User Agent String,Browser Name and Version,OS Name and Version,Device Type,Login Successful,\
                      Is Attack IP,Is Account Takeover";

/// Customer, address levels, client levels, successful.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    customer: String,
    features: [Vec<String>; 2],
    successful: bool,
}

impl Row {
    fn new(customer: &str, address: [&str; 3], client: [&str; 4]) -> Self {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        Self { customer: customer.to_owned(), features: [owned(&address), owned(&client)], successful: true }
    }

    fn login(&self) -> Login<'_> {
        let [address, client] = &self.features;
        Login {
            customer: &self.customer,
            ip: &address[0],
            asn: &address[1],
            country: &address[2],
            user_agent: &client[0],
            browser: &client[1],
            os: &client[2],
            device: &client[3],
        }
    }

    fn line(&self, number: usize) -> String {
        let Login { customer, ip, asn, country, user_agent, browser, os, device } = self.login();
        let successful = if self.successful { "True" } else { "False" };
        format!(
            "{number},2020-02-03 12:43:30.772,{customer},,{ip},{country},-,-,{asn},\"{user_agent}\",{browser},{os},\
             {device},{successful},False,False\n"
        )
    }
}

fn csv(rows: &[Row]) -> String {
    let lines = rows.iter().enumerate().map(|(number, row)| row.line(number));
    std::iter::once(format!("{HEADER}\n")).chain(lines).collect()
}

fn run(input: impl AsRef<[u8]>, options: ScoreOptions) -> (Vec<(u64, f64)>, ScoreSummary) {
    let mut out = Vec::new();
    let summary = score_rba(input.as_ref(), &mut out, &options).unwrap();
    let out = String::from_utf8(out).unwrap();
    let lines = out.strip_prefix("row,score\n").unwrap().lines();
    let scores = lines.map(|line| {
        let (row, score) = line.split_once(',').unwrap();
        (row.parse().unwrap(), score.parse().unwrap())
    });
    (scores.collect(), summary)
}

fn failure(input: impl AsRef<[u8]>) -> String {
    score_rba(input.as_ref(), Vec::new(), &ScoreOptions::default()).unwrap_err().to_string()
}

fn real(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

fn long(count: usize) -> u64 {
    u64::try_from(count).unwrap()
}

/// The formula as it is printed, over all earlier logins.
fn naive(past: &[&Row], now: &Row) -> Option<f64> {
    let weights: [&[f64]; 2] = [&[0.6, 0.3, 0.1], &[0.53867, 0.26805, 0.18818, 0.00511]];
    let count = |matches: &dyn Fn(&Row) -> bool| real(past.iter().filter(|row| matches(row)).count());
    let n = real(past.len());
    let n_u = count(&|row| row.customer == now.customer);
    if n_u == 0.0 {
        return None;
    }
    let customers: HashSet<_> = past.iter().map(|row| &row.customer).collect();
    let mut score = n / (n_u * real(customers.len()));
    for feature in [0, 1] {
        let value = |row: &Row, level: usize| row.features[feature][level].clone();
        let (w, values) = (weights[feature], &now.features[feature]);
        let distinct = |rows: &[&Row]| -> f64 {
            let at = |level| real(rows.iter().map(|row| value(row, level)).collect::<HashSet<_>>().len());
            1.0 + (1..w.len()).map(at).sum::<f64>()
        };
        let sharing: Vec<&Row> = past.iter().copied().filter(|row| value(row, 0) == values[0]).collect();
        let (c, m, m_s) = (real(sharing.len()), distinct(past), distinct(&sharing));
        let mut g = if c == 0.0 { w[0] / (n + m) } else { w[0] * (c / (c + m_s)) * (c / (n + m)) };
        let mut u = 0.0;
        for level in 0..w.len() {
            let same = |row: &Row| value(row, level) == values[level];
            if level > 0 {
                g += w[level] * count(&same) / n;
            }
            u += w[level] * count(&|row| same(row) && row.customer == now.customer) / n_u;
        }
        if u == 0.0 {
            u = g / 4.0;
        }
        score *= g / u;
    }
    Some(score)
}

fn naive_scores(rows: &[Row], successful_only: bool) -> Vec<(u64, f64)> {
    let mut past: Vec<&Row> = Vec::new();
    let mut scores = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        scores.extend(naive(&past, row).map(|score| (long(number), score)));
        if row.successful || !successful_only {
            past.push(row);
        }
    }
    scores
}

/// Few values, so that every kind of agreement happens, yet enough for a customer to outgrow a list; 0 is the empty value.
fn any_row() -> impl Strategy<Value = Row> {
    let value = |prefix: &'static str, distinct: u8| {
        (0..distinct).prop_map(move |n| if n == 0 { String::new() } else { format!("{prefix}{n}") })
    };
    let address = (value("10.0.0.", 24), value("", 4), value("c", 3)).prop_map(|(a, b, c)| vec![a, b, c]);
    let client = (value("ua, \u{30d0} ", 24), value("b", 4), value("o", 3), value("d", 3))
        .prop_map(|(a, b, c, d)| vec![a, b, c, d]);
    (value("u", 3), address, client, any::<bool>()).prop_map(|(customer, address, client, successful)| Row {
        customer,
        features: [address, client],
        successful,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_formula(rows in prop::collection::vec(any_row(), 1..160), successful_only: bool) {
        let (scores, summary) = run(csv(&rows), ScoreOptions { from_row: 0, successful_only });
        let expected = naive_scores(&rows, successful_only);
        prop_assert_eq!(scores.len(), expected.len());
        for ((row, score), (row_expected, score_expected)) in scores.into_iter().zip(expected) {
            prop_assert_eq!(row, row_expected);
            prop_assert!((score / score_expected - 1.0).abs() < 1e-9, "row {}: {} / {}", row, score, score_expected);
        }
        prop_assert_eq!(summary.rows, long(rows.len()));
        prop_assert_eq!(summary.rows, summary.scored + summary.without_history);
        let history = rows.iter().filter(|row| row.successful || !successful_only).count();
        prop_assert_eq!(u64::from(summary.history_logins), long(history));
    }

    #[test]
    fn from_row_only_hides_earlier_scores(rows in prop::collection::vec(any_row(), 1..60), from_row in 0_u64..70) {
        let (all, _) = run(csv(&rows), ScoreOptions::default());
        let (late, summary) = run(csv(&rows), ScoreOptions { from_row, successful_only: false });
        let expected: Vec<_> = all.iter().copied().filter(|&(row, _)| row >= from_row).collect();
        prop_assert_eq!(&late, &expected);
        prop_assert_eq!((summary.scored, summary.written), (long(all.len()), long(late.len())));
    }

    #[test]
    fn any_bytes_end_without_panic(tail in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut input = format!("{HEADER}\n").into_bytes();
        input.extend(&tail);
        let (_, summary) = run(input, ScoreOptions::default());
        prop_assert_eq!(summary.rows, summary.scored + summary.without_history + summary.malformed);
        // And where the header itself is anything.
        drop(score_rba(tail.as_slice(), Vec::new(), &ScoreOptions::default()));
    }
}

/// Five logins with every term worked out by hand.
#[test]
fn worked_example() {
    let home = ["1.1.1.1", "100", "NO"];
    let phone = ["ua1", "b1", "o1", "mobile"];
    let rows = [
        // No earlier login of a: no score.
        Row::new("a", home, phone),
        // The same again: N = n_u = customers = 1.
        Row::new("a", home, phone),
        // b's first: no score.
        Row::new("b", ["2.2.2.2", "100", "NO"], ["ua2", "b2", "o1", "desktop"]),
        // a from b's address and client: N = 3, n_u = 2, 2 customers.
        Row::new("a", ["2.2.2.2", "100", "NO"], ["ua2", "b2", "o1", "desktop"]),
        // a from nowhere seen before: N = 4, n_u = 3, 2 customers; U := G/4 in both features.
        Row::new("a", ["9.9.9.9", "900", "KP"], ["ua9", "b9", "o9", "tv"]),
    ];
    let (w1, w2, w3, w4) = (0.53867, 0.26805, 0.18818, 0.00511);

    // Row 1. Address: c = 1, M = M_s = 1+1+1. Client: c = 1, M = M_s = 1+1+1+1.
    let address = (0.6 * (1.0 / 4.0) * (1.0 / 4.0) + 0.3 + 0.1) / 1.0;
    let client = (w1 * (1.0 / 5.0) * (1.0 / 5.0) + w2 + w3 + w4) / (w1 + w2 + w3 + w4);
    let row_1 = address * client * 1.0;

    // Row 3. Address: c = 1 of 3, M = M_s = 3; a has the ASN and the country 2 of 2 times.
    let address = (0.6 * (1.0 / 4.0) * (1.0 / 6.0) + 0.3 + 0.1) / (0.3 + 0.1);
    // Client: c = 1 of 3, M = 1+2+1+2, M_s = 1+1+1+1; a has only the system, 2 of 2 times.
    let client = (w1 * (1.0 / 5.0) * (1.0 / 9.0) + w2 / 3.0 + w3 + w4 / 3.0) / w3;
    let row_3 = address * client * 3.0 / (2.0 * 2.0);

    // Row 4. G/U = 4 twice.
    let row_4 = 4.0 * 4.0 * 4.0 / (3.0 * 2.0);

    let (scores, summary) = run(csv(&rows), ScoreOptions::default());
    assert_eq!(scores.iter().map(|&(row, _)| row).collect::<Vec<_>>(), [1, 3, 4]);
    for ((row, score), expected) in scores.into_iter().zip([row_1, row_3, row_4]) {
        assert!((score / expected - 1.0).abs() < 1e-12, "row {row}: {score}, expected {expected}");
    }
    // The same as fractions in lowest terms.
    let fractions = [(768_229.0, 3_636_400.0), (22_277_089.0, 18_065_280.0), (32.0, 3.0)];
    for (value, (numerator, denominator)) in [row_1, row_3, row_4].into_iter().zip(fractions) {
        let fraction: f64 = numerator / denominator;
        assert!((value / fraction - 1.0).abs() < 1e-12, "{value}, expected {fraction}");
    }
    assert_eq!((summary.rows, summary.scored, summary.without_history), (5, 3, 2));
    assert_eq!((summary.history_logins, summary.history_customers), (5, 2));
}

#[test]
fn scoring_alone_leaves_no_trace() {
    let row = Row::new("a", ["1.1.1.1", "100", "NO"], ["ua1", "b1", "o1", "mobile"]);
    let mut scorer = LoginScorer::new();
    assert_eq!(scorer.score(&row.login()), None);
    assert_eq!(scorer.observe_and_score(&row.login()), None);
    let before = scorer.score(&row.login());
    assert_eq!(scorer.score(&row.login()), before);
    assert_eq!(scorer.observe_and_score(&row.login()), before);
    assert_ne!(scorer.score(&row.login()), before);
    assert_eq!((scorer.logins(), scorer.customers(), scorer.is_full()), (2, 1, false));
}

#[test]
fn columns_are_found_by_name() {
    let rows: Vec<Row> = ["1.1.1.1", "1.1.1.1", "2.2.2.2"]
        .map(|ip| Row::new("a", [ip, "1", "NO"], ["ua1", "b1", "o1", "mobile"]))
        .to_vec();
    let (expected, _) = run(csv(&rows), ScoreOptions::default());
    // Only the needed columns, in another order, with CRLF, a byte order mark, blank lines and no final newline.
    let mut input =
        "\u{feff}Device Type, ASN ,Country,OS Name and Version,Login Successful,User ID,IP Address,\
                     Browser Name and Version,User Agent String\r\n"
            .to_owned();
    for row in &rows {
        let Login { customer, ip, asn, country, user_agent, browser, os, device } = row.login();
        input +=
            &format!("\r\n{device},{asn},{country},{os},TRUE,{customer},{ip},{browser},{user_agent}\r\n");
    }
    let (scores, _) = run(input.trim_end(), ScoreOptions::default());
    assert_eq!(scores, expected);
}

#[test]
fn malformed_rows_are_left_out_and_told() {
    let good = Row::new("a", ["1.1.1.1", "100", "NO"], ["ua, \"\"1\"\"\nof two lines", "b1", "o1", "mobile"]);
    let mut input = format!("{HEADER}\n").into_bytes();
    input.extend(good.line(0).bytes());
    input.extend(b"1,too,short\n");
    input.extend(good.line(2).replace("NO", "N\0O,more").bytes());
    let not_utf8 = good.line(3).into_bytes();
    input.extend(not_utf8.iter().map(|&byte| if byte == b'N' { 0xff } else { byte }));
    input.extend(good.line(4).replace("True", "\"yes, of course, and much more than fits in here\"").bytes());
    input.extend(good.line(5).replace("mobile", &"m".repeat(ROW_BYTES_MAX)).bytes());
    input.extend(good.line(6).bytes());
    input.extend(b"7,cut off in the mid");
    let (scores, summary) = run(&input, ScoreOptions::default());

    // As if the broken rows were not there, but for the numbering.
    let (expected, _) = run(csv(&[good.clone(), good]), ScoreOptions::default());
    assert_eq!(scores, [(6, expected[0].1)]);
    expect![[r#"
        8 rows: 1 with a score (1 written), 1 of customers without earlier logins, 6 malformed
        history: 2 logins of 1 customers
        malformed rows have no score and are not in the history:
          row 1: 3 columns where the header has 16
          row 2: 17 columns where the header has 16
          row 3: column Country: not UTF-8 after 0 bytes of the field
          row 4: column Login Successful: "yes, of course, and much more than fits …" where True or False is allowed
          row 5: 65613 bytes long; at most 65536 are allowed
          row 7: 2 columns where the header has 16
    "#]]
    .assert_eq(&summary.to_string());
}

#[test]
fn only_the_first_malformed_rows_are_kept() {
    let input = format!("{HEADER}\n{}", "x\n".repeat(250));
    let (scores, summary) = run(input, ScoreOptions::default());
    assert_eq!(
        (scores.len(), summary.malformed, summary.malformed_first.len()),
        (0, 250, MALFORMED_KEPT_MAX)
    );
    assert_eq!(summary.malformed_first.last().unwrap().row, 99);
    assert!(summary.to_string().ends_with("  and 150 more\n"));
}

#[test]
fn unusable_files_say_why() {
    expect!["the log is empty; its first line must name the columns"].assert_eq(&failure(""));
    expect![
        "the first line is not UTF-8; it must name the columns (a compressed file must be unpacked first)"
    ]
    .assert_eq(&failure(b"\x1f\x8b\x08\x00"));
    expect!["the first line lacks: ASN, Device Type; it names: index, Login Timestamp, User ID, Round-Trip Time [ms], IP Address, Country, Region, City, AS, User Agent String, Browser Name and Version, OS Name and Version, Device, Login Successful, Is Attack IP, Is Account Takeover; give a comma-separated file with the columns of the RBA data set"]
        .assert_eq(&failure(HEADER.replace("ASN", "AS").replace("Device Type", "Device")));
    expect!["the first line names the column Country twice; keep one"]
        .assert_eq(&failure(HEADER.replace("Region", "Country")));
    let (scores, summary) = run(HEADER, ScoreOptions::default());
    assert_eq!((scores.len(), summary), (0, ScoreSummary::default()));
}

#[test]
fn a_quotation_mark_never_closed_stops_at_the_limit() {
    let row = Row::new("a", ["1.1.1.1", "100", "NO"], ["ua1", "b1", "o1", "mobile"]);
    let head = format!("{}\"", csv(&[row.clone(), row]));
    let endless = BufReader::new(head.as_bytes().chain(io::repeat(b'x')));
    let error = score_rba(endless, Vec::new(), &ScoreOptions::default()).unwrap_err();
    expect!["after 2 data rows a record is longer than 16777216 bytes; most likely a quotation mark is opened there and never closed: mend that row and run again"]
        .assert_eq(&error.to_string());
}

#[test]
fn failing_reads_and_writes_are_told() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("unplugged"))
        }
    }
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("full"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let options = ScoreOptions::default();
    let input = csv(&[]);
    let error = score_rba(BufReader::new(input.as_bytes().chain(Broken)), Vec::new(), &options).unwrap_err();
    assert!(matches!(error, ScoreError::Read { rows: 0, source } if source.to_string() == "unplugged"));
    let error = score_rba(input.as_bytes(), Broken, &options).unwrap_err();
    assert!(matches!(error, ScoreError::Write(source) if source.to_string() == "full"));
}
