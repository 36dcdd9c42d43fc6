//! The demo's live part: a small brokerage's year told to a server as facts, and from 1 July on every procedure asked about, those of
//! the attackers among them. Must not know how anything is decided.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::{Context as _, anyhow};
use engine::{Policy, Verdict};
use intel::{Intel, IntelConfig};
use lab::replay::{Answered, Ask, Decided, Ids, Pace, Place, Reason, ReplayOptions};
use lab::simulate::{SimulateOptions, simulate};
use model::Event;
use model::time::HOUR_US;

use crate::own_server::{self, OwnServer};
use crate::session::{Session, Stopwatch};
use crate::{replay, say};

/// From here on is asked; the sweep examines the same span.
const ASK_FROM: &str = "2020-07-01T00:00:00+09:00";
/// Decisions told one by one.
const TOLD_MAX: u64 = 25;

/// What the live part needs to know.
pub(super) struct Live<'a> {
    pub(super) folder: &'a Path,
    pub(super) customers: u32,
    pub(super) seed: u64,
    pub(super) stay: bool,
}

/// Gives the exit code if it was stopped.
pub(super) fn run(live: &Live<'_>, session: &Session) -> anyhow::Result<Option<ExitCode>> {
    let timer = Stopwatch::start();
    let brokerage = live.folder.join("brokerage");
    let options =
        SimulateOptions { customers: live.customers, seed: live.seed, ..SimulateOptions::default() };
    session.watched("simulate", false, |watch| simulate(&options, &brokerage, watch))?;
    let truth = Truth::read(&brokerage.join("truth.csv"))?;
    // The server's own: it is given no other.
    let policy = Policy::compile(Policy::SHIPPED, 0).context("the shipped policy is refused")?;
    let intel = Intel::load(&IntelConfig::load(&brokerage.join("intel"))?)?;
    let data = live.folder.join("data");
    own_server::with(&data, own_server::usual_port(), intel, |server| {
        say::line(format!(
            "\nLive: a server at http://{}. The year of a brokerage with {} customers is told to it as facts; from 1 July on it is asked \
             about every procedure, before it is done. What it holds:\n",
            server.at,
            say::thousands(live.customers.into())
        ));
        let told = Mutex::new(Told { truth, policy, counts: [[0; 4]; 2], lines: 0 });
        let listener = |decided: &Decided<'_>| {
            if let Ok(mut told) = told.lock() {
                told.hear(decided);
            }
        };
        let options = ReplayOptions {
            paths: vec![brokerage.join("history")],
            pace: Pace::FlatOut,
            ask: Ask::Procedures,
            facts_until: Some(ASK_FROM.parse()?),
            ids: Ids::Own,
        };
        // One connection: everything in one order, so that every run decides the same.
        let place = Place::Remote { target: &server.target, key: &server.key, connections: 1 };
        let summary = replay::watched(&options, &place, session, &listener)?;
        if summary.stopped {
            say::note("stopped on request");
            return Ok(Some(ExitCode::from(say::STOPPED)));
        }
        told.into_inner().map_err(|_broken| anyhow!("counting decisions broke"))?.finish();
        say::line(format!(
            "\n{} facts and {} questions in {:.1} s, every one durable before it was answered.",
            say::thousands(summary.facts),
            say::thousands(summary.asked),
            timer.seconds()
        ));
        point(live, server, &data)?;
        if live.stay {
            say::note(format!("the server stays at http://{}; Ctrl-C ends it", server.at));
            session.wait_for_stop();
        }
        Ok(None)
    })
}

/// Says where to look, and how to ask oneself.
fn point(live: &Live<'_>, server: &OwnServer, data: &Path) -> anyhow::Result<()> {
    let key = live.folder.join("key-header");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&key)?;
    writeln!(file, "Authorization: Bearer {}", server.key)?;
    let address = server.at;
    if !live.stay {
        // What it knows is of 2020, and so are the questions.
        say::line(format!(
            "Its data folder: {0}. Start it again:\n  sekisho serve --data {0} --intel {1} --ask-days 0 --listen {address}",
            data.display(),
            live.folder.join("brokerage/intel").display()
        ));
    }
    let key = key.display();
    say::line(format!(
        "Ask it:\n  curl -H @{key} --data '{{\"id\":\"mine-1\",\"time\":\"2020-09-17T10:00:00+09:00\",\"kind\":\"withdrawal\",\"customer\":\
         \"C1\",\"client\":{{\"ip\":\"203.0.113.7\"}},\"outcome\":\"attempted\"}}' http://{address}/v1/decide\n  \
         curl -H @{key} http://{address}/v1/campaigns\n  curl -H @{key} http://{address}/v1/holds\n  curl http://{address}/metrics"
    ));
    Ok(())
}

/// Who really did it, by the event's identifier: the attack, for what attackers did.
struct Truth(HashMap<String, String>);

