//! The public data set for risk-based authentication: Wiefling, Jørgensen, Thunem, Lo Iacono, "Pump Up Password Security!",
//! ACM TOPS 2022 (CC BY 4.0). Its 16 columns; times are UTC. Must not know scores.
//!
//! Region, city, the parsed user agent and the round-trip time are left out: history has no place for them.

use jiff::tz::TimeZone;
use model::{Event, EventKind, Outcome};

use super::blocks::Shape;
use super::cells::Cells;
use super::clock::Clock;
use super::csv::Header;
use super::parser::{Fate, Out, Parser, Record, Refusal, customer, reason_text};
use super::table::{asn, country};
use crate::HistoryError;
use crate::rows::Recorded;

const DELIMITER: u8 = b',';
const QUOTE: u8 = b'"';

/// The columns used, by name; the others of the 16 are left out.
const USED: [&str; 10] = [
    "index",
    "Login Timestamp",
    "User ID",
    "IP Address",
    "Country",
    "ASN",
    "User Agent String",
    "Login Successful",
    "Is Attack IP",
    "Is Account Takeover",
];

/// Whether a line is the data set's header.
pub(crate) fn is_header(line: &str) -> bool {
    let mut cells = Cells::default();
    cells.split(line, DELIMITER, QUOTE);
    USED.iter().all(|name| cells.iter().any(|cell| cell == *name))
}

/// The parser of `rba`.
pub(crate) struct Rba {
    header: Header,
    places: [usize; 10],
    clock: Clock,
}

impl Rba {
    pub(crate) fn new(head: &[u8]) -> Result<Self, HistoryError> {
        let header = Header::read(head, DELIMITER, QUOTE)?;
        let mut places = [0; 10];
        for (place, name) in places.iter_mut().zip(USED) {
            *place = header.names.iter().position(|each| each == name).ok_or_else(|| {
                HistoryError::Usage(format!(
                    "column {name:?} is missing, so this is not the RBA data set's CSV"
                ))
            })?;
        }
        Ok(Self { header, places, clock: Clock::iso(Some(TimeZone::UTC)) })
    }

    fn event(&self, cells: &Cells, out: &mut Out<'_>) -> Result<(Event, Recorded), Refusal> {
        let [index, time, user, ip, country_code, number, agent, success, attack, takeover] =
            self.places.map(|place| cells.get(place).unwrap_or(""));
        let outcome = if truth("Login Successful", success)? { Outcome::Succeeded } else { Outcome::Failed };
        let id = format!("rba-{index}").parse()?;
        let mut event = Event::bare(id, self.clock.read(time)?, EventKind::Login, outcome);
        event.customer = Some(customer(user)?);
        event.client.ip = Some(ip.parse()?);
        event.client.user_agent = out.user_agent(agent);
        event.reason = match (truth("Is Attack IP", attack)?, truth("Is Account Takeover", takeover)?) {
            (false, false) => None,
            (true, false) => reason_text("attack_ip"),
            (false, true) => reason_text("account_takeover"),
            (true, true) => reason_text("attack_ip,account_takeover"),
        };
        Ok((event, Recorded { country: country(country_code)?, asn: asn(number)? }))
    }
}

fn truth(column: &str, cell: &str) -> Result<bool, Refusal> {
    match cell {
        "True" | "true" | "1" => Ok(true),
        "False" | "false" | "0" => Ok(false),
        other => Err(model::Invalid::value(column, other, "True or False").into()),
    }
}

impl Parser for Rba {
    fn shape(&self) -> Shape {
        Shape::Csv { delimiter: DELIMITER, quote: QUOTE }
    }

    fn record(&self, record: &Record<'_>, out: &mut Out<'_>) -> Result<Fate, Refusal> {
        let text = record.text()?;
        if self.header.is(text) {
            return Ok(Fate::ignored("header"));
        }
        let mut cells = std::mem::take(&mut out.cells);
        cells.split(text, DELIMITER, QUOTE);
        let event = self.header.check(&cells).and_then(|()| self.event(&cells, out));
        out.cells = cells;
        let (event, recorded) = event?;
        out.push(&event, recorded);
        Ok(Fate::Rows)
    }
}
