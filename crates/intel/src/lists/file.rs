//! Reads one file of a list: an address or a network (CIDR) a line, or a CSV with a column of them.
//!
//! In plain files `#` and `;` begin a comment anywhere. A file is CSV when its name says so (`.csv`, also packed) or
//! when a column is named. Without a named column the header is searched for a usual name, and a file without a
//! header for the first field of its first line that is an address or a network.

use std::borrow::Cow;
use std::path::Path;

use super::LIST_ENTRIES_MAX;
use crate::config::{Column, plain_name};
use crate::error::{IntelError, quoted};
use crate::report::{FileReport, FileRole};
use crate::span::Span;
use crate::text::{Reject, Taken, each_line, split_csv};

/// Headers by which a column of addresses is recognised, in lower case.
const USUAL_HEADERS: [&str; 10] = [
    "ip",
    "ipaddr",
    "ip_addr",
    "ip_address",
    "address",
    "network",
    "cidr",
    "subnet",
    "prefix",
    "exit_address",
];

/// Gives every network of the file to `add`.
pub(super) fn read(
    path: &Path,
    column: Option<&Column>,
    room: usize,
    mut add: impl FnMut(Span),
) -> Result<FileReport, IntelError> {
    let is_csv = column.is_some() || plain_name(path).ends_with(".csv");
    let mut place = None;
    each_line(path, FileRole::List, (room, LIST_ENTRIES_MAX), |line| {
        if !is_csv {
            add(plain(line)?);
            return Ok(Taken::Entry);
        }
        let fields = split_csv(line)?;
        let at = match place {
            Some(at) => at,
            None => {
                let first = first_line(&fields, column).map_err(Reject::Stop)?;
                place = Some(first.column);
                if first.is_header {
                    return Ok(Taken::Nothing);
                }
                first.column
            }
        };
        let field = fields.get(at).ok_or_else(|| {
            format!("{} columns, so column {} is missing", fields.len(), at.saturating_add(1))
        })?;
        add(Span::parse_network(field)?);
        Ok(Taken::Entry)
    })
}

/// A line of a plain list, its comment cut off.
fn plain(line: &str) -> Result<Span, String> {
    let text = line.split_once(['#', ';']).map_or(line, |(text, _comment)| text).trim();
    match text.split_once(|blank: char| blank.is_whitespace()) {
        None => Span::parse_network(text),
        Some(_) => Err(format!(
            "{} is more than one address or network; begin a comment with `#`, or name a CSV column",
            quoted(text)
        )),
    }
}

struct FirstLine {
    /// From 0.
    column: usize,
    is_header: bool,
}

