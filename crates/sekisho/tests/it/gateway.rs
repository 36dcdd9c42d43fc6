//! A gateway for SMS and mail on loopback, as a broker would have one: checks the signature, and keeps what it was given. It can be told
//! to fail.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use crate::process::Place;

/// How long a test waits for what must come at last.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);

const SECRET: &[u8; 24] = b"of gateway and of server";

/// What it does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Answers with this status; 200 takes it.
    Answers(u16),
    /// Never answers.
    Hangs,
}

/// One request that came.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    pub(crate) id: String,
    pub(crate) message: Value,
    /// Whether the signature was right, and its time that of now.
    pub(crate) signed: bool,
}

pub(crate) struct Gateway {
    place: Place,
    address: String,
    mood: Arc<Mutex<Mood>>,
    came: Arc<Mutex<Vec<Came>>>,
}

impl Gateway {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let place = Place::new();
        place.write("secret", format!("whsec_{}\n", data_encoding::BASE64.encode(SECRET)));
        let (mood, came) = (Arc::new(Mutex::new(Mood::Answers(200))), Arc::new(Mutex::new(Vec::new())));
        let (its_mood, all) = (Arc::clone(&mood), Arc::clone(&came));
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (mood, all) = (Arc::clone(&its_mood), Arc::clone(&all));
                std::thread::spawn(move || serve(stream, &mood, &all));
            }
        });
        Self { place, address, mood, came }
    }

    /// The table `[proof.gateway]`.
    pub(crate) fn config(&self) -> String {
        format!(
            "[proof.gateway]\nurl = \"http://{}/codes?key=gateway-key\"\nsecret_file = \"{}\"\nmethods = [\"sms\", \"mail\"]\n",
            self.address,
            self.place.text("secret")
        )
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(crate) fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    /// The code that came last, if one did.
    pub(crate) fn last_code(&self) -> Option<String> {
        self.came().iter().rev().find_map(Came::digits)
    }

    /// Waits until so many requests came; gives the last of them.
    pub(crate) fn until(&self, count: usize) -> Came {
        for _ in 0..PATIENCE.as_millis() / LOOK.as_millis() {
            if let Some(came) = self.came().get(count - 1) {
                assert!(came.signed, "{came:?}");
                return came.clone();
            }
            std::thread::sleep(LOOK);
        }
        panic!("waited for request {count}: {:?}", self.came());
    }
}

impl Came {
    pub(crate) fn text(&self) -> &str {
        self.message["text"].as_str().unwrap()
    }

    /// The six digits in the text.
    pub(crate) fn code(&self) -> String {
        self.digits().unwrap()
    }

    fn digits(&self) -> Option<String> {
        let mut words = self.text().split(|c: char| !c.is_ascii_digit());
        words.find(|word| word.len() == 6).map(str::to_owned)
    }
}

fn serve(stream: TcpStream, mood: &Mutex<Mood>, all: &Mutex<Vec<Came>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            head.push(line.trim_end().to_owned());
        }
        let header = |name: &str| {
            let of = |line: &String| {
                let (each, value) = line.split_once(": ")?;
                each.eq_ignore_ascii_case(name).then(|| value.to_owned())
            };
            head.iter().find_map(of).unwrap_or_default()
        };
        let mut body = vec![0; header("content-length").parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
        mac.update(format!("{id}.{time}.").as_bytes());
        mac.update(&body);
        let expected = format!("v1,{}", data_encoding::BASE64.encode(&mac.finalize().into_bytes()));
        let now: model::Time = crate::serve::days_ago(0).parse().unwrap();
        let is_now = time.parse::<i64>().is_ok_and(|time| (now.as_us() / 1_000_000 - time).abs() < 60);
        let message: Value = serde_json::from_slice(&body).unwrap();
        let signed = header("webhook-signature") == expected
            && is_now
            && head[0] == "POST /codes?key=gateway-key HTTP/1.1"
            && message["id"] == id.as_str();
        let mood = *mood.lock().unwrap();
        all.lock().unwrap().push(Came { id, message, signed });
        match mood {
            Mood::Answers(status) => {
                let answer = format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n");
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
            // The connection stays open until the other side has had enough.
            Mood::Hangs => drop(stream.read_line(&mut String::new())),
        }
    }
}