impl Truth {
    /// Reads `truth.csv` as the simulation writes it: identifier, customer, truth, attack, none of them quoted.
    fn read(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("{}: reading failed", path.display()))?;
        let frauds = text.lines().filter_map(|line| {
            let mut cells = line.split(',');
            let (id, _customer, truth, attack) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
            (truth == "fraud").then(|| (id.to_owned(), attack.to_owned()))
        });
        Ok(Self(frauds.collect()))
    }
}

/// The reason that made it so: a rule that demands this answer, else the one that gave most points; of several the first.
fn deciding<'a>(policy: &Policy, answered: &'a Answered) -> Option<&'a Reason> {
    let demands = |reason: &&Reason| {
        let rule = policy.rules().iter().find(|rule| rule.name == reason.rule);
        rule.is_some_and(|rule| rule.at_least.as_str() == answered.decision)
    };
    // Of the largest it gives the last.
    let demanding = answered.reasons.iter().rev().filter(demands).max_by_key(|reason| reason.points);
    demanding.or_else(|| answered.reasons.iter().rev().max_by_key(|reason| reason.points))
}

/// What was heard so far.
struct Told {
    truth: Truth,
    /// The one that decides.
    policy: Policy,
    /// By who did it (customers, attackers) and verdict.
    counts: [[u64; 4]; 2],
    lines: u64,
}

impl Told {
    fn hear(&mut self, decided: &Decided<'_>) {
        let answered = decided.answered;
        let attack = self.truth.0.get(&answered.id);
        let Some(place) = Verdict::ALL.iter().position(|verdict| verdict.as_str() == answered.decision)
        else {
            return;
        };
        let counts = self.counts.get_mut(usize::from(attack.is_some()));
        if let Some(count) = counts.and_then(|counts| counts.get_mut(place)) {
            *count = count.saturating_add(1);
        }
        if !matches!(Verdict::ALL.get(place), Some(Verdict::Hold | Verdict::Deny)) {
            return;
        }
        self.lines = self.lines.saturating_add(1);
        if self.lines <= TOLD_MAX
            && let Ok(event) = Event::from_json(decided.event)
        {
            let local = event.time.plus_us(9 * HOUR_US).to_string();
            let who =
                attack.map_or_else(|| "the customer".to_owned(), |attack| format!("an attacker ({attack})"));
            let why = deciding(&self.policy, answered).map_or("", |reason| &reason.text);
            say::line(format!(
                "  {}  {:<5} {:<19} {:<10} {why}. It was {who}",
                local.get(..16).unwrap_or(&local).replace('T', " "),
                answered.decision,
                event.kind.as_str(),
                event.customer.as_ref().map_or("", model::CustomerId::as_str),
            ));
        }
    }

    fn finish(self) {
        if self.lines > TOLD_MAX {
            say::line(format!("  … and {} more", say::thousands(self.lines - TOLD_MAX)));
        }
        say::line("");
        let head = std::iter::once("asked by").chain(Verdict::ALL.map(Verdict::as_str)).chain([""]);
        let mut rows: Vec<Vec<String>> = vec![head.map(str::to_owned).collect()];
        for (who, counts) in ["customers", "attackers"].into_iter().zip(self.counts) {
            let counts = counts.iter().map(|count| say::thousands(*count));
            rows.push(std::iter::once(who.to_owned()).chain(counts).chain([String::new()]).collect());
        }
        say::table(&rows);
    }
}

#[cfg(test)]
mod tests {
    use engine::Policy;
    use lab::replay::{Answered, Reason};

    use super::deciding;

    const POLICY: &str = r#"
[thresholds]
step_up = 30
hold = 70
deny = 101

[[rule]]
name = "much"
kinds = ["withdrawal"]
when = "signal.amount.unusual"
points = 60
reason = { ja = "甲", en = "a" }

[[rule]]
name = "holds"
kinds = ["withdrawal"]
when = "signal.amount.unusual"
points = 10
at_least = "hold"
reason = { ja = "乙", en = "b" }

[[rule]]
name = "also_much"
kinds = ["withdrawal"]
when = "signal.amount.unusual"
points = 60
at_least = "step_up"
reason = { ja = "丙", en = "c" }
"#;

    #[test]
    fn a_rule_that_demands_the_answer_decided_before_any_that_gave_points() {
        let policy = Policy::compile(POLICY, 0).unwrap();
        let points = |name: &str| if name == "holds" { 10 } else { 60 };
        for (decision, fired, decided) in [
            ("hold", &["much", "holds", "also_much"][..], Some("holds")),
            ("hold", &["much", "also_much"], Some("much")),
            ("step_up", &["much", "also_much"], Some("also_much")),
            ("allow", &[], None),
        ] {
            let reasons = fired.iter().map(|name| Reason {
                rule: (*name).to_owned(),
                points: points(name),
                text: String::new(),
            });
            let answered = Answered {
                id: "1".to_owned(),
                decision: decision.to_owned(),
                score: 100,
                reasons: reasons.collect(),
            };
            assert_eq!(deciding(&policy, &answered).map(|reason| reason.rule.as_str()), decided, "{fired:?}");
        }
    }
}
