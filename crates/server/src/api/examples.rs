//! Examples of operations in `/openapi.json`: what was sent to a server and what it answered. A test sends all of them again, one
//! after the other (again and again where `until` names the `state` to wait for), and compares the shapes. Must not know handlers.

use serde::Deserialize;
use serde_json::Value;
use utoipa::Modify;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, RefOr};

/// In the order in which they were sent; a list in an answer is cut after its second entry.
const TEXT: &str = include_str!("examples.json");
const JSON: &str = "application/json";

/// A request and its answer. One without a path template in `operation` only prepares what follows.
#[derive(Debug, Deserialize)]
struct Example {
    operation: String,
    #[serde(default)]
    request: Option<Value>,
    status: u16,
    #[serde(default)]
    response: Option<Value>,
}

/// Puts the examples beside the operations that they are of.
pub(super) struct Examples;

impl Modify for Examples {
    fn modify(&self, document: &mut OpenApi) {
        let examples: Vec<Example> = serde_json::from_str(TEXT).unwrap_or_default();
        for example in examples {
            let Some((method, path)) = example.operation.split_once(' ') else { continue };
            let Some(item) = document.paths.paths.get_mut(path) else { continue };
            let operation = match method {
                "GET" => &mut item.get,
                "POST" => &mut item.post,
                "PUT" => &mut item.put,
                _ => &mut item.delete,
            };
            if let Some(operation) = operation {
                example.put_into(operation);
            }
        }
    }
}

impl Example {
    fn put_into(self, operation: &mut Operation) {
        if let Some(RefOr::T(body)) = &mut operation.request_body
            && let Some(RefOr::T(content)) = body.content.get_mut(JSON)
        {
            content.example = self.request;
        }
        let status = self.status.to_string();
        if let Some(RefOr::T(response)) = operation.responses.responses.get_mut(&status)
            && let Some(RefOr::T(content)) = response.content.get_mut(JSON)
        {
            content.example = self.response;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Example, TEXT};
    use crate::api::openapi::openapi;

    #[test]
    fn every_example_stands_in_the_document() {
        let document = serde_json::to_value(openapi()).unwrap();
        let examples: Vec<Example> = serde_json::from_str(TEXT).unwrap();
        let named = examples.iter().filter_map(|each| Some((each.operation.split_once(' ')?, each)));
        let mut count = 0;
        for ((method, path), example) in named {
            let operation = &document["paths"][path][method.to_lowercase()];
            let told = &operation["responses"][example.status.to_string()]["content"]["application/json"];
            let said = example.response.as_ref().unwrap_or(&Value::Null);
            assert_eq!(&told["example"], said, "{method} {path}");
            let asked = &operation["requestBody"]["content"]["application/json"]["example"];
            assert_eq!(asked, example.request.as_ref().unwrap_or(&Value::Null), "{method} {path}");
            count += 1;
        }
        assert!(count >= 60, "{count}");
    }

    /// Whoever reads of an operation sees what is sent and what comes.
    #[test]
    fn every_operation_with_json_has_an_example() {
        const TYPE: &str = "application/json";
        let document = serde_json::to_value(openapi()).unwrap();
        let mut without = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let asked = operation["requestBody"]["content"].get(TYPE);
                let responses = operation["responses"].as_object().unwrap();
                let good = responses.iter().filter(|(status, _)| status.starts_with('2'));
                let told: Vec<_> = good.filter_map(|(_, response)| response["content"].get(TYPE)).collect();
                let has = |content: &&Value| content.get("example").is_some();
                if !asked.iter().all(has) || !(told.is_empty() || told.iter().any(has)) {
                    without.push(format!("{method} {path}"));
                }
            }
        }
        // The document itself, and front ends, which send headers.
        assert_eq!(without, ["get /openapi.json", "get /v1/forward/{kind}"]);
    }
}
