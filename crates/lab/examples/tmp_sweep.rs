//! temporary
#![allow(clippy::all, clippy::unwrap_used, clippy::print_stdout, clippy::as_conversions, missing_docs)]
use history::Watch;
use history::sweep::*;
use lab::simulate::*;
use std::collections::*;
use std::io::BufRead;
use std::path::Path;
fn main() {
    let customers: u32 = std::env::args().nth(1).unwrap().parse().unwrap();
    let mut total: BTreeMap<(String, String), u64> = BTreeMap::new();
    for seed in std::env::args().skip(2) {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("o");
        let options =
            SimulateOptions { customers, seed: seed.parse().unwrap(), ndjson: true, ..Default::default() };
        let s = simulate(&options, &out, &Watch::default()).unwrap();
        println!("{:?} {:?}", s.tally.procedures, s.tally.honest);
        let file = history::procedures::read_procedures(&out.join("procedures.csv"), None).unwrap();
        let intel = intel::Intel::load(&intel::IntelConfig::load(&out.join("intel")).unwrap()).unwrap();
        let files = history::files::open_all(&history::files::find(&[out.join("history")]).unwrap()).unwrap();
        let window = Window::around(&file.procedures, None, None, None);
        let o = SweepOptions { window, columns: Columns::All, threads: 2 };
        let swept = run(&file.procedures, &files, &intel, &o, Path::new("/tmp"), &Watch::default()).unwrap();
        let mut truth: HashMap<String, String> = HashMap::new();
        for r in csv::Reader::from_path(out.join("truth.csv")).unwrap().records() {
            let r = r.unwrap();
            truth.insert(r[0].to_owned(), r[3].to_owned());
        }
        let mut past: HashMap<String, Vec<String>> = HashMap::new();
        let wanted: HashSet<String> =
            swept.findings.iter().map(|f| f.examined.procedure.customer.to_string()).collect();
        for line in std::io::BufReader::new(std::fs::File::open(out.join("events.ndjson")).unwrap()).lines() {
            let line = line.unwrap();
            let cut = |k: &str| {
                line.find(k).map(|i| {
                    let r = &line[i + k.len()..];
                    r[..r.find('"').unwrap()].to_owned()
                })
            };
            let Some(c) = cut("\"customer\":\"") else { continue };
            if wanted.contains(&c) {
                past.entry(c).or_default().push(cut("\"time\":\"").unwrap());
            }
        }
        for f in &swept.findings {
            let p = &f.examined.procedure;
            let attack = &truth[&p.id.to_string()];
            let v = f.verdict.to_string();
            *total.entry((attack.clone(), v.clone())).or_default() += 1;
            let before: Vec<_> =
                past[p.customer.as_str()].iter().filter(|t| **t < p.time.to_string()).collect();
            let r: Vec<String> = f.reasons.iter().map(|r| r.to_string()).collect();
            if ["net.new", "device.new", "chain.same_ip"].iter().all(|w| r.iter().any(|x| x == w)) {
                *total.entry((attack.clone(), format!("netnew+devnew+sameip {v}"))).or_default() += 1;
            }
            if (attack.is_empty() && (v == "alarm" || v == "review")) || (!attack.is_empty() && v != "alarm")
            {
                let reasons = f.reasons.iter().map(|r| r.to_string()).collect::<Vec<_>>().join(";");
                println!(
                    "{attack} {v} {} {reasons} own {}/{}/{}/{} of {} since {:?} at {}",
                    p.kind,
                    f.own.ip.count,
                    f.own.net.count,
                    f.own.asn.count,
                    f.own.device.count,
                    before.len(),
                    before.first(),
                    p.time
                );
            }
        }
    }
    for (k, n) in total {
        println!("{k:?} {n}");
    }
}
