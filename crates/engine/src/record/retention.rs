//! How long is remembered what many share: addresses, networks, devices, user agents and bank accounts. Must not know what a
//! record holds.
//!
//! A record that no input named for [`RETENTION_DAYS`] counts as none: signals read nothing, and the next input that names it
//! begins it anew. So whoever stores it may drop it at any time after that, and no answer changes. It is the time at which
//! inputs arrived that counts, which only grows, and not the time of events, which a sender may tell years later.
//! Customers, profiles and documents are not forgotten so; of autonomous systems there are few.

use model::Time;
use model::time::DAY_US;
use serde::{Deserialize, Serialize};

/// Days after which a record that no input named counts as none.
pub const RETENTION_DAYS: u16 = 400;
/// A record that is read and not changed otherwise is noted as named when that was so many days ago. So one of these may be
/// forgotten so many days early.
const RENEWED_AFTER_DAYS: u16 = 30;

/// The day on which an input last named a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named(u16);

impl Named {
    /// At a time; by the number of its UTC day since 1970, up to 2149.
    #[must_use]
    pub fn at(time: Time) -> Self {
        Self(u16::try_from((time.as_us() / DAY_US).max(0)).unwrap_or(u16::MAX))
    }

    /// Whether it was so long ago that the record counts as none.
    #[must_use]
    pub fn is_spent(self, now: Time) -> bool {
        self.days_before(now) > RETENTION_DAYS
    }

    /// Whether it should be noted again.
    pub(crate) fn is_stale(self, now: Time) -> bool {
        self.days_before(now) >= RENEWED_AFTER_DAYS
    }

    fn days_before(self, now: Time) -> u16 {
        Self::at(now).0.saturating_sub(self.0)
    }
}

/// A record that is forgotten when nobody named it for long.
pub(crate) trait Forgotten: Default {
    /// When it was last named.
    fn named(&self) -> Named;

    /// The same, to change.
    fn named_mut(&mut self) -> &mut Named;

    /// Notes that an input names it: it is begun anew if it counts as none.
    fn name(&mut self, now: Time) {
        if self.named().is_spent(now) {
            *self = Self::default();
        }
        *self.named_mut() = Named::at(now);
    }
}

/// Whether something is remembered of a record.
pub(crate) fn remembered<R: Forgotten>(record: &R, now: Time) -> bool {
    !record.named().is_spent(now)
}

macro_rules! forgotten {
    ($($record:ty),*) => {
        $(impl Forgotten for $record {
            fn named(&self) -> Named {
                self.named
            }

            fn named_mut(&mut self) -> &mut Named {
                &mut self.named
            }
        })*
    };
}

forgotten!(super::Ip, super::Network, super::Device, super::AgentUse, super::Account);

#[cfg(test)]
mod tests {
    use model::Time;
    use model::time::DAY_US;

    use super::{Forgotten as _, Named};
    use crate::record::Account;

    #[test]
    fn what_nobody_named_for_long_counts_as_none() {
        let day = |days: i64| Time::from_us(days * DAY_US + 5).unwrap();
        let named = Named::at(day(20_000));
        for (now, spent, stale) in [
            (19_000, false, false),
            (20_029, false, false),
            (20_030, false, true),
            (20_400, false, true),
            (20_401, true, true),
        ] {
            assert_eq!((named.is_spent(day(now)), named.is_stale(day(now))), (spent, stale), "{now}");
        }
        let mut account = Account { first_us: 7, named, ..Account::default() };
        account.name(day(20_400));
        assert_eq!((account.first_us, account.named), (7, Named::at(day(20_400))));
        account.name(day(20_801));
        assert_eq!(account, Account { named: Named::at(day(20_801)), ..Account::default() });
    }
}
