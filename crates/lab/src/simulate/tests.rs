//! A simulation as a whole: the same bytes for the same seed, plausible rates, files that agree with each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use arrow_array::cast::AsArray as _;
use history::{HistoryError, Watch};
use model::{Event, EventKind, Outcome};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

use super::brokerage::{Brokerage, Step};
use super::{Attack, Attacker, LabError, SimulateOptions, SimulateSummary, simulate};

fn options(customers: u32, seed: u64) -> SimulateOptions {
    SimulateOptions { customers, seed, ndjson: true, ..SimulateOptions::default() }
}

/// One simulation that several tests look at.
struct Made {
    folder: TempDir,
    summary: SimulateSummary,
    events: BTreeMap<String, Event>,
    procedures: Vec<BTreeMap<String, String>>,
    truth: Vec<BTreeMap<String, String>>,
    /// The truth about every event: what it is called, and what makes it look strange.
    truths: Vec<(String, String, String)>,
}

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let summary = simulate(&options(2_000, 5), folder.path(), &Watch::default()).unwrap();
    let text = fs::read_to_string(folder.path().join("events.ndjson")).unwrap();
    let events = text.lines().map(|line| Event::from_json(line.as_bytes()).unwrap());
    let events: BTreeMap<_, _> = events.map(|event| (event.id.to_string(), event)).collect();
    let procedures = csv(&folder.path().join("procedures.csv"));
    let truth = csv(&folder.path().join("truth.csv"));
    let truths = truths(&folder.path().join("events-truth.csv.zst"));
    Made { folder, summary, events, procedures, truth, truths }
});

/// Identifier, `honest` or the attack, what makes it look strange.
fn truths(path: &Path) -> Vec<(String, String, String)> {
    let unpacked = zstd::decode_all(fs::File::open(path).unwrap()).unwrap();
    let rows = csv::Reader::from_reader(unpacked.as_slice()).into_deserialize();
    rows.map(|row: Result<BTreeMap<String, String>, _>| {
        let mut row = row.unwrap();
        let mut cell = |name: &str| row.remove(name).unwrap();
        let (truth, attack) = (cell("truth"), cell("attack"));
        assert_eq!(attack.is_empty(), truth == "honest");
        (cell("id"), if attack.is_empty() { truth } else { attack }, cell("strange"))
    })
    .collect()
}

fn csv(path: &Path) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(path).unwrap());
            }
        }
    }
    found
}

#[test]
fn the_same_options_give_the_same_bytes_and_another_seed_others() {
    let run = |seed| {
        let folder = tempfile::tempdir().unwrap();
        let small = SimulateOptions { days: 120, ..options(300, seed) };
        simulate(&small, folder.path(), &Watch::default()).unwrap();
        files(folder.path())
    };
    let (one, again, other) = (run(1), run(1), run(2));
    assert_eq!(one.keys().collect::<Vec<_>>(), again.keys().collect::<Vec<_>>());
    for (name, bytes) in &one {
        assert!(again[name] == *bytes, "{} differs between two runs", name.display());
    }
    for name in ["procedures.csv", "truth.csv", "events-truth.csv.zst", "events.ndjson"] {
        assert!(one[Path::new(name)] != other[Path::new(name)], "{name} is the same for two seeds");
    }
}

#[test]
fn history_holds_exactly_the_events() {
    let mut ids = BTreeSet::new();
    let mut rows = 0;
    for entry in fs::read_dir(MADE.folder.path().join("history")).unwrap() {
        let file = fs::File::open(entry.unwrap().path()).unwrap();
        for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
            let batch = batch.unwrap();
            let id = batch.column_by_name("id").unwrap().as_string::<i32>();
            let asn = batch.column_by_name("asn").unwrap();
            let ip = batch.column_by_name("ip").unwrap();
            assert_eq!(asn.null_count(), ip.null_count(), "every address has its network recorded");
            ids.extend(id.iter().flatten().map(str::to_owned));
            rows += batch.num_rows();
        }
    }
    assert_eq!(u64::try_from(rows).unwrap(), MADE.summary.rows);
    assert_eq!(ids.len(), rows, "identifiers are unique");
    assert!(ids.iter().eq(MADE.events.keys()));
}

