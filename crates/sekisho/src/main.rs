//! The `sekisho` binary: subcommands, nothing else. What they do lives in the libraries; here are arguments, progress,
//! Ctrl-C, exit codes and the words with which an error is shown.
//!
//! Exit codes: 0 done · 1 failed, with the reason and the way on · 2 the arguments do not make sense · 3 done, but some lines
//! were rejected (they are in a file, with reasons) · 130 stopped on request, nothing left behind.

mod bench;
mod bootstrap;
mod config;
mod demo;
mod evaluate;
mod history;
mod import;
mod inputs;
mod lab;
mod load;
mod own_server;
mod passwords;
mod policy;
mod quality;
mod replay;
mod say;
mod serve;
mod session;
mod state;
mod sweep;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::session::Session;

/// Inputs are made by one thread and dropped by another, millions of records live long: what the system's allocator is
/// slowest at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The checkpoint for online securities brokers.
#[derive(Debug, Parser)]
#[command(name = "sekisho", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// No progress display.
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulate a brokerage's year with its attacks, sweep it, decide a smaller one live, and say where to look.
    Demo(demo::Args),
    /// Make history (Parquet) of logs: events, CSV, OCSF, web server and SSH logs, the RBA data set.
    Import(import::Args),
    /// Compare procedures with a year of accesses and classify every one.
    Sweep(Box<sweep::Args>),
    /// Look at history, or rewrite it clustered by customer.
    #[command(subcommand)]
    History(history::Command),
    /// A simulated brokerage, and scores for measuring detection.
    #[command(subcommand)]
    Lab(lab::Command),
    /// Take imported history into the state, so that the first live decision already knows it.
    Bootstrap(bootstrap::Args),
    /// Answer events live: POST /v1/decide and /v1/events.
    Serve(serve::Args),
    /// Tell the past again, to a server or to a data folder: facts and questions, in order of time.
    Replay(Box<replay::Args>),
    /// Keys for the API.
    #[command(subcommand)]
    Key(serve::KeyCommand),
    /// Verify, back up and restore the server's data folder.
    #[command(subcommand)]
    State(state::Command),
    /// Try a candidate policy on the past, or take a decision apart.
    #[command(subcommand)]
    Policy(policy::Command),
    /// Make a list of passwords that are refused, or judge one.
    #[command(subcommand)]
    Passwords(passwords::Command),
    /// Benchmarks: print the figures this product promises.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    tell_of_faults_only();
    // The server hears signals by itself.
    let served = match &cli.command {
        Command::Serve(args) => Some(serve::run(args)),
        Command::Key(command) => Some(serve::key(command)),
        Command::State(command) => Some(state::run(command)),
        _ => None,
    };
    if let Some(served) = served {
        return served.unwrap_or_else(|error| say::failure(&error));
    }
    let session = match Session::begin(cli.quiet) {
        Ok(session) => session,
        Err(error) => return say::failure(&error),
    };
    let result = match &cli.command {
        Command::Demo(args) => demo::run(args, &session),
        Command::Import(args) => import::run(args, &session),
        Command::Sweep(args) => sweep::run(args, &session),
        Command::History(command) => history::run(command, &session),
        Command::Lab(command) => lab::run(command, &session),
        Command::Replay(args) => replay::run(args, &session),
        Command::Bootstrap(args) => bootstrap::run(args, &session),
        Command::Policy(command) => policy::run(command, &session),
        Command::Passwords(command) => passwords::run(command, &session),
        Command::Bench(args) => bench::run(args, &session),
        Command::Serve(_) | Command::Key(_) | Command::State(_) => Ok(ExitCode::SUCCESS),
    };
    match result {
        Ok(code) => code,
        Err(error) => say::failure(&error),
    }
}

/// A panic that becomes an error is told as one, not as a fault of this program.
fn tell_of_faults_only() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !::history::guard::is_guarded() {
            tell(panic);
        }
    }));
}
