//! Passwords judged: by the pure function with its estimator, and over HTTP; and the list of a million entries, its size and how
//! many of ten million others are taken for one.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use intel::Intel;
use lab::http::{Asking, Target};
use server::passwords::build::build;
use server::passwords::{Asked, ESTIMATED_LENGTH_MAX, Judge, PasswordOptions, read_list};
use server::proof::ProofSettings;
use stepup::password::{BirthDate, Candidate, Filter, Personal, key};

use crate::load::milliseconds;
use crate::passwords::bits_an_entry;
use crate::session::{Session, Stopwatch};
use crate::{own_server, say};

/// A sort of candidates: what it is called, and one for each number.
type Sort = (&'static str, fn(u64) -> String);

/// How much.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) checks: u64,
    pub(super) entries: u64,
    pub(super) absent: u64,
}

pub(super) fn run(size: Size, folder: &Path, session: &Session) -> anyhow::Result<()> {
    let (text, out) = (folder.join("passwords.txt"), folder.join("passwords.list"));
    let mut writer = BufWriter::new(std::fs::File::create(&text)?);
    for number in 0..size.entries {
        writeln!(writer, "entry-{number}")?;
    }
    writer.flush()?;
    drop(writer);
    let timer = Stopwatch::start();
    let built = session.watched("passwords", true, |watch| build(&text, &out, watch))?;
    let seconds = timer.seconds();
    std::fs::remove_file(&text)?;
    let filter = read_list(&out)?;
    let missed = (0..size.entries).filter(|number| !filter.contains(key(&format!("entry-{number}")))).count();
    anyhow::ensure!(missed == 0, "{missed} entries are not found in their list");
    let wrong = (0..size.absent).filter(|number| filter.contains(key(&format!("absent-{number}")))).count();
    say::line(format!(
        "password list: {} entries, {} bytes (bar: 2,500,000 for a million), {:.2} bits an entry, made in {seconds:.2} s; \
         {} of {} others taken for an entry, {:.2e} (bar: 2e-5; by its form {:.2e})",
        say::thousands(built.entries),
        say::thousands(built.bytes),
        bits_an_entry(built.bytes, built.entries),
        say::thousands(u64::try_from(wrong)?),
        say::thousands(size.absent),
        super::rate(u64::try_from(wrong)?, 1.0) / super::rate(size.absent, 1.0),
        Filter::false_positive_rate(),
    ));
    let options = PasswordOptions {
        list: Some(out),
        // The rates are not what is measured.
        key_per_s: u32::MAX,
        customer_per_min: u32::MAX,
        ..PasswordOptions::default()
    };
    let judge = Judge::new(&options)?;
    let sorts: [Sort; 3] = [
        ("usual", usual),
        ("made of patterns, as long as is estimated", patterned),
        ("of 256 characters", longest),
    ];
    for (what, candidate) in sorts {
        let mut us = Vec::new();
        for number in 0..size.checks {
            let asked = Asked {
                candidate: Candidate::from(candidate(number)),
                personal: personal()?,
                other: None,
                with_other_factor: true,
                profile: None,
            };
            let timer = Stopwatch::start();
            let judgement = judge.judge(&asked);
            us.push(timer.micros());
            anyhow::ensure!(judgement.score <= 4, "a score beyond 4");
        }
        say_quantiles(&format!("password check in process, {what}"), us);
    }
    let data = folder.join("passwords-server");
    let us =
        own_server::with_settings(&data, 0, Intel::none(), options, ProofSettings::default(), |server| {
            session.watched("passwords", false, |_watch| {
                over_http(&server.target, &server.key, size.checks.min(5_000))
            })
        })?;
    say_quantiles("POST /v1/passwords/check, usual, one after the other", us);
    Ok(())
}

/// What customers choose: words, names and numbers.
fn usual(number: u64) -> String {
    const PARTS: [&str; 12] = [
        "sakura", "Tokyo", "blue", "kettle", "2019", "!", "yamada", "x7Kq", "password", "river", "-", "neko",
    ];
    let part = |place: u64| {
        let at = usize::try_from(number / 12_u64.pow(u32::try_from(place).unwrap_or(0)) % 12).unwrap_or(0);
        PARTS.get(at).copied().unwrap_or("")
    };
    (0..4).map(part).collect()
}

/// What takes an estimator longest: everything is a word, a date, a letter's substitute.
fn patterned(number: u64) -> String {
    const PATTERNS: [&str; 4] =
        ["4@8({[</369&#!1/|0$5+7%2/4@8({[<", "1991199219931994", "p@ssw0rdl0v3dr4g0n", "aabbccaabbcc1122"];
    let pattern = PATTERNS.get(usize::try_from(number % 4).unwrap_or(0)).copied().unwrap_or("");
    format!("{number}{}", pattern.repeat(8)).chars().take(ESTIMATED_LENGTH_MAX).collect()
}

fn longest(number: u64) -> String {
    format!("{number}{}", "correct horse battery staple ".repeat(12)).chars().take(256).collect()
}

fn personal() -> anyhow::Result<Personal> {
    let mut personal = Personal::default();
    for text in ["山田 太郎", "ヤマダ タロウ", "090-1234-5678", "東京都千代田区1-1", "C0012345"]
    {
        personal.add(text);
    }
    personal.add_email("taro.yamada@example.jp");
    let born = BirthDate::parse("1980-04-01").ok_or_else(|| anyhow::anyhow!("no day"))?;
    personal.add_birth(born);
    Ok(personal)
}

fn over_http(target: &Target, key: &str, checks: u64) -> anyhow::Result<Vec<u64>> {
    let mut asking = Asking::new(target.clone(), key.to_owned());
    let mut us = Vec::new();
    for number in 0..checks {
        let body = serde_json::json!({
            "password": usual(number), "with_other_factor": true, "customer": format!("C{number:07}"),
            "personal": {
                "names": ["山田 太郎", "ヤマダ タロウ"], "phones": ["090-1234-5678"], "addresses": ["東京都千代田区1-1"],
                "emails": ["taro.yamada@example.jp"], "birth_date": "1980-04-01",
            },
        });
        let body = body.to_string();
        let timer = Stopwatch::start();
        let status = asking.post("/v1/passwords/check", body.as_bytes())?;
        us.push(timer.micros());
        anyhow::ensure!(status == 200, "a check was answered with {status}");
    }
    Ok(us)
}

fn say_quantiles(what: &str, mut us: Vec<u64>) {
    us.sort_unstable();
    let at =
        |share: usize| us.get(us.len().saturating_mul(share) / 1_000).or(us.last()).copied().unwrap_or(0);
    say::line(format!(
        "{what}: {} checks, p50 {}, p99 {}, p99.9 {}, longest {} (bar: p99 5 ms)",
        say::thousands(u64::try_from(us.len()).unwrap_or(0)),
        milliseconds(at(500)),
        milliseconds(at(990)),
        milliseconds(at(999)),
        milliseconds(us.last().copied().unwrap_or(0)),
    ));
}
