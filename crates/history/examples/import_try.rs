//! Throw-away.
#![allow(clippy::all, clippy::pedantic, clippy::restriction, clippy::nursery)]
use std::io::Write;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args[1] == "gen" {
        let n: u64 = args[3].parse().unwrap();
        let mut out = std::io::BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
        let mut x: u64 = 88172645463325252;
        let mut next = move || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x
        };
        let uas: Vec<String> = (0..500).map(|i| format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.{}.{} Safari/537.36", 60 + i % 60, 1000 + i * 7, i)).collect();
        for i in 0..n {
            let c = next() % 500_000;
            let t = 1_568_678_400 + i * 31_536_000 / n;
            let ts = jiff::Timestamp::from_second(t as i64).unwrap();
            let ip = if c % 7 == 0 {
                format!("2001:db8:{:x}:{:x}::{:x}", c >> 16, c & 0xffff, next() % 4)
            } else {
                format!("{}.{}.{}.{}", 11 + c % 200, (c >> 8) & 255, c & 255, next() % 3)
            };
            let ua = &uas[(c % 500) as usize];
            if args[2] == "ndjson" {
                let kind = if i % 3 == 0 { "login" } else { "session.activity" };
                writeln!(out, "{{\"id\":\"ev-{i:010}\",\"time\":\"{ts:.6}\",\"kind\":\"{kind}\",\"customer\":\"C{c:07}\",\"channel\":\"web\",\"client\":{{\"ip\":\"{ip}\",\"user_agent\":\"{ua}\",\"device\":\"d-{:016x}\",\"session\":\"s-{:016x}\",\"language\":\"ja\"}},\"outcome\":\"succeeded\"}}", c.wrapping_mul(0x9E3779B97F4A7C15), next()).unwrap();
            } else {
                let z = ts.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(9)));
                let (m, p) = if i % 3 == 0 { ("POST", "/login") } else { ("GET", "/account/top?page=1") };
                writeln!(out, "{ip} - C{c:07} [{}] \"{m} {p} HTTP/1.1\" 200 {} \"https://www.example.co.jp/top\" \"{ua}\"", z.strftime("%d/%b/%Y:%H:%M:%S %z"), next() % 90000).unwrap();
            }
        }
        return;
    }
    let mut options = history::import::ImportOptions::default();
    let mut files = vec![];
    let mut it = args[2..].iter();
    while let Some(a) = it.next() {
        match a.as_str() {
            "--year" => options.year = Some(it.next().unwrap().parse().unwrap()),
            "--timezone" => {
                options.timezone = Some(history::import::parse_timezone(it.next().unwrap()).unwrap())
            }
            "--format" => options.format = Some(it.next().unwrap().parse().unwrap()),
            "--mapping" => {
                options.mapping = Some(history::import::Mapping::read(it.next().unwrap().as_ref()).unwrap())
            }
            other => files.push(history::import::Input::from_argument(other.as_ref())),
        }
    }
    let start = std::time::Instant::now();
    let watch = history::Watch::default();
    let summary = history::import::import(&files, args[1].as_ref(), &options, &watch);
    let secs = start.elapsed().as_secs_f64();
    match summary {
        Ok(s) => {
            println!("{}", serde_json::to_string_pretty(&s).unwrap());
            eprintln!("{:.2} s, {:.0} lines/s", secs, s.records as f64 / secs);
        }
        Err(e) => println!("ERROR {e} {:?}", std::error::Error::source(&e).map(|s| s.to_string())),
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    eprintln!("{}", status.lines().find(|l| l.starts_with("VmHWM")).unwrap());
}
