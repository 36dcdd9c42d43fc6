//! The snippets of `examples/snippets`, run as they are against a server: what the documentation shows works.

use std::process::{Command, Output};

use crate::proof::Broker;

fn run(broker: &Broker, program: &str, file: &str) -> Output {
    let path = format!("{}/../../examples/snippets/{file}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(program);
    command
        .arg(path)
        .env("SEKISHO", format!("http://{}", broker.server.address))
        .env("SEKISHO_KEY", &broker.key);
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_shell_asks_and_proof_is_not_redeemed_before_it_is_given() {
    let broker = Broker::start("");
    let said = said(&run(&broker, "bash", "decide.sh"));
    for text in ["proof is asked for: ch_", "/enter?token=", "urn:sekisho:problem:proof-refused"] {
        assert!(said.contains(text), "{text}: {said}");
    }
}

#[test]
fn python_asks_and_tells() {
    let broker = Broker::start("");
    let first = said(&run(&broker, "python3", "decide.py"));
    assert!(first.contains("allow") && first.contains("told: 1"), "{first}");
}
