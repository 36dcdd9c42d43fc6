//! A past for the load's customers: history in which each of them signs in from home now and then, so that a server can know
//! them before it is asked. Must not know requests.

use std::net::Ipv4Addr;
use std::path::Path;

use history::rows::{AccountHasher, Recorded, RowBuffer};
use history::writer::{HistoryWriter, Order};
use history::{HistoryError, Watch};
use model::time::DAY_US;
use model::{Address, Channel, Client, Credential, Event, EventKind, Factor, Invalid, Outcome, Time};

use super::requests::{AGENTS, octets};

/// Days between two logins of a customer.
const DAYS_BETWEEN: i64 = 28;
const BATCH_ROWS: usize = 1 << 15;

/// Why there is no past.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// It could not be written.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// A made event breaks the rules of events: a fault of this program.
    #[error("a made event is not valid")]
    Event(#[from] Invalid),
}

/// Writes `logins` logins of each of so many customers into the folder `out`, in order of time, one every 28 days and the last
/// within 28 days before `until`. Gives their number. `watch` counts them.
///
/// # Errors
/// The history cannot be written, or a request to stop.
pub fn write_past(
    customers: u32,
    logins: u32,
    until: Time,
    out: &Path,
    watch: &Watch,
) -> Result<u64, PastError> {
    watch.expect(u64::from(customers).saturating_mul(u64::from(logins)));
    let agents = AGENTS.iter().map(|agent| agent.parse()).collect::<Result<Vec<_>, Invalid>>()?;
    let mut writer = HistoryWriter::begin(out, Order::Time)?;
    let mut buffer = RowBuffer::new(AccountHasher::none());
    let span_us = DAYS_BETWEEN * DAY_US;
    let step_us = span_us / i64::from(customers.max(1));
    for login in 0..logins {
        let first = until.plus_us(-i64::from(logins.saturating_sub(login)).saturating_mul(span_us));
        for customer in 0..customers {
            let octet = |place: usize| octets(u64::from(customer)).get(place).copied().unwrap_or(0);
            let event = Event {
                id: format!("past-{login}-{customer}").parse()?,
                time: first.plus_us(step_us.saturating_mul(i64::from(customer))),
                kind: EventKind::Login,
                customer: Some(format!("L{customer:08}").parse()?),
                channel: Some(Channel::Web),
                client: Client {
                    ip: Some(Address::from(Ipv4Addr::new(10, octet(0), octet(1), octet(2)))),
                    user_agent: agents.iter().cycle().nth(usize::try_from(customer % 4).unwrap_or(0)).cloned(),
                    device: Some(format!("ld-{customer:08}").parse()?),
                    ja4: None,
                    session: Some(format!("ps-{login}-{customer}").parse()?),
                    language: Some("ja".parse()?),
                },
                outcome: Outcome::Succeeded,
                reason: None,
                credential: Some(Credential::Correct),
                factor: Some(Factor::None),
                username_hash: None,
                amount: None,
                balance_share: None,
                bank_account: None,
                contact: None,
                order: None,
                payment: None,
            };
            buffer.push(&event, Recorded::default());
            if buffer.len() >= BATCH_ROWS {
                push(&mut buffer, &mut writer, out, watch)?;
            }
        }
    }
    push(&mut buffer, &mut writer, out, watch)?;
    Ok(writer.finish()?.rows)
}

fn push(
    buffer: &mut RowBuffer,
    writer: &mut HistoryWriter,
    out: &Path,
    watch: &Watch,
) -> Result<(), HistoryError> {
    watch.check()?;
    let rows = u64::try_from(buffer.len()).unwrap_or(0);
    writer.push(buffer.finish().map_err(HistoryError::arrow(out))?, watch)?;
    watch.advance(rows);
    Ok(())
}
