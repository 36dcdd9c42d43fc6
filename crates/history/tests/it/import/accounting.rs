//! Properties: whatever the bytes, no panic, every record is accounted for, and where blocks are cut does not matter.

use history::import::{Counts, Format, parse_bytes};
use proptest::prelude::*;

/// Valid records of each format, to be mutated.
fn seeds(format: Format) -> Vec<&'static str> {
    match format {
        Format::Ndjson => vec![
            r#"{"id":"1","time":"2020-09-16T15:05:00+09:00","kind":"login","customer":"C1","client":{"ip":"192.0.2.7"},"outcome":"failed"}"#,
            r#"{"id":"2","time":"2020-09-16T15:05:00Z","kind":"withdrawal","customer":"C1","outcome":"failed","balance_share":0.5,"bank_account":{"bank":"0001","branch":"001","number":"1"}}"#,
        ],
        Format::Csv => vec![
            "id,customer,time,kind,ip,agent,amount,share,country,asn",
            "1,C1,2020-09-16 15:05:00,IN,192.0.2.7,\"a \"\"b\"\"\",,,JP,AS1",
            ",C1,2020-09-16T15:05:00Z,withdrawal,::1,\"two\nlines\",5,0.5,,",
            "1,C1,2020-09-16 15:05:00,OUT,,,,,,",
        ],
        Format::Ocsf => vec![
            r#"{"class_uid":3002,"activity_id":1,"status_id":1,"time":1600236300123,"user":{"uid":"C1"},"src_endpoint":{"ip":"192.0.2.7"}}"#,
            r#"{"class_uid":3001,"activity_id":3,"time_dt":"2020-09-16T15:05:00Z","user":{"name":"a"},"session":{"uid":7}}"#,
            "[",
            ",",
            "]",
        ],
        Format::Combined => vec![
            r#"192.0.2.7 - C1 [16/Sep/2020:15:05:00 +0900] "GET / HTTP/1.1" 200 5 "-" "U\"A\x41""#,
            r#"192.0.2.7 - - [16/Sep/2020:15:05:00 +0900] "POST /login HTTP/1.1" 401 5"#,
        ],
        Format::Sshd => vec![
            "Dec 10 06:55:46 h sshd[1]: Failed password for invalid user x from 192.0.2.7 port 1 ssh2",
            "Jan  1 06:55:46 h sshd[1]: message repeated 3 times: [ Failed password for root from 192.0.2.7 port 1 ssh2]",
            "2023-12-10T06:55:46Z h sshd: Accepted publickey for a from ::1 port 1 ssh2: X",
        ],
        Format::Rba => vec![
            "index,Login Timestamp,User ID,IP Address,Country,ASN,User Agent String,Login Successful,Is Attack IP,Is Account Takeover",
            "0,2020-02-03 12:43:30.772,-4,192.0.2.71,NO,29695,\"M, 5\",False,True,False",
        ],
        Format::Parquet => Vec::new(),
    }
}

/// Records of a format with pieces cut, doubled and overwritten.
fn mutated(format: Format) -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![4 => prop::sample::select(seeds(format)).prop_map(|seed| seed.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..40)];
    let ending = prop::sample::select(vec![&b"\n"[..], b"\r\n", b"\n\n", b""]);
    let lines = prop::collection::vec((line, ending), 0..12);
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 0..6);
    (lines, edits, any::<bool>()).prop_map(move |(lines, edits, header)| {
        let mut bytes = Vec::new();
        if header && matches!(format, Format::Csv | Format::Rba) {
            bytes.extend_from_slice(seeds(format)[0].as_bytes());
            bytes.push(b'\n');
        }
        bytes.extend(lines.into_iter().flat_map(|(line, ending)| [line, ending.to_vec()].concat()));
        for (place, byte, edit) in edits {
            if bytes.is_empty() {
                break;
            }
            let place = place.index(bytes.len());
            match edit {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                2 => bytes.truncate(place),
                _ => bytes[place] = b"\"\n,{}[]\\ "[usize::from(byte) % 9],
            }
        }
        bytes
    })
}

