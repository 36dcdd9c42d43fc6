//! The log of an OpenSSH server as syslog or journald writes it: who tried to sign in, from where, and whether it worked.
//! Must not know other programs: their lines are ignored.
//!
//! User name = customer. A name the server does not know is a login that names nobody: only a hash of the name is kept,
//! because people type passwords there. Wording as in OpenSSH's `auth.c` (`auth_log`), 3.0 to 10.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use model::{Address, Credential, CustomerId, Event, EventKind, Invalid, Outcome, Time};

use super::clock::Clock;
use super::combined::{digits, month};
use super::parser::{Fate, Out, Parser, Record, Refusal, customer, reason_text, username_hash};
use crate::rows::Recorded;

/// Repetitions accepted from one line "message repeated N times"; rsyslog writes one at the latest after some minutes.
const REPETITIONS_MAX: u32 = 10_000;

/// The parser of `sshd`.
pub(crate) struct Sshd {
    year: Option<i16>,
    clock: Clock,
}

impl Sshd {
    pub(crate) const fn new(year: Option<i16>, zone: Option<TimeZone>) -> Self {
        Self { year, clock: Clock::iso(zone) }
    }

    fn time(&self, stamp: &Stamp<'_>, calendar: Calendar) -> Result<Time, Refusal> {
        let (day, clock, text) = match stamp {
            Stamp::Iso(text) => return self.clock.read(text),
            Stamp::Classic { day, clock, text } => (*day, *clock, *text),
        };
        if self.year.is_none() {
            let problem = format!(
                "the time {text:?} has no year; say in which year the first line of each file lies: --year 2023"
            );
            return Err(Refusal::Run(problem));
        }
        let local = || {
            let mut clock = clock.split(':');
            let mut part = || i8::try_from(digits(clock.next()?)?).ok();
            let (hour, minute, second) = (part()?, part()?, part()?);
            let day = i8::try_from(digits(day)?).ok()?;
            DateTime::new(calendar.year, calendar.month, day, hour, minute, second.min(59), 0).ok()
        };
        let allowed =
            format!("a time of syslog such as Dec 10 06:55:46, and a day that {} has", calendar.year);
        self.clock.local(local().ok_or_else(|| Invalid::value("time", text, &allowed))?, text)
    }
}

/// Where the lines of a log without years are: moves on to the next year when months fall back by half a year or more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Calendar {
    year: i16,
    /// 0 before the first line.
    month: i8,
    /// The year has changed in this file, so a late December belongs to the year before.
    turned: bool,
}

impl Calendar {
    pub(crate) fn new(year: i16) -> Self {
        Self { year, month: 0, turned: false }
    }

    /// The calendar at the line `line`, given the one at the line before it.
    pub(crate) fn follow(self, line: &[u8]) -> Self {
        let name = line.get(..3).and_then(|name| std::str::from_utf8(name).ok());
        let Some(month) = name.and_then(month) else { return self };
        if self.month - month >= 6 {
            return Self { year: self.year.saturating_add(1), month, turned: true };
        }
        // December's last lines may be written after January's first ones.
        if self.turned && self.month == 1 && month == 12 {
            return Self { year: self.year.saturating_sub(1), month, turned: false };
        }
        Self { month, ..self }
    }
}

