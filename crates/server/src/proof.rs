//! Proof: challenges that a decision or the broker makes, what customers answer them with, and the pages on which they do.
//! `stepup` says what may happen; here it is kept, durable before anybody is told. Must not know who asks over HTTP.
//!
//! Everything that changes is changed by one thread, in order (`keeper`): of two answers at once, one is second. What a proof
//! changes for decisions – a factor enrolled, a customer's report – goes to the journal as an event (`facts`).

pub mod settings;

mod answerer;
mod authenticators;
mod calls;
mod ceremonies;
mod challenges;
mod copies;
mod devices;
mod facts;
mod fresh;
mod gateway;
mod given;
mod handover;
mod hardware;
mod keeper;
mod kept;
mod keys;
mod notices;
mod passkeys;
mod presence;
mod reach;
mod redeem;
mod reports;
mod result;
mod room;
mod sending;
mod sign_ins;
mod tokens;
mod uses;

use std::sync::{Arc, Mutex, PoisonError};

use model::customer::text_key;
use model::time::SECOND_US;
use model::{CustomerId, Time};
use stepup::Refusal;

pub use self::authenticators::Shown as ShownAuthenticator;
pub(crate) use self::authenticators::{named, parse_id as parse_authenticator_id};
pub(crate) use self::calls::{Call, CallStep, FormSeen};
pub use self::calls::{Shown as ShownCall, ShownConfirmation};
pub(crate) use self::challenges::ChallengeId;
pub use self::challenges::{
    Asked as AskedProof, Shown as ShownChallenge, ShownCallAsked, ShownCode, ShownForm, ShownProof,
};
pub use self::devices::Shown as ShownDevice;
pub(crate) use self::devices::{NewDevice, meant_by_broker};
pub(crate) use self::gateway::{Gateway, Outcome as GatewayOutcome};
pub(crate) use self::given::ConfirmedBy;
use self::given::Turns;
pub(crate) use self::handover::{Page, Visit, adding};
use self::keeper::Keeper;
use self::keys::ProofKeys;
use self::passkeys::Passkeys;
pub use self::settings::{Hardware, ProofSettings, SettingsError};
pub use self::sign_ins::Signals as PasskeySignals;
pub(crate) use self::uses::Confirming;
use crate::rate::Rate;
use crate::readers::ReadError;
use crate::secret::Secret;
use crate::sequencer::{AskError, Clock, Handle};

/// Why something about proof was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProofError {
    /// The challenge, or the customer's answer, does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such thing, or it is somebody else's.
    #[error("there is no such {0}")]
    Absent(&'static str),
    /// What was sent is not what it should be.
    #[error("{problem}")]
    Invalid {
        /// The field of the body.
        field: String,
        /// What is allowed.
        problem: String,
    },
    /// It does not fit what is so already.
    #[error("{0}")]
    Conflict(String),
    /// The passkey is none that is known here.
    #[error(
        "the passkey is not known here, or was removed; tell the browser so: PublicKeyCredential.signalUnknownCredential with the \
         options' `rpId` and the credential's `id`"
    )]
    UnknownPasskey,
    /// The passkey does not come from the hardware that is asked for.
    #[error("the passkey is refused: {0}")]
    Unlisted(String),
    /// The customer said that it was not them.
    #[error(
        "the account is locked since the customer said that it was not them; identify them anew, then unlock it"
    )]
    Locked,
    /// It is not done from a device that is let in.
    #[error("do it from a registered device that counts already, or confirm with a passkey first")]
    OtherDevice,
    /// Nobody would be let in any more.
    #[error(
        "it is the last registered device that counts, and nothing else is let in; let other devices in first"
    )]
    LastDevice,
    /// No contact can be used for it.
    #[error(
        "the profile has no {0} that did not just change; see PUT /v1/customers/{{id}}, or use another way"
    )]
    NoContact(&'static str),
    /// What was typed cannot be a code.
    #[error("a code has six digits")]
    NoCode,
    /// What was typed cannot be a recovery code.
    #[error("a recovery code has ten letters and digits, such as 2K7QM-X94TD")]
    NoRecoveryCode,
    /// It comes too often.
    #[error("that is too often; come again in {0} s")]
    TooOften(u16),
    /// The link or the visit is over.
    #[error("the visit is over; come again from the broker's site")]
    Visit,
    /// Too much is going on.
    #[error("too many are waiting; try again in a second")]
    Busy,
    /// Nothing can be kept.
    #[error("proof is not taken: {0}")]
    Broken(String),
    /// The journal takes nothing.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl ProofError {
    /// A field is not what it should be.
    pub(crate) fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), problem: problem.into() }
    }

    /// The same where the field stands in another one.
    pub(crate) fn within(self, outer: &str) -> Self {
        match self {
            Self::Invalid { field, problem } => Self::Invalid { field: format!("{outer}.{field}"), problem },
            other => other,
        }
    }

    /// Why, in a word that stays, where it is about a proof.
    pub(crate) const fn reason(&self) -> Option<&'static str> {
        Some(match self {
            Self::Refused(refusal) => refusal.reason(),
            Self::Locked => "locked",
            Self::OtherDevice => "other_device",
            Self::LastDevice => "last_device",
            Self::NoContact(_) => "no_contact",
            Self::Visit => "visit_over",
            Self::Absent(_)
            | Self::Invalid { .. }
            | Self::Conflict(_)
            | Self::UnknownPasskey
            | Self::Unlisted(_)
            | Self::NoCode
            | Self::NoRecoveryCode
            | Self::TooOften(_)
            | Self::Busy
            | Self::Broken(_)
            | Self::Ask(_) => return None,
        })
    }
}

