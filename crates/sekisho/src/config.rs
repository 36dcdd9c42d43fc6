//! `sekisho.toml` as it is written, and what its tables ask for. Must not know the commands, nor what arguments say instead: the fuzz target
//! `configuration` reads by this file alone.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use server::log::Level;
use server::passwords::{self, PasswordOptions};
use server::proof::Hardware;
use server::proof::settings::{CallSettings, GatewaySettings, ProofSettings, SigningSecret};

/// `sekisho.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    intel: Option<toml::Table>,
    #[serde(default)]
    serve: ServeConfig,
    #[serde(default)]
    passwords: PasswordsConfig,
    #[serde(default)]
    proof: ProofConfig,
}

/// The `[passwords]` table.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordsConfig {
    profile: Option<String>,
    symbols: Option<bool>,
    list: Option<PathBuf>,
    service_names: Option<Vec<String>>,
    key_per_s: Option<u32>,
    customer_per_min: Option<u32>,
}

/// Reads the `[passwords]` table of a configuration, if there is one.
pub(crate) fn password_options(config: Option<&Path>) -> anyhow::Result<PasswordOptions> {
    let usual = PasswordOptions::default();
    let Some(path) = config else { return Ok(usual) };
    let asked = read_config(path)?.passwords;
    let folder = path.parent().unwrap_or(Path::new(""));
    let name = asked.profile.as_deref().unwrap_or(usual.profile.name);
    let profile = passwords::profile(name, asked.symbols.unwrap_or(false));
    let profile =
        profile.map_err(|problem| anyhow::anyhow!("{}: [passwords] profile {problem}", path.display()))?;
    let rate = |name: &str, asked: Option<u32>, usual: u32| match asked.unwrap_or(usual) {
        0 => bail!("{}: [passwords] {name} is 0; allowed: from 1", path.display()),
        rate => Ok(rate),
    };
    Ok(PasswordOptions {
        profile,
        list: asked.list.map(|list| folder.join(list)),
        service_names: asked.service_names.unwrap_or_default(),
        key_per_s: rate("key_per_s", asked.key_per_s, usual.key_per_s)?,
        customer_per_min: rate("customer_per_min", asked.customer_per_min, usual.customer_per_min)?,
    })
}

/// The `[serve]` table: what `sekisho serve` is not told by its arguments. Paths count from the file's folder.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServeConfig {
    pub(crate) data: Option<PathBuf>,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) policy: Option<PathBuf>,
    pub(crate) memory_mib: Option<u32>,
    pub(crate) replay_max: Option<u32>,
    pub(crate) journal_days: Option<u32>,
    pub(crate) export_after_ms: Option<u64>,
    pub(crate) ask_days: Option<u32>,
    pub(crate) examine_at: Option<String>,
    pub(crate) timezone: Option<String>,
    #[serde(default, deserialize_with = "level")]
    pub(crate) log_from: Option<Level>,
}

fn level<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Level>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(|invalid: model::Invalid| serde::de::Error::custom(invalid.problem))
}

/// The `[proof]` table: how customers prove themselves.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofConfig {
    origin: Option<String>,
    relying_party: Option<String>,
    name: Option<String>,
    related_origins: Option<Vec<String>>,
    return_origins: Option<Vec<String>>,
    cooling_hours: Option<u32>,
    open_seconds: Option<u32>,
    fallback: Option<Vec<String>>,
    support: Option<String>,
    attestation: Option<String>,
    attestation_roots: Option<PathBuf>,
    aaguids: Option<Vec<String>>,
    gateway: Option<GatewayConfig>,
    #[serde(default)]
    calls: CallConfig,
}

/// The `[proof.gateway]` table: what sends codes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GatewayConfig {
    url: String,
    secret_file: Option<PathBuf>,
    methods: Vec<String>,
    codes_per_day: Option<u8>,
}

/// The `[proof.calls]` table: how operators confirm.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallConfig {
    offered: Option<bool>,
    two_persons_above: Option<u64>,
    one_person_daily_yen: Option<u64>,
    open_hours: Option<u32>,
}

/// Codes sent to one customer a day, unless it is told.
const CODES_PER_DAY: u8 = 10;

fn method(setting: &str, word: &str) -> anyhow::Result<stepup::Method> {
    let allowed = "allowed: passkey, phone, totp, sms, mail, recovery";
    stepup::Method::of(word).with_context(|| format!("[proof] {setting}: came {word:?}; {allowed}"))
}

/// What sends codes, with its secret out of a file, or the environment.
fn gateway_settings(told: GatewayConfig, folder: &Path) -> anyhow::Result<GatewaySettings> {
    const VARIABLE: &str = "SEKISHO_GATEWAY_SECRET";
    let secret = match told.secret_file.map(|file| folder.join(file)) {
        Some(path) => text(&path).context("reading the gateway's signing secret failed")?,
        None => std::env::var(VARIABLE).with_context(|| {
            format!("[proof.gateway] needs a signing secret: `secret_file`, or {VARIABLE} in the environment")
        })?,
    };
    Ok(GatewaySettings {
        url: told.url,
        secret: SigningSecret::parse(&secret).context("[proof]")?,
        methods: told
            .methods
            .iter()
            .map(|word| method("gateway.methods", word))
            .collect::<anyhow::Result<_>>()?,
        codes_a_day: told.codes_per_day.unwrap_or(CODES_PER_DAY),
    })
}

