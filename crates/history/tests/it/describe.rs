//! What `history describe` says of files, as imported and as compacted.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its fixture should stop")]

use std::path::Path;

use history::import::{ImportOptions, Input, import};
use history::{Watch, describe, files};

const EVENTS: &str = r#"{"id":"1","time":"2020-09-16T06:00:00Z","kind":"login","customer":"C1","client":{"ip":"192.0.2.7","device":"d1"},"outcome":"succeeded"}
{"id":"2","time":"2020-09-16T06:01:00Z","kind":"login","customer":"C2","client":{"ip":"192.0.2.8"},"outcome":"failed","reason":"locked"}
{"id":"3","time":"2020-09-16T06:02:00Z","kind":"login","client":{},"outcome":"failed"}
{"id":"4","time":"2020-09-16T06:03:00Z","kind":"withdrawal","customer":"C2","client":{"ip":"192.0.2.8"},"outcome":"succeeded","balance_share":0.5}
"#;

fn described(folder: &Path) -> describe::Description {
    describe::describe(&files::open_all(&[folder.to_owned()]).unwrap(), &Watch::default()).unwrap()
}

#[test]
fn shares_of_filled_rows_are_told_for_texts_and_numbers_before_and_after_compacting() {
    let place = tempfile::tempdir().unwrap();
    let (log, out) = (place.path().join("events.ndjson"), place.path().join("out"));
    std::fs::write(&log, EVENTS).unwrap();
    import(&[Input::from_argument(&log)], &out, &ImportOptions::default(), &Watch::default()).unwrap();
    let imported = described(&out);
    for (column, percent) in [
        ("customer", 75),
        ("ip", 75),
        ("device", 25),
        ("reason", 25),
        ("balance_share_ppm", 25),
        ("user_agent", 0),
        ("asn", 0),
    ] {
        assert_eq!(imported.filled_percent.get(column), Some(&percent), "{column}");
    }
    assert_eq!(imported.rows, 4);
    assert_eq!(imported.kinds.get("login").and_then(|outcomes| outcomes.get("failed")), Some(&2));

    let compacted = place.path().join("compacted");
    history::compact::compact(&files::open_all(&[out]).unwrap(), &compacted, &Watch::default()).unwrap();
    assert_eq!(described(&compacted).filled_percent, imported.filled_percent);
}
