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
                customer: Some(format!("L{customer:08}").parse()?),
                channel: Some(Channel::Web),
                client: Client {
                    ip: Some(Address::from(Ipv4Addr::new(10, octet(0), octet(1), octet(2)))),
                    user_agent: agents
                        .iter()
                        .cycle()
                        .nth(usize::try_from(customer % 4).unwrap_or(0))
                        .cloned(),
                    device: Some(format!("ld-{customer:08}").parse()?),
                    ja4: None,
                    session: Some(format!("ps-{login}-{customer}").parse()?),
                    language: Some("ja".parse()?),
                },
                credential: Some(Credential::Correct),
                factor: Some(Factor::None),
                ..Event::bare(
                    format!("past-{login}-{customer}").parse()?,
                    first.plus_us(step_us.saturating_mul(i64::from(customer))),
                    EventKind::Login,
                    Outcome::Succeeded,
                )
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

#[cfg(test)]
mod tests {
    use history::Watch;
    use history::events::{self, Told};
    use history::files::open_all;
    use model::{Event, Time};

    use super::{DAYS_BETWEEN, write_past};
    use crate::load::requests::octets;

    fn read(folder: &std::path::Path) -> Vec<Event> {
        let mut events = Vec::new();
        for file in open_all(&[folder.to_owned()]).unwrap() {
            events::read::<history::HistoryError>(&file, &Watch::default(), |told| {
                let Ok(Told { event, .. }) = told else { panic!("a row is no event") };
                events.push(event);
                Ok(())
            })
            .unwrap();
        }
        events
    }

    /// Every customer of the load is there as often as was asked for, at home, with one device, before `until`.
    #[test]
    fn every_customer_has_signed_in_from_home() {
        let folder = tempfile::tempdir().unwrap();
        let until: Time = "2026-01-05T00:00:00Z".parse().unwrap();
        let watch = Watch::default();
        let (customers, logins) = (300, 3);
        let written = write_past(customers, logins, until, &folder.path().join("past"), &watch).unwrap();
        assert_eq!((written, watch.read().done), (900, 900));
        let events = read(folder.path());
        assert_eq!(events.len(), 900);
        assert!(events.is_sorted_by_key(|event| event.time), "in order of time");
        let longest_us = i64::from(logins) * DAYS_BETWEEN * model::time::DAY_US;
        for customer in 0..customers {
            let id = format!("L{customer:08}");
            let own: Vec<&Event> =
                events.iter().filter(|event| event.customer.as_ref().unwrap().as_str() == id).collect();
            assert_eq!(own.len(), 3, "{id}");
            let [one, two, three] = octets(u64::from(customer));
            let home = format!("10.{one}.{two}.{three}");
            for event in own {
                assert_eq!(event.client.ip.unwrap().to_string(), home);
                assert_eq!(event.client.device.as_ref().unwrap().as_str(), format!("ld-{customer:08}"));
                assert!(event.time < until && event.time.as_us() >= until.as_us() - longest_us);
            }
        }
        assert!(
            write_past(1, 1, until, &folder.path().join("stopped"), &{
                let stopped = Watch::default();
                stopped.stop();
                stopped
            })
            .is_err()
        );
        assert_eq!(read(folder.path()).len(), 900, "what was stopped leaves nothing");
    }
}
