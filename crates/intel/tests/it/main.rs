//! The crate from outside: a folder or a TOML file in, facts out.

#![expect(
    clippy::unwrap_used,
    reason = "the fixtures are made here; where making them fails, the test fails"
)]

use std::net::IpAddr;
use std::path::Path;

use intel::{Country, Facts, FileRole, Intel, IntelConfig, IntelError, ListKind};

const USER_AGENTS: &str =
    "user_agent_parsers:\n  - regex: '(curl)/(\\d+)\\.(\\d+)'\nos_parsers:\ndevice_parsers:\n";

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn codes(intel: &Intel) -> Vec<&'static str> {
    intel.unknowns().into_iter().map(|unknown| unknown.code).collect()
}

fn load(path: &Path) -> Result<Intel, IntelError> {
    Intel::load(&IntelConfig::load(path)?)
}

fn names(intel: &Intel, address: &str) -> Vec<String> {
    intel.listed(intel.lists(ip(address))).map(|list| format!("{}:{}", list.kind, list.name)).collect()
}

#[test]
fn nothing_is_known_without_files() {
    fn shared<T: Send + Sync>(_: &T) {}
    let intel = Intel::none();
    shared(&intel);
    assert_eq!(intel.lookup(ip("192.0.2.1")), Facts::default());
    assert_eq!(intel.user_agent("curl/8.5"), None);
    assert_eq!(intel.organisation(1), None);
    assert_eq!(intel.memory_bytes(), 0);
    assert_eq!(
        codes(&intel),
        [
            "country.unknown",
            "asn.unknown",
            "lists.tor.unknown",
            "lists.vpn.unknown",
            "lists.hosting.unknown",
            "lists.blocklist.unknown",
            "user_agents.unknown",
        ]
    );
}

#[test]
fn a_folder_of_files() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            (
                "asn-ipv4.csv",
                "192.0.2.0,192.0.2.255,64500,\"Example, Inc.\"\n192.0.2.0,192.0.2.7,64501,Narrow\n",
            ),
            ("asn-ipv6.csv", "2001:db8::,2001:db8:ffff:ffff:ffff:ffff:ffff:ffff,64502,Six\n"),
            ("country.csv", "192.0.2.0,192.0.2.255,JP\n"),
            ("user_agents.yaml", USER_AGENTS),
            ("lists/tor-exits.csv", "fingerprint, ipaddr, port\nAB, 192.0.2.9, 443\n"),
            ("lists/vpn-own.txt", "192.0.2.8/31 # office\n"),
        ],
    );
    let intel = load(folder.path()).unwrap();
    let facts = intel.lookup(ip("::ffff:192.0.2.9"));
    assert_eq!((facts.country, facts.asn), (Country::parse("JP"), Some(64500)));
    assert_eq!(intel.asn(ip("192.0.2.7")), Some(64501));
    assert_eq!(intel.asn(ip("2001:db8::1")), Some(64502));
    assert_eq!(intel.lookup(ip("198.51.100.1")), Facts::default());
    assert_eq!(intel.organisation(64500), Some("Example, Inc."));
    assert_eq!(names(&intel, "192.0.2.9"), ["tor:exits", "vpn:own"]);
    assert_eq!(names(&intel, "192.0.2.8"), ["vpn:own"]);
    assert!(facts.lists.intersects(intel.lists_of_kind(ListKind::Tor)));
    assert!(!facts.lists.intersects(intel.lists_of_kind(ListKind::Hosting)));
    let agent = intel.user_agent("curl/8.5.0").unwrap();
    assert_eq!((agent.browser.as_deref(), agent.browser_version.as_deref()), (Some("curl"), Some("8.5")));
    assert_eq!(codes(&intel), ["country.ipv6.unknown", "lists.hosting.unknown", "lists.blocklist.unknown"]);
    let roles: Vec<_> = intel.report().files.iter().map(|file| (file.role, file.entries)).collect();
    assert_eq!(
        roles,
        [
            (FileRole::Country, 1),
            (FileRole::Asn, 2),
            (FileRole::Asn, 1),
            (FileRole::List, 1),
            (FileRole::List, 1),
            (FileRole::UserAgents, 1),
        ]
    );
    assert_eq!(intel.report().bad(), 0);
}

#[test]
fn a_toml_file_names_files_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            ("etc/intel.toml", "[intel]\nasn = [\"../data/first.csv\", \"../data/second.csv\"]\n"),
            ("data/first.csv", "10.0.0.0,10.255.255.255,64500,First\n"),
            ("data/second.csv", "10.1.0.0,10.1.255.255,64501,Second\n11.0.0.0,11.0.0.9,64501,Second\n"),
        ],
    );
    for path in ["etc", "etc/intel.toml"] {
        let intel = load(&folder.path().join(path)).unwrap();
        assert_eq!(intel.asn(ip("10.1.2.3")), Some(64500), "the earlier file wins");
        assert_eq!(intel.asn(ip("11.0.0.1")), Some(64501));
    }
}

#[test]
fn errors_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            ("missing.toml", "asn = [\"no-such.csv\"]\n"),
            ("wrong.toml", "country = [\"wrong.csv\"]\n"),
            ("wrong.csv", "10.0.0.0,10.0.0.9,64500\n"),
            ("broken.toml", "country = [\"broken.mmdb\"]\n"),
            ("broken.mmdb", "nothing of the kind"),
        ],
    );
    for (config, expected) in [
        ("missing.toml", "no-such.csv: cannot be read; check that the file exists"),
        ("wrong.toml", "wrong.csv: 1 of 1 lines cannot be understood"),
        ("broken.toml", "broken.mmdb: not a usable MMDB file"),
        ("not-there.toml", "not-there.toml: cannot be read"),
        ("broken.mmdb", "broken.mmdb: "),
    ] {
        let error = load(&folder.path().join(config)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