#[test]
fn the_truth_is_told_of_every_event_in_the_order_of_the_events() {
    let text = fs::read_to_string(MADE.folder.path().join("events.ndjson")).unwrap();
    let ids = text.lines().map(|line| Event::from_json(line.as_bytes()).unwrap().id.to_string());
    assert!(ids.eq(MADE.truths.iter().map(|(id, _, _)| id.clone())));
    let fraud = |row: &&BTreeMap<String, String>| row["truth"] == "fraud";
    let known: BTreeMap<&str, &str> =
        MADE.truth.iter().filter(fraud).map(|row| (row["id"].as_str(), row["attack"].as_str())).collect();
    for (id, truth, strange) in &MADE.truths {
        assert_eq!(known.get(id.as_str()).copied().unwrap_or("honest"), truth, "{id}");
        assert!(truth == "honest" || strange.is_empty(), "{id}: {strange}");
    }
}

#[test]
fn what_makes_honest_events_look_strange_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let year = SimulateOptions { honest_year: true, ..options(2_000, 6) };
    simulate(&year, folder.path(), &Watch::default()).unwrap();
    let truths = truths(&folder.path().join("events-truth.csv.zst"));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, _, strange) in &truths {
        for word in strange.split_whitespace() {
            *counts.entry(word).or_default() += 1;
        }
    }
    assert_eq!(counts.len(), 19, "{counts:?}");
    let odd = truths.iter().filter(|(_, _, strange)| !strange.is_empty()).count();
    assert!((truths.len() / 20..truths.len() / 2).contains(&odd), "{odd} of {}", truths.len());
}

#[test]
fn procedures_are_all_that_are_in_history() {
    let from = MADE.summary.examined_from;
    let examined = |event: &&Event| {
        event.time >= from
            && matches!(event.kind, EventKind::BankAccountRegister | EventKind::BankAccountChange)
    };
    assert_eq!(MADE.events.values().filter(examined).count(), MADE.procedures.len());
    for row in &MADE.procedures {
        let event = &MADE.events[&row["id"]];
        assert_eq!(row["customer"], event.customer.as_ref().unwrap().to_string());
        assert_eq!(row["time"], event.time.to_string());
        assert_eq!(row["kind"], event.kind.as_str());
        assert_eq!(row["ip"], event.client.ip.map(|ip| ip.to_string()).unwrap_or_default());
        assert_eq!(row["asn"].is_empty(), row["ip"].is_empty());
    }
    assert!(MADE.procedures.is_sorted_by_key(|row| row["time"].clone()));
}

#[test]
fn truth_covers_every_procedure_and_every_fraud_is_examined() {
    let truth: BTreeMap<_, _> = MADE.truth.iter().map(|row| (&row["id"], row)).collect();
    assert_eq!(truth.len(), MADE.truth.len());
    assert_eq!(u64::try_from(truth.len()).unwrap(), MADE.summary.truth_rows);
    let procedures: BTreeSet<_> = MADE.procedures.iter().map(|row| &row["id"]).collect();
    assert!(procedures.iter().all(|id| truth.contains_key(*id)));
    let mut frauds = BTreeSet::new();
    for row in truth.values() {
        let event = &MADE.events[&row["id"]];
        let bank = matches!(event.kind, EventKind::BankAccountRegister | EventKind::BankAccountChange);
        match row["truth"].as_str() {
            "honest" => assert!(bank && row["attack"].is_empty()),
            "fraud" => {
                assert!(!bank || procedures.contains(&row["id"]), "{row:?} is not examined");
                if bank {
                    frauds.insert(row["attack"].as_str());
                }
            }
            other => panic!("truth {other}"),
        }
    }
    let planted = ["gmo-2020", "okasan-2020", "quiet-address", "quiet-takeover", "sbi-2020"];
    assert!(frauds.into_iter().eq(planted));
}