/// Reads the `[proof]` table of a configuration; without one, pages on this machine at the port that is listened at.
pub(crate) fn proof_settings(config: Option<&Path>, port: u16) -> anyhow::Result<ProofSettings> {
    let told = config.map(read_config).transpose()?.unwrap_or_default().proof;
    let folder = config.and_then(Path::parent).unwrap_or(Path::new(""));
    let hardware = hardware(&told, folder).context("[proof]")?;
    let usual = ProofSettings::default();
    let folder = config.and_then(Path::parent).unwrap_or(Path::new(""));
    let origin = told.origin.unwrap_or_else(|| format!("http://localhost:{port}"));
    let host = origin.split_once("://").map_or("", |(_, rest)| rest).split(':').next().unwrap_or("");
    let settings = ProofSettings {
        relying_party: told.relying_party.unwrap_or_else(|| host.to_owned()),
        name: told.name.unwrap_or(usual.name),
        related_origins: told.related_origins.unwrap_or_default(),
        return_origins: told.return_origins.unwrap_or_default(),
        cooling_hours: told.cooling_hours.unwrap_or(usual.cooling_hours),
        open_s: told.open_seconds.unwrap_or(usual.open_s),
        fallback: told
            .fallback
            .iter()
            .flatten()
            .map(|word| method("fallback", word))
            .collect::<anyhow::Result<_>>()?,
        gateway: told.gateway.map(|told| gateway_settings(told, folder)).transpose()?,
        calls: CallSettings {
            offered: told.calls.offered.unwrap_or(usual.calls.offered),
            two_persons_above: told.calls.two_persons_above.unwrap_or(usual.calls.two_persons_above),
            one_person_daily_yen: told.calls.one_person_daily_yen.unwrap_or(usual.calls.one_person_daily_yen),
            open_hours: told.calls.open_hours.unwrap_or(usual.calls.open_hours),
        },
        hardware,
        support: told.support,
        origin,
    };
    settings.check().context("[proof]")?;
    Ok(settings)
}

/// Bytes of a file that a configuration names.
const FILE_BYTES_MAX: u64 = 256 << 10;

/// What such a file says. More than it may say is not read.
fn text(path: &Path) -> anyhow::Result<String> {
    let failed = || format!("{}: reading failed", path.display());
    let file = std::fs::File::open(path).with_context(failed)?;
    let mut text = String::new();
    let bytes = file.take(FILE_BYTES_MAX.saturating_add(1)).read_to_string(&mut text).with_context(failed)?;
    let fits = u64::try_from(bytes).is_ok_and(|bytes| bytes <= FILE_BYTES_MAX);
    ensure!(fits, "{}: is larger than {FILE_BYTES_MAX} bytes, which is what is read at most", path.display());
    Ok(text)
}

/// Which hardware passkeys must come from. Roots are read here: a server that starts has them.
fn hardware(told: &ProofConfig, folder: &Path) -> anyhow::Result<Option<Hardware>> {
    match (told.attestation.as_deref().unwrap_or("none"), &told.attestation_roots) {
        ("none", None) if told.aaguids.is_none() => Ok(None),
        ("none", _) => bail!(
            "attestation is \"none\", with which attestation_roots and aaguids say nothing; allowed: \"listed\" with them"
        ),
        ("listed", Some(path)) => {
            let path = folder.join(path);
            let roots = text(&path).context("attestation_roots")?;
            Ok(Some(Hardware { roots, aaguids: told.aaguids.clone().unwrap_or_default() }))
        }
        ("listed", None) => {
            bail!("attestation is \"listed\"; attestation_roots must name a file of certificates")
        }
        (other, _) => bail!("attestation came as {other:?}; allowed: none, listed"),
    }
}

/// Reads the `[serve]` table of a configuration, if there is one.
pub(crate) fn serve_config(config: Option<&Path>) -> anyhow::Result<ServeConfig> {
    let Some(path) = config else { return Ok(ServeConfig::default()) };
    let mut serve = read_config(path)?.serve;
    let folder = path.parent().unwrap_or(Path::new(""));
    for path in [&mut serve.data, &mut serve.policy].into_iter().flatten() {
        *path = folder.join(&*path);
    }
    Ok(serve)
}

/// Whether there is an `[intel]` table.
pub(crate) fn has_intel(path: &Path) -> anyhow::Result<bool> {
    Ok(read_config(path)?.intel.is_some())
}

fn read_config(path: &Path) -> anyhow::Result<Config> {
    let text = text(path)?;
    toml::from_str(&text).map_err(|error| {
        let problem = model::settings::shown(&error.to_string(), error.message());
        anyhow::anyhow!("{}: not a valid configuration: {problem}", path.display())
    })
}
