//! Text files line by line: comments and blank lines passed over, bad lines counted, and the splitting of a CSV line.
//!
//! A record never spans lines, so one stray quote costs one line and not the rest of the file.

use std::borrow::Cow;
use std::path::Path;

use crate::error::IntelError;
use crate::open::Lines;
use crate::report::{FileReport, FileRole};

/// What a line gave.
pub(crate) enum Taken {
    /// Something to keep.
    Entry,
    /// Fine, but nothing to keep: a header, or a range whose value is "unknown".
    Nothing,
}

/// Why a line was not taken.
pub(crate) enum Reject {
    /// The line is left out and counted.
    Bad(String),
    /// The file is useless without this line: stop.
    Stop(String),
}

impl From<String> for Reject {
    fn from(reason: String) -> Self {
        Self::Bad(reason)
    }
}

/// Gives every line that holds something to `take`. At most `room` entries are taken of the `limit` allowed over
/// all files of this role. More than one bad line in a hundred and the file is refused.
pub(crate) fn each_line(
    path: &Path,
    role: FileRole,
    (room, limit): (usize, usize),
    mut take: impl FnMut(&str) -> Result<Taken, Reject>,
) -> Result<FileReport, IntelError> {
    let mut lines = Lines::open(path)?;
    let mut report = FileReport::new(path.to_owned(), role);
    let room = u64::try_from(room).unwrap_or(u64::MAX);
    while let Some(line) = lines.next_line()? {
        let Some(text) = line.text else {
            report.records = report.records.saturating_add(1);
            report.add_bad(line.number, "longer than 64 KiB".to_owned());
            continue;
        };
        let text = text.trim();
        if text.is_empty() || text.starts_with(['#', ';']) {
            continue;
        }
        report.records = report.records.saturating_add(1);
        match take(text) {
            Ok(Taken::Entry) => report.entries = report.entries.saturating_add(1),
            Ok(Taken::Nothing) => {}
            Err(Reject::Bad(reason)) => report.add_bad(line.number, reason),
            Err(Reject::Stop(reason)) => {
                return Err(IntelError::Line { path: path.to_owned(), line: line.number, reason });
            }
        }
        if report.entries > room {
            let limit = u64::try_from(limit).unwrap_or(u64::MAX);
            return Err(IntelError::too_large(path, "entries over all files of this kind", limit));
        }
    }
    refuse_when_mostly_bad(report)
}

fn refuse_when_mostly_bad(report: FileReport) -> Result<FileReport, IntelError> {
    match report.first_bad.first() {
        Some(first) if report.bad.saturating_mul(100) > report.records => Err(IntelError::BadLines {
            first: first.clone(),
            path: report.path,
            bad: report.bad,
            lines: report.records,
        }),
        _ => Ok(report),
    }
}

/// The fields of one CSV line: separated by commas, blanks around them removed, quotes undone.
pub(crate) fn split_csv(line: &str) -> Result<Vec<Cow<'_, str>>, String> {
    let mut fields = Vec::with_capacity(4);
    let mut rest = line;
    loop {
        if let Some(inside) = rest.trim_start().strip_prefix('"') {
            let (field, after) = unquote(inside)?;
            fields.push(field);
            let after = after.trim_start();
            if after.is_empty() {
                return Ok(fields);
            }
            rest = after.strip_prefix(',').ok_or("text between a closing quote and the next comma")?;
        } else if let Some((field, after)) = rest.split_once(',') {
            fields.push(field.trim().into());
            rest = after;
        } else {
            fields.push(rest.trim().into());
            return Ok(fields);
        }
    }
}

/// The text up to the closing quote (`""` stands for a quote), and what follows it.
fn unquote(inside: &str) -> Result<(Cow<'_, str>, &str), String> {
    let mut field = Cow::Borrowed("");
    let mut rest = inside;
    loop {
        let (text, after) = rest.split_once('"').ok_or("a quote is opened and never closed on this line")?;
        field += text;
        match after.strip_prefix('"') {
            Some(more) => {
                field += "\"";
                rest = more;
            }
            None => return Ok((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{FileRole, IntelError, Reject, Taken, each_line, split_csv};

    #[test]
    fn csv_lines() {
        let good: [(&str, &[&str]); 9] = [
            ("a,b,c", &["a", "b", "c"]),
            ("a, b ,c ", &["a", "b", "c"]),
            (r#"1,"Enecom,Inc.",x"#, &["1", "Enecom,Inc.", "x"]),
            (r#"1, "LLC ""SPUTNIK""" ,x"#, &["1", r#"LLC "SPUTNIK""#, "x"]),
            (r#""""""#, &["\""]),
            (r#"a "quoted" word,b"#, &[r#"a "quoted" word"#, "b"]),
            ("", &[""]),
            (",", &["", ""]),
            (r#"a,"""#, &["a", ""]),
        ];
        for (line, fields) in good {
            assert_eq!(split_csv(line).unwrap(), fields, "{line}");
        }
        for bad in [r#"1,"never closed"#, r#""a"b,c"#, "\""] {
            assert!(split_csv(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn csv_round_trip(fields in prop::collection::vec("[a-z,\" ]{0,8}", 1..5)) {
            let line: Vec<String> =
                fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
            let line = line.join(" , ");
            prop_assert_eq!(split_csv(&line).unwrap(), fields);
        }

        #[test]
        fn csv_never_panics(line in any::<String>()) {
            let _fields = split_csv(&line);
        }
    }

    fn load(good: usize, bad: usize, room: usize) -> Result<super::FileReport, IntelError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.txt");
        let text = format!("# comment\n\n  ; another\n{}{}", "good\n".repeat(good), "bad\n".repeat(bad));
        std::fs::write(&path, text).unwrap();
        each_line(&path, FileRole::List, (room, 1000), |line| match line {
            "good" => Ok(Taken::Entry),
            _ => Err(Reject::Bad("not good".to_owned())),
        })
    }

    #[test]
    fn one_bad_line_in_a_hundred_is_counted_and_two_are_refused() {
        let report = load(99, 1, 1000).unwrap();
        assert_eq!((report.records, report.entries, report.bad), (100, 99, 1));
        assert_eq!((report.first_bad[0].line, report.first_bad[0].reason.as_str()), (103, "not good"));
        let error = load(98, 2, 1000).unwrap_err().to_string();
        assert!(error.contains("2 of 100 lines cannot be understood"), "{error}");
        assert!(error.contains("the first is line 102: not good"), "{error}");
        assert_eq!(load(0, 0, 1000).unwrap().records, 0);
    }

    #[test]
    fn entries_are_limited() {
        assert!(load(10, 0, 10).is_ok());
        let error = load(11, 0, 10).unwrap_err().to_string();
        assert!(error.contains("more than 1000 entries"), "{error}");
    }

    #[test]
    fn only_twenty_bad_lines_are_kept() {
        let report = load(3000, 30, 10_000).unwrap();
        assert_eq!((report.bad, report.first_bad.len()), (30, 20));
    }
}
