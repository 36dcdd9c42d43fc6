//! The examples of `/openapi.json` are true: a server is asked all of them, one after the other, and answers in their shape.

use lab::proof::SoftPasskey;
use serde_json::Value;

use super::{ROLES, awaited};
use crate::gateway::Gateway;
use crate::http::Answer;
use crate::proof::Broker;
use crate::serve::days_ago;

const EXAMPLES: &str = include_str!("../../../../server/src/api/examples.json");
/// When the last of them was sent.
const SENT: &str = "2026-11-23T09:36:23Z";

/// Times and days in a request as they would be today.
fn renewed(value: &Value, later_us: i64) -> Value {
    let later = |text: &str| Some(text.parse::<model::Time>().ok()?.plus_us(later_us).to_string());
    match value {
        Value::String(text) if text.starts_with("2026-") => {
            let day = || Some(later(&format!("{text}T00:00:00Z"))?[..10].to_owned());
            later(text).or_else(day).map_or_else(|| value.clone(), Value::from)
        }
        Value::Array(items) => items.iter().map(|item| renewed(item, later_us)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), renewed(value, later_us))).collect()
        }
        _ => value.clone(),
    }
}

/// The same names of the same kinds of values, at every depth; of lists the first entry.
fn same_shape(came: &Value, told: &Value) -> bool {
    match (came, told) {
        (Value::Object(came), Value::Object(told)) => {
            came.keys().eq(told.keys()) && came.iter().all(|(name, value)| same_shape(value, &told[name]))
        }
        (Value::Array(came), Value::Array(told)) => {
            came.is_empty() == told.is_empty()
                && came.first().zip(told.first()).is_none_or(|(came, told)| same_shape(came, told))
        }
        _ => std::mem::discriminant(came) == std::mem::discriminant(told),
    }
}

/// What the server calls by another name than when the examples were recorded: challenges, devices, tokens.
#[derive(Default)]
struct Names(Vec<(String, String)>);

impl Names {
    fn learn(&mut self, came: &Value, told: &Value) {
        match (came, told) {
            (Value::Object(came), Value::Object(told)) => {
                let both = came.iter().filter_map(|(name, value)| Some((value, told.get(name)?)));
                both.for_each(|(came, told)| self.learn(came, told));
            }
            (Value::String(came), Value::String(told)) if came != told => {
                self.0.push((told.clone(), came.clone()));
            }
            _ => {}
        }
    }

    fn today<'a>(&'a self, told: &'a str) -> &'a str {
        self.0.iter().rev().find(|(each, _)| each == told).map_or(told, |(_, came)| came)
    }

    fn in_path(&self, path: &str) -> String {
        path.split('/').map(|part| self.today(part)).collect::<Vec<_>>().join("/")
    }

    fn in_body(&self, body: &mut Value) {
        match body {
            Value::String(text) => *text = self.today(text).to_owned(),
            Value::Array(items) => items.iter_mut().for_each(|item| self.in_body(item)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.in_body(value)),
            _ => {}
        }
    }
}

/// A server, and a customer who has a telephone with a passkey at hand.
struct Told {
    broker: Broker,
    gateway: Gateway,
    passkey: SoftPasskey,
    /// What a browser was given last.
    options: Value,
    /// The customer, as the passkey knows them.
    user: Value,
    names: Names,
    later_us: i64,
}

impl Told {
    fn start() -> Self {
        let gateway = Gateway::start();
        let calls = "[proof.calls]\noffered = true\n";
        let broker = Broker::start(&format!("cooling_hours = 0\n{}{calls}", gateway.config()));
        std::fs::create_dir_all(broker.place.path("data/history")).unwrap();
        let now: model::Time = days_ago(0).parse().unwrap();
        let later_us = now.as_us() - SENT.parse::<model::Time>().unwrap().as_us();
        let passkey = broker.passkey(1);
        Self {
            broker,
            gateway,
            passkey,
            options: Value::Null,
            user: Value::Null,
            names: Names::default(),
            later_us,
        }
    }

    /// The request as it is today: what only the customer knows is theirs.
    fn request(&mut self, example: &Value) -> (String, Value) {
        let path = self.names.in_path(example["path"].as_str().unwrap());
        let mut body = renewed(&example["request"], self.later_us);
        if body.get("credential").is_some() {
            body["credential"] = if path.ends_with("/passkeys") {
                self.user = self.options["publicKey"]["user"]["id"].clone();
                self.passkey.create(&self.options)
            } else {
                self.passkey.get(&self.options)
            };
            if path.starts_with("/v1/sign-ins/") {
                body["credential"]["response"]["userHandle"] = self.user.clone();
            }
        }
        if body.get("code").is_some() {
            body["code"] = awaited("a code", || self.gateway.last_code()).into();
        }
        self.names.in_body(&mut body);
        (path, body)
    }

    fn ask(&mut self, example: &Value) -> Answer {
        let (path, body) = self.request(example);
        let role = ROLES.into_iter().find(|role| example["role"] == *role).unwrap();
        let mut connection = if role == "sender" { self.broker.asks() } else { self.broker.by(role) };
        let method = example["operation"].as_str().unwrap().split(' ').next().unwrap();
        let sent = if body.is_null() { String::new() } else { body.to_string() };
        let mut ask = || connection.send(method, &path, &[], &sent).unwrap();
        let answer = match example["until"].as_str() {
            None => ask(),
            Some(state) => awaited(&path, || Some(ask()).filter(|answer| answer.json()["state"] == state)),
        };
        assert_eq!(answer.status, example["status"], "{example}: {answer:?}");
        if answer.status != 204 {
            let came = answer.json();
            self.names.learn(&came, &example["response"]);
            if came.get("options").is_some() {
                self.options = came["options"].clone();
            }
        }
        answer
    }
}

#[test]
fn what_the_examples_say_is_what_the_server_does() {
    let mut told = Told::start();
    let examples: Vec<Value> = serde_json::from_str(EXAMPLES).unwrap();
    for example in &examples {
        let answer = told.ask(example);
        let (path, said) = (&example["path"], &example["response"]);
        assert!(said.is_null() || same_shape(&answer.json(), said), "{path}: {} {said}", answer.json());
    }
}
