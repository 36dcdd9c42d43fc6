//! A seeded brokerage: some thousand customers, a year of their accesses, and attackers among them.
//!
//! [`simulate`] writes a history, the procedures that are to be examined, the truth about each of them, and what would
//! be known of the networks. The same options give the same bytes. Customers and attackers make their events with the
//! same code (`visit`) from the same networks and devices; only behaviour tells them apart.
//!
//! How it fits: `population` draws who there is and what they share; `attacks` plans what is done to whom;
//! `life` lives each customer's days, one customer after the other, each with random numbers of their own; `output`
//! puts both together and writes. What is found in the result is for others to say. `docs/lab-simulate.md` is for users.

mod attacker;
mod attacks;
pub(crate) mod brokerage;
mod calendar;
mod clients;
mod dice;
mod errands;
mod error;
mod intelligence;
mod life;
mod networks;
mod oddity;
mod output;
mod population;
mod summary;
#[cfg(test)]
mod tests;
mod traits;
mod visit;
mod year;

use std::fs;
use std::path::Path;

use history::Watch;
use jiff::civil::{Date, date};

pub use attacker::{Agents, Attacker, Knowledge, Proxies};
pub use error::LabError;
pub use summary::{Culprits, Honest, SimulateSummary, Tally};

use calendar::Calendar;
use dice::count;
use output::{Finished, INTEL, Output, SIMULATION};
use population::World;

/// An attack that can be planted. In documentation and on the command line by its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attack {
    /// `kabucom-2020-sweep`: the examination itself. It found no damage, so nothing is planted.
    Kabucom2020Sweep,
    /// `sbi-2020`: stuffing over weeks, six accounts emptied, five sold down.
    Sbi2020,
    /// `okasan-2020`: 208 accounts entered from China and Malaysia within two days, no money moved.
    Okasan2020,
    /// `gmo-2020`: one account, 1.49 million yen.
    Gmo2020,
    /// `quiet-takeover`: single victims, Japanese home addresses, days of patience.
    QuietTakeover,
    /// `quiet-address`: the contact first, small withdrawals later.
    QuietAddress,
    /// `jp-2025-pump`: hijacked accounts sell what they hold and buy one thinly traded security.
    Jp2025Pump,
    /// `password-spray`: a few common passwords over all customers in three nights.
    PasswordSpray,
    /// `slow-stuffing`: a few tries an address and day over two weeks.
    SlowStuffing,
    /// `aitm-phish`: customers sign in through the attacker's proxy and prove themselves to it.
    AitmPhish,
    /// `sim-swap`: the attacker has the telephone number, and with it the codes.
    SimSwap,
    /// `insider-address`: somebody inside changes the contact on paper; codes go to the attacker.
    InsiderAddress,
    /// `mule-ring`: several victims' money goes to the same few bank accounts.
    MuleRing,
}

impl Attack {
    /// Every attack.
    pub const ALL: &'static [Self] = &[
        Self::Kabucom2020Sweep,
        Self::Sbi2020,
        Self::Okasan2020,
        Self::Gmo2020,
        Self::QuietTakeover,
        Self::QuietAddress,
        Self::Jp2025Pump,
        Self::PasswordSpray,
        Self::SlowStuffing,
        Self::AitmPhish,
        Self::SimSwap,
        Self::InsiderAddress,
        Self::MuleRing,
    ];

    /// Those that the sweep is measured on: what is planted where nothing else is asked for.
    pub const SWEPT: &'static [Self] = &[
        Self::Kabucom2020Sweep,
        Self::Sbi2020,
        Self::Okasan2020,
        Self::Gmo2020,
        Self::QuietTakeover,
        Self::QuietAddress,
    ];

    /// Its word, as on the command line and in `truth.csv`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kabucom2020Sweep => "kabucom-2020-sweep",
            Self::Sbi2020 => "sbi-2020",
            Self::Okasan2020 => "okasan-2020",
            Self::Gmo2020 => "gmo-2020",
            Self::QuietTakeover => "quiet-takeover",
            Self::QuietAddress => "quiet-address",
            Self::Jp2025Pump => "jp-2025-pump",
            Self::PasswordSpray => "password-spray",
            Self::SlowStuffing => "slow-stuffing",
            Self::AitmPhish => "aitm-phish",
            Self::SimSwap => "sim-swap",
            Self::InsiderAddress => "insider-address",
            Self::MuleRing => "mule-ring",
        }
    }
}

impl std::fmt::Display for Attack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Attack {
    type Err = LabError;

    fn from_str(word: &str) -> Result<Self, LabError> {
        Self::ALL.iter().find(|attack| attack.as_str() == word).copied().ok_or_else(|| LabError::Attack {
            came: word.chars().take(64).collect(),
            allowed: Self::ALL.iter().map(|attack| attack.as_str()).collect::<Vec<_>>().join(", "),
        })
    }
}

/// What guesses are called that are always there and no attack's.
pub(crate) const BACKGROUND: &str = "background";
/// Fewest customers: enough for every attack to find its victims.
pub const CUSTOMERS_MIN: u32 = 100;
/// Most customers; about 100 bytes each are kept, and 300 for each examined procedure.
pub const CUSTOMERS_MAX: u32 = 1_000_000;
/// Fewest days.
pub const DAYS_MIN: u32 = 30;
/// Most days.
pub const DAYS_MAX: u32 = 1_100;