fn check(format: Format, bytes: &[u8]) {
    for record_bytes_max in [32, 300, 1 << 20] {
        let counts: Vec<Option<Counts>> = [0, 400, 1 << 21]
            .iter()
            .map(|read_bytes| parse_bytes(format, bytes, record_bytes_max, *read_bytes).ok())
            .collect();
        let shown = String::from_utf8_lossy(bytes);
        for counts in counts.iter().flatten() {
            let accounted = counts.with_rows + counts.rejected + counts.ignored + counts.blank;
            assert_eq!(counts.records, accounted, "{shown:?}");
            assert_eq!(counts.rejected, counts.rejected_lines, "{shown:?}");
            assert!(counts.rows >= counts.with_rows, "{shown:?}");
            if matches!(format, Format::Ndjson | Format::Combined | Format::Sshd) {
                let lines = bytes.split(|byte| *byte == b'\n').count()
                    - usize::from(bytes.is_empty() || bytes.ends_with(b"\n"));
                assert_eq!(counts.records, u64::try_from(lines).unwrap(), "{shown:?}");
            }
        }
        // An array in which an element is too long ends the run, at whatever block that shows.
        if format != Format::Ocsf {
            assert!(
                counts.windows(2).all(|pair| pair[0] == pair[1]),
                "{record_bytes_max} {counts:?} {shown:?}"
            );
        }
    }
}

macro_rules! properties {
    ($($name:ident: $format:ident,)+) => {
        proptest! {
            #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
            $(
                #[test]
                fn $name(bytes in mutated(Format::$format)) {
                    check(Format::$format, &bytes);
                }
            )+
        }
    };
}

properties! {
    ndjson: Ndjson,
    csv: Csv,
    ocsf: Ocsf,
    combined: Combined,
    sshd: Sshd,
    rba: Rba,
}

/// A small history file and a small foreign table.
fn parquet_seeds() -> Vec<Vec<u8>> {
    let line = |n: u32| {
        format!(
            "{{\"id\":\"{n}\",\"time\":\"2020-09-16T15:05:00Z\",\"kind\":\"login\",\"customer\":\"C{n}\",\"client\":{{\"ip\":\"192.0.2.7\"}},\"outcome\":\"failed\"}}\n"
        )
    };
    let place = super::Place::new();
    let summary = place.text("a.ndjson", (0..50).map(line).collect::<String>());
    let own = std::fs::read(&summary.files[0]).unwrap();
    let names = ["id", "customer", "time", "kind", "ip", "agent", "amount", "share", "country", "asn"];
    let cells = ["1", "C1", "2020-09-16T15:05:00Z", "IN", "192.0.2.7", "UA", "5", "0.5", "JP", "1"];
    let columns = names.into_iter().zip(cells).map(|(name, cell)| {
        let array: arrow_array::ArrayRef =
            std::sync::Arc::new(arrow_array::StringArray::from(vec![cell; 50]));
        (name, array)
    });
    let batch = arrow_array::RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    vec![own, writer.into_inner().unwrap()]
}

#[test]
fn damaged_parquet_is_refused_without_panic() {
    let seeds = parquet_seeds();
    for seed in &seeds {
        let counts = parse_bytes(Format::Parquet, seed, 0, 0).unwrap();
        assert_eq!((counts.records, counts.rows), (50, 50));
    }
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
    let config = ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let damaged = (prop::sample::select(seeds), edits, any::<prop::sample::Index>(), 0..4_u8);
    let ran = runner.run(&damaged, |(mut bytes, edits, cut, whole)| {
        for (place, byte) in edits {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if whole == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(counts) = parse_bytes(Format::Parquet, &bytes, 0, 0) {
            prop_assert_eq!(counts.records, counts.with_rows + counts.rejected + counts.ignored);
        }
        Ok(())
    });
    ran.unwrap();
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for format in Format::ALL {
            if *format != Format::Parquet {
                check(*format, &bytes);
            }
        }
        let _any = Format::guess(&bytes);
        let _either = history::procedures::parse_bytes(&bytes);
    }
}
