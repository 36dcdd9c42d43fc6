//! Which hardware may hold a passkey, where a broker wants hardware: makers' roots, and models by their AAGUID. Enrolment then asks
//! for an attestation (WebAuthn Level 3, section 6.5; formats `packed` and `tpm`) whose certificates lead to one of the roots. Must not
//! know ceremonies.

use std::collections::BTreeMap;

use webauthn_rs::prelude::{AttestationCaList, AttestationCaListBuilder, Uuid, WebauthnError};

use super::settings::Hardware;

/// Roots at most.
const ROOTS_MAX: usize = 64;
/// Models at most.
const AAGUIDS_MAX: usize = 256;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The roots as the library takes them.
///
/// # Errors
/// What of the settings is wrong, by their names.
pub(super) fn roots(hardware: &Hardware) -> Result<AttestationCaList, String> {
    let certificates: Vec<&str> = certificates(&hardware.roots).collect();
    if certificates.is_empty() || certificates.len() > ROOTS_MAX {
        return Err(format!(
            "attestation_roots: holds {} certificates; allowed: 1 to {ROOTS_MAX} in PEM, each from {BEGIN} to {END}",
            certificates.len()
        ));
    }
    if hardware.aaguids.len() > AAGUIDS_MAX {
        return Err(format!("aaguids: {} came; allowed: at most {AAGUIDS_MAX}", hardware.aaguids.len()));
    }
    let aaguid = |text: &String| {
        let allowed = "an AAGUID such as 2fc0579f-8113-47ea-b116-bb5a8db9202a";
        Uuid::parse_str(text).map_err(|_error| format!("aaguids: came {text:?}; allowed: {allowed}"))
    };
    let aaguids = hardware.aaguids.iter().map(aaguid).collect::<Result<Vec<_>, _>>()?;
    let mut list = AttestationCaList::default();
    for (number, certificate) in (1..).zip(certificates) {
        let one = of_one(certificate, &aaguids);
        let one = one.map_err(|problem| format!("attestation_roots: certificate {number}: {problem}"))?;
        list.union(&one);
    }
    Ok(list)
}

/// One root: for all models, or for these.
fn of_one(certificate: &str, aaguids: &[Uuid]) -> Result<AttestationCaList, String> {
    let pem = certificate.as_bytes();
    if aaguids.is_empty() {
        return AttestationCaList::try_from(pem).map_err(|error| error.to_string());
    }
    let mut builder = AttestationCaListBuilder::new();
    for aaguid in aaguids {
        let name = aaguid.to_string();
        builder.insert_device_pem(pem, *aaguid, name, BTreeMap::new()).map_err(|error| error.to_string())?;
    }
    Ok(builder.build())
}

/// Each certificate of a file, from its first line to its last.
fn certificates(pem: &str) -> impl Iterator<Item = &str> {
    pem.match_indices(BEGIN).filter_map(|(begin, _)| {
        let rest = pem.get(begin..)?;
        rest.get(..rest.find(END)?.checked_add(END.len())?)
    })
}

/// Whether the library refuses because the passkey is not from the hardware that is asked for.
pub(super) const fn is_unlisted(error: &WebauthnError) -> bool {
    matches!(
        error,
        WebauthnError::AttestationNotSupported
            | WebauthnError::AttestationNotVerifiable
            | WebauthnError::AttestationChainNotTrusted(_)
            | WebauthnError::AttestationTrustFailure
            | WebauthnError::AttestationUntrustedAaguid
            | WebauthnError::AttestationFormatMissingAaguid
            | WebauthnError::AttestationCertificateAAGUIDMismatch
            | WebauthnError::AttestationCertificateRequirementsNotMet
            | WebauthnError::CredentialMayNotBeHardwareBound
    )
}

#[cfg(test)]
mod tests {
    use super::roots;
    use crate::proof::settings::Hardware;

    #[test]
    fn what_is_no_root_or_no_model_is_named() {
        let wrong = |roots_pem: &str, aaguid: Option<&str>| {
            let hardware = Hardware {
                roots: roots_pem.to_owned(),
                aaguids: aaguid.map(str::to_owned).into_iter().collect(),
            };
            roots(&hardware).unwrap_err()
        };
        let certificate = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";
        for (pem, aaguid, told) in [
            ("", None, "attestation_roots: holds 0 certificates"),
            ("-----BEGIN CERTIFICATE-----\nAQID\n", None, "attestation_roots: holds 0 certificates"),
            (certificate, None, "attestation_roots: certificate 1: "),
            (certificate, Some("2fc0579f-8113"), "aaguids: came \"2fc0579f-8113\"; allowed: an AAGUID"),
            (&certificate.repeat(65), None, "attestation_roots: holds 65 certificates"),
        ] {
            let problem = wrong(pem, aaguid);
            assert!(problem.starts_with(told), "{problem}");
        }
    }
}
