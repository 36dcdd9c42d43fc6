//! Foreign tables with a mapping: CSV and Parquet.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use expect_test::expect;
use history::import::{Format, Mapping};
use parquet::arrow::ArrowWriter;

use super::Place;

const MAPPING: &str = r#"
[columns]
id = "No"
customer = "Kunde"
time = "Zeit"
kind = "Art"
outcome = "OK"
ip = "IP"
user_agent = "Browser"
amount_minor = "Betrag"
balance_share = "Anteil"
country = "Land"
asn = "AS"

[values.kind]
LOGIN = "login"
AUSZAHLUNG = "withdrawal"
LOGOUT = "ignore"

[values.outcome]
1 = "succeeded"
0 = "failed"
true = "succeeded"
false = "failed"

[defaults]
amount_currency = "JPY"

[time]
format = "%d.%m.%Y %H:%M:%S"

[csv]
delimiter = ";"
empty = ["NULL"]
"#;

#[test]
fn csv_with_a_mapping() {
    let text = "\
Kunde;Zeit;Art;OK;IP;Browser;Betrag;Anteil;Land;AS;No;Bemerkung
C1;16.09.2020 15:05:00;LOGIN;1;192.0.2.7;\"Mozilla; \"\"5\"\"\";;;JP;AS64500;;
C1;16.09.2020 15:06:00;AUSZAHLUNG;1; 192.0.2.7 ;NULL;5000;0.5;;;w-1;\"zwei
Zeilen\"
C1;16.09.2020 15:07:00;LOGOUT;1;192.0.2.7;;;;;;;
C1;16.09.2020 15:08:00;KAUF;1;192.0.2.7;;;;;;;
;16.09.2020 15:09:00;AUSZAHLUNG;1;192.0.2.7;;;;;;;
;16.09.2020 15:09:00;LOGIN;0;192.0.2.7;;;;;;;
C1;16.09.2020;LOGIN;1;192.0.2.7;;;;;;;
C1;16.09.2020 15:08:00;LOGIN
C1;16.09.2020 15:10:00;AUSZAHLUNG;1;192.0.2.7;;-5;;;;;
\"offen;16.09.2020 15:08:00;LOGIN;1;;;;;;;;
C2;16.09.2020 15:11:00;;1;192.0.2.7;;;;;;;
C3;16.09.2020 15:12:00;LOGIN;1;2001:db8::1;;;;;;z;
";
    let place = Place::of(Format::Csv).zone("Asia/Tokyo").mapping(MAPPING);
    let summary = place.text("t.csv", text);
    assert_eq!(
        [summary.records, summary.records_with_rows, summary.rejected, summary.ignored],
        [13, 4, 7, 2]
    );
    expect![[r#"
        2020-09-16T06:05:00.000000Z login succeeded t.csv:2 C1 192.0.2.7 user_agent=Mozilla; "5" country=JP asn=64500
        2020-09-16T06:06:00.000000Z withdrawal succeeded w-1 C1 192.0.2.7 amount_minor=5000 amount_currency=JPY balance_share_ppm=500000
        2020-09-16T06:09:00.000000Z login failed t.csv:8 - 192.0.2.7
        2020-09-16T06:12:00.000000Z login succeeded z C3 2001:db8::1"#]].assert_eq(&place.rows().join("\n"));
    let rejected: Vec<String> = place
        .rejected(&summary)
        .iter()
        .map(|entry| format!("{} {}", entry["line"], entry["reason"].as_str().unwrap()))
        .collect();
    expect![[r#"
        6 field `kind`: came "KAUF"; allowed: login, session.activity, password.change, password.reset, contact.change, factor.enroll, factor.remove, device.register, device.remove, bank_account.register, bank_account.change, withdrawal, transfer, order, profile.view, payment.instruction, customer.report, bank.notice, case.disposition, device.restrict, factor.copied; or a word listed in the mapping's [values.kind]
        7 field `customer`: absent; allowed: only a `login` may name nobody, `withdrawal` must name its customer
        9 field `time`: came "16.09.2020"; allowed: a time like %d.%m.%Y %H:%M:%S
        10 came 3 cells; the header has 12
        11 field `amount.minor`: came -5, a negative amount; allowed: zero or more minor units (the kind says which way money goes)
        12 a quote opens here that does not close within 1048576 bytes; this line is left out
        13 field `kind`: absent, and the mapping has no defaults.kind"#]].assert_eq(&rejected.join("\n"));
}

#[test]
fn csv_without_header_by_number() {
    let mapping = "[columns]\ncustomer=2\ntime=1\nip=3\n[defaults]\nkind='login'\noutcome='succeeded'\n\
        [time]\nformat='unix_ms'\n[csv]\nheader=false\ndelimiter=\"\\t\"\n";
    let place = Place::of(Format::Csv).mapping(mapping);
    let summary = place.text("t.tsv", "1600236300123\tC1\t192.0.2.7\n1600236300124\tC2\n");
    assert_eq!((summary.rows, summary.rejected), (2, 0));
    expect![[r#"
        2020-09-16T06:05:00.123000Z login succeeded t.tsv:1 C1 192.0.2.7
        2020-09-16T06:05:00.124000Z login succeeded t.tsv:2 C2 -"#]]
    .assert_eq(&place.rows().join("\n"));
}

#[test]
fn csv_says_what_it_misses() {
    let refused = |mapping: Option<&str>, text: &str| {
        let mut place = Place::of(Format::Csv);
        place.options.mapping = mapping.map(|text| Mapping::parse(text).unwrap());
        place.refused("t.csv", text)
    };
    assert!(refused(None, "a,b\n").contains("--mapping FILE"));
    assert!(refused(Some(MAPPING), "a;b\n").contains("there is no column \"No\"; the columns are: a, b"));
    assert!(refused(Some("customer='user'"), "a;b\n").contains("the mapping has no [columns]"));
    assert!(refused(Some(MAPPING), "\"never closed\n").contains("no header"));
}

fn foreign_parquet(place: &Place) -> std::path::PathBuf {
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "No",
            Arc::new(
                Decimal128Array::from(vec![Some(1), Some(2), None]).with_precision_and_scale(38, 0).unwrap(),
            ),
        ),
        ("unused", Arc::new(StringArray::from(vec!["x", "y", "z"]))),
        ("Kunde", Arc::new(Int64Array::from(vec![Some(7), None, Some(-7)]))),
        ("Zeit", Arc::new(TimestampMillisecondArray::from(vec![1_600_236_300_123, 1_600_236_300_124, -1]))),
        ("Art", Arc::new(StringArray::from(vec!["LOGIN", "LOGIN", "LOGIN"]))),
        ("OK", Arc::new(BooleanArray::from(vec![true, false, true]))),
        ("IP", Arc::new(StringArray::from(vec![Some("192.0.2.7"), Some("2001:db8::1"), None]))),
        ("Browser", Arc::new(StringArray::from(vec!["UA"; 3]))),
        ("Betrag", Arc::new(Int64Array::from(vec![None::<i64>; 3]))),
        ("Anteil", Arc::new(Float64Array::from(vec![None::<f64>; 3]))),
        ("Land", Arc::new(StringArray::from(vec![Some("JP"), None, None]))),
        ("AS", Arc::new(Int64Array::from(vec![Some(64_500), None, None]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let path = place.folder.path().join("t.parquet");
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path
}

#[test]
fn foreign_parquet_with_a_mapping() {
    let place = Place::new().zone("+09:00").mapping(MAPPING);
    let summary = place.import(&[foreign_parquet(&place)]).unwrap();
    assert_eq!([summary.records, summary.rows, summary.rejected], [3, 2, 1]);
    expect![[r#"
        2020-09-15T21:05:00.123000Z login succeeded 1 7 192.0.2.7 user_agent=UA country=JP asn=64500
        2020-09-15T21:05:00.124000Z login failed 2 - 2001:db8::1 user_agent=UA"#]]
    .assert_eq(&place.rows().join("\n"));
    let rejected = place.rejected(&summary);
    assert_eq!(rejected[0]["line"], 3);
    assert!(rejected[0]["reason"].as_str().unwrap().contains("1970"), "{rejected:?}");

    let place = Place::new();
    let error = place.import(&[foreign_parquet(&place)]).unwrap_err().to_string();
    assert!(error.contains("not Sekisho history") && error.contains("--mapping"), "{error}");
}

#[test]
fn our_own_history_is_taken_over() {
    let place = Place::new();
    let line = |n: u32| {
        format!(
            "{{\"id\":\"{n}\",\"time\":\"2020-09-16T15:05:00Z\",\"kind\":\"withdrawal\",\"customer\":\"C{n}\",\"client\":{{\"ip\":\"192.0.2.7\"}},\
             \"outcome\":\"succeeded\",\"amount\":{{\"minor\":{n},\"currency\":\"USD\"}},\"balance_share\":0.5}}\n"
        )
    };
    let first = place.text("a.ndjson", (0..20_000).map(line).collect::<String>());
    let again = Place::new();
    let summary = again.import(&first.files).unwrap();
    assert_eq!((summary.rows, summary.records), (20_000, 20_000));
    assert_eq!((summary.first_time, summary.last_time), (first.first_time, first.last_time));
    assert_eq!(again.rows(), place.rows());

    let whole = std::fs::read(&first.files[0]).unwrap();
    let truncated = Place::new();
    for cut in [4, 1_000, whole.len() / 2, whole.len() - 1] {
        assert!(truncated.refused("cut.parquet", &whole[..cut]).contains("truncated or damaged"), "{cut}");
    }
    assert!(truncated.refused("x.parquet", b"PAR1").contains("truncated or damaged"));
}

#[test]
fn the_mappings_in_the_documentation_are_accepted() {
    let page = include_str!("../../../../../docs/import.md");
    let mappings: Vec<&str> =
        page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(mappings.len(), 3);
    for mapping in mappings {
        assert!(Mapping::parse(mapping).is_ok(), "{mapping}");
    }
    let table = page.split("```\nZeit;").nth(1).unwrap().split("```").next().unwrap();
    let place = Place::of(Format::Csv)
        .zone("Asia/Tokyo")
        .mapping(page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap());
    let summary = place.text("t.csv", format!("Zeit;{table}"));
    assert_eq!((summary.rows, summary.rejected, summary.ignored), (2, 0, 1));
}
