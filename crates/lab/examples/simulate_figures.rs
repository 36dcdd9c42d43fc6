//! What the simulation makes and how fast: `cargo run --release -p lab --example simulate_figures -- CUSTOMERS SEED…`
//!
//! Simulates a year for each seed (default: 20,000 customers, seed 1) into a folder that is removed again, and prints
//! counts, sizes, time and the growth of the process's peak memory. The figures in `docs/lab-simulate.md` are from here.
//! `KEEP=FOLDER` keeps the last simulation there.
#![expect(clippy::print_stdout, reason = "this program's work is to print")]
#![expect(clippy::disallowed_methods, reason = "this program's work is to measure time")]

use std::error::Error;
use std::time::Instant;

use history::Watch;
use lab::simulate::{SimulateOptions, simulate};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let customers = arguments.next().map_or(Ok(20_000), |customers| customers.parse())?;
    let mut seeds: Vec<u64> = arguments.map(|seed| seed.parse()).collect::<Result<_, _>>()?;
    if seeds.is_empty() {
        seeds.push(1);
    }
    for seed in seeds {
        let keep = std::env::var_os("KEEP").map(std::path::PathBuf::from);
        let folder = tempfile::tempdir()?;
        let out = keep.unwrap_or_else(|| folder.path().join("out"));
        let options = SimulateOptions { customers, seed, ..SimulateOptions::default() };
        let start = Instant::now();
        let summary = simulate(&options, &out, &Watch::default())?;
        let seconds = start.elapsed().as_secs_f64();
        println!("{}", std::fs::read_to_string(out.join("simulation.json"))?);
        let procedures: u64 = summary.tally.procedures.values().sum();
        println!(
            "seed {seed}: {} rows and {procedures} procedures in {seconds:.2} s; {:.1} MB of history; peak memory {} MB",
            summary.rows,
            f64::from(u32::try_from(summary.history_bytes / 1_000)?) / 1e3,
            peak_memory_kib()? / 1_000
        );
        let honest = &summary.tally.honest;
        let percent = |part: u64| {
            let (part, whole) = (u32::try_from(part).unwrap_or(0), u32::try_from(honest.online).unwrap_or(0));
            f64::from(part) * 100.0 / f64::from(whole.max(1))
        };
        println!(
            "of {} honest procedures online, new: ip {:.1} %, network {:.1} %, asn {:.1} %, device {:.1} %, \
             ip and device {:.1} %, network and device {:.1} %; no past {:.1} %; drained {:.1} %, drained and new {:.2} %",
            honest.online,
            percent(honest.new_ip),
            percent(honest.new_network),
            percent(honest.new_asn),
            percent(honest.new_device),
            percent(honest.new_ip_and_device),
            percent(honest.new_network_and_device),
            percent(honest.no_past),
            percent(honest.drained),
            percent(honest.drained_and_new),
        );
    }
    Ok(())
}

fn peak_memory_kib() -> Result<u32, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    Ok(line.trim().trim_end_matches("kB").trim_end().parse()?)
}
