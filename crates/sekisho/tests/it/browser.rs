//! A real Chromium with a virtual authenticator, driven by WebDriver (W3C, with the WebAuthn extension commands). `cargo xtask
//! test` gets both where there are none.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::Connection;
use crate::process::Place;

/// How long a page may take to become what is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);
/// A key of WebDriver's own: what an element is named by.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One browser with one window of a telephone's size.
pub(crate) struct Chromium {
    driver: Child,
    connection: Connection,
    session: String,
}

impl Chromium {
    pub(crate) fn start(place: &Place, language: &str) -> Self {
        Self::of_width(place, language, 412)
    }

    /// In a window of another width, in pixels of the page.
    pub(crate) fn of_width(place: &Place, language: &str, width: u32) -> Self {
        let port = crate::nginx::free_port();
        let mut command = Command::new(program("SEKISHO_CHROMEDRIVER", "chromedriver"));
        command
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut driver = command.spawn().unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let started = lines.by_ref().map_while(Result::ok).any(|line| line.contains("started successfully"));
        assert!(started, "chromedriver ended");
        // Whatever else it tells must not fill the pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let mut connection = Connection::open(&format!("127.0.0.1:{port}"), "").unwrap();
        let profile = place.text(&format!("profile-{language}-{port}"));
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &format!("--window-size={width},915"),
            &format!("--user-data-dir={profile}"),
            &format!("--lang={language}"),
        ];
        let options = json!({
            "binary": program("SEKISHO_CHROMIUM", "chromium"), "args": arguments,
            "prefs": {"intl.accept_languages": language},
            "mobileEmulation": {"deviceMetrics": {"width": width, "height": 915, "pixelRatio": 2.0, "touch": true}},
        });
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options, "webauthn:virtualAuthenticators": true,
            "unhandledPromptBehavior": "ignore",
        }}});
        let answer = connection.post("/session", &wanted.to_string()).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        let session = answer.json()["value"]["sessionId"].as_str().unwrap().to_owned();
        Self { driver, connection, session }
    }

    fn call(&mut self, method: &str, path: &str, body: &Value) -> Result<Value, Value> {
        let path = format!("/session/{}{path}", self.session);
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let answer = self.connection.send(method, &path, &[], &body).unwrap();
        let value = answer.json()["value"].clone();
        if answer.status == 200 { Ok(value) } else { Err(value) }
    }

    fn must(&mut self, method: &str, path: &str, body: &Value) -> Value {
        self.call(method, path, body).unwrap_or_else(|error| panic!("{method} {path} {body}: {error}"))
    }

    /// A platform authenticator whose owner always agrees; gives its identifier.
    pub(crate) fn add_authenticator(&mut self) -> String {
        let authenticator = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserConsenting": true, "isUserVerified": true,
        });
        let added = self.must("POST", "/webauthn/authenticator", &authenticator);
        added.as_str().unwrap().to_owned()
    }

    /// What an authenticator holds.
    pub(crate) fn credentials(&mut self, authenticator: &str) -> Vec<Value> {
        let path = format!("/webauthn/authenticator/{authenticator}/credentials");
        self.must("GET", &path, &Value::Null).as_array().unwrap().clone()
    }

    /// From now on as if behind a proxy that names this address.
    pub(crate) fn come_from(&mut self, ip: &str) {
        let mut command = |name: &str, params: Value| {
            self.must("POST", "/goog/cdp/execute", &json!({"cmd": name, "params": params}));
        };
        command("Network.enable", json!({}));
        command("Network.setExtraHTTPHeaders", json!({"headers": {"X-Forwarded-For": ip}}));
    }

    /// Runs a script on the page.
    pub(crate) fn script(&mut self, script: &str) {
        self.must("POST", "/execute/sync", &json!({"script": script, "args": []}));
    }

    pub(crate) fn open(&mut self, url: &str) {
        self.must("POST", "/url", &json!({"url": url}));
    }

    /// As if it had never been here; passkeys stay.
    pub(crate) fn forget_cookies(&mut self) {
        self.must("DELETE", "/cookie", &Value::Null);
    }

    /// What a cookie of this site holds, also one that no script reads.
    pub(crate) fn cookie(&mut self, name: &str) -> String {
        let cookie = self.must("GET", &format!("/cookie/{name}"), &Value::Null);
        cookie["value"].as_str().unwrap().to_owned()
    }

    /// Sets one, as who stole it does.
    pub(crate) fn set_cookie(&mut self, name: &str, value: &str) {
        let cookie = json!({"name": name, "value": value, "path": "/", "httpOnly": true});
        self.must("POST", "/cookie", &json!({ "cookie": cookie }));
    }

    pub(crate) fn url(&mut self) -> String {
        self.must("GET", "/url", &Value::Null).as_str().unwrap().to_owned()
    }

    fn find(&mut self, selector: &str) -> Result<String, Value> {
        let found = self.call("POST", "/element", &json!({"using": "css selector", "value": selector}))?;
        Ok(found[ELEMENT].as_str().unwrap().to_owned())
    }

    pub(crate) fn has(&mut self, selector: &str) -> bool {
        self.find(selector).is_ok()
    }

    /// Waits for an element that can be clicked, and clicks it. A page that is just being replaced is looked at again.
    pub(crate) fn click(&mut self, selector: &str) {
        self.until(&format!("clicking {selector}"), |browser| {
            let element = browser.find(selector).ok()?;
            let enabled = browser.call("GET", &format!("/element/{element}/enabled"), &Value::Null).ok()?;
            if enabled != Value::Bool(true) {
                return None;
            }
            browser.call("POST", &format!("/element/{element}/click"), &json!({})).ok()
        });
    }

    /// Goes to an element by the keyboard and presses Enter.
    pub(crate) fn press_enter(&mut self, selector: &str) {
        self.type_into(selector, "\u{e007}");
    }

    pub(crate) fn type_into(&mut self, selector: &str, text: &str) {
        self.until(&format!("typing into {selector}"), |browser| {
            let element = browser.find(selector).ok()?;
            browser.call("POST", &format!("/element/{element}/value"), &json!({"text": text})).ok()
        });
    }

    /// What stands on the page.
    pub(crate) fn text(&mut self) -> String {
        let script = json!({"script": "return document.body.innerText", "args": []});
        let text = self.call("POST", "/execute/sync", &script).unwrap_or_default();
        text.as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn accept_dialog(&mut self) {
        self.until("a dialog", |browser| browser.call("POST", "/alert/accept", &json!({})).ok());
    }

    pub(crate) fn dismiss_dialog(&mut self) {
        self.until("a dialog", |browser| browser.call("POST", "/alert/dismiss", &json!({})).ok());
    }

    /// Whether the page is wider than the window.
    pub(crate) fn scrolls_sideways(&mut self) -> bool {
        let script = "return document.documentElement.scrollWidth > window.innerWidth";
        self.must("POST", "/execute/sync", &json!({"script": script, "args": []})) == Value::Bool(true)
    }

    pub(crate) fn until_text(&mut self, text: &str) {
        self.until(text, |browser| browser.text().contains(text).then_some(()));
    }

    /// Waits until something has come true.
    pub(crate) fn until<T>(&mut self, what: &str, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        for _ in 0..PATIENCE.as_millis() / LOOK.as_millis() {
            if let Some(found) = look(self) {
                return found;
            }
            std::thread::sleep(LOOK);
        }
        let (url, text) = (self.url(), self.text());
        panic!("waited for {what} at {url}:\n{text}");
    }

    /// A picture of the whole page, for who wants to look: into the folder named by `SEKISHO_SCREENSHOTS`.
    pub(crate) fn picture(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("SEKISHO_SCREENSHOTS") else { return };
        let command = json!({"cmd": "Page.captureScreenshot", "params": {"captureBeyondViewport": true}});
        let taken = self.must("POST", "/goog/cdp/execute", &command);
        let bytes = data_encoding::BASE64.decode(taken["data"].as_str().unwrap().as_bytes()).unwrap();
        std::fs::write(PathBuf::from(folder).join(format!("{name}.png")), bytes).unwrap();
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Ends the browser; then its driver.
        let _ended = self.connection.delete(&format!("/session/{}", self.session));
        let _ended_already = self.driver.kill();
        let _reaped = self.driver.wait();
    }
}

fn program(variable: &str, name: &str) -> PathBuf {
    let told = std::env::var_os(variable).map(PathBuf::from);
    let usual = ["/usr/bin", "/usr/local/bin"].map(|folder| PathBuf::from(folder).join(name));
    let found = told.into_iter().chain(usual).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("there is no {name}: run `cargo xtask test`, which gets one, or install it")
    })
}
