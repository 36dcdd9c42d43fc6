//! Signals: what an event says against what is known, each a named number with its explanation. Must not know policy: what a
//! signal is worth is not decided here.
//!
//! The catalogue below is the one place where a signal is described; `docs/signals.md` is generated from it.

mod address;
mod campaign;
mod client;
mod journey;
mod order;
mod procedure;
mod view;

pub use address::CARRIER_CUSTOMERS_MIN;
pub use view::View;

pub(crate) use order::SOLD_HALF_LIFE_US;
pub(crate) use procedure::VELOCITY_HALF_LIFE_US;

/// What a signal's number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Yes or no.
    Flag,
    /// A count, whole or decayed.
    Count,
    /// From 0 to 1.
    Share,
    /// Hours.
    Hours,
    /// Days.
    Days,
    /// Kilometres an hour.
    Speed,
    /// A score without unit: higher is stranger.
    Score,
    /// One of some states, by its number.
    State,
}

impl Unit {
    /// As documentation names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "yes or no",
            Self::Count => "count",
            Self::Share => "share, 0 to 1",
            Self::Hours => "hours",
            Self::Days => "days",
            Self::Speed => "km/h",
            Self::Score => "score",
            Self::State => "state, by its number",
        }
    }
}

/// What documentation says of a signal.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// `ip.new_for_customer`.
    pub name: &'static str,
    /// What its number means.
    pub unit: Unit,
    /// What it says.
    pub meaning: &'static str,
    /// Which incident of the requirements it answers.
    pub incident: &'static str,
    /// How it can be wrong.
    pub wrong: &'static str,
}

macro_rules! signals {
    ($($variant:ident = $name:literal, $unit:ident, $compute:path, $meaning:literal, $incident:literal, $wrong:literal;)+) => {
        /// A signal.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Signal { $(#[doc = $meaning] $variant,)+ }

        impl Signal {
            /// Every signal, in the order of the catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// What documentation says of it.
            #[must_use]
            pub const fn about(self) -> About {
                match self { $(Self::$variant => About {
                    name: $name, unit: Unit::$unit, meaning: $meaning, incident: $incident, wrong: $wrong,
                },)+ }
            }

            /// Its place in the catalogue.
            #[must_use]
            #[expect(clippy::as_conversions, reason = "the variants are numbered from 0 in this order")]
            pub const fn place(self) -> usize {
                self as usize
            }

            /// The signal of this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }

            /// Its value for an event; `None` where it says nothing, because something is not known.
            #[must_use]
            pub fn value(self, view: &View<'_>) -> Option<f64> {
                match self { $(Self::$variant => $compute(view),)+ }
            }
        }
    };
}

