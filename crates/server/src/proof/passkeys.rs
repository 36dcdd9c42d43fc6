//! Passkeys: WebAuthn ceremonies (Level 3) by `webauthn-rs`, with user verification always required. What a ceremony needs
//! between its two halves is in memory, for five minutes and used once; after a restart the customer begins again. Must not
//! know what a proof is for.

use std::sync::{Mutex, PoisonError};

use data_encoding::BASE64URL_NOPAD;
use model::Time;
use model::time::SECOND_US;
use serde_json::Value;
use webauthn_rs::prelude::{
    AttestationCaList, AttestedPasskeyRegistration, AuthenticationResult, CredentialID,
    DiscoverableAuthentication, DiscoverableKey, Passkey, PasskeyAuthentication, PasskeyRegistration,
    PublicKeyCredential, RegisterPublicKeyCredential, Url, Uuid, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use super::ceremonies::{Id, Owned, Recent};
use super::settings::ProofSettings;
use super::{ProofError, hardware};

/// Ceremonies under way that are kept at least.
const CEREMONIES_KEPT: usize = 25_000;
const CEREMONY_S: i64 = 5 * 60;
/// Enrolments of attested hardware: the library keeps the roots with each.
const ATTESTED_KEPT: usize = 500;
/// Sign-ins that began last: anybody may begin one, so they have room of their own.
const SIGN_INS_KEPT: usize = 25_000;

/// The library, set up, and what is under way.
pub(crate) struct Passkeys {
    webauthn: Webauthn,
    /// What hardware must be attested by, where hardware is asked for.
    roots: Option<AttestationCaList>,
    /// Nobody is refused: under a flood the oldest go.
    under_way: Mutex<UnderWays>,
    sign_ins: Mutex<Recent<Begun>>,
}

/// Attested enrolments by themselves: they are large.
struct UnderWays {
    attested: Owned<UnderWay>,
    others: Owned<UnderWay>,
}

/// When a sign-in ends, and its half that stays here.
type Begun = (Time, Box<DiscoverableAuthentication>);

struct UnderWay {
    ends: Time,
    /// What the browser signs, base64url: an answer to something else, from an older page, ends nothing.
    asked: String,
    ceremony: Ceremony,
}

/// The half of a ceremony that stays here.
enum Ceremony {
    Enrol(Box<PasskeyRegistration>),
    EnrolAttested(Box<AttestedPasskeyRegistration>),
    Prove(Box<PasskeyAuthentication>),
}

/// What proved somebody.
pub(crate) struct Proven {
    /// The credential's identifier.
    pub(crate) credential: Vec<u8>,
    /// The passkey as it is kept from now on, if it changed.
    pub(crate) changed: Option<String>,
}

/// Why a ceremony did not end well.
pub(crate) enum Failed {
    /// It is not under way, or not so.
    NotUnderWay,
    /// The counter did not grow: there may be a copy.
    Copied(Vec<u8>),
    /// It is none that is known here, or was removed.
    Unknown,
    /// Anything else that the library refuses.
    Refused(String),
}

impl Passkeys {
    pub(crate) fn new(settings: &ProofSettings) -> Result<Self, String> {
        let url = |origin: &str| Url::parse(origin).map_err(|error| format!("{origin}: {error}"));
        let origin = url(&settings.origin)?;
        let mut builder = WebauthnBuilder::new(&settings.relying_party, &origin)
            .map_err(|error| format!("relying_party {:?}: {error}", settings.relying_party))?
            .rp_name(&settings.name);
        for related in &settings.related_origins {
            builder = builder.append_allowed_origin(&url(related)?);
        }
        let webauthn = builder.build().map_err(|error| error.to_string())?;
        let roots = settings.hardware.as_ref().map(hardware::roots).transpose()?;
        let under_way =
            UnderWays { attested: Owned::new(ATTESTED_KEPT), others: Owned::new(CEREMONIES_KEPT) };
        let sign_ins = Mutex::new(Recent::new(SIGN_INS_KEPT));
        Ok(Self { webauthn, roots, under_way: Mutex::new(under_way), sign_ins })
    }

    /// Begins to enrol one for whoever has this handle, under `id`: what the browser is given. One that they have is not enrolled again.
    pub(crate) fn begin_enrolment(
        &self,
        id: [u8; 16],
        handle: [u8; 16],
        name: &str,
        has: Vec<CredentialID>,
        now: Time,
    ) -> Result<Value, ProofError> {
        let (owner, handle, has) = (handle, Uuid::from_bytes(handle), Some(has));
        let (options, ceremony) = match self.roots.clone() {
            None => {
                let begun = self.webauthn.start_passkey_registration(handle, name, name, has);
                begun.map(|(options, state)| (options, Ceremony::Enrol(Box::new(state))))
            }
            Some(roots) => {
                let begun =
                    self.webauthn.start_attested_passkey_registration(handle, name, name, has, roots, None);
                begun.map(|(options, state)| (options, Ceremony::EnrolAttested(Box::new(state))))
            }
        }
        .map_err(refused)?;
        let mut options = json(&options)?;
        self.put((owner, id), ceremony, &options, now);
        // The library asks for none; one that can be found without a name signs in without one.
        if let Some(selection) = options.pointer_mut("/publicKey/authenticatorSelection") {
            selection["residentKey"] = "preferred".into();
        }
        Ok(options)
    }

    /// Ends it: the credential's identifier and the passkey to keep.
    pub(crate) fn end_enrolment(
        &self,
        id: &[u8; 16],
        answer: Value,
        now: Time,
    ) -> Result<(Vec<u8>, String), ProofError> {
        let ceremony = self.take(id, &answer, now);
        let read = |answer| {
            serde_json::from_value::<RegisterPublicKeyCredential>(answer).map_err(|error| {
                ProofError::invalid("credential", format!("not the answer of a browser: {error}"))
            })
        };
        let passkey = match ceremony {
            Some(Ceremony::Enrol(state)) => {
                self.webauthn.finish_passkey_registration(&read(answer)?, &state).map_err(refused)?
            }
            Some(Ceremony::EnrolAttested(state)) => {
                let enrolled = self.webauthn.finish_attested_passkey_registration(&read(answer)?, &state);
                Passkey::from(enrolled.map_err(refused)?)
            }
            _ => return Err(ProofError::Conflict("no enrolment is under way; begin again".to_owned())),
        };
        Ok((passkey.cred_id().to_vec(), kept(&passkey)?))
    }

    /// Begins a proof with one of these, under `id`, as one of a few of this owner.
    pub(crate) fn begin_proof(
        &self,
        (owner, id): (Id, Id),
        passkeys: &[String],
        now: Time,
    ) -> Result<Value, ProofError> {
        let passkeys: Vec<Passkey> =
            passkeys.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
        if passkeys.is_empty() {
            return Err(ProofError::Absent("passkey"));
        }
        let (options, state) = self.webauthn.start_passkey_authentication(&passkeys).map_err(refused)?;
        let options = json(&options)?;
        self.put((owner, id), Ceremony::Prove(Box::new(state)), &options, now);
        Ok(options)
    }

    /// Ends it. `passkeys` are those the customer has now: one that was removed meanwhile proves nothing; and `handle` is what theirs
    /// hold of whom they are.
    pub(crate) fn end_proof(
        &self,
        id: &[u8; 16],
        answer: Value,
        (handle, passkeys): ([u8; 16], &[String]),
        now: Time,
    ) -> Result<Proven, Failed> {
        let Some(Ceremony::Prove(state)) = self.take(id, &answer, now) else {
            return Err(Failed::NotUnderWay);
        };
        // Who answers need not say whom the passkey holds; the library does not look at it where they do (WebAuthn Level 3, section 7.2).
        let told = answer.pointer("/response/userHandle").filter(|told| !told.is_null());
        let told = told.map(|told| told.as_str().map(|text| text.trim_end_matches('=')));
        let own = BASE64URL_NOPAD.encode(&handle);
        if told.is_some_and(|told| told != Some("") && told != Some(own.as_str())) {
            return Err(Failed::Refused("it is of somebody else".to_owned()));
        }
        let answer = browsers(answer)?;
        let ended = self.webauthn.finish_passkey_authentication(&answer, &state);
        let result = ended.map_err(|error| failed(&error, &answer))?;
        let mut has = passkeys.iter().filter_map(|text| serde_json::from_str::<Passkey>(text).ok());
        let Some(mut passkey) = has.find(|passkey| passkey.cred_id() == result.cred_id()) else {
            return Err(Failed::Unknown);
        };
        proven(&mut passkey, &result)
    }

    /// Begins a sign-in by whoever has a passkey here, under `id`.
    pub(crate) fn begin_sign_in(&self, id: [u8; 16], now: Time) -> Result<Value, ProofError> {
        let (options, state) = self.webauthn.start_discoverable_authentication().map_err(refused)?;
        let begun = (now.plus_us(CEREMONY_S * SECOND_US), Box::new(state));
        self.sign_ins.lock().unwrap_or_else(PoisonError::into_inner).put(id, begun);
        json(&options)
    }

    /// Whom the answer names, by the handle their passkey holds; nothing is proven yet.
    pub(crate) fn named(&self, answer: &Value) -> Result<[u8; 16], Failed> {
        let answer = browsers(answer.clone())?;
        let named = self.webauthn.identify_discoverable_authentication(&answer);
        named.map(|(handle, _)| *handle.as_bytes()).map_err(|error| Failed::Refused(error.to_string()))
    }

    /// Ends it, by one of the passkeys of whom the answer named.
    pub(crate) fn end_sign_in(
        &self,
        id: &[u8; 16],
        answer: Value,
        passkeys: &[String],
        now: Time,
    ) -> Result<Proven, Failed> {
        let begun = self.sign_ins.lock().unwrap_or_else(PoisonError::into_inner).take(id);
        let Some((_, state)) = begun.filter(|(ends, _)| now < *ends) else { return Err(Failed::NotUnderWay) };
        let answer = browsers(answer)?;
        let mut has = passkeys.iter().filter_map(|text| serde_json::from_str::<Passkey>(text).ok());
        let used = has.find(|passkey| passkey.cred_id().as_slice() == answer.get_credential_id());
        let mut passkey = used.ok_or(Failed::Unknown)?;
        let key = DiscoverableKey::from(&passkey);
        let ended = self.webauthn.finish_discoverable_authentication_v2(&answer, *state, &key);
        proven(&mut passkey, &ended.map_err(|error| failed(&error, &answer))?)
    }

    fn put(&self, (owner, id): (Id, Id), ceremony: Ceremony, options: &Value, now: Time) {
        let asked = options.pointer("/publicKey/challenge").and_then(Value::as_str).unwrap_or_default();
        let (ends, asked) = (now.plus_us(CEREMONY_S * SECOND_US), asked.trim_end_matches('=').to_owned());
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let UnderWays { attested, others } = &mut *under_way;
        let of_its_sort = if matches!(ceremony, Ceremony::EnrolAttested(_)) { attested } else { others };
        of_its_sort.put(owner, id, UnderWay { ends, asked, ceremony });
    }

    /// Takes it: a second answer finds nothing. What answers an older one, of another tab, leaves it.
    fn take(&self, id: &[u8; 16], answer: &Value, now: Time) -> Option<Ceremony> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let UnderWays { attested, others } = &mut *under_way;
        let of_its_sort = if attested.get(id).is_some() { attested } else { others };
        if answered(answer)
            .is_some_and(|answered| of_its_sort.get(id).is_some_and(|each| each.asked != answered))
        {
            return None;
        }
        let taken = of_its_sort.take(id)?;
        (now < taken.ends).then_some(taken.ceremony)
    }
}