/// What to simulate. The default is the year up to 16 September 2020 with 20,000 customers and [`Attack::SWEPT`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulateOptions {
    /// Customers, [`CUSTOMERS_MIN`] to [`CUSTOMERS_MAX`].
    pub customers: u32,
    /// Days, [`DAYS_MIN`] to [`DAYS_MAX`]. Procedures of the last 78 (from 1 July in the default) are examined.
    pub days: u32,
    /// Everything follows from it.
    pub seed: u64,
    /// First day, in Japanese time, 1971 to 9000. Browsers are those of 2019 and 2020 whatever the year.
    pub start: Date,
    /// What to plant, in any order; twice is once.
    pub attacks: Vec<Attack>,
    /// How the attackers of the newer attacks go about it; those of the record do what they did.
    pub attacker: Attacker,
    /// Whether much befalls honest customers: a renumbered carrier, a popular new issue, tax season, retirements.
    pub honest_year: bool,
    /// Whether to write the events as `events.ndjson`, too (wire form v1, without country and autonomous system).
    pub ndjson: bool,
}

impl SimulateOptions {
    /// The first of so many days of which the last is 16 September 2020.
    #[must_use]
    pub fn start_for(days: u32) -> Date {
        let back = jiff::Span::new().try_days(i64::from(days) - 1).unwrap_or_default();
        date(2020, 9, 16).saturating_sub(back)
    }

    fn check(&self) -> Result<(), LabError> {
        if !(CUSTOMERS_MIN..=CUSTOMERS_MAX).contains(&self.customers) {
            return Err(LabError::Customers { came: self.customers, min: CUSTOMERS_MIN, max: CUSTOMERS_MAX });
        }
        if !(DAYS_MIN..=DAYS_MAX).contains(&self.days) {
            return Err(LabError::Days { came: self.days, min: DAYS_MIN, max: DAYS_MAX });
        }
        Ok(())
    }
}

impl Default for SimulateOptions {
    fn default() -> Self {
        let days = 366;
        Self {
            customers: 20_000,
            days,
            seed: 1,
            start: Self::start_for(days),
            attacks: Attack::SWEPT.to_vec(),
            attacker: Attacker::TARGETED,
            honest_year: false,
            ndjson: false,
        }
    }
}

/// Simulates and writes into `out`, which is made if it is not there; everything appears at the end or nothing does.
///
/// Files: `history/*.parquet`, `procedures.csv`, `truth.csv`, `intel/`, `simulation.json` (last, with the summary) and
/// `events.ndjson` where asked for. Progress in `watch` is in customers.
///
/// # Errors
/// Options out of their limits, an output folder that already holds a simulation, failing writes, and a stop by `watch`.
pub fn simulate(options: &SimulateOptions, out: &Path, watch: &Watch) -> Result<SimulateSummary, LabError> {
    options.check()?;
    let calendar = Calendar::new(options.start, options.days)?;
    let mut world = World::new(options.seed, calendar, options.customers.into(), options.honest_year);
    let mut plan = attacks::plan(&mut world, &options.attacks, options.attacker)?;
    let world = world;
    let mut output = Output::begin(&world, out, options.ndjson, watch)?;
    watch.expect(world.customers());
    output.stream(None, plan.take_nobody())?;
    for index in world.by_key()? {
        watch.check()?;
        let mut drafts = life::live(&world, index, plan.recovery(index))?;
        drafts.extend(plan.take(index));
        output.stream(Some(index), drafts)?;
        watch.advance(1);
    }
    let (finished, tally) = output.finish()?;
    intelligence::write(&finished.staging.path(INTEL), &world, &plan.addresses)?;
    let summary = summarise(options, &world, &finished, tally);
    publish(finished, &summary)?;
    Ok(summary)
}

fn summarise(options: &SimulateOptions, world: &World, finished: &Finished, tally: Tally) -> SimulateSummary {
    let asked = Attack::ALL.iter().filter(|attack| options.attacks.contains(attack));
    let calendar = &world.calendar;
    SimulateSummary {
        customers: options.customers,
        days: options.days,
        seed: options.seed,
        start: options.start.to_string(),
        attacks: asked.map(|attack| attack.as_str()).collect(),
        examined_from: calendar.time(calendar.examined_from(), 0),
        end: calendar.end(),
        rows: finished.written.rows,
        history_files: count(finished.written.files.len()),
        history_bytes: finished.written.bytes,
        truth_rows: finished.truth_rows,
        tally,
    }
}

fn publish(finished: Finished, summary: &SimulateSummary) -> Result<(), LabError> {
    let path = finished.staging.path(SIMULATION);
    let mut json = serde_json::to_string_pretty(summary).map_err(LabError::text(&path))?;
    json.push('\n');
    fs::write(&path, json).map_err(LabError::io(&path, "writing"))?;
    finished.staging.publish(Some(SIMULATION))?;
    Ok(())
}