signals! {
    IpNewForCustomer = "ip.new_for_customer", Flag, client::ip_new,
        "The customer has no established past at this address: not seen there on two days, the first at least 14 days before.",
        "D2, D5: the procedures of stolen accounts came from addresses their customers had never used.",
        "A mobile carrier gives new addresses daily; travel, moving house.";
    NetNewForCustomer = "net.new_for_customer", Flag, client::net_new,
        "The same for the network around the address: /24 for IPv4, /64 for IPv6.",
        "D5: comparison of addresses alone would have named thousands of honest customers.",
        "As for the address, less often.";
    AsnNewForCustomer = "asn.new_for_customer", Flag, client::asn_new,
        "The same for the provider (autonomous system).",
        "okasan-2020: 208 accounts were entered from providers abroad.",
        "A new contract, a hotel, a company's new provider. Not known without a file of providers.";
    CountryNewForCustomer = "country.new_for_customer", Flag, client::country_new,
        "The customer never signed in from this country.",
        "okasan-2020: logins from China and Malaysia.",
        "Travel; addresses that moved between countries. An attacker rents an address at home.";
    DeviceNewForCustomer = "device.new_for_customer", Flag, client::device_new,
        "The device is not established for the customer, or none came although the customer has devices.",
        "sbi-2020: the thieves' own devices.",
        "A new telephone, cleared cookies.";
    DeviceEarlierDays = "device.earlier_days", Count, client::device_earlier_days,
        "Days before today on which the customer was seen with this device in good order; 0 for one never seen, and for none of a customer who has devices.",
        "jp-2025-pump by patient attackers: after a fortnight of waiting a device is established, but it was hardly ever used.",
        "Whoever comes rarely uses a new telephone for months before it counts three days. Says nothing of customers who never show a device, nor of what comes by telephone or on paper.";
    DeviceKnownHours = "device.known_for_h", Hours, client::device_known_hours,
        "Hours since the customer was first seen with this device in good order; 0 for one never seen, and for none of a customer who has devices. Less than the hours since a contact or password was changed: the device came after that change.",
        "insider-address: the contact is changed on a form that never came, the password set anew weeks later, and everything after it is done on a device that nobody saw before.",
        "A new telephone after moving house; of more than 24 devices the one not used longest is forgotten. Says nothing of customers who never show a device, nor of what comes by telephone or on paper.";
    ClientUnfamiliar = "client.unfamiliar", Flag, client::unfamiliar,
        "Nothing shows the customer: the device is not established, and the network is not either. At an address that many long-standing customers share the network shows nobody, unless the customer never showed a device.",
        "D2: whoever has the telephone number has the codes, and often the same carrier.",
        "A new telephone on the way. Of customers who never show a device it says no more than net.new_for_customer.";
    UaNewForCustomer = "ua.new_for_customer", Flag, client::agent_new,
        "The customer never signed in with this browser and system.",
        "gmo-2020: one quiet takeover is seen by little else.",
        "Every update of a browser; less so for browser and system without version.";
    LanguageNewForCustomer = "language.new_for_customer", Flag, client::language_new,
        "The customer never signed in with this language preference.",
        "okasan-2020.",
        "A changed setting. An attacker copies it easily.";
    HourUnusual = "hour.unusual", Flag, client::hour_unusual,
        "Of 10 and more logins of the customer, none was within an hour of this hour of the day.",
        "sbi-2020: withdrawals at night.",
        "Holidays, a rare emergency.";
    TravelImpossible = "travel.impossible_kmh", Speed, journey::speed_kmh,
        "How fast the customer would have had to travel from where they were last seen in good order, beyond the accuracy that the file of coordinates claims for both places and 50 km.",
        "okasan-2020: logins from China and Malaysia by customers who were at home.",
        "Files of coordinates err by whole countries now and then. Says nothing without such a file, from rented networks, and at addresses that a carrier's or company's customers share.";
    AccountDormantDays = "account.dormant_days", Days, client::dormant_days,
        "Days since the customer's last access in good order.",
        "D2: accounts that nobody watches are robbed unnoticed.",
        "Many investors look twice a year.";
    LoginScore = "login.score", Score, client::score,
        "How much less this login looks like the customer than like anybody (Freeman 2016, Wiefling 2022).",
        "All takeovers; REQUIREMENTS §4 has its catch rates.",
        "With fewer than 8 earlier logins it is coarse.";
    SessionClientChanged = "session.client_changed", Flag, client::session_changed,
        "The session began with another user agent, or in another network; or it moved since, and came back.",
        "2025: sessions taken over after login by an attacker in the middle.",
        "A telephone that leaves the wireless network; then only the network changes, not the user agent.";
    SessionStraight = "session.straight_to_procedure", Flag, client::session_straight,
        "A procedure as the first or second step of its session.",
        "sbi-2020: 20 % of stolen accounts are used within 30 minutes.",
        "People who came for just that, by a link in the broker's own menu.";
    UaAutomation = "ua.automation", Flag, client::automation,
        "The user agent names an automation tool.",
        "D2: credential stuffing by scripts.",
        "Account aggregators that the customer uses. Attackers rarely tell.";
    IpCustomers = "ip.customers", Count, address::customers,
        "Other customers with accesses in good order from this address.",
        "okasan-2020: one address, many accounts.",
        "Carriers, companies, families: see ip.shared_carrier.";
    IpFailureRatio = "ip.failure_ratio", Share, address::failure_ratio,
        "Share of failed logins at this address over about a day, from 5 attempts on.",
        "D2: credential stuffing fails most of the time.",
        "One customer who forgot the password, until there are more attempts.";
    IpAttempts = "ip.attempts_rate", Count, address::attempts,
        "Logins at this address (of IPv6: its /64), half-life one hour.",
        "Araña 2023: more than 7 requests a day with more than 80 % failures is a useful seed.",
        "Carriers at market opening.";
    IpFailedCustomers = "ip.failed_customers", Count, address::failed_customers,
        "Other customers whose logins failed at this address.",
        "okasan-2020: found through password locks.",
        "Carriers.";
    UnknownRatio = "username.unknown_ratio", Share, address::unknown_ratio,
        "Share of logins at this address that name nobody known, over about a day, from 5 attempts on.",
        "D2: lists of other sites' users name strangers.",
        "A misconfigured aggregator.";
    IpListed = "ip.listed", Flag, address::listed,
        "A list of the broker or of a feed holds the address.",
        "D2: rejection of suspicious addresses by reputation.",
        "Lists are old; an address was given to somebody else.";
    NetHosting = "net.hosting", Flag, address::hosting,
        "The address belongs to a hosting provider.",
        "2025: attackers in the middle run on rented servers.",
        "Companies' and privacy services' exits.";
    NetVpn = "net.vpn", Flag, address::vpn,
        "The address belongs to a VPN.",
        "okasan-2020.",
        "Honest people use VPNs.";
    NetTor = "net.tor", Flag, address::tor,
        "The address is a Tor exit.",
        "D2.",
        "Very few honest customers.";
    IpSharedCarrier = "ip.shared_carrier", Flag, address::shared_carrier,
        "At least 8 long-standing customers come from this address again and again: a carrier's or company's, not suspicious by itself.",
        "D5: carriers' shared addresses stand beside thieves' in any comparison.",
        "A thief may use the same carrier.";
    DeviceCustomers = "device.customers", Count, address::device_customers,
        "Other customers with accesses in good order from this device.",
        "okasan-2020; 2025.",
        "Families and offices share devices.";
    CustomerOnlyOwnDevices = "customer.only_own_devices", Flag, procedure::only_own_devices,
        "The customer asked that only devices they registered are let in (device.restrict, or the switch on the security page).",
        "2025: sessions and passwords were used from other machines; a customer's own switch stops that whatever else is known.",
        "Customers forget that they did, and buy a new telephone: the support centre takes it back.";
    DeviceNotRegistered = "device.not_registered", Flag, procedure::device_not_registered,
        "The device is none of those the customer registered, registered less than half a day ago without a passkey and never used before, or not told.",
        "As customer.only_own_devices.",
        "Nearly everybody who registered nothing. Identifiers of devices are the broker's: what a thief copies is not told from the device, unless a key of the device signs (docs/proof.md).";
    CustomerReportedHours = "customer.reported_within_h", Hours, procedure::reported,
        "Hours since the customer said that it was not them (customer.report). Says nothing once they were identified after that: a case.disposition whose reason begins with verified, or POST /v1/customers/{id}/unlock.",
        "sbi-2020; JSDA guideline 2025: the account is locked at once, and unlocked after a fresh check of identity.",
        "A customer who forgot what they asked for; somebody with the customer's session who locks them out.";
    FactorCopiedHours = "factor.copied_within_h", Hours, procedure::copied,
        "Hours since a factor of the customer, a passkey, looked like a copy: its counter went back (factor.copied). Says nothing once it was told to be gone.",
        "A passkey that was copied answers where its owner's does; Web Authentication, section 6.1.1.",
        "Security keys that count badly, or were reset. Synced passkeys have no counter: of their copies nothing is said.";
    ContactChangedHours = "contact.changed_within_h", Hours, procedure::contact_changed,
        "Hours since a contact was changed.",
        "D2: the mail address is changed first, so that notices go astray.",
        "People change several things at once after moving.";
    PasswordChangedHours = "password.changed_within_h", Hours, procedure::password_changed,
        "Hours since the password was changed or set anew.",
        "sbi-2020: ¥33.7m left after ID and password were changed.",
        "A forgotten password before a withdrawal.";
    FactorChangedHours = "factor.changed_within_h", Hours, procedure::factor_changed,
        "Hours since a factor was enrolled or removed.",
        "MAS 2024: 12 hours of cooling off for a new authenticator.",
        "A new telephone.";
    BankChangedHours = "bank.changed_within_h", Hours, procedure::bank_changed,
        "Hours since the withdrawal account was registered or changed.",
        "D2, D5.",
        "A first withdrawal just after opening the account.";
    BankHolderMismatch = "bank.holder_mismatch", Flag, procedure::holder_mismatch,
        "The bank account's holder is named otherwise than the customer, after normalising kana.",
        "D2: the names must be equal; the forged accounts show that this alone is not enough.",
        "Marriage, abbreviations of companies. Says nothing where either name is not known, or not in kana or Latin letters.";
    BankCustomers = "bank.customers", Count, procedure::bank_customers,
        "Other customers who named this bank account.",
        "Mules: several victims' money goes to one account.",
        "Married couples, companies.";
    BankListed = "bank.listed", Flag, procedure::bank_listed,
        "A bank told of this bank account (bank.notice) within 365 days.",
        "sbi-2020: banks found the accounts that were opened with forged papers; what one bank knows, the next victim's broker should.",
        "A notice about somebody who was robbed themselves. Says nothing of withdrawals that do not name the account.";
    BankVerification = "bank.verification", State, procedure::bank_verification,
        "How far the check of the bank account is that the broker makes through the bank, as the last event told that named the account: 1 failed, 2 asked and not answered, 3 confirmed. An event that names no account is about the one that was last registered or changed to.",
        "sbi-2020: money left for accounts that nobody had asked the banks about.",
        "A forged account is confirmed by its bank. Says nothing where no check was told (`bank_account.verification` of an event).";
    MatchChangeIp = "match.change_ip", Flag, procedure::match_change,
        "The withdrawal account was changed within 30 days from a place that was not the customer's own, address, network or device. A later change from home does not undo it. Says nothing where the customer had no past.",
        "D5: (a) of the daily comparison on every withdrawal and transfer.",
        "An account that was changed on a journey.";
    MatchWithdrawIp = "match.withdraw_ip", Flag, procedure::match_withdraw,
        "This withdrawal is asked for from the very address or device that changed the account, and neither is established for the customer.",
        "D5: (b), the one who changed the account asks for the money.",
        "The same journey.";
    MatchHistoryIp = "match.history_ip", Flag, procedure::match_history,
        "This withdrawal is asked for from an address, network or device that the customer's own past year establishes.",
        "D5: (c), what clears the honest.",
        "A thief in the family.";
    AmountUnusual = "amount.unusual", Flag, procedure::amount_unusual,
        "More than twice the largest amount ever, from the third withdrawal on.",
        "sbi-2020: four transfers of everything.",
        "Buying a house.";
    BalanceShare = "balance.share", Share, procedure::balance_share,
        "Share of the balance that leaves.",
        "MAS 2024: hold when more than half of a large balance leaves within a day.",
        "Closing an account.";
    Velocity = "velocity", Count, procedure::velocity,
        "Withdrawals and transfers in good order, this one too, half-life one day.",
        "sbi-2020: four transfers in a row.",
        "Customers who pay themselves in parts.";
    OrderLiquidationShare = "order.liquidation_share", Share, order::liquidation_share,
        "Share of the customer's holdings that this order and the sales before it sell, half-life three days.",
        "sbi-2020: whole portfolios were sold over days before the money left.",
        "Retirement, a house, a crash. Says nothing without the share that the broker tells.";
    OrderStrangerShare = "order.sold_by_strangers", Share, order::sold_by_strangers,
        "Share of the customer's holdings that this order and the sales before it sell that came from unfamiliar clients (client.unfamiliar), half-life three days.",
        "2025: everything held is sold within minutes, before one share is bought.",
        "Trading on a journey with a new telephone. Says nothing without the share that the broker tells, nor of orders from clients that are familiar.";
    OrderSoldLately = "order.sold_lately", Share, order::sold_lately,
        "Share of the customer's holdings that was sold before this order, half-life three days.",
        "2025: everything held is sold to buy one share.",
        "A portfolio that is rearranged. Says nothing of what was sold without the share that the broker tells.";
    OrderThinSymbol = "order.thin_symbol", Flag, order::thin_symbol,
        "A list names the symbol as thin, or the order is a twentieth and more of what is usually traded of it in a day.",
        "2025: hijacked accounts bought thin shares that the thieves held.",
        "Small companies have faithful holders. Says nothing without a list and without the day's turnover.";
    OrderFarFromNorm = "order.far_from_norm", Flag, order::far_from_norm,
        "More than three times the largest order ever, from the fourth on.",
        "2025: everything is put into one share.",
        "An inheritance. Amounts of different currencies are compared as numbers.";
    PaymentNewBeneficiary = "payment.new_beneficiary", Flag, order::new_beneficiary,
        "The broker itself paid nothing to this account until a week ago.",
        "Business e-mail compromise: the first payment goes to the thief's account.",
        "A new supplier; a supplier's new bank.";
    PaymentLookalikeDomain = "payment.lookalike_domain", Flag, order::lookalike,
        "The domain of whoever asks to be paid looks like one of the list of known domains and is not it: one letter, a digit for a letter, another script, another ending.",
        "Business e-mail compromise: invoices from domains registered the day before.",
        "Two honest companies with nearly one name. Says nothing without a list of known domains.";
    PaymentSecrecyUrgency = "payment.secrecy_urgency", Count, order::secrecy_urgency,
        "The request presses for haste (1), asks for secrecy (1), or both (2), by words of Japanese and English.",
        "Business e-mail compromise: a chief executive who cannot be called back.",
        "Month ends are hasty, mergers are secret. Who writes in other words is not seen.";
    PaymentSplit = "payment.split", Count, order::split,
        "The broker's own payments done to this account, this one too, half-life one day.",
        "Business e-mail compromise: an amount in parts below what needs a second signature.",
        "Suppliers with many invoices. Payments are counted when they are told as done, so that several asked about at once look like one.";
    LoginCampaign = "login.campaign", Flag, campaign::login_campaign,
        "The event comes from a stranger to its customer and has something in common with a campaign of stuffing or spraying that is on: address, network, client, provider or country. Only while strangers with that in common fail more than usual; of what did not fail only where two thirds of them fail. Says no at addresses that many long-standing customers share.",
        "okasan-2020: 208 accounts entered from 40 addresses within two days; Araña 2023.",
        "A customer with a new telephone in a hotel abroad while the attack comes from that country. See docs/adr/005-campaigns.md.";
    CustomerInCampaign = "customer.in_campaign", Flag, campaign::customer_in_campaign,
        "A campaign got into the customer's account within 60 days, also when that was noticed only later.",
        "sbi-2020: accounts were emptied days after the password was found, from other addresses.",
        "The login was the customer's own, see login.campaign. That the password was changed since is not looked at: a thief changes it, too.";
    UaJa4Cluster = "ua_ja4.cluster", Count, campaign::client_cluster,
        "Strangers who lately failed with this very user agent, language and TLS fingerprint, half-life one day; 0 where most strangers who use it do well.",
        "Credential stuffing: one program behind many addresses.",
        "Programs with the user agent of a popular browser are not told from it without a TLS fingerprint.";
    IpProcedureCustomers = "ip.procedure_customers", Count, campaign::ip_procedures,
        "Other customers whose changes and withdrawals came from this address, done or tried.",
        "sbi-2020: several accounts were emptied from a few addresses.",
        "Carriers and companies: see ip.shared_carrier. Families.";
    DeviceProcedureCustomers = "device.procedure_customers", Count, campaign::device_procedures,
        "Other customers whose changes and withdrawals came from this device, done or tried.",
        "Mules and their handlers.",
        "Families who share a computer.";
    BankCampaignCustomers = "bank.campaign_customers", Count, campaign::bank_entered,
        "Other customers who named this bank account and whom a campaign got into within 60 days, also when that was noticed only later.",
        "Mule destinations.",
        "As customer.in_campaign. Of more than 32 customers of one account nothing is said.";
    SymbolCluster = "symbol.cluster", Count, campaign::symbol_cluster,
        "Other customers who lately bought this symbol as strangers to their own accounts, or in a session that moved; half-life one day. 0 where they are less than a quarter of its buyers.",
        "2025: many hijacked accounts bought one thin share.",
        "Holidays on which a small issue is popular and bought from everywhere.";
    SymbolRush = "symbol.rush", Count, campaign::symbol_rush,
        "Other customers who lately bought this symbol, half-life one day; 0 unless they are more than usual.",
        "2025: many hijacked accounts bought one thin share within days, whatever their clients looked like.",
        "Good news of a company, a tip in a forum; a symbol of which nothing was usual yet. Of the last twelve customers nobody counts twice.";
    SoldDownCustomers = "sold_down.customers", Count, campaign::sold_down,
        "Other customers who lately sold, or tried to sell, three tenths and more of what they hold through unfamiliar clients (client.unfamiliar) or in a session that moved; half-life one day. Only where they are more than usual, and in the first week of all never.",
        "sbi-2020: eleven portfolios were sold down; 2025: hijacked accounts sell everything to buy one share.",
        "A crash on a holiday. Of the last twelve customers nobody counts twice. Says nothing without the share of the holdings that the broker tells.";
    ModelRisk = "model.risk", Score, by_policy,
        "Points of the model that the policy holds: its card's for this kind of event, added up over signals. 20 more are twice the odds of fraud, where sekisho lab train made it. Says nothing without a model.",
        "What is a little strange in many ways at once.",
        "It knows what it was trained on, and nothing else. Rules cannot hold or refuse on its word alone: docs/learning.md.";
}

/// Not computed from a view: the model is the policy's.
const fn by_policy(_: &View<'_>) -> Option<f64> {
    None
}

impl Signal {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.about().name
    }
}

/// A flag as a value.
const fn flag(yes: bool) -> Option<f64> {
    Some(if yes { 1.0 } else { 0.0 })
}