/// What a browser says it was asked to sign, base64url; none if it says nothing that can be read.
fn answered(answer: &Value) -> Option<String> {
    let data = answer.pointer("/response/clientDataJSON")?.as_str()?;
    let data = BASE64URL_NOPAD.decode(data.trim_end_matches('=').as_bytes()).ok()?;
    let data: Value = serde_json::from_slice(&data).ok()?;
    Some(data.get("challenge")?.as_str()?.trim_end_matches('=').to_owned())
}

fn browsers(answer: Value) -> Result<PublicKeyCredential, Failed> {
    serde_json::from_value(answer)
        .map_err(|error| Failed::Refused(format!("not the answer of a browser: {error}")))
}

fn failed(error: &WebauthnError, answer: &PublicKeyCredential) -> Failed {
    match error {
        WebauthnError::CredentialPossibleCompromise => Failed::Copied(answer.get_credential_id().to_vec()),
        WebauthnError::CredentialNotFound => Failed::Unknown,
        error => Failed::Refused(error.to_string()),
    }
}

fn proven(passkey: &mut Passkey, result: &AuthenticationResult) -> Result<Proven, Failed> {
    let changed = passkey.update_credential(result) == Some(true);
    let changed = if changed { kept(passkey).ok() } else { None };
    Ok(Proven { credential: result.cred_id().to_vec(), changed })
}

