//! `/openapi.json` describes what the server does. Schemathesis, installed by the test itself, asks the server and compares.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Api, good, take_over};

/// The version that is installed.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// That every body and every parameter which fits its schema is accepted: compared everywhere but at [`BEYOND_SCHEMAS`], and at [`BYTES`] in
/// ASCII.
const ACCEPTED: &str = "positive_data_acceptance";

/// Where texts are limited in bytes of UTF-8, which no schema can say: what is sent there is ASCII, whose characters are bytes.
const BYTES: [&str; 18] = [
    "authenticators_list",
    "authenticators_remove",
    "calls_confirm",
    "calls_refuse",
    "calls_unmask",
    "calls_unreached",
    "customers_get",
    "customers_unlock",
    "customers_unmask",
    "decisions_explain",
    "decisions_get",
    "devices_list",
    "devices_remove",
    "devices_restrict",
    "holds_get",
    "holds_list",
    "holds_refuse",
    "holds_release",
];

/// Where the server asks for what no schema says; docs/api.md has the rules.
const BEYOND_SCHEMAS: [&[&str]; 3] = [
    // Fields that go with others: details with the kinds they describe, entries with the kind of a list, a signature with its token.
    &[
        "backtests_start",
        "challenges_create",
        "challenges_paper",
        "challenges_redeem",
        "decide",
        "devices_presence",
        "events_list",
        "lists_put",
        "sweeps_start",
    ],
    // What was given before, or is settled elsewhere: challenges, tokens, codes, origins.
    &[
        "challenges_answer",
        "challenges_call",
        "challenges_passkey",
        "challenges_send",
        "findings_list",
        "forward",
        "handovers_create",
        "passkeys_enrol",
        "sign_ins_end",
    ],
    // Forms of their own within a text: names in kana, keys, addresses, policies, verifiers.
    &["customers_put", "devices_register", "ips_get", "passwords_check", "policies_submit"],
];

/// What is compared everywhere but at [`LENIENT`].
const STRICT: &str = "negative_data_rejection,missing_required_header,unsupported_method";

/// A batch is taken without its bad lines; an enrolment reads `credential` once it knows that it is one; front ends ask with the method
/// they were asked with, and take a 401 for a step up, so that a request without a key is another refusal there.
const LENIENT: [&str; 3] = ["/v1/events", "/v1/customers/{id}/passkeys", "/v1/forward/{kind}"];

/// That what was made is found: it is, by its customer. Requests made up afterwards name another one, for whom there is nothing.
const FOUND: &str = "ensure_resource_availability";

/// Requests tried for each operation; `SEKISHO_API_EXAMPLES` asks for more.
const EXAMPLES: &str = "20";

/// Schemathesis in an environment of its own in the target folder, made once. Needs the network that once.
fn schemathesis() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(SCHEMATHESIS.replace("==", "-"));
    let program = place.join("bin/schemathesis");
    if program.exists() {
        return program;
    }
    let run = |command: &mut Command, what: &str| {
        let done = command.output().unwrap_or_else(|error| {
            panic!("{what} could not be started ({error}); the test of the API's description needs python3 with venv")
        });
        let (out, told) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(
            done.status.success(),
            "{what} failed; the test of the API's description needs it, and the network once:\n{out}{told}"
        );
    };
    // Made beside its place: what is there is whole.
    let made = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap().keep();
    run(Command::new("python3").args(["-m", "venv"]).arg(&made), "python3 -m venv");
    let mut install = Command::new(made.join("bin/python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", SCHEMATHESIS]);
    run(&mut install, "pip install schemathesis");
    // Scripts name their interpreter by its path: the environment is made to work where it comes to lie.
    let python = place.join("bin/python");
    std::fs::rename(&made, &place).unwrap();
    let script = format!(
        "#!/bin/sh\nexec '{}' -c 'from schemathesis.cli import schemathesis; schemathesis()' \"$@\"\n",
        python.display()
    );
    std::fs::write(&program, script).unwrap();
    program
}

#[test]
fn the_description_is_whole() {
    let api = Api::start();
    let document = good(api.server.connect("").get("/openapi.json"));
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    assert_eq!(document["components"]["securitySchemes"]["key"]["scheme"], "bearer");
    let mut names = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            names.push(operation["operationId"].as_str().unwrap());
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(response["description"].is_string(), "{method} {path} {status}");
            }
            let is_open = operation["security"][0].as_object().is_some_and(serde_json::Map::is_empty);
            assert_eq!(is_open, !path.starts_with("/v1/"), "{method} {path}: {}", operation["security"]);
        }
    }
    let named = BEYOND_SCHEMAS.concat().into_iter().chain(BYTES);
    let unknown: Vec<&str> = named.filter(|id| !names.contains(id)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_server_does_as_its_description_says() {
    let api = Api::start();
    take_over(&api, "C1");
    std::fs::create_dir_all(api.place.path("data/history")).unwrap();
    let examples = std::env::var("SEKISHO_API_EXAMPLES").unwrap_or(EXAMPLES.to_owned());
    let check = |checks: &[&str]| {
        let mut command = Command::new(schemathesis());
        command.arg("run").arg(format!("http://{}/openapi.json", api.server.address));
        command.args(["--header", &format!("Authorization: Bearer {}", api.keys[3])]);
        command.args(["--max-examples", &examples, "--seed", "7", "--generation-database", "none"]);
        command.arg("--no-color").args(checks);
        let done = command.current_dir(api.place.path("data")).output().unwrap();
        assert!(
            done.status.success(),
            "{}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
    };
    check(&["--checks", "all", "--exclude-checks", &format!("{ACCEPTED},{STRICT},{FOUND}")]);
    let elsewhere = LENIENT.map(|path| ["--exclude-path", path]);
    check(&[&["--checks", STRICT], elsewhere.as_flattened()].concat());
    let beyond = BEYOND_SCHEMAS.concat().into_iter().chain(BYTES);
    let beyond: Vec<&str> = beyond.flat_map(|id| ["--exclude-operation-id", id]).collect();
    check(&[&["--checks", ACCEPTED], beyond.as_slice()].concat());
    let ascii = BYTES.map(|id| ["--include-operation-id", id]);
    // Not one request after the other: what one tells as a device is the broker's word for it, and not what another asks for.
    let alone = ["--generation-codec", "ascii", "--phases", "examples,coverage,fuzzing"];
    check(&[&["--checks", ACCEPTED], &alone[..], ascii.as_flattened()].concat());
    assert_eq!(api.of("sender").get("/readyz").unwrap().status, 200);
}
