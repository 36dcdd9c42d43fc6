//! A real nginx with the shipped configuration, and a site behind it. `cargo xtask test` gets nginx where there is none.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::process::Place;

/// The file that is shipped.
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/front-ends/nginx.conf");

pub(crate) struct Nginx {
    child: Child,
    pub(crate) address: String,
}

impl Nginx {
    pub(crate) fn start(place: &Place, sekisho: &str, site: &str, key: &str) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let mut config = std::fs::read_to_string(SHIPPED).unwrap();
        for (shipped, own) in
            [("127.0.0.1:8480", sekisho), ("127.0.0.1:8000", site), ("127.0.0.1:8080", address.as_str())]
        {
            assert_eq!(config.matches(shipped).count(), 1, "{shipped}");
            config = config.replace(shipped, own);
        }
        std::fs::create_dir(place.path("nginx")).unwrap();
        place.write("nginx/sekisho.conf", config);
        place.write("nginx/sekisho-key.conf", format!("proxy_set_header Authorization \"Bearer {key}\";\n"));
        let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {name};\n"))
            .concat();
        let main = place.write(
            "nginx/main.conf",
            format!(
                "daemon off; master_process off; pid nginx.pid; error_log stderr;\nevents {{}}\n\
                 http {{ access_log off;\n{paths} include sekisho.conf; }}\n"
            ),
        );
        let mut command = Command::new(program());
        command.args(["-p", &place.text("nginx"), "-c", &main, "-e", "stderr"]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut nginx = Self { child: command.spawn().unwrap(), address };
        while TcpStream::connect(&nginx.address).is_err() {
            assert!(nginx.child.try_wait().unwrap().is_none(), "nginx ended; what it said is above");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Where nginx is: as `cargo xtask test` says, else where systems have it. Without one the test fails: a front end that nobody
/// tried is not tested.
fn program() -> PathBuf {
    let told = std::env::var_os("SEKISHO_NGINX").map(PathBuf::from);
    let usual =
        ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/local/bin/nginx", "/opt/homebrew/bin/nginx"];
    let found = told.into_iter().chain(usual.map(PathBuf::from)).find(|path| path.is_file());
    found
        .unwrap_or_else(|| panic!("there is no nginx: run `cargo xtask test`, which gets one, or install it"))
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A site that says what it was asked.
pub(crate) struct Site {
    pub(crate) address: String,
    /// The heads of all requests that reached it.
    pub(crate) heads: Arc<Mutex<String>>,
}

impl Site {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heads = Arc::<Mutex<String>>::default();
        let seen = Arc::clone(&heads);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let _gone = answer(stream.unwrap(), &seen);
            }
        });
        Self { address, heads }
    }
}

fn answer(stream: TcpStream, heads: &Mutex<String>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut asked, mut decision, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut asked)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        heads.lock().unwrap().push_str(&line);
        let (name, value) = line.trim().split_once(": ").unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "x-sekisho-decision" => value.clone_into(&mut decision),
            "content-length" => length = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let asked = asked.trim_end().trim_end_matches(|tail: char| tail != ' ').trim_end();
    let said = format!("{asked} decision={decision} body={}", String::from_utf8_lossy(&body));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", said.len());
    reader.get_mut().write_all((head + &said).as_bytes())
}
