//! Events for tests: what is not said is unremarkable.

use engine::input::{Account, Additions, Agent, Body, Place};
use engine::state::Outcome;
use engine::{Decision, Input, Observed, Policy, State};
use model::customer::text_key;
use model::time::{DAY_US, HOUR_US};
use model::{Event, Time};

/// Noon of 2020-01-01, day 0 of every test.
pub(crate) const START_US: i64 = 1_577_880_000_000_000;

/// `hours` after the start.
pub(crate) fn hour(hours: i64) -> Time {
    Time::from_us(START_US + hours * HOUR_US).unwrap()
}

/// `days` after the start.
pub(crate) fn day(days: i64) -> Time {
    Time::from_us(START_US + days * DAY_US).unwrap()
}

/// An event in the making.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    json: serde_json::Value,
    additions: Additions,
}

/// A successful event of `customer`.
pub(crate) fn made(kind: &str, customer: &str, time: Time) -> Made {
    let json = serde_json::json!({
        "id": format!("{kind}-{customer}-{}", time.as_us()),
        "time": time.to_string(),
        "kind": kind,
        "customer": customer,
        "client": {},
        "outcome": "succeeded",
    });
    Made { json, additions: Additions::default() }
}

impl Made {
    pub(crate) fn with(mut self, field: &str, value: impl Into<serde_json::Value>) -> Self {
        match field.split_once('.') {
            Some((outer, inner)) => self.json[outer][inner] = value.into(),
            None => self.json[field] = value.into(),
        }
        self
    }

    pub(crate) fn nobody(mut self) -> Self {
        self.json.as_object_mut().unwrap().remove("customer");
        self
    }

    pub(crate) fn ip(self, ip: &str) -> Self {
        self.with("client.ip", ip)
    }

    pub(crate) fn device(self, device: &str) -> Self {
        self.with("client.device", device)
    }

    pub(crate) fn failed(self) -> Self {
        self.with("outcome", "failed")
    }

    pub(crate) fn agent(mut self, text: &str) -> Self {
        let part = |part: &str| text_key(&format!("{part} of {text}"));
        self.additions.agent = Some(Agent {
            text: text_key(text),
            browser: part("browser"),
            system: part("system"),
            device_type: 1,
            automation: text.starts_with("python"),
        });
        self
    }

    pub(crate) fn place(mut self, country: &str, asn: u32) -> Self {
        let letters = country.as_bytes();
        self.additions.place =
            Place { country: Some([letters[0], letters[1]]), asn: Some(asn), ..Place::default() };
        self
    }

    pub(crate) fn change_place(mut self, change: impl FnOnce(&mut Place)) -> Self {
        change(&mut self.additions.place);
        self
    }

    pub(crate) fn account(mut self, key: u64, holder: Option<&str>) -> Self {
        self.additions.account = Some(Account { key, holder: holder.map(text_key), verification: None });
        self
    }

    /// What a bank said of the account.
    pub(crate) fn verification(mut self, verification: model::Verification) -> Self {
        if let Some(account) = &mut self.additions.account {
            account.verification = Some(verification);
        }
        self
    }

    /// Sells this share of the holdings.
    pub(crate) fn order(mut self, symbol: &str, minor: i64, holdings_share: f64) -> Self {
        self.json["order"] = serde_json::json!({
            "symbol": symbol, "side": "sell", "quantity": 100, "holdings_share": holdings_share,
            "notional": {"minor": minor, "currency": "JPY"},
        });
        self
    }

    pub(crate) fn additions(mut self, change: impl FnOnce(&mut Additions)) -> Self {
        change(&mut self.additions);
        self
    }

    pub(crate) fn asked(mut self) -> Self {
        self.additions.asked = true;
        self
    }

    pub(crate) fn observed(self) -> Observed {
        let event = Event::from_json(self.json.to_string().as_bytes()).unwrap();
        let now = event.time;
        Observed::new(event, self.additions, now).unwrap()
    }
}

/// A state, the shipped policy, and a sequence number.
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) policy: Policy,
    seq: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { state: State::default(), policy: Policy::compile(Policy::SHIPPED, 1).unwrap(), seq: 0 }
    }

    /// Where the shipped policy lacks a rule.
    pub(crate) fn without(rule: &str) -> Self {
        const RULE: &str = "[[rule]]\n";
        let (head, rules) = Policy::SHIPPED.split_once(RULE).unwrap();
        let named = format!("name = \"{rule}\"\n");
        let (gone, left): (Vec<&str>, Vec<&str>) =
            rules.split(RULE).partition(|each| each.starts_with(&named));
        assert_eq!(gone.len(), 1, "{rule}");
        let text = format!("{head}{RULE}{}", left.join(RULE));
        Self { policy: Policy::compile(&text, 1).unwrap(), ..Self::new() }
    }

    pub(crate) fn apply(&mut self, made: Made) -> Outcome {
        let event = made.observed();
        let time = event.time;
        self.input(time, Body::Event(Box::new(event)))
    }

    pub(crate) fn input(&mut self, time: Time, body: Body) -> Outcome {
        self.seq += 1;
        self.state.apply(&self.policy, &Input { seq: self.seq, time, body })
    }

    /// Asks about an event.
    pub(crate) fn ask(&mut self, made: Made) -> Decision {
        match self.apply(made.asked()) {
            Outcome::Decided(decision) => decision,
            other => panic!("{other:?}"),
        }
    }

    /// The names of the rules that fired.
    pub(crate) fn fired(&self, decision: &Decision) -> Vec<&str> {
        decision.reasons.iter().map(|reason| self.policy.rule(reason.rule).unwrap().name.as_str()).collect()
    }

    /// A customer with a past: a login every third day for `days` days at home.
    pub(crate) fn settle(&mut self, customer: &str, home: &str, device: &str, days: i64) {
        for at in (0..days).step_by(3) {
            self.apply(at_home(made("login", customer, day(at)), home, device));
        }
    }
}

/// As an honest customer at home.
pub(crate) fn at_home(made: Made, home: &str, device: &str) -> Made {
    made.ip(home).device(device).place("JP", 2516).agent("Firefox on Windows").with("client.language", "ja")
}
