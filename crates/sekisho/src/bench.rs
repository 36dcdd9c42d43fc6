//! `sekisho bench`: prints the figures this product promises. Timing decides nothing here; people read it.

mod attack;
mod bootstrap;
mod child;
mod day;
mod decide;
mod disk;
mod http;
mod passwords;
mod proof;
mod restart;
mod single;
mod warm;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};
use history::import::{Format, ImportOptions, Input, import};
use history::procedures::read_procedures;
use history::sweep::{Columns, SweepOptions, Window};
use history::writer::Order;
use intel::Intel;
use lab::bulk::BulkOptions;
use lab::proof::ProofLoad;

use crate::say;
use crate::session::{Session, Stopwatch};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Small sizes, to see that everything runs.
    #[arg(long)]
    smoke: bool,
    /// Runs of each; medians are printed.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Only these.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<What>,
    /// Customers of the live benchmarks; as many decisions, at most a million, are taken.
    #[arg(long, default_value_t = 500_000)]
    customers: u64,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the data of `bench/sweep`: accesses and procedures, the same rows in either order.
    Data {
        /// Accesses.
        #[arg(long)]
        rows: u64,
        /// Order of rows over all files.
        #[arg(long, value_enum)]
        order: DataOrder,
        /// Procedures.
        #[arg(long, default_value_t = 10_005)]
        procedures: u32,
        /// Everything follows from the seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// New folder for history/ and procedures.csv.
        #[arg(long)]
        out: PathBuf,
    },
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Lines of logs to history.
    Import,
    /// 10,005 procedures against 20 million accesses.
    Sweep,
    /// History to state.
    Bootstrap,
    /// Decisions in memory, and what a campaign against all customers takes of it.
    Apply,
    /// Decisions through the journal.
    Durable,
    /// Decisions over HTTP.
    Http,
    /// Challenges, and passkeys that answer them, over HTTP.
    Proof,
    /// 10,005 procedures by the ledger.
    Warm,
    /// Passwords judged, and a list of a million.
    Passwords,
    /// Killed under load, and back. Only where it is named, because with millions of customers it takes minutes.
    Restart,
    /// A day's traffic in half an hour. Only where it is named.
    Day,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DataOrder {
    /// By time.
    Time,
    /// Clustered by customer.
    Customer,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<ExitCode> {
    if let Some(Command::Data { rows, order, procedures, seed, out }) = &args.command {
        let order = match order {
            DataOrder::Time => Order::Time,
            DataOrder::Customer => Order::Customer,
        };
        let options = BulkOptions { rows: *rows, order, seed: *seed, procedures: *procedures };
        let summary = session.watched("data", false, |watch| lab::bulk::write(&options, out, watch))?;
        say::line(format!(
            "{} rows, {} MiB: {}",
            say::thousands(summary.rows),
            summary.bytes >> 20,
            out.display()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let runs = if args.smoke { 1 } else { args.runs.max(1) };
    let folder = tempfile::tempdir().context("a temporary folder is needed")?;
    let lines = if args.smoke { 20_000 } else { 2_000_000 };
    let wanted = |what: What| args.only.is_empty() || args.only.contains(&what);
    if wanted(What::Import) {
        import_bench(Format::Ndjson, lines, runs, folder.path(), session)?;
        import_bench(Format::Combined, lines, runs, folder.path(), session)?;
    }
    let rows = if args.smoke { 100_000 } else { 20_000_000 };
    for order in [Order::Time, Order::Customer] {
        if wanted(What::Sweep) {
            sweep_bench(order, rows, runs, folder.path(), session)?;
        }
    }
    if wanted(What::Bootstrap) {
        bootstrap::run(if args.smoke { 50_000 } else { 5_000_000 }, runs, folder.path(), session)?;
    }
    let size = match args.smoke {
        true => decide::Size { customers: 2_000, decisions: 5_000 },
        false => {
            decide::Size { customers: args.customers.max(1), decisions: args.customers.clamp(1, 1_000_000) }
        }
    };
    if wanted(What::Apply) {
        decide::apply(size, runs)?;
    }
    if wanted(What::Durable) {
        decide::durable(size, runs)?;
    }
    if wanted(What::Proof) {
        let rounds = if args.smoke { 50 } else { 2_000 };
        proof::run(ProofLoad { connections: 16, rounds }, runs, session)?;
    }
    if wanted(What::Warm) {
        warm::run(size, runs, session)?;
    }
    if wanted(What::Http) {
        let size = match args.smoke {
            true => http::Size { customers: 2_000, seconds: 10, requests: 5_000 },
            false => http::Size { customers: 100_000, seconds: 10, requests: lab::load::REQUESTS_MAX },
        };
        http::run(size, runs, session)?;
    }
    if wanted(What::Passwords) {
        let size = match args.smoke {
            true => passwords::Size { checks: 500, entries: 10_000, absent: 100_000 },
            false => passwords::Size { checks: 20_000, entries: 1_000_000, absent: 10_000_000 },
        };
        passwords::run(size, folder.path(), session)?;
    }
    if args.smoke && wanted(What::Restart) || args.only.contains(&What::Restart) {
        let customers = u32::try_from(args.customers).unwrap_or(u32::MAX).clamp(1, lab::load::CUSTOMERS_MAX);
        let size = match args.smoke {
            true => restart::Size { customers: 2_000, seconds: 10, requests: 5_000 },
            false => restart::Size { customers, seconds: 20, requests: lab::load::REQUESTS_MAX },
        };
        restart::run(size, runs, folder.path(), session)?;
    }
    if args.smoke && wanted(What::Day) || args.only.contains(&What::Day) {
        let customers = u32::try_from(args.customers).unwrap_or(u32::MAX).clamp(1, lab::load::CUSTOMERS_MAX);
        let size = match args.smoke {
            true => day::Size { customers: 2_000, rate: 1_000, seconds: 10, requests: 5_000 },
            false => day::Size { customers, rate: 5_000, seconds: 1_800, requests: lab::load::REQUESTS_MAX },
        };
        day::run(size, folder.path(), session)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The value that so many of a hundred are not above, of values in order; 0 of none.
fn percentile<T: Copy + Default>(sorted: &[T], percent: usize) -> T {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Text lines to history, all of the way: read, parse, sort, write.
fn import_bench(
    format: Format,
    lines: u64,
    runs: usize,
    folder: &Path,
    session: &Session,
) -> anyhow::Result<()> {
    let path = folder.join(format!("bench.{format}"));
    let mut file = BufWriter::new(File::create(&path)?);
    for line in 0..lines {
        write_line(format, line, &mut file)?;
    }
    file.flush()?;
    drop(file);
    let options = ImportOptions { format: Some(format), ..ImportOptions::default() };
    let mut seconds = Vec::new();
    for run in 0..runs {
        let out = folder.join(format!("{format}-{run}"));
        let timer = Stopwatch::start();
        let summary = session
            .watched("import", true, |watch| import(&[Input::Path(path.clone())], &out, &options, watch))?;
        seconds.push(timer.seconds());
        anyhow::ensure!(
            summary.rows == lines && summary.rejected == 0,
            "the benchmark's own lines were not all accepted"
        );
        std::fs::remove_dir_all(&out)?;
    }
    std::fs::remove_file(&path)?;
    let median = median(seconds);
    say::line(format!(
        "import {format}: {} lines, median {median:.2} s, {:.0} lines/s",
        say::thousands(lines),
        rate(lines, median)
    ));
    Ok(())
}

/// One line of an access, different enough from the next that nothing is cheap by repetition.
fn write_line(format: Format, number: u64, out: &mut impl std::io::Write) -> std::io::Result<()> {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let (customer, host) = (mixed >> 44, (mixed >> 20) & 0xff_ffff);
    let (a, b, c) = (host >> 16, (host >> 8) & 0xff, host & 0xff);
    let second = number % 86_400;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let day = number / 86_400 % 28 + 1;
    if format == Format::Ndjson {
        return writeln!(
            out,
            r#"{{"id":"e{number:010}","time":"2020-07-{day:02}T{hour:02}:{minute:02}:{second:02}.123456+09:00","kind":"login","customer":"C{customer:07}","channel":"web","client":{{"ip":"10.{a}.{b}.{c}","user_agent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/84.0.4147.{} Safari/537.36","device":"d{:06x}","session":"s{mixed:016x}","language":"ja"}},"outcome":"succeeded","credential":"correct","factor":"none"}}"#,
            host % 150,
            mixed >> 42
        );
    }
    writeln!(
        out,
        r#"10.{a}.{b}.{c} - C{customer:07} [{day:02}/Jul/2020:{hour:02}:{minute:02}:{second:02} +0900] "POST /login HTTP/1.1" 302 512 "https://broker.example/" "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/84.0.4147.{} Safari/537.36""#,
        host % 150
    )
}

/// The cold sweep of 10,005 procedures without report.
fn sweep_bench(order: Order, rows: u64, runs: usize, folder: &Path, session: &Session) -> anyhow::Result<()> {
    let place = folder.join("bulk");
    let options = BulkOptions::new(rows, order);
    session.watched("data", false, |watch| lab::bulk::write(&options, &place, watch))?;
    let procedures =
        read_procedures(&place.join("procedures.csv"), None, &history::Watch::default())?.procedures;
    let window = Window::around(&procedures, None, None, None);
    for columns in [Columns::Core, Columns::All] {
        let mut seconds = Vec::new();
        for _ in 0..runs {
            let timer = Stopwatch::start();
            let files = history::files::open_all(&[place.join("history")])?;
            let options = SweepOptions { window, columns, threads: 2 };
            let swept = session.watched("sweep", false, |watch| {
                history::sweep::run(&procedures, &files, &Intel::none(), &options, folder, watch)
            })?;
            seconds.push(timer.seconds());
            anyhow::ensure!(swept.findings.len() == procedures.len(), "a procedure was lost");
        }
        let median = median(seconds);
        say::line(format!(
            "sweep {columns:?} by {}: {} procedures, {} accesses, median {median:.2} s, {:.0} accesses/s",
            order.as_str(),
            say::thousands(u64::try_from(procedures.len())?),
            say::thousands(rows),
            rate(rows, median)
        ));
    }
    std::fs::remove_dir_all(&place)?;
    Ok(())
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a rate for people to read")]
fn rate(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn a_percentile_is_a_value_that_came() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(
            (percentile(&hundred, 50), percentile(&hundred, 99), percentile(&hundred, 100)),
            (50, 99, 100)
        );
        assert_eq!(
            (percentile(&[7.5], 50), percentile(&[7.5], 99), percentile::<u64>(&[], 50)),
            (7.5, 7.5, 0)
        );
        assert_eq!(percentile(&[1, 2, 3], 50), 2);
    }
}