/// The time at the beginning of a line.
enum Stamp<'a> {
    /// `Dec 10 06:55:46`.
    Classic { day: &'a str, clock: &'a str, text: &'a str },
    /// ISO 8601.
    Iso(&'a str),
}

/// Splits a line into time, program and message.
fn syslog(line: &str) -> Option<(Stamp<'_>, &str, &str)> {
    let (stamp, rest) = if line.bytes().next()?.is_ascii_digit() {
        let (time, rest) = line.split_once(' ')?;
        (time.contains('T').then_some(Stamp::Iso(time))?, rest)
    } else {
        let (name, rest) = line.split_once(' ')?;
        month(name)?;
        let (day, rest) = rest.trim_start().split_once(' ')?;
        let (clock, rest) = rest.split_once(' ')?;
        let text = line.get(..line.len().checked_sub(rest.len() + 1)?)?;
        (Stamp::Classic { day, clock, text }, rest)
    };
    let (_host, rest) = rest.split_once(' ')?;
    let (tag, message) = rest.split_once(": ").or_else(|| rest.strip_suffix(':').map(|tag| (tag, "")))?;
    let program = tag.split_once('[').map_or(tag, |(program, _)| program);
    Some((stamp, program, message))
}

/// Since OpenSSH 9.8 sessions are a program of their own.
fn is_sshd_program(program: &str) -> bool {
    matches!(program, "sshd" | "sshd-session" | "sshd-auth")
}

/// Whether a line is one of an OpenSSH server.
pub(crate) fn is_sshd(line: &str) -> bool {
    syslog(line).is_some_and(|(_, program, _)| is_sshd_program(program))
}

/// One line's sign-in.
#[derive(Debug, PartialEq, Eq)]
struct Attempt<'a> {
    accepted: bool,
    method: &'a str,
    user: &'a str,
    known: bool,
    address: &'a str,
}

impl<'a> Attempt<'a> {
    /// `Failed|Accepted METHOD for [invalid user ]USER from ADDRESS port N …`.
    fn parse(message: &'a str) -> Option<Self> {
        let (verb, rest) = message.split_once(' ')?;
        let accepted = match verb {
            "Accepted" => true,
            "Failed" => false,
            _ => return None,
        };
        let (method, rest) = rest.split_once(" for ")?;
        if method.contains(' ') {
            return None;
        }
        let unknown = rest.strip_prefix("invalid user ").or_else(|| rest.strip_prefix("illegal user "));
        // Anyone may put " from " into a name that nobody has; the server's own comes last. Behind the address of a
        // known user, a certificate's name may hold anything; the server's own comes first.
        let (user, origin) = match unknown {
            Some(rest) => rest.rsplit_once(" from ")?,
            None => rest.split_once(" from ")?,
        };
        let (address, port) = origin.split_once(" port ")?;
        port.bytes().next().filter(u8::is_ascii_digit)?;
        Some(Self { accepted, method, user, known: unknown.is_none(), address })
    }
}

/// The message that was repeated, and how often this line says it came.
fn repeated(message: &str) -> Result<(&str, Option<u32>), Refusal> {
    let inside = message.strip_prefix("message repeated ").and_then(|rest| rest.split_once(" times: ["));
    let Some((times, inside)) = inside else { return Ok((message, None)) };
    let allowed = format!("1 to {REPETITIONS_MAX} repetitions");
    let count = times.parse::<u32>().ok().filter(|count| (1..=REPETITIONS_MAX).contains(count));
    let count = count.ok_or_else(|| Invalid::value("message repeated", times, &allowed))?;
    Ok((inside.strip_suffix(']').unwrap_or(inside).trim(), Some(count)))
}

impl Parser for Sshd {
    fn calendar(&self) -> Option<Calendar> {
        Some(Calendar::new(self.year.unwrap_or_default()))
    }

    fn record(&self, record: &Record<'_>, out: &mut Out<'_>) -> Result<Fate, Refusal> {
        let Some((stamp, program, message)) = syslog(record.text()?) else {
            let shape = "not a line of syslog: time host program[pid]: message";
            return Err(Refusal::line("not a syslog line", shape));
        };
        if !is_sshd_program(program) {
            return Ok(Fate::ignored("another program's line"));
        }
        let (message, count) = repeated(message)?;
        let Some(attempt) = Attempt::parse(message) else { return Ok(Fate::ignored("no sign-in")) };
        if attempt.method == "none" {
            return Ok(Fate::ignored("Failed none: asked for the methods, tried no credential"));
        }
        let Ok(ip) = attempt.address.parse::<Address>() else {
            return Ok(Fate::ignored("a host's name instead of its address (UseDNS)"));
        };
        let time = self.time(&stamp, record.calendar)?;
        let who: Option<CustomerId> = attempt.known.then(|| customer(attempt.user)).transpose()?;
        let outcome = if attempt.accepted { Outcome::Succeeded } else { Outcome::Failed };
        for row in 1..=u64::from(count.unwrap_or(1)) {
            let id = out.made_id(record.line, count.map(|_| row))?;
            let mut event = Event::bare(id, time, EventKind::Login, outcome);
            event.customer.clone_from(&who);
            event.client.ip = Some(ip);
            event.credential = credential(&attempt);
            event.reason = reason_text(attempt.method);
            event.username_hash = if attempt.known { None } else { username_hash(attempt.user.as_bytes()) };
            out.push(&event, Recorded::default());
        }
        Ok(Fate::Rows)
    }
}

