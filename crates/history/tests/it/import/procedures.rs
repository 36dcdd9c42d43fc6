//! Files of procedures.

use expect_test::expect;
use history::Watch;
use history::import::parse_timezone;
use history::procedures::{ProcedureFile, parse_bytes, read_procedures};

fn show(file: &ProcedureFile) -> String {
    let mut lines: Vec<String> = file
        .procedures
        .iter()
        .map(|examined| {
            let model::Procedure { id, customer, time, kind, ip, device } = &examined.procedure;
            let ip = ip.map_or("-".to_owned(), |ip| ip.to_string());
            let device = device.as_ref().map_or("-", |device| device.as_str());
            format!(
                "{id} {customer} {time} {kind} {ip} {device} {:?} {:?}",
                examined.recorded.country, examined.recorded.asn
            )
        })
        .collect();
    lines.extend(file.rejected.iter().map(|line| format!("rejected {}: {}", line.line, line.reason)));
    lines.extend(file.notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}

#[test]
fn csv_with_further_columns() {
    let text = "\u{feff}id,customer,time,kind,ip,device,asn,country,memo\r\n\
        p1,C1,2020-09-16T15:05:00+09:00,bank_account.change,192.0.2.7,d1,AS64500,JP,x\r\n\
        p2,C2,2020-09-16 06:05:00,contact.change,,,,,\r\n\
        \r\n\
        p1,C3,2020-09-16T15:05:00+09:00,bank_account.change,,,,,\r\n\
        p4,C3,2020-09-16T15:05:00+09:00,login,,,,,\r\n\
        p5,,2020-09-16T15:05:00+09:00,bank_account.change,,,,,\r\n\
        p6,C3,2020-09-16T15:05:00+09:00,bank_account.change,not an address,,,,\"two\nlines\"\r\n\
        p7,C3\r\n\
        id,customer,time,kind,ip,device,asn,country,memo\r\n";
    expect![[r#"
        p1 C1 2020-09-16T06:05:00.000000Z bank_account.change 192.0.2.7 d1 Some([74, 80]) Some(64500)
        p2 C2 2020-09-16T06:05:00.000000Z contact.change - - None None
        p4 C3 2020-09-16T06:05:00.000000Z login - - None None
        rejected 5: id "p1" came already on line 2; identifiers must be distinct
        rejected 7: field `customer`: absent; every procedure has id, customer, time and kind
        rejected 8: field `ip`: came "not an address"; allowed: an IPv4 or IPv6 address without port, prefix or zone
        rejected 10: came 2 cells; the header has 9
        note: not used: memo; used are id, customer, time, kind, ip, device, asn, country
        note: 1 lines have kind `login`, which is no procedure; they are examined all the same"#]].assert_eq(&show(&parse_bytes(text.as_bytes()).unwrap()));
}

#[test]
fn other_delimiters_and_the_fewest_columns() {
    let file = parse_bytes(b"kind;time;customer;id\nwithdrawal;2020-09-16T15:05:00Z;C1;p1\n").unwrap();
    assert_eq!(file.procedures.len(), 1);
    assert!(file.rejected.is_empty() && file.notes.is_empty());
}

#[test]
fn flat_objects_and_whole_events() {
    let text = r#"{"id":"p1","customer":"C1","time":"2020-09-16T15:05:00+09:00","kind":"bank_account.change","ip":"::ffff:192.0.2.7","asn":64500,"country":"jp","memo":1}
{"id":"p2","time":"2020-09-16T15:05:00Z","kind":"withdrawal","customer":"C1","client":{"ip":"192.0.2.7","device":"d"},"outcome":"attempted"}
{"id":"p3","time":"2020-09-16T15:05:00Z","kind":"login","outcome":"failed"}
{"id":"p4","time":"2020-09-16T15:05:00Z","kind":"withdraw","customer":"C1"}
[1]
not json
"#;
    expect![[r#"
        p1 C1 2020-09-16T06:05:00.000000Z bank_account.change 192.0.2.7 - Some([74, 80]) Some(64500)
        p2 C1 2020-09-16T15:05:00.000000Z withdrawal 192.0.2.7 d None None
        rejected 3: field `customer`: absent; a procedure names its customer
        rejected 4: field `kind`: came "withdraw"; allowed: login, session.activity, password.change, password.reset, contact.change, factor.enroll, factor.remove, device.register, device.remove, bank_account.register, bank_account.change, withdrawal, transfer, order, profile.view, payment.instruction, customer.report, bank.notice, case.disposition, device.restrict, factor.copied
        rejected 5: field `.`: not a JSON object: invalid type: sequence, expected an object at line 1 column 0
        rejected 6: field `.`: not a JSON object: expected ident at line 1 column 2
        note: not used: memo; used are id, customer, time, kind, ip, device, asn, country"#]].assert_eq(&show(&parse_bytes(text.as_bytes()).unwrap()));
}

#[test]
fn neither_is_refused_with_what_is_allowed() {
    let refused = |text: &str| parse_bytes(text.as_bytes()).unwrap_err().to_string();
    assert!(refused("a,b,c\n1,2,3\n").contains("a header with at least id, customer, time and kind"));
    assert!(refused("[{}]").contains("one object a line"));
    assert!(parse_bytes(b"").unwrap().procedures.is_empty());
    let none = "x\n".repeat(100_002);
    assert!(refused(&format!("{{}}\n{none}")).contains("is it the right file?"));
}

#[test]
fn files_may_be_compressed_and_times_local() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.csv.zst");
    let text = "id,customer,time,kind\np1,C1,2020-09-16 15:05:00,withdrawal\n";
    std::fs::write(&path, zstd::encode_all(text.as_bytes(), 1).unwrap()).unwrap();
    let read = |zone: Option<&str>| {
        let zone = zone.map(|zone| parse_timezone(zone).unwrap());
        read_procedures(&path, zone, &Watch::default()).unwrap()
    };
    assert_eq!(
        read(Some("Asia/Tokyo")).procedures[0].procedure.time.to_string(),
        "2020-09-16T06:05:00.000000Z"
    );
    assert!(read(None).rejected[0].reason.contains("--timezone"));
}
