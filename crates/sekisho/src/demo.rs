//! `sekisho demo`: a simulated brokerage's year, swept, in one command.

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
    /// Folder for the simulation and the report; one that an earlier demo made is replaced.
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
    say::line(format!(
        "\nThat took {:.1} s in all. The truth that the sweep did not see: {}\nYour own logs: sekisho import --help, sekisho sweep --help, docs/import.md",
        timer.seconds(),
        place.join("truth.csv").display()
    ));
    Ok(code)
}

/// A file that says that the folder is a demo's.
const MARK: &str = ".sekisho-demo";

fn clear(args: &Args) -> anyhow::Result<()> {
    for part in ["brokerage", "sweep"] {
        let path = args.out.join(part);
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
    }
    std::fs::create_dir_all(&args.out)?;
    std::fs::write(args.out.join(MARK), "Made by `sekisho demo`, which replaces it when it runs again.\n")?;
    Ok(())
}