/// The identifier of a passkey as it is kept.
pub(crate) fn credential_of(kept: &str) -> Option<CredentialID> {
    serde_json::from_str::<Passkey>(kept).ok().map(|passkey| passkey.cred_id().clone())
}

fn kept(passkey: &Passkey) -> Result<String, ProofError> {
    serde_json::to_string(passkey).map_err(|error| ProofError::Broken(error.to_string()))
}

fn json(options: &impl serde::Serialize) -> Result<Value, ProofError> {
    serde_json::to_value(options).map_err(|error| ProofError::Broken(error.to_string()))
}

fn refused(error: WebauthnError) -> ProofError {
    if hardware::is_unlisted(&error) {
        return ProofError::Unlisted(format!("no maker that is taken here attests its hardware: {error}"));
    }
    ProofError::invalid("credential", format!("the passkey is refused: {error}"))
}

#[cfg(test)]
mod tests {
    use model::Time;
    use model::time::SECOND_US;
    use serde_json::json;

    use super::{ATTESTED_KEPT, CEREMONY_S, Failed, Passkeys, SIGN_INS_KEPT};
    use crate::proof::{Hardware, ProofError, ProofSettings};

    fn at(seconds: i64) -> Time {
        Time::from_us((1_600_000_000 + seconds) * SECOND_US).unwrap()
    }

