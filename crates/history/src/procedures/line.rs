//! One line of a file of procedures. Must not know the file, its limits or other lines.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use model::{Event, Invalid, Procedure};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Examined;
use crate::import::blocks::Shape;
use crate::import::cells::Cells;
use crate::import::clock::Clock;
use crate::import::csv::Header;
use crate::import::parser::Refusal;
use crate::import::table::{asn, country};
use crate::rows::Recorded;

/// The names that are read; the first four are needed.
const FIELDS: [&str; 8] = ["id", "customer", "time", "kind", "ip", "device", "asn", "country"];
const FIELDS_NEEDED: usize = 4;
const QUOTE: u8 = b'"';
/// Names of unused fields kept for the note.
const UNUSED_MAX: usize = 20;

/// Reads lines of one file.
pub(super) struct Reader {
    clock: Clock,
    form: Form,
    /// Names of fields and columns that are not used.
    unused: BTreeSet<String>,
}

enum Form {
    Ndjson,
    Csv(Box<CsvForm>),
}

struct CsvForm {
    header: Header,
    delimiter: u8,
    /// The column of each of [`FIELDS`].
    places: [Option<usize>; FIELDS.len()],
    cells: Cells,
}

impl Reader {
    /// Tells NDJSON from CSV by the first bytes, and reads CSV's header.
    pub(super) fn new(head: &[u8], timezone: Option<TimeZone>) -> Result<Self, String> {
        let clock = Clock::iso(timezone);
        let mut unused = BTreeSet::new();
        let form = match head.trim_ascii_start().first() {
            None | Some(b'{') => Form::Ndjson,
            Some(b'[') => return Err("is one JSON array; write one object a line (jq -c '.[]')".to_owned()),
            Some(_) => csv_form(head, &mut unused)?,
        };
        Ok(Self { clock, form, unused })
    }

    pub(super) fn shape(&self) -> Shape {
        match &self.form {
            Form::Ndjson => Shape::Lines,
            Form::Csv(csv) => Shape::Csv { delimiter: csv.delimiter, quote: QUOTE },
        }
    }

    /// The procedure of a line; `None` for a header.
    pub(super) fn read(&mut self, line: &[u8]) -> Result<Option<Examined>, Refusal> {
        match &mut self.form {
            Form::Ndjson => json_line(line, &self.clock, &mut self.unused).map(Some),
            Form::Csv(csv) => {
                let CsvForm { header, delimiter, places, cells } = &mut **csv;
                let text =
                    std::str::from_utf8(line).map_err(|_other| Refusal::line("not UTF-8", "not UTF-8"))?;
                if header.is(text) {
                    return Ok(None);
                }
                cells.split(text, *delimiter, QUOTE);
                header.check(cells)?;
                let values = places.map(|place| place.and_then(|place| cells.get(place)).map(Cow::Borrowed));
                procedure(values, &self.clock).map(Some)
            }
        }
    }

    /// A sentence about fields that were not used.
    pub(super) fn note(&self) -> Option<String> {
        if self.unused.is_empty() {
            return None;
        }
        let names: Vec<_> = self.unused.iter().map(String::as_str).collect();
        Some(format!("not used: {}; used are {}", names.join(", "), FIELDS.join(", ")))
    }
}

/// Finds the header under the usual delimiters.
fn csv_form(head: &[u8], unused: &mut BTreeSet<String>) -> Result<Form, String> {
    for delimiter in [b',', b';', b'\t'] {
        let header = Header::read(head, delimiter, QUOTE).map_err(|error| error.to_string())?;
        let places = FIELDS.map(|field| header.names.iter().position(|name| name == field));
        if places.iter().take(FIELDS_NEEDED).any(Option::is_none) {
            continue;
        }
        let others = header.names.iter().filter(|name| !FIELDS.contains(&name.as_str()));
        unused.extend(others.take(UNUSED_MAX).cloned());
        return Ok(Form::Csv(Box::new(CsvForm { header, delimiter, places, cells: Cells::default() })));
    }
    let first = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
    let came: String = String::from_utf8_lossy(first.unwrap_or(&[])).chars().take(80).collect();
    Err(format!(
        "neither JSON lines nor CSV with a header: came {came:?}; allowed: a header with at least id, customer, time and \
         kind, and optionally ip, device, asn, country; delimiter `,` `;` or tab"
    ))
}

/// A flat object; whole events are told by `client` or `outcome`.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Flat<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    customer: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    time: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    ip: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    device: Option<Cow<'a, str>>,
    #[serde(default)]
    asn: Option<Number>,
    #[serde(borrow, default)]
    country: Option<Cow<'a, str>>,
    #[serde(default)]
    client: Option<IgnoredAny>,
    #[serde(default)]
    outcome: Option<IgnoredAny>,
    #[serde(flatten)]
    others: std::collections::BTreeMap<String, IgnoredAny>,
}

/// A number, or its digits as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(u64),
    Text(String),
}

fn json_line(line: &[u8], clock: &Clock, unused: &mut BTreeSet<String>) -> Result<Examined, Refusal> {
    let flat: Flat<'_> = serde_json::from_slice(line)
        .map_err(|error| Invalid::new(".", format!("not a JSON object: {error}")))?;
    if flat.client.is_some() || flat.outcome.is_some() {
        return Ok(from_event(Event::from_json(line)?)?);
    }
    for name in flat.others.into_keys() {
        if unused.len() < UNUSED_MAX {
            unused.insert(name.chars().take(80).collect());
        }
    }
    let asn = flat.asn.map(|number| match number {
        Number::Number(number) => Cow::Owned(number.to_string()),
        Number::Text(text) => Cow::Owned(text),
    });
    procedure([flat.id, flat.customer, flat.time, flat.kind, flat.ip, flat.device, asn, flat.country], clock)
}

fn from_event(event: Event) -> Result<Examined, Invalid> {
    let Some(customer) = event.customer else {
        return Err(Invalid::new("customer", "absent; a procedure names its customer"));
    };
    let procedure = Procedure {
        id: event.id,
        customer,
        time: event.time,
        kind: event.kind,
        ip: event.client.ip,
        device: event.client.device,
    };
    Ok(Examined { procedure, recorded: Recorded::default() })
}

/// The values in the order of [`FIELDS`].
fn procedure(values: [Option<Cow<'_, str>>; FIELDS.len()], clock: &Clock) -> Result<Examined, Refusal> {
    let [id, customer, time, kind, ip, device, number, code] =
        values.map(|value| value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()));
    let needed = |value: Option<String>, field: &str| {
        value.ok_or_else(|| Invalid::new(field, "absent; every procedure has id, customer, time and kind"))
    };
    let procedure = Procedure {
        id: needed(id, "id")?.parse()?,
        customer: needed(customer, "customer")?.parse()?,
        time: clock.read(&needed(time, "time")?)?,
        kind: needed(kind, "kind")?.parse()?,
        ip: ip.map(|ip| ip.parse()).transpose()?,
        device: device.map(|device| device.parse()).transpose()?,
    };
    let recorded = Recorded {
        country: code.map(|code| country(&code)).transpose()?.flatten(),
        asn: number.map(|number| asn(&number)).transpose()?.flatten(),
    };
    Ok(Examined { procedure, recorded })
}
