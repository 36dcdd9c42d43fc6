//! How fast the login score is and how much memory it takes: `cargo run --release -p lab --example score_speed -- ROWS`
//!
//! Writes a made log of ROWS rows (default 2,000,000) in the form of the RBA data set to a temporary file, scores it and
//! prints rows per second and the growth of the process's peak memory. The log repeats itself as the real one does:
//! more than half of the rows are failures, most of those on one account; customers come back about ten times, from two or three
//! home addresses or a mobile network, with clients that change version now and then.
#![expect(clippy::print_stdout, reason = "this program's work is to print")]
#![expect(clippy::disallowed_methods, reason = "this program's work is to measure time")]

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::net::Ipv4Addr;
use std::time::Instant;

use lab::score::{ScoreOptions, score_rba};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn main() -> Result<(), Box<dyn Error>> {
    let rows: u32 = std::env::args().nth(1).map_or(Ok(2_000_000), |rows| rows.parse())?;
    let log = tempfile::NamedTempFile::new()?;
    write_log(rows, BufWriter::new(log.reopen()?))?;
    let file_bytes = log.as_file().metadata()?.len();

    let before_kib = peak_memory_kib()?;
    let start = Instant::now();
    let reader = BufReader::with_capacity(1 << 20, File::open(log.path())?);
    let summary = score_rba(reader, io::sink(), &ScoreOptions::default())?;
    let seconds = start.elapsed().as_secs_f64();
    let grown_bytes = f64::from(peak_memory_kib()? - before_kib) * 1024.0;

    print!("{summary}");
    println!("{file_bytes} bytes read in {seconds:.2} s: {:.0} rows/s", f64::from(rows) / seconds);
    println!(
        "peak memory grew by {:.1} MB: {:.0} bytes/row",
        grown_bytes / 1e6,
        grown_bytes / f64::from(rows)
    );
    Ok(())
}

fn peak_memory_kib() -> Result<u32, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    Ok(line.trim().trim_end_matches("kB").trim_end().parse()?)
}

fn write_log(rows: u32, mut out: impl Write) -> io::Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let customers = (rows / 10).max(1);
    writeln!(
        out,
        "index,Login Timestamp,User ID,Round-Trip Time [ms],IP Address,Country,Region,City,ASN,User Agent String,\
         Browser Name and Version,OS Name and Version,Device Type,Login Successful,Is Attack IP,Is Account Takeover"
    )?;
    for row in 0..rows {
        let successful = rng.random_bool(0.45);
        // The more often they come, the lower their number.
        let customer =
            if !successful && rng.random_bool(0.8) { 0 } else { skewed(rng.random(), customers, 2) };
        let (ip, client) = if successful {
            let ip = match rng.random_range(0..10_u32) {
                0..7 => mix(customer, rng.random_range(0..3)) % 20_000_000,
                _ => 20_000_000 + rng.random_range(0..500_000),
            };
            (ip, mix(customer, rng.random_range(0..2) + 10 * (row / 1_000_000)))
        } else {
            (30_000_000 + skewed(rng.random(), 2_000_000, 3), rng.random())
        };
        let asn = mix(ip / 4_096, 1) % 9_000;
        let agent = agent(client);
        let (browser, os, device) = (agent % 9_000, agent % 400, ["mobile", "desktop", "tablet", "bot", ""]);
        let device = device.get(usize::try_from(agent % 17).unwrap_or(0) / 4).copied().unwrap_or_default();
        let address = Ipv4Addr::from(0x2000_0000 + ip);
        writeln!(
            out,
            "{row},2020-02-03 12:43:30.772,-43244755833{customer:08},,{address},C{},Vestland,Urangsvag,{asn},\
             \"Mozilla/5.0  (Linux; Android 4.1; Galaxy Nexus Build/{agent}) AppleWebKit/537.36 (KHTML, like Gecko \
             Chrome/{browser}.0.2490.76 Mobile Safari/537.36 Browser\",Chrome Mobile {browser}.0,Android {os}.1,{device},\
             {},False,False",
            asn % 150,
            if successful { "True" } else { "False" },
        )?;
    }
    out.flush()
}

/// A number below `of`, the same for the same seed; low ones come more often the larger `skew` is.
fn skewed(seed: u32, of: u32, skew: u32) -> u32 {
    (0..skew).map(|round| mix(seed, round) % of).min().unwrap_or(0)
}

/// A user agent's number below 262,144; each power of two is as frequent as the next, as with words in a language.
fn agent(client: u32) -> u32 {
    let bits = client % 19;
    mix(client, 7) % (1 << bits)
}

/// A fixed scramble of two numbers.
fn mix(a: u32, b: u32) -> u32 {
    let x = (a ^ b.wrapping_mul(0x9e37_79b9)).wrapping_mul(0x85eb_ca6b);
    let x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}