    /// Whose key nobody has.
    const ROOT: &str = "-----BEGIN CERTIFICATE-----\n\
        MIIBjjCCATOgAwIBAgIUMu4XXlaQODazEBYZkGi9l5GaRscwCgYIKoZIzj0EAwIw\n\
        GzEZMBcGA1UEAwwQQSByb290IGZvciB0ZXN0czAgFw0yNjExMjMwNjU5NTdaGA8y\n\
        MTI2MTAzMDA2NTk1N1owGzEZMBcGA1UEAwwQQSByb290IGZvciB0ZXN0czBZMBMG\n\
        ByqGSM49AgEGCCqGSM49AwEHA0IABH3yap3nYpbZ3sMQgtCIDrtfvdMemn1AyVuP\n\
        kMcXFnd6O0z9todGw6v9RN0zMZG+dnUE/uuJXxsJNnKyg9Ndw5ujUzBRMB0GA1Ud\n\
        DgQWBBRwwdQ6N40oK/HS7tUEkn+Xfs233TAfBgNVHSMEGDAWgBRwwdQ6N40oK/HS\n\
        7tUEkn+Xfs233TAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCa\n\
        NSrUV7S8BHXJTxz6h0KKBRhbL7ddQn+U3XOQ7LssXQIhAIrbhZnBt71ZOA2ch6ll\n\
        CSWq2eJrU4a4qxzYPPK6i4lO\n\
        -----END CERTIFICATE-----";

    fn passkeys() -> Passkeys {
        Passkeys::new(&ProofSettings::default()).unwrap()
    }

