//! `lab evaluate` through a real server gives the answers that it gives in process; and what must not be mixed is refused.

use crate::process::{Place, run, stderr};
use crate::serve::{Server, key};

/// A small brokerage with attacks that get past logins, so that every kind of question is asked.
const BROKERAGE: [&str; 13] = [
    "-q",
    "lab",
    "evaluate",
    "--customers",
    "100",
    "--history-days",
    "30",
    "--seed",
    "1001",
    "--attack",
    "sim-swap",
    "jp-2025-pump",
    "password-spray",
];

fn evaluate(more: &[&str]) -> std::process::Output {
    run(&[&BROKERAGE, more].concat())
}

#[test]
fn a_server_answers_as_the_engine_in_process_does() {
    let place = Place::new();
    let done = evaluate(&["--write-intel", &place.text("intel")]);
    assert!(done.status.success(), "{}", stderr(&done));
    // Before the server, which looks for new keys only now and then.
    let key_file = place.write("key", key(&place, "admin"));
    let server = Server::start(&place, &["--intel", &place.text("intel"), "--ask-days", "0"]);
    let url = format!("http://{}", server.address);
    // Whether bars are held says the exit code; a few customers prove nothing.
    let here = evaluate(&["--out", &place.text("here")]);
    let there = evaluate(&["--against", &url, "--key-file", &key_file, "--out", &place.text("there")]);
    let results = |name: &str, output: &std::process::Output| {
        std::fs::read_to_string(place.path(name).join("results.json"))
            .unwrap_or_else(|_| panic!("{}", stderr(output)))
    };
    let (here, there) = (results("here", &here), results("there", &there));
    assert_eq!(here, there);
    // Nothing of what two bars are about is among these attacks.
    let hijacked = "hijacked orders stopped from the third account on";
    let figures: serde_json::Value = serde_json::from_str(&here).unwrap();
    let bar = figures["bars"].as_array().unwrap().iter().find(|bar| bar["name"] == hijacked).unwrap();
    assert_eq!((&bar["of"], &bar["per_mille"]), (&0.into(), &serde_json::Value::Null), "{bar}");
    assert_eq!(bar["result"], "nothing_to_measure", "{bar}");
    let page = std::fs::read_to_string(place.path("here").join("report.html")).unwrap();
    assert!(page.contains("nothing to measure") && page.contains("対象なし"), "{page}");
    assert!(figures["asked"].as_u64().unwrap() > 500, "{here}");
    assert!(figures["attacks"]["sim-swap"]["events"].as_u64().unwrap() > 3, "{here}");
    let spray = &figures["campaigns"]["attacks"]["password-spray"];
    assert_eq!(spray["recognised"].as_array().map(Vec::len), Some(1), "campaigns are asked for, too: {here}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn seeds_and_attacks_of_the_other_part_are_refused() {
    for (arguments, told) in [
        (["--split", "tune", "--seed", "151"], "seed 151 is not for --split tune"),
        (["--split", "report", "--seed", "7"], "seed 7 is not for --split report"),
        (["--split", "tune", "--attack", "gmo-2020"], "attack gmo-2020 is not for --split tune"),
        (["--attacker", "careless", "--seeds", "1"], "attacker: came \"careless\"; allowed: naive, vpn"),
    ] {
        let refused = run(&[&["-q", "lab", "evaluate"], arguments.as_slice()].concat());
        assert_eq!(refused.status.code(), Some(1));
        assert!(stderr(&refused).contains(told), "{}", stderr(&refused));
    }
}
