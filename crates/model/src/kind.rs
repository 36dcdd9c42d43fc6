//! The closed vocabularies of an event. Must not know what any of them is worth as evidence: that is policy.

use crate::words;

words! {
    /// What was done.
    EventKind, "kind" {
        /// A sign-in, tried or done.
        Login = "login",
        /// Any other access of a signed-in session.
        SessionActivity = "session.activity",
        /// The password was changed by someone who knew the old one.
        PasswordChange = "password.change",
        /// The password was set anew by someone who did not.
        PasswordReset = "password.reset",
        /// Mail address, telephone or postal address changed.
        ContactChange = "contact.change",
        /// A further factor was enrolled.
        FactorEnroll = "factor.enroll",
        /// A factor was removed.
        FactorRemove = "factor.remove",
        /// A device was registered.
        DeviceRegister = "device.register",
        /// A device was removed.
        DeviceRemove = "device.remove",
        /// A first withdrawal account was registered.
        BankAccountRegister = "bank_account.register",
        /// The withdrawal account was changed.
        BankAccountChange = "bank_account.change",
        /// Money to the registered bank account.
        Withdrawal = "withdrawal",
        /// Money or securities to somebody else.
        Transfer = "transfer",
        /// An order to buy or sell.
        Order = "order",
        /// Registered data was looked at.
        ProfileView = "profile.view",
        /// A payment of the broker's own treasury.
        PaymentInstruction = "payment.instruction",
        /// Feedback: the customer says it was not them.
        CustomerReport = "customer.report",
        /// Feedback: a bank tells of an account.
        BankNotice = "bank.notice",
        /// Feedback: an analyst closed a case.
        CaseDisposition = "case.disposition",
        /// The customer lets in registered devices only; `failed` takes that back.
        DeviceRestrict = "device.restrict",
        /// Feedback: a factor of the customer looks like a copy; `failed` takes that back.
        FactorCopied = "factor.copied",
    }
}

impl EventKind {
    /// Whether this kind changes who can reach the money: what a sweep examines.
    #[must_use]
    pub const fn is_procedure(self) -> bool {
        matches!(
            self,
            Self::PasswordChange
                | Self::PasswordReset
                | Self::ContactChange
                | Self::FactorEnroll
                | Self::FactorRemove
                | Self::DeviceRegister
                | Self::DeviceRemove
                | Self::DeviceRestrict
                | Self::BankAccountRegister
                | Self::BankAccountChange
                | Self::Withdrawal
                | Self::Transfer
        )
    }

    /// Whether it tells what became of something that came before: nothing that a client does.
    #[must_use]
    pub const fn is_feedback(self) -> bool {
        matches!(self, Self::CustomerReport | Self::BankNotice | Self::CaseDisposition | Self::FactorCopied)
    }

    /// Whether money leaves: `withdrawal` and `transfer`.
    #[must_use]
    pub const fn moves_money(self) -> bool {
        matches!(self, Self::Withdrawal | Self::Transfer)
    }
}

words! {
    /// How an analyst closed a case: the first word of a `case.disposition`'s `reason`.
    Disposition, "reason" {
        /// What came before was fraud.
        Fraud = "fraud",
        /// What came before was the customer's own.
        Honest = "honest",
        /// Who the customer is was checked anew, and what they reported is dealt with.
        Verified = "verified",
    }
}

impl Disposition {
    /// What a reason begins with, if it is such a word.
    #[must_use]
    pub fn of(reason: &str) -> Option<Self> {
        let end = reason.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(reason.len());
        Self::from_word(reason.get(..end)?)
    }
}

words! {
    /// The way an event reached the broker.
    Channel, "channel" {
        /// Browser.
        Web = "web",
        /// The broker's app.
        App = "app",
        /// Programmatic access.
        Api = "api",
        /// Telephone to the support centre.
        Phone = "phone",
        /// In person.
        Branch = "branch",
        /// By post.
        Paper = "paper",
        /// Cash machine.
        Atm = "atm",
    }
}

words! {
    /// How it ended.
    Outcome, "outcome" {
        /// Asked for; not known yet whether it was done.
        Attempted = "attempted",
        /// Done.
        Succeeded = "succeeded",
        /// Refused or broken off.
        Failed = "failed",
    }
}

words! {
    /// What the password verifier said.
    Credential, "credential" {
        /// Right password.
        Correct = "correct",
        /// Known user, wrong password.
        Wrong = "wrong",
        /// No such user.
        UnknownUser = "unknown_user",
    }
}

words! {
    /// The further factor that was used.
    Factor, "factor" {
        /// WebAuthn credential.
        Passkey = "passkey",
        /// Time-based one-time code (RFC 6238).
        Totp = "totp",
        /// One-time code by mail.
        Email = "email",
        /// One-time code by SMS.
        Sms = "sms",
        /// None.
        None = "none",
    }
}