/// Finds the column by the first line of the file.
fn first_line(fields: &[Cow<'_, str>], column: Option<&Column>) -> Result<FirstLine, String> {
    let is_network = |field: &Cow<'_, str>| Span::parse_network(field).is_ok();
    match column {
        Some(Column::Number(number)) => {
            let column = usize::from(number.get()).saturating_sub(1);
            let field = fields.get(column);
            let field = field.ok_or_else(|| format!("no column {number}: the line has {}", fields.len()))?;
            // A misspelt address has a dot or a colon; what has neither is the header.
            Ok(FirstLine { column, is_header: !is_network(field) && !field.contains(['.', ':']) })
        }
        Some(Column::Name(name)) => fields
            .iter()
            .position(|field| field.eq_ignore_ascii_case(name))
            .map(|column| FirstLine { column, is_header: true })
            .ok_or_else(|| {
                format!("no column {}; the columns are: {}", quoted(name), quoted(&fields.join(", ")))
            }),
        None => {
            let usual =
                |field: &Cow<'_, str>| USUAL_HEADERS.iter().any(|name| field.eq_ignore_ascii_case(name));
            let header = fields.iter().position(usual).map(|column| FirstLine { column, is_header: true });
            let data =
                || fields.iter().position(is_network).map(|column| FirstLine { column, is_header: false });
            header.or_else(data).ok_or_else(|| {
                let columns = quoted(&fields.join(", "));
                format!("no column of addresses found in {columns}; name it: column = \"…\" or its number")
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::{Column, FileReport, Span, read};

    fn load(name: &str, column: Option<Column>, text: &str) -> Result<(Vec<String>, FileReport), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let mut found = Vec::new();
        let show = |span| match span {
            Span::V4(a, b) => format!("{}-{}", std::net::Ipv4Addr::from(a), std::net::Ipv4Addr::from(b)),
            Span::V6(a, b) => format!("{}-{}", std::net::Ipv6Addr::from(a), std::net::Ipv6Addr::from(b)),
        };
        let report = read(&path, column.as_ref(), 100, |span| found.push(show(span)));
        report.map(|report| (found, report)).map_err(|error| error.to_string())
    }

    fn number(number: u16) -> Option<Column> {
        NonZeroU16::new(number).map(Column::Number)
    }

    fn named(name: &str) -> Option<Column> {
        Some(Column::Name(name.to_owned()))
    }

    #[test]
    fn plain_files() {
        let text = "\u{feff}# header\n; another\n192.0.2.0/30\n\n192.0.2.9/31 # trailing\n10.0.0.1;SBL1\r\n  2001:db8::/127  \n";
        let (found, report) = load("list.txt", None, text).unwrap();
        assert_eq!(
            found,
            ["192.0.2.0-192.0.2.3", "192.0.2.8-192.0.2.9", "10.0.0.1-10.0.0.1", "2001:db8::-2001:db8::1"]
        );
        assert_eq!((report.records, report.entries, report.bad), (4, 4, 0));
        assert_eq!(load("empty.txt", None, "").unwrap().0, Vec::<String>::new());
    }

    #[test]
    fn plain_files_with_bad_lines() {
        for bad in ["0.0.0.0 example.com", "192.0.2.0/33", "host", "1.2.3.4,5.6.7.8", "1.2.3.4-1.2.3.5"] {
            let good = "10.0.0.1\n".repeat(99);
            let (found, report) = load("list.txt", None, &format!("{good}{bad}\n")).unwrap();
            assert_eq!((found.len(), report.bad, report.first_bad[0].line), (99, 1, 100), "{bad}");
        }
        let error = load("list.txt", None, "10.0.0.1\nhost\n").unwrap_err();
        assert!(error.contains("1 of 2 lines cannot be understood"), "{error}");
        assert!(error.contains("line 2: `host` is neither an address nor a network"), "{error}");
    }

    #[test]
    fn csv_columns_are_found() {
        let tor = "fingerprint, ipaddr, port\n0008D9, 204.8.96.141, 444\n0008D9, 2620:7:6003::141, 81\n";
        let expected = ["204.8.96.141-204.8.96.141", "2620:7:6003::141-2620:7:6003::141"];
        for column in [None, named("ipaddr"), named("IPADDR"), number(2)] {
            assert_eq!(load("tor.csv", column.clone(), tor).unwrap().0, expected, "{column:?}");
        }
        let bare = "x,192.0.2.1\ny,192.0.2.2\n";
        assert_eq!(load("bare.csv", None, bare).unwrap().0.len(), 2);
        assert_eq!(load("bare.txt", number(2), bare).unwrap().0.len(), 2);
    }

    #[test]
    fn csv_columns_that_are_not_there() {
        let text = "a,b\n1,192.0.2.1\n";
        let cases = [
            (named("ip"), "list.csv:1: no column `ip`; the columns are: `a, b`"),
            (number(3), "list.csv:1: no column 3: the line has 2"),
            (None, "list.csv:1: no column of addresses found in `a, b`"),
        ];
        for (column, expected) in cases {
            let error = load("list.csv", column, text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let short = format!("x,ip\n{}1\n", "1,192.0.2.1\n".repeat(99));
        let (_, report) = load("list.csv", None, &short).unwrap();
        assert_eq!(report.first_bad[0].reason, "1 columns, so column 2 is missing");
    }

    #[test]
    fn a_misspelt_first_address_is_no_header() {
        let error = load("list.csv", number(1), "192.0.2,x\n").unwrap_err();
        assert!(error.contains("line 1: `192.0.2`"), "{error}");
    }

    #[test]
    fn entries_are_limited() {
        let error = load("list.txt", None, &"10.0.0.1\n".repeat(101)).unwrap_err();
        assert!(error.contains("more than 10000000 entries"), "{error}");
    }
}
