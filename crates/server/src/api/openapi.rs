//! `GET /openapi.json`: this API in OpenAPI 3.1, made from the handlers. A test asks a running server whether it is true.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use hashbrown::HashSet;
use std::sync::Arc;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi};

use super::App;
use super::examples::Examples;
use super::problem::Problem;
use super::{
    audit, authenticators, backtests, calls, campaigns, challenges, customers, decide, decisions, devices,
    event_list, events, explanations, findings, forward, handovers, health, holds, ips, lists, locks, mask,
    papers, passwords, policies, profiles, sign_ins, sweeps, well_known,
};

/// The name of the security scheme.
const KEY: &str = "key";

#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Sekisho",
        description = "The checkpoint for online securities brokers. Errors are problem documents (RFC 9457). \
                       Every answer carries `x-request-id`. Any path may answer 405 to a method that is not listed for it, with \
                       `Allow`; a request whose head is larger than some 32 to 45 KiB, or has more than 100 fields, gets 431 \
                       without a body, and one whose head does not come within a minute is cut off.",
    ),
    paths(
        decide::decide, events::events, forward::forward, event_list::list, decisions::get, explanations::get, customers::get, profiles::put, profiles::unmask, locks::unlock, audit::list, ips::get,
        campaigns::list, campaigns::get,
        holds::list, holds::get, holds::release, holds::refuse, lists::list, lists::get, lists::put, lists::delete,
        policies::list, policies::get, policies::post, policies::end_shadow,
        backtests::post, backtests::list, backtests::get, backtests::stop,
        findings::list, findings::examine, sweeps::list, sweeps::get, sweeps::post, sweeps::stop,
        passwords::check, mask::post,
        challenges::post, challenges::get, challenges::redeem, challenges::answer, challenges::passkey,
        challenges::send, challenges::call, papers::post,
        calls::list, calls::get, calls::unmask, calls::confirm, calls::refuse, calls::unreached,
        handovers::post, sign_ins::post, sign_ins::end, authenticators::enrol, authenticators::list, authenticators::remove,
        devices::list, devices::register, devices::presence, devices::remove, devices::only,
        well_known::webauthn, well_known::passkey_endpoints, well_known::jwks,
        health::healthz, health::readyz, health::metrics, document,
    ),
    components(schemas(Problem)),
    modifiers(&Key, &Examples),
    security(("key" = [])),
    tags(
        (name = "send", description = "Ask, and tell: role `sender`"),
        (name = "read", description = "Read back: any role but `sender`"),
        (name = "customers", description = "What is known of a customer"),
        (name = "campaigns", description = "Attacks on many customers at once"),
        (name = "holds", description = "What waits for somebody; settled by role `operator`"),
        (name = "lists", description = "Lists of addresses; written by role `admin`"),
        (name = "policies", description = "Policies; written by role `admin`, tried on the past by role `operator`"),
        (name = "sweeps", description = "History re-examined; started by role `operator`"),
        (name = "proof", description = "Challenges, and what customers answer them with: role `sender`"),
        (name = "calls", description = "What the support centre confirms, on the telephone and by signed forms: role `operator`"),
        (name = "audit", description = "Who did what; for role `admin`"),
        (name = "server", description = "The server itself, without a key"),
    ),
)]
struct Document;

struct Key;

impl Modify for Key {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.description = Some("A key made with `sekisho key create NAME --role ROLE`".to_owned());
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(KEY, SecurityScheme::Http(scheme));
    }
}

/// The refusals that every operation with a key may answer.
pub(super) struct Refused;

impl IntoResponses for Refused {
    fn responses() -> std::collections::BTreeMap<String, RefOr<Response>> {
        let refusals = [
            ("400", "The path, the query or the body cannot be read"),
            ("401", "No key came, or an unknown one"),
            ("403", "The key's role does not allow it"),
            ("415", "The body is compressed; send it as it is"),
            ("503", "Not at the moment; `Retry-After` says when to come again"),
        ];
        let response = |description: &str| {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let response = ResponseBuilder::new().description(description);
            RefOr::T(response.content("application/problem+json", content).build())
        };
        refusals.into_iter().map(|(status, text)| (status.to_owned(), response(text))).collect()
    }
}

/// The document.
pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Methods and path templates of all operations.
pub(super) fn operations(document: &utoipa::openapi::OpenApi) -> Vec<String> {
    named(document).map(|(name, _)| name).collect()
}

/// Those that have no parameters in the query. What a front end hands on to be asked about has the customer's own.
pub(super) fn without_query(document: &utoipa::openapi::OpenApi) -> HashSet<String> {
    let in_query = |parameter: &RefOr<Parameter>| match parameter {
        RefOr::T(parameter) => matches!(parameter.parameter_in, ParameterIn::Query),
        RefOr::Ref(_) => true,
    };
    named(document)
        .filter(|(name, operation)| {
            name.contains(" /v1/")
                && !name.contains(" /v1/forward/")
                && !operation.parameters.iter().flatten().any(in_query)
        })
        .map(|(name, _)| name)
        .collect()
}

fn named(document: &utoipa::openapi::OpenApi) -> impl Iterator<Item = (String, &Operation)> {
    document.paths.paths.iter().flat_map(|(path, item)| {
        let methods =
            [("GET", &item.get), ("POST", &item.post), ("PUT", &item.put), ("DELETE", &item.delete)];
        methods
            .into_iter()
            .filter_map(move |(method, operation)| Some((format!("{method} {path}"), operation.as_ref()?)))
    })
}

/// This document.
#[utoipa::path(
    get, operation_id = "openapi", path = "/openapi.json", tag = "server", security(()),
    responses((status = 200, body = Object, description = "OpenAPI 3.1")),
)]
pub(super) async fn document(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], app.openapi.to_string())
}

#[cfg(test)]
mod tests {
    use super::{openapi, operations};

    /// Generated clients name their functions so.
    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let document = serde_json::to_value(openapi()).unwrap();
        let items = document["paths"].as_object().unwrap().values();
        let mut names: Vec<&str> = items
            .flat_map(|item| item.as_object().unwrap().values())
            .map(|operation| operation["operationId"].as_str().unwrap())
            .collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
        assert_eq!(all, operations(&openapi()).len());
    }

    /// What the router has and what is documented are the same.
    #[test]
    fn every_route_is_documented() {
        let source = include_str!("../api.rs");
        // Questions are answered before the router.
        let mut routed = vec![format!("POST {}", crate::api::decide::PATH)];
        for line in source.lines().filter_map(|line| line.trim().strip_prefix(".route(\"")) {
            let (path, handlers) = line.split_once('"').unwrap();
            // Any method asks alike; a path of any length cannot be described.
            if handlers.contains(" any(") && !path.ends_with(['/', '*']) && !path.contains("{*") {
                routed.push(format!("GET {path}"));
            }
            for method in ["get", "post", "put", "delete"] {
                let is_routed =
                    handlers.contains(&format!(" {method}(")) || handlers.contains(&format!(".{method}("));
                routed.extend(is_routed.then(|| format!("{} {path}", method.to_uppercase())));
            }
        }
        let mut documented = operations(&openapi());
        routed.sort();
        documented.sort();
        assert_eq!(routed, documented);
        assert!(routed.len() > 20);
    }
}
