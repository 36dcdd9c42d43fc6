//! The examples of `/openapi.json` are true: a server is asked all of them, one after the other, and answers in their shape.

use serde_json::Value;

use super::{Api, ROLES};
use crate::serve::days_ago;

const EXAMPLES: &str = include_str!("../../../../server/src/api/examples.json");
/// When the last of them was sent.
const SENT: &str = "2026-11-23T09:36:23Z";

/// Times in a request as they would be today.
fn renewed(value: &Value, later_us: i64) -> Value {
    match value {
        Value::String(text) => match text.parse::<model::Time>() {
            Ok(time) if text.starts_with("2026-") => time.plus_us(later_us).to_string().into(),
            _ => value.clone(),
        },
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

#[test]
fn what_the_examples_say_is_what_the_server_does() {
    let api = Api::start();
    let now: model::Time = days_ago(0).parse().unwrap();
    let later_us = now.as_us() - SENT.parse::<model::Time>().unwrap().as_us();
    let examples: Vec<Value> = serde_json::from_str(EXAMPLES).unwrap();
    let mut connections = ROLES.map(|role| (role, api.of(role)));
    for example in &examples {
        let (_, connection) = connections.iter_mut().find(|(role, _)| example["role"] == *role).unwrap();
        let (path, body) = (example["path"].as_str().unwrap(), renewed(&example["request"], later_us));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let method = example["operation"].as_str().unwrap().split(' ').next().unwrap();
        let answer = connection.send(method, path, &[], &body).unwrap();
        assert_eq!(answer.status, example["status"], "{example}: {answer:?}");
        let told = &example["response"];
        assert!(told.is_null() || same_shape(&answer.json(), told), "{path}: {} {told}", answer.json());
    }
}
