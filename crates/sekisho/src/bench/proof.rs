//! Proof over HTTP: challenges made, and answered with passkeys whose signatures are checked. The passkeys sign on the same cores.

use anyhow::Context as _;
use intel::Intel;
use lab::proof::{ProofLoad, ProofReport};
use server::passwords::PasswordOptions;
use server::proof::ProofSettings;

use super::median;
use crate::session::Session;
use crate::{own_server, say};

pub(super) fn run(load: ProofLoad, runs: usize, session: &Session) -> anyhow::Result<()> {
    let mut reports = Vec::new();
    for _ in 0..runs {
        let folder = tempfile::tempdir().context("a temporary folder is needed")?;
        let data = folder.path().join("data");
        // The load's passkeys are all new.
        let settings = ProofSettings { cooling_hours: 0, ..ProofSettings::default() };
        let origin = settings.origin.clone();
        let passwords = PasswordOptions::default();
        let report = own_server::with_settings(&data, 0, Intel::none(), passwords, settings, |server| {
            session.watched("proof", false, |watch| {
                Ok(lab::proof::run(&server.target, &server.key, &origin, load, watch)?)
            })
        })?;
        reports.push(report);
    }
    let of = |value: fn(&ProofReport) -> f64| median(reports.iter().map(value).collect());
    say::line(format!(
        "proof over HTTP, {} connections: median {:.0} challenges made a second (bar: 5,000), {:.0} answers by passkey verified a \
         second (bar: 2,000), {:.0} with making, beginning and signing them on the same cores",
        load.connections,
        of(|report| report.made_per_second),
        of(|report| report.verified_per_second),
        of(|report| report.answered_per_second),
    ));
    Ok(())
}
