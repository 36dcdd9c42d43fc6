//! Candidate passwords over HTTP: judged, never kept, never told.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Api, good, refused};
use crate::process::{BINARY, Place, run, stderr};
use crate::serve::{Server, key};

const CHECK: &str = "/v1/passwords/check";

fn rules(judged: &Value) -> Vec<&str> {
    judged["findings"].as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap()).collect()
}

#[test]
fn candidates_are_judged_with_what_is_known_of_the_customer() {
    let api = Api::start();
    let mut sender = api.of("sender");
    let fine = good(sender.post(CHECK, "{\"password\":\"correct zebra anthem mailbox\"}"));
    assert_eq!(
        (&fine["acceptable"], &fine["score"], &fine["profile"]),
        (&true.into(), &4.into(), &"nist-800-63b-4".into())
    );
    let common = good(sender.post(CHECK, "{\"password\":\"Password1\",\"with_other_factor\":true}"));
    assert_eq!((&common["acceptable"], &common["score"]), (&false.into(), &0.into()));
    assert!(rules(&common).contains(&"common"), "{common}");
    assert!(common["findings"][0]["text"].as_str().unwrap().contains("多くの人"), "{common}");
    let body = "{\"password\":\"kX7#qmTp2\"}";
    let told = good(sender.send("POST", CHECK, &[("Accept-Language", "en-GB,ja;q=0.5")], body));
    assert!(told["findings"][0]["text"].as_str().unwrap().contains("at least 15 characters"), "{told}");
    let classic = json!({"password": "kX7#asdfTp2", "profile": "broker-classic"}).to_string();
    assert!(rules(&good(sender.post(CHECK, &classic))).contains(&"keyboard_run"));
    // The same candidate is another matter for the customer whose name it is.
    let body = |customer: &str| {
        json!({"password": "tanabe-kichiro", "with_other_factor": true, "customer": customer, "profile": "broker-classic"}).to_string()
    };
    assert!(!rules(&good(sender.post(CHECK, &body("C1")))).contains(&"personal"));
    let profile =
        "{\"holder\":\"タナベ キチロウ\",\"contacts\":[{\"type\":\"phone\",\"value\":\"090-1234-5678\"}]}";
    good(api.of("admin").put("/v1/customers/C1", profile));
    assert!(rules(&good(sender.post(CHECK, &body("C1")))).contains(&"personal"));
    assert!(!rules(&good(sender.post(CHECK, &body("C2")))).contains(&"personal"));
    let told = json!({"password": "xQ7-19800401-kwzt", "personal": {"birth_date": "1980-04-01"}, "with_other_factor": true});
    assert!(rules(&good(sender.post(CHECK, &told.to_string()))).contains(&"personal_part"), "{told}");
}

/// What docs/passwords.md shows is what is answered today.
#[test]
fn the_example_of_the_guide_is_answered_as_it_says() {
    let guide = include_str!("../../../../../docs/passwords.md");
    let example = guide.split("```").nth(1).unwrap();
    let (asked, answered) = example.split_once("--data '").unwrap().1.split_once('\'').unwrap();
    let expected: Value = serde_json::from_str(answered).unwrap();
    assert_eq!(good(Api::start().of("sender").post(CHECK, asked)), expected);
}

#[test]
fn the_other_password_is_known_by_its_verifier() {
    let api = Api::start();
    let mut sender = api.of("sender");
    let verifier =
        "$argon2id$v=19$m=64,t=2,p=1$c2l4dGVlbiBieXRlcyBvaw$Hwa/YbL/C9JJlSEbhHDuq4UuXFBloOBio4OOxG8ynBU";
    let body = |password: &str, verifier: &str| {
        json!({"password": password, "with_other_factor": true, "other_verifier": verifier}).to_string()
    };
    let same = good(sender.post(CHECK, &body("correct horse 電池", verifier)));
    assert_eq!(rules(&same), ["same_as_other"]);
    assert!(
        !rules(&good(sender.post(CHECK, &body("correct horse 電話", verifier)))).contains(&"same_as_other")
    );
    let dear = verifier.replace("m=64", "m=4194304");
    let problem = refused(sender.post(CHECK, &body("correct horse 電池", &dear)), 422);
    assert_eq!(problem["field"], "other_verifier");
    assert!(problem["detail"].as_str().unwrap().contains("65536"), "{problem}");
    refused(sender.post(CHECK, &body("correct horse 電池", "in clear")), 422);
}

