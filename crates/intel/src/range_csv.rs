//! Ranges of addresses as CSV: `start,end,country` and `start,end,asn[,organisation]`.
//!
//! Further columns are ignored; a first line of words is a header. Order and overlaps do not matter
//! ([`crate::ranges`] says which range wins).

use std::collections::BTreeMap;
use std::path::Path;

use crate::country::{Country, CountryField};
use crate::error::{IntelError, quoted};
use crate::ranges::Builder;
use crate::report::{FileReport, FileRole};
use crate::span::Span;
use crate::text::{Reject, Taken, each_line, split_csv};

/// Most ranges over all files of one kind (countries, or autonomous systems). At the limit, loading needs up to 1 GB for
/// a moment, and the result takes at most 130 MB (all IPv4) or 390 MB (all IPv6).
pub const RANGES_MAX: usize = 8_000_000;

/// Longest name of an organisation that is kept, in bytes.
const ORGANISATION_BYTES_MAX: usize = 256;

/// Names of organisations, one per autonomous system: the first that any file gives.
#[derive(Default)]
pub(crate) struct Organisations(BTreeMap<u32, Box<str>>);

impl Organisations {
    pub(crate) fn add(&mut self, asn: u32, name: &str) {
        let name = name.get(..name.floor_char_boundary(ORGANISATION_BYTES_MAX)).unwrap_or_default().trim();
        if !name.is_empty() {
            self.0.entry(asn).or_insert_with(|| name.into());
        }
    }

    pub(crate) fn get(&self, asn: u32) -> Option<&str> {
        self.0.get(&asn).map(AsRef::as_ref)
    }

    /// Bytes in use, without the map's own bookkeeping.
    pub(crate) fn memory_bytes(&self) -> usize {
        let entry = size_of::<(u32, Box<str>)>();
        self.0.values().map(|name| name.len().saturating_add(entry)).fold(0, usize::saturating_add)
    }
}

/// Reads `start,end,country`.
pub(crate) fn read_countries(
    path: &Path,
    ranges: &mut Builder<Option<Country>>,
) -> Result<FileReport, IntelError> {
    read(path, FileRole::Country, ranges, |field, _| match CountryField::parse(field) {
        Some(CountryField::Known(country)) => Ok(Some(Some(country))),
        Some(CountryField::Unknown) => Ok(None),
        None => Err(format!("{} is not a country of two letters", quoted(field))),
    })
}

/// Reads `start,end,asn[,organisation]`.
pub(crate) fn read_asns(
    path: &Path,
    ranges: &mut Builder<u32>,
    organisations: &mut Organisations,
) -> Result<FileReport, IntelError> {
    read(path, FileRole::Asn, ranges, |field, organisation| {
        let asn = parse_asn(field).ok_or_else(|| format!("{} is not an AS number", quoted(field)))?;
        if asn == 0 {
            return Ok(None);
        }
        organisations.add(asn, organisation);
        Ok(Some(asn))
    })
}