#[test]
fn intel_knows_every_address_and_some_of_the_attackers() {
    let config = intel::IntelConfig::load(&MADE.folder.path().join("intel")).unwrap();
    let known = intel::Intel::load(&config).unwrap();
    assert_eq!(known.report().files.iter().map(|file| file.bad).sum::<u64>(), 0);
    for row in MADE.procedures.iter().filter(|row| !row["ip"].is_empty()) {
        let facts = known.lookup(row["ip"].parse().unwrap());
        assert_eq!(facts.asn.unwrap().to_string(), row["asn"]);
        assert_eq!(facts.country.unwrap().to_string(), row["country"]);
    }
    let mut listed = [0, 0];
    for row in &MADE.truth {
        let Some(ip) = MADE.events[&row["id"]].client.ip else { continue };
        let facts = known.lookup(ip.ip());
        assert!(facts.asn.is_some() && facts.country.is_some(), "{ip}");
        if row["attack"] == "sbi-2020" {
            listed[usize::from(!facts.lists.is_empty())] += 1;
        }
    }
    assert!(listed[1] > listed[0] / 2 && listed[0] > listed[1] / 10, "partly listed: {listed:?}");
}

#[test]
fn rates_are_those_of_a_broker() {
    let tally = &MADE.summary.tally;
    let per_customer = MADE.summary.rows / u64::from(MADE.summary.customers);
    assert!((60..=200).contains(&per_customer), "{per_customer} rows a customer and year");
    let failed = tally.honest_logins_failed * 1_000 / tally.honest_logins;
    assert!((30..=80).contains(&failed), "{failed} of a thousand logins fail");
    let honest = &tally.honest;
    assert!((35..=75).contains(&honest.all), "about 500 a 20,000 customers: {honest:?}");
    assert!(honest.staffed > 0 && honest.new_ip > honest.new_network);
    assert!(honest.new_ip_and_device > 0 && honest.new_ip_and_device * 4 < honest.online, "{honest:?}");
}

#[test]
fn attacks_are_those_of_the_record() {
    let culprits = &MADE.summary.tally.culprits;
    let withdrawn = |attack: Attack| culprits[attack.as_str()].withdrawn_jpy;
    assert_eq!(withdrawn(Attack::Sbi2020), 98_640_000);
    assert_eq!(withdrawn(Attack::Gmo2020), 1_490_000);
    assert_eq!(withdrawn(Attack::Okasan2020), 0);
    assert_eq!(
        culprits["okasan-2020"].customers_entered, 100,
        "one of 20 customers, 208 where there are enough"
    );
    assert_eq!(culprits["background"].customers_entered, 0);
    assert!(!culprits.contains_key("kabucom-2020-sweep"), "nothing is planted");
    for row in MADE.truth.iter().filter(|row| row["attack"] == "okasan-2020") {
        let event = &MADE.events[&row["id"]];
        assert!(event.kind != EventKind::BankAccountChange || event.outcome == Outcome::Failed);
    }
}

#[test]
fn without_attacks_every_procedure_is_honest() {
    let folder = tempfile::tempdir().unwrap();
    let attacks = vec![Attack::Kabucom2020Sweep];
    let quiet = SimulateOptions { attacks, days: 90, ndjson: false, ..options(400, 3) };
    let summary = simulate(&quiet, folder.path(), &Watch::default()).unwrap();
    let procedures: u64 = summary.tally.procedures.values().sum();
    assert_eq!(procedures, summary.tally.honest.all);
    assert_eq!(summary.tally.culprits.keys().copied().collect::<Vec<_>>(), ["background"]);
    assert!(!folder.path().join("events.ndjson").exists());
}

#[test]
fn a_stopped_run_and_a_refused_one_leave_nothing() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    let watch = Watch::default();
    watch.stop();
    let stopped = simulate(&options(100, 1), &out, &watch).unwrap_err();
    assert!(matches!(stopped, LabError::History(HistoryError::Stopped)));
    assert!(!out.exists());

    let small = SimulateOptions { days: 30, ..options(100, 1) };
    simulate(&small, &out, &Watch::default()).unwrap();
    let before = files(&out);
    let error = simulate(&small, &out, &Watch::default()).unwrap_err().to_string();
    assert!(error.contains("is there already; give another folder"), "{error}");
    assert!(files(&out) == before);
}