/// Nothing that a request held is in a refusal, in the log, or in any file of the data folder, whatever was wrong with it.
#[test]
fn a_password_is_nowhere() {
    const PASSWORD: &str = "Zq8vTrellis-Umbra";
    let api = Api::start();
    good(api.of("admin").put("/v1/customers/C1", "{\"holder\":\"ヤマダ タロウ\"}"));
    let mut told = String::new();
    let bodies = [
        (json!({"password": PASSWORD, "customer": "C1"}).to_string(), 200),
        (json!({"password": "x", "personal": {"names": [PASSWORD]}}).to_string(), 200),
        (json!({"password": [PASSWORD]}).to_string(), 422),
        (json!({"password": "x", "customer": [PASSWORD]}).to_string(), 422),
        (json!({"password": "x", "customer": format!("{PASSWORD}\u{7}")}).to_string(), 422),
        (json!({"password": "x", "profile": PASSWORD}).to_string(), 422),
        (json!({"password": "x", "with_other_factor": PASSWORD}).to_string(), 422),
        (json!({"password": "x", "with_other_factor": format!("a, expected {PASSWORD}")}).to_string(), 422),
        (json!({"password": "x", "personal": PASSWORD}).to_string(), 422),
        (json!({"password": "x", "personal": {PASSWORD: 1}}).to_string(), 422),
        (json!({"password": "x", "personal": {"birth_date": PASSWORD}}).to_string(), 422),
        (json!({"password": "x", "other_verifier": PASSWORD}).to_string(), 422),
        (json!({PASSWORD: "x"}).to_string(), 422),
        (json!({"password": PASSWORD, "password2": PASSWORD}).to_string(), 422),
        (json!(PASSWORD).to_string(), 422),
        (format!("{{\"password\":\"{PASSWORD}\""), 400),
        (format!("{{\"password\":\"{PASSWORD}\"}} {PASSWORD}"), 400),
        (format!("password={PASSWORD}"), 400),
        (format!("{{\"password\":\"{PASSWORD}\\q\"}}"), 400),
        (json!({"password": PASSWORD.repeat(2_000)}).to_string(), 413),
    ];
    for (body, status) in &bodies {
        let answer = api.of("sender").post(CHECK, body).unwrap();
        assert_eq!(answer.status, *status, "{answer:?}");
        told += &format!("{}{}", answer.headers, answer.body);
    }
    // To the wrong places too, and by who may not.
    let body = &bodies[0].0;
    for (role, method, path) in
        [("reader", "POST", CHECK), ("sender", "GET", CHECK), ("sender", "POST", "/v1/password/check")]
    {
        let answer = api.of(role).send(method, path, &[], body).unwrap();
        assert!(answer.status >= 400);
        told += &answer.body;
    }
    told += &api.of("sender").get("/metrics").unwrap().body;
    let audit = good(api.of("admin").get("/v1/audit")).to_string();
    let place = api.place;
    let log = api.server.told();
    assert!(log.contains("/v1/passwords/check"), "requests are told: {log}");
    assert_eq!(api.server.stop(), Some(0));
    for (what, text) in [("answers", &told), ("log", &log), ("audit", &audit)] {
        assert!(!holds(text.as_bytes(), PASSWORD), "in {what}: {text}");
    }
    let files = everything_below(&place.path("data"), PASSWORD);
    assert!(files > 3, "{files} files");
}