/// What the verifier said, for methods that check a password.
fn credential(attempt: &Attempt<'_>) -> Option<Credential> {
    if !attempt.known {
        return Some(Credential::UnknownUser);
    }
    let password = attempt.method == "password" || attempt.method.starts_with("keyboard-interactive");
    password.then_some(if attempt.accepted { Credential::Correct } else { Credential::Wrong })
}

#[cfg(test)]
mod tests {
    use super::{Attempt, Calendar, repeated, syslog};

    #[test]
    fn hostile_user_names_do_not_move_the_address() {
        let parse = |text: &'static str| {
            Attempt::parse(text).map(|attempt| (attempt.user, attempt.address, attempt.known, attempt.method))
        };
        assert_eq!(
            parse("Failed password for invalid user  0101 from 192.0.2.7 port 1 ssh2"),
            Some((" 0101", "192.0.2.7", false, "password"))
        );
        assert_eq!(
            parse("Failed password for invalid user  from 192.0.2.7 port 1 ssh2"),
            Some(("", "192.0.2.7", false, "password"))
        );
        assert_eq!(
            parse(
                "Failed password for invalid user x from 198.51.100.1 port 2 ssh2 from 192.0.2.7 port 1 ssh2"
            ),
            Some(("x from 198.51.100.1 port 2 ssh2", "192.0.2.7", false, "password"))
        );
        assert_eq!(
            parse(
                "Accepted publickey for root from 192.0.2.7 port 1 ssh2: ED25519-CERT ID x from 198.51.100.1 port 2"
            ),
            Some(("root", "192.0.2.7", true, "publickey"))
        );
        for other in [
            "Invalid user a from 192.0.2.7",
            "Failed password",
            "Accepted",
            "Failed to x for a from b port c",
            "",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn lines_of_syslog_and_journald() {
        let split = |line: &'static str| syslog(line).map(|(_, program, message)| (program, message));
        assert_eq!(split("Dec 10 06:55:46 host sshd[1]: a: b"), Some(("sshd", "a: b")));
        assert_eq!(split("Dec  1 06:55:46 host sshd: x"), Some(("sshd", "x")));
        assert_eq!(
            split("2023-12-10T06:55:46.123456+09:00 host sshd-session[9]: x"),
            Some(("sshd-session", "x"))
        );
        for other in
            ["", "Dec", "Dec 10", "Foo 10 06:55:46 host sshd[1]: x", "2023-12-10 06:55:46 host sshd[1]: x"]
        {
            assert_eq!(split(other), None, "{other}");
        }
    }

    #[test]
    fn years_turn_once_and_late_lines_stay_behind() {
        let lines = [
            "Nov 30", "Dec 31", "Jan  1", "Dec 31", "Jan  1", "Feb  2", "Jan 31", "Dec 31", "noise", "Mar  1",
        ];
        let mut calendar = Calendar::new(2023);
        let years: Vec<i16> = lines
            .iter()
            .map(|line| {
                calendar = calendar.follow(line.as_bytes());
                calendar.year
            })
            .collect();
        assert_eq!(years, [2023, 2023, 2024, 2023, 2024, 2024, 2024, 2023, 2023, 2024]);
    }

    #[test]
    fn repetitions_are_counted_and_limited() {
        let line = "message repeated 5 times: [ Failed password for root from 192.0.2.7 port 1 ssh2]";
        assert_eq!(repeated(line).unwrap(), ("Failed password for root from 192.0.2.7 port 1 ssh2", Some(5)));
        assert_eq!(repeated("Failed x").unwrap(), ("Failed x", None));
        assert!(repeated("message repeated 4000000000 times: [ x]").is_err());
        assert!(repeated("message repeated 0 times: [ x]").is_err());
    }
}
