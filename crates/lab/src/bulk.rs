//! Bulk history for benchmarks: many rows of plausible shape, fast. Not the simulated brokerage: nobody acts in it, and
//! no attack is told. What it must have is what makes a sweep work: customers of very different activity, addresses of
//! their own and shared by thousands, IPv6, devices, failures, procedures with what surrounds them.
//!
//! Every row depends on the seed, its customer and its session only. So both orders hold the same rows, and the same
//! options give the same bytes. Time order makes the rows of a day at a time, customer order those of a customer.

mod access;
mod calendar;
mod draw;
mod events;
mod people;
mod places;
mod procedures;
mod sessions;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use history::rows::{AccountHasher, RowBuffer};
use history::staging::Staging;
use history::writer::{HistoryWriter, Order};
use history::{HistoryError, Watch};

use access::Access;
use calendar::{DAYS, START_US};
use events::EventMaker;
use people::Person;
use places::Places;
use procedures::Procedures;
use sessions::Sessions;

/// Most rows that can be asked for.
pub const ROWS_MAX: u64 = 1_000_000_000;
/// Procedures where nothing else is asked for: the web registrations and changes of withdrawal accounts that au Kabucom
/// had to examine in September 2020.
pub const PROCEDURES: u32 = 10_005;
/// Most procedures that can be asked for.
pub const PROCEDURES_MAX: u32 = 1_000_000;
/// The folder of history inside the output folder.
pub const HISTORY_FOLDER: &str = "history";
/// The file of procedures inside the output folder: `id,customer,time,kind,ip,device,asn,country`.
pub const PROCEDURES_FILE: &str = "procedures.csv";

/// Rows between two looks at the request to stop.
const BATCH_ROWS: usize = 1 << 15;
/// Makes the hashes of made bank accounts; there is nothing to protect.
const ACCOUNT_SECRET: &[u8] = b"benchmark data names no real account";

/// What to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkOptions {
    /// Rows of history, exactly. There is a customer for every 200.
    pub rows: u64,
    /// How the rows lie, over all files together.
    pub order: Order,
    /// The same seed gives the same rows in either order.
    pub seed: u64,
    /// Procedures to examine, in the last 77 days; they are rows of the history too.
    pub procedures: u32,
}

