//! `sekisho demo`: a simulated brokerage's year, swept, and a smaller one's decided live, in one command.

mod live;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use lab::simulate::{SimulateOptions, simulate};

use crate::session::{Session, Stopwatch};
use crate::{say, sweep};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Customers of the simulated brokerage.
    #[arg(long, default_value_t = 20_000)]
    customers: u32,
    /// Another seed, another brokerage.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Customers of the smaller brokerage that is decided live.
    #[arg(long, default_value_t = 2_000)]
    live_customers: u32,
    /// Keep the server running at the end, until Ctrl-C.
    #[arg(long)]
    stay: bool,
    /// Folder for the simulations, the report and the server's data; one that an earlier demo made is replaced.
    #[arg(long, default_value = "sekisho-demo")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<ExitCode> {
    let timer = Stopwatch::start();
    let place = args.out.join("brokerage");
    if args.out.exists() && !args.out.join(MARK).exists() {
        bail!(
            "{}: exists and was not made by `sekisho demo`; name another folder with --out",
            args.out.display()
        );
    }
    clear(args)?;
    let options =
        SimulateOptions { customers: args.customers, seed: args.seed, ..SimulateOptions::default() };
    say::line(format!(
        "A brokerage with {} customers, the year to 16 September 2020, and the attacks of 2020 among them …",
        say::thousands(args.customers.into())
    ));
    let summary = session.watched("simulate", false, |watch| simulate(&options, &place, watch))?;
    say::line(format!("{} accesses simulated in {:.1} s.", say::thousands(summary.rows), timer.seconds()));
    let sweep = sweep::Args::of_simulation(&place, args.out.join("sweep"));
    let code = sweep::run(&sweep, session)?;
    say::line(format!("The truth that the sweep did not see: {}", place.join("truth.csv").display()));
    let folder = args.out.join("live");
    let live =
        live::Live { folder: &folder, customers: args.live_customers, seed: args.seed, stay: args.stay };
    if let Some(stopped) = live::run(&live, session)? {
        return Ok(stopped);
    }
    say::line(format!(
        "\nThat took {:.1} s in all. The report of the sweep: {}\nYour own logs: sekisho import --help, sekisho sweep --help, sekisho \
         replay --help, docs/import.md",
        timer.seconds(),
        args.out.join("sweep/report.html").display()
    ));
    Ok(code)
}

/// A file that says that the folder is a demo's.
const MARK: &str = ".sekisho-demo";

fn clear(args: &Args) -> anyhow::Result<()> {
    let data = args.out.join("live/data");
    if data.is_dir() {
        // Not under the feet of a server that was told to stay.
        drop(store::DataFolder::open(&data)?);
    }
    for part in ["brokerage", "sweep", "live"] {
        let path = args.out.join(part);
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
    }
    std::fs::create_dir_all(&args.out)?;
    std::fs::write(args.out.join(MARK), "Made by `sekisho demo`, which replaces it when it runs again.\n")?;
    Ok(())
}
