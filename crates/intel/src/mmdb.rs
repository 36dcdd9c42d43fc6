//! Countries, autonomous systems and coordinates from MMDB files (the format of MaxMind's GeoLite2 and of its many relatives).
//!
//! The whole tree is read once and compiled to the same ranges as a CSV ([`crate::ranges`]). So lookups cost the
//! same for every source and cannot fail, and a damaged record is found when the file is loaded and not at night.
//! Aliases of the IPv4 tree (6to4, Teredo) are not followed: such an address has no country of its own.

mod record;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::HashMap;
use std::path::Path;

use maxminddb::{MaxMindDbError, Reader, WithinOptions};

use crate::country::Country;
use crate::error::{IntelError, quoted};
use crate::open::read_all;
use crate::range_csv::{Organisations, RANGES_MAX};
use crate::ranges::Builder;
use crate::report::{FileReport, FileRole};
use crate::span::Span;
use crate::spot::Spot;
use record::Record;

/// Largest file, in bytes after decompression. It is in memory while it is compiled.
const MMDB_BYTES_MAX: u64 = 2 << 30;

/// Reads the country of every network.
pub(crate) fn read_countries(
    path: &Path,
    ranges: &mut Builder<Option<Country>>,
) -> Result<FileReport, IntelError> {
    read(path, FileRole::Country, ranges, |record| record.country.map(Some))
}

/// Reads the autonomous system of every network, and the names of the organisations.
pub(crate) fn read_asns(
    path: &Path,
    ranges: &mut Builder<u32>,
    organisations: &mut Organisations,
) -> Result<FileReport, IntelError> {
    read(path, FileRole::Asn, ranges, |record| {
        let asn = record.asn.filter(|asn| *asn != 0)?;
        organisations.add(asn, record.organisation.as_deref().unwrap_or_default());
        Some(asn)
    })
}

/// Reads the coordinates of every network.
pub(crate) fn read_spots(path: &Path, ranges: &mut Builder<Option<Spot>>) -> Result<FileReport, IntelError> {
    read(path, FileRole::Location, ranges, |record| record.spot().map(Some))
}

fn read<V: Copy + Default + Eq>(
    path: &Path,
    role: FileRole,
    ranges: &mut Builder<V>,
    mut value: impl FnMut(Record) -> Option<V>,
) -> Result<FileReport, IntelError> {
    let broken = |error: MaxMindDbError| IntelError::mmdb(path, error.to_string());
    let reader = Reader::from_source(read_all(path, MMDB_BYTES_MAX)?).map_err(broken)?;
    let mut report = FileReport::new(path.to_owned(), role);
    let mut run = Run { path, ranges, last: None };
    // Networks share records; each is decoded once.
    let mut decoded: HashMap<usize, Option<V>> = HashMap::new();
    // A tree of n nodes has n + 1 leaves. More means that damaged nodes point at each other.
    let leaves_max = u64::from(reader.metadata().node_count).saturating_add(1);
    let mut leaves = 0_u64;
    let options = WithinOptions::default().include_networks_without_data();
    for leaf in reader.networks(options).map_err(broken)? {
        let leaf = leaf.map_err(broken)?;
        leaves = leaves.saturating_add(1);
        if leaves > leaves_max {
            return Err(IntelError::mmdb(path, "its search tree runs in a circle"));
        }
        let Some(offset) = leaf.offset() else { continue };
        report.records = report.records.saturating_add(1);
        let found = match decoded.get(&offset) {
            Some(found) => *found,
            None => {
                let found = leaf.decode::<Record>().map_err(broken)?.and_then(&mut value);
                decoded.insert(offset, found);
                found
            }
        };
        let Some(found) = found else { continue };
        let network = leaf.network().map_err(broken)?;
        run.add(Span::of_network(network.network(), network.broadcast()), found)?;
        report.entries = report.entries.saturating_add(1);
    }
    run.finish()?;
    if report.entries == 0 && report.records > 0 {
        let holds = quoted(&reader.metadata().database_type);
        return Err(IntelError::mmdb(
            path,
            format!("none of its records holds {}; its type is {holds}", sought(role)),
        ));
    }
    Ok(report)
}

fn sought(role: FileRole) -> &'static str {
    match role {
        FileRole::Country => "a country (`country.iso_code`, `country`, `country_code` or the record itself)",
        FileRole::Location => {
            "coordinates (`location.latitude` and `location.longitude`, or without `location`)"
        }
        _ => "an AS number (`autonomous_system_number`, `asn` or the record itself)",
    }
}