/// `13335` or `AS13335`. 0 is reserved and means "not routed".
pub(crate) fn parse_asn(text: &str) -> Option<u32> {
    let digits = match text.get(..2) {
        Some(prefix) if prefix.eq_ignore_ascii_case("as") => text.get(2..)?,
        _ => text,
    };
    // `parse` alone would take a sign.
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// Reads a file; `value` makes a value of the third and fourth column, none when the file says "unknown".
fn read<V: Copy + Default + Eq>(
    path: &Path,
    role: FileRole,
    ranges: &mut Builder<V>,
    mut value: impl FnMut(&str, &str) -> Result<Option<V>, String>,
) -> Result<FileReport, IntelError> {
    let room = RANGES_MAX.saturating_sub(ranges.len());
    let mut first = true;
    each_line(path, role, (room, RANGES_MAX), |line| {
        let is_first = std::mem::take(&mut first);
        let fields = split_csv(line)?;
        let [start, end, known, rest @ ..] = fields.as_slice() else {
            return Err(Reject::Bad(format!("{} has fewer than three columns", quoted(line))));
        };
        if is_first && is_word(start) && is_word(end) {
            return Ok(Taken::Nothing);
        }
        let span = Span::parse_range(start, end)?;
        let Some(known) = value(known, rest.first().map_or("", AsRef::as_ref))? else {
            return Ok(Taken::Nothing);
        };
        ranges.add(span, known);
        Ok(Taken::Entry)
    })
}

/// Part of a header rather than a misspelt address.
fn is_word(field: &str) -> bool {
    field.starts_with(|first: char| first.is_ascii_alphabetic()) && !field.contains([':', '.'])
}

#[cfg(test)]
mod tests {
    use super::{
        Builder, Country, FileReport, IntelError, Organisations, parse_asn, read_asns, read_countries,
    };
    use crate::ranges::Ranges;

    fn asns(text: &str) -> Result<(Ranges<u32>, Organisations, FileReport), IntelError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("asn.csv");
        std::fs::write(&path, text).unwrap();
        let (mut ranges, mut organisations) = (Builder::default(), Organisations::default());
        let report = read_asns(&path, &mut ranges, &mut organisations)?;
        Ok((ranges.compile(), organisations, report))
    }

    fn countries(text: &str) -> Result<(Ranges<Option<Country>>, FileReport), IntelError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("country.csv");
        std::fs::write(&path, text).unwrap();
        let mut ranges = Builder::default();
        let report = read_countries(&path, &mut ranges)?;
        Ok((ranges.compile(), report))
    }

    #[test]
    fn asn_files() {
        let (ranges, organisations, report) = asns(
            "# comment\n\
             start,end,asn,organisation\n\
             1.0.16.0,1.0.16.255,2519,ARTERIA Networks Corporation\n\
             \n\
             1.0.64.0,1.0.127.255,AS18144,\"Enecom,Inc.\"\n\
             1.0.64.0,1.0.64.0,18144,\"Another name\"\n\
             2001:200::,2001:200:1b9:ffff:ffff:ffff:ffff:ffff,2500,\"The \"\"WIDE\"\" Project\"\n\
             5.0.0.0,5.0.0.255,0,Not routed\n\
             1.0.0.0,1.0.0.255,13335\n",
        )
        .unwrap();
        let asn = |ip: &str| ranges.get(ip.parse().unwrap());
        assert_eq!(asn("1.0.16.255"), 2519);
        assert_eq!(asn("::ffff:1.0.100.7"), 18144);
        assert_eq!(asn("2001:200:1b9::1"), 2500);
        assert_eq!((asn("5.0.0.1"), asn("1.0.0.1"), asn("9.9.9.9")), (0, 13335, 0));
        assert_eq!(organisations.get(18144), Some("Enecom,Inc."));
        assert_eq!(organisations.get(2500), Some("The \"WIDE\" Project"));
        assert_eq!((organisations.get(13335), organisations.get(0)), (None, None));
        assert_eq!((report.records, report.entries, report.bad), (7, 5, 0));
    }

    #[test]
    fn country_files() {
        let (ranges, report) =
            countries("1.0.0.0,1.0.0.255,au\n2.0.0.0,2.0.0.9,ZZ\n2001:db8::,2001:db8::ff,JP,extra\n")
                .unwrap();
        let country = |ip: &str| ranges.get(ip.parse().unwrap());
        assert_eq!(country("1.0.0.1").unwrap().as_str(), "AU");
        assert_eq!(country("2001:db8::1").unwrap().as_str(), "JP");
        assert_eq!((country("2.0.0.1"), report.entries), (None, 2));
    }

    #[test]
    fn bad_lines_are_left_out_with_their_reason() {
        let cases = [
            ("1.0.0.9,1.0.0.0,7", "before it starts"),
            ("1.0.0.0,::9,7", "not of one family"),
            ("1.0.0.0,1.0.0.9", "fewer than three columns"),
            ("1.0.0,1.0.0.9,7", "`1.0.0` is not an IP address"),
            ("1.0.0.0,1.0.0.9,JP", "`JP` is not an AS number"),
            ("1.0.0.0,1.0.0.9,4294967296", "is not an AS number"),
            ("1.0.0.0,1.0.0.9,+7", "is not an AS number"),
            ("1.0.0.0,1.0.0.9,7,\"open", "never closed"),
            ("start,end,asn", "`start` is not an IP address"),
        ];
        let good: String = (0..99).map(|n| format!("10.0.{n}.0,10.0.{n}.255,7,x\n")).collect();
        for (line, reason) in cases {
            let (_, _, report) = asns(&format!("{good}{line}\n")).unwrap();
            assert_eq!((report.entries, report.bad, report.first_bad[0].line), (99, 1, 100), "{line}");
            assert!(report.first_bad[0].reason.contains(reason), "{line}: {}", report.first_bad[0].reason);
        }
    }

    #[test]
    fn the_wrong_file_is_refused() {
        let error = countries("1.0.0.0,1.0.0.255,13335,x\n").err().unwrap().to_string();
        assert!(error.contains("1 of 1 lines cannot be understood"), "{error}");
        assert!(error.contains("`13335` is not a country of two letters"), "{error}");
        assert!(asns("\u{0}\u{1}\u{2}\n").is_err());
    }

    #[test]
    fn as_numbers() {
        for (text, asn) in [("1", 1), ("AS4294967295", u32::MAX), ("as7", 7), ("0", 0)] {
            assert_eq!(parse_asn(text), Some(asn), "{text}");
        }
        for bad in ["", "AS", "-1", "+1", "AS+1", "1.5", "4294967296", "日本"] {
            assert_eq!(parse_asn(bad), None, "{bad}");
        }
    }

    #[test]
    fn long_names_are_cut() {
        let mut organisations = Organisations::default();
        organisations.add(1, &"日".repeat(200));
        assert_eq!(organisations.get(1).unwrap().len(), 255);
        organisations.add(2, "  ");
        assert_eq!(organisations.get(2), None);
    }
}