impl BulkOptions {
    /// So many rows with the usual number of procedures.
    #[must_use]
    pub const fn new(rows: u64, order: Order) -> Self {
        Self { rows, order, seed: 1, procedures: PROCEDURES }
    }
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkSummary {
    /// Rows of history.
    pub rows: u64,
    /// Customers, active or not.
    pub customers: u64,
    /// Procedures in [`PROCEDURES_FILE`].
    pub procedures: u64,
    /// The files of history, in the order of their rows.
    pub files: Vec<PathBuf>,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// The number of rows or procedures is out of range.
    #[error("{what}: came {came}; allowed: {allowed}")]
    Option {
        /// The option.
        what: &'static str,
        /// What came.
        came: u64,
        /// What is allowed.
        allowed: String,
    },
    /// There is something already where the data should go.
    #[error("{0}: exists already; name another folder, or remove this one first")]
    Occupied(PathBuf),
    /// The history could not be written.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The procedures could not be written.
    #[error("{path}: writing failed")]
    Procedures {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: csv::Error,
    },
    /// A made event breaks the rules of events: a fault of this program.
    #[error("a made event is not valid")]
    Event(#[from] model::Invalid),
}

impl BulkError {
    fn rows(came: u64) -> Self {
        Self::Option { what: "rows", came, allowed: format!("at most {ROWS_MAX}") }
    }
}

/// Makes a history in `out/history` and the procedures to examine in `out/procedures.csv`. `watch` counts rows.
/// Nothing appears before all is written, the procedures last.
///
/// # Errors
/// Numbers out of range, an output that exists already, a disk that is full, or a request to stop.
pub fn write(options: &BulkOptions, out: &Path, watch: &Watch) -> Result<BulkSummary, BulkError> {
    let history_folder = out.join(HISTORY_FOLDER);
    for place in [history_folder.clone(), out.join(PROCEDURES_FILE)] {
        if place.exists() {
            return Err(BulkError::Occupied(place));
        }
    }
    let plan = Plan::new(options)?;
    watch.expect(options.rows);
    let staging = Staging::begin(out)?;
    let mut maker = EventMaker::new(&plan.people)?;
    write_procedures(&staging.path(PROCEDURES_FILE), &plan.procedures.examined, &mut maker)?;

    let mut writer = HistoryWriter::begin(&history_folder, options.order)?;
    let mut buffer = RowBuffer::new(AccountHasher::with_secret(ACCOUNT_SECRET));
    let full = |buffer: &mut RowBuffer, writer: &mut HistoryWriter| -> Result<(), BulkError> {
        let rows = u64::try_from(buffer.len()).unwrap_or(0);
        writer.push(buffer.finish().map_err(HistoryError::arrow(&history_folder))?, watch)?;
        watch.advance(rows);
        watch.count(rows, 0);
        Ok(())
    };
    plan.each(options.order, &mut |accesses| {
        for access in accesses {
            let (event, recorded) = maker.event(access)?;
            buffer.push(&event, recorded);
            if buffer.len() >= BATCH_ROWS {
                full(&mut buffer, &mut writer)?;
            }
        }
        Ok(())
    })?;
    full(&mut buffer, &mut writer)?;
    let written = writer.finish()?;
    staging.publish(None)?;
    Ok(BulkSummary {
        rows: written.rows,
        customers: people::customers(options.rows),
        procedures: u64::try_from(plan.procedures.examined.len()).unwrap_or(0),
        files: written.files,
        bytes: written.bytes,
    })
}

/// Everything that rows are made of.
struct Plan {
    people: Vec<Person>,
    sessions: Sessions,
    procedures: Procedures,
}

impl Plan {
    fn new(options: &BulkOptions) -> Result<Self, BulkError> {
        let BulkOptions { rows, seed, procedures, .. } = *options;
        if rows > ROWS_MAX {
            return Err(BulkError::rows(rows));
        }
        if procedures > PROCEDURES_MAX {
            let allowed = format!("at most {PROCEDURES_MAX}");
            return Err(BulkError::Option { what: "procedures", came: procedures.into(), allowed });
        }
        let mut people = people::people(rows, seed)?;
        let places = Places::for_customers(people::customers(rows));
        let procedures = if people.len() > 1 {
            procedures::procedures(procedures, seed, &people, &places, rows)
        } else {
            Procedures::default()
        };
        let taken = u64::try_from(procedures.rows.len()).unwrap_or(u64::MAX);
        if people.len() < 2 || taken > rows / 2 {
            let allowed = format!("at least {} with this number of procedures", (taken * 2).max(1_000));
            return Err(BulkError::Option { what: "rows", came: rows, allowed });
        }
        people::share_out(&mut people, rows - taken);
        Ok(Self { people, sessions: Sessions::new(places), procedures })
    }

    /// Gives all accesses in order, some at a time.
    fn each(
        &self,
        order: Order,
        take: &mut dyn FnMut(&[Access]) -> Result<(), BulkError>,
    ) -> Result<(), BulkError> {
        match order {
            Order::Time => self.each_day(take),
            Order::Customer => self.each_customer(take),
        }
    }

    fn each_customer(
        &self,
        take: &mut dyn FnMut(&[Access]) -> Result<(), BulkError>,
    ) -> Result<(), BulkError> {
        let mut procedures = self.procedures.rows.clone();
        procedures.sort_by_key(|access| access.person);
        let mut procedures = procedures.into_iter().peekable();
        let mut accesses = Vec::new();
        for (index, person) in self.people.iter().enumerate() {
            accesses.clear();
            for session in 0..person.sessions() {
                self.sessions.append(index, person, session, &mut accesses);
            }
            while let Some(access) = procedures.next_if(|access| access.person == index) {
                accesses.push(access);
            }
            accesses.sort_unstable_by_key(Access::by_time);
            take(&accesses)?;
        }
        Ok(())
    }

    fn each_day(&self, take: &mut dyn FnMut(&[Access]) -> Result<(), BulkError>) -> Result<(), BulkError> {
        // Of everybody: the next session and its day.
        let next_day = |person: &Person, session: u32| {
            if session < person.sessions() { self.sessions.day(person, session) } else { u32::MAX }
        };
        let mut next: Vec<(u32, u32)> = self.people.iter().map(|person| (0, next_day(person, 0))).collect();
        let mut procedures = self.procedures.rows.iter().peekable();
        let mut accesses = Vec::new();
        for day in 0..DAYS {
            accesses.clear();
            for ((index, person), (session, session_day)) in self.people.iter().enumerate().zip(&mut next) {
                while *session_day == day {
                    self.sessions.append(index, person, *session, &mut accesses);
                    *session += 1;
                    *session_day = next_day(person, *session);
                }
            }
            let end_us = START_US + (i64::from(day) + 1) * model::time::DAY_US;
            while let Some(access) = procedures.next_if(|access| access.time_us < end_us) {
                accesses.push(*access);
            }
            accesses.sort_unstable_by_key(Access::by_time);
            take(&accesses)?;
        }
        Ok(())
    }
}

fn write_procedures(path: &Path, procedures: &[Access], maker: &mut EventMaker<'_>) -> Result<(), BulkError> {
    let failed = |source| BulkError::Procedures { path: path.to_owned(), source };
    let mut file = csv::Writer::from_path(path).map_err(failed)?;
    file.write_record(["id", "customer", "time", "kind", "ip", "device", "asn", "country"])
        .map_err(failed)?;
    for access in procedures {
        let (event, recorded) = maker.event(access)?;
        let text = |value: Option<String>| value.unwrap_or_default();
        file.write_record([
            event.id.to_string(),
            text(event.customer.map(|customer| customer.to_string())),
            event.time.to_string(),
            event.kind.to_string(),
            text(event.client.ip.map(|ip| ip.to_string())),
            text(event.client.device.map(|device| device.to_string())),
            text(recorded.asn.map(|asn| asn.to_string())),
            text(recorded.country.and_then(|country| String::from_utf8(country.to_vec()).ok())),
        ])
        .map_err(failed)?;
    }
    file.flush().map_err(|source| failed(source.into()))
}
