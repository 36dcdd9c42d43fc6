//! What makes an honest event look strange, told beside it: whoever tries a method sees on whom it errs. Must not know methods.

/// Something that befell a customer, or a way they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Oddity {
    /// Away for some days, in a hotel or abroad.
    Travel,
    /// Behind a VPN or Tor.
    Veil,
    /// In a café or another strange place in town.
    Spot,
    /// With a device bought, or with an identifier lost, up to [`FRESH_DAYS`] days ago.
    NewDevice,
    /// With another identifier every time.
    ChangingDevice,
    /// Shows no identifier.
    NoDevice,
    /// On the family's tablet.
    FamilyTablet,
    /// The household moved up to [`FRESH_DAYS`] days ago.
    Move,
    /// At an office that is the customer's since up to [`FRESH_DAYS`] days.
    NewOffice,
    /// The provider gave other addresses up to [`FRESH_DAYS`] days ago.
    Renumbered,
    /// The address changed within the session: another gateway of the carrier.
    Hop,
    /// The telephone left the wireless network within the session.
    LeftWireless,
    /// A customer since up to [`FRESH_DAYS`] days.
    NewCustomer,
    /// The password was forgotten and set anew.
    ForgotPassword,
    /// Everything goes out: the customer leaves, buys a house, retires.
    TakesAll,
    /// Taxes are due.
    Taxes,
    /// A new issue that everybody wants is ordered.
    NewIssue,
    /// Something that hardly anybody trades is ordered.
    ThinSymbol,
    /// What the customer does after somebody robbed them: fails to come in, calls, is identified.
    Robbed,
}

/// For how many days something counts as new.
pub(super) const FRESH_DAYS: u64 = 30;

impl Oddity {
    const ALL: [Self; 19] = [
        Self::Travel,
        Self::Veil,
        Self::Spot,
        Self::NewDevice,
        Self::ChangingDevice,
        Self::NoDevice,
        Self::FamilyTablet,
        Self::Move,
        Self::NewOffice,
        Self::Renumbered,
        Self::Hop,
        Self::LeftWireless,
        Self::NewCustomer,
        Self::ForgotPassword,
        Self::TakesAll,
        Self::Taxes,
        Self::NewIssue,
        Self::ThinSymbol,
        Self::Robbed,
    ];

    /// Its word in files.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Travel => "travel",
            Self::Veil => "veil",
            Self::Spot => "spot",
            Self::NewDevice => "new_device",
            Self::ChangingDevice => "changing_device",
            Self::NoDevice => "no_device",
            Self::FamilyTablet => "family_tablet",
            Self::Move => "move",
            Self::NewOffice => "new_office",
            Self::Renumbered => "renumbered",
            Self::Hop => "hop",
            Self::LeftWireless => "left_wireless",
            Self::NewCustomer => "new_customer",
            Self::ForgotPassword => "forgot_password",
            Self::TakesAll => "takes_all",
            Self::Taxes => "taxes",
            Self::NewIssue => "new_issue",
            Self::ThinSymbol => "thin_symbol",
            Self::Robbed => "robbed",
        }
    }

    fn bit(self) -> u32 {
        let place = Self::ALL.iter().position(|other| *other == self);
        place.and_then(|place| u32::try_from(place).ok()).map_or(0, |place| 1 << place)
    }
}

/// Whether something that was new on day `from` is new on `day`.
pub(super) fn is_fresh(from: u64, day: u64) -> bool {
    day.checked_sub(from).is_some_and(|days| days <= FRESH_DAYS)
}

/// Those of one event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Oddities(u32);

impl Oddities {
    pub(super) fn add(&mut self, oddity: Oddity) {
        self.0 |= oddity.bit();
    }

    pub(super) fn add_if(&mut self, is: bool, oddity: Oddity) {
        if is {
            self.add(oddity);
        }
    }

    pub(super) const fn add_all(&mut self, others: Self) {
        self.0 |= others.0;
    }

    /// Their words.
    pub(super) fn words(self) -> impl Iterator<Item = &'static str> {
        let known = (0_u32..).zip(Oddity::ALL).filter(move |(place, _)| self.0 >> place & 1 == 1);
        known.map(|(_, oddity)| oddity.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{Oddities, Oddity, is_fresh};

    #[test]
    fn every_oddity_has_a_bit_and_a_word_of_its_own() {
        let mut all = Oddities::default();
        for oddity in Oddity::ALL {
            let mut one = Oddities::default();
            one.add(oddity);
            assert_eq!(one.words().collect::<Vec<_>>(), [oddity.as_str()]);
            assert!(!all.words().any(|word| word == oddity.as_str()));
            all.add_all(one);
        }
        assert_eq!(all.words().count(), Oddity::ALL.len());
    }

    #[test]
    fn what_is_new_stays_so_for_thirty_days() {
        assert_eq!([9, 10, 40, 41].map(|day| is_fresh(10, day)), [false, true, true, false]);
    }
}