/// Joins neighbouring networks of one value before they are added. The tree gives them in rising order and without
/// overlap, so this changes no answer and saves most of the memory of loading.
struct Run<'a, V> {
    path: &'a Path,
    ranges: &'a mut Builder<V>,
    last: Option<(Span, V)>,
}

impl<V: Copy + Default + Eq> Run<'_, V> {
    fn add(&mut self, span: Span, value: V) -> Result<(), IntelError> {
        if let Some((last, held)) = &mut self.last
            && *held == value
            && let Some(joined) = last.joined(span)
        {
            *last = joined;
            return Ok(());
        }
        self.finish()?;
        self.last = Some((span, value));
        Ok(())
    }

    fn finish(&mut self) -> Result<(), IntelError> {
        let Some((span, value)) = self.last.take() else { return Ok(()) };
        if self.ranges.len() >= RANGES_MAX {
            let limit = u64::try_from(RANGES_MAX).unwrap_or(u64::MAX);
            return Err(IntelError::too_large(self.path, "ranges over all files of this kind", limit));
        }
        self.ranges.add(span, value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::testing::{Value, map, mmdb, text};
    use super::{Builder, Country, Organisations, read_asns, read_countries};
    use crate::ranges::Ranges;
    use crate::report::FileReport;

    fn write(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.mmdb");
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    fn countries(bytes: &[u8]) -> Result<(Ranges<Option<Country>>, FileReport), String> {
        let (_folder, path) = write(bytes);
        let mut ranges = Builder::default();
        let report = read_countries(&path, &mut ranges).map_err(|error| error.to_string())?;
        Ok((ranges.compile(), report))
    }

    fn country(ranges: &Ranges<Option<Country>>, ip: &str) -> String {
        ranges.get(ip.parse().unwrap()).map(|country| country.to_string()).unwrap_or_default()
    }

    /// The layouts seen in public files.
    fn layouts() -> Vec<(&'static str, Value)> {
        let names = map(&[("en", text("Japan")), ("ja", text("日本"))]);
        let country =
            map(&[("geoname_id", Value::U32(1_861_060)), ("iso_code", text("JP")), ("names", names)]);
        let continent =
            map(&[("code", text("AS")), ("list", Value::List(vec![text("x"), Value::Bool(true)]))]);
        vec![
            (
                "country.iso_code",
                map(&[("continent", continent), ("country", country), ("lat", Value::F64(35.7))]),
            ),
            ("country_code", map(&[("country_code", text("JP"))])),
            ("country as text", map(&[("as_name", text("x")), ("country", text("jp"))])),
            ("name and code", map(&[("country", text("Japan")), ("country_code", text("JP"))])),
            ("plain text", text("JP")),
        ]
    }

    #[test]
    fn every_layout_and_record_size() {
        for (name, record) in layouts() {
            for record_bits in [24, 28, 32] {
                let networks = [("192.0.2.0/24", record.clone()), ("2001:db8::/32", record.clone())];
                let (ranges, report) = countries(&mmdb(6, record_bits, &networks)).unwrap();
                assert_eq!(country(&ranges, "192.0.2.255"), "JP", "{name} {record_bits}");
                assert_eq!(country(&ranges, "::ffff:192.0.2.0"), "JP", "{name} {record_bits}");
                assert_eq!(country(&ranges, "2001:db8::1"), "JP", "{name} {record_bits}");
                assert_eq!(country(&ranges, "192.0.3.0") + &country(&ranges, "2001:db9::"), "", "{name}");
                assert_eq!((report.records, report.entries), (2, 2));
            }
        }
    }

    #[test]
    fn ipv4_trees_and_neighbours() {
        let code = |code| map(&[("country_code", text(code))]);
        let networks = [
            ("10.0.0.0/9", code("US")),
            ("10.128.0.0/10", code("US")),
            ("10.192.0.0/10", code("ZZ")),
            ("11.0.0.0/8", code("US")),
        ];
        let (ranges, report) = countries(&mmdb(4, 24, &networks)).unwrap();
        assert_eq!((report.records, report.entries), (4, 3), "ZZ says unknown");
        let found: Vec<_> = ["10.0.0.0", "10.191.255.255", "10.192.0.0", "11.0.0.1", "12.0.0.0"]
            .map(|ip| country(&ranges, ip))
            .into();
        assert_eq!(found, ["US", "US", "", "US", ""]);
    }

    #[test]
    fn autonomous_systems() {
        let layouts = [
            map(&[
                ("autonomous_system_number", Value::U32(2519)),
                ("autonomous_system_organization", text("ARTERIA")),
            ]),
            map(&[("asn", text("AS2519")), ("as_name", text("ARTERIA")), ("as_domain", text("x"))]),
            map(&[("asn", Value::U32(2519)), ("organization", text("ARTERIA"))]),
        ];
        for record in layouts {
            let (_folder, path) = write(&mmdb(4, 28, &[("1.0.16.0/24", record)]));
            let (mut ranges, mut organisations) = (Builder::default(), Organisations::default());
            read_asns(&path, &mut ranges, &mut organisations).unwrap();
            assert_eq!(ranges.compile().get("1.0.16.9".parse().unwrap()), 2519);
            assert_eq!(organisations.get(2519), Some("ARTERIA"));
        }
    }

    #[test]
    fn coordinates() {
        let numbers =
            |north: f64, east: f64| vec![("latitude", Value::F64(north)), ("longitude", Value::F64(east))];
        let city = |north, east, radius| {
            let mut fields = numbers(north, east);
            fields.push(("accuracy_radius", Value::U16(radius)));
            map(&[("location", map(&fields)), ("country", map(&[("iso_code", text("JP"))]))])
        };
        let networks = [
            ("192.0.2.0/25", city(35.68, 139.76, 20)),
            ("192.0.2.128/25", map(&numbers(-33.87, 151.21))),
            ("198.51.100.0/24", city(135.0, 0.0, 1)),
            ("203.0.113.0/24", map(&[("lat", text("1.35")), ("lng", text("103.8"))])),
        ];
        let (_folder, path) = write(&mmdb(4, 24, &networks));
        let mut ranges = Builder::default();
        let report = super::read_spots(&path, &mut ranges).unwrap();
        assert_eq!((report.records, report.entries), (4, 3), "one is nowhere on earth");
        let ranges = ranges.compile();
        let at =
            |ip: &str| ranges.get(ip.parse().unwrap()).map(|spot| (spot.north, spot.east, spot.radius_km));
        assert_eq!(at("192.0.2.1"), Some((357, 1_398, 20)));
        assert_eq!(at("192.0.2.200"), Some((-339, 1_512, crate::spot::RADIUS_KM)));
        assert_eq!(at("203.0.113.1"), Some((14, 1_038, crate::spot::RADIUS_KM)));
        assert_eq!(at("198.51.100.1"), None);
        let (ranges, _) = countries(&mmdb(4, 24, &networks)).unwrap();
        assert_eq!(country(&ranges, "192.0.2.1"), "JP");
    }

    #[test]
    fn the_wrong_database_is_named() {
        let record = map(&[("autonomous_system_number", Value::U32(1))]);
        let error = countries(&mmdb(4, 24, &[("1.0.0.0/8", record)])).err().unwrap();
        assert!(error.contains("none of its records holds a country"), "{error}");
        assert!(error.contains("its type is `test`"), "{error}");
    }

    #[test]
    fn damaged_files_are_errors_and_never_panics() {
        let good = mmdb(6, 24, &[("192.0.2.0/24", layouts().remove(0).1)]);
        assert!(countries(&good).is_ok());
        for bytes in [&b""[..], b"not an mmdb", &good[..good.len() / 2], &good[good.len() / 2..]] {
            let error = countries(bytes).err().unwrap();
            assert!(error.contains("x.mmdb: not a usable MMDB file: "), "{error}");
        }
        for at in 0..good.len() {
            for flip in [0xff, 0x01, 0x80] {
                let mut bytes = good.clone();
                bytes[at] ^= flip;
                // Some flips only change a name: all that matters is that it comes back.
                let _result = countries(&bytes);
            }
        }
    }

    #[test]
    fn a_tree_that_points_at_itself_is_refused() {
        let mut bytes = mmdb(4, 24, &[("128.0.0.0/1", text("JP"))]);
        bytes[..3].copy_from_slice(&[0, 0, 0]);
        let error = countries(&bytes).err().unwrap();
        assert!(error.contains("circle") || error.contains("cycle"), "{error}");
        assert!(read_countries(Path::new("no.mmdb"), &mut Builder::default()).is_err());
    }
}
