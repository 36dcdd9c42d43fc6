//! throwaway: report_try PROCEDURES HISTORY OUT [INTEL]
#![allow(warnings, clippy::all)]
use history::staging::Staging;
use history::sweep::*;
use history::*;
fn rss() -> String {
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    s.lines().find(|l| l.starts_with("VmHWM")).unwrap().into()
}
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let t = std::time::Instant::now();
    let v = history::procedures::read_procedures(a[1].as_ref(), None).unwrap().procedures;
    println!("procedures {} {:?}", v.len(), t.elapsed());
    let intel = match a.get(4) {
        Some(p) => intel::Intel::load(&intel::IntelConfig::load(p.as_ref()).unwrap()).unwrap(),
        None => intel::Intel::none(),
    };
    let times: usize = std::env::var("TIMES").ok().map_or(1, |t| t.parse().unwrap());
    for _ in 0..times {
        let watch = Watch::default();
        let t = std::time::Instant::now();
        let c0 = cpu();
        let files = files::open_all(&[a[2].clone().into()]).unwrap();
        let o =
            SweepOptions { window: Window::around(&v, None, None, None), columns: Columns::All, threads: 2 };
        let mut s = run(&v, &files, &intel, &o, std::path::Path::new("/tmp"), &watch).unwrap();
        let scan = t.elapsed();
        let c1 = cpu();
        // Bench data knows no attack: make alarms of the first procedures.
        if let Ok(n) = std::env::var("FORCE") {
            let n: usize = n.parse().unwrap();
            let step = s.findings.len() / n;
            for f in s.findings.iter_mut().step_by(step) {
                f.verdict = Verdict::Alarm;
            }
        }
        let alarms = s.findings.iter().filter(|f| f.verdict == Verdict::Alarm).count();
        println!("scan {scan:?} {:?} alarms {alarms} {}", s.scanned, rss());
        let t = std::time::Instant::now();
        let staging = Staging::begin(a[3].as_ref()).unwrap();
        let options = OutputOptions {
            report: std::env::var("NOREPORT").is_err(),
            threads: 2,
            broker_name: Some("関所証券株式会社".into()),
            ..Default::default()
        };
        write_results(&s, &files, &intel, &staging, &options, &watch).unwrap();
        let w = t.elapsed();
        let c2 = cpu();
        println!("CPU scan {:.2} write {:.2} = {:.0} %", c1 - c0, c2 - c1, 100.0 * (c2 - c1) / (c1 - c0));
        staging.publish(Some("summary.json")).unwrap();
        println!(
            "write {w:?} ({:.0} % of the scan) {} {:?}",
            100.0 * w.as_secs_f64() / scan.as_secs_f64(),
            rss(),
            watch.read()
        );
    }
    println!("{:?}", std::fs::metadata(format!("{}/report.html", a[3])).map(|m| m.len()));
}
