//! The snippets of `examples/snippets`, run as they are against a server: what the documentation shows works.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use crate::gateway::Gateway;
use crate::proof::Broker;

fn run(broker: &Broker, program: &str, file: &str) -> Output {
    command(broker, program, file).output().unwrap()
}

fn command(broker: &Broker, program: &str, file: &str) -> Command {
    let path = format!("{}/../../examples/snippets/{file}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(program);
    command
        .arg(path)
        .env("SEKISHO", format!("http://{}", broker.server.address))
        .env("SEKISHO_KEY", &broker.key);
    command
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

/// From the question to the fact, with the code that came by SMS.
#[test]
fn python_goes_through_a_whole_proof() {
    let gateway = Gateway::start();
    let broker = Broker::start(&format!("cooling_hours = 0\n{}", gateway.config()));
    crate::codes::tell_contacts(&broker, "C0012345", "en", &[("phone", "090-1234-5678")]);
    let mut command = command(&broker, "python3", "prove.py");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let code = gateway.until(1).code();
    let mut typed = child.stdin.take().unwrap();
    typed.write_all(format!("{}\n{code}\n", crate::codes::other(&code)).as_bytes()).unwrap();
    drop(typed);
    let said = said(&child.wait_with_output().unwrap());
    for text in ["a code is on its way to •", "wrong:", "done, proven by sms; told: 1"] {
        assert!(said.contains(text), "{text}: {said}");
    }
    let events = broker.events_of("C0012345");
    let fact = events.iter().find(|event| event["outcome"] == "succeeded").unwrap();
    assert_eq!((&fact["kind"], &fact["factor"]), (&"withdrawal".into(), &"sms".into()), "{fact}");
}

/// What the guide shows of the example is what the example does.
#[test]
fn the_guide_shows_the_example_as_it_is() {
    let place = |path: &str| format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
    let lines = |path: &str| -> Vec<String> {
        let text = std::fs::read_to_string(place(path)).unwrap();
        text.lines().map(|line| line.trim().to_owned()).collect()
    };
    let sources: Vec<Vec<String>> = ["protect.rs", "pages.rs", "passkeys.rs"]
        .map(|file| lines(&format!("examples/broker/src/{file}")))
        .into();
    let (mut block, mut shown) = (None::<Vec<String>>, 0);
    for line in lines("docs/integration.md") {
        match block.take() {
            None if line == "```rust" => block = Some(Vec::new()),
            None => {}
            Some(whole) if line == "```" => {
                let is_there = |source: &Vec<String>| source.windows(whole.len()).any(|part| part == whole);
                assert!(sources.iter().any(is_there), "not in the example:\n{}", whole.join("\n"));
                shown += 1;
            }
            Some(mut begun) => {
                begun.push(line);
                block = Some(begun);
            }
        }
    }
    assert!(shown >= 8, "{shown} parts are shown");
}