impl From<ReadError> for ProofError {
    fn from(error: ReadError) -> Self {
        if matches!(error, ReadError::Busy) {
            return Self::Busy;
        }
        crate::log::line("read.failed", &crate::log::with_sources(&error));
        Self::Broken("the server could not read its records; its log says why".to_owned())
    }
}

impl From<store::StoreError> for ProofError {
    fn from(error: store::StoreError) -> Self {
        crate::log::line("proof.failed", &crate::log::with_sources(&error));
        Self::Broken("the server could not read or write its records; its log says why".to_owned())
    }
}

/// Everything about proof.
pub struct Proofs {
    keeper: Keeper,
    keys: Arc<ProofKeys>,
    settings: Arc<ProofSettings>,
    passkeys: Passkeys,
    gateway: Option<Gateway>,
    /// Opens profiles, in which contacts stand.
    secret: Secret,
    sequencer: Handle,
    clock: Clock,
    /// How often the security page is looked at, and a visit asks to confirm something.
    paces: Mutex<Rate>,
    /// Whose changes go on.
    turns: Turns,
}

/// What costs much for one customer, or one visit, is done once in so long, and so many times at once: for the security page a thousand
/// rows of the journal may be read.
const PACE_US: i64 = 3 * SECOND_US;
const AT_ONCE: i64 = 20;
const PACES_MAX: usize = 65_536;

impl std::fmt::Debug for Proofs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proofs").finish_non_exhaustive()
    }
}

impl Proofs {
    /// Starts the thread that keeps everything.
    ///
    /// # Errors
    /// The thread cannot be started, or what the settings name is no site for passkeys.
    pub(crate) fn start(
        vault: store::Vault,
        secret: &Secret,
        settings: ProofSettings,
        sequencer: Handle,
        clock: Clock,
    ) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let keys = Arc::new(ProofKeys::of(secret));
        let passkeys = Passkeys::new(&settings).map_err(std::io::Error::other)?;
        let gateway = settings.gateway.as_ref();
        let gateway = gateway.map(|gateway| Gateway::start(gateway, Arc::clone(&clock))).transpose()?;
        let (keeper, thread) = keeper::start(vault, Arc::clone(&keys), Arc::clone(&clock))?;
        let (settings, secret) = (Arc::new(settings), secret.clone());
        let paces = Mutex::new(Rate::new(PACE_US, AT_ONCE * PACE_US, PACES_MAX));
        let turns = Turns::default();
        let proofs =
            Self { keeper, keys, settings, passkeys, gateway, secret, sequencer, clock, paces, turns };
        Ok((proofs, thread))
    }

    fn now(&self) -> Time {
        (self.clock)()
    }

    /// Whether a customer's journal is read for the security page once more. Whoever is in their session could have it read all the
    /// time; the rest of the page costs little, and nobody keeps the customer from it.
    pub(crate) fn may_look(&self, customer: &CustomerId) -> bool {
        self.takes("look", customer.as_str()).is_ok()
    }

    /// Lets a visit ask for one more challenge.
    fn check_pace(&self, visit: &Visit) -> Result<(), ProofError> {
        self.takes("confirm", &data_encoding::HEXLOWER.encode(visit.id())).map_err(|wait_us| {
            let wait_s = wait_us.saturating_add(SECOND_US - 1) / SECOND_US;
            ProofError::TooOften(u16::try_from(wait_s).unwrap_or(u16::MAX))
        })
    }

    fn takes(&self, what: &str, who: &str) -> Result<(), i64> {
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        paces.take(text_key(&format!("{what} {who}")), self.now().as_us())
    }

    /// How proof is set up.
    pub(crate) fn settings(&self) -> &ProofSettings {
        &self.settings
    }

    /// What sends codes, if anything does.
    pub(crate) fn gateway(&self) -> Option<&Gateway> {
        self.gateway.as_ref()
    }
}