    /// What is no browser's answer is refused where a ceremony is under way; else nothing is looked at.
    #[test]
    fn a_ceremony_is_over_after_five_minutes_and_after_one_answer() {
        let passkeys = passkeys();
        for (ends, is_under_way) in [(CEREMONY_S - 1, true), (CEREMONY_S, false)] {
            passkeys.begin_enrolment([1; 16], [2; 16], "C1", Vec::new(), at(0)).unwrap();
            let ended = passkeys.end_enrolment(&[1; 16], json!({}), at(ends)).unwrap_err();
            assert_eq!(matches!(ended, ProofError::Invalid { .. }), is_under_way, "{ended}");
            let again = passkeys.end_enrolment(&[1; 16], json!({}), at(ends)).unwrap_err();
            assert!(matches!(again, ProofError::Conflict(_)), "{again}");

            passkeys.begin_sign_in([1; 16], at(0)).unwrap();
            let ended = passkeys.end_sign_in(&[1; 16], json!({}), &[], at(ends));
            assert_eq!(matches!(ended, Err(Failed::Refused(_))), is_under_way, "after {ends} s");
            let again = passkeys.end_sign_in(&[1; 16], json!({}), &[], at(ends));
            assert!(matches!(again, Err(Failed::NotUnderWay)));
        }
    }

    #[test]
    fn a_ceremony_of_one_sort_ends_none_of_another() {
        let passkeys = passkeys();
        passkeys.begin_sign_in([1; 16], at(0)).unwrap();
        let ended = passkeys.end_enrolment(&[1; 16], json!({}), at(1)).unwrap_err();
        assert!(matches!(ended, ProofError::Conflict(_)), "{ended}");
        passkeys.begin_enrolment([1; 16], [2; 16], "C1", Vec::new(), at(0)).unwrap();
        assert!(matches!(
            passkeys.end_proof(&[1; 16], json!({}), ([2; 16], &[]), at(1)),
            Err(Failed::NotUnderWay)
        ));
    }

    #[test]
    fn enrolments_that_ask_for_hardware_are_bounded_and_nobody_waits_for_others() {
        let hardware = Some(Hardware { roots: ROOT.to_owned(), aaguids: Vec::new() });
        let passkeys = Passkeys::new(&ProofSettings { hardware, ..ProofSettings::default() }).unwrap();
        let id = |number: usize| u128::try_from(number).unwrap().to_be_bytes();
        let begin = |owner, number: usize| {
            passkeys.begin_enrolment(id(number), owner, "C1", Vec::new(), at(0)).map(drop).unwrap();
        };
        let is_there = |number: usize| passkeys.under_way.lock().unwrap().attested.get(&id(number)).is_some();
        begin([2; 16], 0);
        // One customer's, however many, take no room of another's.
        (1..=ATTESTED_KEPT * 3).for_each(|number| begin([3; 16], number));
        assert!(is_there(0) && !is_there(1) && is_there(ATTESTED_KEPT * 3));
        // A flood of many takes the oldest.
        (1..=ATTESTED_KEPT * 2).for_each(|number| begin(id(number), number));
        assert!(!is_there(0) && is_there(ATTESTED_KEPT * 2));
    }

    /// Whoever floods the login page takes the place of sign-ins, and of nothing else.
    #[test]
    fn many_sign_ins_take_no_room_of_others() {
        let passkeys = Passkeys::new(&ProofSettings::default()).ok().unwrap();
        passkeys.begin_enrolment([1; 16], [2; 16], "C1", Vec::new(), at(0)).ok().unwrap();
        let id = |number: usize| u128::try_from(number).unwrap().to_be_bytes();
        for number in 0..=SIGN_INS_KEPT * 2 {
            passkeys.begin_sign_in(id(number), at(0)).ok().unwrap();
        }
        let take = |number: usize| passkeys.sign_ins.lock().unwrap().take(&id(number)).is_some();
        assert!(!take(0) && take(SIGN_INS_KEPT) && take(SIGN_INS_KEPT * 2));
        assert!(passkeys.under_way.lock().unwrap().others.get(&[1; 16]).is_some());
    }
}