/// Whether the secret stands in it: as it is, in lower case, or as the bytes of a wider text.
fn holds(bytes: &[u8], secret: &str) -> bool {
    let wide: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let forms = [secret.as_bytes().to_vec(), secret.to_lowercase().into_bytes(), wide];
    forms.iter().any(|form| bytes.windows(form.len()).any(|window| window == form))
}

pub(crate) fn everything_below(folder: &Path, secret: &str) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += everything_below(&path, secret);
        } else {
            assert!(!holds(&std::fs::read(&path).unwrap(), secret), "in {}", path.display());
            files += 1;
        }
    }
    files
}

#[test]
fn too_many_are_refused_for_a_customer_and_for_a_key() {
    let place = Place::new();
    let keys = ["sender", "admin"].map(|role| key(&place, role));
    let config = place.write("sekisho.toml", "[passwords]\nkey_per_s = 5\ncustomer_per_min = 2\n");
    let server = Server::start(&place, &["--config", &config]);
    let body = |customer: &str| {
        json!({"password": "correct zebra anthem mailbox", "customer": customer}).to_string()
    };
    let mut sender = server.connect(&keys[0]);
    good(sender.post(CHECK, &body("C1")));
    let answer = sender.post(CHECK, &body("C1")).unwrap();
    assert!(answer.headers.contains("retry-after: "), "{answer:?}");
    let problem = refused(Ok(answer), 429);
    assert_eq!(problem["type"], "urn:sekisho:problem:too-often");
    good(sender.post(CHECK, &body("C2")));
    // A key's rate counts over all customers: 4 seconds' worth may come at once, and 5 more in each second that this takes.
    let statuses: Vec<u16> =
        (0..400).map(|n| sender.post(CHECK, &body(&format!("D{n}"))).unwrap().status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    good(server.connect(&keys[1]).post(CHECK, &body("C3")));
    assert_eq!(server.stop(), Some(0));
}

/// Runs `sekisho passwords check` with this on standard input.
fn checked(arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let mut command = Command::new(BINARY);
    command.args(["-q", "passwords", "check"]).args(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    (done.status.code(), format!("{}{}", String::from_utf8_lossy(&done.stdout), stderr(&done)))
}

#[test]
fn a_list_is_made_and_used() {
    let place = Place::new();
    let list = place.write("list.txt", "# breached\nanthem-mailbox-zebra-correct\nother\n");
    let out = place.text("made.passwords");
    let made = run(&["-q", "passwords", "build", &list, "--out", &out]);
    assert!(made.status.success(), "{}", stderr(&made));
    let told = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(told.contains("2 entries of 3 lines (1 left out)") && told.contains("bits an entry"), "{told}");
    let (code, told) = checked(&["--list", &out], "Anthem-Mailbox-Zebra-Correct\n");
    assert_eq!(code, Some(3), "{told}");
    assert!(told.starts_with("refused, score 0 of 4, by nist-800-63b-4\n  refused: common: "), "{told}");
    assert_eq!(checked(&[], "anthem-mailbox-zebra-correct").0, Some(0));
    let (code, told) = checked(&["--list", &list], "x");
    assert_eq!(code, Some(1));
    assert!(told.contains("SEKIPASS"), "{told}");
    let (code, told) =
        checked(&["--known", "ヤマダ タロウ", "--japanese", "--with-other-factor"], "yamadatarou");
    assert_eq!(code, Some(3));
    assert!(told.contains("personal: お客様"), "{told}");

    let mut bytes = std::fs::read(&out).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&out, bytes).unwrap();
    let config = place.write("sekisho.toml", "[passwords]\nlist = \"made.passwords\"\n");
    let refused =
        run(&["serve", "--data", &place.text("data"), "--listen", "127.0.0.1:0", "--config", &config]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("damaged") && stderr(&refused).contains("made.passwords"),
        "{}",
        stderr(&refused)
    );
}