/// Nobody uses a password before it is found or set anew, or takes money before the account is changed that it goes to, and nobody is
/// in two sessions at once.
#[test]
fn attackers_do_one_thing_after_the_other() {
    let by_programs = ["sbi-2020", "okasan-2020", "password-spray", "slow-stuffing", super::BACKGROUND];
    let mut seen = BTreeSet::new();
    for (seed, (_, attacker)) in (901..).zip(Attacker::ALL.into_iter().cycle().take(8)) {
        let made = SimulateOptions {
            attacks: Attack::ALL.to_vec(),
            attacker,
            honest_year: true,
            days: 366,
            ..options(1_000, seed)
        };
        let (chains, _) = Brokerage::new(&made).unwrap().intentions().unwrap();
        for chain in chains {
            let place = format!("{} of seed {seed}", chain.attack);
            let (mut is_in, mut locked, mut account_changed) = (false, false, false);
            let changes_account = chain.steps.iter().any(|step| is_account(step.event.kind));
            let resets = chain.steps.iter().any(|step| step.event.kind == EventKind::PasswordReset);
            let mut over: BTreeSet<String> = BTreeSet::new();
            let mut session = None;
            for Step { event, .. } in &chain.steps {
                if event.client.session != session {
                    over.extend(session.iter().map(ToString::to_string));
                    session.clone_from(&event.client.session);
                }
                let now = session.as_ref().map(ToString::to_string).unwrap_or_default();
                let one_by_one = !by_programs.contains(&chain.attack);
                assert!(!one_by_one || !over.contains(&now), "{place}: two sessions at once");
                let succeeded = event.outcome == Outcome::Succeeded;
                let is_done_inside = event.client.ip.is_some()
                    && !matches!(event.kind, EventKind::Login | EventKind::PasswordReset);
                assert!(is_in || !is_done_inside, "{place}: {} before a login", event.kind);
                assert!(!resets || locked || !is_done_inside, "{place}: {} before the reset", event.kind);
                let is_money = event.kind.moves_money();
                assert!(!is_money || !changes_account || account_changed, "{place}: no account yet");
                is_in |= event.kind == EventKind::Login && succeeded;
                locked |= event.kind == EventKind::PasswordReset;
                account_changed |= is_account(event.kind);
                if is_money {
                    seen.insert((chain.attack, resets));
                }
            }
        }
    }
    assert!(seen.contains(&("sim-swap", true)) && seen.contains(&("insider-address", true)), "{seen:?}");
}

const fn is_account(kind: EventKind) -> bool {
    matches!(kind, EventKind::BankAccountChange | EventKind::BankAccountRegister)
}

#[test]
fn options_out_of_their_limits_are_refused() {
    let refused = |options: SimulateOptions| {
        let place = tempfile::tempdir().unwrap();
        simulate(&options, place.path(), &Watch::default()).unwrap_err().to_string()
    };
    assert_eq!(refused(options(99, 1)), "customers: came 99; allowed: 100 to 1000000");
    let days = SimulateOptions { days: 29, ..options(100, 1) };
    assert_eq!(refused(days), "days: came 29; allowed: 30 to 1100");
    let start = SimulateOptions { start: jiff::civil::date(1970, 1, 1), ..options(100, 1) };
    assert_eq!(refused(start), "start: came 1970-01-01; allowed: the years 1971 to 9000");
    let error = "sbi".parse::<Attack>().unwrap_err().to_string();
    assert!(error.starts_with("attack: came \"sbi\"; allowed: kabucom-2020-sweep, sbi-2020"), "{error}");
    assert!(Attack::ALL.iter().all(|attack| attack.as_str().parse::<Attack>().unwrap() == *attack));
}

#[test]
fn the_default_is_the_year_up_to_16_september_2020() {
    let default = SimulateOptions::default();
    assert_eq!(default.start, jiff::civil::date(2019, 9, 17));
    assert_eq!(MADE.summary.examined_from.to_string(), "2020-06-30T15:00:00.000000Z");
    assert_eq!(MADE.summary.end.to_string(), "2020-09-16T15:00:00.000000Z");
}
